use serde_json::{Value, json};

use super::*;

fn read(annotations: Value, spec: Value) -> Option<Service> {
    let metadata = json!({ "name": "hello", "namespace": "shop", "uid": "u-1", "annotations": annotations });
    Service::of(&serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap())
}

/// A Service as most are, with these fields changed.
fn service(more: Value) -> Value {
    let mut spec = json!({
        "type": "ClusterIP", "clusterIP": "10.96.0.7", "selector": { "app": "hello" }, "ipFamilies": ["IPv4"],
        "ports": [{ "port": 80, "targetPort": 8080, "protocol": "TCP" }], "sessionAffinity": "None",
    });
    more.as_object().unwrap().iter().for_each(|(key, value)| spec[key] = value.clone());
    spec
}

fn serves(more: Value) -> Serve {
    match read(json!({ "rouse.dev/workload": "hello" }), service(more)).unwrap().asks {
        Asks::Serve(serve) => Arc::unwrap_or_clone(serve),
        other => panic!("{other:?}"),
    }
}

fn refused(annotations: Value, more: Value) -> (&'static str, String) {
    match read(annotations, service(more)).unwrap().asks {
        Asks::Refused(refusal) => (refusal.reason, refusal.message),
        other => panic!("{other:?}"),
    }
}

fn port(name: &str, port: u16) -> Value {
    json!({ "name": name, "port": port })
}

#[test]
fn a_service_that_asks_for_nothing_is_not_kept_unless_it_has_the_key() {
    assert_eq!(read(json!({ "other": "hello" }), service(json!({}))), None);
    let left = read(Value::Null, service(json!({ "selector": { "app": "a", "rouse.dev/route": "managed" } }))).unwrap();
    assert_eq!((left.asks, left.has_key), (Asks::Nothing, true));
}

#[test]
fn a_workload_is_named_with_or_without_its_kind() {
    let named = |text: &str| {
        let service = read(json!({ "rouse.dev/workload": text }), service(json!({}))).unwrap();
        service.serve().map(|serve| serve.workload.to_string())
    };
    assert_eq!(named("hello").as_deref(), Some("shop/Deployment/hello"));
    assert_eq!(named("StatefulSet/hello").as_deref(), Some("shop/StatefulSet/hello"));
    for bad in ["", "/hello", "shop/StatefulSet/hello", "StatefulSet/"] {
        assert_eq!(named(bad), None, "{bad:?}");
    }
    assert_eq!(
        refused(json!({ "rouse.dev/workload": "a/b/c" }), json!({})).1,
        "rouse.dev/workload: \"a/b/c\" names no workload: write NAME or KIND/NAME"
    );
}

#[test]
fn the_served_port_is_the_one_asked_for_or_the_only_one_or_the_one_named_for_http() {
    let name = |ports: Value| serves(json!({ "ports": ports })).port.name;
    assert_eq!(name(json!([{ "port": 80 }])), "");
    assert_eq!(name(json!([port("metrics", 9090), port("http-web", 80)])), "http-web");
    assert_eq!(name(json!([port("http-metrics", 9090), port("http", 80)])), "http");
    assert_eq!(name(json!([port("admin", 9090), port("grpc-api", 80)])), "grpc-api");
    let ports = json!({ "ports": [port("admin", 9090), port("web", 80)] });
    for asked in ["web", "80"] {
        let annotations = json!({ "rouse.dev/workload": "hello", "rouse.dev/port": asked });
        let service = read(annotations, service(ports.clone())).unwrap();
        assert_eq!(service.serve().unwrap().port.name, "web");
    }
    let annotations = json!({ "rouse.dev/workload": "hello", "rouse.dev/port": "http" });
    let message = "rouse.dev/port: \"http\" is none of the ports admin (9090), web (80)";
    assert_eq!(refused(annotations, ports.clone()), ("NoPort", message.to_owned()));
    let message = "which of the ports admin (9090), web (80) is served is not clear: say so with rouse.dev/port, or \
                   name one of them http";
    assert_eq!(refused(json!({ "rouse.dev/workload": "hello" }), ports), ("AmbiguousPort", message.to_owned()));
}

#[test]
fn other_ports_lead_to_pods_by_number_or_by_name() {
    let ports = json!([
        { "name": "http", "port": 80, "targetPort": "web" },
        { "name": "metrics", "port": 9090 },
        { "name": "debug", "port": 1, "targetPort": 6060, "protocol": "UDP" },
        { "name": "admin", "port": 2, "targetPort": "admin", "appProtocol": "http" },
    ]);
    let others = serves(json!({ "ports": ports })).others;
    let told: Vec<_> =
        others.iter().map(|other| (&*other.port.name, &*other.port.protocol, other.target.clone())).collect();
    assert_eq!(
        told,
        [
            ("metrics", "TCP", Target::Number(9090)),
            ("debug", "UDP", Target::Number(6060)),
            ("admin", "TCP", Target::Name("admin".to_owned())),
        ]
    );
    assert_eq!(others[2].port.app_protocol.as_deref(), Some("http"));
}

#[test]
fn what_the_app_speaks_is_said_by_app_protocol_or_else_by_the_ports_name() {
    let spoken = |port: Value| serves(json!({ "ports": [port] })).protocol;
    assert_eq!(spoken(json!({ "name": "grpc-api", "port": 80 })), Some(Protocol::H2c));
    assert_eq!(spoken(json!({ "name": "http", "port": 80, "appProtocol": "kubernetes.io/h2c" })), Some(Protocol::H2c));
    assert_eq!(spoken(json!({ "name": "http1", "port": 80 })), Some(Protocol::Http1));
    assert_eq!(spoken(json!({ "port": 80 })), None);
}

#[test]
fn what_clients_would_reach_otherwise_is_refused() {
    let reason = |more: Value| refused(json!({ "rouse.dev/workload": "hello" }), more).0;
    assert_eq!(reason(json!({ "clusterIP": "None" })), "Headless");
    assert_eq!(reason(json!({ "type": "ExternalName", "clusterIP": null })), "ExternalName");
    assert_eq!(reason(json!({ "internalTrafficPolicy": "Local" })), "LocalTrafficPolicy");
    assert_eq!(reason(json!({ "type": "NodePort", "externalTrafficPolicy": "Local" })), "LocalTrafficPolicy");
    assert_eq!(reason(json!({ "selector": null })), "NoSelector");
    assert_eq!(reason(json!({ "ports": [{ "name": "http", "port": 80, "protocol": "UDP" }] })), "NotTcp");
    let cluster = json!({ "internalTrafficPolicy": "Cluster", "externalTrafficPolicy": "Cluster" });
    assert_eq!(serves(cluster).families, [Family::V4]);
}
