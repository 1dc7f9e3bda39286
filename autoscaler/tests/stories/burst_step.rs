//! What is in flight now counts: a burst is answered by the report that tells of it, not by the window that it fills.

use autoscaler::StartAs;
use config::annotations::{Annotations, Scaling};
use config::{AutoscalerConfig, BurstCapacity, Departure, Findings, Mode, Policy, Without};

use crate::world::World;

/// As a workload has it that says target 10, with this container-concurrency.
fn target_ten(container_concurrency: u32) -> Policy {
    let annotations = Annotations::from([("autoscaling.knative.dev/target".to_owned(), "10".to_owned())]);
    let config = AutoscalerConfig::default();
    let mut found = Findings::default();
    let scaling = Scaling::read(&annotations, &config, &mut found);
    let policy = Policy::new(&scaling, &config, container_concurrency, &mut found);
    assert_eq!(found.problems, vec![]);
    policy
}

/// Two pods that carry 5 requests, and 195 more that all come at 180.35 s and stay for `stay` seconds.
fn burst(policy: Policy, stay: f64) -> World {
    let mut world = World::new(policy, StartAs::Zero, 2);
    for _ in 0..5 {
        world.request(100.3, 1_000.0);
    }
    world.run(180.0);
    assert_eq!(world.explain().asked, 1, "5 in flight / 7 a pod");
    world.engine.workload(
        world.now,
        &config::Workload {
            policy: Policy { min_scale: 2, ..world.workload.policy.clone() },
            ..world.workload.clone()
        },
        1,
    );
    world.obey();
    world.run(180.3);
    for _ in 0..195 {
        world.request(180.35, 180.35 + stay);
    }
    world
}

/// When further pods were asked for, and how many.
fn answer(world: &World) -> (f64, u32) {
    let &(at, pods, _) = world.scales.iter().find(|&&(at, pods, _)| at > 180.3 && pods > 2).expect("it is answered");
    (at, pods)
}

#[test]
fn further_pods_are_asked_for_with_the_report_itself() {
    for container_concurrency in [0, 10] {
        let run = |mode| {
            let mut world = burst(Policy { mode, ..target_ten(container_concurrency) }, 100.0);
            world.run(200.0);
            answer(&world)
        };
        let ((ours, pods), (knatives, first)) = (run(Mode::Default), run(Mode::Knative));
        println!(
            "container-concurrency {container_concurrency}: 5 → 200 in flight: {pods} pods asked for after {:.0} ms; in \
             Knative's mode {first} pods after {:.0} ms",
            (ours - 180.35) * 1e3,
            (knatives - 180.35) * 1e3,
        );
        assert_eq!((ours, pods), (180.35, 29), "200 / 7");
        assert!(knatives > 181.0 && first < 29, "a tick later, and by the window");
    }
}

#[test]
fn without_the_step_it_waits_for_the_tick() {
    let without = Without::NOTHING.and(Departure::BurstStep);
    let mut world = burst(Policy { without, ..target_ten(10) }, 100.0);
    world.run(200.0);
    assert_eq!(answer(&world).0, 182.05);
}

#[test]
fn a_burst_that_was_over_at_once_is_forgotten_with_the_panic_window() {
    let mut world = burst(target_ten(10), 0.2);
    world.run(181.0);
    assert_eq!(world.explain().asked, 29);
    world.run(190.0);
    assert!(world.explain().asked < 15, "the panic window never confirmed it: {:?}", world.scales);
}

#[test]
fn the_scale_up_rate_bounds_it() {
    let mut world = burst(Policy { max_scale_up_rate: 3.0, ..target_ten(10) }, 100.0);
    world.run(180.35);
    assert_eq!(answer(&world), (180.35, 6), "3 × 2 ready");
}

#[test]
fn what_the_pods_can_carry_is_no_burst() {
    let mut world = World::new(target_ten(10), StartAs::Zero, 2);
    for _ in 0..14 {
        world.request(100.3, 1_000.0);
    }
    world.run(180.0);
    for n in 0..6 {
        world.request(180.3 + 0.01 * f64::from(n), 180.9);
    }
    world.run(181.5);
    assert_eq!(world.scales, [], "20 in flight fit into two pods of ten");
}

#[test]
fn a_load_that_climbs_costs_few_settings_and_few_reports() {
    let mut world = World::new(Policy { burst_capacity: BurstCapacity::Of(10.0), ..target_ten(10) }, StartAs::Zero, 1);
    for n in 0..600 {
        world.request(100.5 + 0.1 * f64::from(n), 400.0);
    }
    world.run(170.0);
    assert!(world.explain().asked >= 85);
    assert!(world.settings < 30, "{} watermarks for a hundredfold load", world.settings);
    assert!(world.urgent < 20, "{} urgent reports in 60 s", world.urgent);
    let settings = world.settings;
    world.run(300.0);
    assert!(world.settings - settings <= 2, "steady load needs none");
}
