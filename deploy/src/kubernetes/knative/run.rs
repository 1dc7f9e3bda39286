//! When anything is done at all: while the definition on the cluster is ours.

use std::convert::Infallible;

use config::{AutoscalerConfig, Defaults};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use kube::core::DynamicObject;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use tokio::sync::watch::Receiver;

use super::controller::Controller;
use super::{definition, resource};
use crate::kubernetes::watch::{Which, watch};
use crate::kubernetes::writes::Writes;

/// What holds for all Knative `Service` objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The cluster's domain: `cluster.local`.
    pub domain: String,
    /// What `config-autoscaler` says.
    pub autoscaler: AutoscalerConfig,
    /// What `config-defaults` says.
    pub defaults: Defaults,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            domain: "cluster.local".to_owned(),
            autoscaler: AutoscalerConfig::default(),
            defaults: Defaults::default(),
        }
    }
}

/// Keeps every Knative `Service` what it says for as long as it is polled, whenever the definition on the cluster is
/// [ours](super::definition()); where it is Knative's, or there is none, it waits for that to change.
///
/// To be run by the one who leads. Dropped between a write and its answer, it leaves nothing that the next would not
/// finish.
pub async fn run(writes: Writes, mut settings: Receiver<Settings>) -> Infallible {
    let mut definition = Definition::new(writes.client().clone());
    loop {
        if definition.whose == Whose::Ours {
            let mut controller = Controller::new(&writes, &mut settings);
            tokio::select! {
                never = controller.run() => match never {},
                () = definition.changed() => {}
            }
        } else {
            definition.changed().await;
        }
    }
}

/// Whose the definition on the cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    Knatives,
    Nobodys,
}

/// The definition on the cluster, watched.
struct Definition {
    watch: BoxStream<'static, watcher::Result<Event<DynamicObject>>>,
    whose: Whose,
    /// Whether the list has named it, while it comes.
    is_listed: bool,
}

impl Definition {
    fn new(client: Client) -> Definition {
        let kind = resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
        let which = Which::with(&format!("metadata.name={}", definition::NAME));
        Definition { watch: watch(Api::all_with(client, &kind), which), whose: Whose::Nobodys, is_listed: false }
    }

    /// Waits until it is somebody else's than it was. Cancel-safe.
    async fn changed(&mut self) {
        loop {
            let before = self.whose;
            match self.watch.next().await {
                Some(Ok(event)) => self.take(event),
                Some(Err(error)) => tracing::warn!(%error, "whether Knative Services are defined is not known"),
                None => std::future::pending().await,
            }
            if self.whose != before {
                return self.tell();
            }
        }
    }

    fn take(&mut self, event: Event<DynamicObject>) {
        match event {
            Event::Apply(found) | Event::InitApply(found) => {
                self.is_listed = true;
                let is_ours = definition::is_ours(found.metadata.labels.as_ref());
                self.whose = if is_ours { Whose::Ours } else { Whose::Knatives };
            }
            Event::Delete(_) => self.whose = Whose::Nobodys,
            Event::Init => self.is_listed = false,
            Event::InitDone if !self.is_listed => self.whose = Whose::Nobodys,
            Event::InitDone => {}
        }
    }

    fn tell(&self) {
        let name = definition::NAME;
        match self.whose {
            Whose::Ours => tracing::info!("{name} is Rouse's: Knative Services are served"),
            Whose::Knatives => tracing::info!("{name} is Knative's own: Knative Services are left to it"),
            Whose::Nobodys => tracing::info!("{name} is not defined any more: no Knative Services are served"),
        }
    }
}
