//! Brings what a Knative `Service` becomes about, and tells in its status how that went.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use config::bounds;
use config::manifest::knative_service;
use futures_util::stream::{BoxStream, select};
use futures_util::{Stream, StreamExt};
use k8s_openapi::jiff;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, Request, Resource};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::timeout;

use super::child::Child;
use super::desired::{Desired, desired, mark};
use super::run::Settings;
use super::status::{self, Seen};
use super::{resource, services};
use crate::kubernetes::agenda::Agenda;
use crate::kubernetes::apply::apply;
use crate::kubernetes::names::{FIELD_MANAGER, KNATIVE_SERVICE};
use crate::kubernetes::watch::{Which, watch};
use crate::kubernetes::watched::{Place, Watched};
use crate::kubernetes::writes::{Urgency, WriteError, Writes};

/// Who keeps the number of replicas that a Deployment begins with, until it is scaled: were it of [`FIELD_MANAGER`], the
/// next time that this applies the Deployment without one would set it back to 1.
const INITIAL_MANAGER: &str = "rouse-initial-scale";

/// What a watch brought.
enum News {
    Service(Event<DynamicObject>),
    Deployment(Event<DynamicObject>),
    Front(Event<DynamicObject>),
}

/// A Knative `Service`, as far as it is used: name, metadata that is read, spec and status.
type Object = Arc<Value>;

/// Keeps Knative `Service` objects what they say.
pub(super) struct Controller<'a> {
    writes: &'a Writes,
    settings: &'a mut Receiver<Settings>,
    deployment_kind: ApiResource,
    front_kind: ApiResource,
    services: Watched<Object>,
    deployments: Watched<Child>,
    fronts: Watched<Child>,
    agenda: Agenda,
}

/// Why a Knative `Service` is not what it says.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// Its author has to change it, and then it is looked at again.
    #[error("{0}")]
    Refused(String),
    /// Somebody else's object is in the way.
    #[error("{0} exists already and does not belong to this Service")]
    Taken(String),
    /// The apiserver did not take a write.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The apiserver did not answer in time.
    #[error("it takes longer than {} s", bounds::KUBE_UPKEEP_TIME.as_secs())]
    Slow,
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Trouble {
        Trouble::Write(error.into())
    }
}

impl Trouble {
    /// The reason that the status gives; none if it is not about the object.
    fn reason(&self) -> Option<&'static str> {
        match self {
            Trouble::Refused(_) => Some("UnsupportedField"),
            Trouble::Taken(_) => Some("NotOwned"),
            Trouble::Write(error) => {
                error.code().filter(|code| (400..500).contains(code) && *code != 429).map(|_| "NotApplied")
            }
            Trouble::Slow => None,
        }
    }
}

