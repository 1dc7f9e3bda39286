//! Files into objects: YAML, several documents to a file, lists unpacked.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use crate::node::Node;
use crate::problem::Findings;
use crate::{WorkloadId, bounds, keda};

/// The kinds that Rouse reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    Service,
    KnativeService,
    Secret,
    ConfigMap,
    /// The pods of a workload, for a platform that does not start them.
    Pods,
    ScaledObject,
    ScaledJob,
    TriggerAuthentication,
    /// One without a namespace.
    ClusterTriggerAuthentication,
}

impl Kind {
    fn of(api_version: &str, kind: &str) -> Option<Kind> {
        Some(match (api_version, kind) {
            ("apps/v1", "Deployment") => Kind::Deployment,
            ("apps/v1", "StatefulSet") => Kind::StatefulSet,
            ("v1", "Service") => Kind::Service,
            ("serving.knative.dev/v1", "Service") => Kind::KnativeService,
            ("v1", "Secret") => Kind::Secret,
            ("v1", "ConfigMap") => Kind::ConfigMap,
            ("rouse.dev/v1", "Pods") => Kind::Pods,
            (keda::API_VERSION, "ScaledObject") => Kind::ScaledObject,
            (keda::API_VERSION, "ScaledJob") => Kind::ScaledJob,
            (keda::API_VERSION, "TriggerAuthentication") => Kind::TriggerAuthentication,
            (keda::API_VERSION, "ClusterTriggerAuthentication") => Kind::ClusterTriggerAuthentication,
            _ => return None,
        })
    }

    /// The kind as it stands in a [`WorkloadId`].
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::Service | Kind::KnativeService => "Service",
            Kind::Secret => "Secret",
            Kind::ConfigMap => "ConfigMap",
            Kind::Pods => "Pods",
            Kind::ScaledObject => "ScaledObject",
            Kind::ScaledJob => "ScaledJob",
            Kind::TriggerAuthentication => "TriggerAuthentication",
            Kind::ClusterTriggerAuthentication => "ClusterTriggerAuthentication",
        }
    }
}

/// One object of a file.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) file: String,
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
    value: Value,
}

impl Object {
    /// An object of a cluster, as its apiserver serves it.
    pub(super) fn on_cluster(kind: Kind, value: &Value) -> Object {
        let text = |field: &str| value["metadata"][field].as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text("namespace"), text("name"));
        Object { file: String::new(), kind, namespace, name, value: value.clone() }
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node::root(&self.value)
    }

    pub(super) fn id(&self) -> WorkloadId {
        WorkloadId::new(&self.namespace, self.kind.word(), &self.name)
    }

    /// The workload whose pods a [`Kind::Pods`] lists.
    pub(super) fn listed_workload(&self) -> WorkloadId {
        let (kind, name) = self.name.split_once('/').unwrap_or((WorkloadId::DEFAULT_KIND, &self.name));
        WorkloadId::new(&self.namespace, kind, name)
    }

    /// Findings about this object.
    pub(super) fn findings(&self) -> Findings {
        Findings::about(&self.file, self.to_string())
    }

    /// Where it is declared: `hello.yaml: Deployment default/hello`.
    pub(super) fn source(&self) -> String {
        format!("{}: {self}", self.file)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == Kind::ClusterTriggerAuthentication {
            return write!(f, "{} {}", self.kind.word(), self.name);
        }
        let whose = if self.kind == Kind::KnativeService { "Knative " } else { "" };
        write!(f, "{whose}{} {}/{}", self.kind.word(), self.namespace, self.name)
    }
}

/// Every object of `files` that Rouse reads. What is ignored is a warning, what is declared twice a problem.
pub(super) fn objects(files: &[(String, String)], found: &mut Findings) -> Vec<Object> {
    let mut objects = Vec::new();
    for (file, text) in files {
        for (n, document) in documents(file, text, found).into_iter().enumerate() {
            unpack(file, n + 1, document, &mut objects, found);
        }
    }
    refuse_twins(&mut objects, found);
    objects
}

