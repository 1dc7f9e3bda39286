//! What is known of each workload besides its scale and its pods.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use config::problem::{Problems, Warning};
use config::{Failure, Time, Workload, WorkloadId, bounds, manifest};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::ApiResource;
use serde_json::{Map, Value};

use super::disruption::{self, Guarded};
use super::failures;
use super::names::{INITIALIZED, ORIGINAL_REPLICAS};
use super::objects::workload::WorkloadObject;
use super::settings::Settings;
use super::shared::Reach;

/// One workload.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) kind: Arc<ApiResource>,
    pub(super) uid: Box<str>,
    /// What its settings are read from.
    declaration: Box<str>,
    /// The generation of which its scale subresource was read, if that tells what the object itself does not.
    pub(super) generation: Option<i64>,
    /// It has the label; else it is known only because a ScaledObject names it.
    pub(super) is_labelled: bool,
    /// What its pods are made from, in short, as whoever names it was told.
    pub(super) template: Option<u64>,
    /// The driver knows it.
    pub(super) is_announced: bool,
    /// Its last good settings, as the driver knows them; none if they never were good.
    pub(super) told: Option<Arc<Workload>>,
    /// What it declares itself of how it is reached.
    own: Reach,
    /// What is wrong or odd with it, as it was told last.
    pub(super) complaint: String,
    /// Why its pods cannot be created.
    pub(super) blocked: Option<Failure>,
    /// Why it makes no progress.
    pub(super) stuck: Option<Failure>,
    /// Why it can have no ready pod, as the driver knows it.
    pub(super) failure: Option<Failure>,
    /// Since when it has no pod that lives though it is to have some.
    pub(super) lacks_since: Option<Time>,
    /// When its controller was last made to try again.
    pub(super) nudged: Option<Time>,
    pub(super) marks: Marks,
    /// What selects its pods, as it says itself.
    pub(super) selector: Option<LabelSelector>,
    /// The labels of its pods, as its template has them.
    pub(super) pod_labels: BTreeMap<String, String>,
}

/// What Rouse writes on a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// How many replicas it had at adoption is written on it.
    pub(super) adopted: bool,
    /// That its initial scale was reached is.
    pub(super) initialized: bool,
    /// One or both are being written.
    pub(super) is_busy: bool,
    /// How many replicas it had at adoption, or else when that was first known.
    pub(super) original: Option<u32>,
    /// Writing them failed: they are not written before then.
    pub(super) not_before: Time,
    /// How long that is after the last time.
    pause: Duration,
}

impl Marks {
    /// What is to be written now, as annotations: how many replicas it had at adoption; and, once its initial scale
    /// `is_reached`, that it was.
    pub(super) fn due(&self, is_reached: bool) -> Map<String, Value> {
        let original = self.original.filter(|_| !self.adopted);
        let original = original.map(|replicas| (ORIGINAL_REPLICAS.to_owned(), Value::from(replicas.to_string())));
        let initialized = (is_reached && !self.initialized).then(|| (INITIALIZED.to_owned(), Value::from("true")));
        let all = original.into_iter().chain(initialized);
        if self.is_busy { Map::new() } else { all.collect() }
    }

    /// So much was written, if it was.
    pub(super) fn written(&mut self, annotations: Option<&Map<String, Value>>, now: Time) {
        self.is_busy = false;
        self.pause = match annotations {
            Some(_) => Duration::ZERO,
            None => (2 * self.pause).clamp(bounds::PLATFORM_RETRY_SLOWEST, bounds::KUBE_MARK_SLOWEST),
        };
        self.not_before = now + self.pause;
        let has = |key: &str| annotations.is_some_and(|written| written.contains_key(key));
        self.adopted |= has(ORIGINAL_REPLICAS);
        self.initialized |= has(INITIALIZED);
    }
}

/// What became of a declaration that was read.
#[derive(Debug)]
pub(super) enum Reading {
    /// It says what it said before.
    Same(Vec<Warning>),
    /// The workload is new, or scaled or served otherwise.
    Changed(Vec<Warning>),
    /// It is wrong: the last good settings stay.
    Bad(Problems),
}

