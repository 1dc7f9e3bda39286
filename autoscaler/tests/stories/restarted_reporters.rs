//! What a reporter had is over when its process is, and when nobody can tell any more that it is not.

use config::link::Reporter;
use config::{Pod, PodId, PodState, Policy, Time};

use crate::fleet::Fleet;

fn activator() -> Reporter {
    Reporter::Activator("activator-1".into())
}

fn pod(index: usize) -> Reporter {
    Reporter::Pod(PodId::new(&format!("hello-{index}")))
}

/// A pod and an activator, of which one said last that it has three requests open; since then there is no load.
fn with_three_open_at(reporter: &Reporter) -> Fleet {
    let mut fleet = Fleet::found(1, 1, Policy::default());
    fleet.all_say_hello();
    fleet.say_hello(activator());
    fleet.run(100);
    let from = Time::from_secs_f64(fleet.now().floor());
    fleet.mute(0);
    fleet.run(1);
    fleet.report(pod(0), from, 0);
    fleet.report(reporter.clone(), from, 3);
    fleet
}

fn sleeps(mut fleet: Fleet) {
    fleet.run(300);
    assert_eq!(
        fleet.scales.last().map(|&(_, pods, rule)| (pods, rule)),
        Some((0, "zero")),
        "{:?}",
        fleet.explain().load
    );
}

#[test]
fn while_it_says_nothing_else_it_has_them() {
    for reporter in [activator(), pod(0)] {
        let mut fleet = with_three_open_at(&reporter);
        fleet.run(600);
        assert_eq!(fleet.scales.iter().filter(|&&(_, pods, _)| pods == 0).count(), 0, "{reporter:?}");
    }
}

#[test]
fn a_process_that_was_back_before_its_link_was_missed_has_none() {
    for reporter in [activator(), pod(0)] {
        let mut fleet = with_three_open_at(&reporter);
        fleet.say_hello_as(reporter, 2);
        assert_eq!(fleet.explain().load.open, 0);
        sleeps(fleet);
    }
}

#[test]
fn nor_has_one_that_was_back_after_it_was_missed() {
    for reporter in [activator(), pod(0)] {
        let mut fleet = with_three_open_at(&reporter);
        fleet.engine.lost(Time::from_secs_f64(fleet.now() + 0.1), &reporter);
        fleet.run(5);
        assert_eq!(fleet.explain().load.open, 3);
        fleet.say_hello_as(reporter, 2);
        assert_eq!(fleet.explain().load.open, 0);
        sleeps(fleet);
    }
}

#[test]
fn the_same_process_still_has_them() {
    for reporter in [activator(), pod(0)] {
        let mut fleet = with_three_open_at(&reporter);
        fleet.engine.lost(Time::from_secs_f64(fleet.now() + 0.1), &reporter);
        fleet.run(5);
        fleet.say_hello(reporter);
        assert_eq!(fleet.explain().load.open, 3);
    }
}

#[test]
fn one_that_was_away_for_longer_than_reports_are_kept_has_none_unless_it_says_so_again() {
    let policy = Policy { stable_window: std::time::Duration::from_secs(600), ..Policy::default() };
    for reporter in [activator(), pod(0)] {
        let mut fleet = with_three_open_at(&reporter);
        fleet.set_policy(|before| before.stable_window = policy.stable_window);
        fleet.engine.lost(Time::from_secs_f64(fleet.now() + 0.1), &reporter);
        fleet.run(59);
        assert_eq!((fleet.explain().load.open, fleet.explain().reporters.silent), (0, 1), "and holds what is there");
        fleet.say_hello(reporter);
        fleet.run(700);
        sleeps(fleet);
    }
}

#[test]
fn what_an_activator_counted_for_a_pod_without_queue_proxy_ends_with_the_activator() {
    let mut fleet = with_three_open_at(&activator());
    let (id, now) = (PodId::new("bare"), Time::from_secs_f64(fleet.now()));
    let (workload, address) = (fleet.explain().workload, ([10, 0, 0, 9], 8080).into());
    let (state, has_queue_proxy, created) = (PodState::Ready, false, now);
    fleet.engine.pod(now, &Pod { id: id.clone(), workload, address, state, has_queue_proxy, created });
    fleet.report(Reporter::Pod(id), now, 2);
    assert_eq!(fleet.explain().load.open, 5);
    fleet.say_hello_as(activator(), 2);
    assert_eq!(fleet.explain().load.open, 0);
}
