//! Any frames.

use std::net::SocketAddr;
use std::time::Duration;

use config::link::{Down, Reporter, Token, Up};
use config::{
    Failure, Histogram, Latency, Mode, Pod, PodId, PodState, Probe, ProbeKind, Protocol, Report, Serving, Time,
    Upgrades, WorkloadId,
};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "[a-z/ü]{0,4}"]
}

pub(crate) fn workload() -> impl Strategy<Value = WorkloadId> {
    (text(), text(), "[ab]").prop_map(|(namespace, kind, name)| WorkloadId::new(namespace, kind, name))
}

fn pod_id() -> impl Strategy<Value = PodId> {
    "[abc]".prop_map(|name| PodId::new(&name))
}

fn reporter() -> impl Strategy<Value = Reporter> {
    prop_oneof![pod_id().prop_map(Reporter::Pod), "[xy]".prop_map(|name| Reporter::Activator(name.as_str().into())),]
}

fn state() -> impl Strategy<Value = PodState> {
    prop::sample::select(vec![PodState::Starting, PodState::Ready, PodState::Draining, PodState::Gone])
}

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![any::<([u8; 4], u16)>().prop_map(SocketAddr::from), any::<([u16; 8], u16)>().prop_map(SocketAddr::from),]
}

fn time() -> impl Strategy<Value = Time> {
    any::<u64>().prop_map(Time::from_nanos)
}

fn duration() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_nanos)
}

fn token() -> impl Strategy<Value = Token> {
    "[a-z.]{1,40}".prop_map(|text| Token::new(&text).unwrap())
}

fn report() -> impl Strategy<Value = Report> {
    let numbers = (any::<[u64; 4]>(), any::<[u32; 5]>());
    (numbers, time(), time()).prop_map(|(([seq, concurrency_ns, arrived, direct], counts), from, to)| {
        let [peak, in_flight, waiting, open, direct_connections] = counts;
        Report { seq, from, to, concurrency_ns, arrived, peak, in_flight, waiting, open, direct_connections, direct }
    })
}

fn histogram() -> impl Strategy<Value = Histogram> {
    prop::collection::vec((duration(), any::<u64>()), 0..6)
}

fn latency() -> impl Strategy<Value = Latency> {
    (histogram(), histogram()).prop_map(|(answered, held)| Latency { answered, held })
}

pub(crate) fn up() -> impl Strategy<Value = Up> {
    let hello = (reporter(), any::<u64>(), prop::option::of(workload()), address(), time(), prop::option::of(token()));
    prop_oneof![
        1 => hello.prop_map(|(reporter, incarnation, workload, address, at, token)| {
            Up::Hello { reporter, incarnation, workload, address, at, token }
        }),
        1 => (pod_id(), state()).prop_map(|(pod, state)| Up::State { pod, state }),
        1 => time().prop_map(|at| Up::Heartbeat { at }),
        6 => (reporter(), workload(), report()).prop_map(|(reporter, workload, report)| {
            Up::Report { reporter, workload, report }
        }),
        2 => (reporter(), workload()).prop_map(|(reporter, workload)| Up::Left { reporter, workload }),
        1 => (workload(), any::<u16>(), prop::option::of(text())).prop_map(|(workload, port, error)| {
            Up::Door { workload, port, error }
        }),
        1 => Just(Up::Leaving),
        2 => (reporter(), workload(), latency()).prop_map(|(reporter, workload, latency)| {
            Up::Latency { reporter, workload, latency }
        }),
        1 => (reporter(), workload(), [time(), time()], any::<u32>(), prop::option::of(time())).prop_map(
            |(reporter, workload, [held_at, released_at], requests, first_byte)| {
                Up::Woke { reporter, workload, held_at, released_at, requests, first_byte }
            },
        ),
    ]
}

fn probe() -> impl Strategy<Value = Probe> {
    let port = || prop::option::of(any::<u16>());
    let texts = || prop::collection::vec(text(), 0..3);
    let headers = prop::collection::vec((text(), text()), 0..3);
    let kind = prop_oneof![
        (text(), port(), headers).prop_map(|(path, port, headers)| ProbeKind::Http { path, port, headers }),
        port().prop_map(|port| ProbeKind::Tcp { port }),
        (port(), text()).prop_map(|(port, service)| ProbeKind::Grpc { port, service }),
        texts().prop_map(|command| ProbeKind::Exec { command }),
    ];
    (kind, [duration(), duration(), duration()], any::<[u32; 2]>()).prop_map(
        |(kind, [period, timeout, initial_delay], [success_threshold, failure_threshold])| Probe {
            kind,
            period,
            timeout,
            success_threshold,
            failure_threshold,
            initial_delay,
        },
    )
}

fn serving() -> impl Strategy<Value = Serving> {
    let protocol = prop::sample::select(vec![Protocol::Http1, Protocol::H2c]);
    let durations = [duration(), duration(), duration(), duration()];
    let lists = (prop::collection::vec(text(), 0..3), prop::collection::vec(text(), 0..3));
    (any::<u32>(), durations, protocol, prop::option::of(probe()), lists).prop_map(
        |(container_concurrency, durations, protocol, readiness, (ignore_paths, upgrades))| {
            let [timeout, response_start_timeout, idle_timeout, termination_grace] = durations;
            Serving {
                container_concurrency,
                timeout,
                response_start_timeout,
                idle_timeout,
                protocol,
                readiness,
                termination_grace,
                ignore_paths,
                upgrades: Upgrades::among(upgrades),
            }
        },
    )
}

fn pod() -> impl Strategy<Value = Pod> {
    (pod_id(), workload(), address(), state(), any::<bool>(), time()).prop_map(
        |(id, workload, address, state, has_queue_proxy, created)| Pod {
            id,
            workload,
            address,
            state,
            has_queue_proxy,
            created,
        },
    )
}

fn failure() -> impl Strategy<Value = Failure> {
    (0..6, text(), any::<u32>()).prop_map(|(kind, detail, exits)| match kind {
        0 => Failure::Image { detail },
        1 => Failure::CrashLoop { exits, detail },
        2 => Failure::StartTimeout { detail },
        3 => Failure::Quota { detail },
        4 => Failure::Unschedulable { detail },
        _ => Failure::Admission { detail },
    })
}

pub(crate) fn down() -> impl Strategy<Value = Down> {
    let mode = prop::sample::select(vec![Mode::Default, Mode::Knative]);
    let pods = prop::collection::vec(pod(), 0..4);
    prop_oneof![
        (any::<u64>(), duration()).prop_map(|(incarnation, heartbeat)| Down::Welcome { incarnation, heartbeat }),
        Just(Down::Heartbeat),
        any::<u64>().prop_map(|seq| Down::Ack { seq }),
        (workload(), serving(), any::<u32>())
            .prop_map(|(workload, serving, watermark)| { Down::Settings { workload, serving, watermark } }),
        pod_id().prop_map(|pod| Down::Leave { pod }),
        (workload(), serving(), mode, prop::collection::vec(text(), 0..3))
            .prop_map(|(workload, serving, mode, hosts)| Down::Workload { workload, serving, mode, hosts }),
        workload().prop_map(|workload| Down::WorkloadGone { workload }),
        workload().prop_map(|workload| Down::Stays { workload }),
        Just(Down::Synced),
        (workload(), pods, prop::option::of(failure()), time())
            .prop_map(|(workload, pods, failure, at)| { Down::Pods { workload, pods, failure, at } }),
        (workload(), prop::option::of(any::<u16>())).prop_map(|(workload, port)| Down::Door { workload, port }),
    ]
}
