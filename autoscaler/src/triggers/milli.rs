//! Thousandths: the unit in which Kubernetes compares metrics with targets.

/// A metric or target in thousandths; never negative. What is too large for it is the largest there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milli(u64);

impl Milli {
    /// Nothing.
    pub const ZERO: Milli = Milli(0);

    /// `value` rounded to three digits as KEDA prints it (`%.3f`: to the nearest, a tie to the even digit). What is no
    /// number, infinite or negative is nothing, as in KEDA; whether it may count at all is a [`Reading`]'s affair.
    ///
    /// [`Reading`]: super::Reading
    pub fn rounded(value: f64) -> Milli {
        if !value.is_finite() || value <= 0.0 {
            return Milli::ZERO;
        }
        // Only printing rounds by what the binary number is exactly; × 1,000 would round twice.
        let digits: String = format!("{value:.3}").chars().filter(char::is_ascii_digit).collect();
        Milli(digits.parse().unwrap_or(u64::MAX))
    }

    /// `value` with what follows the third digit cut off: KEDA's way with composite metrics and fallbacks.
    pub fn truncated(value: f64) -> Milli {
        Milli((value * 1e3) as u64)
    }

    /// A target: cut off, but at least one thousandth, so that it divides.
    pub fn target(value: f64) -> Milli {
        Milli(Milli::truncated(value).0.max(1))
    }

    /// That many thousandths.
    pub const fn from_thousandths(thousandths: u64) -> Milli {
        Milli(thousandths)
    }

    /// In thousandths.
    pub const fn thousandths(self) -> u64 {
        self.0
    }

    /// As a plain number.
    pub fn value(self) -> f64 {
        self.0 as f64 / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_values_are_the_largest_or_nothing() {
        assert_eq!(Milli::rounded(1e300).thousandths(), u64::MAX);
        assert_eq!(Milli::truncated(f64::INFINITY).thousandths(), u64::MAX);
        for nothing in [f64::NAN, f64::NEG_INFINITY, -1e300, -0.0] {
            assert_eq!((Milli::rounded(nothing), Milli::truncated(nothing)), (Milli::ZERO, Milli::ZERO));
        }
    }

    #[test]
    fn a_target_is_never_zero() {
        assert_eq!(Milli::target(1e-9).thousandths(), 1);
    }
}
