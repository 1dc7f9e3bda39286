//! Drives the engine: frames, platform events and time in; platform calls out.

use std::sync::Arc;

use autoscaler::{Action, Engine};
use config::{Platform, PlatformError, PlatformEvent, Pod, Time, bounds};
use futures_util::StreamExt;
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::sync::mpsc;

use crate::calls::{Call, Calls, Ended};
use crate::fronts::Fronts;
use crate::link::Heard;
use crate::narrate::Narrator;

/// All that turns reports into pods, in one task. Reads the clock for the engine, which has none.
#[derive(Debug)]
pub struct Driver<P, F> {
    /// Where pods live.
    pub platform: Arc<P>,
    /// What decides; shared with whoever asks it why.
    pub engine: Arc<Mutex<Engine>>,
    /// Who stands in front of pods, and hears of what is known and decided.
    pub fronts: Arc<F>,
    /// What time it is.
    pub clock: Clock,
    /// What reporters say, on its way here.
    pub frames: mpsc::Receiver<Heard>,
    /// Who tells people about it.
    pub narrator: Narrator,
}

/// What made the driver go round.
enum Turn {
    Frames,
    Event(PlatformEvent),
    Ended(Ended),
    Due,
}

impl<P: Platform, F: Fronts> Driver<P, F> {
    /// Runs until the platform's events end.
    pub async fn run(mut self) {
        let mut events = self.platform.events();
        let mut calls = Calls::new(Arc::clone(&self.platform));
        let mut frames_open = true;
        let mut heard = Vec::with_capacity(bounds::FRAMES_A_TURN);
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
                count = self.frames.recv_many(&mut heard, bounds::FRAMES_A_TURN), if frames_open => match count {
                    0 => { frames_open = false; continue }
                    _ => Turn::Frames,
                },
                () = due => Turn::Due,
            };
            let now = self.clock.now();
            self.turn(now, turn, &mut heard, &calls);
            self.act(now, &mut calls);
            self.narrator.pass(now);
        }
    }

    fn turn(&mut self, now: Time, turn: Turn, heard: &mut Vec<Heard>, calls: &Calls<P>) {
        match turn {
            Turn::Frames => self.heard(now, heard),
            Turn::Event(event) => self.event(now, event, calls),
            Turn::Ended(ended) => self.ended(now, &ended, calls),
            Turn::Due => self.engine.lock().advance(now),
        }
    }

    /// Takes in what reporters said, all under one lock.
    fn heard(&mut self, now: Time, heard: &mut Vec<Heard>) {
        let engine = Arc::clone(&self.engine);
        let mut engine = engine.lock();
        for heard in heard.drain(..) {
            match heard {
                Heard::Up(frame) => engine.up(now, frame),
                Heard::Woke(wake) if engine.knows(&wake.workload) => self.narrator.woke(&wake),
                Heard::Woke(_) => {}
                // As it is now: one that is back may have been heard before this.
                Heard::Lost(reporter) if self.fronts.is_linked(&reporter) => {}
                Heard::Lost(reporter) => engine.lost(now, &reporter),
                Heard::Triggered(workload, triggered) => engine.triggered(now, &workload, triggered),
                // As it is now rather than as it was when this was sent: the platform may have said otherwise since.
                Heard::Pod(id) => {
                    if let Some(pod) = self.fronts.believed(&id) {
                        engine.pod(now, &pod);
                        self.tell(now, &pod);
                    }
                }
            }
        }
    }

    fn tell(&mut self, now: Time, pod: &Pod) {
        self.narrator.pod(pod, now);
        // A pod that became ready may have ended a wake: the activator handed over before this came.
        for wake in self.fronts.take_wakes() {
            self.narrator.woke(&wake);
        }
    }

    fn event(&mut self, now: Time, event: PlatformEvent, calls: &Calls<P>) {
        match event {
            PlatformEvent::Workload(workload, replicas) => {
                self.fronts.workload(&workload);
                // What it was asked for meanwhile is no longer what it says, but what it is about to have.
                let replicas = calls.scaling(&workload.id).unwrap_or(replicas);
                self.engine.lock().workload(now, &workload, replicas);
            }
            PlatformEvent::Adopted(workload, replicas) => {
                self.fronts.workload(&workload);
                self.engine.lock().adopt(now, &workload, replicas);
            }
            PlatformEvent::WorkloadGone(id) => {
                self.fronts.workload_gone(&id);
                self.engine.lock().workload_gone(now, &id);
                self.narrator.workload_gone(&id);
            }
            PlatformEvent::Pod(pod) => {
                if let Some(pod) = self.fronts.pod(now, pod) {
                    self.engine.lock().pod(now, &pod);
                    self.tell(now, &pod);
                }
            }
            PlatformEvent::Failure(id, failure) => {
                self.fronts.failure(now, &id, failure.as_ref());
                self.narrator.failure(&id, failure.as_ref());
                self.engine.lock().failure(now, &id, failure);
            }
        }
    }

    fn ended(&mut self, now: Time, ended: &Ended, calls: &Calls<P>) {
        let mut engine = self.engine.lock();
        match &ended.result {
            Ok(()) => {}
            // What it is asked for now was decided before that was known; that call tells.
            Err(PlatformError::Changed(_)) if calls.scaling(&ended.workload).is_some() => return,
            Err(PlatformError::Changed(pods)) => return engine.replicas_changed(now, &ended.workload, *pods),
            Err(error) => self.narrator.call_failed(&ended.workload, error),
        }
        match (ended.call, ended.result.is_ok()) {
            (Call::Route(route), true) => engine.route_is_true(now, &ended.workload, route),
            (Call::Route(route), false) => engine.route_failed(now, &ended.workload, route),
            (Call::Scale(_), true) => self.narrator.asked(&ended.workload, self.clock.time_of(ended.at)),
            (Call::Scale(pods), false) => engine.scale_failed(now, &ended.workload, pods),
        }
    }

    fn act(&mut self, now: Time, calls: &mut Calls<P>) {
        let actions = self.engine.lock().take_actions();
        for action in actions {
            match action {
                Action::Scale { workload, from, pods, why } => {
                    self.narrator.scaled(&workload, from, pods, &why, now);
                    calls.make(workload, Call::Scale(pods));
                }
                Action::Route { workload, route } => calls.make(workload, Call::Route(route)),
                Action::Settings { workload, watermark } => self.fronts.watermark(&workload, watermark),
                Action::Leave { workload } => self.fronts.leave(&workload),
                Action::Busy { workload, is_busy } => self.narrator.busy(&workload, is_busy),
            }
        }
    }
}
