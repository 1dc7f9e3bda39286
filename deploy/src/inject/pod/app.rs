//! Which container of a pod is the app, and at which port requests reach it.

use config::manifest::spoken_by;
use config::{Findings, Protocol};

use super::shape::{Container, Pod, Port};
use crate::kubernetes::names;

/// The annotation by which a pod says which of its containers is meant when none is named.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The app's port where nothing says another: Knative's.
const DEFAULT_PORT: u16 = 8080;

/// The variable that tells an app its port.
pub(super) const PORT: &str = "PORT";

/// The container that requests are for.
#[derive(Debug)]
pub(super) struct App<'a> {
    /// Its place among the containers.
    pub(super) index: usize,
    pub(super) container: &'a Container,
    /// Where it takes requests.
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    /// Whether nothing told it so: it needs the variable.
    pub(super) must_be_told: bool,
}

impl<'a> App<'a> {
    /// The app of `pod`; what leaves more than one answer goes to `found`.
    pub(super) fn find(pod: &'a Pod, found: &mut Findings) -> Option<App<'a>> {
        let (index, container) = container(pod, found)?;
        let path = format!("spec.containers[{index}]");
        let app = |port, protocol| App { index, container, port, protocol, must_be_told: false };
        let ports: Vec<&Port> = container.ports.iter().filter(|port| port.tcp().is_some()).collect();
        if ports.is_empty() {
            return match told(container) {
                Told::Nothing => Some(App { must_be_told: true, ..app(DEFAULT_PORT, Protocol::Http1) }),
                Told::Port(port) => Some(app(port, Protocol::Http1)),
                Told::Unknown => {
                    let message = "is not known before the pod runs: declare the port in ports as well";
                    found.refuse(&format!("{path}.env[{PORT}]"), message);
                    None
                }
            };
        }
        let port = served(container, &ports, &path, found)?;
        if port.name.starts_with("https") {
            let message =
                "is the name of a port with TLS, behind which no queue-proxy sees a request: serve plain HTTP";
            found.wrong(&format!("{path}.ports"), &port.name, message);
        }
        Some(app(port.tcp()?, spoken_by(&port.name).unwrap_or_default()))
    }
}

/// The container that the pod says is meant; else the first, unless only another one declares a port.
fn container<'a>(pod: &'a Pod, found: &mut Findings) -> Option<(usize, &'a Container)> {
    let others = || pod.spec.containers.iter().enumerate().filter(|(_, other)| other.name != names::QUEUE_PROXY);
    let Some(first) = others().next() else {
        found.refuse("spec.containers", "is empty: a pod needs an app");
        return None;
    };
    let meant = pod.metadata.annotations.get(DEFAULT_CONTAINER);
    if let Some(meant) = meant.and_then(|name| others().find(|(_, container)| container.name == *name)) {
        return Some(meant);
    }
    let serve: Vec<_> = others().filter(|(_, other)| other.ports.iter().any(|port| port.tcp().is_some())).collect();
    match serve[..] {
        [] => Some(first),
        [(index, _), ..] if index == first.0 => Some(first),
        [only] => Some(only),
        _ => {
            let names: Vec<_> = serve.iter().map(|(_, container)| container.name.as_str()).collect();
            let names = names.join(", ");
            let message =
                format!("more than one declares a port ({names}): say which takes requests in {DEFAULT_CONTAINER}");
            found.refuse("spec.containers", message);
            None
        }
    }
}

/// The only port; else the one that the app is told; else the one named for HTTP.
fn served<'a>(container: &Container, ports: &[&'a Port], path: &str, found: &mut Findings) -> Option<&'a Port> {
    if let [only] = ports {
        return Some(only);
    }
    if let Told::Port(told) = told(container)
        && let Some(port) = ports.iter().find(|port| port.tcp() == Some(told))
    {
        return Some(port);
    }
    let named: Vec<_> = ports.iter().filter(|port| is_named_for_requests(&port.name)).collect();
    if let [port] = named[..] {
        return Some(port);
    }
    let which = if named.is_empty() { "none is" } else { "more than one is" };
    found.refuse(
        &format!("{path}.ports"),
        format!(
            "requests come in at one port, and {which} named http…, h2c or grpc…: name that one so, or say it in {PORT}"
        ),
    );
    None
}

/// As a Service's port is; `user-port` is what Knative calls an app's.
fn is_named_for_requests(name: &str) -> bool {
    spoken_by(name).is_some() || name == "user-port"
}

/// What the app is told about its port.
enum Told {
    Nothing,
    Port(u16),
    /// Something that only shows when it runs.
    Unknown,
}