fn documents(file: &str, text: &str, found: &mut Findings) -> Vec<Value> {
    let mut here = Findings::about(file, "");
    if text.len() > bounds::MANIFEST_BYTES {
        here.refuse("", format!("has {} bytes, more than {}", text.len(), bounds::MANIFEST_BYTES));
        found.absorb(here);
        return Vec::new();
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_recorded_anchor_events: bounds::MANIFEST_ALIAS_EVENTS,
            max_nodes: bounds::MANIFEST_NODES,
            max_events: 2 * bounds::MANIFEST_NODES, // a list or mapping begins and ends
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: bounds::MANIFEST_ALIAS_EVENTS },
        // The line and column say enough; whole lines of a manifest may hold secrets.
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options).unwrap_or_else(|error| {
        let error = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        here.refuse("", format!("is not valid YAML: {error}"));
        found.absorb(here);
        Vec::new()
    })
}

/// Adds the object in `document`, or those in it if it is a list.
fn unpack(file: &str, number: usize, document: Value, objects: &mut Vec<Object>, found: &mut Findings) {
    let mut here = Findings::about(file, format!("document {number}"));
    let root = Node::root(&document);
    let api_version = root.at("apiVersion").text(&mut here).unwrap_or_default().to_owned();
    let kind = root.at("kind").text(&mut here).unwrap_or_default().to_owned();
    if api_version.is_empty() || kind.is_empty() {
        here.refuse("", "is not an object of Kubernetes: it has no apiVersion or no kind");
        return found.absorb(here);
    }
    if (api_version.as_str(), kind.as_str()) == ("v1", "List") {
        if let Value::Object(mut list) = document
            && let Some(Value::Array(items)) = list.remove("items")
        {
            for item in items {
                unpack(file, number, item, objects, found);
            }
        }
        return;
    }
    if Kind::of(&api_version, &kind) == Some(Kind::Pods) {
        return pods(file, document, here, objects, found);
    }
    let metadata = root.at("metadata");
    let name = metadata.at("name").text(&mut here).unwrap_or_default().to_owned();
    let namespace = metadata.at("namespace").text(&mut here).unwrap_or(WorkloadId::DEFAULT_NAMESPACE).to_owned();
    let Some(known) = Kind::of(&api_version, &kind) else {
        found.absorb(here);
        return ignore(file, &api_version, &format!("{kind} {namespace}/{name}"), found);
    };
    if name.is_empty() {
        here.refuse("metadata.name", format!("is missing: every {kind} needs one"));
    }
    for (field, text) in [("metadata.name", &name), ("metadata.namespace", &namespace)] {
        if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)) {
            here.wrong(field, text, "is not a name: write it in lower-case letters, digits and hyphens");
        }
    }
    if here.problems.is_empty() {
        objects.push(Object { file: file.to_owned(), kind: known, namespace, name, value: document });
    }
    found.absorb(here);
}

/// Adds a list of pods, which is called as the workload is that it names.
fn pods(file: &str, document: Value, mut here: Findings, objects: &mut Vec<Object>, found: &mut Findings) {
    let at = Node::root(&document).at("workload");
    match at.text(&mut here).map(|text| (text, text.parse::<WorkloadId>())) {
        Some((_, Ok(id))) => {
            let (namespace, name) = (id.namespace().to_owned(), format!("{}/{}", id.kind(), id.name()));
            objects.push(Object { file: file.to_owned(), kind: Kind::Pods, namespace, name, value: document });
        }
        Some((text, Err(_))) => {
            here.wrong("workload", text, "is not a workload: write NAME, NAMESPACE/NAME or NAMESPACE/KIND/NAME");
        }
        None if here.problems.is_empty() => here.refuse("workload", "is missing: a list of pods names their workload"),
        None => {}
    }
    found.absorb(here);
}

fn ignore(file: &str, api_version: &str, object: &str, found: &mut Findings) {
    let mut here = Findings::about(file, object);
    here.warn("", format!("ignored: {api_version} is not read"));
    found.absorb(here);
}

/// Keeps the first of several declarations of one object.
fn refuse_twins(objects: &mut Vec<Object>, found: &mut Findings) {
    let mut first: HashMap<String, String> = HashMap::new();
    objects.retain(|object| {
        let Some(file) = first.get(&object.to_string()) else {
            first.insert(object.to_string(), object.file.clone());
            return true;
        };
        let mut here = object.findings();
        here.refuse("", format!("is declared twice: also in {file}"));
        found.absorb(here);
        false
    });
}
