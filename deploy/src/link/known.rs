//! What the autoscaler knows of workloads and pods, and who is told of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use config::link::{Down, Reporter};
use config::{Failure, Pod, PodId, PodState, Time, Workload, WorkloadId};

use super::doors::{Changed, Doors};
use super::gone::Gone;
use super::identity::Proof;
use super::readers::Readers;
use super::reporters::{LinkNumber, Reporters};
use super::seen::Seen;
use super::standing::Standing;
use super::strangers::Strangers;
use super::unwelcome::Unwelcome;
use crate::gathered::Gathered;
use crate::wakes::Wakes;

/// All that a hub knows, under its one lock.
#[derive(Debug, Default)]
pub(crate) struct Known {
    workloads: BTreeMap<WorkloadId, Served>,
    /// Those that the platform has seen, whether or not they are known.
    seen: Seen,
    /// Those that the platform names, and those that are linked.
    pods: HashMap<PodId, Standing>,
    gone: Gone,
    strangers: Strangers,
    pub(crate) reporters: Reporters,
    pub(crate) readers: Readers,
    pub(super) doors: Doors,
    /// For whoever routes.
    pub(super) changed: Arc<Gathered<Changed>>,
    pub(super) wakes: Wakes,
    next: LinkNumber,
    /// Whether all that exists has had time to speak.
    is_complete: bool,
}

/// A workload, as everyone must know it.
#[derive(Debug)]
struct Served {
    workload: Arc<Workload>,
    watermark: u32,
    failure: Option<Failure>,
    /// Those of [`Known::pods`] that are its.
    pods: BTreeSet<PodId>,
    /// When the last request came to one of them past the activators, in nanoseconds; 0 is never.
    last_direct: Arc<AtomicU64>,
}

impl Served {
    fn declared(&self) -> Down {
        let Workload { id, policy, serving, hosts } = &*self.workload;
        let (mode, hosts) = (policy.mode, hosts.clone());
        Down::Workload { workload: id.clone(), serving: serving.clone(), mode, hosts }
    }

    fn settings(&self) -> Down {
        let Workload { id, serving, .. } = &*self.workload;
        Down::Settings { workload: id.clone(), serving: serving.clone(), watermark: self.watermark }
    }

    fn news(&self, pods: Vec<Pod>, at: Time) -> Down {
        Down::Pods { workload: self.workload.id.clone(), pods, failure: self.failure.clone(), at }
    }

    /// All that an activator has to know. When a door opens, pods are known.
    fn all(&self, pods: &HashMap<PodId, Standing>, doors: &Doors, at: Time) -> Vec<Down> {
        let told = self.pods.iter().filter_map(|id| pods.get(id)?.told()).collect();
        let door = doors.frame(&self.workload.id);
        [self.declared(), self.settings(), self.news(told, at)].into_iter().chain(door).collect()
    }
}

impl Known {
    pub(crate) fn next_number(&mut self) -> LinkNumber {
        self.next += 1;
        self.next
    }

    pub(crate) fn knows(&self, id: &WorkloadId) -> bool {
        self.workloads.contains_key(id)
    }

    /// Whether the platform has seen it.
    pub(super) fn has_seen(&self, id: &WorkloadId) -> bool {
        self.seen.has(id)
    }

    /// The platform sees the workload, or does no more. Activators may know one that is not known here.
    pub(super) fn set_seen(&mut self, id: &WorkloadId, is_seen: bool) {
        if is_seen {
            self.seen.add(id);
        } else if self.seen.remove(id) && !self.knows(id) {
            self.readers.tell(id, &Down::WorkloadGone { workload: id.clone() });
        }
    }

    /// A pod of a workload that is seen and of which nothing else is told. Activators may know it from before.
    pub(super) fn set_stand_in(&mut self, now: Time, pod: &Pod) {
        if !self.knows(&pod.workload)
            && let Some(news) = self.seen.set_pod(pod, now)
        {
            self.readers.tell(&pod.workload, &news);
        }
    }

    /// Such a pod is no more.
    pub(super) fn remove_stand_in(&mut self, now: Time, workload: &WorkloadId, id: &PodId) {
        if let Some(news) = self.seen.remove_pod(workload, id, now) {
            self.readers.tell(workload, &news);
        }
    }

