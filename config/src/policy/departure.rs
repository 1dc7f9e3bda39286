//! Where the default mode leaves Knative's algorithm, by name, and which of that a workload does without.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::value;

/// A step of the default mode that Knative's algorithm lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Departure {
    /// What is in flight now counts, at once, when it is more than the pods can carry.
    BurstStep,
    /// After a panic never below what the panic window needs.
    DescentFloor,
    /// The panic maximum falls once the panic window has fallen.
    PanicDecay,
    /// Pods that are starting count as capacity that comes.
    StartingCounts,
    /// Without data nothing is lowered.
    NoDataHolds,
    /// An autoscaler that comes back lowers nothing until it knows enough.
    FreshStart,
    /// The activator leaves the path only when burst capacity has sufficed for a while.
    RouteHysteresis,
    /// activation-scale is a floor of every scale but zero, where `rouse.dev/activation-floor` says so.
    ActivationFloor,
}

impl Departure {
    /// All of them.
    pub const ALL: [Departure; 8] = [
        Departure::BurstStep,
        Departure::DescentFloor,
        Departure::PanicDecay,
        Departure::StartingCounts,
        Departure::NoDataHolds,
        Departure::FreshStart,
        Departure::RouteHysteresis,
        Departure::ActivationFloor,
    ];

    /// The name: a kebab-case word that never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Departure::BurstStep => "burst-step",
            Departure::DescentFloor => "descent-floor",
            Departure::PanicDecay => "panic-decay",
            Departure::StartingCounts => "starting-counts",
            Departure::NoDataHolds => "no-data-holds",
            Departure::FreshStart => "fresh-start",
            Departure::RouteHysteresis => "route-hysteresis",
            Departure::ActivationFloor => "activation-floor",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The departures that a workload does without (`rouse.dev/without`).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Without(u8);

impl Without {
    /// None is done without.
    pub const NOTHING: Without = Without(0);

    /// These, and `departure`.
    #[must_use]
    pub const fn and(self, departure: Departure) -> Without {
        Without(self.0 | departure.bit())
    }

    /// Whether `departure` is done without.
    pub const fn contains(self, departure: Departure) -> bool {
        self.0 & departure.bit() != 0
    }

    /// Those done without.
    pub fn iter(self) -> impl Iterator<Item = Departure> {
        Departure::ALL.into_iter().filter(move |&departure| self.contains(departure))
    }

    /// Reads names with commas between them.
    pub(crate) fn parse(text: &str) -> Result<Without, value::Refused> {
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).try_fold(Without::NOTHING, |without, name| {
            let known = Departure::ALL.into_iter().find(|departure| departure.name() == name);
            known.map(|departure| without.and(departure)).ok_or_else(|| {
                let names = Departure::ALL.map(Departure::name).join(", ");
                format!("is not a list of steps: {name:?} is none; the steps are {names}")
            })
        })
    }
}

impl fmt::Debug for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Without {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Departure::name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_all_fit_together() {
        let all = Departure::ALL.map(Departure::name).join(", ");
        let without = Without::parse(&all).expect("all are known");
        assert_eq!(without.iter().collect::<Vec<_>>(), Departure::ALL);
        for departure in Departure::ALL {
            let one = Without::parse(departure.name()).expect("it is known");
            assert_eq!(one.iter().collect::<Vec<_>>(), [departure]);
        }
    }

    #[test]
    fn an_unknown_name_says_which_there_are() {
        assert_eq!(
            Without::parse("burst-step, panic"),
            Err("is not a list of steps: \"panic\" is none; the steps are burst-step, descent-floor, panic-decay, \
                 starting-counts, no-data-holds, fresh-start, route-hysteresis, activation-floor"
                .to_owned())
        );
    }
}
