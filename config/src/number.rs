//! Numbers and switches as Go's `strconv` reads them, for that is what Knative's users write by.

/// Reads a whole number in base ten, with an optional sign: `3`, `+3`, `-1`.
pub fn whole(text: &str) -> Option<i64> {
    // Rust and Go agree here: no spaces, no underscores, a sign needs digits.
    text.parse().ok()
}

/// Reads a floating-point number: `1.5`, `.5`, `1e3`, `Inf`, `NaN`.
///
/// Two departures from Go: no hexadecimal form, and so no underscores (Go allows them only there).
pub fn float(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    let digits = text.trim_start_matches(['+', '-']);
    let in_words = digits.starts_with(|c: char| c.is_ascii_alphabetic());
    // Go calls a number too large for 64 bits an error, and has no sign for NaN.
    let too_large = value.is_infinite() && !in_words;
    let signed_nan = value.is_nan() && digits.len() != text.len();
    (!too_large && !signed_nan).then_some(value)
}

/// Reads a switch: `1`, `t`, `T`, `true`, `True`, `TRUE` and the like for false.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_read_as_in_go() {
        for (text, value) in [("3", 3), ("+3", 3), ("-1", -1), ("-0", 0), ("007", 7), ("2147483648", 2_147_483_648)] {
            assert_eq!(whole(text), Some(value), "{text}");
        }
        for text in ["", "+", "1.5", "0x1", "1_000", " 1", "9223372036854775808", "foo", "1e3"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn floats_read_as_in_go() {
        for (text, value) in
            [("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-1.0", -1.0), ("+0.01", 0.01), ("1E-2", 0.01)]
        {
            assert_eq!(float(text), Some(value), "{text}");
        }
        assert_eq!(float("Inf"), Some(f64::INFINITY));
        assert_eq!(float("-infinity"), Some(f64::NEG_INFINITY));
        assert!(float("NaN").is_some_and(f64::is_nan));
        for text in ["", ".", "fifty", "+NaN", "1e400", "1 ", "1,5", "1_0"] {
            assert_eq!(float(text), None, "{text}");
        }
    }

    #[test]
    fn switches_read_as_in_go() {
        for text in ["1", "t", "T", "true", "True", "TRUE"] {
            assert_eq!(boolean(text), Some(true));
        }
        for text in ["0", "f", "F", "false", "False", "FALSE"] {
            assert_eq!(boolean(text), Some(false));
        }
        for text in ["", "yes", "on", "tRUE", "2"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back_as_they_were_printed(n: i64, x in proptest::num::f64::NORMAL) {
            prop_assert_eq!(whole(&n.to_string()), Some(n));
            prop_assert_eq!(float(&x.to_string()), Some(x));
            prop_assert_eq!(float(&format!("{x:e}")), Some(x));
        }
    }
}
