//! One ScaledJob over time: its triggers are read when they are due, and Jobs are created and deleted.

use std::sync::Arc;

use autoscaler::triggers::jobs::{Counts, Ended, Job, Observed, surplus};
use queue_proxy::Clock;
use tokio::sync::watch;
use tracing::{info, warn};

use super::create::create;
use super::deletes::Deletes;
use super::plan::Plan;
use super::pods::Pods;
use super::rest::Rest;
use super::seen::{Jobs, SeenJob};
use super::shown::state;
use super::told::Told;
use crate::exposition;
use crate::fleet::Names;
use crate::jobs::{Asked, Decided, Rounds};
use crate::kubernetes::keda::scaled_jobs;
use crate::kubernetes::keda::telling::about;
use crate::kubernetes::told::{Teller, Told as News, Tone};
use crate::kubernetes::writes::Writes;
use crate::sources::Answer;

/// What all keepers have.
pub(super) struct Around {
    pub(super) writes: Writes,
    pub(super) teller: Teller,
    pub(super) clock: Clock,
    pub(super) names: Names,
    /// Which Jobs are at work.
    pub(super) pods: Arc<Pods>,
    pub(super) told: Told,
    /// What people may know of all of them.
    pub(super) shown: crate::jobs::Told,
}

/// Keeps one ScaledJob.
pub(super) struct Keeper {
    around: Arc<Around>,
    plan: Arc<Plan>,
    /// Those that are seen.
    jobs: watch::Receiver<Jobs>,
    /// Those that were created and may not be seen yet.
    observed: Observed,
    rounds: Rounds,
    /// Why a Job could not be created, and how long to wait after that.
    refusal: Option<String>,
    rest: Rest,
    deletes: Deletes,
    /// Whether Jobs of an older spec are there that are to go.
    replaces: bool,
}

impl Keeper {
    pub(super) fn new(around: Arc<Around>, plan: Arc<Plan>, jobs: watch::Receiver<Jobs>) -> Keeper {
        let rounds = Rounds::new(&plan.triggers);
        Keeper {
            around,
            plan,
            jobs,
            observed: Observed::default(),
            rounds,
            refusal: None,
            rest: Rest::default(),
            deletes: Deletes::default(),
            replaces: false,
        }
    }

    /// Runs until nobody can change the plan any more.
    pub(super) async fn keep(mut self, mut plans: watch::Receiver<Arc<Plan>>) {
        self.tidy();
        loop {
            let is_idle = self.is_idle();
            tokio::select! {
                changed = plans.changed() => {
                    let Ok(()) = changed else { return };
                    let plan = Arc::clone(&plans.borrow_and_update());
                    self.edit(plan);
                }
                Ok(()) = self.jobs.changed() => self.tidy(),
                failed = self.deletes.next() => {
                    if let Some((job, error)) = failed {
                        warn!("{}: its Job {job} cannot be deleted: {error}", self.plan.name);
                    }
                    self.tidy();
                }
                () = self.rounds.due(is_idle), if !self.plan.job.paused => tokio::select! {
                    // An edit does not wait for an answer.
                    changed = plans.changed() => {
                        let Ok(()) = changed else { return };
                        let plan = Arc::clone(&plans.borrow_and_update());
                        self.edit(plan);
                    }
                    answers = self.rounds.read(&self.plan.triggers) => self.decide(answers, &plans).await,
                },
            }
        }
    }

    /// From now on the ScaledJob is `plan`.
    fn edit(&mut self, plan: Arc<Plan>) {
        if plan.owner.generation != self.plan.owner.generation || self.plan.job.paused {
            self.rounds.at_once();
        }
        self.rounds.replace(&plan.triggers);
        self.plan = plan;
        self.tidy();
    }

