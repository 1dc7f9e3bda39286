//! What one tick of one busy workload costs, all included (windows, decision, reasons, bounds, history, deadlines), what
//! one report costs, and what idle workloads take up (Linux).
//!
//! `cargo run --release -p autoscaler --example decision_cost`
#![expect(clippy::disallowed_types, reason = "it measures the machine: virtual time would measure nothing")]
#![expect(clippy::print_stdout, reason = "it has nothing else to say it with")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use autoscaler::decide::{Averages, Observation, State, decide};
use autoscaler::{Engine, EngineSettings, Reporters, StartAs};
use config::link::{Reporter, Up};
use config::{Mode, Pod, PodId, PodState, Policy, Report, Serving, Time, Workload, WorkloadId};

const WORKLOADS: usize = 1_000;
const TICKS: u64 = 500;
const IDLE: usize = 10_000;

fn main() {
    for (mode, name) in [(Mode::Default, "default"), (Mode::Knative, "knative")] {
        alone(mode, name);
        busy(mode, name);
    }
    idle();
}

/// The pure decision, without what leads to it and what follows.
fn alone(mode: Mode, name: &str) {
    const TIMES: u32 = 1_000_000;
    let policy = Policy { mode, ..Policy::default() };
    let mut state = State::new(&policy, 3, Time::ZERO);
    let since = Instant::now();
    let mut pods = 0;
    for round in 0..TIMES {
        let load = f64::from(round % 500);
        let observation = Observation {
            ready: Some(3),
            load: Some(Averages { stable: load, panic: load }),
            in_flight: Some(load),
            asked: 3,
            ..Observation::default()
        };
        let verdict = decide(&policy, &observation, &mut state, at(2 * u64::from(round)));
        pods += u64::from(verdict.map_or(0, |verdict| verdict.outcome.desired));
    }
    let each = since.elapsed().as_nanos() as u64 / u64::from(TIMES);
    println!("{name} mode: a decision alone: {each} ns ({} pods on average)", pods / u64::from(TIMES));
}

fn idle() {
    let settings = settings();
    let before = resident();
    let mut engine = Engine::new(settings);
    for number in 0..IDLE {
        let id = WorkloadId::new("default", "Deployment", format!("idle-{number}"));
        let workload = Workload { id, policy: Policy::default(), serving: Serving::default(), hosts: vec![] };
        engine.workload(Time::ZERO, &workload, 0);
        engine.take_actions();
    }
    let each = resident().saturating_sub(before) / IDLE;
    println!("{IDLE} idle workloads: {each} bytes each; next deadline: {:?}", engine.next_deadline());
}

/// Bytes of memory that this process has in use.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4_096
}

fn settings() -> EngineSettings {
    EngineSettings { tick_offset: Duration::from_millis(50), start: StartAs::Zero, reporters: Reporters::InProcess }
}

fn busy(mode: Mode, name: &str) {
    let mut engine = Engine::new(settings());
    let ids: Vec<WorkloadId> =
        (0..WORKLOADS).map(|number| WorkloadId::new("default", "Deployment", format!("busy-{number}"))).collect();
    for id in &ids {
        start(&mut engine, id, mode);
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
    println!("{name} mode: a tick: {} ns; a report: {} ns", each(ticks, TICKS), each(reports, 2 * TICKS));
}

fn at(second: u64) -> Time {
    Time::from_nanos(second * 1_000_000_000)
}

fn pod(id: &WorkloadId) -> PodId {
    PodId::new(&format!("{}-1", id.name()))
}

fn start(engine: &mut Engine, id: &WorkloadId, mode: Mode) {
    let policy = Policy { mode, ..Policy::default() };
    let workload = Workload { id: id.clone(), policy, serving: Serving::default(), hosts: vec![] };
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
