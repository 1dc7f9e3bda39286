//! One ScaledJob over time: its triggers are read when they are due, and Jobs begin and end.

use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::jobs::{self as arithmetic, Limits};
use config::bounds;
use futures_core::stream::BoxStream;
use futures_util::stream::{SelectAll, StreamExt};
use queue_proxy::Clock;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::job::Outcome;
use super::launch::Launch;
use super::plan::Plan;
use super::table::{Ended, Table};
use super::told::Told;
use crate::exposition;
use crate::fleet::Names;
use crate::sources::{Answer, Edge};
use crate::triggers::{edges, read_all};

/// What all keepers have.
pub(super) struct Around<L> {
    pub(super) launcher: L,
    /// One for each pod that may run at once.
    pub(super) permits: Arc<Semaphore>,
    pub(super) names: Names,
    pub(super) clock: Clock,
    pub(super) told: Told,
}

/// Keeps one ScaledJob.
pub(super) struct Keeper<L> {
    around: Arc<Around<L>>,
    plan: Arc<Plan>,
    jobs: Table<L>,
    edges: SelectAll<BoxStream<'static, Edge>>,
    /// When all triggers are read next, unless it is paused.
    due: Instant,
    /// Not before then is anything read because of an edge.
    rested: Instant,
    /// Which triggers failed when they were last read.
    failing: Vec<bool>,
}

/// What made a keeper go round.
enum Turn {
    Due,
    Read(Vec<Answer>),
    Edge,
    Ended(Ended),
    Edited,
    Over,
}

impl<L: Launch> Keeper<L> {
    pub(super) fn new(around: Arc<Around<L>>, plan: Arc<Plan>) -> Keeper<L> {
        let jobs = Table::new(Arc::clone(&around));
        let (edges, now) = (edges(plan.sources()), Instant::now());
        Keeper { around, plan, jobs, edges, due: now, rested: now, failing: Vec::new() }
    }

    /// Runs until nobody can change the plan any more; then ends all Jobs. When this returns, nothing of them is left.
    pub(super) async fn keep(mut self, mut plans: watch::Receiver<Arc<Plan>>) {
        loop {
            let mut turn = self.wait(&mut plans).await;
            if let Turn::Due = turn {
                turn = self.read(&mut plans).await;
            }
            match turn {
                Turn::Due => {}
                Turn::Read(answers) => self.decide(answers),
                Turn::Edge => self.look(),
                Turn::Ended(job) => self.ended(&job),
                Turn::Edited => {
                    let plan = Arc::clone(&plans.borrow_and_update());
                    self.edit(plan);
                }
                Turn::Over => break,
            }
        }
        self.delete("its ScaledJob is gone, or rouse ends", false);
        while let Some(job) = self.jobs.ended().await {
            self.ended(&job);
        }
    }

    async fn wait(&mut self, plans: &mut watch::Receiver<Arc<Plan>>) -> Turn {
        tokio::select! {
            changed = plans.changed() => edited_or_over(changed),
            Some(job) = self.jobs.ended() => Turn::Ended(job),
            () = sleep_until(self.due), if !self.plan.job.paused => Turn::Due,
            Some(_) = self.edges.next() => Turn::Edge,
        }
    }

    /// Reads all triggers. An edit of them, or the end, does not wait for an answer.
    async fn read(&mut self, plans: &mut watch::Receiver<Arc<Plan>>) -> Turn {
        tokio::select! {
            changed = plans.changed() => edited_or_over(changed),
            (answers, longest) = read_all(self.plan.sources()) => {
                exposition::triggers::decided(Instant::now() - self.due, longest);
                Turn::Read(answers)
            }
        }
    }

    /// A server says that there may be something to do. While there are Jobs this means nothing: one of them may be about
    /// to take it, and what is polled decides.
    fn look(&mut self) {
        if self.jobs.is_empty() {
            self.due = self.due.min(self.rested.max(Instant::now()));
        }
    }

