//! How long requests took of late is known, and forgotten in time.

use std::time::Duration;

use autoscaler::latency::Quantiles;
use config::link::{Reporter, Up};
use config::{Histogram, Latency, PodId, Policy, bounds};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{World, secs};

const MS: Duration = Duration::from_millis(1);

impl World {
    fn latency(&mut self, reporter: Reporter, answered: Histogram, held: Histogram) {
        let (workload, latency) = (self.id().clone(), Latency { answered, held });
        self.engine.up(self.now, Up::Latency { reporter, workload, latency });
    }
}

fn activator(name: &str) -> Reporter {
    Reporter::Activator(name.into())
}

fn pod() -> Reporter {
    Reporter::Pod(PodId::new("hello-1"))
}

/// As long as `wanted`, or up to a sixteenth longer.
fn is_about(seconds: f64, wanted: f64) -> bool {
    (wanted..=wanted * 17.0 / 16.0 + bounds::LATENCY_LEAST.as_secs_f64()).contains(&seconds)
}

#[test]
fn what_all_say_adds_up_to_what_clients_saw() {
    let mut world = World::asleep(Policy::default());
    world.request(100.5, 140.0);
    world.run(110.0);
    world.latency(activator("a"), vec![(20 * MS, 40)], vec![(300 * MS, 2)]);
    world.latency(activator("b"), vec![(20 * MS, 20), (90 * MS, 30)], vec![]);
    world.run(120.0);
    world.latency(pod(), vec![(700 * MS, 10)], vec![]);
    let latency = world.explain().latency;
    let Some(Quantiles { requests: 100, p50_seconds, p90_seconds, p99_seconds }) = latency.answered else {
        panic!("{latency:?}")
    };
    assert!(is_about(p50_seconds, 0.02) && is_about(p90_seconds, 0.09) && is_about(p99_seconds, 0.7), "{latency:?}");
    let held = latency.held.expect("two were held");
    assert!(held.requests == 2 && is_about(held.p50_seconds, 0.3) && held.p50_seconds == held.p99_seconds, "{held:?}");
    assert_eq!(world.engine.latency(world.now, world.id()), Some(latency), "also for who asks of nothing else");
}

#[test]
fn a_minute_later_it_is_still_known_and_half_a_minute_after_that_it_is_not() {
    let mut world = World::asleep(Policy::default());
    world.request(100.5, 300.0);
    world.run(110.0);
    world.latency(activator("a"), vec![(20 * MS, 1)], vec![(300 * MS, 1)]);
    world.run(140.0);
    world.latency(activator("a"), vec![(90 * MS, 1)], vec![]);
    let answered = |world: &World| world.explain().latency.answered.map(|answered| answered.requests);
    world.run(179.0);
    assert_eq!(answered(&world), Some(2));
    world.run(180.0);
    assert_eq!((answered(&world), world.explain().latency.held), (Some(1), None));
    world.run(210.0);
    assert_eq!(answered(&world), None);
}

#[test]
fn a_workload_that_sleeps_has_a_timer_until_it_is_forgotten_and_none_after() {
    let mut world = World::asleep(Policy::default());
    world.request(100.5, 101.0);
    world.run(299.0);
    assert_eq!(world.engine.next_deadline(), None);
    let (scales, routes) = (world.scales.clone(), world.routes.clone());
    world.latency(activator("a"), vec![(20 * MS, 1)], vec![]);
    assert_eq!(world.engine.next_deadline(), Some(secs(360.0)));
    world.run(361.0);
    assert_eq!(world.engine.next_deadline(), None);
    assert_eq!((world.scales, world.routes), (scales, routes), "nothing is decided by it");
}

#[test]
fn nonsense_is_survived_and_nothing_is_said_of_who_is_not_known() {
    let mut world = World::asleep(Policy::default());
    for _ in 0..3 {
        world.latency(pod(), vec![(Duration::MAX, u64::MAX), (Duration::ZERO, u64::MAX)], vec![(MS, 0)]);
    }
    let latency = world.explain().latency;
    let answered = latency.answered.expect("somebody says so");
    assert_eq!(answered.requests, 2 * u64::from(u32::MAX), "no more are counted of one duration");
    assert!(is_about(answered.p50_seconds, 0.0) && is_about(answered.p99_seconds, 3600.0), "{answered:?}");
    assert_eq!(latency.held, None);
    let other = "other".parse().expect("a name");
    world.engine.up(world.now, Up::Latency { reporter: pod(), workload: other, latency: Latency::default() });
}

proptest! {
    #[test]
    fn quantiles_are_never_too_short_and_at_most_a_sixteenth_too_long(
        mut micros in vec(0u64..100_000_000, 1..300),
        tellers in 1usize..5,
    ) {
        let mut world = World::asleep(Policy::default());
        for told in micros.chunks(micros.len().div_ceil(tellers)) {
            let told = told.iter().map(|&micros| (Duration::from_micros(micros), 1)).collect();
            world.latency(pod(), told, vec![]);
        }
        micros.sort_unstable();
        let at = |hundredths: usize| {
            let rank = (micros.len() * hundredths).div_ceil(100).max(1);
            Duration::from_micros(micros[rank - 1]).as_secs_f64()
        };
        let seen = world.explain().latency.answered.expect("there were some");
        prop_assert_eq!(seen.requests, micros.len() as u64);
        for (seconds, hundredths) in [(seen.p50_seconds, 50), (seen.p90_seconds, 90), (seen.p99_seconds, 99)] {
            prop_assert!(is_about(seconds, at(hundredths)), "{} of {}", seconds, at(hundredths));
        }
    }
}
