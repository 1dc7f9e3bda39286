//! A readiness probe, as it stands in a container.

use std::time::Duration;

use crate::node::Node;
use crate::problem::Findings;
use crate::{Probe, ProbeKind};

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContainerPort {
    pub(super) name: Option<String>,
    pub(super) number: u16,
}

/// Reads `readinessProbe`, if there is one. `period` is how often without `periodSeconds`.
pub(super) fn read(probe: &Node<'_>, ports: &[ContainerPort], period: Duration, found: &mut Findings) -> Option<Probe> {
    if !probe.exists() {
        return None;
    }
    let kind = kind(probe, ports, found)?;
    // Zero means the default, as in Kubernetes.
    let mut number = |field: &str| probe.at(field).number(found).filter(|number| *number > 0);
    let mut seconds = |field: &str| number(field).map(|seconds| Duration::from_secs(u64::from(seconds)));
    Some(Probe {
        kind,
        period: seconds("periodSeconds").unwrap_or(period),
        timeout: seconds("timeoutSeconds").unwrap_or(Duration::from_secs(1)),
        initial_delay: seconds("initialDelaySeconds").unwrap_or_default(),
        success_threshold: number("successThreshold").unwrap_or(1),
        failure_threshold: number("failureThreshold").unwrap_or(3),
    })
}

const KINDS: [&str; 4] = ["httpGet", "tcpSocket", "grpc", "exec"];

fn kind(probe: &Node<'_>, ports: &[ContainerPort], found: &mut Findings) -> Option<ProbeKind> {
    let given: Vec<&str> = KINDS.into_iter().filter(|kind| probe.at(kind).exists()).collect();
    let [kind] = given[..] else {
        // Knative leaves the kind out where only the timings are set: that is its TCP probe.
        if given.is_empty() {
            return Some(ProbeKind::Tcp { port: None });
        }
        found.refuse(probe.path(), format!("has {}: it must have one kind", given.join(" and ")));
        return None;
    };
    let action = probe.at(kind);
    let port = port(&action.at("port"), ports, found);
    Some(match kind {
        "httpGet" => http(&action, port, found),
        "tcpSocket" => ProbeKind::Tcp { port },
        "grpc" => ProbeKind::Grpc { port, service: action.at("service").text(found).unwrap_or_default().to_owned() },
        _ => ProbeKind::Exec { command: action.at("command").texts(found) },
    })
}

fn http(action: &Node<'_>, port: Option<u16>, found: &mut Findings) -> ProbeKind {
    let scheme = action.at("scheme");
    if let Some(word) = scheme.text(found).filter(|word| !word.eq_ignore_ascii_case("http")) {
        found.wrong(scheme.path(), word, "is not probed: it must be HTTP");
    }
    let mut headers = Vec::new();
    for header in action.at("httpHeaders").items(found) {
        if let (Some(name), Some(value)) = (header.at("name").text(found), header.at("value").text(found)) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    let path = action.at("path").text(found).unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    ProbeKind::Http { path, port, headers }
}

/// The probed port, unless it is the one that the app serves: that one differs from pod to pod on one machine.
///
/// A container that declares no port serves the one that is probed.
fn port(port: &Node<'_>, ports: &[ContainerPort], found: &mut Findings) -> Option<u16> {
    let own = ports.first().map(|port| port.number);
    // Knative writes 0 where nothing is said.
    if !port.exists() || port.scalar().as_deref() == Some("0") {
        return None;
    }
    let number = if port.is_text() {
        let name = port.text(found)?;
        match ports.iter().find(|port| port.name.as_deref() == Some(name)) {
            Some(port) => port.number,
            None => {
                found.wrong(port.path(), name, "is the name of no port of the container");
                return None;
            }
        }
    } else {
        port.port(found)?
    };
    own.filter(|own| *own != number).map(|_| number)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn probe(document: Value) -> (Option<Probe>, Vec<String>) {
        let mut found = Findings::default();
        let ports = [
            ContainerPort { name: Some("http".into()), number: 8080 },
            ContainerPort { name: Some("admin".into()), number: 9090 },
        ];
        let probe = read(&Node::root(&document), &ports, Duration::from_secs(10), &mut found);
        (probe, found.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_http_probe_of_the_apps_own_port_names_no_port() {
        for port in [json!(8080), json!("http"), json!(null), json!(0)] {
            let (probe, problems) = probe(json!({"httpGet": {"path": "ready", "port": port}, "periodSeconds": 3}));
            let probe = probe.expect("a probe");
            assert_eq!(problems, [""; 0]);
            assert_eq!(probe.kind, ProbeKind::Http { path: "/ready".into(), port: None, headers: vec![] });
            assert_eq!((probe.period, probe.timeout), (Duration::from_secs(3), Duration::from_secs(1)));
            assert_eq!((probe.success_threshold, probe.failure_threshold), (1, 3));
        }
    }

    #[test]
    fn another_port_is_probed_by_its_number() {
        for port in [json!(9090), json!("admin")] {
            let (probe, _) = probe(json!({"tcpSocket": {"port": port}}));
            assert_eq!(probe.expect("a probe").kind, ProbeKind::Tcp { port: Some(9090) });
        }
        let (probe, _) = probe(json!({"grpc": {"port": 9090, "service": "shop"}}));
        assert_eq!(probe.expect("a probe").kind, ProbeKind::Grpc { port: Some(9090), service: "shop".into() });
    }

    #[test]
    fn what_cannot_be_probed_says_why() {
        let (_, problems) = probe(json!({"httpGet": {"port": "web", "scheme": "HTTPS"}}));
        assert_eq!(
            problems,
            [
                "httpGet.port: \"web\" is the name of no port of the container",
                "httpGet.scheme: \"HTTPS\" is not probed: it must be HTTP",
            ]
        );
        let (_, problems) = probe(json!({"exec": {"command": ["true"]}, "grpc": {"port": 1}}));
        assert_eq!(problems, ["has grpc and exec: it must have one kind"]);
    }
}
