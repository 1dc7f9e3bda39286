//! What triggers ask for, beside what requests need: the larger wins, and what was not read lowers nothing.

use autoscaler::{StartAs, Triggered, Wish};
use config::{PodState, Policy};

use crate::world::World;

fn policy() -> Policy {
    Policy { total: 10.0, target: 7.0, ..Policy::default() }
}

fn ask(world: &mut World, wish: Wish, alone: bool) {
    let id = world.id().clone();
    world.engine.triggered(world.now, &id, Some(Triggered { wish, alone }));
    world.obey();
}

#[test]
fn where_only_triggers_ask_there_is_what_they_ask_for_and_no_other_way_to_zero() {
    let mut world = World::asleep(policy());
    ask(&mut world, Wish::AtLeast(0), true);
    world.run(110.5);
    assert_eq!(world.scales, []);
    assert_eq!(world.explain().to_zero.state, "nothing-asked");
    ask(&mut world, Wish::AtLeast(3), true);
    assert_eq!(world.scales, [(110.5, 3, "triggers")], "at once");
    world.run(112.5);
    ask(&mut world, Wish::AtLeast(1), true);
    assert_eq!(world.scales.len(), 1, "events only raise");
    world.run(120.5);
    assert_eq!(world.scales.last(), Some(&(114.05, 1, "triggers")), "at the tick");
    ask(&mut world, Wish::AtLeast(0), true);
    world.run(130.0);
    assert_eq!(world.scales.last(), Some(&(122.05, 0, "nothing-asked")), "the cooldown is the triggers' own");
    world.run(300.0);
    assert_eq!(world.engine.next_deadline(), None, "asleep, it costs nothing");
}

#[test]
fn of_what_requests_need_and_what_triggers_ask_for_the_larger_wins() {
    let mut world = World::asleep(policy());
    ask(&mut world, Wish::AtLeast(2), false);
    assert_eq!(world.last_scale(), Some((2, "triggers")));
    for _ in 0..40 {
        world.request(110.3, 300.0);
    }
    world.run(200.0);
    assert_eq!(world.explain().asked, 6, "requests need more");
    ask(&mut world, Wish::AtLeast(9), false);
    assert_eq!(world.last_scale(), Some((9, "triggers")));
    ask(&mut world, Wish::AtLeast(2), false);
    world.run(210.0);
    assert_eq!(world.explain().asked, 6);
    world.run(1_000.0);
    assert_eq!(world.explain().asked, 2, "no requests any more, and never zero while they ask");
    ask(&mut world, Wish::AtLeast(0), false);
    world.run(1_200.0);
    assert_eq!(world.last_scale(), Some((0, "zero")), "by the way to zero of what serves requests");
}

#[test]
fn what_was_not_read_yet_lowers_nothing_and_requests_may_still_raise() {
    let mut world = World::new(policy(), StartAs::Zero, 4);
    ask(&mut world, Wish::Unread, true);
    world.run(1_000.0);
    assert_eq!(world.pods(PodState::Ready), 4);
    ask(&mut world, Wish::AtLeast(1), true);
    world.run(1_010.0);
    assert_eq!(world.explain().asked, 1);

    let mut world = World::asleep(policy());
    ask(&mut world, Wish::Unread, false);
    world.request(110.3, 150.0);
    world.run(111.0);
    assert_eq!(world.explain().asked, 1, "a request wakes it");
}

#[test]
fn paused_triggers_leave_it_as_it_is() {
    let mut world = World::new(policy(), StartAs::Zero, 3);
    ask(&mut world, Wish::Stay, false);
    for _ in 0..100 {
        world.request(110.3, 150.0);
    }
    world.run(1_000.0);
    assert_eq!((world.scales.len(), world.pods(PodState::Ready)), (0, 3));
    let id = world.id().clone();
    world.engine.triggered(world.now, &id, None);
    world.run(1_500.0);
    assert_eq!(world.last_scale(), Some((0, "zero")), "without triggers it is as any other");
}
