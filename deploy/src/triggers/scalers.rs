//! Triggers of ScaledJobs as KEDA's metrics have them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use autoscaler::triggers::Reading;
use parking_lot::Mutex;

use super::opened::Opened;
use super::told::{ScalerNow, TriggerNow};

/// Those of all that are served. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scalers(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By the name of its ScaledJob: by whom it is told, and its triggers.
    all: Mutex<BTreeMap<String, (u64, Vec<ScalerNow>)>>,
    next: AtomicU64,
}

/// Who tells of one ScaledJob, as long as it is served.
#[derive(Debug)]
pub(crate) struct Telling {
    scalers: Scalers,
    object: String,
    number: u64,
}

impl Scalers {
    /// All triggers that were read.
    pub(super) fn all(&self) -> Vec<ScalerNow> {
        self.0.all.lock().values().flat_map(|(_, scalers)| scalers.iter().cloned()).collect()
    }

    /// `object` is told of by this, and by nobody else any more.
    pub(crate) fn tell_of(&self, object: &str) -> Telling {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.all.lock().insert(object.to_owned(), (number, Vec::new()));
        Telling { scalers: self.clone(), object: object.to_owned(), number }
    }
}

impl Telling {
    /// Its triggers were read. How often one could not be is counted for as long as it is the same.
    pub(crate) fn read(&self, triggers: &[Opened], readings: &[Reading]) {
        let mut all = self.scalers.0.all.lock();
        let Some((_, known)) = all.get_mut(&self.object).filter(|(number, _)| *number == self.number) else { return };
        let before = std::mem::take(known);
        *known = triggers
            .iter()
            .zip(readings)
            .map(|(opened, reading)| {
                let errors = before.iter().find(|scaler| scaler.labels == opened.labels).map_or(0, |same| same.errors);
                let TriggerNow { value, active, error, .. } = TriggerNow::new(opened.title(), reading);
                let errors = errors + u64::from(error.is_some());
                ScalerNow { labels: opened.labels.clone(), value, active, errors }
            })
            .collect();
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let mut all = self.scalers.0.all.lock();
        if all.get(&self.object).is_some_and(|(number, _)| *number == self.number) {
            all.remove(&self.object);
        }
    }
}
