//! What the driver's calls and the view of the cluster share: scales, and how workloads are reached.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use config::{PlatformError, Protocol, Time, Workload, WorkloadId};
use kube::core::ApiResource;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::names::SCALE_LABEL;
use super::scale::{Foreign, News, Scale};
use super::told::ObjectRef;

/// How clients reach a workload, by the Services that lead to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Host names, in lower case, without port.
    pub hosts: Vec<String>,
    /// What the served port says that the app speaks, if it says so.
    pub protocol: Option<Protocol>,
}

impl Reach {
    /// What a workload declares itself.
    pub(super) fn own(workload: &Workload) -> Reach {
        Reach { hosts: workload.hosts.clone(), protocol: Some(workload.serving.protocol) }
    }

    /// The workload that declares `own`, reached so.
    pub(super) fn apply(&self, own: &Reach, workload: &mut Workload) {
        let hosts: BTreeSet<&String> = own.hosts.iter().chain(&self.hosts).collect();
        workload.hosts = hosts.into_iter().cloned().collect();
        workload.serving.protocol = self.protocol.or(own.protocol).unwrap_or_default();
    }
}

/// All workloads, as calls need them. Bounded by the workloads there are, and by those that Services name.
#[derive(Debug, Default)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    /// Something is for the view to look at.
    changed: Notify,
    /// Something is for whoever names workloads to look at.
    appeared: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    workloads: HashMap<WorkloadId, Entry>,
    reaches: HashMap<WorkloadId, Reach>,
    /// What the view is to look at.
    dirty: BTreeSet<WorkloadId>,
    /// What ScaledObjects name.
    named: HashSet<WorkloadId>,
    /// What they named, and how many replicas it is to have after that.
    restores: HashMap<WorkloadId, u32>,
    /// Of what they name, what came or has another template.
    appeared: BTreeSet<WorkloadId>,
}

#[derive(Debug)]
struct Entry {
    kind: Arc<ApiResource>,
    uid: Box<str>,
    scale: Scale,
    /// Its label was taken off: what the driver asks for is not written.
    is_leaving: bool,
}

impl Shared {
    /// The workload was read, or a watch brought it. Tells whether somebody else changed its scale since.
    pub(super) fn see(
        &self,
        id: &WorkloadId,
        (kind, uid): (&Arc<ApiResource>, &str),
        (replicas, version): (u32, Option<u64>),
        now: Time,
    ) -> Option<Foreign> {
        let mut inner = self.inner.lock();
        let entry = inner.workloads.get_mut(id).filter(|entry| *entry.uid == *uid);
        if let Some(entry) = entry {
            return entry.scale.see(replicas, version, now);
        }
        let entry = Entry {
            kind: Arc::clone(kind),
            uid: uid.into(),
            scale: Scale::found(replicas, version),
            is_leaving: false,
        };
        inner.workloads.insert(id.clone(), entry);
        None
    }

    /// The workload is no more.
    pub(super) fn remove(&self, id: &WorkloadId) {
        self.inner.lock().workloads.remove(id);
    }

    /// The workload's label was taken off: from now on no call begins.
    pub(super) fn leaves(&self, id: &WorkloadId) {
        if let Some(entry) = self.inner.lock().workloads.get_mut(id) {
            entry.is_leaving = true;
        }
    }

    /// It is back. What its scale is now counts as told.
    pub(super) fn stays(&self, id: &WorkloadId) {
        if let Some(entry) = self.inner.lock().workloads.get_mut(id) {
            entry.is_leaving = false;
            entry.scale.told = entry.scale.known;
        }
    }

    /// Whether its label was taken off.
    pub(super) fn is_leaving(&self, id: &WorkloadId) -> bool {
        self.inner.lock().workloads.get(id).is_some_and(|entry| entry.is_leaving)
    }

    /// Whether a call of the driver runs.
    pub(super) fn is_busy(&self, id: &WorkloadId) -> bool {
        self.inner.lock().workloads.get(id).is_some_and(|entry| entry.scale.is_busy())
    }

