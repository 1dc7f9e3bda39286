//! Where the time of each wake went.
//!
//! Who sees a moment tells it here: the driver, the platform, the activator. A wake is rare and each costs a handful of
//! short locks, none of them on the way of a request that finds a ready pod.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use activator::Wake;
use config::{Pod, PodId, Reason, Time, WorkloadId, bounds};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};

/// A part of a wake, named for what ends it. The first begins when the first request is held, each other one where the
/// one before it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The autoscaler decided that there must be pods.
    Decided,
    /// The platform took the wish.
    Asked,
    /// The pod's process runs.
    Started,
    /// Its probe passed.
    Ready,
    /// The first request was handed to it.
    HandedOver,
    /// The first answer began.
    FirstByte,
}

impl Phase {
    /// In the order in which they come.
    pub const ALL: [Phase; 6] =
        [Phase::Decided, Phase::Asked, Phase::Started, Phase::Ready, Phase::HandedOver, Phase::FirstByte];

    /// Its name, a kebab-case word that never changes.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Decided => "decided",
            Phase::Asked => "asked",
            Phase::Started => "started",
            Phase::Ready => "ready",
            Phase::HandedOver => "handed-over",
            Phase::FirstByte => "first-byte",
        }
    }
}

/// One wake, as far as it is known.
#[derive(Clone, Debug)]
pub struct Woken {
    /// Whose.
    pub workload: WorkloadId,
    /// When the first request was held.
    pub seen: Time,
    /// How many requests waited when the first was handed over.
    pub requests: usize,
    /// Why there were to be pods; none if pods were there, but not ready.
    pub why: Option<Reason>,
    /// The pod that was ready first, where it is known.
    pub pod: Option<PodId>,
    /// When each phase but the last ended, where it is known.
    ends: [Option<Time>; 5],
    first_byte: Arc<OnceLock<Time>>,
}

impl Woken {
    /// The phases that are known, each with its begin and its end. Together they are the wake.
    pub fn phases(&self) -> impl Iterator<Item = (Phase, Time, Time)> {
        let ends = self.ends.into_iter().chain([self.first_byte.get().copied()]);
        let mut begin = self.seen;
        Phase::ALL.into_iter().zip(ends).filter_map(move |(phase, end)| {
            // What one task tells may overtake what another does, by microseconds.
            let (began, ended) = (begin, end?.max(begin));
            begin = ended;
            Some((phase, began, ended))
        })
    }

    /// Whether its last phase is over.
    pub fn is_answered(&self) -> bool {
        self.first_byte.get().is_some()
    }

    /// For `explain`: when, how long, and how many seconds each phase took.
    pub fn told(&self, now: Time) -> Value {
        let seconds =
            |(phase, from, to): (Phase, Time, Time)| json!({ "phase": phase, "seconds": to.since(from).as_secs_f64() });
        json!({
            "seconds_ago": now.since(self.seen).as_secs_f64(),
            "seconds": self.took().as_secs_f64(),
            "requests": self.requests,
            "pod": self.pod,
            "why": self.why,
            "phases": self.phases().map(seconds).collect::<Vec<_>>(),
        })
    }

    /// From the first held request to the end of the last known phase.
    pub fn took(&self) -> Duration {
        self.phases().last().map_or(Duration::ZERO, |(_, _, end)| end.since(self.seen))
    }
}

/// The wakes of all workloads. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Wakes(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Bounded by the workloads there are.
    workloads: HashMap<WorkloadId, Known>,
    /// When pods that are not ready yet were started.
    starts: HashMap<PodId, Time>,
    /// Wakes whose first answer has not been told.
    unanswered: VecDeque<Woken>,
}

#[derive(Debug, Default)]
struct Known {
    decided: Option<(Time, Reason)>,
    asked: Option<Time>,
    /// Of the first pod that was ready since it was decided: its name, its start, and when it was ready.
    ready: Option<(PodId, Option<Time>, Time)>,
    /// Newest first.
    woken: VecDeque<Woken>,
}

impl Wakes {
    /// The autoscaler wants pods of a workload that has none.
    pub fn decided(&self, workload: &WorkloadId, why: &Reason, at: Time) {
        self.known(workload, |known| {
            (known.decided, known.asked, known.ready) = (Some((at, why.clone())), None, None);
        });
    }

    /// The platform took a wish for pods.
    pub fn asked(&self, workload: &WorkloadId, at: Time) {
        self.known(workload, |known| {
            known.asked.get_or_insert(at);
        });
    }

    /// The pod's process runs.
    pub fn started(&self, pod: &Pod, at: Time) {
        let mut inner = self.0.lock();
        if inner.starts.len() < bounds::STARTS_KEPT {
            inner.starts.insert(pod.id.clone(), at);
        }
    }

    /// The pod's probe passed. To be told before the pod is given requests.
    pub fn ready(&self, pod: &Pod, at: Time) {
        let started = self.0.lock().starts.remove(&pod.id);
        self.known(&pod.workload, |known| {
            // The first since it was decided; without that, the last.
            let decided = known.decided.as_ref().map(|(at, _)| *at);
            let ready = known.ready.as_ref().map(|(_, _, ready)| *ready);
            if ready.is_none() || decided.is_none() || ready < decided {
                known.ready = Some((pod.id.clone(), started, at));
            }
        });
    }

    /// The pod is no more.
    pub fn gone(&self, pod: &PodId) {
        self.0.lock().starts.remove(pod);
    }