    /// Creates as many Jobs as the triggers ask for.
    async fn decide(&mut self, answers: Vec<Answer>, plans: &watch::Receiver<Arc<Plan>>) {
        let plan = Arc::clone(&self.plan);
        let Asked { readings, together } = self.rounds.asked(&plan.name, &plan.job, &plan.triggers, answers);
        self.rounds.spread(plan.job.polling_interval, &plan.triggers, self.around.clock);
        let counts = self.counts();
        let mut decided = Decided::new(&plan.job, together, counts);
        let (wanted, room) = (decided.wanted as usize, self.observed.room());
        if wanted > room {
            warn!("{}: {wanted} Jobs are to be created, and there is room for {room}", plan.name);
            decided = decided.but(&format!("there is room for {room}"));
        }
        if wanted == 0 {
            (self.refusal, self.rest) = (None, Rest::default());
        } else if self.rest.is_over() {
            // An edit, or a pause, does not wait for the rest of a backlog.
            let goes_on = || plans.has_changed().is_ok_and(|changed| !changed);
            self.begin(wanted.min(room), counts.running == 0, goes_on).await;
        }
        if let Some(why) = &self.refusal {
            decided = decided.but(why);
        }
        self.around.told.decided(&plan, &readings, together.active, self.refusal.as_ref());
        self.around.shown.decided(&plan.name, &plan.triggers, &readings, together.active, decided);
    }

    async fn begin(&mut self, wanted: usize, wakes: bool, goes_on: impl Fn() -> bool) {
        let (around, plan) = (&self.around, &self.plan);
        let (created, refusal) = create(around, plan, &mut self.observed, wanted, wakes, goes_on).await;
        if created > 0 {
            info!("{}: created {created} Jobs", plan.name);
            exposition::triggers::jobs_began(created);
            self.tell("KEDAJobsCreated", format!("Created {created} jobs"));
        }
        match &refusal {
            Some(why) => {
                warn!("{}: of {wanted} Jobs {created} could be created: {why}", plan.name);
                self.rest.begin();
            }
            None => self.rest.end(),
        }
        self.refusal = refusal;
    }

    /// Deletes Jobs of an older spec, and those that ended longest ago beyond the history limits.
    fn tidy(&mut self) {
        let Keeper { around, plan, jobs, observed, deletes, .. } = self;
        let jobs = jobs.borrow_and_update();
        observed.see(|name| jobs.have_had(name));
        deletes.retain(|name| jobs.contains_key(name));
        let (rollout, generation) = (plan.job.rollout, plan.owner.generation);
        let is_old = |job: &SeenJob| job.ended.is_none() && job.generation.is_some_and(|of| of < generation);
        let old: Vec<&String> = match rollout.gradual {
            true => Vec::new(),
            false => jobs.iter().filter(|(_, job)| is_old(job)).map(|(name, _)| name).collect(),
        };
        let ended = jobs.iter().filter(|(_, job)| !job.is_going).filter_map(|(name, job)| {
            let ended = job.ended?;
            Some(Ended { name: name.as_str(), at: ended.at, failed: ended.failed })
        });
        let surplus = surplus(&ended.collect::<Vec<_>>(), plan.job.successful_kept, plan.job.failed_kept);
        let namespace = &plan.place.namespace;
        for name in old.iter().filter(|name| !jobs[**name].is_going) {
            deletes.ask(&around.writes, namespace, name, rollout.foreground);
        }
        for name in surplus {
            deletes.ask(&around.writes, namespace, name, false);
        }
        let old = old.len();
        drop(jobs);
        self.replace(old);
    }

    /// So many Jobs of an older spec are to go. Whoever waits for the last of them goes on at once.
    fn replace(&mut self, old: usize) {
        if old > 0 && !self.replaces {
            info!("{}: {old} Jobs of an older spec are deleted", self.plan.name);
            self.tell("ScaledJobRolloutCleanupStarted", format!("Deleting {old} jobs of an older generation"));
        } else if old == 0 && self.replaces {
            self.rounds.at_once();
        }
        self.replaces = old > 0;
    }

    /// What the strategies count.
    fn counts(&mut self) -> Counts {
        let jobs = self.jobs.borrow();
        self.observed.see(|name| jobs.have_had(name)); // what came and went while the triggers were read
        let (plan, pods) = (&self.plan, &self.around.pods);
        let seen = jobs.iter().map(|(name, job)| Job { name, state: state(plan, pods, name, job) });
        self.observed.counts(&seen.collect::<Vec<_>>(), self.around.clock.now())
    }

    /// Whether there is no Job that has not ended.
    fn is_idle(&self) -> bool {
        self.observed.is_empty() && self.jobs.borrow().values().all(|job| job.ended.is_some())
    }

    /// Tells of something that is as it should be.
    fn tell(&self, reason: &'static str, message: String) {
        let about = about(&scaled_jobs(), &self.plan.place, self.plan.owner.uid.clone());
        self.around.teller.tell(News { about, tone: Tone::Normal, reason, message });
    }
}
