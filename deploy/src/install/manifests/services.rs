//! How the processes are reached.

use serde_json::{Value, json};

use super::{metadata, selector};
use crate::install::{Object, Settings};
use crate::kubernetes::names::{ACTIVATOR, AUTOSCALER, AUTOSCALER_ADMIN_PORT, INJECTOR, LINK_PORT};

pub(super) fn services(settings: &Settings) -> Vec<Object> {
    let port = |name: &str, port: u16, target: Value| json!({ "name": name, "port": port, "targetPort": target, "protocol": "TCP" });
    let service = |name, spec: Value| {
        Object::new(
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata(settings, name), "spec": spec }),
        )
    };
    // No selector: the autoscaler that leads points it at itself. `rouse status` asks it through the apiserver.
    let leader = json!({ "ports": [
        port("link", LINK_PORT, LINK_PORT.into()),
        port("admin", AUTOSCALER_ADMIN_PORT, AUTOSCALER_ADMIN_PORT.into()),
    ] });
    let selected = |name, port: Value| service(name, json!({ "selector": selector(name), "ports": [port] }));
    vec![
        service(AUTOSCALER, leader),
        selected(ACTIVATOR, port("http", 80, "gateway".into())),
        selected(INJECTOR, port("https", 443, "webhook".into())),
    ]
}
