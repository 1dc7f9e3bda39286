//! The key that Rouse puts into the selectors of its Services stays there.
//!
//! `kubectl replace` and a forced server-side apply take it out again, because the manifest does not have it; the slices
//! that Kubernetes would then fill lead past Rouse. Whoever wants the Service back takes its annotation off.

use config::annotations::Annotations;
use json_patch::Patch;
use serde::Deserialize;
use serde_json::{Value, json};

use super::field;
use crate::kubernetes::names;

/// What of a Service matters here; `null` is as good as absent.
#[derive(Deserialize)]
struct Service {
    metadata: Option<Metadata>,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Metadata {
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct Spec {
    selector: Option<Annotations>,
    r#type: Option<String>,
}

/// The change that puts the key back into the selector of `new`, which `old` becomes; it is empty where the key is there
/// or never was, or where the annotation goes as well.
pub fn keep_routed(old: &Value, new: &Value) -> Patch {
    let (Ok(before), Ok(after)) = (Service::deserialize(old), Service::deserialize(new)) else {
        return Patch::default(); // not ours to judge
    };
    let is_managed = before.route_key() == Some(names::ROUTE_MANAGED);
    let lost = after.route_key().is_none();
    let has_address = after.spec.as_ref().is_some_and(|spec| spec.r#type.as_deref() != Some("ExternalName"));
    if !(is_managed && lost && has_address && after.is_annotated()) {
        return Patch::default();
    }
    let mut kept = new.clone();
    *field(field(field(&mut kept, "spec"), "selector"), names::ROUTE_KEY) = json!(names::ROUTE_MANAGED);
    json_patch::diff(new, &kept)
}

impl Service {
    fn route_key(&self) -> Option<&str> {
        self.spec.as_ref()?.selector.as_ref()?.get(names::ROUTE_KEY).map(String::as_str)
    }

    fn is_annotated(&self) -> bool {
        let annotations = self.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref());
        annotations.is_some_and(|annotations| annotations.contains_key(names::WORKLOAD_ANNOTATION))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(selector: Value, annotations: Value) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "default", "annotations": annotations},
            "spec": {"ports": [{"port": 80, "targetPort": 3000}], "selector": selector, "type": "ClusterIP"}
        })
    }

    fn ours() -> Value {
        json!({"rouse.dev/workload": "web"})
    }

    fn routed() -> Value {
        service(json!({"app": "web", "rouse.dev/route": "managed"}), ours())
    }

    /// The selector that `new` has in the end.
    fn selector(old: &Value, mut new: Value) -> Value {
        let patch = keep_routed(old, &new);
        json_patch::patch(&mut new, &patch).unwrap();
        new["spec"]["selector"].clone()
    }

    #[test]
    fn a_manifest_without_the_key_does_not_take_it_out() {
        let kept = json!({"app": "web", "rouse.dev/route": "managed"});
        assert_eq!(selector(&routed(), service(json!({"app": "web"}), ours())), kept);
        let changed = json!({"app": "shop", "rouse.dev/route": "managed"});
        assert_eq!(selector(&routed(), service(json!({"app": "shop"}), ours())), changed);
        assert_eq!(selector(&routed(), service(json!(null), ours())), json!({"rouse.dev/route": "managed"}));
    }

    #[test]
    fn who_takes_the_annotation_off_takes_the_key_out() {
        let plain = json!({"app": "web"});
        assert_eq!(selector(&routed(), service(plain.clone(), json!(null))), plain);
        assert_eq!(selector(&routed(), service(plain.clone(), json!({}))), plain);
    }

    #[test]
    fn a_service_that_is_not_taken_over_yet_or_has_no_addresses_is_left_alone() {
        let plain = || service(json!({"app": "web"}), ours());
        assert_eq!(keep_routed(&plain(), &plain()), Patch::default());
        assert_eq!(keep_routed(&json!(null), &plain()), Patch::default());
        assert_eq!(keep_routed(&routed(), &routed()), Patch::default());
        let mut external = plain();
        external["spec"]["type"] = json!("ExternalName");
        assert_eq!(keep_routed(&routed(), &external), Patch::default());
        assert_eq!(keep_routed(&routed(), &json!("strange")), Patch::default());
        assert_eq!(keep_routed(&json!({"spec": []}), &plain()), Patch::default());
    }
}
