//! PodDisruptionBudgets: of workloads that come in twos or more, only one pod at a time is evicted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;

use config::{Policy, WorkloadId, bounds};
use futures_util::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Api;
use kube::api::DeleteParams;
use kube::core::labels::{Selector, SelectorExt};
use kube::core::{ApiResource, DynamicObject, Request, Resource};
use kube::runtime::watcher::{self, Event};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::agenda::Agenda;
use super::apply::apply;
use super::names::{FIELD_MANAGER, MANAGED_BY};
use super::watch::{Which, watch};
use super::watched::{Place, Watched};
use super::writes::{Urgency, WriteError, Writes};

/// The label that tells our budgets from those of others.
const LABEL: &str = "app.kubernetes.io/managed-by";

/// Whether a workload has a budget: where its pods come one by one, an eviction may always take the last.
pub fn wants(policy: &Policy) -> bool {
    policy.min_scale >= 2 || policy.activation_scale >= 2
}

/// A workload as its budget depends on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Guarded {
    /// The `apiVersion` of its kind.
    pub api_version: String,
    /// Its UID.
    pub uid: String,
    /// What selects its pods.
    pub selector: LabelSelector,
    /// The labels of its pods, as its template has them.
    pub labels: BTreeMap<String, String>,
    /// Whether it [`wants`] a budget.
    pub wanted: bool,
}

/// Keeps the budgets of all workloads. A budget of somebody else's that selects the same pods is left alone, and there is
/// none of ours beside it: Kubernetes evicts no pod that has two.
#[derive(Debug)]
pub struct Disruptions {
    writes: Writes,
    /// Budgets, in the version that the cluster serves.
    kind: ApiResource,
    workloads: Mutex<Workloads>,
    changed: Notify,
}

/// Bounded by the workloads there are.
#[derive(Debug, Default)]
struct Workloads {
    /// By where their budgets are.
    known: HashMap<Place, (WorkloadId, Guarded)>,
    /// Whose workloads changed.
    changed: BTreeSet<Place>,
}

impl Disruptions {
    /// Budgets of `kind`, written by `writes`; [`Disruptions::run`] writes them.
    pub fn new(writes: Writes, kind: ApiResource) -> Disruptions {
        Disruptions { writes, kind, workloads: Mutex::default(), changed: Notify::new() }
    }

    /// The workload is so now. Where that is known already, nothing happens.
    pub fn see(&self, id: &WorkloadId, workload: Guarded) {
        let place = place(id);
        let mut workloads = self.workloads.lock();
        if workloads.known.get(&place).is_some_and(|(_, known)| *known == workload) {
            return;
        }
        workloads.known.insert(place.clone(), (id.clone(), workload));
        workloads.changed.insert(place);
        drop(workloads);
        self.changed.notify_one();
    }

    /// The workload is no more. Its budget goes with it, by its owner.
    pub fn gone(&self, id: &WorkloadId) {
        self.workloads.lock().known.remove(&place(id));
    }

    /// Makes and removes budgets for as long as it is polled; only where something changed. For the one who leads.
    pub async fn run(&self) -> Infallible {
        let api = Api::all_with(self.writes.client().clone(), &self.kind);
        let mut watch = watch(api, Which::default());
        let mut budgets = Watched::default();
        let mut agenda = Agenda::default();
        for place in self.workloads.lock().known.keys() {
            agenda.add(place.clone()); // an earlier run may have been dropped
        }
        loop {
            tokio::select! {
                biased;
                Some(event) = watch.next() => {
                    for place in self.take(event, &mut budgets) {
                        agenda.add(place);
                    }
                }
                () = self.changed.notified() => {
                    for place in std::mem::take(&mut self.workloads.lock().changed) {
                        agenda.add(place);
                    }
                }
                place = agenda.next(), if budgets.is_complete() => {
                    match self.see_to(&place, &mut budgets).await {
                        Ok(()) => agenda.done(&place),
                        Err(error) => {
                            tracing::warn!(%error, "the PodDisruptionBudget {place} is not what it should be");
                            agenda.failed(place);
                        }
                    }
                }
            }
        }
    }

