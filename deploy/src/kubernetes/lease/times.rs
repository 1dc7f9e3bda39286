//! How long a Lease lasts.

use std::str::FromStr;
use std::time::Duration;

use config::bounds;

use crate::flag;

/// The durations of a Lease, in the ratios of Kubernetes' own controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long others wait after the last renewal that they saw before they take it.
    pub duration: Duration,
    /// How long its holder tries to renew it before it takes it for lost; less than the duration, so that two never have
    /// it.
    pub renew_deadline: Duration,
    /// How often its holder renews it.
    pub retry: Duration,
}

impl LeaseTimes {
    /// Those of a Lease of this duration: two thirds of it to renew it, every two fifteenths.
    ///
    /// # Errors
    /// When the duration is not in whole seconds, or not within [`bounds::LEASE_DURATIONS`]; for people.
    pub fn of(duration: Duration) -> Result<LeaseTimes, String> {
        let (least, most) = bounds::LEASE_DURATIONS.into_inner();
        if duration.subsec_nanos() != 0 || duration < least || duration > most {
            return Err(format!("must be whole seconds, from {}s to {}s", least.as_secs(), most.as_secs()));
        }
        Ok(LeaseTimes { duration, renew_deadline: duration * 2 / 3, retry: duration * 2 / 15 })
    }

    /// How long one request may take: the holder can try again before the deadline.
    pub(super) fn request(&self) -> Duration {
        self.renew_deadline / 2
    }

    /// The duration, as a Lease says it.
    pub(super) fn seconds(&self) -> i32 {
        // Within the bounds.
        self.duration.as_secs() as i32
    }
}

impl Default for LeaseTimes {
    fn default() -> LeaseTimes {
        LeaseTimes::of(bounds::LEASE_DURATION).expect("it is within its bounds")
    }
}

/// From a flag's value: a duration as Go writes it.
impl FromStr for LeaseTimes {
    type Err = String;

    fn from_str(text: &str) -> Result<LeaseTimes, String> {
        LeaseTimes::of(flag::duration(text)?).map_err(|why| format!("{text:?} {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_follows_from_the_duration() {
        let LeaseTimes { duration, renew_deadline, retry } = LeaseTimes::default();
        assert_eq!([duration, renew_deadline, retry].map(|time| time.as_secs()), [15, 10, 2]);
        let short: LeaseTimes = "3s".parse().unwrap();
        assert_eq!((short.renew_deadline, short.retry), (Duration::from_secs(2), Duration::from_millis(400)));
    }

    #[test]
    fn a_lease_says_whole_seconds() {
        let refused = |text: &str| text.parse::<LeaseTimes>().unwrap_err();
        assert_eq!(refused("1500ms"), "\"1500ms\" must be whole seconds, from 1s to 600s");
        assert_eq!(refused("0s"), "\"0s\" must be whole seconds, from 1s to 600s");
        assert!(refused("1h").starts_with("\"1h\" must be"));
        assert!(refused("long").contains("is not a duration"));
    }
}
