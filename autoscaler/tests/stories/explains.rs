//! Every number has its rule.

use config::Policy;

use crate::world::World;

#[test]
fn the_rule_that_decided_is_named_with_its_numbers() {
    let mut world = World::asleep(Policy { total: 10.0, target: 7.0, max_scale: 2, ..Policy::default() });
    for _ in 0..20 {
        world.request(100.5, 200.0);
    }
    world.run(150.0);
    let explanation = world.explain();
    let decision = &explanation.decisions[0].decision;
    assert_eq!((decision.desired, explanation.asked, explanation.desired), (2, 2, Some(3)));
    let because: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(
        because,
        [
            "stable-window: 19.591837 in flight over 60 s / 7 a pod = 3 pods",
            "panic: 3 pods wanted, 2 ready; panic starts at 2 × and lasts 60 s: 3 pods held",
            "burst-capacity: 2 ready × 10 − 20 in the panic window: -211 beyond the target",
            "max-scale: 3 pods wanted, at most 2 pods",
        ]
    );
}

#[test]
fn it_reads_as_json() {
    let mut world = World::asleep(Policy::default());
    world.request(100.5, 103.0);
    world.run(110.0);
    let json = serde_json::to_value(world.explain()).expect("it is plain data");
    assert_eq!(json["workload"], "default/Deployment/hello");
    assert_eq!(json["pods"]["ready"], 1);
    assert_eq!(json["to_zero"]["state"], "awake");
    assert_eq!(json["decisions"][0]["decision"]["reasons"][0]["rule"], "stable-window");
    let status = world.engine.status().next().expect("there is one");
    assert_eq!(serde_json::to_value(status).expect("it is plain data")["asked"], 1);
}

#[test]
fn what_is_waited_for_is_told_with_the_time_left() {
    let mut world = World::asleep(Policy { retention: std::time::Duration::from_secs(100), ..Policy::default() });
    world.request(100.5, 101.0);
    world.run(200.0);
    let to_zero = world.explain().to_zero;
    assert_eq!(to_zero.state, "grace");
    let remaining = to_zero.remaining_seconds.expect("the retention runs");
    assert!((50.0..70.0).contains(&remaining), "{remaining}");
}

#[test]
fn the_same_decision_again_is_no_new_one_and_old_ones_are_forgotten() {
    let mut world = World::asleep(Policy { total: 1.0, target: 1.0, ..Policy::default() });
    for step in 0..60_u32 {
        for _ in 0..step % 7 {
            world.request(100.5 + 8.0 * f64::from(step), 108.5 + 8.0 * f64::from(step));
        }
    }
    world.run(560.0);
    let decisions = world.explain().decisions;
    assert_eq!(decisions.len(), config::bounds::DECISIONS_KEPT);
    assert!(decisions.iter().any(|decided| decided.times > 1));
    assert!(decisions.windows(2).all(|pair| pair[0].seconds_ago < pair[1].seconds_ago), "newest first");
}
