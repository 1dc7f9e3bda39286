//! The tutorial: a Redis list, jobs of 5 s, polling 5, cooldown 60, listLength 5, activationListLength 5, max 5.

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::redis;
use serde_json::json;

use crate::world::World;

/// A list, and workers that each take a job off it every five seconds.
struct Queue {
    world: World,
    jobs: i64,
    /// Until when each worker is busy.
    workers: Vec<u64>,
    second: u64,
}

impl Queue {
    fn new() -> Queue {
        let spec = json!({ "pollingInterval": 5, "cooldownPeriod": 60, "maxReplicaCount": 5 });
        Queue { world: World::new(&spec, 0), jobs: 0, workers: Vec::new(), second: 0 }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            let reading = vec![redis::count(Some(self.jobs), 5)];
            self.second += 1;
            self.world.run(self.second as f64, |_| reading.clone());
            self.workers.resize(self.world.pods() as usize, 0);
            for busy in &mut self.workers {
                if *busy <= self.second && self.jobs > 0 {
                    self.jobs -= 1;
                    *busy = self.second + 5;
                }
            }
        }
    }

    fn trace(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.world.trace).into_iter().map(|(_, pods)| pods).collect()
    }
}

#[test]
fn three_jobs_wake_nobody_six_wake_one_and_a_hundred_five() {
    let mut queue = Queue::new();
    queue.jobs = 3;
    queue.run(60);
    assert_eq!(queue.trace(), [0; 0], "3 jobs: still 0");

    queue.jobs += 3;
    queue.run(120);
    assert_eq!(queue.jobs, 0, "all six are done");
    assert_eq!(queue.trace(), [1, 0], "3 more: 1, and 0 after the cooldown");

    queue.jobs = 100;
    queue.run(300);
    assert_eq!(queue.jobs, 0, "all hundred are done");
    assert_eq!(queue.trace(), [1, 4, 5, 0]);
}

#[test]
fn a_backlog_waits_for_no_more_than_a_poll_and_then_a_period() {
    let mut queue = Queue::new();
    queue.jobs = 100;
    queue.run(60);
    assert_eq!(queue.world.trace, [(0.0, 1), (5.0, 4), (20.0, 5)]);
}

#[test]
fn five_left_behind_keep_nobody_awake() {
    let mut queue = Queue::new();
    queue.world.set_pods(1);
    queue.world.run(200.0, |_| vec![Reading::above(5.0, 5.0)]);
    assert_eq!(queue.world.trace, [(60.0, 0)]);
}
