//! Serves ScaledObjects: watches them, and knows what is to be looked at and told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use config::{WorkloadId, bounds};
use futures_util::stream::{BoxStream, select};
use futures_util::{Stream, StreamExt};
use kube::Api;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::due::Due;
use super::run::KedaParts;
use super::served::Served;
use super::surroundings::Surroundings;
use super::telling::Wrote;
use super::{cluster_trigger_authentications, scaled_objects, trigger_authentications};
use crate::kubernetes::agenda::Agenda;
use crate::kubernetes::route::endpoints;
use crate::kubernetes::watch::{Which, watch};
use crate::kubernetes::watched::{Place, Watched};
use crate::sources::{Pool, PoolSettings};
use crate::triggers::Keepers;

/// What a watch brought.
enum News {
    Object(Event<DynamicObject>),
    Authentication(Event<DynamicObject>),
    ClusterAuthentication(Event<DynamicObject>),
}

/// What is used of one of KEDA's objects.
type Object = Arc<Value>;

/// Keeps ScaledObjects served.
pub(super) struct Controller<'a> {
    pub(super) parts: &'a KedaParts,
    pub(super) keepers: &'a mut Keepers,
    pub(super) pool: Arc<Pool>,
    pub(super) surroundings: Surroundings,
    pub(super) objects: Watched<Object>,
    pub(super) authentications: Watched<Object>,
    pub(super) cluster_authentications: Watched<Object>,
    pub(super) served: HashMap<Place, Served>,
    /// Why those that are not served as they are now cannot be.
    pub(super) refused: HashMap<Place, String>,
    /// Whose each workload is.
    pub(super) whose: HashMap<WorkloadId, Place>,
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

impl Controller<'_> {
    pub(super) fn new<'a>(parts: &'a KedaParts, keepers: &'a mut Keepers) -> Controller<'a> {
        let endpoints = endpoints(parts.writes.client().clone(), parts.discovered.endpoint_slices.clone());
        Controller {
            pool: Pool::new(PoolSettings { endpoints, ..PoolSettings::default() }),
            surroundings: Surroundings::new(parts.writes.client().clone(), &parts.secrets),
            parts,
            keepers,
            objects: Watched::default(),
            authentications: Watched::default(),
            cluster_authentications: Watched::default(),
            served: HashMap::new(),
            refused: HashMap::new(),
            whose: HashMap::new(),
            agenda: Agenda::default(),
            statuses: Due::default(),
            writing: JoinSet::new(),
            written: HashMap::new(),
            failing: Due::default(),
        }
    }

    /// Does so for as long as it is polled.
    pub(super) async fn run(&mut self) -> Infallible {
        let mut news = Box::pin(self.news());
        let (told, platform) = (self.keepers.told().clone(), Arc::clone(&self.parts.platform));
        loop {
            // Nothing is refused for want of an object that a list has yet to name.
            let all = [&self.objects, &self.authentications, &self.cluster_authentications];
            let knows_all = all.iter().all(|watched| watched.is_complete());
            tokio::select! {
                biased;
                Some(news) = news.next() => self.take(news),
                changed = told.news() => changed.iter().for_each(|id| self.has_news(id)),
                appeared = platform.appeared() => {
                    let places = appeared.iter().filter_map(|id| self.whose.get(id));
                    places.for_each(|place| self.agenda.add(place.clone()));
                }
                place = self.agenda.next(), if knows_all => self.see_to(place).await,
                place = self.failing.next() => self.still_fails(place),
                Some(wrote) = self.writing.join_next() => {
                    if let Ok(wrote) = wrote {
                        self.wrote(wrote);
                    }
                }
                place = self.statuses.next(), if knows_all && self.writing.len() < bounds::KEDA_STATUS_WRITES => {
                    self.tell(place);
                }
            }
        }
    }

    /// Serves none any more: somebody else does, so that what they scale stays as it is.
    pub(super) async fn stop(self) {
        for workload in self.whose.into_keys() {
            self.parts.platform.unname(&workload, None);
            self.keepers.remove(&workload).await;
        }
    }

    fn news(&self) -> impl Stream<Item = News> + use<> {
        let objects = self.watched(&scaled_objects()).map(News::Object);
        let authentications = self.watched(&trigger_authentications()).map(News::Authentication);
        let of_cluster = self.watched(&cluster_trigger_authentications()).map(News::ClusterAuthentication);
        select(objects, select(authentications, of_cluster))
    }

    /// Watches objects of `kind`; errors are told in the log, and it goes on.
    fn watched(&self, kind: &ApiResource) -> BoxStream<'static, Event<DynamicObject>> {
        let of = kind.plural.clone();
        let fine = move |event: watcher::Result<Event<DynamicObject>>| {
            let event = event.inspect_err(|error| tracing::warn!(%error, "the watch of {of}.keda.sh broke"));
            std::future::ready(event.ok())
        };
        watch(Api::all_with(self.parts.writes.client().clone(), kind), Which::default()).filter_map(fine).boxed()
    }

    fn take(&mut self, news: News) {
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

    /// There is another condition, or an error.
    fn has_news(&mut self, id: &WorkloadId) {
        let Some(place) = self.whose.get(id).cloned() else { return };
        if self.fails(id) && self.served.get(&place).is_some_and(Served::uses_others) {
            self.failing.at(&place, Instant::now() + bounds::TRIGGER_DATA_AGAIN);
        }
        self.tell_soon(&place);
    }

    fn fails(&self, id: &WorkloadId) -> bool {
        let now = self.keepers.told().of(id);
        now.is_some_and(|now| now.triggers.iter().any(|trigger| trigger.error.is_some()))
    }

    /// Perhaps for want of the right credentials: they are read again for as long as that lasts.
    fn still_fails(&mut self, place: Place) {
        let Some(served) = self.served.get(&place) else { return };
        if self.fails(served.workload()) {
            self.failing.at(&place, Instant::now() + bounds::TRIGGER_DATA_AGAIN);
            self.agenda.add(place);
        }
    }
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
pub(super) fn used(object: &DynamicObject) -> Object {
    let mut used = Value::clone(&without_status(object));
    used["status"] = object.data["status"].clone();
    Arc::new(used)
}

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
