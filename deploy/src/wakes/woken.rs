//! One wake, and its phases.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use config::{PodId, Reason, Time, WorkloadId};
use serde::Serialize;
use serde_json::{Value, json};

/// A part of a wake, named for what ends it. The first begins when the first request is held, each other one where the
/// one before it ended. Which are known depends on where pods live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The autoscaler decided that there must be pods.
    Decided,
    /// The wish went out to a platform that is another process.
    Sent,
    /// The platform took the wish.
    Asked,
    /// The platform named the pod.
    Placed,
    /// The pod's process runs.
    Started,
    /// Its queue-proxy said its first word.
    Hello,
    /// Its probe passed.
    Ready,
    /// The first request was handed to it.
    HandedOver,
    /// The first answer began.
    FirstByte,
}

impl Phase {
    /// In the order in which they come.
    pub const ALL: [Phase; 9] = [
        Phase::Decided,
        Phase::Sent,
        Phase::Asked,
        Phase::Placed,
        Phase::Started,
        Phase::Hello,
        Phase::Ready,
        Phase::HandedOver,
        Phase::FirstByte,
    ];

    /// Its name, a kebab-case word that never changes.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Decided => "decided",
            Phase::Sent => "sent",
            Phase::Asked => "asked",
            Phase::Placed => "placed",
            Phase::Started => "started",
            Phase::Hello => "hello",
            Phase::Ready => "ready",
            Phase::HandedOver => "handed-over",
            Phase::FirstByte => "first-byte",
        }
    }
}

/// What is known of a wake but for who waited.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// Why there were to be pods.
    pub(super) why: Option<Reason>,
    /// The pod that was ready first.
    pub(super) pod: Option<PodId>,
    /// When each phase but the last ended, where it is known.
    ends: [Option<Time>; Phase::ALL.len() - 1],
}

impl Course {
    /// One that begins with a decision.
    pub(super) fn decided(why: Reason, at: Time) -> Course {
        let mut course = Course { why: Some(why), ..Course::default() };
        *course.end(Phase::Decided) = Some(at);
        course
    }

    /// When a phase ended. The last one's end is not kept here.
    pub(super) fn end(&mut self, phase: Phase) -> &mut Option<Time> {
        debug_assert_ne!(phase, Phase::FirstByte);
        &mut self.ends[phase as usize]
    }
}

/// One wake, as far as it is known.
#[derive(Clone, Debug)]
pub struct Woken {
    /// Whose.
    pub workload: WorkloadId,
    /// When the first request was held.
    pub seen: Time,
    /// When the first request was handed over.
    pub(super) released: Time,
    /// How many requests waited then.
    pub requests: usize,
    pub(super) course: Course,
    pub(super) first_byte: Arc<OnceLock<Time>>,
}

impl Woken {
    /// Why there were to be pods; none if pods were there, but not ready.
    pub fn why(&self) -> Option<&Reason> {
        self.course.why.as_ref()
    }

    /// The pod that was ready first, where it is known.
    pub fn pod(&self) -> Option<&PodId> {
        self.course.pod.as_ref()
    }

    /// The phases that are known, each with its begin and its end. Together they are the wake.
    pub fn phases(&self) -> impl Iterator<Item = (Phase, Time, Time)> {
        let ends = self.course.ends.into_iter().chain([self.first_byte.get().copied()]);
        let (seen, mut begin) = (self.seen, self.seen);
        Phase::ALL.into_iter().zip(ends).filter_map(move |(phase, end)| {
            // What was before the first request was held is no part of it. What one task tells may overtake what another
            // does, by microseconds.
            let (began, ended) = (begin, end.filter(|end| *end >= seen)?.max(begin));
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
            "pod": self.pod(),
            "why": self.why(),
            "phases": self.phases().map(seconds).collect::<Vec<_>>(),
        })
    }

    /// From the first held request to the end of the last known phase.
    pub fn took(&self) -> Duration {
        self.phases().last().map_or(Duration::ZERO, |(_, _, end)| end.since(self.seen))
    }
}
