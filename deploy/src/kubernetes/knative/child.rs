//! A Deployment or Service that a Knative `Service` has: what is used of it.

use kube::core::DynamicObject;
use serde_json::Value;

use crate::kubernetes::names::APPLIED;

/// What is used of it. Two that are equal need nothing to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Child {
    /// The UID of the object that controls it.
    pub(super) owner: Option<String>,
    /// What it was made from.
    pub(super) applied: Option<String>,
    /// How its pods are.
    pub(super) rollout: Rollout,
}

/// How a Deployment's pods are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Rollout {
    /// Its controller has yet to look at what it is now, or its pods to come.
    #[default]
    Going,
    /// It is to have no pods.
    Asleep,
    /// As many new pods as it is to have have been ready.
    Complete,
    /// It does not come to pods, for this reason and with this message.
    Failed(String, String),
}

impl Child {
    pub(super) fn of(object: &DynamicObject) -> Child {
        let owners = object.metadata.owner_references.iter().flatten();
        let owner = owners.filter(|owner| owner.controller == Some(true)).map(|owner| owner.uid.clone()).next();
        let applied = object.metadata.annotations.as_ref().and_then(|all| all.get(APPLIED)).cloned();
        Child { owner, applied, rollout: Rollout::of(object.metadata.generation, &object.data) }
    }

    pub(super) fn is_of(&self, uid: &str) -> bool {
        self.owner.as_deref() == Some(uid)
    }
}

impl Rollout {
    fn of(generation: Option<i64>, data: &Value) -> Rollout {
        let status = &data["status"];
        if status["observedGeneration"].as_i64() < generation {
            return Rollout::Going;
        }
        let said = |kind: &str, is: &str| {
            let conditions = status["conditions"].as_array().into_iter().flatten();
            let mut of_kind = conditions.filter(|condition| condition["type"] == kind && condition["status"] == is);
            of_kind.next().map(|condition| {
                let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
                (text("reason"), text("message"))
            })
        };
        if let Some((reason, message)) = said("ReplicaFailure", "True").or_else(|| said("Progressing", "False")) {
            return Rollout::Failed(reason, message);
        }
        if data["spec"]["replicas"] == 0 {
            return Rollout::Asleep;
        }
        match said("Progressing", "True") {
            Some((reason, _)) if reason == "NewReplicaSetAvailable" => Rollout::Complete,
            _ => Rollout::Going,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rollout(replicas: u64, observed: i64, conditions: Value) -> Rollout {
        let object = json!({
            "metadata": { "name": "greeter", "namespace": "shop", "generation": 3 },
            "spec": { "replicas": replicas },
            "status": { "observedGeneration": observed, "conditions": conditions },
        });
        Child::of(&serde_json::from_value(object).unwrap()).rollout
    }

    fn progressing(status: &str, reason: &str) -> Value {
        json!({ "type": "Progressing", "status": status, "reason": reason, "message": "because" })
    }

    #[test]
    fn what_a_deployments_controller_says_is_believed_once_it_has_seen_the_deployment() {
        let complete = || json!([progressing("True", "NewReplicaSetAvailable")]);
        assert_eq!(rollout(2, 3, complete()), Rollout::Complete);
        assert_eq!(rollout(2, 2, complete()), Rollout::Going);
        assert_eq!(rollout(0, 3, complete()), Rollout::Asleep);
        assert_eq!(rollout(2, 3, json!([progressing("True", "ReplicaSetUpdated")])), Rollout::Going);
        assert_eq!(rollout(2, 3, Value::Null), Rollout::Going);
    }

    #[test]
    fn pods_that_do_not_come_are_a_failure_with_its_reason() {
        let late = json!([progressing("False", "ProgressDeadlineExceeded")]);
        assert_eq!(rollout(1, 3, late), Rollout::Failed("ProgressDeadlineExceeded".into(), "because".into()));
        let quota = json!([
            { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota" },
            progressing("True", "NewReplicaSetAvailable"),
        ]);
        assert_eq!(rollout(1, 3, quota), Rollout::Failed("FailedCreate".into(), "exceeded quota".into()));
    }
}
