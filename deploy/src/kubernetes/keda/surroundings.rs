//! What a ScaledObject uses that is not in it: what it scales, and Secrets and ConfigMaps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use config::manifest::DataRef;
use config::{WorkloadId, bounds};
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::kubernetes::names::SCALE_LABEL;

/// A Secret or ConfigMap, or why it cannot be used.
type Read = Result<Value, String>;

/// Reads them. Each for a moment only once, whoever uses it; no longer, for nobody tells when one changes.
pub(super) struct Surroundings {
    client: Client,
    secrets: BTreeSet<String>,
    kept: HashMap<DataRef, (Instant, Read)>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}

/// What a ScaledObject scales, as it is now.
#[derive(Debug)]
pub(super) struct Target {
    /// Whether it has our label as well: then requests ask for pods, too.
    pub(super) is_labelled: bool,
    /// How many replicas it is asked to have, where it says so itself.
    pub(super) replicas: Option<u32>,
    /// The `spec` of its pods, if it has one.
    pub(super) pod: Option<Value>,
}

impl Surroundings {
    /// Reads by `client`, Secrets and ConfigMaps in the namespaces `secrets` only.
    pub(super) fn new(client: Client, secrets: &[String]) -> Surroundings {
        Surroundings { client, secrets: secrets.iter().cloned().collect(), kept: HashMap::new() }
    }

    /// What is scaled; none if it is not there.
    pub(super) async fn target(&self, kind: &ApiResource, id: &WorkloadId) -> Result<Option<Target>, kube::Error> {
        let objects: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), id.namespace(), kind);
        let named = ListParams::default().fields(&format!("metadata.name={}", id.name()));
        let found = objects.list(&named).await?.items.into_iter();
        let mut found = found.filter(|object| object.metadata.name.as_deref() == Some(id.name()));
        Ok(found.next().map(|object| {
            let label = object.metadata.labels.as_ref().and_then(|labels| labels.get(SCALE_LABEL));
            let replicas = object.data["spec"]["replicas"].as_u64().and_then(|replicas| u32::try_from(replicas).ok());
            let pod = &object.data["spec"]["template"]["spec"];
            Target {
                is_labelled: label.is_some_and(|value| value == "true"),
                replicas,
                pod: (!pod.is_null()).then(|| pod.clone()),
            }
        }))
    }

    /// The Secrets and ConfigMaps.
    pub(super) async fn data(&mut self, needed: BTreeSet<DataRef>) -> Result<BTreeMap<DataRef, Read>, kube::Error> {
        let now = Instant::now();
        let is_fresh = |at: Instant, age: Duration| now.duration_since(at) < age;
        self.kept.retain(|_, (at, _)| is_fresh(*at, bounds::TRIGGER_DATA_AGE));
        let mut all = BTreeMap::new();
        for named in needed {
            let read = match self.kept.get(&named) {
                Some((_, read)) => read.clone(),
                None => {
                    let read = self.read(&named).await?;
                    if self.kept.len() < bounds::TRIGGER_DATA_KEPT {
                        self.kept.insert(named.clone(), (now, read.clone()));
                    }
                    read
                }
            };
            all.insert(named, read);
        }
        Ok(all)
    }

    async fn read(&self, named: &DataRef) -> Result<Read, kube::Error> {
        if !self.secrets.contains(&named.namespace) {
            let why = format!("may not be read: {} is not among the namespaces of --trigger-secrets", named.namespace);
            return Ok(Err(why));
        }
        let (kind, plural) = if named.secret { ("Secret", "secrets") } else { ("ConfigMap", "configmaps") };
        let kind = ApiResource {
            group: String::new(),
            version: "v1".to_owned(),
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        let objects: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &named.namespace, &kind);
        match objects.get_opt(&named.name).await {
            Ok(Some(object)) => Ok(Ok(json!({
                "metadata": { "namespace": named.namespace, "name": named.name }, "data": object.data["data"],
            }))),
            Ok(None) => Ok(Err("is not there".to_owned())),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                Ok(Err(format!("may not be read: {}", status.message)))
            }
            Err(error) => Err(error),
        }
    }
}