    /// The workload that a pod serves, by what the platform says of it and by what it says and shows itself.
    pub(crate) fn served_by(
        &mut self,
        now: Time,
        id: &PodId,
        says: Option<WorkloadId>,
        proof: &Proof,
    ) -> Result<WorkloadId, Unwelcome> {
        let has_token = matches!(proof, Proof::Namespace(_));
        if has_token && self.gone.contains(now, id) {
            return Err(Unwelcome::Gone);
        }
        if has_token && self.strangers.is_expelled(now, id) {
            return Err(Unwelcome::NoSuchPod);
        }
        let named = self.pods.get(id).and_then(Standing::named);
        let workload = match (named.map(|pod| &pod.workload), says) {
            (Some(is), Some(says)) if *is != says => return Err(Unwelcome::OtherWorkload { says, is: is.clone() }),
            (Some(is), _) => is.clone(),
            (None, Some(says)) if self.knows(&says) => says,
            (None, Some(says)) => return Err(Unwelcome::UnknownWorkload(says)),
            (None, None) => return Err(Unwelcome::Unnamed),
        };
        proof.does_for(named, &workload)?;
        if has_token && named.is_none() && !self.strangers.meet(now, id) {
            return Err(Unwelcome::TooMany);
        }
        Ok(workload)
    }

    /// The platform has named all pods that there are; whether that is news.
    pub(crate) fn pods_are_listed(&mut self, now: Time) -> bool {
        self.strangers.are_listed(now)
    }

    /// Whether the pod showed a token, and was not named by the platform in time.
    pub(crate) fn is_expelled(&self, now: Time, id: &PodId) -> bool {
        self.strangers.is_expelled(now, id)
    }

    pub(crate) fn is_seated(&self, number: LinkNumber, reporter: &Reporter) -> bool {
        self.reporters.is_seated(number, reporter)
    }

    pub(crate) fn pods_of(&self, id: &WorkloadId) -> impl Iterator<Item = (&PodId, &Standing)> {
        let pods = self.workloads.get(id).map(|served| &served.pods).into_iter().flatten();
        pods.filter_map(|id| Some((id, self.pods.get(id)?)))
    }

    pub(crate) fn believed(&self, id: &PodId) -> Option<Pod> {
        self.pods.get(id)?.believed()
    }

    pub(crate) fn counts(&self, id: &PodId) -> Arc<AtomicBool> {
        self.pods.get(id).map(Standing::counts).unwrap_or_default()
    }

    pub(crate) fn set_workload(&mut self, now: Time, workload: &Arc<Workload>) {
        let served = self.workloads.entry(workload.id.clone()).or_insert_with(|| {
            let (watermark, pods) = (u32::MAX, BTreeSet::new());
            Served { workload: Arc::clone(workload), watermark, failure: None, pods, last_direct: Arc::default() }
        });
        served.workload = Arc::clone(workload);
        self.seen.is_known(&workload.id);
        for frame in served.all(&self.pods, &self.doors, now) {
            self.readers.tell(&workload.id, &frame);
        }
        self.settle(&workload.id);
    }

    /// The links of its pods end: when they come back, there is nothing here for them.
    pub(crate) fn remove_workload(&mut self, id: &WorkloadId) {
        let Some(served) = self.workloads.remove(id) else { return };
        for pod in &served.pods {
            self.wakes.gone(pod);
            if let Some(outlet) = self.pods.remove(pod).and_then(|standing| standing.outlet) {
                outlet.close();
            }
        }
        self.doors.workload_gone(id);
        self.readers.tell(id, &Down::WorkloadGone { workload: id.clone() });
    }

    /// Takes in what the platform says of a pod; what is to be believed.
    pub(crate) fn name_pod(&mut self, now: Time, pod: Pod) -> Option<Pod> {
        let (id, workload) = (pod.id.clone(), pod.workload.clone());
        if !self.knows(&workload) {
            return None;
        }
        self.strangers.name(&id);
        if pod.state == PodState::Gone {
            // Said whether or not activators were told of it here: they may know it from before.
            self.tell(now, &workload, pod.clone());
            self.change_known_pod(now, &id, |standing| standing.name(pod.clone()));
            if pod.has_queue_proxy {
                self.gone.add(now, id);
            }
            return Some(pod);
        }
        self.gone.remove(&id);
        self.part(now, &id, &workload);
        self.change_pod(now, &id, &workload, |standing| standing.name(pod));
        self.believed(&id)
    }

