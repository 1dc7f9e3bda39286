//! The definition of Knative's `Service` as a resource of a cluster that has no Knative.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::kubernetes::names::MANAGED_BY;

/// The name of the definition, Knative's and ours.
pub const NAME: &str = "services.serving.knative.dev";

/// The label that tells ours from Knative's.
const LABEL: &str = "app.kubernetes.io/managed-by";

/// The CustomResourceDefinition: Knative's group, version, names and columns. What fields there are, the schema leaves
/// open: whoever writes one that is not honoured is told so in the status, with its name.
pub fn definition() -> Value {
    let open = || json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": NAME, "labels": { LABEL: MANAGED_BY } },
        "spec": {
            "group": "serving.knative.dev",
            "scope": "Namespaced",
            "names": {
                "kind": "Service", "listKind": "ServiceList", "plural": "services", "singular": "service",
                "shortNames": ["kservice", "ksvc"], "categories": ["all", "knative", "serving"],
            },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": { "status": {} },
                "additionalPrinterColumns": columns(),
                "schema": { "openAPIV3Schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": { "spec": open(), "status": open() },
                } },
            }],
        },
    })
}

fn columns() -> Value {
    let condition = |field: &str| format!(".status.conditions[?(@.type=='Ready')].{field}");
    let column = |name: &str, path: String| json!({ "name": name, "type": "string", "jsonPath": path });
    Value::Array(vec![
        column("URL", ".status.url".to_owned()),
        column("LatestCreated", ".status.latestCreatedRevisionName".to_owned()),
        column("LatestReady", ".status.latestReadyRevisionName".to_owned()),
        column("Ready", condition("status")),
        column("Reason", condition("reason")),
    ])
}

/// Whether the definition is ours.
pub(super) fn is_ours(labels: Option<&BTreeMap<String, String>>) -> bool {
    labels.and_then(|labels| labels.get(LABEL)).is_some_and(|by| by == MANAGED_BY)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

    use super::*;

    #[test]
    fn it_is_a_definition_and_says_whose() {
        let crd: CustomResourceDefinition = serde_json::from_value(definition()).unwrap();
        assert!(is_ours(crd.metadata.labels.as_ref()));
        assert!(!is_ours(None));
        let of_knative = [("app.kubernetes.io/name".to_owned(), "knative-serving".to_owned())].into();
        assert!(!is_ours(Some(&of_knative)));
        assert_eq!(
            crd.metadata.name.as_deref(),
            Some(format!("{}.{}", crd.spec.names.plural, crd.spec.group).as_str())
        );
        let version = &crd.spec.versions[0];
        assert!(version.subresources.as_ref().unwrap().status.is_some());
        let columns = version.additional_printer_columns.iter().flatten().map(|column| column.name.as_str());
        assert_eq!(columns.collect::<Vec<_>>(), ["URL", "LatestCreated", "LatestReady", "Ready", "Reason"]);
    }
}
