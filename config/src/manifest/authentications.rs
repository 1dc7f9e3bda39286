//! TriggerAuthentications, with the Secrets and ConfigMaps of the same files.

use std::collections::{BTreeMap, HashMap};

use super::data::{DataObjects, Origin};
use super::document::{Kind, Object};
use crate::WorkloadId;
use crate::keda::{AuthRef, EnvParameter, KeyParameter, Secret, TriggerAuthentication};
use crate::problem::Findings;

/// Where the Secrets and ConfigMaps of a ClusterTriggerAuthentication are looked for: where KEDA itself runs as a rule,
/// which is where it looks for them on a cluster, and where people write who have no namespaces.
const CLUSTER_NAMESPACES: [&str; 2] = ["keda", WorkloadId::DEFAULT_NAMESPACE];

/// Every TriggerAuthentication of the files; those of the whole cluster have no namespace.
pub(super) struct Authentications {
    all: HashMap<(Option<String>, String), Parameters>,
    origin: Origin,
}

/// What one of them says.
struct Parameters {
    env: Vec<EnvParameter>,
    resolved: BTreeMap<String, Secret>,
}

/// Reads them, with all keys of `data` that they name.
pub(super) fn read(objects: &[Object], data: &DataObjects, found: &mut Findings) -> Authentications {
    let mut all = HashMap::new();
    for object in objects {
        let namespace = match object.kind {
            Kind::TriggerAuthentication => Some(object.namespace.clone()),
            Kind::ClusterTriggerAuthentication => None,
            _ => continue,
        };
        let mut here = object.findings();
        let read = TriggerAuthentication::read(&object.root(), namespace.clone(), object.name.clone(), &mut here);
        let resolved = resolve(&read, data, &mut here);
        found.absorb(here);
        all.insert((namespace, object.name.clone()), Parameters { env: read.env, resolved });
    }
    Authentications { all, origin: data.origin.clone() }
}

/// What is not a variable of what is scaled; a Secret over a ConfigMap.
fn resolve(read: &TriggerAuthentication, data: &DataObjects, found: &mut Findings) -> BTreeMap<String, Secret> {
    let namespaces: Vec<&str> = match (&read.namespace, &data.origin) {
        (Some(namespace), _) | (None, Origin::Cluster(namespace)) => vec![namespace],
        (None, Origin::Files) => CLUSTER_NAMESPACES.to_vec(),
    };
    let mut resolved = BTreeMap::new();
    for (field, kind, keys) in [
        ("spec.configMapTargetRef", Kind::ConfigMap, &read.config_maps),
        ("spec.secretTargetRef", Kind::Secret, &read.secrets),
    ] {
        for (n, key) in keys.iter().enumerate() {
            if let Some(value) = value(data, &namespaces, kind, key, &format!("{field}[{n}]"), found) {
                resolved.insert(key.parameter.clone(), value);
            }
        }
    }
    if read.file_path.is_some() {
        found.refuse("spec.filePath", "is not read: put the parameters into a Secret");
    }
    resolved
}

fn value(
    data: &DataObjects,
    namespaces: &[&str],
    kind: Kind,
    key: &KeyParameter,
    path: &str,
    found: &mut Findings,
) -> Option<Secret> {
    if key.name.is_empty() || key.key.is_empty() {
        return None;
    }
    let named = format!("{} {}/{}", kind.word(), namespaces.join(" or "), key.name);
    match namespaces.iter().find_map(|namespace| data.get(kind, namespace, &key.name)).map(|data| data.get(&key.key)) {
        Some(Some(value)) => return Some(Secret::new(value)),
        Some(None) => found.wrong(&format!("{path}.key"), &key.key, format!("is no key of {named}")),
        None => {
            let why = namespaces.first().map_or("is nowhere", |namespace| data.why_not(kind, namespace, &key.name));
            found.refuse(&format!("{path}.name"), format!("{named} {why}"));
        }
    }
    None
}

impl Authentications {
    /// The parameters that `named` has for an object in `namespace` whose container has the variables `env`; none if not
    /// all of them are in the files. What is wrong is said of the object, at `path`.
    pub(super) fn parameters(
        &self,
        named: &AuthRef,
        namespace: &str,
        env: Option<&BTreeMap<String, Secret>>,
        path: &str,
        found: &mut Findings,
    ) -> Option<BTreeMap<String, Secret>> {
        let namespace = (!named.cluster).then(|| namespace.to_owned());
        let Some(parameters) = self.all.get(&(namespace, named.name.clone())) else {
            let kind = if named.cluster { "ClusterTriggerAuthentication" } else { "TriggerAuthentication" };
            if !named.name.is_empty() {
                let nowhere = if self.origin == Origin::Files { "is in none of the files" } else { "is not there" };
                found.wrong(path, &named.name, format!("is a {kind} that {nowhere}"));
            }
            return None;
        };
        let mut all = BTreeMap::new();
        for variable in &parameters.env {
            match env?.get(&variable.name) {
                Some(value) => {
                    all.insert(variable.parameter.clone(), value.clone());
                }
                None => {
                    let message =
                        format!("takes {} of {:?}, which is no variable here", variable.parameter, variable.name);
                    found.wrong(path, &named.name, message);
                }
            }
        }
        all.extend(parameters.resolved.iter().map(|(name, value)| (name.clone(), value.clone())));
        Some(all)
    }
}
