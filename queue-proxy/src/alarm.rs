//! When a report cannot wait for the next second.

/// Goes off when more requests are open than the autoscaler's watermark says. Once a report has said how many there
/// are it goes off only at twice that (or at a new watermark), so that a burst of n requests costs log₂ n reports, not n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    watermark: u32,
    /// More than this is due at once.
    at: u32,
}

impl Default for Alarm {
    /// One that never goes off: nobody has set a watermark yet.
    fn default() -> Alarm {
        Alarm { watermark: u32::MAX, at: u32::MAX }
    }
}

impl Alarm {
    /// Whether so many open requests are too many to wait for the next second.
    #[inline]
    pub fn is_due(&self, open: u32) -> bool {
        open > self.at
    }

    /// Sets how many are not too many. The watermark that it has already changes nothing.
    pub fn set_watermark(&mut self, watermark: u32) {
        if watermark != self.watermark {
            *self = Alarm { watermark, at: watermark };
        }
    }

    /// A report said that `open` requests are open.
    pub fn told(&mut self, open: u32) {
        self.at = if open > self.watermark { open.saturating_mul(2) } else { self.watermark };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_off_above_the_watermark_and_then_at_twice_what_was_told() {
        let mut alarm = Alarm::default();
        assert!(!alarm.is_due(u32::MAX), "nobody asked for it");
        alarm.set_watermark(10);
        assert!(!alarm.is_due(10));
        assert!(alarm.is_due(11));
        alarm.told(11);
        assert!(!alarm.is_due(22));
        assert!(alarm.is_due(23));
        alarm.set_watermark(10);
        assert!(!alarm.is_due(22), "the same watermark again is no news");
        alarm.told(3);
        assert!(alarm.is_due(11), "the burst is over: the next one counts from the watermark");
        alarm.told(20);
        alarm.set_watermark(15);
        assert!(alarm.is_due(16), "a new watermark is an alarm of its own");
    }
}
