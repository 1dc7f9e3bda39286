//! Sources that are down, flap or lie: nothing is lowered for want of data.

use autoscaler::triggers::Reading;
use autoscaler::triggers::phase::{Hold, Phase, Ready};
use serde_json::json;

use crate::world::{World, value};

const DAY: f64 = 86_400.0;

fn down() -> Vec<Reading> {
    vec![Reading::failed("connection refused")]
}

#[test]
fn a_source_that_is_down_holds_for_ever() {
    let mut world = World::new(&json!({}), 7);
    world.run(DAY, |_| down());
    assert_eq!(world.trace, []);
    let verdict = world.last.as_ref().unwrap();
    assert_eq!((verdict.ready, verdict.phase), (Ready::Failing, Some(Phase::Held(Hold::Failing))));
    assert!(world.reasons().contains(&"source-failed"));
    assert!(verdict.reasons[0].because.contains("connection refused"), "{verdict:?}");
}

#[test]
fn a_server_that_lost_its_series_is_not_an_idle_one() {
    let mut world = World::new(&json!({}), 7);
    world.run(DAY, |_| vec![Reading::NoData]);
    assert_eq!(world.trace, []);
    assert_eq!(world.last.as_ref().unwrap().ready, Ready::True);
    assert_eq!(world.reasons(), ["no-data", "no-data-holds"]);
}

#[test]
fn a_source_that_is_back_lowers_again() {
    let mut world = World::new(&json!({ "cooldownPeriod": 60 }), 7);
    world.run(3_600.0, |_| down());
    world.run(4_000.0, |_| vec![value(0.0)]);
    assert_eq!(world.trace, [(3_600.0, 0)], "it was last active when first seen");
}

#[test]
fn one_that_flaps_holds_while_it_is_gone_and_is_heard_while_it_is_there() {
    let mut world = World::new(&json!({ "pollingInterval": 15 }), 4);
    let flapping = |second: f64| if second % 30.0 < 15.0 { down() } else { vec![value(35.0)] };
    world.run(DAY, flapping);
    assert_eq!(world.trace, [(15.0, 7)]);
}

#[test]
fn lies_are_no_data_and_absurd_values_are_bounded() {
    for lie in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut world = World::new(&json!({}), 7);
        world.run(DAY, |_| vec![value(lie)]);
        assert_eq!(world.trace, [], "{lie}");
    }
    let mut world = World::new(&json!({ "maxReplicaCount": 9 }), 7);
    world.run(DAY, |_| vec![value(1e300)]);
    assert_eq!(world.trace, [(0.0, 9)]);
}

#[test]
fn of_two_triggers_one_that_is_down_blocks_down_and_not_up() {
    let spec = json!({ "triggers": [{ "type": "redis", "metadata": {} }, { "type": "kafka", "metadata": {} }] });
    let mut world = World::new(&spec, 4);
    let with = |metric| move |_| vec![value(metric), Reading::failed("no broker")];
    world.run(1_000.0, with(5.0));
    assert_eq!(world.trace, [], "one pod would do for what is known");
    world.run(1_030.0, with(40.0));
    assert_eq!(world.pods(), 8);
    assert_eq!(world.last.as_ref().unwrap().ready, Ready::Partial);
}

#[test]
fn an_active_trigger_counts_as_activity_whatever_else_fails() {
    let spec = json!({
        "cooldownPeriod": 60,
        "triggers": [{ "type": "redis", "metadata": {} }, { "type": "kafka", "metadata": {} }],
    });
    let mut world = World::new(&spec, 1);
    world.run(1_000.0, |_| vec![value(5.0), Reading::failed("no broker")]);
    world.run(1_010.0, |_| vec![value(0.0), value(0.0)]);
    assert_eq!(world.trace, [], "the cooldown runs from when it was active");
    world.run(1_100.0, |_| vec![value(0.0), value(0.0)]);
    assert_eq!(world.pods(), 0);
}

#[test]
fn at_zero_a_source_that_is_down_wakes_nobody() {
    let mut world = World::new(&json!({}), 0);
    world.run(DAY, |_| down());
    assert_eq!(world.trace, []);
}

#[test]
fn what_is_found_is_kept_for_a_cooldown() {
    let mut world = World::new(&json!({}), 3);
    world.run(1_000.0, |_| vec![value(0.0)]);
    assert_eq!(world.trace, [(300.0, 0)], "KEDA: at once");
}
