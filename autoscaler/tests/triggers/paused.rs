//! Annotations that forbid or force.

use config::keda::Switches;
use serde_json::json;

use crate::world::{World, value};

fn world(pods: u32, switches: Switches) -> World {
    let mut world = World::new(&json!({ "cooldownPeriod": 60 }), pods);
    world.seen.switches = switches;
    world
}

#[test]
fn paused_is_as_it_is_or_at_a_number() {
    let paused = Switches { paused: true, ..Switches::default() };
    let mut as_is = world(4, paused);
    as_is.run(1_000.0, |_| vec![value(0.0)]);
    assert_eq!(as_is.trace, []);
    let mut at_two = world(4, Switches { paused_replicas: Some(2), ..paused });
    at_two.run(1_000.0, |_| vec![value(100.0)]);
    assert_eq!(at_two.trace, [(0.0, 2)]);
}

#[test]
fn scale_in_alone_may_be_paused() {
    let mut world = world(4, Switches { paused_in: true, ..Switches::default() });
    world.run(1_000.0, |_| vec![value(0.0)]);
    assert_eq!(world.trace, []);
    world.run(1_100.0, |_| vec![value(40.0)]);
    assert_eq!(world.pods(), 8);
}

#[test]
fn scale_out_alone_may_be_paused() {
    let switches = Switches { paused_out: true, ..Switches::default() };
    let mut asleep = world(0, switches);
    asleep.run(1_000.0, |_| vec![value(40.0)]);
    assert_eq!(asleep.trace, []);
    let mut awake = world(4, switches);
    awake.run(100.0, |_| vec![value(40.0)]);
    assert_eq!(awake.trace, []);
    awake.run(2_000.0, |_| vec![value(0.0)]);
    assert_eq!(awake.pods(), 0);
}

#[test]
fn activity_may_be_forced() {
    let mut world = world(0, Switches { force_activation: true, ..Switches::default() });
    world.run(1_000.0, |_| vec![value(0.0)]);
    assert_eq!(world.trace, [(0.0, 1)]);
}
