//! Between the nouns and the messages on the wire. What a newer version says that has no meaning here becomes `None`.

use std::time::Duration;

use super::{Reporter, wire};
use crate::{
    Failure, Histogram, Latency, Mode, Pod, PodId, PodState, Probe, ProbeKind, Protocol, Report, Serving, Time,
    Upgrades, WorkloadId, bounds,
};

/// Saturates after 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl wire::Workload {
    pub(super) fn of(id: &WorkloadId) -> wire::Workload {
        wire::Workload { namespace: id.namespace().into(), kind: id.kind().into(), name: id.name().into() }
    }

    pub(super) fn id(self) -> WorkloadId {
        WorkloadId::new(self.namespace, self.kind, self.name)
    }
}

/// `reporter` as the two fields of a message: pod and activator.
pub(super) fn speaker(reporter: &Reporter) -> (Option<String>, Option<String>) {
    match reporter {
        Reporter::Pod(id) => (Some(id.as_str().to_owned()), None),
        Reporter::Activator(name) => (None, Some(name.as_ref().to_owned())),
    }
}

/// The reporter that the two fields of a message name.
pub(super) fn reporter(pod: Option<&str>, activator: Option<&str>) -> Option<Reporter> {
    let activator = || activator.map(|name| Reporter::Activator(name.into()));
    pod.map(|id| Reporter::Pod(PodId::new(id))).or_else(activator)
}

pub(super) fn state_number(state: PodState) -> u32 {
    match state {
        PodState::Starting => 1,
        PodState::Ready => 2,
        PodState::Draining => 3,
        PodState::Gone => 4,
    }
}

pub(super) fn state(number: u32) -> Option<PodState> {
    Some(match number {
        1 => PodState::Starting,
        2 => PodState::Ready,
        3 => PodState::Draining,
        4 => PodState::Gone,
        _ => return None,
    })
}

pub(super) fn mode_number(mode: Mode) -> u32 {
    match mode {
        Mode::Default => 0,
        Mode::Knative => 1,
    }
}

pub(super) fn mode(number: u32) -> Mode {
    if number == 1 { Mode::Knative } else { Mode::Default }
}

impl wire::Report {
    pub(super) fn of(number: u32, report: &Report) -> wire::Report {
        wire::Report {
            number,
            seq: report.seq,
            from: report.from.as_nanos(),
            to: report.to.as_nanos(),
            concurrency_ns: report.concurrency_ns,
            arrived: report.arrived,
            peak: report.peak,
            in_flight: report.in_flight,
            waiting: report.waiting,
            open: report.open,
            direct_connections: report.direct_connections,
            direct: report.direct,
        }
    }

    pub(super) fn report(&self) -> Report {
        Report {
            seq: self.seq,
            from: Time::from_nanos(self.from),
            to: Time::from_nanos(self.to),
            concurrency_ns: self.concurrency_ns,
            arrived: self.arrived,
            peak: self.peak,
            in_flight: self.in_flight,
            waiting: self.waiting,
            open: self.open,
            direct_connections: self.direct_connections,
            direct: self.direct,
        }
    }
}

impl wire::Door {
    pub(super) fn of(id: &WorkloadId, port: Option<u16>) -> wire::Door {
        wire::Door { workload: Some(wire::Workload::of(id)), port: port.map(u32::from) }
    }

    /// The workload and its port, if there is to be one; none if it is none that can be listened on.
    pub(super) fn door(self) -> Option<(WorkloadId, Option<u16>)> {
        let port = self.port.map(u16::try_from).transpose().ok()?;
        Some((self.workload?.id(), port))
    }
}

impl wire::Latency {
    pub(super) fn of(number: u32, latency: &Latency) -> wire::Latency {
        let of = |histogram: &Histogram| (!histogram.is_empty()).then(|| wire::Histogram::of(histogram));
        wire::Latency { number, answered: of(&latency.answered), held: of(&latency.held) }
    }

    /// None if it is longer than any of this version.
    pub(super) fn latency(self) -> Option<Latency> {
        let histogram = |said: Option<wire::Histogram>| said.unwrap_or_default().histogram();
        Some(Latency { answered: histogram(self.answered)?, held: histogram(self.held)? })
    }
}

impl wire::Histogram {
    fn of(histogram: &Histogram) -> wire::Histogram {
        wire::Histogram {
            took: histogram.iter().map(|(took, _)| nanos(*took)).collect(),
            counts: histogram.iter().map(|(_, count)| *count).collect(),
        }
    }

    fn histogram(self) -> Option<Histogram> {
        let is_short = self.took.len().max(self.counts.len()) <= bounds::LATENCY_BUCKETS;
        is_short.then(|| self.took.into_iter().map(Duration::from_nanos).zip(self.counts).collect())
    }
}

