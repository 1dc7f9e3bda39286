//! What a reporter has to say, until it has been heard.

use std::borrow::Cow;
use std::collections::VecDeque;

use config::link::{Reporter, Up};
use config::{PodId, PodState, Time, bounds};

/// Numbers reports, keeps them for [`bounds::LINK_KEPT_TIME`] and says which is to be written next. Knows no connection
/// and reads no clock.
///
/// Order is that in which frames came; nothing is ever merged. What was not acknowledged is written again on the next
/// connection, and everything that is kept on the first one to an autoscaler that was not met before. Nothing of this is
/// written before the autoscaler has said which one it is.
///
/// An answer belongs to the connection on which it was asked for: it is said there or not at all.
/// How long requests took, and how workloads woke, is said once, to an autoscaler that listens, and not kept.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    kept: VecDeque<Kept>,
    /// Where in `kept` the next frame to write is.
    next: usize,
    last_seq: u64,
    acknowledged: u64,
    /// The autoscaler that was met last.
    met: Option<u64>,
    is_welcome: bool,
    state: Option<State>,
    /// What was asked for on this connection.
    answers: VecDeque<Up>,
    /// What is said once; empty unless an autoscaler listens.
    passing: VecDeque<Up>,
    resent: u64,
    dropped: u64,
}

#[derive(Debug)]
struct Kept {
    since: Time,
    /// Acknowledged together with the report of this number. What is no report goes with the report after it.
    seq: u64,
    was_written: bool,
    frame: Up,
}

/// How the reporter is: only the newest matters.
#[derive(Debug)]
struct State {
    frame: Up,
    is_written: bool,
}

impl Outbox {
    /// Takes in what is to be said; the number of a report is overwritten. `Hello` and heartbeats are not taken: they
    /// belong to a connection.
    pub(crate) fn push(&mut self, now: Time, mut frame: Up) {
        let seq = self.last_seq + 1;
        match &mut frame {
            Up::Report { report, .. } => {
                report.seq = seq;
                self.last_seq = seq;
            }
            Up::Left { .. } => {}
            Up::State { .. } | Up::Leaving => {
                if self.state.as_ref().is_none_or(|said| said.frame != frame) {
                    self.state = Some(State { frame, is_written: false });
                }
                return;
            }
            Up::Door { .. } => return self.answer(frame),
            Up::Latency { .. } | Up::Woke { .. } => return self.push_passing(frame),
            Up::Hello { .. } | Up::Heartbeat { .. } => return,
        }
        self.expire(now);
        if self.kept.len() == bounds::LINK_OUTBOX {
            self.forget_oldest();
        }
        self.kept.push_back(Kept { since: now, seq, was_written: false, frame });
    }

    fn answer(&mut self, frame: Up) {
        if !self.is_welcome {
            return;
        }
        if self.answers.len() == bounds::LINK_ANSWERS {
            self.answers.pop_front();
            self.dropped += 1;
        }
        self.answers.push_back(frame);
    }

    fn push_passing(&mut self, frame: Up) {
        if !self.is_welcome {
            return;
        }
        if self.passing.len() == bounds::LATENCY_FRAMES {
            self.passing.pop_front();
            self.dropped += 1;
        }
        self.passing.push_back(frame);
    }

    /// Says how the pod is.
    pub(crate) fn set_state(&mut self, now: Time, reporter: &Reporter, state: PodState) {
        if let Reporter::Pod(pod) = reporter {
            self.push(now, Up::State { pod: PodId::clone(pod), state });
        }
    }

    /// A new connection begins, on which nothing was written.
    pub(crate) fn connected(&mut self) {
        self.disconnected();
        self.answers = VecDeque::new();
        if let Some(state) = &mut self.state {
            state.is_written = false;
        }
    }

    /// Nobody listens until the next welcome.
    pub(crate) fn disconnected(&mut self) {
        self.is_welcome = false;
        self.passing = VecDeque::new();
    }

    /// The autoscaler says which one it is.
    pub(crate) fn welcomed(&mut self, now: Time, incarnation: u64) {
        if self.met != Some(incarnation) {
            self.met = Some(incarnation);
            self.acknowledged = 0;
        }
        self.is_welcome = true;
        self.expire(now);
        self.next = self.first_unacknowledged();
    }

    /// All reports up to `seq` arrived.
    pub(crate) fn acknowledged(&mut self, seq: u64) {
        // What was not said cannot have been heard.
        self.acknowledged = self.acknowledged.max(seq.min(self.last_seq));
    }

    /// Whether there is something to write.
    pub(crate) fn has_next(&self) -> bool {
        self.state.as_ref().is_some_and(|state| !state.is_written)
            || !self.answers.is_empty()
            || !self.passing.is_empty()
            || (self.is_welcome && self.next < self.kept.len())
    }

    /// The next frame to write; it counts as written.
    pub(crate) fn next(&mut self) -> Option<Cow<'_, Up>> {
        if let Some(state) = self.state.as_mut().filter(|state| !state.is_written) {
            state.is_written = true;
            return Some(Cow::Borrowed(&state.frame));
        }
        if let Some(frame) = self.answers.pop_front().or_else(|| self.passing.pop_front()) {
            return Some(Cow::Owned(frame));
        }
        if !self.is_welcome {
            return None;
        }
        let kept = self.kept.get_mut(self.next)?;
        self.next += 1;
        self.resent += u64::from(kept.was_written);
        kept.was_written = true;
        Some(Cow::Borrowed(&kept.frame))
    }

    /// Whether all was written to an autoscaler that is listening.
    pub(crate) fn is_written(&self) -> bool {
        self.is_welcome && !self.has_next()
    }

    /// Forgets what is older than [`bounds::LINK_KEPT_TIME`].
    pub(crate) fn expire(&mut self, now: Time) {
        while self.kept.front().is_some_and(|kept| now.since(kept.since) > bounds::LINK_KEPT_TIME) {
            self.forget_oldest();
        }
        // A burst's room is given back.
        if self.passing.is_empty() {
            self.passing = VecDeque::new();
        }
        if self.kept.capacity() > 1024 && self.kept.len() < self.kept.capacity() / 4 {
            self.kept.shrink_to(self.kept.len() * 2);
        }
    }

    /// Frames kept.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Of those, how many nobody has acknowledged.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.kept.len() - self.first_unacknowledged()
    }

    /// Frames written more than once, ever.
    pub(crate) fn resent(&self) -> u64 {
        self.resent
    }

    /// Frames forgotten before they were acknowledged, ever.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn first_unacknowledged(&self) -> usize {
        self.kept.partition_point(|kept| kept.seq <= self.acknowledged)
    }

    fn forget_oldest(&mut self) {
        if let Some(kept) = self.kept.pop_front() {
            // A last word that was written needs no answer.
            let is_report = matches!(kept.frame, Up::Report { .. });
            self.dropped += u64::from(kept.seq > self.acknowledged && (is_report || !kept.was_written));
            self.next = self.next.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
