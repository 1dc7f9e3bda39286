//! All Jobs of ScaledJobs, as a watch shows them.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::Deref;

use config::{Time, bounds};
use k8s_openapi::jiff::Timestamp;
use kube::core::DynamicObject;
use kube::runtime::watcher::Event;
use serde_json::Value;
use tokio::sync::watch;

use super::object::{GENERATION, SCALED_JOB_LABEL};
use crate::exposition;
use crate::kubernetes::watched::{Place, Watched};

/// One Job: what is used of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SeenJob {
    /// Whose it is.
    scaled_job: String,
    /// The generation that its ScaledJob had when it was created; none where nobody wrote it.
    pub(super) generation: Option<i64>,
    /// When it was created.
    pub(super) created: Time,
    /// How and when it ended, if it has.
    pub(super) ended: Option<Ended>,
    /// Why it failed.
    pub(super) failure: Option<String>,
    /// Whether it is being deleted.
    pub(super) is_going: bool,
}

/// How and when a Job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) failed: bool,
    pub(super) at: Time,
}

/// Those of one ScaledJob, by their names.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    there: BTreeMap<String, SeenJob>,
    /// Those that are gone, the last of them: one may come and go while its keeper creates others.
    gone: HashSet<String>,
    order: VecDeque<String>,
}

impl Deref for Jobs {
    type Target = BTreeMap<String, SeenJob>;

    fn deref(&self) -> &BTreeMap<String, SeenJob> {
        &self.there
    }
}

impl Jobs {
    /// Whether the Job is there or was. No two have one name.
    pub(super) fn have_had(&self, name: &str) -> bool {
        self.there.contains_key(name) || self.gone.contains(name)
    }

    fn set(&mut self, name: &str, now: Option<SeenJob>) {
        match now {
            Some(now) => drop(self.there.insert(name.to_owned(), now)),
            None if self.there.remove(name).is_some() && self.gone.insert(name.to_owned()) => {
                self.order.push_back(name.to_owned());
                if self.order.len() > bounds::JOBS_GONE
                    && let Some(first) = self.order.pop_front()
                {
                    self.gone.remove(&first);
                }
            }
            None => {}
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    watched: Watched<SeenJob>,
    /// Whose each is.
    whose: HashMap<Place, Place>,
    of: HashMap<Place, watch::Sender<Jobs>>,
}

impl Seen {
    /// Whether all that there were have been listed.
    pub(super) fn is_complete(&self) -> bool {
        self.watched.is_complete()
    }

    /// Those of the ScaledJob at `place`, from now on.
    pub(super) fn of(&mut self, place: &Place) -> watch::Receiver<Jobs> {
        // Those of ScaledJobs that are gone without having any.
        self.of.retain(|_, jobs| jobs.receiver_count() > 0 || !jobs.borrow().is_empty());
        self.of.entry(place.clone()).or_default().subscribe()
    }

    /// Takes in what the watch says.
    pub(super) fn take(&mut self, event: Event<DynamicObject>) {
        for job in self.watched.take(event, SeenJob::of) {
            let now = self.watched.get(&job).cloned();
            let owner = |seen: &SeenJob| Place { namespace: job.namespace.clone(), name: seen.scaled_job.clone() };
            let (before, owner) = (self.whose.get(&job).cloned(), now.as_ref().map(owner));
            if let Some(before) = before.filter(|before| Some(before) != owner.as_ref()) {
                self.whose.remove(&job);
                self.set(&before, &job.name, None);
            }
            if let (Some(owner), Some(now)) = (owner, now) {
                self.set(&owner, &job.name, Some(now));
                self.whose.insert(job, owner);
            }
        }
    }

    fn set(&mut self, owner: &Place, name: &str, now: Option<SeenJob>) {
        let jobs = self.of.entry(owner.clone()).or_default();
        if jobs.receiver_count() > 0 {
            tell(jobs.borrow().get(name), now.as_ref());
        }
        jobs.send_modify(|jobs| jobs.set(name, now));
        if jobs.receiver_count() == 0 && jobs.borrow().is_empty() {
            self.of.remove(owner);
        }
    }
}

/// Counts a Job that has ended, or is gone before it did.
fn tell(before: Option<&SeenJob>, now: Option<&SeenJob>) {
    let Some(SeenJob { ended: None, .. }) = before else { return };
    match now {
        Some(SeenJob { ended: Some(ended), .. }) => {
            exposition::triggers::job_ended(if ended.failed { "failed" } else { "complete" });
        }
        Some(_) => {}
        None => exposition::triggers::job_ended("deleted"),
    }
}

impl SeenJob {
    fn of(object: &DynamicObject) -> SeenJob {
        let metadata = &object.metadata;
        let named = metadata.labels.as_ref().and_then(|labels| labels.get(SCALED_JOB_LABEL));
        let generation = metadata.annotations.as_ref().and_then(|all| all.get(GENERATION));
        let created = metadata.creation_timestamp.as_ref().map(|created| time(created.0));
        let end = end(&object.data["status"]);
        SeenJob {
            scaled_job: named.cloned().unwrap_or_default(),
            generation: generation.and_then(|text| text.parse().ok()),
            created: created.unwrap_or_default(),
            ended: end.map(Ended::of),
            failure: end.filter(|end| end["type"] == "Failed").map(why),
            is_going: metadata.deletion_timestamp.is_some(),
        }
    }
}

impl Ended {
    fn of(end: &Value) -> Ended {
        let at = end["lastTransitionTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        Ended { failed: end["type"] == "Failed", at: at.map(time).unwrap_or_default() }
    }
}

/// The condition that says that it ended, if one does.
fn end(status: &Value) -> Option<&Value> {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let is_end = |kind: &Value| kind == "Complete" || kind == "Failed";
    conditions.find(|condition| is_end(&condition["type"]) && condition["status"] == "True")
}

/// What a condition says of itself.
fn why(condition: &Value) -> String {
    let said = ["reason", "message"].map(|field| condition[field].as_str().unwrap_or_default());
    let said: Vec<&str> = said.into_iter().filter(|text| !text.is_empty()).collect();
    said.join(": ")
}

fn time(at: Timestamp) -> Time {
    Time::from_nanos(u64::try_from(at.as_nanosecond()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_those_that_are_gone_the_last_are_known_and_no_more_than_that() {
        let mut jobs = Jobs::default();
        let job = SeenJob { scaled_job: "report".to_owned(), ..SeenJob::default() };
        for n in 0..=bounds::JOBS_GONE {
            jobs.set(&n.to_string(), Some(job.clone()));
            jobs.set(&n.to_string(), None);
        }
        jobs.set("never", None);
        assert!(jobs.is_empty() && !jobs.have_had("0") && !jobs.have_had("never"));
        assert!(jobs.have_had("1") && jobs.have_had(&bounds::JOBS_GONE.to_string()));
        assert_eq!((jobs.gone.len(), jobs.order.len()), (bounds::JOBS_GONE, bounds::JOBS_GONE));
    }

    #[test]
    fn of_scaled_jobs_that_are_gone_nothing_is_kept() {
        let mut seen = Seen::default();
        let place = |name: &str| Place { namespace: "shop".to_owned(), name: name.to_owned() };
        for n in 0..10 {
            drop(seen.of(&place(&format!("preview-{n}"))));
        }
        let _stays = seen.of(&place("report"));
        assert_eq!(seen.of.len(), 1);
    }
}
