//! What one look at a source says.

use super::metadata::Nulls;

/// The answer to one look at a source. Three different things: only a value may lower anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// A number.
    Value {
        /// What is compared with the target, in the trigger's own unit; finite and not negative.
        metric: f64,
        /// Whether it is enough to leave zero, or to stay.
        active: bool,
    },
    /// The source answered, but not with a number: no series, a null, NaN, infinity. It changes nothing: it neither
    /// lowers, nor counts as a failure, nor ends a run of failures.
    NoData,
    /// The source did not answer, or not so that it could be understood: what went wrong, for people.
    Failed(String),
}

impl Reading {
    /// A number that activates above `activation`, strictly. NaN and infinities are no data; a negative number is
    /// nothing, but activates by what it is.
    pub fn above(value: f64, activation: f64) -> Reading {
        if !value.is_finite() {
            return Reading::NoData;
        }
        Reading::Value { metric: value.max(0.0), active: value > activation }
    }

    /// A failure.
    pub fn failed(what: impl Into<String>) -> Reading {
        Reading::Failed(what.into())
    }
}

impl Nulls {
    /// The reading of an answer that says `what` instead of a number.
    pub(crate) fn reading(self, what: &str, activation: f64) -> Reading {
        match self {
            Nulls::NoData => Reading::NoData,
            Nulls::Zero => Reading::above(0.0, activation),
            Nulls::Failure => Reading::failed(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_no_data_and_what_is_negative_is_nothing() {
        for lie in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Reading::above(lie, 0.0), Reading::NoData);
        }
        assert_eq!(Reading::above(-3.0, 0.0), Reading::Value { metric: 0.0, active: false });
        assert_eq!(Reading::above(-3.0, -4.0), Reading::Value { metric: 0.0, active: true });
    }

    #[test]
    fn activation_is_strict() {
        assert_eq!(Reading::above(5.0, 5.0), Reading::Value { metric: 5.0, active: false });
    }
}