    /// A pod of `workload` that was taken in as another's is forgotten there, and comes again.
    fn part(&mut self, now: Time, id: &PodId, workload: &WorkloadId) {
        if self.pods.get(id).is_some_and(|standing| standing.workload() != workload) {
            self.change_known_pod(now, id, Standing::forget);
        }
    }

    /// Changes what is known of a pod, which may be new; whether something else is to be believed now.
    pub(crate) fn change_pod(
        &mut self,
        now: Time,
        id: &PodId,
        workload: &WorkloadId,
        change: impl FnOnce(&mut Standing),
    ) -> bool {
        if !self.pods.contains_key(id)
            && let Some(served) = self.workloads.get_mut(workload)
        {
            served.pods.insert(id.clone());
            self.pods.insert(id.clone(), Standing::new(workload.clone()));
        }
        self.change_known_pod(now, id, change)
    }

    /// As [`Known::change_pod`], of a pod that is known. Activators are told if they are to know something else now.
    pub(crate) fn change_known_pod(&mut self, now: Time, id: &PodId, change: impl FnOnce(&mut Standing)) -> bool {
        let Some(pod) = self.pods.get_mut(id) else { return false };
        let (believed, told) = (pod.believed(), pod.told());
        change(pod);
        let believes = pod.believed();
        tell_wakes(&self.wakes, now, believed.as_ref(), believes.as_ref());
        let changed = believes != believed;
        let news = match (told, pod.told()) {
            (before, Some(after)) => (before.as_ref() != Some(&after)).then_some(after),
            (Some(before), None) => Some(Pod { state: PodState::Gone, ..before }),
            (None, None) => None,
        };
        let (workload, is_forgotten) = (pod.workload().clone(), pod.is_forgotten());
        if is_forgotten {
            self.pods.remove(id);
            self.wakes.gone(id);
            if let Some(served) = self.workloads.get_mut(&workload) {
                served.pods.remove(id);
            }
        }
        if let Some(pod) = news {
            self.tell(now, &workload, pod);
        }
        if changed {
            self.note(&workload);
        }
        changed
    }

    fn tell(&mut self, now: Time, workload: &WorkloadId, pod: Pod) {
        if let Some(served) = self.workloads.get(workload) {
            self.readers.tell(workload, &served.news(vec![pod], now));
        }
    }

    pub(crate) fn set_failure(&mut self, now: Time, id: &WorkloadId, failure: Option<&Failure>) {
        let Some(served) = self.workloads.get_mut(id) else { return };
        served.failure = failure.cloned();
        self.readers.tell(id, &served.news(Vec::new(), now));
    }

    pub(crate) fn set_watermark(&mut self, id: &WorkloadId, watermark: u32) {
        let Some(served) = self.workloads.get_mut(id) else { return };
        served.watermark = watermark;
        self.readers.tell(id, &served.settings());
        self.settle(id);
    }

    /// Tells the workload's pods how to serve and report.
    fn settle(&self, id: &WorkloadId) {
        let Some(served) = self.workloads.get(id) else { return };
        for outlet in self.pods_of(id).filter_map(|(_, pod)| pod.outlet.as_ref()) {
            outlet.push(served.settings());
        }
    }

    /// Tells one pod how to serve and report.
    pub(crate) fn settle_pod(&self, id: &PodId) {
        let Some(pod) = self.pods.get(id) else { return };
        if let (Some(outlet), Some(served)) = (&pod.outlet, self.workloads.get(pod.workload())) {
            outlet.push(served.settings());
        }
    }

    /// Tells an activator more of what there is, while it has room.
    pub(crate) fn fill(&mut self, now: Time, number: LinkNumber) {
        let Known { workloads, seen, pods, readers, doors, is_complete, .. } = self;
        let stay = is_complete.then(|| unknown(seen, workloads, now));
        let all = |served: &Served| served.all(pods, doors, now);
        readers.fill(number, workloads, all, |id| seen.frames(id, now), stay);
    }

