//! Which failures are nobody's fault: those of requests on a process that was killed without notice.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::load::Failure;

/// A request on a process that is killed ends by then, one way or another.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// A failure is seen this much later than it happens, when there is much to do.
const SEEN: Duration = Duration::from_millis(50);

/// One kill without notice.
#[derive(Clone, Debug)]
struct Kill {
    /// When it was sent the signal.
    at: Instant,
    /// When it was gone: until then somebody may have got a connection to it.
    gone: Instant,
    /// Who was killed.
    victim: SocketAddr,
    /// How many requests that came by others it may have taken along.
    others: usize,
}

/// All kills without notice.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    kills: Vec<Kill>,
}

/// What became of the failures.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// On a process that was killed.
    pub(super) excused: usize,
    /// The same, but they hung.
    pub(super) hung: usize,
    /// All others.
    pub(super) lost: Vec<Failure>,
}

impl Ledger {
    /// An activator that was killed at this moment is gone: only requests that clients had with it may fail.
    pub(super) fn activator(&mut self, at: Instant, victim: SocketAddr) {
        self.kills.push(Kill { at, gone: Instant::now(), victim, others: 0 });
    }

    /// A pod that was killed at this moment is gone: requests on it may fail, whoever brought them. Those are at most its slots and the places for
    /// requests that may be refused.
    pub(super) fn pod(&mut self, at: Instant, victim: SocketAddr, limit: u32) {
        let places = (limit / config::bounds::SLOTS_PER_MAY_REFUSE_PLACE).max(1);
        self.kills.push(Kill { at, gone: Instant::now(), victim, others: (limit + places) as usize });
    }

    /// Tells them apart.
    pub(super) fn judge(&self, failures: &[Failure]) -> Judged {
        let mut judged = Judged::default();
        let mut kills = self.kills.clone();
        for failure in failures {
            let was_on = |kill: &&mut Kill| {
                let then = failure.began <= kill.gone && failure.ended >= kill.at;
                then && (failure.target == Some(kill.victim) || kill.others > 0)
            };
            let Some(kill) = kills.iter_mut().find(was_on) else {
                judged.lost.push(failure.clone());
                continue;
            };
            if failure.target != Some(kill.victim) {
                kill.others -= 1;
            }
            judged.excused += 1;
            judged.hung += usize::from(failure.ended > kill.gone + ENDS_WITHIN + SEEN);
        }
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(target: SocketAddr, began: Instant, took: u64) -> Failure {
        Failure { target: Some(target), began, ended: began + Duration::from_millis(took), what: String::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_was_on_the_victim_then_is_excused() {
        let (victim, other) = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], 2)));
        let start = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        let mut ledger = Ledger::default();
        ledger.activator(Instant::now(), victim);
        let later = Instant::now() + Duration::from_millis(100);
        let failures = [
            failure(victim, start, 1000), // on it when it died
            failure(victim, start, 2500), // on it, and then it hung
            failure(other, start, 1000),  // on another
            failure(victim, start, 500),  // before
            failure(victim, later, 5),    // after
        ];
        let judged = ledger.judge(&failures);
        assert_eq!((judged.excused, judged.hung, judged.lost.len()), (2, 1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_takes_along_at_most_what_it_can_have() {
        let (victim, activator) = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], 2)));
        let mut ledger = Ledger::default();
        ledger.pod(Instant::now(), victim, 2);
        let failures: Vec<_> = (0..5).map(|_| failure(activator, Instant::now(), 10)).collect();
        let judged = ledger.judge(&failures);
        assert_eq!((judged.excused, judged.lost.len()), (3, 2));
    }
}
