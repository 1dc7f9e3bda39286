//! What one ScaledObject says becomes a plan that is kept.

use std::collections::BTreeSet;

use config::keda::ScaledObject;
use config::manifest::{Around, DeclaredObject, given_on_cluster, needed_data};
use config::{Problem, Problems, Warning, WorkloadId, bounds};
use kube::core::ApiResource;
use serde_json::Value;
use tokio::time::timeout;

use super::controller::Controller;
use super::served::Served;
use super::status::Facts;
use super::surroundings::Target;
use super::telling::uid;
use crate::kubernetes::told::Tone;
use crate::kubernetes::watched::Place;
use crate::triggers::Plan;

/// Why a ScaledObject is not served as it is.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// It has to be changed, and then it is looked at again.
    #[error("{0}")]
    Refused(String),
    /// Something that it uses has to be there, or to be another; nobody tells when that is so.
    #[error("{0}")]
    Lacks(String),
    /// The apiserver did not answer.
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

impl From<Problems> for Trouble {
    fn from(problems: Problems) -> Trouble {
        Trouble::Refused(said(problems.0.iter()))
    }
}

/// All that is wrong or odd, in one line: of the object itself without its name, which whoever reads it sees beside it.
fn said<'a>(problems: impl Iterator<Item = &'a Problem>) -> String {
    let all = problems.map(|problem| {
        let object = if problem.object.starts_with("ScaledObject ") { String::new() } else { problem.object.clone() };
        Problem { object, ..problem.clone() }.to_string()
    });
    all.collect::<Vec<_>>().join("; ")
}

