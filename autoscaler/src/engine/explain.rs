//! What the engine says of a workload: the long answer and the short one.

use config::{Decision, Departure, Failure, Metric, Mode, Policy, Route, Time, WorkloadId};
use serde::Serialize;

use super::scaled::Scaled;
use crate::latency::LatencyNow;
use crate::pods::PodCounts;
use crate::scale::activators;

/// Why a workload has the pods it has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Which workload.
    pub workload: WorkloadId,
    /// Its settings, after defaults.
    pub policy: Policy,
    /// Its pods by state.
    pub pods: PodCounts,
    /// How many pods the platform has been asked for.
    pub asked: u32,
    /// How many the load asks for by the last decision, before bounds; none before the first one.
    pub desired: Option<u32>,
    /// Excess burst capacity after the last decision.
    pub excess_burst: i64,
    /// Activators that should be in the path, by Knative's count.
    pub activators: u32,
    /// The route that was asked for.
    pub route: Route,
    /// Whether there is evidence that the route is true everywhere.
    pub route_is_true: bool,
    /// What is measured now.
    pub load: LoadNow,
    /// How long requests took of late.
    pub latency: LatencyNow,
    /// Whether the workload is in panic.
    pub panicking: bool,
    /// Whether it is paused: nothing is scaled, and the activator stays in the path.
    pub paused: bool,
    /// The departures from Knative's algorithm that it does without, by name; in Knative's mode all.
    pub without: Vec<&'static str>,
    /// Who reports of it.
    pub reporters: ReportersNow,
    /// How many seconds its pods take to become ready: the slowest of late; none before the first did.
    pub time_to_ready_seconds: Option<f64>,
    /// Seconds until pods that were there when the workload was first seen may be taken away; none when they may. They
    /// do not pass while a reporter is silent.
    pub fresh_start_seconds: Option<u32>,
    /// Where it is on its way to zero.
    pub to_zero: ToZeroNow,
    /// Why it can have no ready pod just now.
    pub failure: Option<Failure>,
    /// The last decisions that differed from the one before, newest first.
    pub decisions: Vec<Decided>,
}

/// Who reports of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReportersNow {
    /// Pods whose Link lives; none are counted with reporters of this process.
    pub linked_pods: u32,
    /// Activators whose Link lives.
    pub linked_activators: u32,
    /// Pods and activators that have something to report, and whose Link never was or died. While there are any, nothing
    /// is lowered.
    pub silent: u32,
}

/// The load as the windows have it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LoadNow {
    /// What is measured.
    pub metric: Metric,
    /// Average over the stable window.
    pub stable: f64,
    /// Average over the panic window.
    pub panic: f64,
    /// Requests open now, as last reported, each counted once.
    pub open: u64,
    /// Of those, how many wait for a pod.
    pub waiting: u64,
    /// Of those, how many are left out of the averages, because pods are on their way to them.
    pub lined_up: u64,
    /// Seconds since a request was last open; none while one is, or if none ever was.
    pub idle_seconds: Option<f64>,
}

/// What is open of a workload, for whoever scales it in Rouse's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestsNow {
    /// Requests that wait for a pod, held by activators or in the lines in front of pods.
    pub queue: u64,
    /// Requests that wait or are in apps, each counted once.
    pub concurrency: u64,
    /// Whether something is open, or was within a stable window.
    pub busy: bool,
    /// Whether all are heard that may have something of it: if not, there may be more.
    pub is_whole: bool,
}

/// Where a workload is on its way to zero.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToZeroNow {
    /// The state, a kebab-case word that never changes.
    pub state: &'static str,
    /// Seconds until it can change by itself.
    pub remaining_seconds: Option<f64>,
    /// What it waits for, for people.
    pub because: String,
}

/// A decision and when it held.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decided {
    /// Seconds since it was first made.
    pub seconds_ago: f64,
    /// How often in a row it came out the same.
    pub times: u64,
    /// The decision, with its reasons.
    pub decision: Decision,
}

