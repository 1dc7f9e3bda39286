//! What users see of a Knative `Service`: `kubectl get ksvc`.

use serde_json::{Map, Value, json};

use super::child::Rollout;

/// What a status is made from beside what there is to tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    /// The status until now.
    pub(super) before: &'a Value,
    /// The generation that was looked at.
    pub(super) generation: i64,
    /// Where clients in the cluster reach it.
    pub(super) url: &'a str,
    /// Now, as Kubernetes writes times.
    pub(super) now: &'a str,
}

/// A condition but for its type and when it changed.
#[derive(Clone, Debug, PartialEq)]
struct Condition {
    status: &'static str,
    reason: String,
    message: String,
}

impl Condition {
    fn met() -> Condition {
        Condition { status: "True", reason: String::new(), message: String::new() }
    }

    fn not_met(reason: &str, message: &str) -> Condition {
        Condition { status: "False", reason: reason.to_owned(), message: message.to_owned() }
    }

    fn not_known(reason: &str, message: String) -> Condition {
        Condition { status: "Unknown", reason: reason.to_owned(), message }
    }
}

/// The status of one whose objects are there, with the pods of `revision`.
pub(super) fn served(seen: Seen<'_>, revision: &str, rollout: &Rollout) -> Value {
    let configuration = seen.configuration(revision, rollout);
    let is_ready = configuration.status == "True";
    let mut status = json!({
        "observedGeneration": seen.generation,
        "url": seen.url,
        "address": { "url": seen.url },
        "latestCreatedRevisionName": revision,
        "conditions": seen.conditions([&configuration, &configuration, &Condition::met()]),
    });
    if is_ready {
        status["latestReadyRevisionName"] = revision.into();
        status["traffic"] = json!([{ "latestRevision": true, "percent": 100, "revisionName": revision }]);
    }
    status
}

/// The status of one that cannot become what it says: what it was before goes on.
pub(super) fn refused(seen: Seen<'_>, reason: &str, message: &str) -> Value {
    let failed = Condition::not_met(reason, message);
    let routes = seen.condition("RoutesReady").unwrap_or_else(|| {
        Condition::not_known("NeverServed", "Nothing of this Service has been accepted yet.".to_owned())
    });
    json!({ "observedGeneration": seen.generation, "conditions": seen.conditions([&failed, &failed, &routes]) })
}

/// Whether `status` says anything that `before` does not.
pub(super) fn differs(status: &Value, before: &Value) -> bool {
    status.as_object().into_iter().flatten().any(|(field, value)| before[field] != *value)
}

