//! ScaledObjects and ScaledJobs, with the Secrets, ConfigMaps and variables of the same files that their triggers use.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::authentications::{self, Authentications};
use super::document::{Kind, Object};
use super::expand::PORT;
use super::{Cluster, Draft, Template, jobs};
use crate::WorkloadId;
use crate::keda::{ScaledJob, ScaledObject, Secret, Trigger};
use crate::problem::Findings;

/// A ScaledObject as its manifests declare it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredObject {
    /// What it says.
    pub object: ScaledObject,
    /// What its triggers may use.
    pub given: Given,
    /// Where it is declared, for messages: its file and `ScaledObject default/worker`.
    pub place: (String, String),
}

/// A ScaledJob as its manifests declare it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredJob {
    /// What it says.
    pub job: ScaledJob,
    /// How one of its pods is run.
    pub template: Template,
    /// `terminationGracePeriodSeconds` (30 s): how long one of its pods may take to end when it is told to.
    pub termination_grace: Duration,
    /// What its triggers may use.
    pub given: Given,
    /// Where it is declared, for messages: its file and `ScaledJob default/worker`.
    pub place: (String, String),
}

/// What the triggers of one object may use besides their own parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// For each trigger, the parameters of its TriggerAuthentication; none if the files do not have all of it.
    pub auth: Vec<Option<BTreeMap<String, Secret>>>,
    /// The variables of the scaled container; none if the files do not say what is scaled.
    pub env: Option<BTreeMap<String, Secret>>,
}

/// What the manifests declare of triggers.
#[derive(Default)]
pub(super) struct Declared {
    pub(super) objects: Vec<DeclaredObject>,
    pub(super) jobs: Vec<DeclaredJob>,
}

/// The ScaledObjects among `objects`, each of a workload among `drafts`, and the ScaledJobs.
pub(super) fn read(objects: &[Object], drafts: &mut [Draft], cluster: &Cluster, found: &mut Findings) -> Declared {
    let authentications = authentications::read(objects, &cluster.data, found);
    let mut declared = Declared::default();
    let mut scaled: HashMap<WorkloadId, String> = HashMap::new();
    for object in objects {
        let mut here = object.findings();
        let place = (object.file.clone(), object.to_string());
        match object.kind {
            Kind::ScaledObject => {
                let read = ScaledObject::read(&object.root(), object.namespace.clone(), object.name.clone(), &mut here);
                let env = variables_of(&read, drafts, &mut here);
                if let Some(other) = scaled.insert(read.target.workload.clone(), object.to_string()) {
                    let message = format!("{} is scaled by {other} too", read.target.workload);
                    here.refuse("spec.scaleTargetRef.name", message);
                }
                note_worker(&read.target.workload, drafts);
                let given = given(&authentications, object, &read.triggers, env, &mut here);
                declared.objects.push(DeclaredObject { object: read, given, place });
            }
            Kind::ScaledJob => {
                let job = ScaledJob::read(&object.root(), object.namespace.clone(), object.name.clone(), &mut here);
                let (template, termination_grace) = jobs::read(object, cluster, &mut here);
                let env = texts(template.without_port().env);
                let given = given(&authentications, object, &job.triggers, Some(env), &mut here);
                declared.jobs.push(DeclaredJob { job, template, termination_grace, given, place });
            }
            _ => continue,
        }
        found.absorb(here);
    }
    declared
}

/// What a ScaledObject scales is a worker, unless requests come to it: by a Service, a host, or because that is what it is.
fn note_worker(id: &WorkloadId, drafts: &mut [Draft]) {
    let is_it = |draft: &&mut Draft| draft.declared.workload.id == *id;
    if let Some(draft) = drafts.iter_mut().find(is_it)
        && draft.declared.ports.is_empty()
        && draft.hosts.is_empty()
        && id.kind() != "Service"
    {
        draft.declared.worker = true;
        draft.declared.workload.hosts.clear();
    }
}

/// The variables of what `object` scales.
fn variables_of(object: &ScaledObject, drafts: &[Draft], found: &mut Findings) -> Option<BTreeMap<String, Secret>> {
    let target = &object.target;
    let draft = drafts.iter().find(|draft| draft.declared.workload.id == target.workload);
    if let Some(draft) = draft {
        return Some(variables(&draft.declared.template));
    }
    if !target.workload.name().is_empty() {
        let whose = format!("{} {}/{}", target.workload.kind(), object.namespace, target.workload.name());
        found.warn("spec.scaleTargetRef", format!("{whose} is in none of the files: nothing is scaled on one machine"));
    }
    None
}

/// The variables of a container, resolved; `PORT` is no pod's yet.
pub(super) fn variables(template: &Template) -> BTreeMap<String, Secret> {
    texts(template.with_port(0).env.into_iter().filter(|(name, _)| name != PORT))
}

fn texts(env: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, Secret> {
    env.into_iter().map(|(name, value)| (name, Secret::new(value))).collect()
}

/// What `triggers` of `object` may use.
fn given(
    authentications: &Authentications,
    object: &Object,
    triggers: &[Trigger],
    env: Option<BTreeMap<String, Secret>>,
    found: &mut Findings,
) -> Given {
    given_in(authentications, &object.namespace, triggers, env, found)
}

/// What `triggers` of an object in `namespace` may use.
pub(super) fn given_in(
    authentications: &Authentications,
    namespace: &str,
    triggers: &[Trigger],
    env: Option<BTreeMap<String, Secret>>,
    found: &mut Findings,
) -> Given {
    let auth = triggers.iter().enumerate().map(|(n, trigger)| {
        let Some(named) = &trigger.authentication else { return Some(BTreeMap::new()) };
        let path = format!("spec.triggers[{n}].authenticationRef.name");
        authentications.parameters(named, namespace, env.as_ref(), &path, found)
    });
    Given { auth: auth.collect(), env }
}
