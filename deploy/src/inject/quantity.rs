//! Kubernetes' quantities: `100m`, `0.5`, `64Mi`, `1e3`.

use std::fmt;
use std::str::FromStr;

use config::quantity;

/// An amount of something, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    text: String,
    value: f64,
}

/// Why a text is no quantity: the rest of a sentence that begins with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a quantity: write it as Kubernetes does, 100m, 0.5 or 64Mi")]
pub struct NotAQuantity;

impl Quantity {
    /// So many thousandths of a processor, rounded up.
    pub(super) fn of_cores(cores: f64) -> Quantity {
        let thousandths = (cores * 1e3 - 1e-6).ceil(); // 0.08 is 80m, whatever the last bit says
        Quantity { text: format!("{thousandths:.0}m"), value: thousandths / 1e3 }
    }

    /// So many bytes, rounded up.
    pub(super) fn of_bytes(bytes: f64) -> Quantity {
        Quantity { text: format!("{:.0}", bytes.ceil()), value: bytes.ceil() }
    }

    /// The amount, in processors or bytes; near enough to compare.
    pub fn value(&self) -> f64 {
        self.value
    }
}

impl FromStr for Quantity {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Quantity, NotAQuantity> {
        let value = quantity::parse(text).filter(|_| !text.starts_with(['+', '-'])).ok_or(NotAQuantity)?;
        Ok(Quantity { text: text.to_owned(), value })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_writes_is_understood() {
        let near = |text: &str, value: f64| {
            let read: Quantity = text.parse().unwrap();
            assert!((read.value() - value).abs() <= value * 1e-9, "{text} is {}, not {value}", read.value());
            assert_eq!(read.to_string(), text);
        };
        near("100m", 0.1);
        near("0.5", 0.5);
        near(".5", 0.5);
        near("64Mi", 64.0 * 1024.0 * 1024.0);
        near("2k", 2000.0);
        near("1E", 1e18);
        near("1E3", 1e3);
        near("12e-1", 1.2);
        near("0", 0.0);
    }

    #[test]
    fn what_it_does_not_write_is_not() {
        for text in ["", "m", "-1", "+1", "1 Mi", "64MB", "1.2.3", "inf", "nan", "1e", "1e999", "½"] {
            assert_eq!(text.parse::<Quantity>(), Err(NotAQuantity), "{text:?}");
        }
    }

    #[test]
    fn what_we_write_kubernetes_understands() {
        assert_eq!(Quantity::of_cores(0.0251).to_string(), "26m");
        assert_eq!(Quantity::of_bytes(1e6).to_string().parse::<Quantity>().unwrap().value(), 1e6);
    }
}