    /// When [`Known::see_to`] has something to do next.
    pub(crate) fn due(&self, complete_from: Time) -> Option<Time> {
        let complete = (!self.is_complete).then_some(complete_from);
        complete.into_iter().chain(self.reporters.due()).chain(self.strangers.due()).min()
    }

    /// Does what time alone brings: activators have heard everything; who did not come back is lost.
    pub(crate) fn see_to(&mut self, now: Time, complete_from: Time) -> Vec<Reporter> {
        if !self.is_complete && complete_from <= now {
            self.is_complete = true;
            self.readers.sync(unknown(&self.seen, &self.workloads, now));
        }
        while let Some(stranger) = self.strangers.expel(now) {
            if let Some(outlet) = self.pods.get(&stranger).and_then(|standing| standing.outlet.as_ref()) {
                outlet.close();
            }
        }
        let lost = self.reporters.take_lost(now);
        for reporter in &lost {
            match reporter {
                Reporter::Pod(id) => drop(self.change_known_pod(now, id, Standing::lost)),
                Reporter::Activator(name) => {
                    self.doors.lost(name);
                    self.note_activators();
                }
            }
        }
        lost
    }

    /// Tells activators where to listen for a workload.
    pub(super) fn tell_door(&mut self, id: &WorkloadId) {
        if let Some(frame) = self.doors.frame(id).filter(|_| self.knows(id)) {
            self.readers.tell(id, &frame);
        }
        self.note(id);
    }

    /// An activator is linked.
    pub(crate) fn activator_came(&mut self, name: &Arc<str>, ip: IpAddr, is_new: bool) {
        self.doors.greet(name, ip, is_new);
        self.note_activators();
    }

    /// An activator says, on its newest Link, that it was told to end.
    pub(crate) fn activator_leaves(&mut self, number: LinkNumber, reporter: &Reporter) {
        if let Reporter::Activator(name) = reporter
            && self.is_seated(number, reporter)
        {
            self.doors.leaves(name);
            self.note_activators();
        }
    }

    /// An activator says, on its newest Link, what became of a door.
    pub(crate) fn door_said(
        &mut self,
        (number, reporter): (LinkNumber, &Reporter),
        workload: &WorkloadId,
        port: u16,
        is_open: bool,
    ) {
        if let Reporter::Activator(name) = reporter
            && self.is_seated(number, reporter)
            && self.doors.said(name, workload, port, is_open)
        {
            self.note(workload);
        }
    }

    /// Where it is noted when the last request came to the workload past the activators.
    pub(crate) fn directness(&self, id: &WorkloadId) -> Arc<AtomicU64> {
        self.workloads.get(id).map(|served| Arc::clone(&served.last_direct)).unwrap_or_default()
    }

    pub(super) fn last_direct(&self, id: &WorkloadId) -> Option<Time> {
        let nanos = self.workloads.get(id)?.last_direct.load(Ordering::Relaxed);
        (nanos > 0).then_some(Time::from_nanos(nanos))
    }

    fn note(&self, id: &WorkloadId) {
        self.changed.note(|changed| {
            if !changed.workloads.contains(id) {
                changed.workloads.insert(id.clone());
            }
        });
    }

    fn note_activators(&self) {
        self.changed.note(|changed| changed.activators = true);
    }
}

/// What there is to say of the workloads that were seen and are not known.
fn unknown(seen: &Seen, known: &BTreeMap<WorkloadId, Served>, at: Time) -> impl Iterator<Item = Vec<Down>> + Clone {
    seen.ids().filter(|id| !known.contains_key(*id)).filter_map(move |id| seen.frames(id, at))
}

/// Another thing is to be believed of a pod: its part of a wake may have come to an end.
fn tell_wakes(wakes: &Wakes, now: Time, before: Option<&Pod>, after: Option<&Pod>) {
    let Some(pod) = after else { return };
    if before.is_none() {
        wakes.placed(&pod.id, now);
    }
    if pod.state == PodState::Ready && before.is_none_or(|before| before.state != PodState::Ready) {
        wakes.ready(pod, now);
    }
}
