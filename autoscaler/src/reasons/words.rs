//! The steps in words.

use std::fmt;

use config::Metric;

use super::{Average, Step};

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.metric {
            Metric::Concurrency => "in flight",
            Metric::Rps => "requests a second",
        };
        let Average { value, seconds, target, .. } = self;
        write!(f, "{value} {unit} over {seconds} s / {target} a pod = {}", Pods(self.pods))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::StableWindow(average) | Step::PanicWindow(average) => average.fmt(f),
            Step::ScaleUpRate { rate, ready, pods } => {
                write!(f, "at most {rate} × {} = {}", ReadyPods(*ready), Pods(*pods))
            }
            Step::ScaleDownRate { rate, ready, pods } => {
                write!(f, "at least {} / {rate} = {}", ReadyPods(*ready), Pods(*pods))
            }
            Step::ActivationScale { pods } => write!(f, "there is load, and any load gets {}", Pods(*pods)),
            Step::Panic { wanted, ready, threshold, seconds, pods } => write!(
                f,
                "{} wanted, {}; panic starts at {threshold} × and lasts {seconds} s: {} held",
                Pods(*wanted),
                ReadyPods(*ready),
                Pods(*pods)
            ),
            Step::PanicLeft { pods } => write!(f, "panic is over: {}", Pods(*pods)),
            Step::ScaleDownDelay { seconds, pods } => write!(f, "most of the last {seconds} s = {}", Pods(*pods)),
            Step::Burst { in_flight, target, pods } => {
                write!(f, "{in_flight} in flight at once, more than all pods carry; / {target} a pod = {}", Pods(*pods))
            }
            Step::DescentFloor { seconds, pods } => {
                write!(f, "no less than the last {seconds} s need: {}", Pods(*pods))
            }
            Step::PanicDecay { seconds, pods } => {
                write!(f, "the load fell: what panic holds halves in {seconds} s: {}", Pods(*pods))
            }
            Step::StartingCounts { waiting, coming, pods } => write!(
                f,
                "{waiting} requests wait for {coming} pods that are starting, and ask for no others: {} stay",
                Pods(*pods)
            ),
            Step::NoDataHolds { reporters, pods } => {
                write!(f, "nothing is known of {reporters} reporters: {} stay", Pods(*pods))
            }
            Step::FreshStart { seconds, pods } => {
                write!(
                    f,
                    "found at the start, and watched for too short a while ({seconds} s left): {} stay",
                    Pods(*pods)
                )
            }
            Step::RouteHysteresis { seconds, .. } => {
                write!(f, "the activator stays until the burst capacity has sufficed for {seconds} s")
            }
            Step::ActivationFloor { pods } => write!(f, "zero, or activation-scale at least: {}", Pods(*pods)),
            Step::BurstCapacity { excess, ready, total, load, at_once, .. } => {
                let when = if *at_once { "in flight now" } else { "in the panic window" };
                write!(f, "{} × {total} − {load} {when}: {excess} beyond the target", ReadyPods(*ready))
            }
            Step::MinScale { pods } => write!(f, "at least {}", Pods(*pods)),
            Step::InitialScale { pods } => write!(f, "{} first, before anything else", Pods(*pods)),
            Step::MaxScale { wanted, pods } => write!(f, "{} wanted, at most {}", Pods(*wanted), Pods(*pods)),
            Step::ForeignScale { seconds, pods } => {
                write!(f, "somebody else asked for {}: kept for {seconds} s more", Pods(*pods))
            }
            Step::Triggers { pods } => write!(f, "triggers ask for {}", Pods(*pods)),
            Step::ToZero { because, .. } => f.write_str(because),
        }
    }
}

/// A number of pods: `1 pod`, `2 pods`.
struct Pods(u32);

impl fmt::Display for Pods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pod{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// A number of ready pods: `2 ready`.
struct ReadyPods(u32);

impl fmt::Display for ReadyPods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ready", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_its_numbers() {
        let step =
            Step::StableWindow(Average { metric: Metric::Concurrency, value: 14.2, seconds: 60, target: 7.0, pods: 3 });
        assert_eq!(step.reason().to_string(), "stable-window: 14.2 in flight over 60 s / 7 a pod = 3 pods");
    }
}
