//! Somebody else changes how many pods there should be: it is kept for a stable window, and nobody fights.

use autoscaler::StartAs;
use config::{PodState, Policy};

use crate::world::World;

fn policy() -> Policy {
    Policy { total: 10.0, target: 7.0, ..Policy::default() }
}

fn scales(world: &World) -> Vec<(f64, u32)> {
    world.scales.iter().map(|&(at, pods, _)| (at, pods)).collect()
}

#[test]
fn pods_that_somebody_else_asked_for_stay_for_a_stable_window() {
    let mut world = World::asleep(policy());
    world.run(110.0);
    world.somebody_asks_for(3);
    world.run(169.9);
    assert_eq!((scales(&world), world.pods(PodState::Ready)), (vec![], 3));
    let decision = world.explain().decisions.into_iter().next().expect("a decision").decision;
    let said = decision.reasons.last().map(ToString::to_string);
    assert_eq!(said.as_deref(), Some("foreign-scale: somebody else asked for 3 pods: kept for 2 s more"));
    world.run(240.0);
    assert_eq!(scales(&world), [(170.0, 1), (174.05, 0)]);
    assert_eq!(world.engine.next_deadline(), None, "and it sleeps again");
}

#[test]
fn fewer_pods_than_the_load_needs_are_raised_at_once() {
    let mut world = World::new(policy(), StartAs::Zero, 4);
    for _ in 0..28 {
        world.request(100.3, 400.0);
    }
    world.run(200.0);
    world.somebody_asks_for(1);
    world.run(202.1);
    assert_eq!(
        world.last_scale().map(|(pods, _)| pods),
        Some(4),
        "a manifest that is applied again is no reason to fail"
    );
}

#[test]
fn somebody_who_insists_is_left_alone_for_a_stable_window() {
    let mut world = World::new(policy(), StartAs::Zero, 4);
    for _ in 0..28 {
        world.request(100.3, 400.0);
    }
    world.run(200.0);
    world.somebody_asks_for(2);
    world.run(215.0);
    let before = world.scales.len();
    world.somebody_asks_for(2);
    world.run(274.9);
    assert_eq!(world.scales.len(), before, "one change in a stable window, and it was theirs");
    world.run(278.0);
    assert_eq!(world.last_scale().map(|(pods, _)| pods), Some(4));
}

#[test]
fn who_waits_while_there_is_no_pod_is_let_in() {
    let mut world = World::new(policy(), StartAs::Zero, 1);
    world.run(110.0);
    world.somebody_asks_for(3);
    world.somebody_asks_for(0);
    world.request(112.3, 115.0);
    world.run(112.4);
    assert_eq!(scales(&world), [(112.3, 1)]);
}

#[test]
fn a_call_that_failed_is_not_somebody_elses_doing() {
    let mut world = World::asleep(policy());
    world.request(100.3, 104.0);
    world.run(100.3);
    let (id, workload) = (world.id().clone(), world.workload.clone());
    world.engine.scale_failed(world.now, &id, 1);
    world.engine.workload(world.now, &workload, 0);
    world.run(101.0);
    assert_eq!(world.scales.len(), 2, "it is asked for again");
}

#[test]
fn a_workload_adopted_is_brought_to_its_initial_scale_first() {
    let policy = Policy { initial_scale: 3, ..policy() };
    let mut world = World::adopted(policy.clone(), 1);
    assert_eq!(world.last_scale(), Some((3, "initial-scale")));
    world.run(300.0);
    assert_eq!(world.last_scale(), Some((0, "zero")));
    let mut asleep = World::adopted(policy, 0);
    asleep.run(300.0);
    assert_eq!(scales(&asleep), [], "one that is at zero sleeps");
}
