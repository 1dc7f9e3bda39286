//! Ordinary manifests: what users write, as workloads that can be run.

mod attach;
mod authentications;
mod container;
mod data;
mod document;
mod expand;
mod given_on_cluster;
mod hosts;
mod jobs;
mod knative_fields;
mod knative_on_cluster;
mod knative_service;
mod listed;
mod on_cluster;
mod probe;
mod triggers;
mod workload;

use std::path::PathBuf;

use data::DataObjects;
use document::{Kind, Object};
pub use expand::expand;
pub use given_on_cluster::{Around, Asker, DataRef, given_on_cluster, needed_data, needs_variables};
pub use knative_on_cluster::{KnativeService, knative_service};
pub use listed::{ListedPod, ListedPods};
pub use on_cluster::on_cluster;
pub use triggers::{DeclaredJob, DeclaredObject, Given};
pub use workload::spoken_by;

use crate::annotations::Annotations;
use crate::problem::{Findings, Problems, Warning};
use crate::{AutoscalerConfig, Defaults, Workload};

/// What the manifests declare.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifests {
    /// The workloads, in the order of the files.
    pub workloads: Vec<Declared>,
    /// The pods that the files list, for a platform that does not start pods itself.
    pub pods: Vec<ListedPods>,
    /// The ScaledObjects, in the order of the files.
    pub scaled_objects: Vec<DeclaredObject>,
    /// The ScaledJobs, in the order of the files.
    pub scaled_jobs: Vec<DeclaredJob>,
    /// What was ignored or is odd; stops nothing.
    pub warnings: Vec<Warning>,
}

/// Reads all of `files`, each a name for messages and its text, as one set: what one file declares another may use.
///
/// Read are Deployments, StatefulSets, Services, Knative Services, Secrets, ConfigMaps, KEDA's objects and lists of pods
/// ([`ListedPods`]); the ConfigMaps `config-autoscaler` and `config-defaults`, in any namespace, are the defaults of every workload.
///
/// # Errors
/// Every problem of every file.
pub fn read(files: &[(String, String)]) -> Result<Manifests, Problems> {
    read_with(files, |_, _| Findings::default())
}

/// As [`read`], together with what `check` finds in the ScaledObjects and ScaledJobs: what their triggers' parameters mean
/// is known elsewhere.
///
/// # Errors
/// Every problem of every file.
pub fn read_with(
    files: &[(String, String)],
    check: impl FnOnce(&[DeclaredObject], &[DeclaredJob]) -> Findings,
) -> Result<Manifests, Problems> {
    let mut found = Findings::default();
    let objects = document::objects(files, &mut found);
    let cluster = Cluster::read(&objects, &mut found);
    let mut drafts: Vec<Draft> = objects.iter().filter_map(|object| workload::read(object, &cluster)).collect();
    attach::services(&objects, &mut drafts, &mut found);
    hosts::assign(&mut drafts, &mut found);
    let pods = listed::read(&objects, &drafts, &mut found);
    let triggers = triggers::read(&objects, &mut drafts, &cluster, &mut found);
    let mut workloads = Vec::new();
    for draft in drafts {
        found.absorb(draft.findings);
        workloads.push(draft.declared);
    }
    found.absorb(check(&triggers.objects, &triggers.jobs));
    let (workloads, warnings) = found.finish(workloads)?;
    Ok(Manifests { workloads, pods, scaled_objects: triggers.objects, scaled_jobs: triggers.jobs, warnings })
}

/// What every workload may use.
struct Cluster {
    autoscaler: AutoscalerConfig,
    defaults: Defaults,
    data: DataObjects,
}

impl Cluster {
    fn read(objects: &[Object], found: &mut Findings) -> Cluster {
        let data = DataObjects::collect(objects, found);
        let mut cluster = Cluster { autoscaler: AutoscalerConfig::default(), defaults: Defaults::default(), data };
        for name in ["config-autoscaler", "config-defaults"] {
            let mut maps = objects.iter().filter(|object| object.kind == Kind::ConfigMap && object.name == name);
            let Some(first) = maps.next() else { continue };
            for other in maps {
                let mut here = other.findings();
                let (file, namespace) = (&first.file, &first.namespace);
                let message =
                    format!("is in {file} too, in namespace {namespace}: cluster-wide defaults have one place");
                here.refuse("", message);
                found.absorb(here);
            }
            cluster.apply(first, found);
        }
        cluster
    }

    fn apply(&mut self, object: &Object, found: &mut Findings) {
        let Some(data) = self.data.get(object.kind, &object.namespace, &object.name) else { return };
        let mut here = object.findings();
        match object.name.as_str() {
            "config-autoscaler" => self.autoscaler = AutoscalerConfig::from_data(data, &mut here),
            _ => self.defaults = Defaults::from_data(data, &mut here),
        }
        found.absorb(here);
    }
}

/// A workload while its Services and hosts are being found.
struct Draft {
    declared: Declared,
    /// The labels of its pods, which selectors of Services match.
    labels: Annotations,
    /// The names under which Services (or, without one, itself) make it known.
    names: Vec<String>,
    /// Its extra host names.
    hosts: Vec<String>,
    /// What was found about it so far.
    findings: Findings,
}

/// A workload as its manifests declare it, with all that a platform on one machine needs to run it.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Who it is, how it is scaled and served.
    pub workload: Workload,
    /// How one of its pods is run.
    pub template: Template,
    /// The ports of its Services; each is listened on.
    pub ports: Vec<ServicePort>,
    /// Whether no request comes to it, so that nothing but triggers asks for its pods: a ScaledObject scales it, and no
    /// Service is its. It need not listen on a port, and is ready as soon as it runs.
    pub worker: bool,
    /// Where it is declared, for messages: `hello.yaml: Deployment default/hello`.
    pub source: String,
}

/// How one pod is run: the first container of the pod template.
///
/// `command` and the values of `env` are as written: `$(NAME)` stands for a variable and `$$` for a dollar. Only the
/// platform knows a pod's `PORT`, so it resolves them, with [`Template::with_port`] or [`Template::without_port`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// `command` followed by `args`; never empty.
    pub command: Vec<String>,
    /// `env` and `envFrom`, with Secrets and ConfigMaps of the same files resolved, in order.
    pub env: Vec<(String, String)>,
    /// `workingDir`; else that of `rouse`.
    pub working_dir: Option<PathBuf>,
}

/// One port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where clients reach it.
    pub port: u16,
}