impl Known {
    /// A workload first seen.
    pub(super) fn new(kind: &Arc<ApiResource>, object: &WorkloadObject) -> Known {
        Known {
            kind: Arc::clone(kind),
            uid: object.metadata.uid().into(),
            declaration: Box::default(),
            generation: None,
            is_labelled: true,
            template: None,
            is_announced: false,
            told: None,
            own: Reach::default(),
            complaint: String::new(),
            blocked: None,
            stuck: None,
            failure: None,
            lacks_since: None,
            nudged: None,
            marks: Marks::default(),
            selector: None,
            pod_labels: BTreeMap::new(),
        }
    }

    /// What a budget for evictions of its pods depends on; none of a kind that does not say what selects them.
    pub(super) fn guarded(&self) -> Option<Guarded> {
        Some(Guarded {
            api_version: self.kind.api_version.clone(),
            uid: self.uid.to_string(),
            selector: self.selector.clone()?,
            labels: self.pod_labels.clone(),
            wanted: self.told.as_ref().is_some_and(|workload| disruption::wants(&workload.policy)),
        })
    }

    /// Takes in the object; whether its declaration is another.
    pub(super) fn see(&mut self, object: &WorkloadObject) -> bool {
        self.selector.clone_from(&object.spec.selector);
        self.pod_labels = object.spec.pod_labels();
        let conditions = &object.status.conditions;
        self.stuck = failures::no_progress(conditions);
        // A StatefulSet has no such condition: its events tell.
        if !self.tells_by_events() {
            self.blocked = failures::of_conditions(conditions);
        }
        if let Some(original) = object.metadata.annotation(ORIGINAL_REPLICAS) {
            self.marks.adopted = true;
            self.marks.original = original.parse().ok().or(self.marks.original);
        }
        self.marks.initialized |= object.metadata.annotation(INITIALIZED) == Some("true");
        let declaration = object.declaration();
        let changed = declaration != self.declaration;
        self.declaration = declaration;
        changed
    }

    /// Whether it is left to others to scale it.
    pub(super) fn is_paused(&self) -> bool {
        self.told.as_ref().is_some_and(|workload| workload.policy.paused)
    }

    /// Whether only events tell that its pods cannot be created.
    pub(super) fn tells_by_events(&self) -> bool {
        self.kind.kind == "StatefulSet"
    }

    /// Reads its settings from what it declares and how it is reached.
    pub(super) fn read(&mut self, id: &WorkloadId, settings: &Settings, reach: &Reach) -> Reading {
        let object: Value = serde_json::from_str(&self.declaration).unwrap_or_default();
        let read = manifest::on_cluster(id, &object, &settings.autoscaler, &settings.defaults);
        let (workload, warnings) = match read {
            Ok((mut workload, warnings)) => {
                self.own = Reach::own(&workload);
                reach.apply(&self.own, &mut workload);
                (workload, warnings)
            }
            Err(problems) => return Reading::Bad(problems),
        };
        if self.told.as_deref() == Some(&workload) {
            return Reading::Same(warnings);
        }
        self.told = Some(Arc::new(workload));
        Reading::Changed(warnings)
    }

    /// It is reached otherwise; whether that makes it another workload.
    pub(super) fn set_reach(&mut self, reach: &Reach) -> bool {
        let Some(told) = &mut self.told else { return false };
        let mut workload = Workload::clone(told);
        reach.apply(&self.own, &mut workload);
        let changed = **told != workload;
        if changed {
            *told = Arc::new(workload);
        }
        changed
    }
}

