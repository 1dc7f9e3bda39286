//! One ScaledObject over time: its triggers are read when they are due, and what they ask for goes to the engine.

use std::pin::pin;
use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::hpa::Pods;
use autoscaler::triggers::object::{Object, Seen, Verdict};
use autoscaler::{Engine, Triggered, Wish};
use config::bounds;
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::counted::{Counted, PodNumbers};
use super::edges::Edges;
use super::looks::Looks;
use super::opened;
use super::plan::Plan;
use super::told::Told;
use crate::exposition;
use crate::link::Heard;
use crate::sources::Edge;

/// What all keepers have.
#[derive(Clone, Debug)]
pub(super) struct Around {
    pub(super) engine: Arc<Mutex<Engine>>,
    pub(super) heard: mpsc::Sender<Heard>,
    pub(super) clock: Clock,
    pub(super) told: Told,
    pub(super) counted: Counted,
}

/// Keeps one ScaledObject.
pub(super) struct Keeper {
    around: Around,
    plan: Arc<Plan>,
    object: Object,
    edges: Edges,
    looks: Looks,
    /// What is asked for.
    wish: Wish,
}

/// What made a keeper go round.
enum Turn {
    Due,
    Edge(Edge),
}

/// Nobody hears any more what is asked for.
struct Unheard;

impl Keeper {
    pub(super) fn new(around: Around, plan: Arc<Plan>) -> Keeper {
        let mut object = Object::new(plan.rules.clone(), around.clock.now());
        object.set_phase(plan.phase());
        let edges = Edges::new(&plan.sources);
        Keeper { around, plan, object, edges, looks: Looks::default(), wish: Wish::Unread }
    }

    /// Runs until nobody can change the plan any more, or nobody hears what is asked for.
    pub(super) async fn keep(mut self, mut changes: watch::Receiver<Arc<Plan>>) {
        let mut heard = self.ask().await;
        while heard.is_ok() {
            let due = self.due();
            let turn = tokio::select! {
                changed = changes.changed() => {
                    let Ok(()) = changed else { return };
                    let plan = Arc::clone(&changes.borrow_and_update());
                    self.change(plan);
                    continue;
                }
                () = sleep_until(due) => Turn::Due,
                edge = self.edges.next() => Turn::Edge(edge),
            };
            heard = match turn {
                Turn::Due => self.round(due).await,
                Turn::Edge(Edge::Wake) => self.wake().await,
                Turn::Edge(Edge::Read) => self.round(Instant::now()).await,
            };
        }
    }

    /// When its triggers are to be read.
    fn due(&self) -> Instant {
        let (next, now) = (self.object.next(), self.around.clock.now());
        if next <= now {
            return self.around.clock.instant_of(next);
        }
        let look = self.looks.next(self.object.poll_after(now), self.plan.rules.polling, now);
        self.around.clock.instant_of(next.min(look))
    }

    fn change(&mut self, plan: Arc<Plan>) {
        self.object.replace_rules(plan.rules.clone(), self.around.clock.now());
        self.object.set_phase(plan.phase());
        self.edges = Edges::new(&plan.sources);
        self.looks = Looks::default();
        self.plan = plan;
    }

    /// Reads all triggers, and decides by what they say. A wake does not wait for a source that is slow.
    async fn round(&mut self, due: Instant) -> Result<(), Unheard> {
        if self.seen().is_none() {
            return self.unknown().await;
        }
        let told = self.around.engine.lock().wish(&self.plan.workload);
        if told != Some(self.wish) {
            // Whoever has just come to know the workload must not lower it while a source takes its time.
            self.ask().await?;
        }
        let plan = Arc::clone(&self.plan);
        let mut reads = pin!(opened::read(plan.sources.iter().map(AsRef::as_ref)));
        let mut changed = false;
        let (answers, longest) = loop {
            tokio::select! {
                answers = &mut reads => break answers,
                edge = self.edges.next() => match edge {
                    Edge::Wake => self.wake().await?,
                    Edge::Read => changed = true,
                },
            }
        };
        self.edges.was_read();
        if changed {
            // Perhaps after it was read.
            self.edges.said(Edge::Read);
        }
        let mut readings = Vec::with_capacity(answers.len());
        for (n, answer) in answers.into_iter().enumerate() {
            if let Some(target) = answer.target {
                self.object.set_target(n, target);
            }
            readings.push(answer.reading);
        }
        let Some(seen) = self.seen() else { return self.unknown().await };
        let verdict = self.object.round(&readings, &seen, self.around.clock.now());
        self.decided(&seen, Some(&readings), verdict).await?;
        exposition::triggers::decided(Instant::now() - due, longest);
        Ok(())
    }

    async fn wake(&mut self) -> Result<(), Unheard> {
        let Some(seen) = self.seen() else { return Ok(()) };
        let verdict = self.object.pushed(&seen, self.around.clock.now());
        self.decided(&seen, None, verdict).await
    }

    /// The platform does not know the workload (yet).
    async fn unknown(&mut self) -> Result<(), Unheard> {
        sleep(bounds::TRIGGER_PAUSE).await;
        Ok(())
    }

    /// What there is beside the triggers. None if there is no such workload.
    fn seen(&self) -> Option<Seen> {
        let (asked, pods) = self.around.engine.lock().pods(&self.plan.workload)?;
        let known = PodNumbers { exist: pods.ready + pods.starting, ready: pods.ready };
        let PodNumbers { exist, ready } = self.around.counted.of(&self.plan.workload).unwrap_or(known);
        // Pods that requests asked for are not the triggers' to hold, nor their way down.
        let asked = match self.wish {
            Wish::AtLeast(pods) if !self.plan.alone => asked.min(pods),
            _ => asked,
        };
        let pods = Pods { asked, exist, ready };
        Some(Seen { pods, switches: self.plan.switches })
    }

    /// Asks for what was decided.
    async fn decided(&mut self, seen: &Seen, readings: Option<&[Reading]>, verdict: Verdict) -> Result<(), Unheard> {
        let paused = self.plan.switches.paused && self.plan.switches.paused_replicas.is_none();
        self.wish = if paused { Wish::Stay } else { Wish::AtLeast(verdict.desired) };
        let is_asleep = seen.pods.asked == 0 && verdict.desired == 0 && !self.plan.switches.paused;
        self.looks.want(is_asleep && !self.edges.all_tell(), &self.plan.sources);
        self.around.told.decided(&self.plan, readings, verdict);
        self.ask().await
    }

    async fn ask(&mut self) -> Result<(), Unheard> {
        let triggered = Triggered { wish: self.wish, alone: self.plan.alone };
        let heard = Heard::Triggered(self.plan.workload.clone(), Some(triggered));
        self.around.heard.send(heard).await.map_err(|_| Unheard)
    }
}