    /// How many pods the workload is asked to have, as the driver knows it; and how many it really is.
    pub(super) fn replicas(&self, id: &WorkloadId) -> Option<(u32, u32)> {
        self.inner.lock().workloads.get(id).map(|entry| (entry.scale.told, entry.scale.known))
    }

    /// Whether the driver is to hear of another number; if now, it counts as told.
    pub(super) fn news(&self, id: &WorkloadId, now: Time) -> News {
        let mut inner = self.inner.lock();
        let Some(entry) = inner.workloads.get_mut(id) else { return News::None };
        let news = entry.scale.news(now);
        if let News::Now(replicas) = news {
            entry.scale.told = replicas;
        }
        news
    }

    /// As events name it.
    pub(super) fn reference(&self, id: &WorkloadId) -> Option<ObjectRef> {
        let inner = self.inner.lock();
        let Entry { kind, uid, .. } = inner.workloads.get(id)?;
        let (api_version, kind, uid) = (kind.api_version.clone(), kind.kind.clone(), uid.to_string());
        Some(ObjectRef { api_version, kind, namespace: id.namespace().into(), name: id.name().into(), uid })
    }

    /// The driver asks for `pods`: the workload's kind, and what the scale is now, if that is to be written.
    pub(super) fn begin(&self, id: &WorkloadId, pods: u32) -> Result<Option<(Arc<ApiResource>, u32)>, PlatformError> {
        let mut inner = self.inner.lock();
        let entry = inner.workloads.get_mut(id).ok_or_else(|| PlatformError::UnknownWorkload(id.clone()))?;
        if entry.is_leaving {
            return Err(PlatformError::Refused(format!("the label {SCALE_LABEL} was taken off {id}")));
        }
        Ok(entry.scale.begin(pods).map(|old| (Arc::clone(&entry.kind), old)))
    }

