//! The default mode beside Knative's algorithm on whole load curves: `cargo run -p autoscaler --example trajectories`
//! prints the table.

mod curve;
mod replay;

use config::{Departure, Mode, Without};
use curve::{Curve, curves};
use replay::Cost;

fn both(curve: &Curve) -> (Cost, Cost) {
    (curve.replay(&curve.policy(Mode::Knative)), curve.replay(&curve.policy(Mode::Default)))
}

fn curve(id: &str) -> Curve {
    curves().into_iter().find(|curve| curve.id == id).unwrap_or_else(|| panic!("no curve {id}"))
}

#[test]
fn the_replay_of_knatives_mode_is_what_knative_came_to() {
    let mut compared = 0;
    for curve in curves() {
        if let Some(expected) = curve.knative_pod_seconds {
            assert_eq!(curve.replay(&curve.policy(Mode::Knative)).pod_seconds, expected, "{}", curve.id);
            compared += 1;
        }
    }
    assert!(compared >= 14, "{compared}");
}

#[test]
fn with_no_departure_taken_the_default_mode_is_knatives() {
    let without = Departure::ALL.into_iter().fold(Without::NOTHING, Without::and);
    for curve in curves() {
        let policy = config::Policy { without, ..curve.policy(Mode::Default) };
        assert_eq!(curve.replay(&policy), curve.replay(&curve.policy(Mode::Knative)), "{}", curve.id);
    }
}

#[test]
fn no_curve_costs_both_more_pod_seconds_and_more_overload() {
    for curve in curves() {
        let (knative, ours) = both(&curve);
        let worse = ours.pod_seconds > knative.pod_seconds && ours.overloaded > knative.overloaded;
        assert!(!worse, "{}: {ours:?}, Knative {knative:?}", curve.id);
    }
}

#[test]
fn at_least_half_of_the_curves_cost_less_of_one_and_no_more_of_the_other() {
    let all = curves();
    let better = |curve: &&Curve| {
        let (knative, ours) = both(curve);
        let no_more = ours.pod_seconds <= knative.pod_seconds && ours.overloaded <= knative.overloaded;
        no_more && (ours.pod_seconds, ours.overloaded) != (knative.pod_seconds, knative.overloaded)
    };
    let of_knative: Vec<&Curve> = all.iter().filter(|curve| curve.knative_pod_seconds.is_some()).collect();
    for (name, of) in [("Knative's", of_knative), ("all", all.iter().collect())] {
        let count = of.iter().filter(|curve| better(curve)).count();
        assert!(2 * count >= of.len(), "{name}: {count} of {}", of.len());
    }
}

#[test]
fn a_ten_second_spike_does_not_keep_its_pods_for_a_minute() {
    let (knative, ours) = both(&curve("spike-10s"));
    assert_eq!(knative.pod_seconds, 1_962);
    assert!(ours.pod_seconds <= 1_000 && ours.overloaded < knative.overloaded, "{ours:?}");
    let spike = curve("spike-10s");
    let without = Without::NOTHING.and(Departure::PanicDecay);
    let held = spike.replay(&config::Policy { without, ..spike.policy(Mode::Default) });
    assert!(held.pod_seconds > 1_900, "panic-decay is what takes them away: {}", held.pod_seconds);
}

#[test]
fn a_load_that_is_on_and_off_does_not_pay_for_that() {
    let (knative, ours) = both(&curve("on-off-10s"));
    assert!(ours.pod_seconds <= knative.pod_seconds && ours.overloaded <= knative.overloaded, "{ours:?}");
}

/// Where fewer pods are wanted than at the tick before, and fewer than the load needs, though it does not fall.
fn cliffs(curve: &Curve, cost: &Cost) -> Vec<usize> {
    let falls = |pair: &[(f64, u32)]| {
        let ((before, had), (load, pods)) = (pair[0], pair[1]);
        load >= before && pods < had && f64::from(pods) < (load / curve.target()).ceil()
    };
    (1..cost.wanted.len()).filter(|&second| falls(&cost.wanted[second - 1..=second])).collect()
}

#[test]
fn a_ramp_ends_without_a_cliff() {
    let ramp = curve("ramp-0-300-in-60s");
    let (knative, ours) = both(&ramp);
    assert_eq!(cliffs(&ramp, &ours), [0; 0]);
    assert!(!cliffs(&ramp, &knative).is_empty(), "Knative's has one");
    // With burst-step panic lasts longer and hides what the floor does.
    let without_jumps = Without::NOTHING.and(Departure::BurstStep);
    let of = |without| cliffs(&ramp, &ramp.replay(&config::Policy { without, ..ramp.policy(Mode::Default) }));
    assert_eq!(of(without_jumps), [0; 0]);
    assert!(!of(without_jumps.and(Departure::DescentFloor)).is_empty(), "the floor is what takes it away");
}

#[test]
fn each_step_does_something_to_some_curve() {
    let jumps = Without::NOTHING.and(Departure::BurstStep);
    for (departure, others) in [
        (Departure::BurstStep, Without::NOTHING),
        (Departure::DescentFloor, jumps),
        (Departure::PanicDecay, Without::NOTHING),
        (Departure::StartingCounts, jumps),
        (Departure::NoDataHolds, Without::NOTHING),
        (Departure::FreshStart, Without::NOTHING),
    ] {
        let differs = |curve: &Curve| {
            let replay = |without| curve.replay(&config::Policy { without, ..curve.policy(Mode::Default) });
            replay(others) != replay(others.and(departure))
        };
        assert!(curves().iter().any(differs), "{departure:?}");
    }
}
