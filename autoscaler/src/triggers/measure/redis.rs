//! Redis: how long a key is, by its type, and how far a stream's consumers are behind.

use crate::triggers::Reading;

/// How the length of a key of a type (as `TYPE` names it) is asked for. A key that does not exist is an empty list.
///
/// # Errors
/// A type that has no length, for people.
pub fn length_command(kind: &str) -> Result<&'static str, String> {
    match kind {
        "list" | "none" => Ok("LLEN"),
        "set" => Ok("SCARD"),
        "zset" => Ok("ZCARD"),
        "hash" => Ok("HLEN"),
        other => Err(format!("listName: the key is a {other}, which has no length: list, set, zset and hash do")),
    }
}

/// A length of a list or a stream, a number of pending entries; active above `activation`. None: the server said
/// nothing, as it does of the lag of a group whose position it does not know.
pub fn count(length: Option<i64>, activation: i64) -> Reading {
    match length {
        Some(length) => Reading::above(length as f64, activation as f64),
        None => Reading::NoData,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_without_a_length_is_named() {
        assert!(length_command("string").unwrap_err().contains("the key is a string"));
    }

    #[test]
    fn a_lag_that_the_server_does_not_know_is_no_data() {
        assert_eq!(count(None, 0), Reading::NoData);
    }
}
