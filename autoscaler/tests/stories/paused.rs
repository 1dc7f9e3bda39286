//! `rouse.dev/paused`: nothing is scaled, and the activator stays in the path.

use autoscaler::StartAs;
use config::{BurstCapacity, PodState, Policy, Route};

use crate::world::World;

fn set_paused(world: &mut World, paused: bool) {
    world.workload.policy.paused = paused;
    let workload = world.workload.clone();
    let asked = world.explain().asked;
    world.engine.workload(world.now, &workload, asked);
    world.obey();
}

#[test]
fn load_raises_nothing_and_silence_lowers_nothing_until_it_is_over() {
    let policy = Policy { total: 10.0, target: 7.0, paused: true, ..Policy::default() };
    let mut world = World::new(policy, StartAs::Zero, 2);
    for _ in 0..100 {
        world.request(110.3, 150.0);
    }
    world.run(140.0);
    assert_eq!((world.scales.len(), world.pods(PodState::Ready)), (0, 2));
    let explanation = world.explain();
    assert!(explanation.paused);
    assert_eq!(explanation.to_zero.state, "paused");
    assert!(explanation.to_zero.because.contains("rouse.dev/paused"));

    set_paused(&mut world, false);
    assert_eq!(world.scales.last().map(|&(at, pods, _)| (at, pods)), Some((140.0, 15)), "at once");
    set_paused(&mut world, true);
    let scales = world.scales.len();
    world.run(1_000.0);
    assert_eq!((world.scales.len(), world.pods(PodState::Ready)), (scales, 15));
    set_paused(&mut world, false);
    world.run(1_300.0);
    assert_eq!(world.last_scale(), Some((0, "zero")));
}

#[test]
fn the_activator_goes_into_the_path_and_stays() {
    let policy = Policy { total: 10.0, target: 7.0, burst_capacity: BurstCapacity::Of(10.0), ..Policy::default() };
    let mut world = World::new(policy, StartAs::Zero, 3);
    world.request(100.3, 2_000.0);
    world.run(115.0);
    assert_eq!(world.route, Some(Route::Pods));
    set_paused(&mut world, true);
    assert_eq!(world.route, Some(Route::Activator));
    world.run(200.0);
    assert_eq!(world.route, Some(Route::Activator));
    set_paused(&mut world, false);
    world.run(220.0);
    assert_eq!(world.explain().asked, 1, "it resumes");
}

#[test]
fn a_workload_at_zero_stays_there() {
    let mut world = World::asleep(Policy { paused: true, ..Policy::default() });
    world.request(110.0, 500.0);
    world.run(200.0);
    assert_eq!(world.scales, []);
    set_paused(&mut world, false);
    assert_eq!(world.scales.last().map(|&(at, pods, _)| (at, pods)), Some((200.0, 1)), "who waited is let in");
}