    /// A call of the driver ended so; the view looks what follows.
    pub(super) fn end(&self, id: &WorkloadId, how: impl FnOnce(&mut Scale)) {
        let mut inner = self.inner.lock();
        if let Some(entry) = inner.workloads.get_mut(id) {
            how(&mut entry.scale);
            inner.dirty.insert(id.clone());
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// How clients reach the workload.
    pub(super) fn reach(&self, id: &WorkloadId) -> Reach {
        self.inner.lock().reaches.get(id).cloned().unwrap_or_default()
    }

    /// Clients reach the workload so now.
    pub(super) fn set_reach(&self, id: &WorkloadId, reach: Reach) {
        let mut inner = self.inner.lock();
        let before = match reach == Reach::default() {
            true => inner.reaches.remove(id).unwrap_or_default(),
            false => inner.reaches.insert(id.clone(), reach.clone()).unwrap_or_default(),
        };
        if before != reach {
            inner.dirty.insert(id.clone());
            drop(inner);
            self.changed.notify_one();
        }
    }

    /// A ScaledObject names the workload from now on.
    pub(super) fn name(&self, id: &WorkloadId) {
        let mut inner = self.inner.lock();
        if inner.named.insert(id.clone()) {
            inner.restores.remove(id);
            inner.dirty.insert(id.clone());
            drop(inner);
            self.changed.notify_one();
        }
    }

    /// None does any more; the workload is to have so many replicas then, if nobody else scales it.
    pub(super) fn unname(&self, id: &WorkloadId, restore: Option<u32>) {
        let mut inner = self.inner.lock();
        if inner.named.remove(id) {
            inner.appeared.remove(id);
            inner.restores.extend(restore.map(|pods| (id.clone(), pods)));
            inner.dirty.insert(id.clone());
            drop(inner);
            self.changed.notify_one();
        }
    }

    /// Whether a ScaledObject names the workload.
    pub(super) fn is_named(&self, id: &WorkloadId) -> bool {
        self.inner.lock().named.contains(id)
    }

    /// Everything that ScaledObjects name.
    pub(super) fn named(&self) -> Vec<WorkloadId> {
        self.inner.lock().named.iter().cloned().collect()
    }

    /// How many replicas the workload is to have that was named; told once.
    pub(super) fn take_restore(&self, id: &WorkloadId) -> Option<u32> {
        self.inner.lock().restores.remove(id)
    }

    /// The workload is there now, or its pods are made from something else.
    pub(super) fn appears(&self, id: &WorkloadId) {
        self.inner.lock().appeared.insert(id.clone());
        self.appeared.notify_one();
    }

    /// Waits until some that are named have appeared; which. For one caller; cancel-safe.
    pub(super) async fn appeared(&self) -> BTreeSet<WorkloadId> {
        loop {
            let appeared = std::mem::take(&mut self.inner.lock().appeared);
            if !appeared.is_empty() {
                return appeared;
            }
            self.appeared.notified().await;
        }
    }

    /// Waits until there is something for the view to look at; what that is. For one caller; cancel-safe.
    pub(super) async fn dirty(&self) -> BTreeSet<WorkloadId> {
        loop {
            let dirty = std::mem::take(&mut self.inner.lock().dirty);
            if !dirty.is_empty() {
                return dirty;
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use config::{Policy, Serving};

    use super::*;

    fn id() -> WorkloadId {
        "shop/hello".parse().unwrap()
    }

    fn kind() -> Arc<ApiResource> {
        let (group, version, api_version) = ("apps".to_owned(), "v1".to_owned(), "apps/v1".to_owned());
        let (kind, plural) = ("Deployment".to_owned(), "deployments".to_owned());
        Arc::new(ApiResource { group, version, api_version, kind, plural })
    }

    #[test]
    fn services_add_hosts_and_say_the_protocol() {
        let hosts = vec!["hello.example.com".to_owned()];
        let mut workload = Workload { id: id(), policy: Policy::default(), serving: Serving::default(), hosts };
        let own = Reach::own(&workload);
        let hosts = ["hello.shop.svc", "hello.example.com"].map(str::to_owned).to_vec();
        Reach { hosts, protocol: Some(Protocol::H2c) }.apply(&own, &mut workload);
        assert_eq!(workload.hosts, ["hello.example.com", "hello.shop.svc"]);
        assert_eq!(workload.serving.protocol, Protocol::H2c);
        Reach::default().apply(&own, &mut workload);
        assert_eq!((Reach::own(&workload), workload.hosts.len()), (own, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_view_looks_at_what_changed_and_at_nothing_else() {
        let shared = Shared::default();
        let nothing = tokio::time::timeout(Duration::from_secs(1), shared.dirty()).await;
        assert!(nothing.is_err());
        let reach = Reach { hosts: vec!["hello.shop".to_owned()], protocol: None };
        for _ in 0..2 {
            shared.set_reach(&id(), reach.clone());
        }
        assert_eq!(shared.dirty().await, BTreeSet::from([id()]));
        shared.set_reach(&id(), reach);
        assert!(tokio::time::timeout(Duration::from_secs(1), shared.dirty()).await.is_err(), "nothing changed");
        shared.set_reach(&id(), Reach::default());
        assert_eq!(shared.dirty().await, BTreeSet::from([id()]));
        assert!(shared.inner.lock().reaches.is_empty());
    }

    #[test]
    fn a_workload_made_anew_under_the_old_name_is_another() {
        let shared = Shared::default();
        shared.see(&id(), (&kind(), "u-1"), (3, Some(10)), Time::ZERO);
        assert_eq!(shared.see(&id(), (&kind(), "u-2"), (1, Some(12)), Time::ZERO), None);
        assert_eq!(shared.replicas(&id()), Some((1, 1)));
        assert_eq!(shared.reference(&id()).map(|object| object.uid), Some("u-2".to_owned()));
        shared.remove(&id());
        assert!(matches!(shared.begin(&id(), 1), Err(PlatformError::UnknownWorkload(_))));
    }
}
