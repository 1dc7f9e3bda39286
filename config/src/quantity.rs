//! Numbers as Kubernetes writes them: `100m`, `0.5`, `1k`, `64Mi`, `12e6`.

/// What `text` stands for, if it is a quantity of Kubernetes.
pub fn parse(text: &str) -> Option<f64> {
    let digits = text.trim_start_matches(['+', '-']);
    if text.len() - digits.len() > 1 {
        return None;
    }
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    let value = match scale(suffix)? {
        // Read together, for a power of ten has no exact product in binary.
        Scale::Ten(exponent) => format!("{number}e{exponent}").parse().ok()?,
        Scale::Two(exponent) => number.parse::<f64>().ok()? * 2_f64.powi(exponent),
    };
    value.is_finite().then_some(if text.starts_with('-') { -value } else { value })
}

/// A power of ten or of two.
enum Scale {
    Ten(i32),
    Two(i32),
}

fn scale(suffix: &str) -> Option<Scale> {
    const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let place = |all: &[&str]| all.iter().position(|known| *known == suffix).map(|place| place as i32);
    if let Some(place) = place(&DECIMAL) {
        return Some(Scale::Ten(3 * (place - 3)));
    }
    if let Some(place) = place(&BINARY) {
        return Some(Scale::Two(10 * (place + 1)));
    }
    suffix.strip_prefix(['e', 'E'])?.parse().ok().map(Scale::Ten)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_kubernetes_reads_is_read() {
        for (text, value) in [
            ("0", 0.0),
            ("0.5", 0.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("50m", 0.05),
            ("-1k", -1000.0),
            ("+2Ki", 2048.0),
            ("12e6", 12e6),
            ("12E-1", 1.2),
            ("3E", 3e18),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_kubernetes_refuses_is_refused() {
        for text in ["", ".", "m", "--1", "1kk", "1K", "1e", "NaN", "inf", "1 m", "1.2.3", "0x1", "1e999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,16}") {
            prop_assert!(parse(&text).is_none_or(f64::is_finite));
        }

        #[test]
        fn numbers_read_back(number in -1e12_f64..1e12) {
            prop_assert_eq!(parse(&number.to_string()), Some(number));
        }
    }
}