impl wire::Serving {
    pub(super) fn of(serving: &Serving) -> wire::Serving {
        wire::Serving {
            container_concurrency: Some(serving.container_concurrency),
            timeout: Some(nanos(serving.timeout)),
            response_start_timeout: Some(nanos(serving.response_start_timeout)),
            idle_timeout: Some(nanos(serving.idle_timeout)),
            protocol: match serving.protocol {
                Protocol::Http1 => 0,
                Protocol::H2c => 1,
            },
            readiness: serving.readiness.as_ref().map(wire::Probe::of),
            termination_grace: Some(nanos(serving.termination_grace)),
            ignore_paths: serving.ignore_paths.clone(),
            upgrades: serving.upgrades.listed().to_vec(),
        }
    }

    pub(super) fn serving(self) -> Serving {
        let default = Serving::default();
        let or = |said: Option<u64>, default| said.map_or(default, Duration::from_nanos);
        Serving {
            container_concurrency: self.container_concurrency.unwrap_or(default.container_concurrency),
            timeout: or(self.timeout, default.timeout),
            response_start_timeout: or(self.response_start_timeout, default.response_start_timeout),
            idle_timeout: or(self.idle_timeout, default.idle_timeout),
            protocol: if self.protocol == 1 { Protocol::H2c } else { Protocol::Http1 },
            readiness: self.readiness.and_then(wire::Probe::probe),
            termination_grace: or(self.termination_grace, default.termination_grace),
            ignore_paths: self.ignore_paths,
            upgrades: Upgrades::among(self.upgrades),
        }
    }
}

impl wire::Probe {
    fn of(probe: &Probe) -> wire::Probe {
        let port = |port: &Option<u16>| port.map(u32::from);
        let kind = match &probe.kind {
            ProbeKind::Http { path, port: at, headers } => wire::ProbeKind::Http(wire::HttpProbe {
                path: path.clone(),
                port: port(at),
                headers: headers.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect(),
            }),
            ProbeKind::Tcp { port: at } => wire::ProbeKind::Tcp(wire::TcpProbe { port: port(at) }),
            ProbeKind::Grpc { port: at, service } => {
                wire::ProbeKind::Grpc(wire::GrpcProbe { port: port(at), service: service.clone() })
            }
            ProbeKind::Exec { command } => wire::ProbeKind::Exec(wire::ExecProbe { command: command.clone() }),
        };
        wire::Probe {
            kind: Some(kind),
            period: nanos(probe.period),
            timeout: nanos(probe.timeout),
            success_threshold: probe.success_threshold,
            failure_threshold: probe.failure_threshold,
            initial_delay: nanos(probe.initial_delay),
        }
    }

    fn probe(self) -> Option<Probe> {
        let port = |port: Option<u32>| port.and_then(|port| u16::try_from(port).ok());
        let kind = match self.kind? {
            wire::ProbeKind::Http(http) => {
                let mut texts = http.headers.into_iter();
                let headers = std::iter::from_fn(|| Some((texts.next()?, texts.next()?))).collect();
                ProbeKind::Http { path: http.path, port: port(http.port), headers }
            }
            wire::ProbeKind::Tcp(tcp) => ProbeKind::Tcp { port: port(tcp.port) },
            wire::ProbeKind::Grpc(grpc) => ProbeKind::Grpc { port: port(grpc.port), service: grpc.service },
            wire::ProbeKind::Exec(exec) => ProbeKind::Exec { command: exec.command },
        };
        Some(Probe {
            kind,
            period: Duration::from_nanos(self.period),
            timeout: Duration::from_nanos(self.timeout),
            success_threshold: self.success_threshold,
            failure_threshold: self.failure_threshold,
            initial_delay: Duration::from_nanos(self.initial_delay),
        })
    }
}

impl wire::Pod {
    pub(super) fn of(pod: &Pod, of: &WorkloadId) -> wire::Pod {
        wire::Pod {
            id: pod.id.as_str().to_owned(),
            address: pod.address.to_string(),
            state: state_number(pod.state),
            has_queue_proxy: pod.has_queue_proxy,
            created: pod.created.as_nanos(),
            workload: (pod.workload != *of).then(|| wire::Workload::of(&pod.workload)),
        }
    }

    pub(super) fn pod(self, of: &WorkloadId) -> Option<Pod> {
        Some(Pod {
            id: PodId::new(&self.id),
            workload: self.workload.map_or_else(|| of.clone(), wire::Workload::id),
            address: self.address.parse().ok()?,
            state: state(self.state)?,
            has_queue_proxy: self.has_queue_proxy,
            created: Time::from_nanos(self.created),
        })
    }
}

impl wire::Failure {
    pub(super) fn of(failure: &Failure) -> wire::Failure {
        let exits = if let Failure::CrashLoop { exits, .. } = failure { *exits } else { 0 };
        wire::Failure { word: failure.word().to_owned(), detail: failure.detail().to_owned(), exits }
    }

    pub(super) fn failure(self) -> Option<Failure> {
        let (detail, exits) = (self.detail, self.exits);
        Some(match self.word.as_str() {
            "image" => Failure::Image { detail },
            "crash-loop" => Failure::CrashLoop { exits, detail },
            "start-timeout" => Failure::StartTimeout { detail },
            "quota" => Failure::Quota { detail },
            "unschedulable" => Failure::Unschedulable { detail },
            "admission" => Failure::Admission { detail },
            _ => return None,
        })
    }
}
