//! What a Lease says, and what follows from it. No I/O; time is what the caller says.

use std::time::Duration;

use config::{Time, bounds};
use k8s_openapi::api::coordination::v1::Lease as Record;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::times::LeaseTimes;
use crate::kubernetes::names;

/// How long a Lease lasts that its holder has given up: others need not wait, and it must say something.
const RELEASED: i32 = 1;

/// What was last seen of the Lease.
///
/// Clocks of machines are never compared: the Lease is free when it was not renewed, whatever time the renewals say, for
/// its duration by our own clock.
#[derive(Debug, Default)]
pub(super) struct Seen {
    record: Option<Record>,
    /// From when on it may be taken; none before anything was seen.
    free_at: Option<Instant>,
}

impl Seen {
    /// The Lease was `record` at `now`; none if there was none.
    pub(super) fn see(&mut self, record: Option<Record>, now: Instant) {
        let left = match (&self.record, &record) {
            (Some(before), Some(record)) if renewal(before) == renewal(record) => None,
            // One that somebody deleted has a holder all the same, who may have renewed it just before. Nothing of what
            // was keeps two from making it anew.
            (Some(record), None) | (_, Some(record)) => Some(time_left(record)),
            (None, None) => self.free_at.is_none().then_some(Duration::ZERO),
        };
        self.free_at = left.map(|left| now + left).or(self.free_at);
        self.record = record;
    }

    pub(super) fn free_at(&self) -> Option<Instant> {
        self.free_at
    }

    /// Who has it, by what it says.
    pub(super) fn holder(&self) -> &str {
        self.record.as_ref().map_or("", holder)
    }

    /// The Lease as it is when `identity` takes it: what was seen, held by somebody else.
    pub(super) fn taken(&self, identity: &str, times: &LeaseTimes, now: Time) -> Record {
        let mut record = self.record.clone().unwrap_or_else(blank);
        let changes_hands = holder(&record) != identity;
        let spec = record.spec.get_or_insert_default();
        let transitions = spec.lease_transitions.unwrap_or_default();
        spec.lease_transitions = Some(transitions.saturating_add(changes_hands.into()));
        spec.holder_identity = Some(identity.to_owned());
        spec.lease_duration_seconds = Some(times.seconds());
        spec.acquire_time = Some(micro_time(now));
        spec.renew_time = Some(micro_time(now));
        record
    }
}

/// Who has the Lease; empty if nobody.
pub(super) fn holder(record: &Record) -> &str {
    record.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}

/// The Lease as its holder renews it.
pub(super) fn renewed(record: &Record, now: Time) -> Record {
    let mut record = record.clone();
    record.spec.get_or_insert_default().renew_time = Some(micro_time(now));
    record
}

/// The Lease as its holder gives it up.
pub(super) fn released(record: &Record, now: Time) -> Record {
    let mut record = renewed(record, now);
    let spec = record.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.lease_duration_seconds = Some(RELEASED);
    spec.acquire_time = spec.renew_time.clone();
    record
}

/// The same Lease for an apiserver that has none: not an object that there was.
pub(super) fn made_anew(record: &Record) -> Record {
    Record { spec: record.spec.clone(), ..blank() }
}

fn blank() -> Record {
    let metadata = ObjectMeta { name: Some(names::LEASE.to_owned()), ..ObjectMeta::default() };
    Record { metadata, spec: None }
}

/// What is different after each renewal.
fn renewal(record: &Record) -> Option<(Option<&str>, Option<&MicroTime>, Option<i32>)> {
    let spec = record.spec.as_ref()?;
    Some((spec.holder_identity.as_deref(), spec.renew_time.as_ref(), spec.lease_transitions))
}

/// How long the Lease lasts that was just renewed.
fn time_left(record: &Record) -> Duration {
    let seconds = record.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or_default();
    let promised = Duration::from_secs(seconds.max(0).unsigned_abs().into());
    if holder(record).is_empty() { Duration::ZERO } else { promised.min(*bounds::LEASE_DURATIONS.end()) }
}

