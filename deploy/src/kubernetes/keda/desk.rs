//! What serving objects of either kind takes: what watches show, what is to be looked at, and what is to be told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use config::manifest::{Around, Asker, Given, given_on_cluster, needed_data};
use config::{Warning, bounds};
use futures_util::stream::select;
use futures_util::{Stream, StreamExt};
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::due::Due;
use super::run::KedaParts;
use super::surroundings::Surroundings;
use super::telling::Wrote;
use super::trouble::{Trouble, said};
use super::{cluster_trigger_authentications, trigger_authentications, watched};
use crate::kubernetes::agenda::Agenda;
use crate::kubernetes::watch::Which;
use crate::kubernetes::watched::{Place, Watched};
use crate::sources::Pool;

/// What a watch brought.
pub(super) enum News {
    Object(Event<DynamicObject>),
    Authentication(Event<DynamicObject>),
    ClusterAuthentication(Event<DynamicObject>),
}

/// What is used of one of KEDA's objects.
pub(super) type Object = Arc<Value>;

/// All of it, of one kind.
pub(super) struct Desk<'a> {
    pub(super) parts: &'a KedaParts,
    /// The kind.
    pub(super) kind: ApiResource,
    pub(super) pool: Arc<Pool>,
    pub(super) surroundings: Surroundings,
    pub(super) objects: Watched<Object>,
    authentications: Watched<Object>,
    cluster_authentications: Watched<Object>,
    /// Why those that are not served as they are now cannot be.
    pub(super) refused: HashMap<Place, String>,
    pub(super) agenda: Agenda,
    /// Whose status may have to be written.
    pub(super) statuses: Due,
    /// Statuses that are being written: whoever waits for that does not serve the others.
    pub(super) writing: JoinSet<Wrote>,
    /// When it was written last.
    pub(super) written: HashMap<Place, Instant>,
    /// Whose triggers fail, and may have been given other Secrets since.
    pub(super) failing: Due,
}

