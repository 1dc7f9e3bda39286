//! Where a trigger's secrets are: TriggerAuthentication and ClusterTriggerAuthentication.

use serde_json::Value;

use super::fields::{listed, needed, warn_of_unknown};
use crate::bounds;
use crate::node::Node;
use crate::problem::{Findings, Problems, Warning};

/// The parameters of triggers, by where they come from. Where several say the same one, the later of these fields wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriggerAuthentication {
    /// Its namespace; none of a ClusterTriggerAuthentication, which every namespace may name and whose Secrets and
    /// ConfigMaps are in the autoscaler's own.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// `env`: variables of the scaled container.
    pub env: Vec<EnvParameter>,
    /// `configMapTargetRef`.
    pub config_maps: Vec<KeyParameter>,
    /// `secretTargetRef`.
    pub secrets: Vec<KeyParameter>,
    /// `filePath`: a file with a JSON object of strings, on the autoscaler's own disk; of a
    /// ClusterTriggerAuthentication only.
    pub file_path: Option<String>,
}

/// A parameter that is a key of a Secret or ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyParameter {
    /// The trigger's parameter.
    pub parameter: String,
    /// The object.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// A parameter that is a variable of the scaled container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvParameter {
    /// The trigger's parameter.
    pub parameter: String,
    /// The variable.
    pub name: String,
    /// `containerName`; else the container that the ScaledObject or ScaledJob names.
    pub container: Option<String>,
}

const FIELDS: [&str; 4] = ["secretTargetRef", "configMapTargetRef", "env", "filePath"];

/// What KEDA has besides, and Rouse has not.
const NOT_SERVED: [&str; 8] = [
    "podIdentity",
    "hashiCorpVault",
    "azureKeyVault",
    "gcpSecretManager",
    "awsSecretManager",
    "boundServiceAccountToken",
    "oauth2",
    "azure",
];

impl TriggerAuthentication {
    /// Reads a TriggerAuthentication, or one of the whole cluster (which has no namespace), as an apiserver serves it.
    ///
    /// # Errors
    /// Every problem of the object, with its name but no file.
    pub fn on_cluster(object: &Value) -> Result<(TriggerAuthentication, Vec<Warning>), Problems> {
        let root = Node::root(object);
        let cluster = !root.at("metadata").at("namespace").exists();
        let kind = if cluster { "ClusterTriggerAuthentication" } else { "TriggerAuthentication" };
        let (namespace, name, mut found) = super::identity(&root, kind);
        let read = TriggerAuthentication::read(&root, (!cluster).then_some(namespace), name, &mut found);
        found.finish(read)
    }

    /// Reads the object at `root`; without a namespace, it is of the whole cluster.
    pub(crate) fn read(
        root: &Node<'_>,
        namespace: Option<String>,
        name: String,
        found: &mut Findings,
    ) -> TriggerAuthentication {
        let spec = root.at("spec");
        refuse_what_is_not_served(&spec, found);
        warn_of_unknown(&spec, &[&FIELDS[..], &NOT_SERVED[..]].concat(), found);
        let file_at = spec.at("filePath");
        if file_at.exists() && namespace.is_some() {
            found.refuse(file_at.path(), "is allowed of a ClusterTriggerAuthentication only");
        }
        let read = TriggerAuthentication {
            name,
            namespace,
            env: spec.at("env").items(found).iter().map(|item| EnvParameter::read(item, found)).collect(),
            config_maps: keys(&spec.at("configMapTargetRef"), found),
            secrets: keys(&spec.at("secretTargetRef"), found),
            file_path: file_at.text(found).map(str::to_owned),
        };
        let count = read.env.len() + read.config_maps.len() + read.secrets.len();
        if count > bounds::AUTH_PARAMETERS {
            found.refuse(spec.path(), format!("has {count} parameters, more than {}", bounds::AUTH_PARAMETERS));
        }
        read
    }
}

fn refuse_what_is_not_served(spec: &Node<'_>, found: &mut Findings) {
    for field in NOT_SERVED {
        let at = spec.at(field);
        let none = at.at("provider").text(&mut Findings::default()) == Some("none");
        if at.exists() && !(field == "podIdentity" && none) {
            let message = format!("is not served: parameters come from {}", listed(&FIELDS, "or"));
            found.refuse(at.path(), message);
        }
    }
}

fn keys(node: &Node<'_>, found: &mut Findings) -> Vec<KeyParameter> {
    node.items(found).iter().map(|item| KeyParameter::read(item, found)).collect()
}

impl KeyParameter {
    fn read(node: &Node<'_>, found: &mut Findings) -> KeyParameter {
        warn_of_unknown(node, &["parameter", "name", "key"], found);
        let mut field = |name: &str| needed(&node.at(name), found);
        KeyParameter { parameter: field("parameter"), name: field("name"), key: field("key") }
    }
}

impl EnvParameter {
    fn read(node: &Node<'_>, found: &mut Findings) -> EnvParameter {
        warn_of_unknown(node, &["parameter", "name", "containerName"], found);
        let container = node.at("containerName").text(found).filter(|name| !name.is_empty()).map(str::to_owned);
        EnvParameter {
            parameter: needed(&node.at("parameter"), found),
            name: needed(&node.at("name"), found),
            container,
        }
    }
}