impl Seen<'_> {
    /// One that was ready once stays it while pods come and go: waking is no news.
    fn configuration(&self, revision: &str, rollout: &Rollout) -> Condition {
        match rollout {
            Rollout::Complete => Condition::met(),
            Rollout::Failed(reason, message) => Condition::not_met(reason, message),
            // No pod says anything new: what failed last may fail again.
            Rollout::Asleep => self
                .condition("ConfigurationsReady")
                .filter(|known| known.status == "False" && self.before["latestCreatedRevisionName"] == revision)
                .filter(|known| known.reason == "ProgressDeadlineExceeded")
                .unwrap_or_else(Condition::met),
            Rollout::Going if self.before["latestReadyRevisionName"] == revision => Condition::met(),
            Rollout::Going => Condition::not_known("Deploying", format!("Waiting for pods of {revision} to be ready.")),
        }
    }

    fn written(&self, kind: &str) -> Option<&Value> {
        self.before["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
    }

    fn condition(&self, kind: &str) -> Option<Condition> {
        let written = self.written(kind)?;
        let status = ["True", "False", "Unknown"].into_iter().find(|status| written["status"] == **status)?;
        let text = |field: &str| written[field].as_str().unwrap_or_default().to_owned();
        Some(Condition { status, reason: text("reason"), message: text("message") })
    }

    /// All conditions, sorted as Knative does: of the configuration, of all, of the route.
    fn conditions(&self, all: [&Condition; 3]) -> Value {
        let kinds = ["ConfigurationsReady", "Ready", "RoutesReady"];
        kinds.into_iter().zip(all).map(|(kind, condition)| self.dated(kind, condition)).collect()
    }

    /// The condition with when it came to its status.
    fn dated(&self, kind: &str, condition: &Condition) -> Value {
        let same = self.written(kind).filter(|written| written["status"] == condition.status);
        let since = same.and_then(|written| written["lastTransitionTime"].as_str()).unwrap_or(self.now);
        let mut written = Map::new();
        for (field, text) in [
            ("type", kind),
            ("status", condition.status),
            ("lastTransitionTime", since),
            ("reason", &condition.reason),
            ("message", &condition.message),
        ] {
            if !text.is_empty() {
                written.insert(field.to_owned(), text.into());
            }
        }
        Value::Object(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVISION: &str = "greeter-00001";

    fn seen<'a>(before: &'a Value, now: &'a str) -> Seen<'a> {
        Seen { before, generation: 1, url: "http://greeter.shop.svc.cluster.local", now }
    }

    fn ready(status: &Value) -> (&str, &str) {
        let conditions = status["conditions"].as_array().unwrap();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
        (ready["status"].as_str().unwrap(), ready["reason"].as_str().unwrap_or_default())
    }

    #[test]
    fn it_is_ready_once_its_pods_were_and_stays_it_through_sleep_and_wakes() {
        let new = served(seen(&Value::Null, "t1"), REVISION, &Rollout::Going);
        assert_eq!(ready(&new), ("Unknown", "Deploying"));
        assert_eq!(new["latestReadyRevisionName"], Value::Null);
        let well = served(seen(&new, "t2"), REVISION, &Rollout::Complete);
        assert_eq!(
            well,
            json!({
                "observedGeneration": 1,
                "url": "http://greeter.shop.svc.cluster.local",
                "address": { "url": "http://greeter.shop.svc.cluster.local" },
                "latestCreatedRevisionName": REVISION, "latestReadyRevisionName": REVISION,
                "traffic": [{ "latestRevision": true, "percent": 100, "revisionName": REVISION }],
                "conditions": [
                    { "type": "ConfigurationsReady", "status": "True", "lastTransitionTime": "t2" },
                    { "type": "Ready", "status": "True", "lastTransitionTime": "t2" },
                    { "type": "RoutesReady", "status": "True", "lastTransitionTime": "t1" },
                ],
            })
        );
        for rollout in [Rollout::Asleep, Rollout::Going, Rollout::Complete] {
            let later = served(seen(&well, "t3"), REVISION, &rollout);
            assert!(!differs(&later, &well), "{rollout:?}");
        }
    }

    #[test]
    fn pods_that_never_came_are_not_forgotten_in_sleep() {
        let failed = Rollout::Failed("ProgressDeadlineExceeded".into(), "timed out".into());
        let late = served(seen(&Value::Null, "t1"), REVISION, &failed);
        assert_eq!(ready(&late), ("False", "ProgressDeadlineExceeded"));
        assert_eq!(
            ready(&served(seen(&late, "t2"), REVISION, &Rollout::Asleep)),
            ("False", "ProgressDeadlineExceeded")
        );
        assert_eq!(ready(&served(seen(&late, "t2"), "greeter-00002", &Rollout::Asleep)), ("True", ""));
        assert_eq!(ready(&served(seen(&late, "t2"), REVISION, &Rollout::Complete)), ("True", ""));
    }

    #[test]
    fn one_that_is_refused_says_why_and_keeps_what_it_had() {
        let new = refused(seen(&Value::Null, "t1"), "UnsupportedField", "spec.traffic: has 2 targets");
        assert_eq!(ready(&new), ("False", "UnsupportedField"));
        assert_eq!((&new["conditions"][2]["status"], &new["url"]), (&json!("Unknown"), &Value::Null));
        let well = served(seen(&Value::Null, "t1"), REVISION, &Rollout::Complete);
        let refused = refused(Seen { generation: 2, ..seen(&well, "t2") }, "UnsupportedField", "no");
        assert_eq!((ready(&refused), &refused["observedGeneration"]), (("False", "UnsupportedField"), &json!(2)));
        assert_eq!(refused["conditions"][2], well["conditions"][2]);
        assert!(differs(&refused, &well));
    }

    #[test]
    fn what_others_add_to_a_status_is_theirs() {
        let well = served(seen(&Value::Null, "t1"), REVISION, &Rollout::Complete);
        let mut more = well.clone();
        more["annotations"] = json!({ "a": "b" });
        assert!(!differs(&well, &more));
    }
}
