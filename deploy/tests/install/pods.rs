//! What all of our pods are like.

use serde_json::{Value, json};

use crate::printed::objects;

fn deployments() -> Vec<Value> {
    let deployments: Vec<Value> = objects(&[]).into_iter().filter(|object| object["kind"] == "Deployment").collect();
    assert_eq!(deployments.len(), 3);
    deployments
}

#[test]
fn none_has_more_of_its_node_than_it_needs() {
    for deployment in deployments() {
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["runAsUser"], 65_532);
        assert_eq!(pod["securityContext"]["seccompProfile"], json!({ "type": "RuntimeDefault" }));
        for host in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(pod[host].is_null(), "{host}");
        }
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            assert!(volume["hostPath"].is_null());
        }
        for container in pod["containers"].as_array().unwrap() {
            assert_eq!(
                container["securityContext"],
                json!({
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": { "drop": ["ALL"] },
                })
            );
            for resource in ["cpu", "memory"] {
                assert!(container["resources"]["requests"][resource].is_string(), "{resource} is asked for");
            }
        }
    }
}

#[test]
fn each_tells_whether_it_lives_and_is_ready_apart_from_traffic() {
    for deployment in deployments() {
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
            assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "admin" }));
        }
        let ports = container["ports"].as_array().unwrap();
        let number = |name: &str| ports.iter().find(|port| port["name"] == name).map(|port| &port["containerPort"]);
        let admin = number("admin").expect("an admin port");
        let args: Vec<&str> = container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        assert!(args.contains(&format!("--admin=0.0.0.0:{admin}").as_str()), "{args:?}");
    }
}

#[test]
fn replacing_them_leaves_none_missing() {
    for deployment in deployments() {
        assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"], json!({ "maxUnavailable": 0, "maxSurge": 1 }));
        assert!(deployment["spec"]["replicas"].as_u64().unwrap() >= 2);
    }
}

#[test]
fn an_activator_has_a_token_for_the_autoscaler_and_none_for_the_apiserver() {
    let objects = objects(&[]);
    let account = crate::printed::object(&objects, "ServiceAccount", "rouse-activator");
    assert_eq!(account["automountServiceAccountToken"], false);
    let activator = crate::printed::object(&objects, "Deployment", "rouse-activator");
    let volumes = activator["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
    let tokens: Vec<&Value> = volumes
        .iter()
        .flat_map(|volume| volume["projected"]["sources"].as_array().unwrap())
        .filter_map(|source| source.get("serviceAccountToken"))
        .collect();
    assert_eq!(tokens.iter().map(|token| &token["audience"]).collect::<Vec<_>>(), ["rouse"]);
}

#[test]
fn known_by_its_address_an_activator_has_no_token_at_all_and_all_three_know_it() {
    let objects = objects(&["--reporter-identity=address"]);
    let pod = |name| &crate::printed::object(&objects, "Deployment", name)["spec"]["template"]["spec"];
    let sources = &pod("rouse-activator")["volumes"][0]["projected"]["sources"];
    assert_eq!(
        sources,
        &json!([{ "configMap": { "name": "rouse-ca", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } }])
    );
    let args = |name| pod(name)["containers"][0]["args"].to_string();
    assert!(!args("rouse-activator").contains("--link-token"));
    for name in ["rouse-autoscaler", "rouse-injector"] {
        assert!(args(name).contains("\"--reporter-identity=address\""), "{}", args(name));
    }
}
