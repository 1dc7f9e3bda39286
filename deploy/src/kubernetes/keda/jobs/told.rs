//! What is known of ScaledJobs, for whoever writes their status.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use autoscaler::triggers::Reading;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::facts::Facts;
use super::plan::Plan;
use crate::kubernetes::keda::status::authentications;
use crate::kubernetes::watched::Place;

/// What is known of each. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    all: HashMap<Place, Facts>,
    /// Those that are news.
    news: BTreeSet<Place>,
}

impl Told {
    /// What is known of the one at `place`.
    pub(super) fn of(&self, place: &Place) -> Option<Facts> {
        self.0.known.lock().all.get(place).cloned()
    }

    /// Waits until there is something else to tell, and says of whom. For one caller; cancel-safe.
    pub(super) async fn news(&self) -> Vec<Place> {
        loop {
            let news = std::mem::take(&mut self.0.known.lock().news);
            if !news.is_empty() {
                return news.into_iter().collect();
            }
            self.0.changed.notified().await;
        }
    }

    /// This one is served from now on as it is there.
    pub(super) fn serves(&self, plan: &Plan) {
        let (job, mut known) = (&plan.job, self.0.known.lock());
        let facts = known.all.entry(plan.place.clone()).or_default();
        facts.triggers = job.triggers.iter().map(|trigger| trigger.kind.clone()).collect();
        facts.authentications = authentications(&job.triggers);
        facts.paused = job.paused;
        drop(known);
        self.say(&plan.place);
    }

    /// Its triggers were read, and Jobs created unless there is a `refusal`.
    pub(super) fn decided(&self, plan: &Plan, readings: &[Reading], active: bool, refusal: Option<&String>) {
        let errors = plan.triggers.iter().zip(readings).filter_map(|(opened, reading)| match reading {
            Reading::Failed(why) => Some(format!("{}: {why}", opened.title())),
            Reading::Value { .. } | Reading::NoData => None,
        });
        let errors = errors.collect();
        let refusal = refusal.cloned();
        self.change(&plan.place, |facts| Facts { active: Some(active), errors, refusal, ..facts });
    }

    pub(super) fn forget(&self, place: &Place) {
        let mut known = self.0.known.lock();
        known.all.remove(place);
        known.news.remove(place);
    }

    /// Nothing is said of one that was forgotten, nor where nothing changed.
    fn change(&self, place: &Place, change: impl FnOnce(Facts) -> Facts) {
        let mut known = self.0.known.lock();
        let Some(facts) = known.all.get_mut(place) else { return };
        let after = change(facts.clone());
        if after != *facts {
            *facts = after;
            drop(known);
            self.say(place);
        }
    }

    fn say(&self, place: &Place) {
        self.0.known.lock().news.insert(place.clone());
        self.0.changed.notify_one();
    }
}