    /// Starts as many Jobs as the triggers ask for.
    fn decide(&mut self, answers: Vec<Answer>) {
        self.due = Instant::now() + self.plan.job.polling_interval;
        self.rested = Instant::now() + bounds::TRIGGER_PAUSE;
        while let Some(job) = self.jobs.ended_already() {
            self.ended(&job);
        }
        let (scaling, limits) = (&self.plan.job.scaling, Limits::of(&self.plan.job));
        let triggers = self.plan.triggers.iter().zip(&answers);
        let queues = triggers.map(|(opened, answer)| {
            let target = answer.target.unwrap_or(opened.target);
            arithmetic::read(&answer.reading, target, scaling.strategy, limits.above)
        });
        let queues: Vec<_> = queues.collect();
        let together = arithmetic::together(&queues, scaling.calculation, limits.min, limits.above);
        let counts = self.jobs.counts(self.around.clock.now());
        let wanted = arithmetic::to_create(scaling.strategy, limits, together, counts) as usize;
        let room = self.jobs.room();
        if wanted > room {
            warn!("{}: {wanted} Jobs are to begin, and there is room for {room}", self.plan.name);
        }
        let readings: Vec<_> = answers.into_iter().map(|answer| answer.reading).collect();
        self.tell_of_failures(&readings);
        self.around.told.read(&self.plan, &readings, together.active);
        for _ in 0..wanted.min(room) {
            self.begin();
        }
    }

    fn begin(&mut self) {
        let name = self.around.names.next(&self.plan.job.name).as_str().to_owned();
        let now = self.around.clock.now();
        info!("{name}: begins, for {}", self.plan.name);
        exposition::triggers::job_began();
        let busy = self.jobs.start(name.clone(), Arc::clone(&self.plan.work), now);
        self.around.told.began(&self.plan.name, &name, now, busy);
    }

    fn ended(&mut self, job: &Ended) {
        let now = self.around.clock.now();
        let (name, took) = (&job.name, now.since(job.began).as_secs_f64());
        match &job.outcome {
            Outcome::Complete => info!("{name}: complete after {took:.1} s"),
            Outcome::Failed(why) => warn!("{name}: failed after {took:.1} s: {why}"),
            Outcome::Deleted => info!("{name}: ended after {took:.1} s"),
        }
        exposition::triggers::job_ended(job.outcome.word());
        self.around.told.ended(&self.plan.name, job, now);
    }

    /// From now on the ScaledJob is `plan`.
    fn edit(&mut self, plan: Arc<Plan>) {
        let (same, rollout) = (plan.is_the_same_as(&self.plan), plan.job.rollout);
        if !same && !rollout.gradual {
            self.delete("its ScaledJob is edited", rollout.foreground);
        }
        if !same || self.plan.job.paused {
            self.due = Instant::now();
        }
        self.edges = edges(plan.sources());
        self.plan = plan;
        self.around.told.serves(&self.plan);
    }

    /// Tells all Jobs to end.
    fn delete(&mut self, why: &str, foreground: bool) {
        if !self.jobs.is_empty() {
            info!("{}: its Jobs are told to end: {why}", self.plan.name);
        }
        let gone = self.jobs.delete(foreground);
        self.around.told.deleted(&self.plan.name, &gone);
    }

    /// A line for each trigger that fails and did not before, or does not any more.
    fn tell_of_failures(&mut self, readings: &[Reading]) {
        self.failing.resize(readings.len(), false);
        for ((opened, reading), failing) in self.plan.triggers.iter().zip(readings).zip(&mut self.failing) {
            let (object, trigger) = (&self.plan.name, opened.title());
            match reading {
                Reading::Failed(why) if !*failing => warn!("{object}: {trigger} cannot be read: {why}"),
                Reading::Value { .. } | Reading::NoData if *failing => info!("{object}: {trigger} is read again"),
                _ => {}
            }
            *failing = matches!(reading, Reading::Failed(_));
        }
    }
}

fn edited_or_over(changed: Result<(), watch::error::RecvError>) -> Turn {
    if changed.is_ok() { Turn::Edited } else { Turn::Over }
}
