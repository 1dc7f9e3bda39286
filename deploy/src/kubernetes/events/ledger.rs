//! Which events there are, how often each was told, and which may be written when. No I/O, no clock.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use config::{Time, bounds};

use crate::kubernetes::told::{ObjectRef, Tone};

/// One event, as it is to be written now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) object: ObjectRef,
    pub(super) tone: Tone,
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// The event's own name.
    pub(super) name: String,
    pub(super) count: u32,
    pub(super) first: Time,
    pub(super) last: Time,
    /// It is there; only its count and its last time are new.
    pub(super) is_written: bool,
}

/// What makes two things told one event.
type Key = (ObjectRef, &'static str, String);

/// All events of late.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    lines: HashMap<Key, Kept>,
    /// Those that are to be written, the first first.
    due: VecDeque<(Time, Key)>,
    /// How much of each object was written of late; one of which nothing was is not here.
    objects: HashMap<ObjectRef, Spent>,
    all: Spent,
}

#[derive(Debug)]
struct Kept {
    line: Line,
    /// It is in [`Ledger::due`].
    is_due: bool,
    /// When it was written last.
    written: Time,
}

/// A token bucket, by the time at which it will be full again.
#[derive(Clone, Copy, Debug, Default)]
struct Spent(Time);

impl Spent {
    /// Takes one of `burst`, of which another comes each `every`, if there is one.
    fn take(&mut self, burst: u32, every: Duration, now: Time) -> bool {
        let full_at = self.0.max(now) + every;
        let may = full_at.since(now) <= every * burst;
        if may {
            self.0 = full_at;
        }
        may
    }
}

impl Ledger {
    /// Something is told; whether anything becomes of it.
    pub(super) fn enter(
        &mut self,
        object: ObjectRef,
        tone: Tone,
        reason: &'static str,
        message: String,
        now: Time,
    ) -> bool {
        let message = shortened(message);
        let key = (object, reason, message);
        if let Some(kept) = self.lines.get_mut(&key)
            && now.since(kept.line.last) < bounds::KUBE_EVENT_KEPT
        {
            kept.line.count += 1;
            kept.line.last = now;
            if !kept.is_due {
                kept.is_due = true;
                let at = (kept.written + bounds::KUBE_EVENT_AGAIN).max(now);
                self.put(at, key);
            }
            return true;
        }
        if !self.may_write(&key.0, now) {
            return false;
        }
        self.make_room(now);
        let line = Line {
            object: key.0.clone(),
            tone,
            reason,
            message: key.2.clone(),
            name: name(&key.0.name, now, self.lines.len()),
            count: 1,
            first: now,
            last: now,
            is_written: false,
        };
        self.lines.insert(key.clone(), Kept { line, is_due: true, written: now });
        self.put(now, key);
        true
    }

    fn may_write(&mut self, object: &ObjectRef, now: Time) -> bool {
        if self.objects.len() >= bounds::KUBE_EVENTS_KEPT {
            self.objects.retain(|_, spent| spent.0 > now);
        }
        let spent = self.objects.entry(object.clone()).or_default();
        spent.take(bounds::KUBE_EVENTS_OF_ONE, bounds::KUBE_EVENT_OF_ONE_EVERY, now)
            && self.all.take(bounds::KUBE_EVENTS_AT_ONCE, bounds::KUBE_EVENT_EVERY, now)
    }

    /// Forgets what was told longest ago.
    fn make_room(&mut self, now: Time) {
        if self.lines.len() < bounds::KUBE_EVENTS_KEPT {
            return;
        }
        self.lines.retain(|_, kept| kept.is_due || now.since(kept.line.last) < bounds::KUBE_EVENT_KEPT);
        let idle = self.lines.iter().filter(|(_, kept)| !kept.is_due);
        let mut oldest: Vec<(Time, Key)> = idle.map(|(key, kept)| (kept.line.last, key.clone())).collect();
        oldest.sort_unstable_by_key(|(last, _)| *last);
        let surplus = (self.lines.len() + bounds::KUBE_EVENTS_KEPT / 4).saturating_sub(bounds::KUBE_EVENTS_KEPT);
        oldest.iter().take(surplus).for_each(|(_, key)| {
            self.lines.remove(key);
        });
    }

    /// In order of time: what is new is due at once, what comes again all the same while later.
    fn put(&mut self, at: Time, key: Key) {
        let before = self.due.partition_point(|(due, _)| *due <= at);
        self.due.insert(before, (at, key));
    }

    /// When [`Ledger::next`] has something.
    pub(super) fn due(&self) -> Option<Time> {
        self.due.front().map(|(at, _)| *at)
    }

    /// The next to be written, which counts as written then.
    pub(super) fn next(&mut self, now: Time) -> Option<Line> {
        while self.due().is_some_and(|at| at <= now) {
            let (_, key) = self.due.pop_front()?;
            if let Some(kept) = self.lines.get_mut(&key) {
                let line = kept.line.clone();
                (kept.is_due, kept.written, kept.line.is_written) = (false, now, true);
                return Some(line);
            }
        }
        None
    }

    /// The event is not there any more: it is to be written anew.
    pub(super) fn lost(&mut self, line: &Line) {
        let key = (line.object.clone(), line.reason, line.message.clone());
        if let Some(kept) = self.lines.get_mut(&key) {
            kept.line.is_written = false;
            kept.line.name = name(&line.object.name, line.last, line.count as usize);
            if !kept.is_due {
                kept.is_due = true;
                self.put(line.last, key);
            }
        }
    }
}