impl<'a> Desk<'a> {
    pub(super) fn new(parts: &'a KedaParts, kind: ApiResource, pool: &Arc<Pool>) -> Desk<'a> {
        Desk {
            pool: Arc::clone(pool),
            surroundings: Surroundings::new(parts.writes.client().clone(), &parts.secrets),
            parts,
            kind,
            objects: Watched::default(),
            authentications: Watched::default(),
            cluster_authentications: Watched::default(),
            refused: HashMap::new(),
            agenda: Agenda::default(),
            statuses: Due::default(),
            writing: JoinSet::new(),
            written: HashMap::new(),
            failing: Due::default(),
        }
    }

    /// Whether all lists have come to their ends.
    pub(super) fn knows_all(&self) -> bool {
        let all = [&self.objects, &self.authentications, &self.cluster_authentications];
        all.iter().all(|watched| watched.is_complete())
    }

    pub(super) fn news(&self) -> impl Stream<Item = News> + use<> {
        let watched = |kind: &ApiResource| watched(&self.parts.writes, kind, Which::default());
        let objects = watched(&self.kind).map(News::Object);
        let authentications = watched(&trigger_authentications()).map(News::Authentication);
        let of_cluster = watched(&cluster_trigger_authentications()).map(News::ClusterAuthentication);
        select(objects, select(authentications, of_cluster))
    }

    /// Takes in what a watch brought, of which `used` is used of objects.
    pub(super) fn take(&mut self, news: News, used: fn(&DynamicObject) -> Object) {
        match news {
            News::Object(event) => {
                for place in self.objects.take(event, used) {
                    self.agenda.add(place);
                }
            }
            News::Authentication(event) => {
                for authentication in self.authentications.take(event, without_status) {
                    self.look_at_those_with(&authentication, false);
                }
            }
            News::ClusterAuthentication(event) => {
                for authentication in self.cluster_authentications.take(event, without_status) {
                    self.look_at_those_with(&authentication, true);
                }
            }
        }
    }

    /// All that name this TriggerAuthentication.
    fn look_at_those_with(&mut self, authentication: &Place, cluster: bool) {
        for (place, object) in self.objects.iter() {
            let is_near = cluster || place.namespace == authentication.namespace;
            if is_near && refs(object).any(|(name, of_cluster)| name == authentication.name && of_cluster == cluster) {
                self.agenda.add(place.clone());
            }
        }
    }

    /// The triggers of what is at `place` fail, perhaps for want of the right credentials: those are read again.
    pub(super) fn look_again(&mut self, place: &Place) {
        self.failing.at(place, Instant::now() + bounds::TRIGGER_DATA_AGAIN);
    }

    /// What triggers of `asker`, whose pods are as `pod` says, are given, and what is odd about that.
    pub(super) async fn given(
        &mut self,
        asker: &Asker<'_>,
        pod: Option<&Value>,
    ) -> Result<(Given, Vec<Warning>), Trouble> {
        let authentications = self.authentications(asker);
        let (none, cluster_namespace) = (BTreeMap::new(), self.parts.namespace.as_str());
        let around = Around { authentications: &authentications, pod, cluster_namespace, data: &none };
        let data = self.surroundings.data(needed_data(asker, &around)).await?;
        let given = given_on_cluster(asker, &Around { data: &data, ..around });
        given.map_err(|problems| Trouble::Lacks(said(problems.0.iter())))
    }

    /// The TriggerAuthentications that its triggers name.
    fn authentications(&self, asker: &Asker<'_>) -> Vec<Value> {
        let named: BTreeSet<(bool, &str)> = asker
            .triggers
            .iter()
            .filter_map(|trigger| trigger.authentication.as_ref())
            .map(|named| (named.cluster, named.name.as_str()))
            .collect();
        let found = named.into_iter().filter_map(|(cluster, name)| {
            let namespace = if cluster { String::new() } else { asker.namespace.to_owned() };
            let place = Place { namespace, name: name.to_owned() };
            if cluster { self.cluster_authentications.get(&place) } else { self.authentications.get(&place) }
        });
        found.map(|value| Value::clone(value)).collect()
    }
}

/// Whether there is anything in what triggers were given that may change without its being told.
pub(super) fn uses_others(given: &Given) -> bool {
    let auth = given.auth.iter().flatten().any(|parameters| !parameters.is_empty());
    auth || given.env.as_ref().is_some_and(|env| !env.is_empty())
}

/// The TriggerAuthentications that triggers of `object` name, and whether each is of the whole cluster.
fn refs(object: &Value) -> impl Iterator<Item = (&str, bool)> {
    let triggers = object["spec"]["triggers"].as_array().into_iter().flatten();
    triggers.filter_map(|trigger| {
        let named = &trigger["authenticationRef"];
        Some((named["name"].as_str()?, named["kind"] == "ClusterTriggerAuthentication"))
    })
}

/// What is used of a ScaledObject: the rest would only make it differ from what it was.
pub(super) fn with_status(object: &DynamicObject) -> Object {
    let mut used = Value::clone(&without_status(object));
    used["status"] = object.data["status"].clone();
    Arc::new(used)
}

/// What is used of a ScaledJob: what its Jobs take over from it, too.
pub(super) fn with_metadata(object: &DynamicObject) -> Object {
    let mut used = Value::clone(&with_status(object));
    let metadata = &object.metadata;
    let annotations = metadata.annotations.iter().flatten();
    let annotations: BTreeMap<&String, &String> = annotations.filter(|(key, _)| *key != LAST_APPLIED).collect();
    used["metadata"]["annotations"] = json!(annotations);
    used["metadata"]["labels"] = json!(metadata.labels);
    used["metadata"]["generation"] = json!(metadata.generation);
    Arc::new(used)
}

/// What `kubectl apply` writes: the whole manifest once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn without_status(object: &DynamicObject) -> Object {
    const KEDA: &str = "keda.sh/";
    let metadata = &object.metadata;
    let annotations = metadata.annotations.iter().flatten();
    let annotations = annotations.filter(|(key, _)| key.contains(KEDA) || key.starts_with("rouse.dev/"));
    let annotations: serde_json::Map<String, Value> =
        annotations.map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    let mut kept = json!({
        "metadata": {
            "name": metadata.name, "uid": metadata.uid, "annotations": annotations,
            "deletionTimestamp": metadata.deletion_timestamp,
        },
        "spec": object.data["spec"],
    });
    // One of the whole cluster has none.
    if let Some(namespace) = &metadata.namespace {
        kept["metadata"]["namespace"] = namespace.as_str().into();
    }
    Arc::new(kept)
}
