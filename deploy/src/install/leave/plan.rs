//! From what is there to the way out.

use super::found::{Found, Slice};
use super::routed::Routed;
use super::step::{Located, Step};
use crate::install::workloads::Labelled;
use crate::install::{Leaving, Object};
use crate::kubernetes::names::{CONFIG_AUTOSCALER, ROUTE_KEY};

/// What is to be done, in this order, and what somebody should know before.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) warnings: Vec<String>,
}

/// The way out of what was found.
pub(super) fn plan(found: &Found, leaving: Leaving) -> Plan {
    let mut steps = Vec::new();
    // Without an injector no labelled pod can be made while the apiserver still asks for it.
    let webhook = found.webhook.iter().cloned().map(Step::Delete);
    if !found.injects {
        steps.extend(webhook.clone());
    }
    if found.has_control() {
        steps.extend(serving(found));
    }
    steps.extend(found.autoscaler.iter().cloned().map(Step::Stop));
    if found.injects {
        steps.extend(webhook);
    }
    steps.extend(found.services.iter().flat_map(|service| given_back(service, &found.slices)));
    let orphans =
        found.slices.iter().filter(|slice| !found.services.iter().any(|service| slice.is_of(&service.object)));
    steps.extend(orphans.map(|slice| Step::Delete(slice.object.clone())));
    steps.extend(found.workloads.iter().filter_map(|workload| forgotten(found, workload)));
    steps.extend(found.budgets.iter().cloned().map(Step::Delete));
    steps.extend(found.labelled.iter().cloned().map(Step::Unlabel));
    steps.extend(gone(found, leaving));
    let mut warnings: Vec<String> = found.services.iter().filter_map(warning).collect();
    // Whoever deletes it deletes all Knative Services, and they take their workloads along.
    warnings.extend(found.definition.iter().map(|definition| {
        format!("{definition} stays, and so does what Knative Services became: editing one has no effect any more")
    }));
    warnings.extend(found.scaled_objects.iter().map(|definition| {
        format!("{definition} stays, and so do ScaledObjects: what they name keeps the replicas that it has")
    }));
    warnings.extend(found.scaled_jobs.iter().map(|definition| {
        format!("{definition} stays, and so do ScaledJobs: their Jobs go on to their ends, and no others begin")
    }));
    Plan { steps, warnings }
}

/// Everything serves, and nothing is scaled away from it.
fn serving(found: &Found) -> Vec<Step> {
    let replicas = |workload: &Labelled| workload.original.unwrap_or(1).max(1);
    let paused = found.workloads.iter().filter(|workload| pauses(found, workload));
    let mut steps: Vec<Step> = paused.map(|workload| Step::Pause(workload.object.clone())).collect();
    let low = found.workloads.iter().filter(|workload| workload.replicas.is_none_or(|has| has < replicas(workload)));
    steps.extend(low.map(|workload| Step::Raise(workload.object.clone(), replicas(workload))));
    if !found.workloads.is_empty() {
        let all = found.workloads.iter().map(|workload| (workload.object.clone(), replicas(workload)));
        steps.push(Step::AwaitReady(all.collect()));
    }
    steps
}

/// What we consist of goes; the namespace last, when nothing runs in it any more: Kubernetes looks after one with pods that
/// end only when half of the time has passed that they may take.
fn gone(found: &Found, leaving: Leaving) -> Vec<Step> {
    let is_kept = |object: &Object| leaving.keep_namespace && object.name() == CONFIG_AUTOSCALER;
    let (namespaces, others): (Vec<&Object>, Vec<&Object>) =
        found.ours.iter().rev().filter(|object| !is_kept(object)).partition(|object| object.kind() == "Namespace");
    let mut steps: Vec<Step> = others.into_iter().cloned().map(Step::Delete).collect();
    if found.runs || !steps.is_empty() {
        steps.push(Step::AwaitEnded(found.namespace.clone()));
    }
    for namespace in namespaces.into_iter().filter(|_| !leaving.keep_namespace) {
        steps.extend([Step::Delete(namespace.clone()), Step::AwaitGone(namespace.clone())]);
    }
    steps
}

fn forgotten(found: &Found, workload: &Labelled) -> Option<Step> {
    let unpause = workload.leaving || pauses(found, workload);
    (workload.marked || unpause).then(|| Step::Forget { workload: workload.object.clone(), unpause })
}

/// Whether `workload` has to be paused: there is somebody who scales it.
fn pauses(found: &Found, workload: &Labelled) -> bool {
    found.decides && !workload.paused
}

fn given_back(service: &Routed, slices: &[Slice]) -> Vec<Step> {
    let mut steps = Vec::new();
    if service.has_key {
        steps.push(Step::GiveBack(service.object.clone()));
    }
    steps.push(Step::AwaitServed(service.object.clone(), service.selector.clone()));
    let its = slices.iter().filter(|slice| slice.is_of(&service.object));
    steps.extend(its.map(|slice| Step::Delete(slice.object.clone())));
    steps
}

