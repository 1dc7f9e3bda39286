//! One parameter as a user wrote it, by KEDA's rules. An error is the rest of a sentence that begins with the value.

use std::time::Duration;

use config::{GoDuration, number};

/// What is wrong with a value and what is allowed.
pub(super) type Refused = String;

/// A whole number, as JSON has it: no `010`, no `10.0`, no `1e3`.
///
/// # Errors
/// It is not one.
pub fn whole(text: &str) -> Result<i64, Refused> {
    serde_json::from_str(text).map_err(|_| "is not a whole number".to_owned())
}

/// A number, as JSON has it: no `.5`, no `NaN`.
///
/// # Errors
/// It is not one.
pub fn float(text: &str) -> Result<f64, Refused> {
    // Serde's own numbers may be off by the last bit.
    let is_number = serde_json::from_str::<f64>(text).is_ok();
    let value = text.trim().parse().ok().filter(|_| is_number);
    value.ok_or_else(|| "is not a number: write it as in 10, 0.5 or 1e3".to_owned())
}

/// A switch: `true`, `T`, `1` and the like; not `yes`.
///
/// # Errors
/// It is neither true nor false.
pub fn switch(text: &str) -> Result<bool, Refused> {
    number::boolean(text).ok_or_else(|| "is neither true nor false".to_owned())
}

/// A duration as Go writes it, or a whole number of milliseconds; not negative.
///
/// # Errors
/// It is neither.
pub fn duration(text: &str) -> Result<Duration, Refused> {
    let refused = || "is not a duration: write 3s or 500ms, or a number of milliseconds".to_owned();
    if let Ok(milliseconds) = text.parse::<i64>() {
        return u64::try_from(milliseconds).map(Duration::from_millis).map_err(|_| refused());
    }
    text.parse::<GoDuration>().ok().and_then(GoDuration::to_std).ok_or_else(refused)
}

/// `name=value` pairs with commas between them, in order.
///
/// # Errors
/// A part is no pair.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, Refused> {
    text.split(',')
        .enumerate()
        .map(|(n, part)| match part.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() && !value.contains('=') => {
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            }
            // The part may be a secret: it is not shown.
            _ => Err(format!("is not a list of pairs: part {} is none; write name=value,name=value", n + 1)),
        })
        .collect()
}

/// Texts with `separator` between them; empty ones are left out.
pub fn list(text: &str, separator: char) -> Vec<String> {
    text.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// `host:port`.
///
/// # Errors
/// It is not that.
pub(super) fn address(text: &str) -> Result<String, Refused> {
    let is_address = |(host, port): (&str, &str)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_address = text.rsplit_once(':').is_some_and(is_address);
    if is_address { Ok(text.to_owned()) } else { Err("is not an address: write host:port".to_owned()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_are_trimmed_and_in_order() {
        let read = pairs(" a = 1 ,b=,c = x y").unwrap();
        let read: Vec<(&str, &str)> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("a", "1"), ("b", ""), ("c", "x y")]);
    }

    #[test]
    fn a_part_that_is_no_pair_is_numbered_and_not_shown() {
        for text in ["a=1,hunter2", "a=1,=2", "a=1,b=2=3", "a=1,"] {
            let refused = "is not a list of pairs: part 2 is none; write name=value,name=value";
            assert_eq!(pairs(text), Err(refused.to_owned()), "{text}");
        }
    }

    #[test]
    fn addresses_have_a_port() {
        for text in ["redis:6379", "10.0.0.1:1", "[::1]:6379"] {
            assert_eq!(address(text), Ok(text.to_owned()));
        }
        for text in ["redis", ":6379", "redis:", "redis:0", "redis:65536", "redis:http"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_reader(text in "\\PC{0,24}") {
            prop_assert!(whole(&text).is_err() || float(&text).is_ok());
            prop_assert!(float(&text).is_err() || float(&text).is_ok_and(f64::is_finite));
            prop_assert!(pairs(&text).is_err() || text.contains('='));
            prop_assert!(address(&text).is_err() || text.contains(':'));
            prop_assert!(duration(&text).is_err() || text.contains(|c: char| c.is_ascii_digit()));
            prop_assert!(list(&text, ',').iter().all(|part| !part.is_empty()));
        }

        #[test]
        fn what_is_printed_reads_back(n: i64, x in proptest::num::f64::NORMAL, pair in ("[a-z]{1,8}", "[a-z]{0,8}")) {
            prop_assert_eq!(whole(&n.to_string()), Ok(n));
            prop_assert_eq!(float(&format!("{x:e}")), Ok(x));
            prop_assert_eq!(pairs(&format!("{}={}", pair.0, pair.1)), Ok(vec![pair]));
        }

        #[test]
        fn durations_read_back(milliseconds in 0..1_000_000_u64) {
            let expected = Duration::from_millis(milliseconds);
            prop_assert_eq!(duration(&milliseconds.to_string()), Ok(expected));
            prop_assert_eq!(duration(&GoDuration::from(expected).to_string()), Ok(expected));
        }
    }
}
