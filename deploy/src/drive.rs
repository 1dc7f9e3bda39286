//! Drives the engine: frames, platform events and time in; platform calls out.

use std::sync::Arc;

use activator::Activator;
use autoscaler::{Action, Engine};
use config::link::Up;
use config::{Platform, PlatformEvent, Time};
use futures_util::StreamExt;
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::sync::mpsc;

use crate::calls::{Call, Calls, Ended};
use crate::narrate::Narrator;

/// All that turns reports into pods, in one task. Reads the clock for the engine, which has none.
#[derive(Debug)]
pub struct Driver<P> {
    /// Where pods live.
    pub platform: Arc<P>,
    /// What decides; shared with whoever asks it why.
    pub engine: Arc<Mutex<Engine>>,
    /// What holds requests.
    pub activator: Arc<Activator>,
    /// What time it is.
    pub clock: Clock,
    /// Reports on their way here.
    pub frames: mpsc::Receiver<Up>,
    /// Who tells people about it.
    pub narrator: Narrator,
}

/// What made the driver go round.
enum Turn {
    Frame(Up),
    Event(PlatformEvent),
    Ended(Ended),
    Due,
}

impl<P: Platform> Driver<P> {
    /// Runs until the platform's events end.
    ///
    /// The activator hears of workloads and failures here; of pods it hears from the platform itself, without a queue
    /// in between, because that is on the way of a wake.
    pub async fn run(mut self) {
        let mut events = self.platform.events();
        let mut calls = Calls::new(Arc::clone(&self.platform));
        let mut frames_open = true;
        loop {
            let deadline = self.engine.lock().next_deadline().map(|time| self.clock.instant_of(time));
            let due = async {
                match deadline {
                    Some(instant) => tokio::time::sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            let turn = tokio::select! {
                biased; // what the platform says first: a report about a pod comes after the pod
                event = events.next() => match event {
                    Some(event) => Turn::Event(event),
                    None => return,
                },
                ended = calls.ended() => Turn::Ended(ended),
                frame = self.frames.recv(), if frames_open => match frame {
                    Some(frame) => Turn::Frame(frame),
                    None => { frames_open = false; continue }
                },
                () = due => Turn::Due,
            };
            let now = self.clock.now();
            self.turn(now, turn);
            self.act(&mut calls);
        }
    }

    fn turn(&mut self, now: Time, turn: Turn) {
        match turn {
            Turn::Frame(frame) => self.engine.lock().up(now, frame),
            Turn::Event(event) => self.event(now, event),
            Turn::Ended(ended) => self.ended(now, &ended),
            Turn::Due => self.engine.lock().advance(now),
        }
    }

    fn event(&mut self, now: Time, event: PlatformEvent) {
        let mut engine = self.engine.lock();
        match event {
            PlatformEvent::Workload(workload, replicas) => {
                self.activator.set_workload(&workload);
                engine.workload(now, &workload, replicas);
            }
            PlatformEvent::WorkloadGone(id) => {
                self.activator.remove_workload(&id);
                engine.workload_gone(now, &id);
            }
            PlatformEvent::Pod(pod) => {
                engine.pod(now, &pod);
                self.narrator.pod(&pod, now);
                // A pod that became ready may have ended a wake: the activator handed over before this event came.
                for wake in self.activator.take_wakes() {
                    self.narrator.woke(&wake);
                }
            }
            PlatformEvent::Failure(id, failure) => {
                self.activator.set_failure(&id, failure.as_ref());
                self.narrator.failure(&id, failure.as_ref());
                engine.failure(now, &id, failure);
            }
        }
    }

    fn ended(&mut self, now: Time, ended: &Ended) {
        if let Err(error) = &ended.result {
            self.narrator.call_failed(&ended.workload, error);
        }
        let mut engine = self.engine.lock();
        match (ended.call, ended.result.is_ok()) {
            (Call::Route(route), true) => engine.route_is_true(now, &ended.workload, route),
            (Call::Route(route), false) => engine.route_failed(now, &ended.workload, route),
            (Call::Scale(_), true) => {}
            (Call::Scale(pods), false) => engine.scale_failed(now, &ended.workload, pods),
        }
    }

    fn act(&mut self, calls: &mut Calls<P>) {
        let actions = self.engine.lock().take_actions();
        for action in actions {
            match action {
                Action::Scale { workload, from, pods, why } => {
                    self.narrator.scaled(&workload, from, pods, &why);
                    calls.make(workload, Call::Scale(pods));
                }
                Action::Route { workload, route } => calls.make(workload, Call::Route(route)),
                Action::Settings { workload, watermark } => self.activator.set_watermark(&workload, watermark),
            }
        }
    }
}
