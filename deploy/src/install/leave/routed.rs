//! A Service that Rouse routes, and who else has a hand in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::found::Slice;
use crate::install::Object;
use crate::install::object::resource;
use crate::kubernetes::names::{FIELD_MANAGER, ROUTE_KEY};

/// A Service with our key in its selector, or with a slice of ours after the key was taken out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Routed {
    /// Which it is.
    pub object: Object,
    /// Whether the key is in its selector.
    pub has_key: bool,
    /// What selects its pods, without the key; as a query has it.
    pub selector: String,
    /// Who else applies its selector, and so may bring the key back.
    pub writers: Vec<String>,
}

impl Routed {
    /// Nothing if `service` has no key, and none of `slices` is of it, or nothing was ever there to give it back to.
    pub(super) fn new(service: &Value, slices: &[Slice]) -> Option<Routed> {
        let mut selector: BTreeMap<&str, &str> = service
            .pointer("/spec/selector")?
            .as_object()?
            .iter()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect();
        let has_key = selector.remove(ROUTE_KEY).is_some();
        let object = Object::read(&resource("v1", "Service"), service);
        if !has_key && !slices.iter().any(|slice| slice.is_of(&object)) {
            return None;
        }
        let pairs: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Some(Routed {
            object,
            has_key,
            selector: pairs.join(","),
            writers: if has_key { writers(service) } else { Vec::new() },
        })
    }
}

/// Managers of the selector besides us. Since 1.3x it is one field, before each of its keys is one; and client-side apply
/// leaves a note.
fn writers(service: &Value) -> Vec<String> {
    let mut writers = BTreeSet::new();
    let entries = service.pointer("/metadata/managedFields").and_then(Value::as_array);
    for entry in entries.into_iter().flatten() {
        let (Some(manager), Some(fields)) = (entry["manager"].as_str(), entry.pointer("/fieldsV1/f:spec/f:selector"))
        else {
            continue;
        };
        let has_all = fields.as_object().is_some_and(serde_json::Map::is_empty);
        let has_key = !fields[format!("f:{ROUTE_KEY}")].is_null();
        if manager != FIELD_MANAGER && (has_all || has_key) {
            writers.insert(manager.to_owned());
        }
    }
    let last = service["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"].as_str();
    if last.is_some_and(|last| last.contains(ROUTE_KEY)) {
        writers.insert("kubectl apply".to_owned());
    }
    writers.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(fields: Value) -> Value {
        json!({
            "metadata": { "name": "web", "namespace": "shop", "managedFields": fields },
            "spec": { "selector": { "app": "web", "tier": "a", ROUTE_KEY: "managed" } },
        })
    }

    #[test]
    fn a_service_without_the_key_is_not_ours() {
        let mut other = service(json!([]));
        other["spec"]["selector"] = json!({ "app": "web" });
        assert_eq!(Routed::new(&other, &[]), None);
        let slice = Slice {
            object: Object::named(&resource("discovery.k8s.io/v1", "EndpointSlice"), Some("shop"), "web-rouse"),
            service: Some("web".to_owned()),
        };
        assert!(
            Routed::new(&other, std::slice::from_ref(&slice)).is_some_and(|routed| !routed.has_key),
            "it is on its way back"
        );
        other["spec"] = json!({});
        assert_eq!(Routed::new(&other, &[slice]), None, "without a selector Kubernetes has nothing of its own");
        assert_eq!(read(&service(json!([]))).selector, "app=web,tier=a");
    }

    fn read(service: &Value) -> Routed {
        Routed::new(service, &[]).unwrap()
    }

    #[test]
    fn whoever_applies_the_key_is_named() {
        let by = |manager: &str, selector: Value| json!({ "manager": manager, "fieldsV1": { "f:spec": { "f:selector": selector } } });
        let one_field = service(json!([by("rouse", json!({})), by("argocd-controller", json!({}))]));
        assert_eq!(read(&one_field).writers, ["argocd-controller"]);
        let by_key = service(json!([
            by("kubectl", json!({ "f:app": {} })),
            by("flux", json!({ "f:app": {}, "f:rouse.dev/route": {} })),
        ]));
        assert_eq!(read(&by_key).writers, ["flux"]);
        let mut noted = service(json!([]));
        noted["metadata"]["annotations"] = json!({
            "kubectl.kubernetes.io/last-applied-configuration": "{\"spec\":{\"selector\":{\"rouse.dev/route\":\"managed\"}}}",
        });
        assert_eq!(read(&noted).writers, ["kubectl apply"]);
    }
}
