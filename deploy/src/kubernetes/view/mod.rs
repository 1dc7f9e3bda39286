//! The view of the cluster: what watches bring, and the platform's events that follow. One task has it.
//!
//! It begins in order, so that nothing is read by the wrong defaults and no pod comes before its workload: ConfigMaps,
//! then workloads, then pods. From then on it waits: for a watch, for a call of the driver to end, for a time that was
//! set. A workload at which nothing happens has none of these.

mod config_maps;
mod consider;
mod leave;
mod named;
mod others;
mod pods;
mod upkeep;
mod workloads;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use config::{PlatformEvent, PodId, Time, WorkloadId, bounds};
use futures_util::StreamExt;
use futures_util::stream::{AbortHandle, BoxStream, SelectAll};
use k8s_openapi::api::core::v1::{ConfigMap, Event as CoreEvent};
use kube::core::ApiResource;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::leave::Leaving;
use self::named::Named;
use self::others::{Others, ScalerObject};
use self::upkeep::Done;
use super::alarms::Alarms;
use super::names::{INJECT_LABEL, SCALE_LABEL};
use super::objects::pod::PodObject;
use super::objects::workload::WorkloadObject;
use super::owners::Owners;
use super::platform::KubernetesParts;
use super::pods::Pods;
use super::settings::Settings;
use super::shared::Shared;
use super::watch::gap::Gap;
use super::watch::trouble::Trouble;
use super::watch::{Which, told, watch};
use super::workloads::Known;

/// All that is seen.
pub(super) struct View {
    parts: KubernetesParts,
    shared: Arc<Shared>,
    /// The kinds that are scaled, as [`super::discovery::Discovered::kinds`] has them.
    kinds: Vec<Arc<ApiResource>>,
    sights: SelectAll<BoxStream<'static, Sight>>,
    stage: Stage,
    trouble: Trouble,
    /// What we read or write ourselves.
    tasks: JoinSet<Done>,
    /// What is to be told: as much as one sight brings, a workload with its pods.
    out: VecDeque<PlatformEvent>,
    settings: Settings,
    config_maps: Listed<String>,
    workloads: HashMap<WorkloadId, Known>,
    workload_gaps: Vec<Gap<WorkloadId>>,
    /// What ScaledObjects name, by kind.
    named: Vec<Named>,
    /// Those of [`View::workloads`] that are on their way out.
    leaving: HashMap<WorkloadId, Leaving>,
    /// Turns to look for them.
    seeking: Arc<Semaphore>,
    owners: Owners,
    pods: Pods,
    pod_gap: Gap<PodId>,
    alarms: Alarms,
    /// Workloads that are to be read anew, for the ConfigMaps changed.
    to_read: BTreeSet<WorkloadId>,
    others: Others,
    /// Workloads that lack pods and do not say why themselves; their events are watched while there are some.
    lacking: BTreeSet<WorkloadId>,
    creations: Option<AbortHandle>,
}

/// How far the beginning is.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// The ConfigMaps are being listed.
    Settings,
    /// Workloads are being listed: of these kinds.
    Workloads(BTreeSet<usize>),
    /// Pods are being listed.
    Pods,
    /// All has been listed.
    Complete,
}

/// What a watch brings.
enum Sight {
    ConfigMap(watcher::Result<Event<ConfigMap>>),
    /// Of the kind with this number.
    Workload(usize, watcher::Result<Event<WorkloadObject>>),
    /// Of the kind with this number, without the label.
    Unlabelled(usize, watcher::Result<Event<WorkloadObject>>),
    Pod(watcher::Result<Event<PodObject>>),
    Scaler(watcher::Result<Event<ScalerObject>>),
    Creation(Box<watcher::Result<Event<CoreEvent>>>),
}

/// What a list names, for objects of which nothing else is kept.
#[derive(Debug, Default)]
struct Listed<K> {
    known: BTreeSet<K>,
    gap: Gap<K>,
}

impl View {
    pub(super) fn new(parts: KubernetesParts, shared: Arc<Shared>) -> View {
        let kinds: Vec<_> = parts.discovered.kinds.iter().cloned().map(Arc::new).collect();
        let workload_gaps = kinds.iter().map(|_| Gap::default()).collect();
        let named = kinds.iter().map(|_| Named::default()).collect();
        let maps: Api<ConfigMap> = Api::namespaced(parts.writes.client().clone(), &parts.namespace);
        let mut sights = SelectAll::new();
        sights.push(told(watch(maps, Which::default()), Sight::ConfigMap));
        View {
            parts,
            shared,
            kinds,
            sights,
            stage: Stage::Settings,
            trouble: Trouble::default(),
            tasks: JoinSet::new(),
            out: VecDeque::new(),
            settings: Settings::default(),
            config_maps: Listed::default(),
            workloads: HashMap::new(),
            workload_gaps,
            named,
            leaving: HashMap::new(),
            seeking: Arc::new(Semaphore::new(bounds::KUBE_LEAVE_LOOKS)),
            owners: Owners::default(),
            pods: Pods::default(),
            pod_gap: Gap::default(),
            alarms: Alarms::default(),
            to_read: BTreeSet::new(),
            others: Others::default(),
            lacking: BTreeSet::new(),
            creations: None,
        }
    }

