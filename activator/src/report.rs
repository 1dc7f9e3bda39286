//! What a board tells the autoscaler.

use std::sync::Arc;

use config::Report;
use config::link::{Reporter, Up};

use crate::board::Board;

impl Board {
    /// Moves the reports that are due to `out`: the activator's own, which counts what it holds, and those of the
    /// gates in this process, which count the rest. With `partial` also what the second that runs has brought so far.
    pub(crate) fn report(&self, activator: &Arc<str>, partial: bool, out: &mut Vec<Up>) {
        let now = self.clock().now();
        let mut reports = Vec::new();
        self.with(|state| {
            state.ledger.take(now, partial, &mut reports);
            let own = Reporter::Activator(Arc::clone(activator));
            self.push(&own, &mut reports, out);
            for (member, _) in state.roster.iter() {
                let Some(gate) = member.gate() else { continue };
                gate.take_reports(partial, &mut reports);
                if !reports.is_empty() {
                    self.push(&Reporter::Pod(member.id.clone()), &mut reports, out);
                }
            }
        });
    }

    fn push(&self, reporter: &Reporter, reports: &mut Vec<Report>, out: &mut Vec<Up>) {
        let frame = |report| Up::Report { reporter: reporter.clone(), workload: self.id().clone(), report };
        out.extend(reports.drain(..).map(frame));
    }

    /// Tells how long requests took, if there were any.
    pub(crate) fn report_latency(&self, activator: &Arc<str>, out: &mut Vec<Up>) {
        let latency = self.with(|state| state.took.take());
        if !latency.is_empty() {
            let reporter = Reporter::Activator(Arc::clone(activator));
            out.push(Up::Latency { reporter, workload: self.id().clone(), latency });
        }
    }

    /// Reports each second while busy. Pods that are gone say their last. False when the workload has been idle for a
    /// whole second and all has been said: it is not asked again until a request comes.
    pub(crate) fn report_second(self: &Arc<Board>, activator: &Arc<str>, out: &mut Vec<Up>) -> bool {
        let first = out.len();
        self.report(activator, false, out);
        let busy = self.with(|state| {
            let silent = out.len() == first;
            state.roster.forget_gone(|member| {
                let Some(gate) = member.gate() else { return };
                let mut last = Vec::new();
                gate.take_reports(true, &mut last);
                let reporter = Reporter::Pod(member.id.clone());
                self.push(&reporter, &mut last, out);
                out.push(Up::Left { reporter, workload: self.id().clone() });
            });
            let gates_empty = state.roster.iter().all(|(member, _)| !member.is_here() || member.inside() == (0, 0));
            let quiet = silent && gates_empty && state.ledger.is_quiet() && state.took.is_empty();
            if quiet {
                state.ledger.unlist();
            }
            !quiet
        });
        // Requests that come to a gate by another way do not say when they end: look for what they left.
        self.dispatch();
        busy
    }
}
