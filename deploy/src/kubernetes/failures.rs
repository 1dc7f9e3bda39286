//! What the cluster says of pods that cannot start or cannot be created, as the reasons that clients and operators see.

use config::Failure;

use super::objects::pod::{ContainerStatus, PodStatus, Terminated};
use super::objects::workload::Condition;

/// Why a container waits whose image cannot be had.
const IMAGE: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

/// Why a container waits, or ended, that cannot run as it is declared: a command that does not exist, a Secret that is
/// not there.
const CANNOT_RUN: [&str; 5] =
    ["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"];

/// The failure that keeps the pod's containers from running, but for those that exit; see [`exits`].
pub(super) fn of_containers(status: &PodStatus) -> Option<Failure> {
    containers(status).find_map(cannot_run).map(|detail| Failure::Image { detail })
}

fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    status.init_container_statuses.iter().chain(&status.container_statuses)
}

fn cannot_run(container: &ContainerStatus) -> Option<String> {
    let ContainerStatus { name, state, last_state, .. } = container;
    let waits = state.waiting.as_ref();
    let ended = state.terminated.as_ref().or(last_state.terminated.as_ref().filter(|_| waits.is_some()));
    let because = |reason: &str, message: &str| format!("container {name}: {reason}{}", after(": ", message));
    if let Some(waits) = waits.filter(|waits| is_one(&IMAGE, &waits.reason) || is_one(&CANNOT_RUN, &waits.reason)) {
        return Some(because(&waits.reason, &waits.message));
    }
    let ended = ended.filter(|ended| is_one(&CANNOT_RUN, &ended.reason))?;
    Some(because(&ended.reason, &ended.message))
}

fn is_one(reasons: &[&str], reason: &str) -> bool {
    reasons.contains(&reason)
}

/// `text` behind `before`, or nothing.
fn after(before: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{before}{text}") }
}

/// How often the container that did so most has exited, and what there is to say of its last exit. Containers that did
/// their work and are not run again do not count.
pub(super) fn exits(status: &PodStatus) -> (u32, String) {
    let most = containers(status).max_by_key(|container| exits_of(container));
    let Some(container) = most.filter(|container| exits_of(container) > 0) else { return (0, String::new()) };
    let ended = container.state.terminated.as_ref().or(container.last_state.terminated.as_ref());
    let how = ended.map(|Terminated { exit_code, reason, message }| {
        format!("exit status {exit_code}{}{}", after(", ", reason), after(": ", message.trim_end()))
    });
    (exits_of(container), format!("container {}{}", container.name, after(": ", &how.unwrap_or_default())))
}

fn exits_of(container: &ContainerStatus) -> u32 {
    let ended = container.state.terminated.as_ref();
    if ended.is_some_and(|ended| ended.exit_code == 0 && container.restart_count == 0) {
        return 0;
    }
    let waits_after_exit = container.state.waiting.is_some() && container.last_state.terminated.is_some();
    container.restart_count + u32::from(ended.is_some() || waits_after_exit)
}

/// What the scheduler says of a pod that it cannot place.
pub(super) fn unschedulable(status: &PodStatus) -> Option<&str> {
    let placed = status.condition("PodScheduled")?;
    (placed.status == "False" && placed.reason == "Unschedulable").then_some(&placed.message)
}

/// Why a workload's pods cannot be created, by its conditions.
pub(super) fn of_conditions(conditions: &[Condition]) -> Option<Failure> {
    let failing =
        conditions.iter().find(|condition| condition.kind == "ReplicaFailure" && condition.status == "True")?;
    Some(of_creation(&failing.message))
}

/// What a workload's conditions say when it makes no progress.
pub(super) fn no_progress(conditions: &[Condition]) -> Option<Failure> {
    let progress = conditions.iter().find(|condition| condition.kind == "Progressing")?;
    let is_late = progress.status == "False" && progress.reason == "ProgressDeadlineExceeded";
    is_late.then(|| Failure::StartTimeout { detail: progress.message.clone() })
}

/// What it means that a controller could not create a pod, by the apiserver's answer.
pub(super) fn of_creation(message: &str) -> Failure {
    let detail = message.to_owned();
    if ["exceeded quota", "failed quota"].iter().any(|words| message.contains(words)) {
        Failure::Quota { detail }
    } else {
        Failure::Admission { detail }
    }
}