impl Controller<'_> {
    /// Looks at what is at `place`, and again later where that failed.
    pub(super) async fn see_to(&mut self, place: Place) {
        let object = self.objects.get(&place).cloned();
        let Some(object) = object.filter(|object| object["metadata"]["deletionTimestamp"].is_null()) else {
            self.gone(&place).await;
            return self.agenda.done(&place);
        };
        let went = timeout(bounds::KUBE_UPKEEP_TIME, self.serve(&place, &object)).await;
        match went {
            Ok(Ok(())) => {
                self.refused.remove(&place);
                self.agenda.done(&place);
            }
            Ok(Err(Trouble::Refused(why))) => {
                self.refuse(&place, why);
                self.agenda.done(&place);
            }
            Ok(Err(Trouble::Lacks(why))) => {
                self.refuse(&place, why);
                self.agenda.failed(place.clone());
            }
            Ok(Err(Trouble::Kube(error))) => {
                tracing::warn!(%error, "ScaledObject {place} cannot be looked at");
                return self.agenda.failed(place);
            }
            Err(_) => {
                tracing::warn!("ScaledObject {place} cannot be looked at: the apiserver does not answer");
                return self.agenda.failed(place);
            }
        }
        self.tell_soon(&place);
    }

    fn refuse(&mut self, place: &Place, why: String) {
        if self.refused.get(place) != Some(&why) {
            tracing::warn!("ScaledObject {place} is not served as it is: {why}");
            self.refused.insert(place.clone(), why);
        }
    }

    async fn gone(&mut self, place: &Place) {
        self.unserve(place).await;
        self.refused.remove(place);
        self.written.remove(place);
        self.statuses.never(place);
    }

    /// What it scaled is nobody's, or that of another ScaledObject that had to wait for it.
    async fn unserve(&mut self, place: &Place) {
        self.failing.never(place);
        let restore = self.served.remove(place).and_then(|served| served.restore());
        let Some(workload) = self.claimed(place).cloned() else { return };
        self.whose.remove(&workload);
        self.parts.platform.unname(&workload, restore);
        self.keepers.remove(&workload).await;
        for (other, object) in self.objects.iter().filter(|(other, _)| *other != place) {
            let names_it = object["spec"]["scaleTargetRef"]["name"].as_str() == Some(workload.name());
            if names_it && other.namespace == workload.namespace() {
                self.agenda.add(other.clone());
            }
        }
    }

    /// The workload that is this one's.
    fn claimed(&self, place: &Place) -> Option<&WorkloadId> {
        self.whose.iter().find(|(_, owner)| *owner == place).map(|(workload, _)| workload)
    }

    /// Makes a plan of what it says, and has it kept. One that was served before and is wrong now is served as it was.
    async fn serve(&mut self, place: &Place, object: &Value) -> Result<(), Trouble> {
        let (uid, (object, mut odd)) = (uid(object), ScaledObject::on_cluster(object)?);
        let workload = object.target.workload.clone();
        if self.claimed(place).is_some_and(|claimed| *claimed != workload) {
            self.unserve(place).await;
        }
        let kind = self.kind(&object)?;
        self.claim(place, &workload)?;
        let Some(target) = self.surroundings.target(&kind, &workload).await? else {
            let whose = format!("{} {}/{}", workload.kind(), workload.namespace(), workload.name());
            return Err(Trouble::Lacks(format!("spec.scaleTargetRef.name: {whose} is not there")));
        };
        let (declared, more) = self.declare(object, &target).await?;
        odd.extend(more);
        let before = self.served.get(place);
        if before.is_some_and(|before| before.declared == declared && before.alone != target.is_labelled) {
            return Ok(());
        }
        let plan = Plan::new(&declared, !target.is_labelled, &self.pool)?;
        odd.extend_from_slice(plan.odd());
        if !odd.is_empty() {
            self.tell_of(place, uid, Tone::Normal, "KEDAScalerInfo", said(odd.iter().map(|odd| &odd.0)));
        }
        let original = before.map(|before| before.facts.original).unwrap_or_else(|| self.original(place, &target));
        let facts = Facts::of(&declared.object, kind, plan.metrics(), original);
        // Only now: what nobody keeps a plan of would count as a workload that nobody asks for.
        self.keepers.put(plan);
        self.parts.platform.name(&workload);
        self.served.insert(place.clone(), Served { declared, alone: !target.is_labelled, facts });
        Ok(())
    }

    /// The kind of what it scales, if that is scaled here.
    fn kind(&self, object: &ScaledObject) -> Result<ApiResource, Trouble> {
        let target = &object.target;
        let group = target.api_version.split_once('/').map_or("", |(group, _)| group);
        let kind = self.parts.discovered.kind(target.workload.kind()).filter(|kind| kind.group == group);
        kind.cloned().ok_or_else(|| {
            Trouble::Refused(format!(
                "spec.scaleTargetRef.kind: {}.{group} is not scaled here: name it by --kind RESOURCE.{group}",
                target.workload.kind()
            ))
        })
    }

    /// From now on the workload is this one's, unless it is another's.
    fn claim(&mut self, place: &Place, workload: &WorkloadId) -> Result<(), Trouble> {
        match self.whose.get(workload) {
            Some(owner) if owner != place => {
                let (kind, name) = (workload.kind(), workload.name());
                let owner = &owner.name;
                let message = format!("the workload {kind} {name} is already managed by the ScaledObject {owner}");
                return Err(Trouble::Refused(message));
            }
            Some(_) => {}
            None => drop(self.whose.insert(workload.clone(), place.clone())),
        }
        Ok(())
    }

    /// The object with what its triggers are given, and what is odd about that.
    async fn declare(
        &mut self,
        object: ScaledObject,
        target: &Target,
    ) -> Result<(DeclaredObject, Vec<Warning>), Trouble> {
        let authentications = self.authentications(&object);
        let (pod, cluster_namespace) = (target.pod.as_ref(), self.parts.namespace.as_str());
        let none = Default::default();
        let around = Around { authentications: &authentications, pod, cluster_namespace, data: &none };
        let data = self.surroundings.data(needed_data(&object, &around)).await?;
        let given = given_on_cluster(&object, &Around { data: &data, ..around });
        let (given, odd) = given.map_err(|problems| Trouble::Lacks(said(problems.0.iter())))?;
        let place = (String::new(), format!("ScaledObject {}/{}", object.namespace, object.name));
        Ok((DeclaredObject { object, given, place }, odd))
    }

    /// The TriggerAuthentications that its triggers name.
    fn authentications(&self, object: &ScaledObject) -> Vec<Value> {
        let named: BTreeSet<(bool, &str)> = object
            .triggers
            .iter()
            .filter_map(|trigger| trigger.authentication.as_ref())
            .map(|named| (named.cluster, named.name.as_str()))
            .collect();
        let found = named.into_iter().filter_map(|(cluster, name)| {
            let namespace = if cluster { String::new() } else { object.namespace.clone() };
            let place = Place { namespace, name: name.to_owned() };
            if cluster { self.cluster_authentications.get(&place) } else { self.authentications.get(&place) }
        });
        found.map(|value| Value::clone(value)).collect()
    }

    /// How many replicas its workload had when it was first served: its status tells, if that was before.
    fn original(&self, place: &Place, target: &Target) -> Option<u32> {
        let status = self.objects.get(place).map(|object| object["status"]["originalReplicaCount"].clone());
        let written = status.and_then(|original| original.as_u64()).and_then(|original| u32::try_from(original).ok());
        written.or(target.replicas)
    }
}
