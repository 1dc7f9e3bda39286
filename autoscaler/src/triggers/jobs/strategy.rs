//! `scalingStrategy`: what is subtracted from what waits.

use config::keda::{Deduction, Strategy};

use super::{Counts, Demand, Room};

/// What there is room for, when `above` Jobs may be at most, and `counts` knows of those only.
pub(super) fn room(strategy: Strategy, demand: Demand, counts: Counts, above: u32) -> Room {
    let (jobs, most) = (i64::from(demand.jobs), i64::from(above));
    let (running, pending) = (i64::from(counts.running), i64::from(counts.pending));
    let work = demand.messages;
    match strategy {
        Strategy::Default => Room { jobs: jobs - running, work },
        Strategy::Custom { deduction, running: part } => {
            let busy = (f64::from(counts.running) * part) as i64; // cut off
            Room { jobs: (jobs - deducted_jobs(deduction) - busy).min(most), work }
        }
        Strategy::Accurate if jobs + running - pending > most => Room { jobs: most - running, work },
        Strategy::Accurate => Room { jobs: jobs - pending, work },
        Strategy::Eager => Room { jobs: jobs.min(most - running - pending), work: above },
    }
}

fn deducted_jobs(deduction: Deduction) -> i64 {
    match deduction {
        Deduction::Jobs(jobs) => jobs.into(),
        Deduction::Messages(_) => 0, // taken off the queue
    }
}

/// How many messages are taken off each queue before it is divided by its target.
pub(super) fn deducted_messages(strategy: Strategy) -> i32 {
    match strategy {
        Strategy::Custom { deduction: Deduction::Messages(messages), .. } => messages,
        _ => 0,
    }
}
