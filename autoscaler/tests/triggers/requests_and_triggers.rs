//! A workload that is scaled on requests as well: the larger number wins.

use autoscaler::triggers::Reading;
use serde_json::json;

use crate::world::{World, value};

#[test]
fn the_larger_wins_in_both_directions() {
    let mut world = World::new(&json!({ "pollingInterval": 5, "cooldownPeriod": 60 }), 2);
    world.seen.requests = Some(6);
    world.run(100.0, |_| vec![value(10.0)]);
    assert_eq!(world.trace, [(0.0, 6)]);
    assert_eq!(world.reasons().last(), Some(&"requests"));
    world.run(1_000.0, |_| vec![value(0.0)]);
    assert_eq!(world.pods(), 6, "the triggers are idle, requests are not");
    world.seen.requests = Some(0);
    world.run(1_100.0, |_| vec![value(0.0)]);
    assert_eq!(world.pods(), 0);
}

#[test]
fn what_requests_asked_for_is_not_held_for_a_source_that_fails() {
    let mut world = World::new(&json!({ "pollingInterval": 5 }), 2);
    world.run(100.0, |_| vec![value(10.0)]);
    world.seen.requests = Some(9);
    world.run(200.0, |_| vec![Reading::failed("gone")]);
    assert_eq!(world.pods(), 9);
    world.seen.requests = Some(1);
    world.run(300.0, |_| vec![Reading::failed("gone")]);
    assert_eq!(world.pods(), 2, "what the triggers asked for when they last knew");
}

#[test]
fn a_trigger_that_wakes_while_requests_hold_pods_keeps_one_when_they_end() {
    let mut world = World::new(&json!({ "pollingInterval": 5, "cooldownPeriod": 10 }), 3);
    world.seen.requests = Some(3);
    world.run(100.0, |_| vec![value(0.0)]);
    world.run(106.0, |_| vec![value(5.0)]);
    world.seen.requests = Some(0);
    world.run(111.0, |_| vec![value(5.0)]);
    assert!(world.pods() >= 1, "{:?}", world.last);
}
