//! One ScaledObject over time: its triggers are read when they are due, and what they ask for goes to the engine.

use std::sync::Arc;

use autoscaler::triggers::hpa::Pods;
use autoscaler::triggers::object::{Object, Seen, Verdict};
use autoscaler::{Engine, Triggered, Wish};
use config::bounds;
use futures_core::stream::BoxStream;
use futures_util::stream::{SelectAll, StreamExt};
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

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
}

/// Keeps one ScaledObject.
pub(super) struct Keeper {
    around: Around,
    plan: Plan,
    object: Object,
    edges: SelectAll<BoxStream<'static, Edge>>,
    /// Not before then is anything read because of an edge.
    rested: Instant,
}

/// What made a keeper go round.
enum Turn {
    Due,
    Edge(Edge),
    Changed(Box<Plan>),
}

impl Keeper {
    pub(super) fn new(around: Around, plan: Plan) -> Keeper {
        let object = Object::new(plan.rules.clone(), around.clock.now());
        let edges = edges(&plan);
        Keeper { around, plan, object, edges, rested: Instant::now() }
    }

    /// Runs until nobody can change the plan any more, or nobody hears what is asked for.
    pub(super) async fn keep(mut self, mut changes: mpsc::Receiver<Plan>) {
        if !self.ask(Wish::Unread).await {
            return;
        }
        loop {
            let due = self.around.clock.instant_of(self.object.next());
            let turn = tokio::select! {
                changed = changes.recv() => match changed {
                    Some(plan) => Turn::Changed(Box::new(plan)),
                    None => return,
                },
                () = sleep_until(due) => Turn::Due,
                Some(edge) = self.edges.next() => Turn::Edge(edge),
            };
            let verdict = match turn {
                Turn::Changed(plan) => {
                    self.change(*plan);
                    continue;
                }
                Turn::Due => self.round(due).await,
                Turn::Edge(Edge::Wake) => self.woken(),
                Turn::Edge(Edge::Read) => {
                    sleep_until(self.rested).await;
                    self.round(Instant::now()).await
                }
            };
            let Some(verdict) = verdict else {
                // The platform does not know the workload (yet).
                tokio::time::sleep(bounds::TRIGGER_PAUSE).await;
                continue;
            };
            if !self.decided(verdict).await {
                return;
            }
        }
    }

    fn change(&mut self, plan: Plan) {
        self.object.replace_rules(plan.rules.clone(), self.around.clock.now());
        self.edges = edges(&plan);
        self.plan = plan;
    }

    /// Reads all triggers, and decides by what they say. None if there is no such workload.
    async fn round(&mut self, due: Instant) -> Option<Verdict> {
        self.seen()?;
        let (answers, longest) = opened::read(self.plan.sources.iter().map(AsRef::as_ref)).await;
        self.rested = Instant::now() + bounds::TRIGGER_PAUSE;
        let mut readings = Vec::with_capacity(answers.len());
        for (n, answer) in answers.into_iter().enumerate() {
            if let Some(target) = answer.target {
                self.object.set_target(n, target);
            }
            readings.push(answer.reading);
        }
        let verdict = self.object.round(&readings, &self.seen()?, self.around.clock.now());
        exposition::triggers::decided((Instant::now() - due).saturating_sub(longest));
        self.around.told.read(&self.plan, &readings);
        Some(verdict)
    }

    fn woken(&mut self) -> Option<Verdict> {
        let seen = self.seen()?;
        Some(self.object.pushed(&seen, self.around.clock.now()))
    }

    /// What there is beside the triggers. None if there is no such workload.
    fn seen(&self) -> Option<Seen> {
        let (asked, pods) = self.around.engine.lock().pods(&self.plan.workload)?;
        let pods = Pods { asked, exist: pods.ready + pods.starting, ready: pods.ready };
        Some(Seen { pods, switches: self.plan.switches, requests: None })
    }

    /// Asks for what was decided; whether somebody heard.
    async fn decided(&mut self, verdict: Verdict) -> bool {
        let paused = self.plan.switches.paused && self.plan.switches.paused_replicas.is_none();
        let wish = if paused { Wish::Stay } else { Wish::AtLeast(verdict.desired) };
        self.around.told.decided(&self.plan, verdict);
        self.ask(wish).await
    }

    async fn ask(&mut self, wish: Wish) -> bool {
        let triggered = Triggered { wish, alone: self.plan.alone };
        self.around.heard.send(Heard::Triggered(self.plan.workload.clone(), Some(triggered))).await.is_ok()
    }
}

/// All that the plan's sources say unasked.
fn edges(plan: &Plan) -> SelectAll<BoxStream<'static, Edge>> {
    opened::edges(plan.sources.iter().map(AsRef::as_ref))
}
