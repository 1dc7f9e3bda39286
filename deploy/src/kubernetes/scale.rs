//! How many pods a workload is asked to have: what is known of it, what we asked for, and what others did.

use config::{Time, bounds};
use http::{Request, header};
use kube::core::{ApiResource, DynamicObject, Resource};
use serde::Deserialize;
use serde_json::{Value, json};

use super::names::FIELD_MANAGER;
use super::objects::Metadata;

/// What is known of one workload's number of pods.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    /// What it is, by the newest that we read or wrote.
    pub(super) known: u32,
    /// The object's version then, if versions can be compared.
    version: Option<u64>,
    /// What the driver was told, or asked for, last.
    pub(super) told: u32,
    /// We asked for that, and do not know what became of it.
    asked: Option<u32>,
    /// A call runs.
    is_busy: bool,
    /// Until then the driver may not have heard how the last call ended.
    quiet_until: Time,
    /// How often somebody else changed it of late, and when last.
    foreign: (u32, Time),
    /// Somebody else changed it, and it is not known who.
    unattributed: Option<u32>,
}

/// Somebody else changed how many pods there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// What it was before.
    pub(super) from: u32,
    /// What it is now.
    pub(super) to: u32,
    /// The how-many-eth time that is within [`bounds::KUBE_FOREIGN_WITHIN`] of each other.
    pub(super) times: u32,
}

/// Whether the driver is to hear of another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It knows.
    None,
    /// Now.
    Now(u32),
    /// Not before then.
    At(Time),
}

impl Scale {
    /// As it is first seen.
    pub(super) fn found(replicas: u32, version: Option<u64>) -> Scale {
        Scale {
            known: replicas,
            version,
            told: replicas,
            asked: None,
            is_busy: false,
            quiet_until: Time::ZERO,
            foreign: (0, Time::ZERO),
            unattributed: None,
        }
    }

    /// The object was read, or a watch brought it. Tells whether somebody else changed it since; once for each change,
    /// when it is known who.
    pub(super) fn see(&mut self, replicas: u32, version: Option<u64>, now: Time) -> Option<Foreign> {
        if let (Some(seen), Some(known)) = (version, self.version)
            && seen < known
        {
            return None; // older than what we know
        }
        self.version = version.or(self.version);
        if replicas == self.known {
            let from = self.unattributed.take()?;
            return Some(Foreign { from, to: replicas, times: self.foreign.0 });
        }
        let from = std::mem::replace(&mut self.known, replicas);
        if self.asked == Some(replicas) {
            self.asked = self.asked.filter(|_| self.is_busy);
            return None;
        }
        self.count_foreign(now);
        self.unattributed = None;
        Some(Foreign { from, to: replicas, times: self.foreign.0 })
    }

    fn count_foreign(&mut self, now: Time) {
        let (times, last) = self.foreign;
        let goes_on = now.since(last) < bounds::KUBE_FOREIGN_WITHIN;
        self.foreign = (if goes_on { times + 1 } else { 1 }, now);
    }

    /// The driver asks for `pods`: what it is now, if that has to be written.
    pub(super) fn begin(&mut self, pods: u32) -> Option<u32> {
        self.told = pods;
        if pods == self.known {
            return None;
        }
        (self.asked, self.is_busy) = (Some(pods), true);
        Some(self.known)
    }

    /// Whether a call runs.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// The call wrote what was asked for.
    pub(super) fn wrote(&mut self, version: Option<u64>, now: Time) {
        if let Some(pods) = self.asked.take()
            && version >= self.version
        {
            (self.known, self.version) = (pods, version);
        }
        self.ends(now);
    }

    /// The call found that somebody else has changed it.
    pub(super) fn found_changed(&mut self, replicas: u32, version: Option<u64>, now: Time) {
        self.asked = None;
        let known = self.known;
        if self.see(replicas, version, now).is_some() {
            self.unattributed = Some(known);
        }
        self.told = self.known;
        self.ends(now);
    }

    /// The call failed: what we asked for may or may not be so.
    pub(super) fn failed(&mut self, now: Time) {
        self.told = self.known;
        self.ends(now);
    }

    fn ends(&mut self, now: Time) {
        self.is_busy = false;
        self.quiet_until = now + bounds::KUBE_QUIET;
    }

    /// Whether the driver is to hear of another number. Not while a call runs, nor before it must have heard how that
    /// ended: it takes no number while it waits for its own.
    pub(super) fn news(&self, now: Time) -> News {
        match self.known {
            _ if self.is_busy => News::None,
            known if known == self.told => News::None,
            _ if now < self.quiet_until => News::At(self.quiet_until),
            known => News::Now(known),
        }
    }
}

/// The patch of a scale subresource from `old` to `new` pods, that fails if `old` is not what it is. Nothing is served
/// there at zero (`omitempty`); `shown` is for an apiserver that serves the zero all the same.
pub(super) fn patch(old: u32, new: u32, shown: Zero) -> Value {
    const PATH: &str = "/spec/replicas";
    let (expected, op) = match (old, shown) {
        (0, Zero::Absent) => (Value::Null, "add"),
        _ => (Value::from(old), "replace"),
    };
    json!([{ "op": "test", "path": PATH, "value": expected }, { "op": op, "path": PATH, "value": new }])
}

/// How a scale subresource has no pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    /// The field is left out.
    Absent,
    /// It is 0.
    Shown,
}