/// One line about one workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Which workload.
    pub workload: WorkloadId,
    /// Which algorithm decides.
    pub mode: Mode,
    /// Its pods by state.
    pub pods: PodCounts,
    /// How many pods the platform has been asked for.
    pub asked: u32,
    /// The route that was asked for.
    pub route: Route,
    /// Where it is on its way to zero: [`ToZeroNow::state`].
    pub state: &'static str,
    /// Requests open now, as last reported, each counted once.
    pub open: u64,
    /// [`Failure::word`] of why it can have no ready pod just now.
    pub failure: Option<&'static str>,
}

impl Explanation {
    pub(super) fn of(scaled: &Scaled, now: Time) -> Explanation {
        let pods = scaled.pods.counts();
        Explanation {
            workload: scaled.id.clone(),
            policy: scaled.policy.clone(),
            pods,
            asked: scaled.replicas.asked,
            desired: scaled.desired,
            excess_burst: scaled.excess_burst,
            activators: activators(&scaled.policy, pods.ready),
            route: scaled.path.route(),
            route_is_true: scaled.path.is_true(),
            load: LoadNow::of(scaled, now),
            latency: scaled.latency.at(now),
            panicking: scaled.state.panic_since().is_some(),
            paused: scaled.policy.paused,
            without: Departure::ALL
                .into_iter()
                .filter(|&departure| departure != Departure::ActivationFloor && !scaled.policy.takes(departure))
                .map(Departure::name)
                .collect(),
            reporters: ReportersNow {
                linked_pods: scaled.watch.linked(),
                linked_activators: scaled.activators,
                silent: scaled.watch.silent(),
            },
            time_to_ready_seconds: scaled.watch.time_to_ready().map(|took| took.as_secs_f64()),
            fresh_start_seconds: scaled.watch.fresh(&scaled.policy, now).map(|fresh| fresh.rest),
            to_zero: ToZeroNow::of(scaled, now),
            failure: scaled.failure.clone(),
            decisions: scaled.history.decided(now),
        }
    }
}

impl LoadNow {
    fn of(scaled: &Scaled, now: Time) -> LoadNow {
        let averages = scaled.collector.load().peek(now.second());
        let sum = scaled.collector.sum();
        LoadNow {
            metric: scaled.policy.metric,
            stable: averages.stable,
            panic: averages.panic,
            open: sum.in_flight,
            waiting: sum.waiting,
            lined_up: scaled.collector.lined_up(now),
            idle_seconds: scaled.collector.idle_since().map(|since| now.since(since).as_secs_f64()),
        }
    }
}

impl RequestsNow {
    /// `is_fronted` if there is an activator.
    pub(super) fn of(scaled: &Scaled, is_fronted: bool, now: Time) -> RequestsNow {
        RequestsNow {
            queue: scaled.collector.sum().waiting,
            concurrency: scaled.collector.in_flight_but(0),
            busy: scaled.is_busy(now),
            is_whole: is_fronted && scaled.watch.is_whole(&scaled.policy, now),
        }
    }
}

impl ToZeroNow {
    fn of(scaled: &Scaled, now: Time) -> ToZeroNow {
        let to_zero = scaled.to_zero_at(now);
        ToZeroNow {
            state: to_zero.name(),
            remaining_seconds: to_zero.rest().map(|rest| rest.as_secs_f64()),
            because: to_zero.because().to_owned(),
        }
    }
}

impl Status {
    pub(super) fn of(scaled: &Scaled) -> Status {
        Status {
            workload: scaled.id.clone(),
            mode: scaled.policy.mode,
            pods: scaled.pods.counts(),
            asked: scaled.replicas.asked,
            route: scaled.path.route(),
            state: scaled.to_zero.name(),
            open: scaled.collector.sum().in_flight,
            failure: scaled.failure.as_ref().map(config::Failure::word),
        }
    }
}
