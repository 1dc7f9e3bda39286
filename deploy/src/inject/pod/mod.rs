//! A labelled pod gets a queue-proxy: what is changed of it, or why it cannot have one.
//!
//! Pure: a pod in, a patch out. A pod that has all of it already gets an empty patch, so that it does not matter how often
//! the apiserver asks.

mod app;
mod ending;
mod probe;
mod refuse;
mod resources;
mod shape;
mod sidecar;
#[cfg(test)]
mod tests;

use config::annotations::{self, Holder, Limits, Scaling};
use config::{AutoscalerConfig, Defaults, Findings, Policy, Problems, Serving, Warning};
use json_patch::Patch;
use serde::Deserialize;
use serde_json::{Value, json};

use self::app::{App, PORT};
use self::probe::Readiness;
use self::shape::Pod;
use self::sidecar::Wanted;
use super::field;
use super::settings::{Injection, Sidecar};
use crate::kubernetes::names;

/// What becomes of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Injected {
    /// What is changed of it.
    pub patch: Patch,
    /// What its author should know.
    pub warnings: Vec<Warning>,
}

/// The change that gives `pod`, of `namespace`, a queue-proxy. Pods without the label are left alone.
///
/// # Errors
/// Everything that speaks against it: settings that are wrong, and what no queue-proxy can serve.
pub fn inject(pod: &Value, namespace: &str, settings: &Injection) -> Result<Injected, Problems> {
    let read = match Pod::deserialize(pod) {
        Ok(read) => read,
        Err(error) => {
            let mut found = Findings::about("", format!("Pod {namespace}/?"));
            found.refuse("", format!("is no pod: {error}"));
            return found.finish(Injected::default()).map(|(injected, _)| injected);
        }
    };
    if read.metadata.labels.get(names::INJECT_LABEL).is_none_or(|value| value != "true") {
        return Ok(Injected::default());
    }
    let mut found = Findings::about("", format!("Pod {namespace}/{}", read.metadata.name()));
    refuse::check(&read, &mut found);
    let serving = serving(&read, &mut found);
    let plan = Plan::new(&read, &serving, settings, &mut found);
    ending::remark(&read, plan.as_ref().map(|plan| &plan.app), settings, &mut found);
    let (plan, warnings) = found.finish(plan)?;
    let changed = plan.map_or_else(|| pod.clone(), |plan| plan.applied(pod, settings));
    Ok(Injected { patch: json_patch::diff(pod, &changed), warnings })
}

/// How the pod is served, by its annotations; all of them are looked at, as the workload's will be.
fn serving(pod: &Pod, found: &mut Findings) -> Serving {
    let metadata = &pod.metadata;
    for words in [&metadata.labels, &metadata.annotations] {
        annotations::check_words(words, Holder::Workload, found);
    }
    let mut serving = Serving::default();
    Limits::read(&metadata.annotations, found).apply(&Defaults::default(), &mut serving, found);
    let config = AutoscalerConfig::default();
    let scaling = Scaling::read(&metadata.annotations, &config, found);
    let _policy = Policy::new(&scaling, &config, serving.container_concurrency, found);
    annotations::hosts(&metadata.annotations, found);
    serving
}

/// What a pod is changed to.
struct Plan<'a> {
    pod: &'a Pod,
    app: App<'a>,
    readiness: Readiness,
    /// What kind of container the queue-proxy is, and its place if the pod has it already.
    place: (Sidecar, Option<usize>),
    container: Value,
    /// Seconds.
    grace: i64,
}

impl<'a> Plan<'a> {
    fn new(pod: &'a Pod, serving: &Serving, settings: &Injection, found: &mut Findings) -> Option<Plan<'a>> {
        let app = App::find(pod, found)?;
        let readiness = Readiness::of(&app, found);
        let resources =
            resources::wanted(&pod.metadata.annotations, &app.container.resources, &settings.resources, found);
        let place = pod.spec.queue_proxy().unwrap_or((settings.sidecar, None));
        let wanted = Wanted { kind: place.0, app: &app, serving, readiness: &readiness, resources };
        let container = sidecar::container(wanted, settings);
        let grace = ending::grace(pod.spec.termination_grace_period_seconds, serving.timeout, settings.drain_quiet);
        Some(Plan { pod, app, readiness, place, container, grace })
    }

    /// `pod` as it should be.
    fn applied(self, pod: &Value, settings: &Injection) -> Value {
        let mut changed = pod.clone();
        let spec = field(&mut changed, "spec");
        self.change_app(&mut field(spec, "containers")[self.app.index]);
        if self.pod.spec.termination_grace_period_seconds != Some(self.grace) {
            *field(spec, "terminationGracePeriodSeconds") = json!(self.grace);
        }
        if let Some(volume) = sidecar::volume(settings)
            && self.pod.spec.volumes.iter().all(|there| volume["name"] != there.name)
        {
            insert(field(spec, "volumes"), usize::MAX, volume);
        }
        self.put_sidecar(spec);
        changed
    }

    fn change_app(&self, app: &mut Value) {
        if self.app.must_be_told {
            insert(field(app, "env"), usize::MAX, json!({"name": PORT, "value": self.app.port.to_string()}));
        }
        if let (Readiness::Moves(_), Some(fields)) = (&self.readiness, app.as_object_mut()) {
            fields.remove("readinessProbe");
        }
        if !ending::has_pre_stop(self.app.container) {
            *field(field(app, "lifecycle"), "preStop") = sidecar::wait_for_drain();
        }
    }

    /// Beside the app, behind all others, so that the app starts no later for it; or before everyone, so that it is there
    /// as early as can be.
    fn put_sidecar(self, spec: &mut Value) {
        let (list, end) = match self.place.0 {
            Sidecar::Classic => ("containers", usize::MAX),
            Sidecar::Native => ("initContainers", 0),
        };
        let containers = field(spec, list);
        match self.place.1 {
            Some(there) => sidecar::complete(&mut containers[there], self.container),
            None => insert(containers, end, self.container),
        }
    }
}

/// Puts `item` into a list, which may not be there yet, at `place` or at its end.
fn insert(list: &mut Value, place: usize, item: Value) {
    match list {
        Value::Array(items) => items.insert(place.min(items.len()), item),
        absent => *absent = json!([item]),
    }
}
