//! What an annotated Service asks for.

use std::fmt;
use std::sync::Arc;

use config::{Protocol, WorkloadId};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::objects::{ServiceObject, ServicePort, ServiceSpec};
use super::slice::Family;
use crate::kubernetes::names::{PORT_ANNOTATION, ROUTE_KEY, WORKLOAD_ANNOTATION};
use crate::kubernetes::told::ObjectRef;

/// Names a Service. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(Arc<(String, String)>);

impl ServiceId {
    /// The Service `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> ServiceId {
        ServiceId(Arc::new((namespace.into(), name.into())))
    }

    pub(super) fn of(object: &ServiceObject) -> ServiceId {
        ServiceId::new(object.metadata.namespace(), object.metadata.name())
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.0.0
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0.1
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace(), self.name())
    }
}

impl fmt::Debug for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A Service that asks to be led to a workload, or once did.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Service {
    pub(super) id: ServiceId,
    pub(super) uid: String,
    /// Whether [`ROUTE_KEY`] is in its selector.
    pub(super) has_key: bool,
    pub(super) asks: Asks,
}

/// What it asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asks {
    /// Not any more.
    Nothing,
    /// Something that cannot be had.
    Refused(Refusal),
    /// To be led to a workload.
    Serve(Arc<Serve>),
}

/// Why a Service is not led to its workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// In one word that never changes.
    pub(super) reason: &'static str,
    /// What is wrong, and what to do about it.
    pub(super) message: String,
}

/// What is to be led where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Serve {
    pub(super) workload: WorkloadId,
    /// The port whose requests are held while there is no pod.
    pub(super) port: PortName,
    /// What it says that the app speaks, if it says so.
    pub(super) protocol: Option<Protocol>,
    /// The ports that lead to ready pods and nowhere else.
    pub(super) others: Vec<Other>,
    /// The families of its addresses; none said is any.
    pub(super) families: Vec<Family>,
}

/// A port as a slice names it: by the name of the Service's port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PortName {
    pub(super) name: String,
    pub(super) protocol: String,
    pub(super) app_protocol: Option<String>,
}

/// A port that is not served, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) port: PortName,
    pub(super) target: Target,
}

/// A port of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Number(u16),
    /// Of one that a container declares.
    Name(String),
}

impl Service {
    /// What an object asks for; none if it never asked for anything.
    pub(super) fn of(object: &ServiceObject) -> Option<Service> {
        let (id, spec) = (ServiceId::of(object), &object.spec);
        let has_key = spec.selector.contains_key(ROUTE_KEY);
        let asks = match object.metadata.annotation(WORKLOAD_ANNOTATION) {
            None if has_key => Asks::Nothing,
            None => return None,
            Some(workload) => {
                match serve(id.namespace(), workload, object.metadata.annotation(PORT_ANNOTATION), spec) {
                    Ok(serve) => Asks::Serve(Arc::new(serve)),
                    Err(refusal) => Asks::Refused(refusal),
                }
            }
        };
        Some(Service { id, uid: object.metadata.uid().to_owned(), has_key, asks })
    }

    pub(super) fn serve(&self) -> Option<&Arc<Serve>> {
        if let Asks::Serve(serve) = &self.asks { Some(serve) } else { None }
    }

    /// As events name it.
    pub(super) fn reference(&self) -> ObjectRef {
        ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            namespace: self.id.namespace().to_owned(),
            name: self.id.name().to_owned(),
            uid: self.uid.clone(),
        }
    }
}

fn refuse<T>(reason: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { reason, message: message.into() })
}

fn serve(namespace: &str, workload: &str, asked: Option<&str>, spec: &ServiceSpec) -> Result<Serve, Refusal> {
    let workload = named(namespace, workload)?;
    can_be_turned(spec)?;
    let served = served(&spec.ports, asked)?;
    let others = spec.ports.iter().enumerate().filter(|(index, _)| *index != served);
    let port = &spec.ports[served];
    if protocol(port) != "TCP" {
        return refuse("NotTcp", format!("the port {} is {}, and only TCP carries HTTP", words(port), protocol(port)));
    }
    Ok(Serve {
        workload,
        port: PortName::of(port),
        protocol: spoken(port),
        others: others.map(|(_, port)| Other::of(port)).collect(),
        families: spec.ip_families.iter().filter_map(|family| Family::of(family)).collect(),
    })
}

