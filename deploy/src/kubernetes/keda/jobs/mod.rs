//! ScaledJobs: of each, as many Jobs are created as its triggers ask for.
//!
//! A [`keeper`] for each reads its triggers when they are due, as on one machine, and creates and deletes Jobs ([`object`] is
//! one). Which there are, one watch of all of them tells ([`seen`]), and a watch of their [`pods`] which are at work, where a
//! strategy asks for that. Nothing is created before these have told: what a former leader created counts.

mod create;
mod deletes;
mod facts;
mod keeper;
mod object;
mod plan;
mod pods;
mod rest;
mod seen;
mod shown;
mod told;

use std::collections::HashMap;
use std::sync::Arc;

use config::keda::{ScaledJob, Strategy};
use config::manifest::Asker;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::watcher::Event;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use self::keeper::{Around, Keeper};
use self::object::SCALED_JOB_LABEL;
use self::plan::{Declared, Plan, called};
use self::pods::JOB_LABEL;
use self::seen::{Jobs, Seen};
use self::shown::Shown;
use self::told::Told;
use super::controller::uid;
use super::desk::{Desk, Object, uses_others, with_metadata};
use super::serves::{Heard, Serves};
use super::trouble::{Trouble, said};
use super::words::{SCALED_JOB, Words};
use crate::fleet::Names;
use crate::kubernetes::keda::run::KedaParts;
use crate::kubernetes::told::Tone;
use crate::kubernetes::watch::Which;
use crate::kubernetes::watched::Place;

type Events = BoxStream<'static, Event<DynamicObject>>;

/// All that are served.
pub(super) struct ScaledJobs {
    around: Arc<Around>,
    told: Told,
    served: HashMap<Place, Served>,
    /// All Jobs of ScaledJobs, and what tells of them.
    seen: Seen,
    jobs: Events,
    /// What tells of their pods, since some ScaledJob's strategy asks which Jobs are at work.
    pods: Option<Events>,
    /// Those that wait until all pods were listed.
    waiting: Vec<Place>,
}

/// One that is served. Its keeper ends when this goes.
struct Served {
    declared: Declared,
    /// Only the newest matters.
    plan: watch::Sender<Arc<Plan>>,
    /// Those that are seen.
    jobs: watch::Receiver<Jobs>,
    task: AbortHandle,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ScaledJobs {
    /// None yet.
    pub(super) fn new(parts: &KedaParts) -> ScaledJobs {
        let told = Told::default();
        let around = Around {
            writes: parts.writes.clone(),
            teller: parts.teller.clone(),
            clock: parts.clock,
            names: Names::default(),
            pods: Arc::default(),
            told: told.clone(),
            shown: parts.jobs.clone(),
        };
        let jobs = super::watched(&parts.writes, &object::jobs(), Which::with_label(SCALED_JOB_LABEL));
        ScaledJobs {
            around: Arc::new(around),
            told,
            served: HashMap::new(),
            seen: Seen::default(),
            jobs,
            pods: None,
            waiting: Vec::new(),
        }
    }
}

impl Serves for ScaledJobs {
    const WORDS: Words = SCALED_JOB;

    fn kind() -> ApiResource {
        super::scaled_jobs()
    }

    fn used(object: &DynamicObject) -> Object {
        with_metadata(object)
    }

    fn knows_all(&self) -> bool {
        self.seen.is_complete()
    }

    async fn news(&mut self) -> Heard {
        let pods = async {
            match &mut self.pods {
                Some(pods) => pods.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            tell = self.told.news() => Heard { tell, ..Heard::default() },
            Some(event) = self.jobs.next() => {
                self.seen.take(event);
                Heard::default()
            }
            Some(event) = pods => {
                self.around.pods.take(event);
                let look = if self.around.pods.is_complete() { std::mem::take(&mut self.waiting) } else { Vec::new() };
                Heard { look, ..Heard::default() }
            }
        }
    }

    async fn serve(&mut self, desk: &mut Desk<'_>, place: &Place, object: &Value) -> Result<(), Trouble> {
        let (job, mut odd) = ScaledJob::on_cluster(object)?;
        if asks_for_pods(&job) && !self.around.pods.is_complete() {
            self.watch_pods();
            self.waiting.push(place.clone());
            return Ok(());
        }
        let pod = job.job.spec["template"]["spec"].clone();
        let (given, more) = desk.given(&Asker::from(&job), Some(&pod)).await?;
        odd.extend(more);
        let declared = Declared::new(object, job, given);
        if self.served.get(place).is_some_and(|served| served.declared == declared) {
            return Ok(());
        }
        let plan = Arc::new(Plan::new(place, &declared, &desk.pool)?);
        odd.extend(plan.triggers.iter().flat_map(|opened| opened.warnings.clone()));
        if !odd.is_empty() {
            let said = said(odd.iter().map(|odd| &odd.0));
            desk.tell_of(place, uid(object), Tone::Normal, "KEDAScalerInfo", said);
        }
        self.told.serves(&plan);
        match self.served.get_mut(place) {
            Some(served) => {
                served.declared = declared;
                served.plan.send_replace(Arc::clone(&plan));
            }
            None => self.start(place, declared, Arc::clone(&plan)),
        }
        self.show(plan);
        Ok(())
    }

    /// Its Jobs are its own: Kubernetes deletes them with it.
    async fn unserve(&mut self, _: &mut Desk<'_>, place: &Place) {
        self.served.remove(place);
        self.told.forget(place);
        self.around.shown.forget(&called(place));
    }

    fn status(&self, place: &Place, before: &Value) -> Option<Value> {
        facts::status(before, &self.told.of(place)?)
    }

    fn errors(&self, place: &Place) -> Option<String> {
        let errors = self.told.of(place)?.errors;
        (!errors.is_empty()).then(|| errors.join("; "))
    }

    fn uses_others(&self, place: &Place) -> bool {
        self.served.get(place).is_some_and(|served| uses_others(&served.declared.given))
    }

    async fn stop(self, _: Desk<'_>) {
        self.served.keys().for_each(|place| self.around.shown.forget(&called(place)));
    }
}

impl ScaledJobs {
    fn start(&mut self, place: &Place, declared: Declared, plan: Arc<Plan>) {
        let (changes, changed) = watch::channel(Arc::clone(&plan));
        let jobs = self.seen.of(place);
        let keeper = Keeper::new(Arc::clone(&self.around), plan, jobs.clone());
        let task = tokio::spawn(keeper.keep(changed)).abort_handle();
        self.served.insert(place.clone(), Served { declared, plan: changes, jobs, task });
    }

    /// From now on people see it as `plan` says.
    fn show(&self, plan: Arc<Plan>) {
        let Some(served) = self.served.get(&plan.place) else { return };
        let shown = Shown { plan: Arc::clone(&plan), jobs: served.jobs.clone(), pods: Arc::clone(&self.around.pods) };
        self.around.shown.serves(&plan.name, &plan.job, Arc::new(shown));
    }

    fn watch_pods(&mut self) {
        if self.pods.is_none() {
            let which = Which::with_label(JOB_LABEL);
            self.pods = Some(super::watched(&self.around.writes, &pods::pods(), which));
        }
    }
}

/// Whether its strategy asks which Jobs are pending.
fn asks_for_pods(job: &ScaledJob) -> bool {
    matches!(job.scaling.strategy, Strategy::Accurate | Strategy::Eager)
}
