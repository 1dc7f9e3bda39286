//! The Jobs of one ScaledJob as people see them, and how far each is.

use std::sync::Arc;

use autoscaler::triggers::jobs::JobState;
use config::Time;
use tokio::sync::watch;

use super::plan::Plan;
use super::pods::Pods;
use super::seen::{Jobs, SeenJob};
use crate::jobs::{JobNow, Lists};
use crate::kubernetes::watched::Place;

/// What a watch shows of them, put into words when somebody asks.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) plan: Arc<Plan>,
    pub(super) jobs: watch::Receiver<Jobs>,
    pub(super) pods: Arc<Pods>,
}

impl Lists for Shown {
    fn jobs(&self, now: Time) -> Vec<JobNow> {
        let jobs = self.jobs.borrow();
        let (mut ended, there): (Vec<_>, Vec<_>) = jobs.iter().partition(|(_, job)| job.ended.is_some());
        ended.sort_by_key(|(_, job)| job.ended.map(|ended| ended.at));
        there.into_iter().chain(ended).map(|(name, job)| self.shown(name, job, now)).collect()
    }
}

impl Shown {
    fn shown(&self, name: &str, job: &SeenJob, now: Time) -> JobNow {
        let state = match (job.ended, state(&self.plan, &self.pods, name, job)) {
            (Some(ended), _) if ended.failed => "failed",
            (Some(_), _) => "complete",
            (None, JobState::Pending) => "pending",
            (None, _) => "running",
        };
        let until = job.ended.map_or(now, |ended| ended.at);
        let (name, seconds) = (name.to_owned(), until.since(job.created).as_secs_f64());
        JobNow { name, state, seconds, failure: job.failure.clone() }
    }
}

/// How far the Job `name` of `plan` is; whether it is at work, its `pods` tell, where the strategy asks for that.
pub(super) fn state(plan: &Plan, pods: &Pods, name: &str, job: &SeenJob) -> JobState {
    let is_at_work = || {
        let place = Place { namespace: plan.place.namespace.clone(), name: name.to_owned() };
        pods.is_at_work(&place, &plan.job.scaling.pending_pod_conditions)
    };
    match job.ended {
        Some(_) => JobState::Ended,
        None if super::asks_for_pods(&plan.job) && !is_at_work() => JobState::Pending,
        None => JobState::Running,
    }
}