/// The workload that is named, `NAME` or `KIND/NAME`; it is in the Service's own namespace.
fn named(namespace: &str, text: &str) -> Result<WorkloadId, Refusal> {
    let (kind, name) = text.trim().split_once('/').unwrap_or((WorkloadId::DEFAULT_KIND, text.trim()));
    if kind.is_empty() || name.is_empty() || name.contains('/') {
        let message = format!("{WORKLOAD_ANNOTATION}: {text:?} names no workload: write NAME or KIND/NAME");
        return refuse("BadAnnotation", message);
    }
    Ok(WorkloadId::new(namespace, kind, name))
}

/// Whether endpoints of ours would be used, and by everyone.
fn can_be_turned(spec: &ServiceSpec) -> Result<(), Refusal> {
    if spec.kind.as_deref() == Some("ExternalName") {
        let message = "a Service of type ExternalName leads to a name and has no endpoints: use ClusterIP";
        return refuse("ExternalName", message);
    }
    if spec.cluster_ip.as_deref() == Some("None") {
        let message = "a headless Service (clusterIP: None) leads clients to pods by their addresses, past every \
                       activator: annotate a Service with a cluster IP";
        return refuse("Headless", message);
    }
    let policies = [
        ("internalTrafficPolicy", &spec.internal_traffic_policy),
        ("externalTrafficPolicy", &spec.external_traffic_policy),
    ];
    if let Some((key, _)) = policies.iter().find(|(_, policy)| policy.as_deref() == Some("Local")) {
        let message = format!("{key}: Local drops what comes to a node without an activator of its own: use Cluster");
        return refuse("LocalTrafficPolicy", message);
    }
    if spec.selector.is_empty() {
        let message = "a Service without a selector has endpoints that somebody else writes: give it the selector of \
                       the workload's pods";
        return refuse("NoSelector", message);
    }
    Ok(())
}

/// Which of the ports is served: the one that is asked for, else the only one, else the one that is named for HTTP.
fn served(ports: &[ServicePort], asked: Option<&str>) -> Result<usize, Refusal> {
    let all = || ports.iter().map(words).collect::<Vec<_>>().join(", ");
    if let Some(asked) = asked.map(str::trim) {
        let is_asked = |port: &ServicePort| port.name == asked || asked.parse() == Ok(port.port);
        return ports.iter().position(is_asked).map_or_else(
            || refuse("NoPort", format!("{PORT_ANNOTATION}: {asked:?} is none of the ports {}", all())),
            Ok,
        );
    }
    if ports.len() == 1 {
        return Ok(0);
    }
    let only = |is_it: &dyn Fn(&str) -> bool| {
        let mut found = ports.iter().enumerate().filter(|(_, port)| is_it(&port.name));
        found.next().filter(|_| found.next().is_none()).map(|(index, _)| index)
    };
    // A port that is called just so goes before `http-metrics`.
    let exactly = only(&|name| HTTP_NAMES.contains(&name));
    let begins = || only(&|name| HTTP_NAMES.iter().any(|http| name.starts_with(http)));
    exactly.or_else(begins).map_or_else(
        || {
            let message = format!(
                "which of the ports {} is served is not clear: say so with {PORT_ANNOTATION}, or name one of them http",
                all()
            );
            refuse("AmbiguousPort", message)
        },
        Ok,
    )
}

/// What ports for HTTP are called, or how their names begin.
const HTTP_NAMES: [&str; 3] = ["http", "h2c", "grpc"];

/// What the app behind the port speaks, if name or `appProtocol` say so.
fn spoken(port: &ServicePort) -> Option<Protocol> {
    match port.app_protocol.as_deref().unwrap_or(&port.name) {
        "kubernetes.io/h2c" => Some(Protocol::H2c),
        said if said.starts_with("h2c") || said.starts_with("grpc") => Some(Protocol::H2c),
        said if said.starts_with("http") => Some(Protocol::Http1),
        _ => None,
    }
}

fn protocol(port: &ServicePort) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}

fn words(port: &ServicePort) -> String {
    if port.name.is_empty() { port.port.to_string() } else { format!("{} ({})", port.name, port.port) }
}

impl PortName {
    fn of(port: &ServicePort) -> PortName {
        let (name, protocol) = (port.name.clone(), protocol(port).to_owned());
        PortName { name, protocol, app_protocol: port.app_protocol.clone() }
    }
}

impl Other {
    fn of(port: &ServicePort) -> Other {
        let target = match &port.target_port {
            None => Target::Number(port.port),
            Some(IntOrString::Int(number)) => Target::Number(u16::try_from(*number).unwrap_or(port.port)),
            Some(IntOrString::String(name)) => Target::Name(name.clone()),
        };
        Other { port: PortName::of(port), target }
    }
}

#[cfg(test)]
mod tests;
