//! Two activators, direct clients and four pods: nothing is lost, served twice, above its limit, or left counted.

mod idle;

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::Instant;

use self::idle::Seen;
use crate::load::{Clients, Load, Payload, Tally};
use crate::served::Served;
use crate::town::{Aim, LIMIT, Manifest, Plan, Town};
use crate::{ms, quantile};

/// How long a pod may idle while an activator holds.
const IDLE_WHILE_HELD: Duration = Duration::from_millis(100);

/// Mostly nothing; a body that is kept to be replayed; one that waits for the pod's 100 Continue. With and without a
/// length.
const PAYLOADS: [Payload; 16] = [
    Payload::NONE,
    Payload::NONE,
    Payload { bytes: 8 << 10, chunked: false },
    Payload::NONE,
    Payload { bytes: 1 << 20, chunked: false },
    Payload::NONE,
    Payload::NONE,
    Payload { bytes: 8 << 10, chunked: true },
    Payload::NONE,
    Payload { bytes: 1 << 20, chunked: true },
    Payload::NONE,
    Payload { bytes: 0, chunked: true },
    Payload::NONE,
    Payload::NONE,
    Payload::NONE,
    Payload::NONE,
];

/// One limit, and how many clients come which way: more through the activators than there are slots, and fewer directly
/// than the pods' lines have places.
struct Case {
    limit: u32,
    through: usize,
    direct: usize,
    /// What the app takes for each: slots are to be scarce, not the machine.
    path: &'static str,
}

const CASES: [Case; 2] = [
    Case { limit: 1, through: 10, direct: 4, path: "/echo?sleep=20ms" },
    Case { limit: 10, through: 60, direct: 12, path: "/echo?sleep=200ms" },
];

/// What was found.
#[derive(Debug, Default)]
struct Found {
    asked: u64,
    lost: u64,
    twice: u64,
    above: u64,
    leaked: usize,
    /// The longest that a pod idled while something was held.
    worst: Duration,
}

pub(crate) async fn run(time: Duration) -> anyhow::Result<()> {
    let mut found = Found::default();
    for case in &CASES {
        case.run(time / CASES.len() as u32, &mut found).await?;
    }
    let Found { asked, lost, twice, above, leaked, worst } = found;
    println!(
        "contracts: {asked} requests, lost {lost}, served twice {twice}, above CC {above}, leaked counters {leaked}, \
         idle while held at most {:.0} ms",
        ms(worst)
    );
    ensure!(lost + twice + above == 0 && leaked == 0, "a count does not hold");
    ensure!(worst <= IDLE_WHILE_HELD, "a pod idled for {:.0} ms while an activator held", ms(worst));
    Ok(())
}

impl Case {
    async fn run(&self, time: Duration, found: &mut Found) -> anyhow::Result<()> {
        let manifest = Manifest::new(&[
            (LIMIT, &self.limit.to_string()),
            ("autoscaling.knative.dev/min-scale", "4"),
            ("autoscaling.knative.dev/max-scale", "4"),
        ]);
        let town = Town::start(Plan { manifest, activators: 2, ..Plan::default() }).await?;
        let mut load = Load::new(town.routes.clone());
        let clients = Clients { path: self.path, payloads: &PAYLOADS, ..Clients::default() };
        load.add(&Clients { count: self.through, aim: Aim::Activators, ..clients.clone() });
        load.add(&Clients { count: self.direct, aim: Aim::Pods, ..clients });
        let activators = town.activators.iter().map(|activator| activator.admin).collect();
        let seen = idle::watch(activators, town.kubelet.running(), Instant::now() + time).await;
        let tally = load.stop().await;
        let served = self.count(&town, &tally, found).await?;
        self.tell(&tally, &served, &seen?, found)?;
        if tally.failures() > 0 {
            println!("{}", town.logs());
        }
        Ok(())
    }

    /// What apps and counters say afterwards.
    async fn count(&self, town: &Town, tally: &Tally, found: &mut Found) -> anyhow::Result<Served> {
        let mut served = Served::default();
        for pod in town.kubelet.running() {
            let seen = pod.seen().await?;
            found.above += u64::from(seen.is_above(self.limit));
            println!("  {}: at most {} in flight, {} requests", pod.name, seen.max_in_flight, seen.ids.len());
            served.add(&seen.ids);
        }
        for leak in town.leaks().await? {
            println!("  leaked: {leak}");
            found.leaked += 1;
        }
        for failure in tally.failures.lock().iter().take(5) {
            println!("  lost: {failure}");
        }
        found.asked += tally.asked.load(Ordering::Relaxed);
        found.lost += tally.failures();
        found.twice += served.twice();
        Ok(served)
    }

    fn tell(&self, tally: &Tally, served: &Served, seen: &Seen, found: &mut Found) -> anyhow::Result<()> {
        let times = tally.sorted_times();
        ensure!(!times.is_empty(), "nothing was answered");
        println!(
            "CC {}, {} clients through two activators and {} direct: sent {}, answered {}, served {}; p50 {:.1} ms, p99 \
             {:.1} ms",
            self.limit,
            self.through,
            self.direct,
            tally.asked.load(Ordering::Relaxed),
            times.len(),
            served.different(),
            ms(quantile(&times, 0.5)),
            ms(quantile(&times, 0.99)),
        );
        println!(
            "  something was held at {:.0} % of {} looks; then {:.0} % of the slots were in use, and a pod had nothing \
             to do for at most {:.0} ms",
            seen.holding_percent(),
            seen.looks,
            seen.used_percent(),
            ms(seen.worst)
        );
        ensure!(seen.holding > 0, "nothing was ever held: the load shows nothing");
        found.worst = found.worst.max(seen.worst);
        Ok(())
    }
}