fn warning(service: &Routed) -> Option<String> {
    (!service.writers.is_empty()).then(|| {
        format!(
            "{}: its selector is applied by {}. If the manifest has {ROUTE_KEY} in it, take it out before the next time, \
             or the Service leads nowhere",
            Located(&service.object),
            service.writers.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::object::resource;

    fn object(kind: &str, name: &str) -> Object {
        Object::named(&resource("v1", kind), Some("shop"), name)
    }

    fn workload(name: &str, replicas: u32, original: Option<u32>) -> Labelled {
        let object = Object::named(&resource("apps/v1", "Deployment"), Some("shop"), name);
        let marked = original.is_some();
        Labelled { object, replicas: Some(replicas), original, paused: false, leaving: false, marked }
    }

    /// Two workloads at work, one Service of which is routed.
    fn installed() -> Found {
        let slice = |name: &str, service: &str| Slice {
            object: object("EndpointSlice", name),
            service: Some(service.to_owned()),
        };
        Found {
            namespace: "rouse-system".to_owned(),
            runs: true,
            workloads: vec![workload("idle", 0, Some(3)), workload("busy", 5, Some(2))],
            services: vec![Routed {
                object: object("Service", "idle"),
                has_key: true,
                selector: "app=idle".to_owned(),
                writers: Vec::new(),
            }],
            slices: vec![slice("rouse-link", "rouse-autoscaler"), slice("idle-rouse", "idle")],
            budgets: vec![object("PodDisruptionBudget", "rouse-deployment-busy")],
            autoscaler: Some(object("Deployment", "rouse-autoscaler")),
            decides: true,
            webhook: Some(object("MutatingWebhookConfiguration", "rouse-injector")),
            injects: true,
            labelled: vec![object("Namespace", "kube-system")],
            definition: None,
            scaled_objects: None,
            scaled_jobs: None,
            ours: vec![object("Namespace", "rouse-system"), object("ConfigMap", CONFIG_AUTOSCALER)],
        }
    }

    fn steps(found: &Found, leaving: Leaving) -> Vec<String> {
        plan(found, leaving).steps.iter().map(|step| step.to_string().replace(" in shop", "")).collect()
    }

    #[test]
    fn first_all_serves_then_nobody_interferes_then_it_is_given_back_and_last_we_go() {
        assert_eq!(
            steps(&installed(), Leaving::default()),
            [
                "pause deployment.apps/idle",
                "pause deployment.apps/busy",
                "scale deployment.apps/idle to 3",
                "wait until 2 labelled workloads are ready",
                "stop deployment/rouse-autoscaler",
                "delete mutatingwebhookconfiguration/rouse-injector",
                "give service/idle back",
                "wait until Kubernetes itself serves service/idle",
                "delete endpointslice/idle-rouse",
                "delete endpointslice/rouse-link",
                "forget deployment.apps/idle",
                "forget deployment.apps/busy",
                "delete poddisruptionbudget/rouse-deployment-busy",
                "unlabel namespace/kube-system",
                "delete configmap/config-autoscaler",
                "wait until the last pods in rouse-system have ended",
                "delete namespace/rouse-system",
                "wait until namespace/rouse-system is gone",
            ]
        );
    }

    #[test]
    fn without_an_injector_pods_are_made_without_it() {
        let mut found = installed();
        found.injects = false;
        let steps = steps(&found, Leaving::default());
        assert_eq!(steps[0], "delete mutatingwebhookconfiguration/rouse-injector");
        assert_eq!(steps.iter().filter(|step| step.contains("webhook")).count(), 1);
    }

    #[test]
    fn a_second_run_goes_on_where_the_first_was_broken_off() {
        let mut found = installed();
        found.decides = false;
        found.webhook = None;
        found.services[0].has_key = false;
        for workload in &mut found.workloads {
            (workload.paused, workload.leaving, workload.replicas) = (true, true, Some(5));
        }
        let again = steps(&found, Leaving::default());
        assert_eq!(
            again[..4],
            [
                "wait until 2 labelled workloads are ready",
                "stop deployment/rouse-autoscaler",
                "wait until Kubernetes itself serves service/idle",
                "delete endpointslice/idle-rouse",
            ]
        );
        let forget = |step: &Step| matches!(step, Step::Forget { unpause: true, .. });
        assert_eq!(plan(&found, Leaving::default()).steps.iter().filter(|step| forget(step)).count(), 2);
    }

    #[test]
    fn where_rouse_is_not_labels_alone_mean_nothing() {
        let found = Found { workloads: vec![workload("web", 0, None)], ..Found::default() };
        assert_eq!(plan(&found, Leaving::default()), Plan::default());
    }

    #[test]
    fn whoever_had_paused_a_workload_finds_it_paused() {
        let mut found = installed();
        found.workloads[0].paused = true;
        let plan = plan(&found, Leaving::default());
        let first = Step::Forget { workload: found.workloads[0].object.clone(), unpause: false };
        assert!(plan.steps.contains(&first));
        assert!(!plan.steps.contains(&Step::Pause(found.workloads[0].object.clone())));
    }

    #[test]
    fn a_namespace_is_kept_with_what_users_wrote() {
        let steps = steps(&installed(), Leaving { keep_namespace: true, ..Leaving::default() });
        assert_eq!(
            steps[steps.len() - 2..],
            ["unlabel namespace/kube-system", "wait until the last pods in rouse-system have ended"]
        );
    }

    #[test]
    fn who_may_bring_the_key_back_is_named() {
        let mut found = installed();
        found.services[0].writers = vec!["argocd-controller".to_owned()];
        assert_eq!(
            plan(&found, Leaving::default()).warnings,
            [
                "service/idle in shop: its selector is applied by argocd-controller. If the manifest has rouse.dev/route in \
              it, take it out before the next time, or the Service leads nowhere"
            ]
        );
    }
}
