//! When the triggers of a ScaledJob are read, and what they ask for: the same wherever its Jobs run.

use std::time::Duration;

use autoscaler::triggers::Reading;
use autoscaler::triggers::jobs::{self as arithmetic, Limits, Together};
use config::keda::ScaledJob;
use config::{Time, bounds};
use futures_core::stream::BoxStream;
use futures_util::stream::{SelectAll, StreamExt};
use queue_proxy::Clock;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::exposition;
use crate::sources::{Answer, Edge, Source};
use crate::triggers::{Opened, edges, read_all};

/// The rounds of one ScaledJob.
pub(crate) struct Rounds {
    edges: SelectAll<BoxStream<'static, Edge>>,
    /// When all triggers are read next.
    due: Instant,
    /// Not before then is anything read because of an edge.
    rested: Instant,
    /// Which triggers failed when they were last read.
    failing: Vec<bool>,
}

/// What one round said.
pub(crate) struct Asked {
    /// What each trigger read.
    pub(crate) readings: Vec<Reading>,
    /// What they ask for together.
    pub(crate) together: Together,
}

impl Rounds {
    /// The first is due now.
    pub(crate) fn new(triggers: &[Opened]) -> Rounds {
        let now = Instant::now();
        Rounds { edges: edges(sources(triggers)), due: now, rested: now, failing: Vec::new() }
    }

    /// From now on these are read.
    pub(crate) fn replace(&mut self, triggers: &[Opened]) {
        self.edges = edges(sources(triggers));
    }

    /// The next is due now.
    pub(crate) fn at_once(&mut self) {
        self.due = Instant::now();
    }

    /// Waits until the next is due. That a server says that there may be something to do counts if `is_idle`: while there
    /// are Jobs one of them may be about to take it, and what is polled decides. Cancel-safe.
    pub(crate) async fn due(&mut self, is_idle: bool) {
        loop {
            tokio::select! {
                () = sleep_until(self.due) => return,
                Some(_) = self.edges.next() => {
                    if is_idle {
                        self.due = self.due.min(self.rested.max(Instant::now()));
                    }
                }
            }
        }
    }

    /// Reads all `triggers`. Cancel-safe.
    pub(crate) async fn read(&mut self, triggers: &[Opened]) -> Vec<Answer> {
        let (answers, longest) = read_all(sources(triggers)).await;
        exposition::triggers::decided(Instant::now() - self.due, longest);
        answers
    }

    /// What `answers` ask for, of `job`, whose triggers were read; `object` is what it is called. The next round is due
    /// in a polling interval.
    pub(crate) fn asked(&mut self, object: &str, job: &ScaledJob, triggers: &[Opened], answers: Vec<Answer>) -> Asked {
        self.due = Instant::now() + job.polling_interval;
        self.rested = Instant::now() + bounds::TRIGGER_PAUSE;
        let (scaling, limits) = (&job.scaling, Limits::of(job));
        let queues = triggers.iter().zip(&answers).map(|(opened, answer)| {
            let target = answer.target.unwrap_or(opened.target);
            arithmetic::read(&answer.reading, target, scaling.strategy, limits.above)
        });
        let queues: Vec<_> = queues.collect();
        let together = arithmetic::together(&queues, scaling.calculation, limits.min, limits.above);
        let readings: Vec<_> = answers.into_iter().map(|answer| answer.reading).collect();
        self.tell_of_failures(object, triggers, &readings);
        Asked { readings, together }
    }

    /// The next round is no later than the polling interval's next point on the grid that is its own: that of what its first
    /// trigger asks, so that who asks the same shares an answer, and others that began together are not read together.
    pub(crate) fn spread(&mut self, interval: Duration, triggers: &[Opened], clock: Clock) {
        let Some(first) = triggers.first() else { return };
        let wait = until_next(first.source.key().number(), interval, clock.now());
        self.due = self.due.min(Instant::now() + wait);
    }

    /// A line for each trigger that fails and did not before, or does not any more.
    fn tell_of_failures(&mut self, object: &str, triggers: &[Opened], readings: &[Reading]) {
        self.failing.resize(readings.len(), false);
        for ((opened, reading), failing) in triggers.iter().zip(readings).zip(&mut self.failing) {
            let trigger = opened.title();
            match reading {
                Reading::Failed(why) if !*failing => warn!("{object}: {trigger} cannot be read: {why}"),
                Reading::Value { .. } | Reading::NoData if *failing => info!("{object}: {trigger} is read again"),
                _ => {}
            }
            *failing = matches!(reading, Reading::Failed(_));
        }
    }
}

fn sources(triggers: &[Opened]) -> impl Iterator<Item = &dyn Source> {
    triggers.iter().map(|opened| opened.source.as_ref())
}

/// How long it is until the next of the times that are `phase` nanoseconds and so many intervals.
fn until_next(phase: u64, interval: Duration, now: Time) -> Duration {
    let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    let (phase, now) = (phase % interval, now.as_nanos() % interval);
    let behind = if phase > now { 0 } else { interval };
    Duration::from_nanos(phase + behind - now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_round_is_on_its_grid_and_later_than_now() {
        let ten = Duration::from_secs(10);
        let at = |seconds| Time::from_secs_f64(seconds);
        let phase = at(3.0).as_nanos();
        assert_eq!(until_next(phase, ten, at(21.0)), Duration::from_secs(2));
        assert_eq!(until_next(phase, ten, at(23.0)), ten, "not the one that is now");
        assert_eq!(until_next(phase + 7 * ten.as_nanos() as u64, ten, at(24.0)), Duration::from_secs(9));
    }
}