impl Controller<'_> {
    pub(super) fn new<'a>(writes: &'a Writes, settings: &'a mut Receiver<Settings>) -> Controller<'a> {
        Controller {
            writes,
            settings,
            deployment_kind: resource("apps", "v1", "Deployment", "deployments"),
            front_kind: resource("", "v1", "Service", "services"),
            services: Watched::default(),
            deployments: Watched::default(),
            fronts: Watched::default(),
            agenda: Agenda::default(),
        }
    }

    /// Does so for as long as it is polled.
    pub(super) async fn run(&mut self) -> Infallible {
        let mut news = Box::pin(self.news());
        loop {
            // Nothing is done for want of an object that a list has yet to name.
            let knows_all = self.services.is_complete() && self.deployments.is_complete() && self.fronts.is_complete();
            tokio::select! {
                biased;
                Some(news) = news.next() => self.take(news),
                Ok(()) = self.settings.changed() => {
                    for (place, _) in self.services.iter() {
                        self.agenda.add(place.clone());
                    }
                }
                place = self.agenda.next(), if knows_all => self.see_to(place).await,
            }
        }
    }

    fn news(&self) -> impl Stream<Item = News> + use<> {
        let of_services = Which::with_label(KNATIVE_SERVICE);
        let services = self.watched(&services(), Which::default()).map(News::Service);
        let deployments = self.watched(&self.deployment_kind, of_services.clone()).map(News::Deployment);
        let fronts = self.watched(&self.front_kind, of_services).map(News::Front);
        select(services, select(deployments, fronts))
    }

    /// Watches objects of `kind`; errors are told in the log, and it goes on.
    fn watched(&self, kind: &ApiResource, which: Which) -> BoxStream<'static, Event<DynamicObject>> {
        let of = kind.plural.clone();
        let fine = move |event: watcher::Result<Event<DynamicObject>>| {
            let event =
                event.inspect_err(|error| tracing::warn!(%error, "the watch of {of} for Knative Services broke"));
            std::future::ready(event.ok())
        };
        watch(Api::all_with(self.writes.client().clone(), kind), which).filter_map(fine).boxed()
    }

    fn take(&mut self, news: News) {
        let changed = match news {
            News::Service(event) => self.services.take(event, used),
            News::Deployment(event) => self.deployments.take(event, Child::of),
            News::Front(event) => self.fronts.take(event, Child::of),
        };
        for place in changed {
            self.agenda.add(place);
        }
    }

    /// Looks at what is at `place`, and again later where that failed.
    async fn see_to(&mut self, place: Place) {
        let Some(object) = self.services.get(&place).cloned() else { return self.agenda.done(&place) };
        if !object["metadata"]["deletionTimestamp"].is_null() {
            return self.agenda.done(&place); // what it has goes with it
        }
        let went = timeout(bounds::KUBE_UPKEEP_TIME, self.settle(&place, &object)).await;
        match went.unwrap_or(Err(Trouble::Slow)) {
            Ok(()) => self.agenda.done(&place),
            Err(error) => {
                tracing::warn!(%error, "Knative Service {place} is not what it says");
                self.agenda.failed(place);
            }
        }
    }

    async fn settle(&mut self, place: &Place, object: &Value) -> Result<(), Trouble> {
        let (url, now) = (self.url(place), now());
        let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
        let seen = Seen { before: &object["status"], generation, url: &url, now: &now };
        let (status, went) = match self.bring_about(place, object).await {
            Ok(revision) => {
                let rollout = &self.deployments.get(place).map(|child| child.rollout.clone()).unwrap_or_default();
                (status::served(seen, &revision, rollout), Ok(()))
            }
            Err(trouble) => match trouble.reason() {
                Some(reason) => (status::refused(seen, reason, &trouble.to_string()), Err(trouble)),
                None => return Err(trouble),
            },
        };
        if status::differs(&status, seen.before) {
            self.tell(place, &status).await?;
        }
        match went {
            // Only its author can mend it.
            Err(Trouble::Refused(_)) => Ok(()),
            went => went,
        }
    }

    fn url(&self, place: &Place) -> String {
        format!("http://{}.{}.svc.{}", place.name, place.namespace, self.settings.borrow().domain)
    }

    /// Applies what `object` becomes, where that is not there yet. Returns the name of the revision.
    async fn bring_about(&mut self, place: &Place, object: &Value) -> Result<String, Trouble> {
        let read = {
            let settings = self.settings.borrow();
            knative_service(object, &settings.autoscaler, &settings.defaults)
        };
        let (service, _) = read.map_err(|problems| {
            Trouble::Refused(problems.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
        let revision = service.revision.clone().unwrap_or_else(|| format!("{}-{generation:05}", place.name));
        let Desired { deployment, service, initial_scale } = desired(place, object, &service, &revision);
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        self.bring_deployment(place, uid, deployment, initial_scale).await?;
        if needs(self.fronts.get(place), &service, uid, || format!("Service {place}"))? {
            let there = there(self.writes.client(), &self.front_kind, place).await?;
            needs(there.as_ref(), &service, uid, || format!("Service {place}"))?;
            let applied = apply(self.writes, (FIELD_MANAGER, "knative"), &self.front_kind, place, &service).await?;
            self.fronts.put(&applied, Child::of(&applied));
        }
        Ok(revision)
    }

    async fn bring_deployment(
        &mut self,
        place: &Place,
        uid: &str,
        mut deployment: Value,
        initial_scale: u32,
    ) -> Result<(), Trouble> {
        let what = || format!("Deployment {place}");
        if !needs(self.deployments.get(place), &deployment, uid, what)? {
            return Ok(());
        }
        let kind = &self.deployment_kind;
        let there = there(self.writes.client(), kind, place).await?;
        needs(there.as_ref(), &deployment, uid, what)?;
        // Kubernetes begins with 1 of itself.
        let begins = there.is_none() && initial_scale != 1;
        if begins {
            deployment["spec"]["replicas"] = initial_scale.into();
        }
        let mut applied = apply(self.writes, (FIELD_MANAGER, "knative"), kind, place, &deployment).await?;
        if begins {
            let kept = json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": place.name },
                "spec": { "replicas": initial_scale },
            });
            applied = apply(self.writes, (INITIAL_MANAGER, "knative"), kind, place, &kept).await?;
        }
        self.deployments.put(&applied, Child::of(&applied));
        Ok(())
    }

    /// Writes the status.
    async fn tell(&mut self, place: &Place, status: &Value) -> Result<(), Trouble> {
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let request = Request::new(DynamicObject::url_path(&services(), Some(&place.namespace)))
            .patch_subresource("status", &place.name, &parameters, &Patch::Merge(json!({ "status": status })))
            .map_err(kube::Error::BuildRequest)?;
        let told: DynamicObject = self.writes.send(Urgency::News, "knative-status", request).await?;
        self.services.put(&told, used(&told));
        Ok(())
    }
}

/// What there is at `place`, whatever its labels are: watches only see those of Knative `Service` objects.
async fn there(client: &Client, kind: &ApiResource, place: &Place) -> Result<Option<Child>, kube::Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &place.namespace, kind);
    Ok(api.get_opt(&place.name).await?.as_ref().map(Child::of))
}

/// Whether `wanted` has to be applied over what is there, which must belong to the object with this UID.
fn needs(there: Option<&Child>, wanted: &Value, uid: &str, what: impl Fn() -> String) -> Result<bool, Trouble> {
    match there {
        None => Ok(true),
        Some(child) if !child.is_of(uid) => Err(Trouble::Taken(what())),
        Some(child) => Ok(child.applied.as_deref() != mark(wanted)),
    }
}

/// What is used of a Knative `Service`: the rest would only make it differ from what it was.
fn used(object: &DynamicObject) -> Object {
    const METADATA: [&str; 7] =
        ["name", "namespace", "uid", "generation", "labels", "annotations", "deletionTimestamp"];
    let kept: BTreeSet<&str> = METADATA.into();
    let mut metadata = json!(object.metadata);
    if let Some(fields) = metadata.as_object_mut() {
        fields.retain(|field, _| kept.contains(field.as_str()));
    }
    Arc::new(json!({ "metadata": metadata, "spec": object.data["spec"], "status": object.data["status"] }))
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
