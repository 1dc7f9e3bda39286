//! Who scales a workload in Rouse's place is told when there is something to do, and when there is no more.

use autoscaler::RequestsNow;
use config::Policy;

use crate::world::World;

fn now(world: &World) -> RequestsNow {
    world.engine.requests(world.now, world.id()).expect("it is known")
}

/// One that Rouse only holds requests for.
fn asleep() -> World {
    World::asleep(Policy { paused: true, ..Policy::default() })
}

#[test]
fn it_is_busy_from_its_first_request_on_until_nothing_was_open_for_a_stable_window() {
    let mut world = asleep();
    world.run(110.0);
    assert_eq!(now(&world), RequestsNow { is_whole: true, ..RequestsNow::default() });
    world.request(110.3, 115.5);
    world.request(111.0, 115.5);
    world.run(112.5);
    assert_eq!(now(&world), RequestsNow { queue: 2, concurrency: 2, busy: true, is_whole: true });
    let (at, is_busy) = world.edges[0];
    assert!(is_busy && (110.3..110.31).contains(&at), "at once: {at}");
    world.run(120.0);
    assert_eq!(now(&world), RequestsNow { busy: true, is_whole: true, ..RequestsNow::default() });
    world.run(1_000.0);
    assert!(!now(&world).busy);
    let (at, is_busy) = world.edges[1];
    assert!(!is_busy && (176.0..179.0).contains(&at), "by the tick: {at}");
    assert_eq!((world.edges.len(), world.engine.next_deadline()), (2, None), "and then nothing is left to do");
}

#[test]
fn requests_too_short_to_be_open_when_anybody_looks_keep_it_busy() {
    let mut world = World::new(Policy { paused: true, ..Policy::default() }, autoscaler::StartAs::Zero, 1);
    for n in 0..40 {
        let at = 110.25 + 30.0 * f64::from(n);
        world.request(at, at + 0.01);
    }
    world.run(1_280.0);
    assert_eq!((now(&world).busy, now(&world).concurrency), (true, 0));
    assert_eq!(world.edges.iter().map(|&(_, is_busy)| is_busy).collect::<Vec<_>>(), [true]);
}
