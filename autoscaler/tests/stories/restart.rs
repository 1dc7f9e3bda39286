//! An autoscaler that comes back lowers nothing until it knows enough.

use config::{Departure, Policy, Without};

use crate::fleet::Fleet;

fn eight(load: u32, policy: Policy) -> Fleet {
    Fleet::found(8, load, Policy { total: 10.0, target: 7.0, ..policy })
}

#[test]
fn eight_pods_under_load_stay_eight_however_late_their_reporters_are() {
    for late in [0, 5, 30, 100] {
        let mut fleet = eight(7, Policy::default());
        (0..4).for_each(|index| fleet.hello(index));
        fleet.run(late);
        (4..8).for_each(|index| fleet.hello(index));
        fleet.run(300);
        assert_eq!(fleet.scales, [], "{late} s late");
    }
}

#[test]
fn pods_that_have_not_said_that_they_are_ready_stay_as_well() {
    for late in [5, 30, 100] {
        let mut fleet = Fleet::found_unheard(8, 7, Policy { total: 10.0, target: 7.0, ..Policy::default() });
        (0..4).for_each(|index| fleet.speak_up(index));
        fleet.run(late);
        assert_eq!(fleet.explain().reporters.silent, 4, "{late} s late");
        (4..8).for_each(|index| fleet.speak_up(index));
        fleet.run(300);
        assert_eq!(fleet.scales, [], "{late} s late");
    }
}

#[test]
fn idle_pods_stay_for_a_stable_window_and_until_all_have_spoken() {
    let mut fleet = eight(1, Policy::default());
    (0..7).for_each(|index| fleet.hello(index));
    fleet.run(100);
    assert_eq!((fleet.scales.len(), fleet.explain().fresh_start_seconds), (0, Some(60)));
    fleet.hello(7);
    fleet.run(58);
    assert_eq!((fleet.scales.len(), fleet.explain().fresh_start_seconds), (0, Some(2)));
    fleet.run(4);
    assert_eq!(fleet.explain().fresh_start_seconds, None);
    assert!(fleet.scales.first().is_some_and(|&(_, pods, _)| pods == 4), "halved at most: {:?}", fleet.scales);
}

#[test]
fn what_it_raised_itself_it_may_lower() {
    let mut fleet = eight(7, Policy::default());
    fleet.all_say_hello();
    fleet.run(4);
    fleet.set_load(60);
    fleet.run(10);
    let most = fleet.scales.iter().map(|&(_, pods, _)| pods).max();
    fleet.set_load(1);
    fleet.run(40);
    let last = fleet.scales.last().map(|&(_, pods, _)| pods);
    assert!(most > last && last >= Some(8), "{:?}", fleet.scales);
}

#[test]
fn without_the_step_a_panic_from_the_start_holds_the_pods_as_in_knative_but_not_for_late_reporters() {
    let without = Without::NOTHING.and(Departure::FreshStart).and(Departure::NoDataHolds);
    let mut fleet = eight(7, Policy { without, ..Policy::default() });
    (0..2).for_each(|index| fleet.hello(index));
    fleet.run(100);
    assert!(fleet.scales.iter().any(|&(_, pods, _)| pods < 8), "{:?}", fleet.scales);
}

#[test]
fn pods_that_spoke_before_the_platform_did_have_spoken() {
    let mut fleet = eight(1, Policy::default());
    let workload = fleet.explain().workload;
    fleet.all_say_hello();
    fleet.engine.workload_gone(config::Time::from_secs_f64(101.0), &workload);
    fleet.announce_anew();
    assert_eq!(fleet.explain().reporters.linked_pods, 8);
}
