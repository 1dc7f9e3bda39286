//! What a round of a ScaledJob came to, and why.

use autoscaler::triggers::jobs::{self as arithmetic, Counts, Limits, Together};
use config::keda::{ScaledJob, Strategy};
use serde::Serialize;

/// What was decided when the triggers of a ScaledJob were read last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// How many Jobs had not ended, pending ones included.
    pub running: u32,
    /// How many of them were pending.
    pub pending: u32,
    /// How many were to be created beside them.
    pub wanted: u32,
    /// Why, for people, and why there may be fewer.
    pub because: String,
}

impl Decided {
    /// What comes of what the triggers of `job` ask for together, when there are as many Jobs as `counts` says.
    pub(crate) fn new(job: &ScaledJob, together: Together, counts: Counts) -> Decided {
        let limits = Limits::of(job);
        let wanted = arithmetic::to_create(job.scaling.strategy, limits, together, counts);
        let Counts { running, pending } = counts;
        let there = format!("{running} running, {pending} of them pending");
        let because = if !together.active {
            format!("no trigger is active; {there}")
        } else if running < limits.min {
            format!("{there}; there are to be {} at least", limits.min)
        } else {
            let (messages, jobs) = (together.demand.messages, together.demand.jobs);
            let most = limits.min.saturating_add(limits.above);
            format!("{messages} waiting, for {jobs} Jobs; {there}; at most {most}")
        };
        Decided { running, pending, wanted, because }
    }

    /// The same, of which not all could be created.
    pub(crate) fn but(mut self, why: &str) -> Decided {
        self.because.push_str("; ");
        self.because.push_str(why);
        self
    }
}

/// What manifests call the strategy.
pub(super) fn word(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Default => "default",
        Strategy::Custom { .. } => "custom",
        Strategy::Accurate => "accurate",
        Strategy::Eager => "eager",
    }
}

#[cfg(test)]
mod tests {
    use autoscaler::triggers::jobs::Demand;
    use serde_json::json;

    use super::*;

    #[test]
    fn it_says_why_so_many_are_wanted() {
        let object = json!({
            "metadata": { "name": "worker", "namespace": "default" },
            "spec": {
                "jobTargetRef": { "template": { "spec": { "containers": [{ "command": ["work"] }] } } },
                "minReplicaCount": 1, "maxReplicaCount": 10,
                "triggers": [{ "type": "redis", "metadata": { "listName": "jobs", "address": "127.0.0.1:1" } }],
            },
        });
        let (job, _) = ScaledJob::on_cluster(&object).expect("a ScaledJob");
        let decided = |active, jobs, running, pending| {
            let together = Together { active, demand: Demand { messages: 2 * jobs, jobs } };
            let decided = Decided::new(&job, together, Counts { running, pending });
            (decided.wanted, decided.because)
        };
        let said = |wanted, because: &str| (wanted, because.to_owned());
        assert_eq!(decided(false, 5, 1, 0), said(0, "no trigger is active; 1 running, 0 of them pending"));
        assert_eq!(decided(true, 5, 0, 0), said(1, "0 running, 0 of them pending; there are to be 1 at least"));
        let busy = "10 waiting, for 5 Jobs; 3 running, 1 of them pending; at most 10";
        assert_eq!(decided(true, 5, 3, 1), said(3, busy));
        let none = Decided { running: 0, pending: 0, wanted: 2, because: "2 waiting".to_owned() };
        assert_eq!(none.but("exceeded quota").because, "2 waiting; exceeded quota");
    }
}
