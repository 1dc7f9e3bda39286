//! What is to be looked at: at once, or again after a pause where it failed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use config::bounds;
use tokio::time::{Instant, sleep_until};

use super::watched::Place;

/// Places to look at, each once whatever happened there. Bounded by the objects there are.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    now: BTreeSet<Place>,
    failed: BTreeMap<Place, Failed>,
}

#[derive(Debug)]
struct Failed {
    pause: Duration,
    /// None while it is being looked at.
    again: Option<Instant>,
}

impl Agenda {
    /// Something happened there.
    pub(super) fn add(&mut self, place: Place) {
        if let Some(failed) = self.failed.get_mut(&place) {
            failed.again = None;
        }
        self.now.insert(place);
    }

    /// It went well.
    pub(super) fn done(&mut self, place: &Place) {
        self.failed.remove(place);
    }

    /// It failed: it is looked at again after a pause that doubles each time.
    pub(super) fn failed(&mut self, place: Place) {
        let failed = self.failed.entry(place).or_insert(Failed { pause: Duration::ZERO, again: None });
        failed.pause = (2 * failed.pause).clamp(bounds::KUBE_AGAIN_FIRST, bounds::KUBE_AGAIN_SLOWEST);
        failed.again = Some(Instant::now() + failed.pause);
    }

    /// Waits for the next place to look at. Cancel-safe.
    pub(super) async fn next(&mut self) -> Place {
        loop {
            if let Some(place) = self.now.pop_first() {
                return place;
            }
            let due = self.failed.iter().filter_map(|(place, failed)| Some((failed.again?, place))).min();
            let Some((at, place)) = due else { return std::future::pending().await };
            let place = place.clone();
            sleep_until(at).await;
            self.add(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        Place { namespace: "shop".into(), name: name.into() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_comes_again_ever_later_until_it_goes_well() {
        let mut agenda = Agenda::default();
        agenda.add(place("a"));
        agenda.add(place("a"));
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..11 {
            assert_eq!(agenda.next().await, place("a"));
            at.push((Instant::now() - start).as_secs());
            agenda.failed(place("a"));
        }
        assert_eq!(at, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811]);
        agenda.next().await;
        agenda.done(&place("a"));
        let quiet = tokio::time::timeout(Duration::from_secs(3600), agenda.next()).await;
        assert!(quiet.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_there_is_looked_at_at_once_and_only_once() {
        let mut agenda = Agenda::default();
        agenda.failed(place("a"));
        agenda.add(place("a"));
        let start = Instant::now();
        assert_eq!(agenda.next().await, place("a"));
        assert_eq!(Instant::now(), start);
        agenda.done(&place("a"));
        assert!(tokio::time::timeout(Duration::from_secs(60), agenda.next()).await.is_err());
    }
}