fn micro_time(time: Time) -> MicroTime {
    let micros = i64::try_from(time.as_nanos() / 1_000).unwrap_or(i64::MAX);
    // Year 9999 is the last that can be said.
    MicroTime(Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Time {
        Time::from_nanos(second * 1_000_000_000)
    }

    /// What is seen of a Lease that `holder` renewed in this second of its own clock.
    fn held(identity: &str, second: u64) -> Record {
        let taken = Seen::default().taken(identity, &LeaseTimes::default(), at(0));
        renewed(&taken, at(second))
    }

    #[test]
    fn it_is_free_when_it_was_not_renewed_for_its_duration_by_our_own_clock() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(seen.free_at(), None, "nothing is known yet");
        seen.see(Some(held("a", 1_000_000)), start);
        assert_eq!(seen.free_at(), Some(after(15)));
        seen.see(Some(held("a", 1_000_000)), after(9));
        assert_eq!(seen.free_at(), Some(after(15)), "that is no renewal");
        seen.see(Some(held("a", 999_000)), after(10));
        assert_eq!(seen.free_at(), Some(after(25)), "a clock that was set back renews too");
        seen.see(None, after(12));
        assert_eq!(seen.free_at(), Some(after(27)), "who deletes it does not end its holder");
        seen.see(None, after(13));
        assert_eq!(seen.free_at(), Some(after(27)));
    }

    #[test]
    fn one_that_was_given_up_or_never_was_is_free_at_once() {
        let now = Instant::now();
        let free_at = |record| {
            let mut seen = Seen::default();
            seen.see(record, now);
            seen.free_at()
        };
        assert_eq!(free_at(None), Some(now));
        assert_eq!(free_at(Some(blank())), Some(now));
        assert_eq!(free_at(Some(released(&held("a", 7), at(8)))), Some(now));
    }

    #[test]
    fn a_duration_that_somebody_else_wrote_is_believed_within_bounds() {
        let (now, mut seen) = (Instant::now(), Seen::default());
        for (seconds, expected) in [(Some(60), 60), (Some(i32::MAX), 600), (Some(-5), 0), (None, 0)] {
            let mut record = held("a", 7);
            record.spec.as_mut().unwrap().lease_duration_seconds = seconds;
            seen.see(None, now);
            seen.see(Some(record), now);
            assert_eq!(seen.free_at(), Some(now + Duration::from_secs(expected)), "{seconds:?}");
        }
    }

    #[test]
    fn taking_counts_changes_of_hands_and_keeps_what_is_not_ours() {
        let mut seen = Seen::default();
        let mut record = held("a", 7);
        record.metadata.resource_version = Some("41".to_owned());
        record.metadata.labels = Some([("app".to_owned(), "rouse".to_owned())].into());
        seen.see(Some(record), Instant::now());
        let taken = seen.taken("b", &LeaseTimes::default(), at(1_750_000_000));
        let said = serde_json::to_value(&taken).unwrap();
        let expected = serde_json::json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": "rouse-autoscaler", "resourceVersion": "41", "labels": { "app": "rouse" } },
            "spec": {
                "holderIdentity": "b",
                "leaseDurationSeconds": 15,
                "leaseTransitions": 2,
                "acquireTime": "2025-06-15T15:06:40.000000Z",
                "renewTime": "2025-06-15T15:06:40.000000Z",
            },
        });
        assert_eq!(said, expected);
        assert_eq!(seen.taken("a", &LeaseTimes::default(), at(9)).spec.unwrap().lease_transitions, Some(1));
        let given_up = released(&taken, at(1_750_000_001)).spec.unwrap();
        assert_eq!((given_up.holder_identity.as_deref(), given_up.lease_duration_seconds), (Some(""), Some(1)));
        assert_eq!(given_up.lease_transitions, Some(2));
    }
}
