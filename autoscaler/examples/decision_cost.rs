//! What one tick of one busy workload costs, all included: windows, decision, reasons, bounds, history, deadlines.
//!
//! `cargo run --release -p autoscaler --example decision_cost`
#![expect(clippy::disallowed_types, reason = "it measures the machine: virtual time would measure nothing")]
#![expect(clippy::print_stdout, reason = "it has nothing else to say it with")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use autoscaler::{Engine, EngineSettings, StartAs};
use config::link::{Reporter, Up};
use config::{Pod, PodId, PodState, Policy, Report, Serving, Time, Workload, WorkloadId};

const WORKLOADS: usize = 1_000;
const TICKS: u64 = 500;

fn main() {
    let mut engine = Engine::new(EngineSettings { tick_offset: Duration::from_millis(50), start: StartAs::Zero });
    let ids: Vec<WorkloadId> =
        (0..WORKLOADS).map(|number| WorkloadId::new("default", "Deployment", format!("busy-{number}"))).collect();
    for id in &ids {
        start(&mut engine, id);
    }
    let (mut ticks, mut reports) = (Duration::ZERO, Duration::ZERO);
    for second in 1..=2 * TICKS {
        let since = Instant::now();
        for id in &ids {
            report(&mut engine, id, second);
        }
        reports += since.elapsed();
        let since = Instant::now();
        engine.advance(at(second) + Duration::from_millis(50));
        ticks += since.elapsed();
        engine.take_actions();
    }
    let each = |total: Duration, times: u64| total.as_nanos() as u64 / (times * WORKLOADS as u64);
    println!("a tick: {} ns; a report: {} ns", each(ticks, TICKS), each(reports, 2 * TICKS));
}

fn at(second: u64) -> Time {
    Time::from_nanos(second * 1_000_000_000)
}

fn pod(id: &WorkloadId) -> PodId {
    PodId::new(&format!("{}-1", id.name()))
}

fn start(engine: &mut Engine, id: &WorkloadId) {
    let workload = Workload { id: id.clone(), policy: Policy::default(), serving: Serving::default(), hosts: vec![] };
    engine.workload(Time::ZERO, &workload, 1);
    let pod = Pod {
        id: pod(id),
        workload: id.clone(),
        address: SocketAddr::from(([127, 0, 0, 1], 20_000)),
        state: PodState::Ready,
        has_queue_proxy: true,
        created: Time::ZERO,
    };
    engine.pod(Time::ZERO, &pod);
}

fn report(engine: &mut Engine, id: &WorkloadId, second: u64) {
    let report = Report {
        from: at(second - 1),
        to: at(second),
        concurrency_ns: 5_000_000_000,
        peak: 5,
        in_flight: 5,
        open: 5,
        ..Report::default()
    };
    engine.up(at(second), Up::Report { reporter: Reporter::Pod(pod(id)), workload: id.clone(), report });
}