    /// Takes in what the watch of budgets says; the answer is which of ours it may concern.
    fn take(&self, event: watcher::Result<Event<DynamicObject>>, budgets: &mut Watched<Budget>) -> Vec<Place> {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(%error, "the watch of PodDisruptionBudgets broke");
                return Vec::new();
            }
        };
        let changed = budgets.take(event, |object| Budget::of(object, &self.kind));
        let is_ours = |place: &Place| budgets.get(place).is_some_and(|budget| budget.is_ours);
        let workloads = self.workloads.lock();
        let mut concerned = Vec::new();
        for place in changed {
            // One of somebody else's, or one that is gone, may concern any workload of its namespace.
            let all = workloads.known.keys().filter(|known| known.namespace == place.namespace && !is_ours(&place));
            concerned.extend(all.cloned());
            concerned.push(place);
        }
        concerned
    }

    async fn see_to(&self, place: &Place, budgets: &mut Watched<Budget>) -> Result<(), Trouble> {
        let workload = self.workloads.lock().known.get(place).cloned();
        let Some((id, workload)) = workload else { return Ok(()) };
        let there = budgets.get(place);
        let is_covered = || {
            let others = budgets.iter().filter(|(at, budget)| at.namespace == place.namespace && !budget.is_ours);
            others.into_iter().any(|(_, budget)| budget.selects(&workload.labels))
        };
        let wanted = workload.wanted && !is_covered();
        let write = async {
            match there {
                Some(budget) if !budget.is_ours => Ok(None), // the name is taken; what it selects, its author knows
                Some(_) if !wanted => self.delete(place).await.map(|()| None),
                there if wanted && there.is_none_or(|budget| !budget.fits(&workload)) => {
                    let budget = desired(&self.kind, place, &id, &workload);
                    apply(&self.writes, (FIELD_MANAGER, "disruption"), &self.kind, place, &budget).await.map(Some)
                }
                _ => Ok(None),
            }
        };
        let written = timeout(bounds::KUBE_UPKEEP_TIME, write).await.map_err(|_| Trouble::Slow)??;
        if let Some(object) = written {
            budgets.put(&object, Budget::of(&object, &self.kind));
        }
        Ok(())
    }

    async fn delete(&self, place: &Place) -> Result<(), WriteError> {
        let request = Request::new(DynamicObject::url_path(&self.kind, Some(&place.namespace)))
            .delete(&place.name, &DeleteParams::default())
            .map_err(kube::Error::BuildRequest)?;
        match self.writes.send::<serde::de::IgnoredAny>(Urgency::Upkeep, "disruption", request).await {
            Err(error) if error.code() != Some(404) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Why a budget is not what it should be.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("it takes longer than {} s", bounds::KUBE_UPKEEP_TIME.as_secs())]
    Slow,
}

/// Where a workload's budget is: beside it, and named so that workloads of two kinds may have the same name.
fn place(id: &WorkloadId) -> Place {
    let name = format!("rouse-{}-{}", id.kind().to_ascii_lowercase(), id.name());
    Place { namespace: id.namespace().to_owned(), name }
}

fn desired(kind: &ApiResource, place: &Place, id: &WorkloadId, workload: &Guarded) -> Value {
    json!({
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {
            "name": place.name,
            "namespace": place.namespace,
            "labels": { LABEL: MANAGED_BY },
            "ownerReferences": [{
                "apiVersion": workload.api_version, "kind": id.kind(), "name": id.name(), "uid": workload.uid,
            }],
        },
        "spec": { "maxUnavailable": 1, "selector": workload.selector },
    })
}

/// What is used of a budget.
#[derive(Clone, Debug, PartialEq)]
struct Budget {
    is_ours: bool,
    owners: Vec<String>,
    max_unavailable: Value,
    selector: LabelSelector,
    /// Whether a selector that says nothing selects every pod, as it does in `policy/v1`.
    empty_is_all: bool,
}

impl Budget {
    fn of(object: &DynamicObject, kind: &ApiResource) -> Budget {
        let metadata = &object.metadata;
        let spec = &object.data["spec"];
        Budget {
            is_ours: metadata.labels.as_ref().and_then(|labels| labels.get(LABEL)).is_some_and(|by| by == MANAGED_BY),
            owners: metadata.owner_references.iter().flatten().map(|owner| owner.uid.clone()).collect(),
            max_unavailable: spec["maxUnavailable"].clone(),
            selector: serde_json::from_value(spec["selector"].clone()).unwrap_or_default(),
            empty_is_all: kind.version != "v1beta1" && spec["selector"].is_object(),
        }
    }

    fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        // A selector that Kubernetes would not have taken selects nothing.
        let Ok(selector) = Selector::try_from(self.selector.clone()) else { return false };
        if selector.selects_all() { self.empty_is_all } else { selector.matches(labels) }
    }

    fn fits(&self, workload: &Guarded) -> bool {
        let is_owned = self.owners.len() == 1 && self.owners[0] == workload.uid;
        is_owned && self.max_unavailable == 1 && self.selector == workload.selector
    }
}

#[cfg(test)]
mod tests;
