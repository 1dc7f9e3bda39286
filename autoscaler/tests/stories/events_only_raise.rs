//! What raises happens at once; what lowers waits for the tick.

use std::time::Duration;

use autoscaler::StartAs;
use config::{BurstCapacity, Mode, PodId, PodState, Policy, Route};

use crate::world::World;

fn policy() -> Policy {
    Policy { total: 10.0, target: 7.0, burst_capacity: BurstCapacity::Of(10.0), ..Policy::default() }
}

#[test]
fn a_request_at_zero_is_decided_about_at_once() {
    let mut world = World::asleep(policy());
    world.request(101.7, 102.0);
    world.run(101.7);
    assert_eq!(world.scales, [(101.7, 1, "stable-window")]);
}

#[test]
fn many_requests_at_once_at_zero_ask_for_what_they_need() {
    let mut world = World::asleep(Policy { max_scale: 8, ..policy() });
    for _ in 0..1_000 {
        world.request(101.7, 103.0);
    }
    world.run(101.7);
    assert_eq!(world.scales, [(101.7, 8, "max-scale")]);
}

#[test]
fn in_knatives_mode_reports_above_zero_wait_for_the_tick() {
    let mut world = World::asleep(Policy { mode: Mode::Knative, ..policy() });
    world.request(100.3, 120.0);
    for _ in 0..100 {
        world.request(103.2, 120.0);
    }
    world.run(104.04);
    assert_eq!(world.scales.len(), 1);
    world.run(104.05);
    assert_eq!(world.last_scale(), Some((3, "stable-window")), "84 in five buckets");
}

#[test]
fn clients_are_sent_to_pods_on_the_tick_and_away_from_them_at_once() {
    let mut world = World::new(policy(), StartAs::Zero, 2);
    world.request(100.3, 200.0);
    world.run(108.04);
    assert_eq!(world.route, Some(Route::Activator));
    world.run(108.05);
    assert_eq!(world.route, Some(Route::Pods));
    for pod in ["hello-1", "hello-2"] {
        world.tell(PodId::new(pod), PodState::Starting);
    }
    world.obey();
    assert_eq!(world.route, Some(Route::Activator), "no pod is ready any more");
}

#[test]
fn a_pod_without_queue_proxy_is_never_reached_directly() {
    let mut world = World::new(policy(), StartAs::Zero, 2);
    let bare = config::Pod {
        id: PodId::new("bare"),
        workload: world.id().clone(),
        address: ([127, 0, 0, 1], 80).into(),
        state: PodState::Ready,
        has_queue_proxy: false,
        created: world.now,
    };
    world.engine.pod(world.now, &bare);
    world.request(100.3, 200.0);
    world.run(150.0);
    assert!(world.explain().excess_burst > 0);
    assert_eq!(world.route, Some(Route::Activator));
}

#[test]
fn raised_settings_apply_at_once_and_lowered_ones_on_the_tick() {
    let mut world = World::asleep(policy());
    world.request(100.3, 200.0);
    world.run(103.0);
    let mut workload = world.workload.clone();
    workload.policy.min_scale = 4;
    world.engine.workload(world.now, &workload, 1);
    world.obey();
    assert_eq!(world.scales.last(), Some(&(103.0, 4, "min-scale")));

    world.run(105.0);
    workload.policy.min_scale = 0;
    world.engine.workload(world.now, &workload, 4);
    world.obey();
    assert_eq!(world.scales.len(), 2);
    world.run(106.1);
    // Four ready pods may be halved at each tick.
    assert_eq!(world.last_scale(), Some((2, "max-scale-down-rate")));
}

#[test]
fn a_changed_scale_down_delay_holds_what_is_there() {
    let mut world = World::asleep(Policy { panic_threshold: 1_000.0, ..policy() });
    for _ in 0..20 {
        world.request(100.3, 110.0);
    }
    world.run(109.0);
    assert_eq!(world.pods(PodState::Ready), 3);
    let before = world.scales.len();
    let mut workload = world.workload.clone();
    workload.policy.scale_down_delay = Duration::from_secs(600);
    world.engine.workload(world.now, &workload, 3);
    world.run(700.0);
    assert_eq!((world.scales.len(), world.pods(PodState::Ready)), (before, 3));
    world.run(2_000.0);
    assert_eq!(world.last_scale(), Some((0, "zero")));
}

#[test]
fn a_foreign_scale_is_put_right() {
    let mut world = World::asleep(policy());
    world.request(100.3, 200.0);
    world.run(103.0);
    let workload = world.workload.clone();
    world.engine.workload(world.now, &workload, 0);
    world.obey();
    assert_eq!(world.last_scale(), Some((1, "stable-window")));
    world.engine.workload(world.now, &workload, 7);
    world.obey();
    assert_eq!(world.scales.len(), 2, "lowering waits");
    world.run(162.9);
    assert_eq!(world.scales.len(), 2, "for a stable window");
    world.run(164.1);
    assert_eq!(world.scales.len(), 3);
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let mut world = World::asleep(policy());
    world.request(100.3, 400.0);
    world.run(400.0);
    assert_eq!((world.scales.len(), world.routes.len()), (1, 1), "{:?} {:?}", world.scales, world.routes);
}

#[test]
fn ten_thousand_idle_workloads_have_no_deadline() {
    let mut world = World::asleep(policy());
    for number in 0..10_000 {
        let mut workload = world.workload.clone();
        workload.id = config::WorkloadId::new("default", "Deployment", format!("idle-{number}"));
        world.engine.workload(world.now, &workload, 0);
    }
    assert_eq!(world.engine.next_deadline(), None);
    assert_eq!(world.engine.status().count(), 10_001);
}

#[test]
fn a_late_driver_does_not_put_off_the_tick() {
    let mut world = World::asleep(policy());
    world.request(100.3, 400.0);
    world.run(103.0);
    let due = world.engine.next_deadline();
    world.now = world.now + Duration::from_secs(3);
    world.tell(PodId::new("hello-1"), PodState::Ready);
    assert_eq!(world.engine.next_deadline(), due);
}