    /// The next event. There is always another, unless it takes for ever.
    pub(super) async fn next(&mut self) -> PlatformEvent {
        loop {
            if let Some(event) = self.out.pop_front() {
                return event;
            }
            // All that was listed has been told, and taken in.
            if self.stage == Stage::Complete
                && let Some(router) = &self.parts.router
            {
                router.platform_is_complete();
            }
            // A large change takes room that a small one does not need.
            self.out.shrink_to(64);
            if let Some(id) = self.to_read.pop_first() {
                self.read(&id);
                continue;
            }
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let due = self.due().map(|time| self.parts.clock.instant_of(time));
        let due = async {
            match due {
                Some(instant) => tokio::time::sleep_until(instant).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased; // what is there, before what time or others make of it
            Some(sight) = self.sights.next() => self.see(sight),
            Some(done) = self.tasks.join_next() => {
                if let Ok(done) = done {
                    self.done(done);
                }
            }
            dirty = self.shared.dirty() => dirty.iter().for_each(|id| self.look_at(id)),
            () = due => self.look_at_due(),
        }
    }

    fn now(&self) -> Time {
        self.parts.clock.now()
    }

    fn client(&self) -> Client {
        self.parts.writes.client().clone()
    }

    fn see(&mut self, sight: Sight) {
        let now = self.now();
        match sight {
            Sight::ConfigMap(event) => {
                if let Some(event) = works(&mut self.trouble, "configmaps", event) {
                    self.see_config_map(event, now);
                }
            }
            Sight::Workload(kind, event) => {
                let what = resource(&self.kinds[kind]);
                let is_refused = event.as_ref().is_err_and(is_refused);
                match works(&mut self.trouble, &what, event) {
                    Some(event) => self.see_workload(kind, event, now),
                    // Others must not wait for a kind that may not be watched. One that cannot be for a moment is waited
                    // for: what is not known yet would be taken for gone.
                    None if is_refused => self.is_listed(kind),
                    None => {}
                }
            }
            Sight::Unlabelled(kind, event) => {
                let what = resource(&self.kinds[kind]);
                if let Some(event) = works(&mut self.trouble, &what, event) {
                    self.see_unlabelled(kind, event, now);
                }
            }
            Sight::Pod(event) => {
                if let Some(event) = works(&mut self.trouble, "pods", event) {
                    self.see_pod(event, now);
                }
            }
            Sight::Scaler(event) => {
                if let Some(event) = works(&mut self.trouble, "horizontalpodautoscalers.autoscaling", event) {
                    self.see_scaler(event);
                }
            }
            Sight::Creation(event) => {
                if let Some(event) = works(&mut self.trouble, "events", *event) {
                    self.see_creation(event, now);
                }
            }
        }
    }

    /// The ConfigMaps are known: workloads may be read by them.
    fn watch_workloads(&mut self) {
        if self.stage != Stage::Settings {
            return;
        }
        self.stage = Stage::Workloads((0..self.kinds.len()).collect());
        for (number, kind) in self.kinds.clone().into_iter().enumerate() {
            let objects: Api<WorkloadObject> = Api::all_with(self.client(), &*kind);
            let seen = watch(objects, Which::labelled(SCALE_LABEL));
            self.sights.push(told(seen, move |event| Sight::Workload(number, event)));
        }
    }

    /// Workloads of this kind have been listed, or cannot be.
    fn is_listed(&mut self, kind: usize) {
        let Stage::Workloads(kinds) = &mut self.stage else { return };
        kinds.remove(&kind);
        if kinds.is_empty() {
            self.stage = Stage::Pods;
            let pods: Api<PodObject> = Api::all_with(self.client(), &core("Pod", "pods"));
            self.sights.push(told(watch(pods, Which::labelled(INJECT_LABEL)), Sight::Pod));
            let scalers: Api<ScalerObject> = Api::all_with(self.client(), &self.parts.discovered.pod_autoscalers);
            self.sights.push(told(watch(scalers, Which::default()), Sight::Scaler));
        }
    }

    /// When [`View::look_at_due`] has something to do.
    fn due(&self) -> Option<Time> {
        let gaps = self.workload_gaps.iter().map(Gap::due);
        let gaps = gaps.chain(self.named.iter().map(Named::due));
        let gaps = gaps.chain([self.pod_gap.due(), self.config_maps.gap.due(), self.others.due()]);
        gaps.flatten().chain(self.alarms.next()).min()
    }

    fn look_at_due(&mut self) {
        let now = self.now();
        for name in self.config_maps.gap.lapsed(now) {
            self.config_map_gone(&name);
        }
        for kind in 0..self.kinds.len() {
            for id in self.workload_gaps[kind].lapsed(now) {
                self.out_of_sight(&id, now);
            }
        }
        for kind in 0..self.kinds.len() {
            for id in self.named[kind].lapsed(now) {
                self.unlabelled_gone(&id);
            }
        }
        for id in self.pod_gap.lapsed(now) {
            self.pod_gone(&id, now);
        }
        self.look_for_strays(now);
        while let Some(id) = self.alarms.pop(now) {
            self.consider(&id, now);
        }
    }
}

/// The event, unless it is an error; either way it is known now whether the watch works.
fn works<K>(trouble: &mut Trouble, what: &str, event: watcher::Result<Event<K>>) -> Option<Event<K>> {
    match event {
        Ok(event) => {
            // A watch that begins anew says so before anything is there.
            if !matches!(event, Event::Init) {
                trouble.works(what);
            }
            Some(event)
        }
        Err(error) => {
            trouble.failed(what, &error);
            None
        }
    }
}

/// Whether the apiserver does not let us watch, or knows nothing of the kind.
fn is_refused(error: &watcher::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(kube::Error::Api(status)) = error.downcast_ref::<kube::Error>() {
            return matches!(status.code, 401 | 403 | 404);
        }
        cause = error.source();
    }
    false
}

/// As roles name it.
fn resource(kind: &ApiResource) -> String {
    format!("{}.{}", kind.plural, kind.group)
}

/// A kind of the core group.
fn core(kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: String::new(),
        version: "v1".to_owned(),
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}
