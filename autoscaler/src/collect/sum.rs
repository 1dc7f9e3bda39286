//! What all reporters have together.

use config::Report;
use config::link::Reporter;

/// What reporters have at the end of their last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Requests open in any way. What an activator forwarded and a pod counts is in here twice: good for telling
    /// nothing from something, no more.
    pub open: u64,
    /// Requests in flight, each counted once.
    pub in_flight: u64,
    /// Of those, how many wait for a pod.
    pub waiting: u64,
    /// Requests open at activators, held or forwarded.
    pub through_activators: u64,
    /// Requests in flight at pods.
    pub at_pods: u64,
}

impl Sum {
    pub(super) fn of(reporter: &Reporter, report: &Report) -> Sum {
        let (through_activators, at_pods) = match reporter {
            Reporter::Activator(_) => (report.open.into(), 0),
            Reporter::Pod(_) => (0, report.in_flight.into()),
        };
        Sum {
            open: report.open.into(),
            in_flight: report.in_flight.into(),
            waiting: report.waiting.into(),
            through_activators,
            at_pods,
        }
    }

    pub(super) fn swap(&mut self, before: Sum, after: Sum) {
        self.open = self.open - before.open + after.open;
        self.in_flight = self.in_flight - before.in_flight + after.in_flight;
        self.waiting = self.waiting - before.waiting + after.waiting;
        self.through_activators = self.through_activators - before.through_activators + after.through_activators;
        self.at_pods = self.at_pods - before.at_pods + after.at_pods;
    }

    /// Requests in flight at one moment. `in_flight` adds up what was said at different times, and has one that moved
    /// from an activator to a pod in between twice; each of these two has it once, and between them they have all, as
    /// requests come either through activators or not.
    pub(super) fn at_once(&self) -> u64 {
        self.through_activators.max(self.at_pods)
    }
}
