//! Which Jobs are at work, by their pods.

use std::collections::HashMap;

use kube::core::{ApiResource, DynamicObject};
use kube::runtime::watcher::Event;
use parking_lot::Mutex;

use crate::kubernetes::watched::{Place, Watched};

/// Label of each pod of a Job: the name of that. Newer versions write it beside one with a longer name.
pub(super) const JOB_LABEL: &str = "job-name";

/// Pods.
pub(super) fn pods() -> ApiResource {
    let (version, api_version) = ("v1".to_owned(), "v1".to_owned());
    ApiResource { group: String::new(), version, api_version, kind: "Pod".to_owned(), plural: "pods".to_owned() }
}

/// The pods of all Jobs, whosever they are: there are as many as the cluster has.
#[derive(Debug, Default)]
pub(super) struct Pods(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    watched: Watched<SeenPod>,
    /// The Job of each.
    whose: HashMap<Place, Place>,
    /// The pods of each.
    of: HashMap<Place, HashMap<String, SeenPod>>,
}

/// One pod: what is used of it.
#[derive(Clone, Debug, PartialEq)]
struct SeenPod {
    job: String,
    /// Whether it runs, or has done its work.
    is_at_work: bool,
    /// Its conditions that are true.
    conditions: Vec<String>,
}

impl Pods {
    /// Whether all that there were have been listed.
    pub(super) fn is_complete(&self) -> bool {
        self.0.lock().watched.is_complete()
    }

    /// Takes in what the watch says.
    pub(super) fn take(&self, event: Event<DynamicObject>) {
        let inner = &mut *self.0.lock();
        for pod in inner.watched.take(event, SeenPod::of) {
            if let Some(job) = inner.whose.remove(&pod)
                && let Some(pods) = inner.of.get_mut(&job)
            {
                pods.remove(&pod.name);
                if pods.is_empty() {
                    inner.of.remove(&job);
                }
            }
            if let Some(now) = inner.watched.get(&pod).cloned() {
                let job = Place { namespace: pod.namespace.clone(), name: now.job.clone() };
                inner.of.entry(job.clone()).or_default().insert(pod.name.clone(), now);
                inner.whose.insert(pod, job);
            }
        }
    }

    /// Whether the Job is at work: a pod of it runs or has done its work, or, where there are `conditions`, has all of them.
    pub(super) fn is_at_work(&self, job: &Place, conditions: &[String]) -> bool {
        let inner = self.0.lock();
        let mut pods = inner.of.get(job).into_iter().flatten().map(|(_, pod)| pod);
        match conditions {
            [] => pods.any(|pod| pod.is_at_work),
            wanted => pods.any(|pod| wanted.iter().all(|condition| pod.conditions.contains(condition))),
        }
    }
}

impl SeenPod {
    fn of(object: &DynamicObject) -> SeenPod {
        let job = object.metadata.labels.as_ref().and_then(|labels| labels.get(JOB_LABEL));
        let status = &object.data["status"];
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let are_true = conditions.filter(|condition| condition["status"] == "True");
        SeenPod {
            job: job.cloned().unwrap_or_default(),
            is_at_work: status["phase"] == "Running" || status["phase"] == "Succeeded",
            conditions: are_true.filter_map(|condition| Some(condition["type"].as_str()?.to_owned())).collect(),
        }
    }
}