fn told(container: &Container) -> Told {
    let Some(variable) = container.env.iter().rfind(|variable| variable.name == PORT) else { return Told::Nothing };
    match variable.value.as_deref().map(str::parse::<u16>) {
        Some(Ok(port)) if port > 0 => Told::Port(port),
        _ => Told::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Container, port, protocol and whether it must be told; or what is wrong.
    fn app(containers: Value, annotations: Value) -> Result<(usize, u16, Protocol, bool), String> {
        let pod = json!({"metadata": {"annotations": annotations}, "spec": {"containers": containers}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let mut found = Findings::default();
        let app = App::find(&pod, &mut found).map(|app| (app.index, app.port, app.protocol, app.must_be_told));
        let problems: Vec<_> = found.problems.iter().map(ToString::to_string).collect();
        if problems.is_empty() { app.ok_or_else(String::new) } else { Err(problems.join("\n")) }
    }

    fn of(containers: Value) -> Result<(usize, u16, Protocol, bool), String> {
        app(containers, json!(null))
    }

    #[test]
    fn an_app_that_says_nothing_is_told_knatives_port() {
        assert_eq!(of(json!([{"name": "app"}])), Ok((0, 8080, Protocol::Http1, true)));
        assert_eq!(of(json!([{"name": "app", "ports": null}])), Ok((0, 8080, Protocol::Http1, true)));
        let told = json!([{"name": "app", "env": [{"name": "PORT", "value": "3000"}]}]);
        assert_eq!(of(told), Ok((0, 3000, Protocol::Http1, false)));
    }

    #[test]
    fn the_only_port_is_served_whatever_its_name() {
        let ports = json!([{"name": "web", "containerPort": 3000}, {"containerPort": 53, "protocol": "UDP"}]);
        assert_eq!(of(json!([{"name": "app", "ports": ports}])), Ok((0, 3000, Protocol::Http1, false)));
    }

    #[test]
    fn of_several_ports_the_one_named_for_requests_is_served() {
        for (name, protocol) in [
            ("http", Protocol::Http1),
            ("http1", Protocol::Http1),
            ("user-port", Protocol::Http1),
            ("h2c", Protocol::H2c),
            ("grpc-api", Protocol::H2c),
        ] {
            let ports = json!([{"name": "metrics", "containerPort": 9090}, {"name": name, "containerPort": 3000}]);
            assert_eq!(of(json!([{"name": "app", "ports": ports}])), Ok((0, 3000, protocol, false)), "{name}");
        }
        let ports = json!([{"containerPort": 9090}, {"containerPort": 3000}]);
        let env = json!([{"name": "PORT", "value": "3000"}]);
        assert_eq!(of(json!([{"name": "app", "ports": ports, "env": env}])), Ok((0, 3000, Protocol::Http1, false)));
    }

    #[test]
    fn the_first_container_is_the_app_unless_only_another_serves_or_the_pod_says_so() {
        let port = |number: u16| json!([{"containerPort": number}]);
        let both = json!([{"name": "app", "ports": port(1)}, {"name": "agent", "ports": port(2)}]);
        assert_eq!(of(both.clone()).unwrap().1, 1);
        assert_eq!(app(both, json!({(DEFAULT_CONTAINER): "agent"})).unwrap().1, 2);
        assert_eq!(of(json!([{"name": "agent"}, {"name": "app", "ports": port(2)}])).unwrap().0, 1);
        let ours = json!([{"name": "queue-proxy", "ports": port(8012)}, {"name": "app", "ports": port(2)}]);
        assert_eq!(of(ours).unwrap().0, 1);
    }

    #[test]
    fn where_nothing_decides_nothing_is_guessed() {
        let ports = json!([{"name": "web", "containerPort": 1}, {"name": "admin", "containerPort": 2}]);
        assert_eq!(
            of(json!([{"name": "app", "ports": ports}])).unwrap_err(),
            "spec.containers[0].ports: requests come in at one port, and none is named http…, h2c or grpc…: name that one \
             so, or say it in PORT"
        );
        let port = json!([{"containerPort": 1}]);
        let three = json!([{"name": "a"}, {"name": "b", "ports": port}, {"name": "c", "ports": port}]);
        assert_eq!(
            of(three).unwrap_err(),
            "spec.containers: more than one declares a port (b, c): say which takes requests in \
             kubectl.kubernetes.io/default-container"
        );
        let from_elsewhere = json!([{"name": "app", "env": [{"name": "PORT", "valueFrom": {}}]}]);
        assert_eq!(
            of(from_elsewhere).unwrap_err(),
            "spec.containers[0].env[PORT]: is not known before the pod runs: declare the port in ports as well"
        );
        let tls = json!([{"name": "app", "ports": [{"name": "https", "containerPort": 8443}]}]);
        assert!(of(tls).unwrap_err().starts_with("spec.containers[0].ports: \"https\" is the name of a port with TLS"));
        assert_eq!(of(json!([])).unwrap_err(), "spec.containers: is empty: a pod needs an app");
    }
}
