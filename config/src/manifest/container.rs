//! The first container of a pod: what is run on one machine, and what the front of it has to know.

use std::path::PathBuf;
use std::time::Duration;

use super::data::{DataObjects, Origin};
use super::document::{Kind, Object};
use super::expand::literal;
use super::probe::{self, ContainerPort};
use super::{Cluster, Template};
use crate::Probe;
use crate::node::Node;
use crate::problem::Findings;

/// What the first container says.
pub(super) struct Container {
    pub(super) template: Template,
    pub(super) app: App,
}

/// What the app's front has to know.
#[derive(Default)]
pub(super) struct App {
    pub(super) readiness: Option<Probe>,
    /// The name of the port that the app serves.
    pub(super) port_name: Option<String>,
}

impl App {
    /// Reads the container. `probe_period` is how often its probe runs where nothing is said.
    pub(super) fn read(container: &Node<'_>, probe_period: Duration, found: &mut Findings) -> App {
        let ports = ports(container, found);
        let readiness = probe::read(&container.at("readinessProbe"), &ports, probe_period, found);
        App { readiness, port_name: ports.into_iter().next().and_then(|port| port.name) }
    }
}

/// Reads `spec` of a pod template. `probe_period` is how often its probe runs where nothing is said.
pub(super) fn read(
    pod: &Node<'_>,
    probe_period: Duration,
    object: &Object,
    cluster: &Cluster,
    found: &mut Findings,
) -> Container {
    let containers = pod.at("containers");
    let all = containers.items(found);
    for other in all.iter().skip(1).chain(&pod.at("initContainers").items(found)) {
        let name = other.at("name").text(found).unwrap_or("?");
        found.warn(other.path(), format!("{name:?} is not run on one machine: only the first container is"));
    }
    let Some(first) = all.first() else {
        found.refuse(containers.path(), "is missing: a pod needs a container with a command");
        return Container { template: Template::default(), app: App::default() };
    };
    if first.at("volumeMounts").exists() {
        found.warn(first.at("volumeMounts").path(), "is not mounted on one machine");
    }
    let mut command = first.at("command").texts(found);
    if command.is_empty() {
        found.refuse(first.at("command").path(), "is missing: image is not run on one machine; give a command");
    }
    command.extend(first.at("args").texts(found));
    let working_dir = first.at("workingDir").text(found).map(PathBuf::from);
    let env = variables(first, &object.namespace, Some(&object.name), &cluster.data, found);
    Container { template: Template { command, env, working_dir }, app: App::read(first, probe_period, found) }
}

fn ports(container: &Node<'_>, found: &mut Findings) -> Vec<ContainerPort> {
    let mut ports = Vec::new();
    for port in container.at("ports").items(found) {
        let name = port.at("name").text(found).map(str::to_owned);
        if let Some(number) = port.at("containerPort").port(found) {
            ports.push(ContainerPort { name, number });
        }
    }
    ports
}

/// The variables of a container in `namespace`; `pod` is what its pod is called, if that is known.
pub(super) fn variables(
    container: &Node<'_>,
    namespace: &str,
    pod: Option<&str>,
    data: &DataObjects,
    found: &mut Findings,
) -> Vec<(String, String)> {
    Variables { namespace, pod, data, env: Vec::new() }.read(container, found)
}

/// The variables of a container, while they are read.
struct Variables<'a> {
    namespace: &'a str,
    pod: Option<&'a str>,
    data: &'a DataObjects,
    env: Vec<(String, String)>,
}

impl Variables<'_> {
    /// `envFrom` first and `env` over it, as in Kubernetes.
    fn read(mut self, container: &Node<'_>, found: &mut Findings) -> Vec<(String, String)> {
        for source in container.at("envFrom").items(found) {
            self.take_all(&source, found);
        }
        for variable in container.at("env").items(found) {
            let name_node = variable.at("name");
            let name = name_node.text(found).unwrap_or_default();
            if name.is_empty() || name.contains(['=', '\0']) {
                found.wrong(name_node.path(), name, "is not the name of a variable");
            } else if let Some(value) = self.value(&variable, found) {
                self.env.push((name.to_owned(), value));
            }
        }
        self.env
    }

    fn take_all(&mut self, source: &Node<'_>, found: &mut Findings) {
        let prefix = source.at("prefix").text(found).unwrap_or_default();
        for (field, kind) in [("configMapRef", Kind::ConfigMap), ("secretRef", Kind::Secret)] {
            let reference = source.at(field);
            if !reference.exists() {
                continue;
            }
            let name = reference.at("name").text(found).unwrap_or_default();
            let optional = reference.at("optional").switch(found).unwrap_or(false);
            match self.data.get(kind, self.namespace, name) {
                Some(data) => {
                    self.env.extend(data.iter().map(|(key, value)| (format!("{prefix}{key}"), literal(value))));
                }
                None if optional => {}
                None => self.refuse_missing(reference.path(), kind, name, found),
            }
        }
    }

    fn value(&self, variable: &Node<'_>, found: &mut Findings) -> Option<String> {
        let from = variable.at("valueFrom");
        if !from.exists() {
            return Some(variable.at("value").text(found).unwrap_or_default().to_owned());
        }
        for (field, kind) in [("configMapKeyRef", Kind::ConfigMap), ("secretKeyRef", Kind::Secret)] {
            let reference = from.at(field);
            if reference.exists() {
                return self.key_of(&reference, kind, found);
            }
        }
        let field = from.at("fieldRef").at("fieldPath");
        let value = field.text(found).and_then(|path| self.field(path));
        // On a cluster each pod has its own.
        if value.is_none() && self.data.origin == Origin::Files {
            match field.text(found) {
                Some(path) => found.wrong(field.path(), path, "is not known on one machine: give a value"),
                None => found.refuse(from.path(), "is not read: give a value, a secretKeyRef or a configMapKeyRef"),
            }
        }
        value
    }

    fn key_of(&self, reference: &Node<'_>, kind: Kind, found: &mut Findings) -> Option<String> {
        let name = reference.at("name").text(found).unwrap_or_default();
        let key_node = reference.at("key");
        let key = key_node.text(found).unwrap_or_default();
        let optional = reference.at("optional").switch(found).unwrap_or(false);
        let data = self.data.get(kind, self.namespace, name);
        match data.map(|data| data.get(key)) {
            Some(Some(value)) => return Some(literal(value)),
            _ if optional => {}
            Some(None) => {
                let whose = format!("{} {}/{name}", kind.word(), self.namespace);
                found.wrong(key_node.path(), key, format!("is no key of {whose}"));
            }
            None => self.refuse_missing(reference.path(), kind, name, found),
        }
        None
    }

    fn refuse_missing(&self, path: &str, kind: Kind, name: &str, found: &mut Findings) {
        let whole = format!("{} {}/{name}", kind.word(), self.namespace);
        found.refuse(path, format!("{whole} {}", self.data.why_not(kind, self.namespace, name)));
    }

    /// What is known of a pod before it runs. Its own name is not: that of its workload stands for it.
    fn field(&self, path: &str) -> Option<String> {
        match path {
            "metadata.name" => self.pod.map(literal),
            "metadata.namespace" => Some(literal(self.namespace)),
            _ => None,
        }
    }
}
