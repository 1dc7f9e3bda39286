//! External scalers (`externalscaler.ExternalScaler` over gRPC): a number whole or broken, and a word about activity.

use crate::triggers::Reading;

/// A number that the protocol carries twice: the broken one counts where it is above zero.
pub fn number(whole: i64, broken: f64) -> f64 {
    if broken > 0.0 { broken } else { whole as f64 }
}

/// What `GetMetrics` and `IsActive` say together. The server alone decides about activity.
pub fn answered(metric: f64, active: bool) -> Reading {
    if metric.is_finite() { Reading::Value { metric: metric.max(0.0), active } } else { Reading::NoData }
}

/// What one frame of `StreamIsActive` calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// The workload wakes at once.
    Wake,
    /// Nothing: only polls let it fall asleep.
    Nothing,
}

/// What a frame with that result calls for.
pub fn pushed(result: bool) -> Push {
    if result { Push::Wake } else { Push::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_number_above_zero_wins() {
        assert_eq!((number(3, 0.5), number(3, 0.0), number(3, f64::NAN)), (0.5, 3.0, 3.0));
        assert_eq!(answered(f64::NAN, true), Reading::NoData);
    }
}
