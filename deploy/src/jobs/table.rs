//! The Jobs of one ScaledJob that have not ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use autoscaler::triggers::jobs::{self, Counts, JobState, Observed};
use config::{Time, bounds};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::job::{Job, Outcome};
use super::keeper::Around;
use super::launch::{Launch, Work};

/// Each Job is a task; all of them end with this.
pub(super) struct Table<L> {
    around: Arc<Around<L>>,
    tasks: JoinSet<Outcome>,
    there: HashMap<Id, Entry>,
}

struct Entry {
    name: String,
    began: Time,
    busy: Arc<AtomicBool>,
    leave: CancellationToken,
    /// Whether it is gone for whoever counts, though its pods may not be.
    is_deleted: bool,
}

/// A Job that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) name: String,
    pub(super) began: Time,
    pub(super) outcome: Outcome,
}

impl<L: Launch> Table<L> {
    pub(super) fn new(around: Arc<Around<L>>) -> Table<L> {
        Table { around, tasks: JoinSet::new(), there: HashMap::new() }
    }

    /// Starts a Job at `now`; what is returned says whether it is at work.
    pub(super) fn start(&mut self, name: String, work: Arc<Work>, now: Time) -> Arc<AtomicBool> {
        let (busy, leave) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
        let job = Job {
            name: name.clone(),
            work,
            around: Arc::clone(&self.around),
            busy: Arc::clone(&busy),
            leave: leave.clone(),
        };
        let id = self.tasks.spawn(job.run()).id();
        self.there.insert(id, Entry { name, began: now, busy: Arc::clone(&busy), leave, is_deleted: false });
        busy
    }

    /// How many more may be started.
    pub(super) fn room(&self) -> usize {
        bounds::LOCAL_JOBS.saturating_sub(self.there.len())
    }

    /// What the strategies count. What was started here is seen at once: nothing is expected that is not seen.
    pub(super) fn counts(&self, now: Time) -> Counts {
        let seen = self.there.values().filter(|entry| !entry.is_deleted).map(|entry| {
            let state = if entry.busy.load(Relaxed) { JobState::Running } else { JobState::Pending };
            jobs::Job { name: &entry.name, state }
        });
        Observed::default().counts(&seen.collect::<Vec<_>>(), now)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.there.is_empty()
    }

    /// Tells all Jobs to end. They count no more from now on, or, in the foreground, only when nothing of them is left.
    /// Returns the names of those that count no more.
    pub(super) fn delete(&mut self, foreground: bool) -> Vec<String> {
        let mut gone = Vec::new();
        for entry in self.there.values_mut() {
            entry.leave.cancel();
            if !foreground && !entry.is_deleted {
                entry.is_deleted = true;
                gone.push(entry.name.clone());
            }
        }
        gone
    }

    /// The next Job to end; none if there is none. Cancel safe.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        let joined = self.tasks.join_next_with_id().await?;
        self.taken(joined)
    }

    /// A Job that has ended already.
    pub(super) fn ended_already(&mut self) -> Option<Ended> {
        let joined = self.tasks.try_join_next_with_id()?;
        self.taken(joined)
    }

    fn taken(&mut self, joined: Result<(Id, Outcome), JoinError>) -> Option<Ended> {
        let (id, outcome) = joined.unwrap_or_else(|error| (error.id(), Outcome::Failed(error.to_string())));
        let Entry { name, began, .. } = self.there.remove(&id)?;
        Some(Ended { name, began, outcome })
    }
}
