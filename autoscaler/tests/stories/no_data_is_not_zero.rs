//! While something is not known that counts, nothing is lowered.

use std::time::Duration;

use config::link::Reporter;
use config::{Departure, Mode, Policy, Without};

use crate::fleet::Fleet;

/// Eight pods with 7 in flight each: what they are aimed to carry.
fn eight(policy: Policy) -> Fleet {
    Fleet::found(8, 7, Policy { total: 10.0, target: 7.0, ..policy })
}

/// The fewest pods asked for, and when.
fn fewest(fleet: &Fleet) -> Option<(f64, u32, &'static str)> {
    fleet.scales.iter().copied().min_by_key(|&(_, pods, _)| pods)
}

#[test]
fn when_links_die_under_load_the_pods_stay_until_they_are_back() {
    let mut fleet = eight(Policy::default());
    fleet.all_say_hello();
    fleet.run(100);
    (0..8).for_each(|index| fleet.lose(index));
    fleet.run(200);
    assert_eq!(fleet.scales, []);
    assert_eq!(fleet.explain().reporters.silent, 8);
    let reasons = &fleet.explain().decisions[0].decision.reasons;
    assert!(reasons.iter().any(|reason| reason.rule == "no-data-holds"), "{reasons:?}");

    fleet.set_load(1);
    fleet.all_say_hello();
    fleet.run(80);
    assert_eq!(
        fewest(&fleet).map(|(_, pods, _)| pods),
        Some(1),
        "what is known again may be lowered: {:?}",
        fleet.scales
    );
}

#[test]
fn one_silent_pod_is_enough() {
    let mut fleet = eight(Policy::default());
    fleet.all_say_hello();
    fleet.run(100);
    fleet.lose(3);
    fleet.set_load(1);
    fleet.run(200);
    assert_eq!(fleet.scales, []);
}

#[test]
fn more_is_asked_for_all_the_same() {
    let mut fleet = eight(Policy::default());
    fleet.all_say_hello();
    fleet.run(100);
    fleet.lose(3);
    fleet.set_load(30);
    fleet.run(2);
    assert_eq!(fleet.scales.last().map(|&(_, pods, _)| pods), Some(30), "7 × 30 / 7: {:?}", fleet.scales);
}

#[test]
fn without_the_step_an_outage_takes_live_pods_away() {
    for policy in [
        Policy { without: Without::NOTHING.and(Departure::NoDataHolds), ..Policy::default() },
        Policy { mode: Mode::Knative, ..Policy::default() },
    ] {
        let mut fleet = eight(policy);
        fleet.all_say_hello();
        fleet.run(100);
        (0..8).for_each(|index| fleet.lose(index));
        fleet.run(200);
        assert!(fewest(&fleet).is_some_and(|(_, pods, _)| pods < 8), "{:?}", fleet.scales);
    }
}

#[test]
fn no_timer_scales_to_zero_while_a_link_is_dead() {
    let mut fleet = Fleet::found(1, 1, Policy { retention: Duration::from_secs(60), ..Policy::default() });
    fleet.all_say_hello();
    fleet.run(100);
    fleet.set_load(0);
    while fleet.explain().to_zero.state != "grace" {
        fleet.run(1);
        assert!(fleet.now() < 400.0, "{:?}", fleet.explain().to_zero);
    }
    fleet.lose(0);
    fleet.run(100);
    assert_eq!(fleet.scales, []);
    fleet.hello(0);
    fleet.run(200);
    assert_eq!(fleet.scales.last().map(|&(_, pods, rule)| (pods, rule)), Some((0, "zero")));
}

#[test]
fn what_an_activator_had_is_forgotten_when_it_stays_away_for_a_window() {
    let activator = Reporter::Activator("activator-1".into());
    let mut fleet = eight(Policy::default());
    fleet.all_say_hello();
    fleet.say_hello(activator.clone());
    fleet.run(100);
    fleet.report(activator.clone(), config::Time::from_secs_f64(200.0), 3);
    fleet.engine.lost(config::Time::from_secs_f64(200.1), &activator);
    fleet.set_load(0);
    fleet.run(50);
    assert_eq!((fleet.explain().reporters.silent, fleet.scales.len()), (1, 0));
    fleet.run(300);
    assert_eq!(fleet.explain().reporters.silent, 0);
    assert_eq!(fleet.scales.last().map(|&(_, pods, rule)| (pods, rule)), Some((0, "zero")));
}

#[test]
fn pods_that_count_as_starting_since_their_links_died_hold_all_the_same() {
    let mut fleet = eight(Policy::default());
    fleet.all_say_hello();
    fleet.run(100);
    (0..2).for_each(|index| fleet.fall_silent(index));
    fleet.run(300);
    assert_eq!((fleet.scales.as_slice(), fleet.explain().reporters.silent), ([].as_slice(), 2));
    (0..2).for_each(|index| fleet.speak_up(index));
    fleet.set_load(1);
    fleet.run(80);
    assert_eq!(fewest(&fleet).map(|(_, pods, _)| pods), Some(1), "{:?}", fleet.scales);
}

#[test]
fn a_pod_that_is_dead_while_its_platform_still_names_it_does_not_hold_for_ever() {
    let mut fleet = eight(Policy::default());
    fleet.all_say_hello();
    fleet.run(100);
    fleet.fall_silent(7);
    fleet.set_load(1);
    fleet.run(590);
    assert_eq!((fleet.scales.as_slice(), fleet.explain().reporters.silent), ([].as_slice(), 1));
    fleet.run(300);
    assert_eq!(fleet.explain().reporters.silent, 0);
    assert_eq!(fewest(&fleet).map(|(_, pods, _)| pods), Some(1), "{:?}", fleet.scales);
}

#[test]
fn a_pod_that_never_was_ready_holds_nothing() {
    let mut fleet = Fleet::found(1, 1, Policy::default());
    fleet.all_say_hello();
    fleet.run(100);
    fleet.announce_another();
    assert_eq!(fleet.explain().reporters.silent, 0);
}

#[test]
fn load_that_moved_away_from_a_lost_pod_is_no_burst() {
    let mut fleet = eight(Policy { total: 10.0, target: 7.0, ..Policy::default() });
    fleet.all_say_hello();
    fleet.run(100);
    (0..4).for_each(|index| fleet.fall_silent(index));
    // The 28 of those four are at the four others now: there are still 56.
    fleet.set_load(14);
    fleet.run(30);
    assert_eq!(fleet.scales, []);
}