    /// The workload is no more.
    pub fn workload_gone(&self, workload: &WorkloadId) {
        self.0.lock().workloads.remove(workload);
    }

    /// A wake is over but for its first answer.
    pub fn woke(&self, wake: &Wake) -> Woken {
        let woken = self.known(&wake.workload, |known| {
            let (decided, why) = known.decided.take().map(|(at, why)| (Some(at), Some(why))).unwrap_or_default();
            let (pod, started, ready) = match known.ready.take() {
                Some((pod, started, ready)) => (Some(pod), started, Some(ready)),
                None => (None, None, None),
            };
            let ends = [decided, known.asked.take(), started, ready, Some(wake.released_at)];
            let woken = Woken {
                workload: wake.workload.clone(),
                seen: wake.held_at,
                requests: wake.requests,
                why,
                pod,
                // What was before the first request was held is no part of it.
                ends: ends.map(|end| end.filter(|end| *end >= wake.held_at)),
                first_byte: Arc::clone(&wake.first_byte),
            };
            known.woken.truncate(bounds::WAKES_EXPLAINED - 1);
            known.woken.push_front(woken.clone());
            woken
        });
        let mut inner = self.0.lock();
        if inner.unanswered.len() == bounds::WAKES_KEPT {
            inner.unanswered.pop_front();
        }
        inner.unanswered.push_back(woken.clone());
        woken
    }

    /// Moves out the wakes whose first answer began since the last call.
    pub fn take_answered(&self) -> Vec<Woken> {
        let mut inner = self.0.lock();
        let (answered, unanswered) = inner.unanswered.drain(..).partition(Woken::is_answered);
        inner.unanswered = unanswered;
        Vec::from(answered)
    }

    /// The last wakes of a workload, newest first.
    pub fn of(&self, workload: &WorkloadId) -> Vec<Woken> {
        self.0.lock().workloads.get(workload).map_or_else(Vec::new, |known| known.woken.iter().cloned().collect())
    }

    fn known<R>(&self, workload: &WorkloadId, change: impl FnOnce(&mut Known) -> R) -> R {
        let mut inner = self.0.lock();
        if !inner.workloads.contains_key(workload) {
            inner.workloads.insert(workload.clone(), Known::default());
        }
        change(inner.workloads.get_mut(workload).expect("it was just put there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::PodState;

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    fn pod(name: &str) -> Pod {
        Pod {
            id: PodId::new(name),
            workload: "hello".parse().unwrap(),
            address: ([127, 0, 0, 1], 20_000).into(),
            state: PodState::Starting,
            has_queue_proxy: true,
            created: Time::ZERO,
        }
    }

    fn wake(held: f64, released: f64) -> Wake {
        let (held_at, released_at) = (at(held), at(released));
        Wake { workload: "hello".parse().unwrap(), held_at, released_at, requests: 2, first_byte: Arc::default() }
    }

    fn phases(woken: &Woken) -> Vec<(&'static str, u128)> {
        woken.phases().map(|(phase, from, to)| (phase.word(), to.since(from).as_millis())).collect()
    }

    fn because() -> Reason {
        Reason { rule: "stable-window", pods: 1, because: "1 waits".to_owned() }
    }

    #[test]
    fn the_phases_of_a_wake_add_up_and_the_last_comes_later() {
        let (wakes, hello) = (Wakes::default(), "hello".parse().unwrap());
        wakes.decided(&hello, &because(), at(10.001));
        wakes.started(&pod("a"), at(10.003));
        wakes.asked(&hello, at(10.002));
        wakes.ready(&pod("a"), at(10.013));
        wakes.ready(&pod("b"), at(10.014));
        let wake = wake(10.0, 10.014);
        let woken = wakes.woke(&wake);
        let known = [("decided", 1), ("asked", 1), ("started", 1), ("ready", 10), ("handed-over", 1)];
        assert_eq!((phases(&woken), woken.pod.clone()), (known.to_vec(), Some(PodId::new("a"))));
        assert!(wakes.take_answered().is_empty());

        wake.first_byte.set(at(10.020)).unwrap();
        let answered = wakes.take_answered();
        assert_eq!(phases(&answered[0]).last(), Some(&("first-byte", 6)));
        assert_eq!(answered[0].took().as_millis(), 20);
        assert!(wakes.take_answered().is_empty(), "each is given once");
        assert_eq!(wakes.of(&hello).len(), 1);
    }

    #[test]
    fn what_was_before_the_wake_is_no_part_of_it() {
        let (wakes, hello) = (Wakes::default(), "hello".parse().unwrap());
        wakes.decided(&hello, &because(), at(1.0));
        wakes.asked(&hello, at(1.0));
        wakes.started(&pod("a"), at(1.0));
        wakes.ready(&pod("a"), at(5.003));
        assert_eq!(phases(&wakes.woke(&wake(5.0, 5.004))), [("ready", 3), ("handed-over", 1)]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (wakes, hello) = (Wakes::default(), "hello".parse().unwrap());
        for n in 0..2 * bounds::WAKES_KEPT {
            wakes.woke(&wake(n as f64, n as f64 + 0.5));
        }
        assert_eq!(wakes.of(&hello).len(), bounds::WAKES_EXPLAINED);
        assert_eq!(wakes.0.lock().unanswered.len(), bounds::WAKES_KEPT);
        wakes.workload_gone(&hello);
        assert!(wakes.of(&hello).is_empty());
    }
}
