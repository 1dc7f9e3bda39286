//! Waits until our own pods serve, and says why they do not.

use std::time::Duration;

use anyhow::bail;
use serde_json::Value;

use super::cluster::{Cluster, ClusterError};
use super::manifests::PART_OF;
use super::object::resource;
use super::patience::Patience;
use super::{Object, Say};

/// Returns when all `deployments` are as they should be, with all their pods.
///
/// # Errors
/// When they are not after `wait`: which, and what their pods say.
pub(super) async fn await_available(
    cluster: &Cluster,
    deployments: &[&Object],
    wait: Duration,
    say: Say<'_>,
) -> anyhow::Result<()> {
    let mut patience = Patience::new(wait);
    loop {
        let mut missing = Vec::new();
        for deployment in deployments {
            let found = cluster.get(deployment).await?.unwrap_or_default();
            missing.extend(lacks(&found).map(|lack| format!("{deployment}: {lack}")));
        }
        if missing.is_empty() {
            return Ok(());
        }
        if !patience.looks_again(say, || missing.join(", ")).await {
            missing.extend(complaints(cluster, deployments).await?);
            bail!("not all pods are ready after {wait:?}:\n  {}", missing.join("\n  "));
        }
    }
}

/// What a Deployment lacks; nothing if its newest form is rolled out.
fn lacks(deployment: &Value) -> Option<String> {
    let number = |pointer| deployment.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let wanted = number("/spec/replicas");
    let (updated, available) = (number("/status/updatedReplicas"), number("/status/availableReplicas"));
    let old = number("/status/replicas").saturating_sub(updated);
    let is_seen = number("/status/observedGeneration") >= number("/metadata/generation");
    if is_seen && updated >= wanted && available >= wanted && old == 0 {
        return None;
    }
    let ready = if is_seen { updated.min(available.saturating_sub(old)) } else { 0 };
    let failure = items(deployment, "/status/conditions")
        .find(|condition| condition["type"] == "ReplicaFailure" && condition["status"] == "True")
        .map(|condition| format!(": {}", text(condition, "/message")));
    Some(format!("{ready} of {wanted} pods are ready{}", failure.unwrap_or_default()))
}

/// What keeps our pods from being ready, a line each.
async fn complaints(cluster: &Cluster, deployments: &[&Object]) -> Result<Vec<String>, ClusterError> {
    let namespace = deployments.first().and_then(|deployment| deployment.namespace());
    let pods = cluster.list(&resource("v1", "Pod"), namespace, PART_OF).await?;
    Ok(pods
        .iter()
        .filter_map(|pod| Some(format!("pod/{}: {}", text(pod, "/metadata/name"), complaint(pod)?)))
        .collect())
}

/// What keeps a pod from being ready.
fn complaint(pod: &Value) -> Option<String> {
    let said = |state: &Value| {
        let (reason, message) = (text(state, "/reason"), text(state, "/message"));
        if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") }
    };
    let waiting = items(pod, "/status/containerStatuses").find_map(|container| {
        let last = container
            .pointer("/lastState/terminated")
            .map(|state| format!(" (it ended with {})", state.pointer("/exitCode").unwrap_or(&Value::Null)));
        let waiting = container.pointer("/state/waiting").filter(|state| text(state, "/reason") != "ContainerCreating");
        waiting.map(|state| format!("{}{}", said(state), last.unwrap_or_default()))
    });
    let unplaced = || {
        items(pod, "/status/conditions")
            .find(|condition| condition["type"] == "PodScheduled" && condition["status"] == "False")
            .map(said)
    };
    waiting.or_else(unplaced)
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deployment_is_there_when_its_newest_form_is() {
        let rolled = json!({
            "metadata": { "generation": 2 }, "spec": { "replicas": 2 },
            "status": { "observedGeneration": 2, "updatedReplicas": 2, "availableReplicas": 2 },
        });
        assert_eq!(lacks(&rolled), None);
        let mut unseen = rolled.clone();
        unseen["metadata"]["generation"] = 3.into();
        assert_eq!(lacks(&unseen).unwrap(), "0 of 2 pods are ready");
        let mut rolling = rolled.clone();
        rolling["status"]["replicas"] = 3.into();
        assert_eq!(lacks(&rolling).unwrap(), "1 of 2 pods are ready", "an old one is among those available");
        let mut refused = rolled.clone();
        refused["status"] = json!({
            "observedGeneration": 2,
            "conditions": [{ "type": "ReplicaFailure", "status": "True", "message": "exceeded quota" }],
        });
        assert_eq!(lacks(&refused).unwrap(), "0 of 2 pods are ready: exceeded quota");
    }

    #[test]
    fn a_pod_says_what_it_waits_for() {
        let pod = json!({ "status": { "containerStatuses": [{
            "state": { "waiting": { "reason": "ErrImagePull", "message": "no such host" } },
        }] } });
        assert_eq!(complaint(&pod).unwrap(), "ErrImagePull: no such host");
        let pod = json!({ "status": { "containerStatuses": [{
            "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            "lastState": { "terminated": { "exitCode": 2 } },
        }] } });
        assert_eq!(complaint(&pod).unwrap(), "CrashLoopBackOff (it ended with 2)");
        let pod = json!({ "status": { "conditions": [
            { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes" },
        ] } });
        assert_eq!(complaint(&pod).unwrap(), "Unschedulable: 0/1 nodes");
        assert_eq!(complaint(&json!({})), None);
    }
}
