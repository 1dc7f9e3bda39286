//! How the processes are reached.

use serde_json::{Value, json};

use super::{metadata, selector};
use crate::install::{Object, Settings};
use crate::kubernetes::names::{
    ACTIVATOR, AUTOSCALER, AUTOSCALER_ADMIN_PORT, INJECTOR, LINK_PORT, LINK_PORT_NAME, SCALER_PORT, SCALER_PORT_NAME,
};

pub(super) fn services(settings: &Settings) -> Vec<Object> {
    let port = |name: &str, port: u16, target: Value| json!({ "name": name, "port": port, "targetPort": target, "protocol": "TCP" });
    let service = |name, spec: Value| {
        Object::new(
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata(settings, name), "spec": spec }),
        )
    };
    // No selector: the autoscaler that leads points it at itself. `rouse status` asks it through the apiserver.
    let same = |name, number: u16| port(name, number, number.into());
    let mut leader = vec![same(LINK_PORT_NAME, LINK_PORT), same("admin", AUTOSCALER_ADMIN_PORT)];
    leader.extend(settings.external_scaler.then(|| same(SCALER_PORT_NAME, SCALER_PORT)));
    let selected = |name, port: Value| service(name, json!({ "selector": selector(name), "ports": [port] }));
    vec![
        service(AUTOSCALER, json!({ "ports": leader })),
        selected(ACTIVATOR, port("http", 80, "gateway".into())),
        selected(INJECTOR, port("https", 443, "webhook".into())),
    ]
}
