//! Values of flags.

use std::time::Duration;

use config::duration::GoDuration;

/// Reads a duration as Go writes it (`300ms`, `1.5h`) that is not negative.
///
/// # Errors
/// What is wrong with it, for people.
pub fn duration(text: &str) -> Result<Duration, String> {
    let read: GoDuration = text.parse().map_err(|error| format!("{text:?} {error}"))?;
    read.to_std().ok_or_else(|| format!("{text:?} is negative"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_go_writes_it_and_none_is_negative() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("-1s").unwrap_err(), "\"-1s\" is negative");
        assert!(duration("soon").unwrap_err().starts_with("\"soon\" is not a duration"));
    }
}
