//! Where the app's readiness probe goes: behind the queue-proxy, which tries it far more eagerly than a kubelet would.

use config::Findings;
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::App;
use crate::inject::field;

/// Who tries the app's readiness probe.
#[derive(Debug, PartialEq)]
pub(super) enum Readiness {
    /// There is none: the queue-proxy tries to connect.
    Unsaid,
    /// The kubelet, as ever, because nobody else can; the queue-proxy tries to connect, and the pod's Ready counts as well.
    Stays,
    /// The queue-proxy, which reads it in this form.
    Moves(String),
}

/// What of a probe decides that.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Probe {
    http_get: Option<Target>,
    tcp_socket: Option<Target>,
    grpc: Option<Target>,
    exec: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Target {
    port: Option<Port>,
    host: Option<String>,
    scheme: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Name(String),
}

impl Readiness {
    /// Who tries the readiness probe of `app`; what nobody can try goes to `found`.
    pub(super) fn of(app: &App<'_>, found: &mut Findings) -> Readiness {
        let path = format!("spec.containers[{}].readinessProbe", app.index);
        let Some(written) = app.container.readiness_probe.as_ref().filter(|probe| !probe.is_null()) else {
            return Readiness::Unsaid;
        };
        let probe = match Probe::deserialize(written) {
            Ok(probe) => probe,
            Err(error) => {
                found.refuse(&path, format!("is no probe: {error}"));
                return Readiness::Stays;
            }
        };
        let (kind, target) = match (&probe.http_get, &probe.tcp_socket, &probe.grpc) {
            _ if probe.exec.is_some() => return Readiness::Stays,
            (Some(target), _, _) => ("httpGet", target),
            (_, Some(target), _) => ("tcpSocket", target),
            (_, _, Some(target)) => ("grpc", target),
            (None, None, None) => return moved(written.clone(), &path, found),
        };
        let Some(port) = target.port(app, &format!("{path}.{kind}.port"), found) else { return Readiness::Stays };
        if target.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")) {
            if port == app.port {
                let message = "is TLS, behind which no queue-proxy sees a request: serve plain HTTP";
                found.wrong(&format!("{path}.{kind}.scheme"), "HTTPS", message);
            }
            return Readiness::Stays;
        }
        if target.host.as_deref().is_some_and(|host| !host.is_empty()) {
            return Readiness::Stays;
        }
        let mut probe = written.clone();
        *field(field(&mut probe, kind), "port") = json!(port); // the queue-proxy knows no names
        moved(probe, &path, found)
    }
}

impl Target {
    /// The number of the port that is probed. Without one the app's own is.
    fn port(&self, app: &App<'_>, path: &str, found: &mut Findings) -> Option<u16> {
        match &self.port {
            None | Some(Port::Number(0)) => Some(app.port),
            Some(Port::Number(port)) => Some(*port),
            Some(Port::Name(name)) => {
                let named = app.container.ports.iter().find(|port| port.name == *name).and_then(|port| port.tcp());
                let port = named.or_else(|| name.parse().ok());
                if port.is_none() {
                    found.wrong(path, name, "is the name of no port of the container");
                }
                port
            }
        }
    }
}

/// `probe` as the queue-proxy reads it, unless it does not.
fn moved(probe: Value, path: &str, found: &mut Findings) -> Readiness {
    let text = probe.to_string();
    if let Err(error) = queue_proxy::probe_json::parse(&text) {
        found.refuse(path, format!("is no probe: {error}"));
    }
    Readiness::Moves(text)
}

#[cfg(test)]
mod tests {
    use config::{ProbeKind, Protocol};

    use super::super::shape::Container;
    use super::*;

    fn readiness(probe: Value) -> Result<Readiness, String> {
        let ports = json!([{"name": "http", "containerPort": 3000}, {"name": "admin", "containerPort": 9000}]);
        let container: Container = serde_json::from_value(json!({"ports": ports, "readinessProbe": probe})).unwrap();
        let app = App { index: 0, container: &container, port: 3000, protocol: Protocol::Http1, must_be_told: false };
        let mut found = Findings::default();
        let readiness = Readiness::of(&app, &mut found);
        let problems: Vec<_> = found.problems.iter().map(ToString::to_string).collect();
        if problems.is_empty() { Ok(readiness) } else { Err(problems.join("\n")) }
    }

    /// As the queue-proxy understands what was moved.
    fn understood(probe: Value) -> config::Probe {
        match readiness(probe) {
            Ok(Readiness::Moves(text)) => queue_proxy::probe_json::parse(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_probe_of_http_tcp_or_grpc_moves_with_its_times() {
        let probe = understood(json!({
            "httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP", "httpHeaders": [{"name": "X", "value": "y"}]},
            "initialDelaySeconds": 5, "timeoutSeconds": 2, "periodSeconds": 4, "successThreshold": 1, "failureThreshold": 7
        }));
        let headers = vec![("X".to_owned(), "y".to_owned())];
        assert_eq!(probe.kind, ProbeKind::Http { path: "/ready".to_owned(), port: Some(3000), headers });
        let seconds = [probe.initial_delay, probe.timeout, probe.period].map(|time| time.as_secs());
        assert_eq!((seconds, probe.failure_threshold), ([5, 2, 4], 7));
        assert_eq!(understood(json!({"tcpSocket": {"port": 3000}})).kind, ProbeKind::Tcp { port: Some(3000) });
        let grpc = understood(json!({"grpc": {"port": 3000, "service": "shop"}}));
        assert_eq!(grpc.kind, ProbeKind::Grpc { port: Some(3000), service: "shop".to_owned() });
    }

    #[test]
    fn another_port_than_the_apps_stays_the_one_that_is_probed() {
        for port in [json!("admin"), json!(9000), json!("9000")] {
            assert_eq!(understood(json!({"tcpSocket": {"port": port}})).kind, ProbeKind::Tcp { port: Some(9000) });
        }
    }

    #[test]
    fn what_only_a_kubelet_can_try_stays() {
        for probe in [
            json!({"exec": {"command": ["true"]}}),
            json!({"httpGet": {"port": 9000, "scheme": "HTTPS"}}),
            json!({"httpGet": {"port": 3000, "host": "example.com"}}),
            json!({"tcpSocket": {"port": 3000, "host": "10.0.0.1"}}),
        ] {
            assert_eq!(readiness(probe.clone()), Ok(Readiness::Stays), "{probe}");
        }
        assert_eq!(readiness(json!(null)), Ok(Readiness::Unsaid));
    }

    #[test]
    fn what_nobody_can_try_is_refused() {
        let refused = |probe| readiness(probe).unwrap_err();
        assert_eq!(
            refused(json!({"httpGet": {"port": "web"}})),
            "spec.containers[0].readinessProbe.httpGet.port: \"web\" is the name of no port of the container"
        );
        assert!(refused(json!({"httpGet": {"port": "http", "scheme": "HTTPS"}})).contains("is TLS"));
        assert!(refused(json!({})).ends_with("one of httpGet, tcpSocket, grpc and exec is needed"));
        assert!(refused(json!({"httpGet": {"port": 3000}, "timeoutSeconds": -1})).contains("is no probe"));
        assert!(refused(json!({"httpGet": {"port": 70_000}})).contains("is no probe"));
    }
}
