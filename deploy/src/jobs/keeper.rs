//! One ScaledJob over time: its triggers are read when they are due, and Jobs begin and end.

use std::sync::Arc;

use queue_proxy::Clock;
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

use super::decided::Decided;
use super::job::Outcome;
use super::launch::Launch;
use super::ledger::Ledger;
use super::plan::Plan;
use super::rounds::{Asked, Rounds};
use super::table::{Ended, Table};
use super::told::Told;
use crate::exposition;
use crate::fleet::Names;
use crate::sources::Answer;

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
    /// What people may know of them.
    ledger: Ledger,
    /// When its triggers are read, unless it is paused.
    rounds: Rounds,
}

/// What made a keeper go round.
enum Turn {
    Due,
    Read(Vec<Answer>),
    Ended(Ended),
    Edited,
    Over,
}

impl<L: Launch> Keeper<L> {
    pub(super) fn new(around: Arc<Around<L>>, plan: Arc<Plan>, ledger: Ledger) -> Keeper<L> {
        let jobs = Table::new(Arc::clone(&around));
        let rounds = Rounds::new(&plan.triggers);
        Keeper { around, plan, jobs, ledger, rounds }
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
        let is_idle = self.jobs.is_empty();
        tokio::select! {
            changed = plans.changed() => edited_or_over(changed),
            Some(job) = self.jobs.ended() => Turn::Ended(job),
            () = self.rounds.due(is_idle), if !self.plan.job.paused => Turn::Due,
        }
    }

    /// Reads all triggers. An edit of them, or the end, does not wait for an answer.
    async fn read(&mut self, plans: &mut watch::Receiver<Arc<Plan>>) -> Turn {
        tokio::select! {
            changed = plans.changed() => edited_or_over(changed),
            answers = self.rounds.read(&self.plan.triggers) => Turn::Read(answers),
        }
    }

    /// Starts as many Jobs as the triggers ask for.
    fn decide(&mut self, answers: Vec<Answer>) {
        while let Some(job) = self.jobs.ended_already() {
            self.ended(&job);
        }
        let job = &self.plan.job;
        let Asked { readings, together } = self.rounds.asked(&self.plan.name, job, &self.plan.triggers, answers);
        let counts = self.jobs.counts(self.around.clock.now());
        let mut decided = Decided::new(job, together, counts);
        let (wanted, room) = (decided.wanted as usize, self.jobs.room());
        if wanted > room {
            warn!("{}: {wanted} Jobs are to begin, and there is room for {room}", self.plan.name);
            decided = decided.but(&format!("there is room for {room}"));
        }
        let Plan { name, triggers, .. } = &*self.plan;
        self.around.told.decided(name, triggers, &readings, together.active, decided);
        for _ in 0..wanted.min(room) {
            self.begin();
        }
    }

    fn begin(&mut self) {
        let name = self.around.names.next(&self.plan.job.name).as_str().to_owned();
        let now = self.around.clock.now();
        info!("{name}: begins, for {}", self.plan.name);
        exposition::triggers::jobs_began(1);
        let busy = self.jobs.start(name.clone(), Arc::clone(&self.plan.work), now);
        self.ledger.began(&name, now, busy);
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
        self.ledger.ended(job, now);
    }

    /// From now on the ScaledJob is `plan`.
    fn edit(&mut self, plan: Arc<Plan>) {
        let (same, rollout) = (plan.is_the_same_as(&self.plan), plan.job.rollout);
        if !same && !rollout.gradual {
            self.delete("its ScaledJob is edited", rollout.foreground);
        }
        if !same || self.plan.job.paused {
            self.rounds.at_once();
        }
        self.rounds.replace(&plan.triggers);
        self.plan = plan;
        self.ledger.keep(&self.plan.job);
        self.around.told.edited(&self.plan.name, &self.plan.job);
    }

    /// Tells all Jobs to end.
    fn delete(&mut self, why: &str, foreground: bool) {
        if !self.jobs.is_empty() {
            info!("{}: its Jobs are told to end: {why}", self.plan.name);
        }
        let gone = self.jobs.delete(foreground);
        self.ledger.deleted(&gone);
    }
}

fn edited_or_over(changed: Result<(), watch::error::RecvError>) -> Turn {
    if changed.is_ok() { Turn::Edited } else { Turn::Over }
}