/// What a scale subresource says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ScaleObject {
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    spec: ScaleSpec,
    #[serde(default)]
    status: ScaleStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ScaleSpec {
    #[serde(default)]
    replicas: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ScaleStatus {
    #[serde(default)]
    selector: String,
}

impl ScaleObject {
    /// How many pods it is asked to have.
    pub(super) fn replicas(&self) -> u32 {
        self.spec.replicas
    }

    /// Which pods are its, as text.
    pub(super) fn selector(&self) -> &str {
        &self.status.selector
    }
}

/// Where the scale subresource of `name` is.
fn path(kind: &ApiResource, namespace: &str, name: &str) -> String {
    format!("{}/{name}/scale", DynamicObject::url_path(kind, Some(namespace)))
}

/// Asks for the scale subresource.
pub(super) fn get(kind: &ApiResource, namespace: &str, name: &str) -> Result<Request<Vec<u8>>, http::Error> {
    Request::get(path(kind, namespace, name)).header(header::ACCEPT, "application/json").body(Vec::new())
}

/// Patches it.
pub(super) fn request(
    kind: &ApiResource,
    namespace: &str,
    name: &str,
    patch: &Value,
) -> Result<Request<Vec<u8>>, http::Error> {
    Request::patch(format!("{}?fieldManager={FIELD_MANAGER}", path(kind, namespace, name)))
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json-patch+json")
        .body(patch.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_patch_tests_the_old_value_and_at_zero_its_absence() {
        assert_eq!(
            patch(0, 1, Zero::Absent).to_string(),
            r#"[{"op":"test","path":"/spec/replicas","value":null},{"op":"add","path":"/spec/replicas","value":1}]"#
        );
        assert_eq!(
            patch(3, 0, Zero::Absent).to_string(),
            r#"[{"op":"test","path":"/spec/replicas","value":3},{"op":"replace","path":"/spec/replicas","value":0}]"#
        );
        assert_eq!(patch(0, 1, Zero::Shown)[0]["value"], 0);
    }

    #[test]
    fn it_goes_to_the_scale_subresource_under_our_name() {
        let kind = ApiResource {
            group: "apps".into(),
            version: "v1".into(),
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            plural: "deployments".into(),
        };
        let request = request(&kind, "shop", "hello", &patch(0, 1, Zero::Absent)).unwrap();
        assert_eq!(request.uri(), "/apis/apps/v1/namespaces/shop/deployments/hello/scale?fieldManager=rouse");
        assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json-patch+json");
    }

    #[test]
    fn at_zero_the_scale_is_served_without_replicas() {
        // As 1.20 and 1.36 serve it.
        let scale: ScaleObject = serde_json::from_str(
            r#"{"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"hello","namespace":"shop","uid":"u",
            "resourceVersion":"77","creationTimestamp":"2026-01-02T03:04:05Z"},"spec":{},"status":{"replicas":0,
            "selector":"app=hello"}}"#,
        )
        .unwrap();
        assert_eq!((scale.replicas(), scale.metadata.version(), scale.selector()), (0, Some(77), "app=hello"));
    }

    #[test]
    fn what_we_wrote_is_not_somebody_elses_whichever_way_we_hear_of_it_first() {
        for watch_is_first in [true, false] {
            let mut scale = Scale::found(0, Some(10));
            assert_eq!(scale.begin(2), Some(0));
            assert_eq!(scale.see(0, Some(11), at(1)), None, "a status, from before our write");
            if watch_is_first {
                assert_eq!(scale.see(2, Some(12), at(1)), None);
            }
            scale.wrote(Some(12), at(1));
            assert_eq!(scale.see(0, Some(11), at(1)), None, "what the watch brings late");
            assert_eq!(scale.see(2, Some(12), at(1)), None);
            assert_eq!((scale.known, scale.news(at(5))), (2, News::None));
            assert_eq!(scale.begin(2), None, "nothing is written when nothing changed");
        }
    }

    #[test]
    fn a_write_whose_answer_was_lost_is_ours_all_the_same() {
        let mut scale = Scale::found(0, Some(10));
        scale.begin(2);
        scale.failed(at(1));
        assert_eq!(scale.see(2, Some(12), at(2)), None);
        assert_eq!(scale.news(at(2)), News::Now(2), "and the driver, which does not know, hears of it");
    }

    #[test]
    fn somebody_elses_change_is_news_once_the_driver_has_heard_of_its_own() {
        let mut scale = Scale::found(1, Some(10));
        scale.begin(3);
        assert_eq!(scale.news(at(1)), News::None);
        scale.wrote(Some(11), at(1));
        assert_eq!(scale.see(7, Some(12), at(1)), Some(Foreign { from: 3, to: 7, times: 1 }));
        assert_eq!(scale.news(at(1)), News::At(at(1) + bounds::KUBE_QUIET));
        assert_eq!(scale.news(at(3)), News::Now(7));
    }

    #[test]
    fn a_change_that_our_own_write_ran_into_is_told_with_its_author() {
        let mut scale = Scale::found(1, Some(10));
        scale.begin(3);
        scale.found_changed(5, Some(12), at(1));
        assert_eq!((scale.known, scale.told, scale.news(at(9))), (5, 5, News::None), "the call's end has told it");
        let foreign = scale.see(5, Some(12), at(1));
        assert_eq!(foreign, Some(Foreign { from: 1, to: 5, times: 1 }), "now it is known who");
        assert_eq!(scale.see(5, Some(13), at(1)), None);
    }

    #[test]
    fn changes_count_while_they_are_near_each_other() {
        let mut scale = Scale::found(1, None);
        let times = |scale: &mut Scale, pods, now| scale.see(pods, None, now).expect("somebody else's").times;
        assert_eq!(times(&mut scale, 2, at(1)), 1);
        assert_eq!(times(&mut scale, 3, at(300)), 2);
        assert_eq!(times(&mut scale, 4, at(899)), 3);
        assert_eq!(times(&mut scale, 5, at(1_600)), 1);
    }
}
