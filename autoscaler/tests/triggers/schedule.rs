//! When an object is looked at.

use std::time::Duration;

use serde_json::json;

use crate::world::{World, at, value};

#[test]
fn asleep_it_is_polled_and_awake_it_is_read_for_each_step() {
    let mut world = World::new(&json!({ "pollingInterval": 30 }), 0);
    let mut seen = Vec::new();
    world.run(91.0, |second| {
        seen.push(second);
        vec![value(if second < 60.0 { 0.0 } else { 5.0 })]
    });
    assert_eq!(seen, [0.0, 30.0, 60.0, 75.0, 90.0]);
}

#[test]
fn the_first_step_after_a_wake_waits_for_no_period_of_before() {
    let mut world = World::new(&json!({ "pollingInterval": 1, "cooldownPeriod": 2 }), 1);
    world.run(2.5, |_| vec![value(0.0)]);
    world.run(10.0, |_| vec![value(20.0)]);
    assert_eq!(world.trace, [(2.0, 0), (3.0, 1), (4.0, 4)], "the last step before was at 0, the next was due at 15");
}

#[test]
fn a_late_round_does_not_shift_the_others() {
    let mut world = World::new(&json!({ "pollingInterval": 30 }), 0);
    let verdict = world.object.round(&[value(0.0)], &world.seen, at(31.7));
    assert_eq!(verdict.next, at(60.0));
}

#[test]
fn a_push_wakes_at_once() {
    let mut world = World::new(&json!({ "pollingInterval": 30, "minReplicaCount": 0 }), 0);
    world.run(40.0, |_| vec![value(0.0)]);
    world.push();
    assert_eq!(world.trace, [(40.0, 1)]);
    assert_eq!(world.reasons(), ["pushed", "activation"]);
    assert_eq!(world.object.next(), at(55.0));
    world.push();
    assert_eq!(world.pods(), 1);
}

#[test]
fn objects_that_were_seen_together_are_polled_at_their_phases() {
    let polls = |interval: u32, phase| {
        let mut world = World::new(&json!({ "pollingInterval": interval }), 0);
        world.object.set_phase(Duration::from_secs(phase));
        let mut seen = Vec::new();
        world.run(70.0, |second| {
            seen.push(second);
            vec![value(0.0)]
        });
        seen
    };
    assert_eq!(polls(30, 7), [0.0, 7.0, 37.0, 67.0], "but the first look is at once");
    assert_eq!(polls(30, 7 + 30 * 1_000), polls(30, 7));
    assert_eq!(polls(15, 3_637), [0.0, 7.0, 22.0, 37.0, 52.0, 67.0], "which are those at 30 s as well");
    assert_eq!(polls(30, 3_637), [0.0, 7.0, 37.0, 67.0]);
}

#[test]
fn whoever_pushes_while_it_is_paused_does_not_put_off_the_next_poll() {
    let mut world = World::new(&json!({ "pollingInterval": 30 }), 0);
    world.seen.switches.paused = true;
    world.run(5.0, |_| vec![value(0.0)]);
    for _ in 0..3 {
        world.push();
        assert_eq!(world.object.next(), at(30.0));
    }
}

#[test]
fn the_end_of_a_cooldown_is_not_waited_out_to_the_next_poll() {
    let mut world = World::new(&json!({ "pollingInterval": 600, "cooldownPeriod": 100 }), 1);
    world.run(101.0, |_| vec![value(0.0)]);
    assert_eq!(world.trace, [(100.0, 0)]);
}