/// Whether pods were not created because a webhook does not answer, rather than because of what they are. Their
/// controller then waits longer and longer, also when the webhook has long been back.
pub(super) fn is_webhook_away(failure: &Failure) -> bool {
    matches!(failure, Failure::Admission { detail } if detail.contains("failed calling webhook"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(value: Value) -> PodStatus {
        serde_json::from_value(value).unwrap()
    }

    fn app(state: Value, last: Value, restarts: u32) -> PodStatus {
        status(json!({ "phase": "Pending", "containerStatuses": [{
            "name": "app", "ready": false, "started": false, "image": "example.local/app:1", "imageID": "",
            "restartCount": restarts, "state": state, "lastState": last,
        }] }))
    }

    #[test]
    fn an_image_that_does_not_pull_is_one_failure_however_the_kubelet_calls_it() {
        for (reason, message) in [
            ("ErrImagePull", "rpc error: code = NotFound desc = failed to pull and unpack image"),
            ("ImagePullBackOff", "Back-off pulling image \"example.local/app:1\""),
            ("InvalidImageName", "Failed to apply default image tag \"a:b:c\""),
        ] {
            let pod = app(json!({ "waiting": { "reason": reason, "message": message } }), json!({}), 0);
            let detail = format!("container app: {reason}: {message}");
            assert_eq!(of_containers(&pod), Some(Failure::Image { detail }));
            assert_eq!(exits(&pod).0, 0);
        }
    }

    #[test]
    fn a_command_that_does_not_exist_is_one_too_before_and_in_its_back_off() {
        let ended = json!({ "terminated": {
            "exitCode": 128, "reason": "StartError", "startedAt": "1970-01-01T00:00:00Z",
            "message": "failed to create containerd task: exec: \"nope\": executable file not found in $PATH: unknown",
        } });
        let waits = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s restarting" } });
        for pod in [app(ended.clone(), json!({}), 0), app(waits, ended, 1)] {
            let detail = of_containers(&pod).expect("a failure").detail().to_owned();
            assert!(detail.starts_with("container app: StartError: failed to create"), "{detail}");
        }
    }

    #[test]
    fn exits_are_restarts_and_the_one_that_was_last() {
        let ended =
            |code: i32| json!({ "terminated": { "exitCode": code, "reason": "Error", "message": "no config\n" } });
        let running = json!({ "running": { "startedAt": "2026-01-02T03:04:05Z" } });
        let waits = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        assert_eq!(exits(&app(running.clone(), json!({}), 0)).0, 0);
        assert_eq!(exits(&app(ended(1), json!({}), 0)).0, 1);
        assert_eq!(exits(&app(running, ended(1), 1)).0, 1);
        let (exits_now, detail) = exits(&app(waits, ended(1), 2));
        assert_eq!((exits_now, detail.as_str()), (3, "container app: exit status 1, Error: no config"));
        assert_eq!(of_containers(&app(ended(1), json!({}), 2)), None);
    }

    #[test]
    fn an_init_container_that_is_done_has_not_failed() {
        let done = json!({ "terminated": { "exitCode": 0, "reason": "Completed" } });
        let pod = status(json!({ "initContainerStatuses": [{ "name": "migrate", "restartCount": 0, "state": done }] }));
        assert_eq!(exits(&pod), (0, String::new()));
        let fails = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        let pod = status(json!({ "initContainerStatuses": [{
            "name": "migrate", "restartCount": 4, "state": fails, "lastState": { "terminated": { "exitCode": 2 } },
        }] }));
        assert_eq!(exits(&pod), (5, "container migrate: exit status 2".to_owned()));
    }

    #[test]
    fn what_the_scheduler_cannot_place_is_known_by_its_condition() {
        let message = "0/1 nodes are available: 1 Insufficient cpu.";
        let conditions = json!([{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": message, "lastProbeTime": null, "lastTransitionTime": "2026-01-02T03:04:05Z" }]);
        assert_eq!(unschedulable(&status(json!({ "phase": "Pending", "conditions": conditions }))), Some(message));
        // 1.27 and later: somebody holds it back on purpose.
        let gated = json!([{ "type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "" }]);
        assert_eq!(unschedulable(&status(json!({ "conditions": gated }))), None);
    }

    fn conditions(value: Value) -> Vec<Condition> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn pods_that_cannot_be_created_are_told_apart_by_the_apiservers_words() {
        for (message, word, away) in [
            (
                "pods \"hello-7d4\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2",
                "quota",
                false,
            ),
            ("pods \"hello-7d4\" is forbidden: failed quota: small: must specify limits.cpu", "quota", false),
            (
                "Internal error occurred: failed calling webhook \"inject.rouse.dev\": Post \
                 \"https://rouse-injector.rouse-system.svc:443/inject?timeout=2s\": dial tcp 10.96.4.2:443: connect: \
                 connection refused",
                "admission",
                true,
            ),
            (
                "admission webhook \"inject.rouse.dev\" denied the request: hostNetwork is not served",
                "admission",
                false,
            ),
        ] {
            let failing = conditions(json!([
                { "type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "" },
                { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message },
            ]));
            let failure = of_conditions(&failing).expect("a failure");
            assert_eq!((failure.word(), failure.detail(), is_webhook_away(&failure)), (word, message, away));
        }
        let over = json!([{ "type": "ReplicaFailure", "status": "False", "reason": "", "message": "" }]);
        assert_eq!(of_conditions(&conditions(over)), None);
    }

    #[test]
    fn a_deployment_without_progress_says_so() {
        let condition = |status: &str, reason: &str| {
            let message = "ReplicaSet \"hello-7d4\" has timed out progressing.";
            conditions(json!([{ "type": "Progressing", "status": status, "reason": reason, "message": message }]))
        };
        assert_eq!(no_progress(&condition("True", "NewReplicaSetAvailable")), None);
        let late = no_progress(&condition("False", "ProgressDeadlineExceeded"));
        assert_eq!(late.map(|failure| failure.word()), Some("start-timeout"));
    }
}
