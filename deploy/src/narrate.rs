//! Tells people what happened: one line an event, and a counter for each kind.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use activator::Wake;
use config::{Failure, Pod, PodId, PodState, Reason, Time, WorkloadId, bounds};
use metrics::counter;
use tracing::{info, warn};

use crate::exposition;
use crate::external::Counted;
use crate::kubernetes::told::Teller;
use crate::log::short;
use crate::spans::Spans;
use crate::wakes::Wakes;

/// Turns what the driver sees into lines such as `hello: 2 → 5 pods because …`.
#[derive(Debug, Default)]
pub struct Narrator {
    /// Pods that exist, so that the end of the last one can be told; bounded by the pods that exist.
    pods: HashMap<WorkloadId, HashSet<PodId>>,
    /// Workloads that were asked to have no pods.
    to_zero: HashSet<WorkloadId>,
    /// Workloads that are being woken, and since when; while somebody is told of it.
    waking: HashMap<WorkloadId, Time>,
    /// Of those that were since, how long it took, and until when it waits for an activator to tell more of it: bounded by
    /// the pods that become ready in that time.
    awake: VecDeque<(Time, WorkloadId, Duration)>,
    wakes: Wakes,
    spans: Spans,
    teller: Teller,
    counted: Option<Counted>,
}

impl Narrator {
    /// A narrator that tells the phases of wakes, too.
    pub fn new(wakes: Wakes) -> Narrator {
        Narrator { wakes, ..Narrator::default() }
    }

    /// The same, which tells of wakes and changes of scale as spans, too.
    #[must_use]
    pub fn with_spans(self, spans: Spans) -> Narrator {
        Narrator { spans, ..self }
    }

    /// The same, which tells what happens to workloads to `teller`, too.
    #[must_use]
    pub fn with_teller(self, teller: Teller) -> Narrator {
        Narrator { teller, ..self }
    }

    /// The same, which tells those who follow workloads when they are busy.
    #[must_use]
    pub fn with_counted(self, counted: Counted) -> Narrator {
        Narrator { counted: Some(counted), ..self }
    }

    /// The workload became busy, or is no more.
    pub fn busy(&self, workload: &WorkloadId, is_busy: bool) {
        if let Some(counted) = &self.counted {
            counted.edge(workload, is_busy);
        }
    }

    /// The platform is being asked for another number of pods.
    pub fn scaled(&mut self, workload: &WorkloadId, from: u32, pods: u32, why: &Reason, now: Time) {
        counter!(exposition::SCALE_CALLS).increment(1);
        counter!(exposition::DECISIONS, "rule" => why.rule).increment(1);
        self.spans.scaled(workload, from, pods, why, now);
        if from == 0 {
            self.wakes.decided(workload, why, now);
        }
        if pods == 0 {
            self.to_zero.insert(workload.clone());
            self.waking.remove(workload);
        } else {
            self.to_zero.remove(workload);
        }
        let unit = if pods == 1 { "pod" } else { "pods" };
        let told = format!("{from} → {pods} {unit} because {}", why.because);
        info!("{}: {told}", short(workload));
        if self.teller.is_heard() {
            if from == 0 {
                self.waking.insert(workload.clone(), now);
            }
            self.teller.news(workload, "Scaled", told);
        }
    }

    /// The platform took a wish for pods.
    pub fn asked(&mut self, workload: &WorkloadId, at: Time) {
        self.wakes.asked(workload, at);
    }

    /// The workload is no more.
    pub fn workload_gone(&mut self, workload: &WorkloadId) {
        self.to_zero.remove(workload);
        self.waking.remove(workload);
        self.awake.retain(|(_, of, _)| of != workload);
        self.wakes.workload_gone(workload);
        exposition::workload_gone(workload);
        if let Some(counted) = &self.counted {
            counted.gone(workload);
        }
    }

    /// A pod is new or changed.
    pub fn pod(&mut self, pod: &Pod, now: Time) {
        let name = short(&pod.workload);
        match pod.state {
            PodState::Starting => {
                // One that was ready before and is starting again was started once.
                if self.pods.entry(pod.workload.clone()).or_default().insert(pod.id.clone()) {
                    counter!(exposition::PODS_STARTED).increment(1);
                }
            }
            PodState::Ready => {
                if let Some(since) = self.waking.remove(&pod.workload) {
                    let until = now + bounds::WAKE_TOLD_WITHIN;
                    self.awake.push_back((until, pod.workload.clone(), now.since(since)));
                }
                tracing::debug!("{name}: pod {} ready after {} ms", pod.id, now.since(pod.created).as_millis());
            }
            PodState::Draining => tracing::debug!("{name}: pod {} draining", pod.id),
            PodState::Gone => {
                let left = self.pods.get_mut(&pod.workload).map_or(0, |pods| {
                    pods.remove(&pod.id);
                    pods.len()
                });
                if left == 0 {
                    self.pods.remove(&pod.workload);
                    if self.to_zero.remove(&pod.workload) {
                        info!("{name}: asleep");
                        self.teller.news(
                            &pod.workload,
                            "Asleep",
                            "no pod is left: the next request wakes it".to_owned(),
                        );
                    }
                }
            }
        }
    }