/// A name that no other event of the object has; `salt` tells apart what is told in one moment.
fn name(object: &str, now: Time, salt: usize) -> String {
    let object: String = object.chars().take(bounds::KUBE_EVENT_NAME).collect();
    format!("{object}.{:x}", now.as_nanos().wrapping_add(salt as u64))
}

/// As much as Kubernetes takes.
fn shortened(message: String) -> String {
    if message.len() <= bounds::KUBE_EVENT_MESSAGE {
        return message;
    }
    let mut end = bounds::KUBE_EVENT_MESSAGE - '…'.len_utf8();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str) -> ObjectRef {
        ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
        }
    }

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(1_000.0 + seconds)
    }

    fn enter(ledger: &mut Ledger, name: &str, message: &str, now: f64) -> bool {
        ledger.enter(object(name), Tone::Normal, "Scaled", message.to_owned(), at(now))
    }

    fn all(ledger: &mut Ledger, now: f64) -> Vec<(String, u32, bool)> {
        let lines = std::iter::from_fn(|| ledger.next(at(now)));
        lines.map(|line| (line.message, line.count, line.is_written)).collect()
    }

    #[test]
    fn the_same_told_again_is_one_event_with_a_count_written_now_and_then() {
        let mut ledger = Ledger::default();
        assert!(enter(&mut ledger, "hello", "1 → 2", 0.0));
        assert_eq!(all(&mut ledger, 0.0), [("1 → 2".to_owned(), 1, false)]);
        for tenth in 1..50 {
            assert!(enter(&mut ledger, "hello", "1 → 2", f64::from(tenth) / 10.0));
        }
        assert_eq!(all(&mut ledger, 4.9), []);
        assert_eq!(ledger.due(), Some(at(10.0)));
        assert_eq!(all(&mut ledger, 10.0), [("1 → 2".to_owned(), 50, true)]);
        assert_eq!(ledger.due(), None, "nothing is written while nothing is told");
        assert!(enter(&mut ledger, "hello", "1 → 2", 30.0));
        assert_eq!(all(&mut ledger, 30.0), [("1 → 2".to_owned(), 51, true)]);
        assert!(enter(&mut ledger, "hello", "1 → 2", 5_000.0));
        assert_eq!(all(&mut ledger, 5_000.0), [("1 → 2".to_owned(), 1, false)], "long after it is another");
    }

    #[test]
    fn one_object_has_so_many_and_then_one_each_while() {
        let mut ledger = Ledger::default();
        let taken = |ledger: &mut Ledger, name: &str, from: u32, now| {
            (from..from + 50).filter(|n| enter(ledger, name, &format!("{n} pods"), now)).count()
        };
        assert_eq!(taken(&mut ledger, "noisy", 0, 0.0), bounds::KUBE_EVENTS_OF_ONE as usize);
        assert_eq!(taken(&mut ledger, "quiet", 0, 0.0), bounds::KUBE_EVENTS_OF_ONE as usize, "others do not suffer");
        let later = bounds::KUBE_EVENT_OF_ONE_EVERY.as_secs_f64() * 3.0;
        assert_eq!(taken(&mut ledger, "noisy", 100, later), 3);
    }

    #[test]
    fn all_together_have_a_bound_too_and_so_has_what_is_remembered() {
        let mut ledger = Ledger::default();
        let taken = (0..10_000).filter(|n| enter(&mut ledger, &format!("app-{n}"), "asleep", 0.0)).count();
        assert_eq!(taken, bounds::KUBE_EVENTS_AT_ONCE as usize);
        for round in 1..200 {
            let now = f64::from(round) * bounds::KUBE_EVENT_EVERY.as_secs_f64() * 100.0;
            (0..200).for_each(|n| {
                enter(&mut ledger, &format!("app-{round}-{n}"), "asleep", now);
            });
            all(&mut ledger, now);
        }
        assert!(ledger.lines.len() <= bounds::KUBE_EVENTS_KEPT, "{}", ledger.lines.len());
        assert!(ledger.objects.len() <= bounds::KUBE_EVENTS_KEPT + 1, "{}", ledger.objects.len());
        assert!(ledger.due.is_empty());
    }

    #[test]
    fn an_event_that_was_lost_is_written_anew_under_another_name() {
        let mut ledger = Ledger::default();
        enter(&mut ledger, "hello", "asleep", 0.0);
        let first = ledger.next(at(0.0)).unwrap();
        enter(&mut ledger, "hello", "asleep", 20.0);
        let again = ledger.next(at(20.0)).unwrap();
        assert!(again.is_written && again.name == first.name);
        ledger.lost(&again);
        let anew = ledger.next(at(20.0)).unwrap();
        assert!(!anew.is_written && anew.name != first.name);
        assert_eq!((anew.count, anew.first), (2, first.first));
    }

    #[test]
    fn a_message_is_as_long_as_kubernetes_takes() {
        assert_eq!(shortened("kurz".to_owned()), "kurz");
        let long = shortened("ä".repeat(2_000));
        assert!(long.len() <= bounds::KUBE_EVENT_MESSAGE && long.ends_with("ä…"));
        assert!(name(&"x".repeat(253), at(0.0), 7).len() <= 253);
    }
}