/// All that is wrong or odd with one object, in one line without its name, which whoever reads it sees beside it.
pub(super) fn sentence<'a>(problems: impl Iterator<Item = &'a config::Problem>) -> String {
    let without_name = problems.map(|problem| {
        let (file, object) = (String::new(), String::new());
        config::Problem { file, object, ..problem.clone() }.to_string()
    });
    without_name.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use config::Protocol;
    use serde_json::json;

    use super::*;

    fn kind(kind: &str) -> Arc<ApiResource> {
        let (group, version, api_version) = ("apps".to_owned(), "v1".to_owned(), "apps/v1".to_owned());
        let plural = format!("{}s", kind.to_lowercase());
        Arc::new(ApiResource { group, version, api_version, kind: kind.to_owned(), plural })
    }

    fn object(annotations: Value) -> WorkloadObject {
        serde_json::from_value(json!({
            "metadata": { "name": "hello", "namespace": "shop", "uid": "u", "annotations": annotations,
                "labels": { "rouse.dev/scale": "true" } },
            "spec": { "template": { "metadata": { "labels": { "rouse.dev/inject": "true" } } } },
            "status": { "conditions": [
                { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota" },
            ] },
        }))
        .unwrap()
    }

    #[test]
    fn a_bad_annotation_leaves_the_last_good_settings() {
        let (id, settings) = ("shop/hello".parse().unwrap(), Settings::default());
        let good = object(json!({ "autoscaling.knative.dev/target": "7" }));
        let mut known = Known::new(&kind("Deployment"), &good);
        assert!(known.see(&good));
        assert!(matches!(known.read(&id, &settings, &Reach::default()), Reading::Changed(_)));
        let bad = object(json!({ "autoscaling.knative.dev/target": "many", "rouse.dev/timout": "1s" }));
        assert!(known.see(&bad));
        let Reading::Bad(problems) = known.read(&id, &settings, &Reach::default()) else { panic!("it is bad") };
        assert_eq!(
            sentence(problems.0.iter()),
            "rouse.dev/timout: is not a word of Rouse; did you mean rouse.dev/timeout?; \
             autoscaling.knative.dev/target: \"many\" is not a number"
        );
        assert_eq!(known.told.as_ref().map(|workload| workload.policy.total), Some(7.0));
        assert!(known.see(&good));
        assert!(matches!(known.read(&id, &settings, &Reach::default()), Reading::Same(_)));
    }

    #[test]
    fn what_rouse_wrote_is_known_and_changes_nothing() {
        let mut known = Known::new(&kind("Deployment"), &object(json!({})));
        assert!(known.see(&object(json!({}))));
        assert!(!known.see(&object(json!({ "rouse.dev/original-replicas": "3", "rouse.dev/initialized": "true" }))));
        assert!(known.marks.adopted && known.marks.initialized);
    }

    #[test]
    fn both_marks_are_written_at_once_where_they_can_be_and_each_only_once() {
        let mut marks = Marks { original: Some(2), ..Marks::default() };
        let text = |marks: &Marks, is_reached| Value::Object(marks.due(is_reached)).to_string();
        assert_eq!(text(&marks, true), r#"{"rouse.dev/initialized":"true","rouse.dev/original-replicas":"2"}"#);
        let first = marks.due(false);
        assert_eq!(Value::Object(first.clone()).to_string(), r#"{"rouse.dev/original-replicas":"2"}"#);
        marks.is_busy = true;
        assert_eq!(text(&marks, true), "{}", "one at a time");
        let mut now = Time::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            marks.written(None, now);
            assert_eq!(marks.due(false), first, "it was not written");
            pauses.push(marks.not_before.since(now).as_secs());
            now = marks.not_before;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600]);
        marks.written(Some(&first), now);
        assert_eq!(marks.not_before, now);
        assert_eq!(text(&marks, true), r#"{"rouse.dev/initialized":"true"}"#);
        marks.written(Some(&marks.due(true)), now);
        assert_eq!(text(&marks, true), "{}");
    }

    #[test]
    fn conditions_tell_of_pods_that_cannot_be_created_but_not_a_stateful_sets() {
        let blocked = |word: &str| {
            let mut known = Known::new(&kind(word), &object(json!({})));
            known.see(&object(json!({})));
            known.blocked.map(|failure| failure.word())
        };
        assert_eq!((blocked("Deployment"), blocked("StatefulSet")), (Some("quota"), None));
    }

    #[test]
    fn services_change_hosts_without_another_look_at_the_object() {
        let (id, settings) = ("shop/hello".parse().unwrap(), Settings::default());
        let mut known = Known::new(&kind("Deployment"), &object(json!({})));
        known.see(&object(json!({ "rouse.dev/hosts": "a.example.com" })));
        known.read(&id, &settings, &Reach::default());
        let reach = Reach { hosts: vec!["hello.shop.svc".into()], protocol: Some(Protocol::H2c) };
        assert!(known.set_reach(&reach) && !known.set_reach(&reach));
        assert_eq!(known.told.as_ref().unwrap().hosts, ["a.example.com", "hello.shop.svc"]);
        assert!(known.set_reach(&Reach::default()));
        assert_eq!(known.told.as_ref().unwrap().hosts, ["a.example.com"]);
    }
}