    /// Requests that found no ready pod were handed to one.
    pub fn woke(&mut self, wake: &Wake) {
        let woken = self.wakes.woke(wake);
        exposition::woke(&woken);
        self.spans.woke(&woken);
        let took = woken.took();
        let meanwhile = if wake.requests == 1 { String::new() } else { format!(", {} requests waited", wake.requests) };
        let phases: Vec<String> = woken
            .phases()
            .map(|(phase, from, to)| format!("{} {:.1}", phase.word(), to.since(from).as_secs_f64() * 1e3))
            .collect();
        let (name, took) = (short(&wake.workload), took.as_secs_f64() * 1e3);
        let told = format!("woke in {took:.0} ms ({}){meanwhile}", phases.join(", "));
        info!("{name}: {told}");
        let awake = self.awake.iter().position(|(_, workload, _)| *workload == wake.workload);
        if awake.and_then(|at| self.awake.remove(at)).is_some() || self.waking.remove(&wake.workload).is_some() {
            self.teller.news(&wake.workload, "Woke", told);
        }
    }

    /// Time passes: of wakes of which no activator has told, what is known is told.
    pub fn pass(&mut self, now: Time) {
        while let Some((_, workload, took)) = self.awake.pop_front_if(|(until, ..)| *until <= now) {
            let told = format!("woke: a pod was ready after {} ms", took.as_millis());
            self.teller.news(&workload, "Woke", told);
        }
    }

    /// The workload cannot have a ready pod, or can again.
    pub fn failure(&mut self, workload: &WorkloadId, failure: Option<&Failure>) {
        match failure {
            Some(failure) => {
                counter!(exposition::WORKLOAD_FAILURES, "reason" => failure.word()).increment(1);
                let told = format!("cannot start: {}: {}", failure.word(), failure.detail());
                warn!("{}: {told}", short(workload));
                self.teller.warn(workload, "Failed", told);
            }
            None => {
                info!("{}: can start again", short(workload));
                self.teller.news(workload, "Recovered", "can start again".to_owned());
            }
        }
    }

    /// The platform did not do what was asked.
    pub fn call_failed(&mut self, workload: &WorkloadId, error: &config::PlatformError) {
        counter!(exposition::PLATFORM_ERRORS).increment(1);
        let told = format!("the platform refused: {error}; asked again soon");
        warn!("{}: {told}", short(workload));
        self.teller.warn(workload, "Refused", told);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc::Receiver;

    use super::*;
    use crate::kubernetes::told::Told;

    fn hello() -> WorkloadId {
        "hello".parse().unwrap()
    }

    /// One that saw a pod become ready four seconds after it was wanted.
    fn awake() -> (Narrator, Receiver<Told>) {
        let (teller, mut told) = Teller::channel();
        let mut narrator = Narrator::default().with_teller(teller);
        let why = Reason { rule: "stable-window", pods: 1, because: "1 waits".to_owned() };
        narrator.scaled(&hello(), 0, 1, &why, Time::from_secs_f64(10.0));
        let (id, address, state) = (PodId::new("a"), ([127, 0, 0, 1], 1).into(), PodState::Ready);
        let pod = Pod { id, workload: hello(), address, state, has_queue_proxy: true, created: Time::ZERO };
        narrator.pod(&pod, Time::from_secs_f64(14.0));
        assert_eq!(told.try_recv().unwrap().reason, "Scaled");
        (narrator, told)
    }

    #[test]
    fn that_a_workload_woke_is_told_with_its_phases_if_an_activator_tells_them() {
        let (mut narrator, mut told) = awake();
        narrator.pass(Time::from_secs_f64(20.9));
        assert!(told.try_recv().is_err());
        let [held_at, released_at] = [9.9, 14.1].map(Time::from_secs_f64);
        let wake = Wake { workload: hello(), held_at, released_at, requests: 2, first_byte: Arc::default() };
        narrator.woke(&wake);
        narrator.woke(&wake); // of another activator
        narrator.pass(Time::from_secs_f64(30.0));
        let Told { reason, message, .. } = told.try_recv().unwrap();
        let whole = "woke in 4200 ms (decided 100.0, handed-over 4100.0), 2 requests waited";
        assert_eq!((reason, message.as_str()), ("Woke", whole));
        assert!(told.try_recv().is_err(), "once");
    }

    #[test]
    fn that_a_workload_woke_is_told_also_if_no_activator_tells_of_it() {
        let (mut narrator, mut told) = awake();
        narrator.pass(Time::from_secs_f64(21.0));
        assert_eq!(told.try_recv().unwrap().message, "woke: a pod was ready after 4000 ms");
        narrator.pass(Time::from_secs_f64(30.0));
        assert!(told.try_recv().is_err(), "once");
    }
}
