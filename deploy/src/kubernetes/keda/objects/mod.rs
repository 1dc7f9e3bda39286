//! ScaledObjects: what each names is scaled by what its triggers count.

mod served;

use std::collections::HashMap;
use std::sync::Arc;

use config::WorkloadId;
use config::keda::ScaledObject;
use config::manifest::{Asker, DeclaredObject};
use kube::core::{ApiResource, DynamicObject};
use serde_json::Value;

use self::served::Served;
use super::controller::uid;
use super::desk::{Desk, Object, with_status};
use super::serves::{Heard, Serves};
use super::status::{self, Facts};
use super::surroundings::Target;
use super::trouble::{Trouble, said};
use super::words::{SCALED_OBJECT, Words};
use crate::kubernetes::discovery::Discovered;
use crate::kubernetes::platform::KubernetesPlatform;
use crate::kubernetes::told::Tone;
use crate::kubernetes::watched::Place;
use crate::triggers::{Keepers, Plan, Told};

/// All that are served.
pub(super) struct ScaledObjects<'a> {
    platform: Arc<KubernetesPlatform>,
    discovered: Arc<Discovered>,
    keepers: &'a mut Keepers,
    told: Told,
    served: HashMap<Place, Served>,
    /// Whose each workload is.
    whose: HashMap<WorkloadId, Place>,
}

impl ScaledObjects<'_> {
    pub(super) fn new<'a>(
        platform: &Arc<KubernetesPlatform>,
        discovered: &Arc<Discovered>,
        keepers: &'a mut Keepers,
    ) -> ScaledObjects<'a> {
        ScaledObjects {
            platform: Arc::clone(platform),
            discovered: Arc::clone(discovered),
            told: keepers.told().clone(),
            keepers,
            served: HashMap::new(),
            whose: HashMap::new(),
        }
    }
}

impl Serves for ScaledObjects<'_> {
    const WORDS: Words = SCALED_OBJECT;

    fn kind() -> ApiResource {
        super::scaled_objects()
    }

    fn used(object: &DynamicObject) -> Object {
        with_status(object)
    }

    fn knows_all(&self) -> bool {
        true
    }

    async fn news(&mut self) -> Heard {
        let owners = |ids: std::collections::BTreeSet<WorkloadId>| {
            ids.iter().filter_map(|id| self.whose.get(id).cloned()).collect::<Vec<_>>()
        };
        tokio::select! {
            changed = self.told.news() => Heard { tell: owners(changed), ..Heard::default() },
            appeared = self.platform.appeared() => Heard { look: owners(appeared), ..Heard::default() },
        }
    }

    async fn serve(&mut self, desk: &mut Desk<'_>, place: &Place, object: &Value) -> Result<(), Trouble> {
        let (uid, (object, mut odd)) = (uid(object), ScaledObject::on_cluster(object)?);
        let workload = object.target.workload.clone();
        if self.claimed(place).is_some_and(|claimed| *claimed != workload) {
            desk.failing.never(place);
            self.unserve(desk, place).await;
        }
        let kind = self.kind_of(&object)?;
        self.claim(place, &workload)?;
        let Some(target) = desk.surroundings.target(&kind, &workload).await? else {
            let whose = format!("{} {}/{}", workload.kind(), workload.namespace(), workload.name());
            return Err(Trouble::Lacks(format!("spec.scaleTargetRef.name: {whose} is not there")));
        };
        let asker = Asker::from(&object);
        let (given, more) = desk.given(&asker, target.pod.as_ref()).await?;
        odd.extend(more);
        let declared = DeclaredObject { place: (String::new(), asker.object.clone()), given, object: object.clone() };
        let before = self.served.get(place);
        if before.is_some_and(|before| before.declared == declared && before.alone != target.is_labelled) {
            return Ok(());
        }
        let plan = Plan::new(&declared, !target.is_labelled, &desk.pool)?;
        odd.extend_from_slice(plan.odd());
        if !odd.is_empty() {
            desk.tell_of(place, uid, Tone::Normal, "KEDAScalerInfo", said(odd.iter().map(|odd| &odd.0)));
        }
        let original = before.map(|before| before.facts.original).unwrap_or_else(|| original(desk, place, &target));
        let facts = Facts::of(&declared.object, kind, plan.metrics(), original);
        // Only now: what nobody keeps a plan of would count as a workload that nobody asks for.
        self.keepers.put(plan);
        self.platform.name(&workload);
        self.served.insert(place.clone(), Served { declared, alone: !target.is_labelled, facts });
        Ok(())
    }

    /// What it scaled is nobody's, or that of another ScaledObject that had to wait for it.
    async fn unserve(&mut self, desk: &mut Desk<'_>, place: &Place) {
        let Some(workload) = self.claimed(place).cloned() else { return drop(self.served.remove(place)) };
        let ScaledObjects { keepers, served, whose, platform, .. } = self;
        // All of it or nothing, if whoever waits gives up: then it is done again.
        let unname = || {
            let restore = served.remove(place).and_then(|served| served.restore());
            whose.remove(&workload);
            platform.unname(&workload, restore);
        };
        keepers.remove(&workload, unname).await;
        for (other, object) in desk.objects.iter().filter(|(other, _)| *other != place) {
            let names_it = object["spec"]["scaleTargetRef"]["name"].as_str() == Some(workload.name());
            if names_it && other.namespace == workload.namespace() {
                desk.agenda.add(other.clone());
            }
        }
    }

    fn status(&self, place: &Place, before: &Value) -> Option<Value> {
        let served = self.served.get(place)?;
        status::served(before, &served.facts, &self.told.of(served.workload())?)
    }

    fn errors(&self, place: &Place) -> Option<String> {
        let now = self.told.of(self.served.get(place)?.workload())?;
        let errors = now.triggers.iter().filter_map(|trigger| {
            let error = trigger.error.as_ref()?;
            Some(format!("{}: {error}", trigger.name))
        });
        let errors: Vec<String> = errors.collect();
        (!errors.is_empty()).then(|| errors.join("; "))
    }

    fn uses_others(&self, place: &Place) -> bool {
        self.served.get(place).is_some_and(Served::uses_others)
    }

    async fn stop(self, _: Desk<'_>) {
        for workload in self.whose.into_keys() {
            self.keepers.remove(&workload, || self.platform.unname(&workload, None)).await;
        }
    }
}

impl ScaledObjects<'_> {
    /// The workload that is this one's.
    fn claimed(&self, place: &Place) -> Option<&WorkloadId> {
        self.whose.iter().find(|(_, owner)| *owner == place).map(|(workload, _)| workload)
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

    /// The kind of what it scales, if that is scaled here.
    fn kind_of(&self, object: &ScaledObject) -> Result<ApiResource, Trouble> {
        let target = &object.target;
        let group = target.api_version.split_once('/').map_or("", |(group, _)| group);
        let kind = self.discovered.kind(target.workload.kind()).filter(|kind| kind.group == group);
        kind.cloned().ok_or_else(|| {
            Trouble::Refused(format!(
                "spec.scaleTargetRef.kind: {}.{group} is not scaled here: name it by --kind RESOURCE.{group}",
                target.workload.kind()
            ))
        })
    }
}

/// How many replicas its workload had when it was first served: its status tells, if that was before.
fn original(desk: &Desk<'_>, place: &Place, target: &Target) -> Option<u32> {
    let status = desk.objects.get(place).map(|object| object["status"]["originalReplicaCount"].clone());
    let written = status.and_then(|original| original.as_u64()).and_then(|original| u32::try_from(original).ok());
    written.or(target.replicas)
}
