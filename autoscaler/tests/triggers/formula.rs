//! A formula stands for all triggers.

use autoscaler::triggers::Reading;
use serde_json::{Value, json};

use crate::world::{World, value};

fn spec(formula: &str, more: &Value) -> Value {
    let mut spec = json!({
        "cooldownPeriod": 60,
        "triggers": [
            { "type": "redis", "name": "a", "metadata": {} },
            { "type": "kafka", "name": "b", "metadata": {} },
        ],
        "advanced": { "scalingModifiers": { "formula": formula, "target": "2.5", "activationTarget": "4" } },
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    spec
}

#[test]
fn its_number_scales_and_activates() {
    let mut world = World::new(&spec("a + b", &json!({})), 0);
    world.run(29.0, |_| vec![value(2.0), value(2.0)]);
    assert_eq!(world.trace, [], "4 is not more than 4");
    world.run(90.0, |_| vec![value(3.0), value(7.0)]);
    assert_eq!(world.pods(), 4);
    assert!(world.reasons().contains(&"formula"));
}

#[test]
fn a_trigger_that_fails_holds_all_of_it() {
    let mut world = World::new(&spec("a + b", &json!({})), 4);
    world.run(9_000.0, |_| vec![value(100.0), Reading::failed("gone")]);
    assert_eq!(world.trace, []);
}

#[test]
fn what_failed_for_too_long_is_nil_and_can_be_replaced() {
    let fallback = json!({ "failureThreshold": 1, "replicas": 7, "behavior": "scalingModifiers" });
    let mut world = World::new(&spec("b ?? a", &json!({ "fallback": fallback })), 2);
    world.run(200.0, |_| vec![value(10.0), Reading::failed("gone")]);
    assert_eq!(world.pods(), 4);
    let mut world = World::new(&spec("b ?? nil", &json!({ "fallback": fallback })), 2);
    world.run(200.0, |_| vec![value(10.0), Reading::failed("gone")]);
    assert_eq!(world.pods(), 7, "all of it is nil: the fallback's replicas");
}

#[test]
fn division_by_zero_is_no_data() {
    let mut world = World::new(&spec("a / b", &json!({})), 4);
    world.run(9_000.0, |_| vec![value(1.0), value(0.0)]);
    assert_eq!(world.trace, []);
}
