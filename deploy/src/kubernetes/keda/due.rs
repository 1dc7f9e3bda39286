//! Places to look at at a time.

use std::collections::BTreeMap;

use tokio::time::{Instant, sleep_until};

use crate::kubernetes::watched::Place;

/// Of each place when it is due. Bounded by the objects there are.
#[derive(Debug, Default)]
pub(super) struct Due(BTreeMap<Place, Instant>);

impl Due {
    /// It is due then, unless it is before that.
    pub(super) fn at(&mut self, place: &Place, at: Instant) {
        let due = self.0.entry(place.clone()).or_insert(at);
        *due = (*due).min(at);
    }

    /// It is not due any more.
    pub(super) fn never(&mut self, place: &Place) {
        self.0.remove(place);
    }

    /// Waits for the next that is due. Cancel-safe.
    pub(super) async fn next(&mut self) -> Place {
        let Some((place, at)) = self.0.iter().min_by_key(|(_, at)| **at) else { return std::future::pending().await };
        let (place, at) = (place.clone(), *at);
        sleep_until(at).await;
        self.0.remove(&place);
        place
    }
}
