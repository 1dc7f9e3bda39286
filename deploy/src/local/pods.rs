//! Pods of workloads as processes: each listens on a port of its own.

use std::net::SocketAddr;

use config::manifest::Declared;
use config::{Failure, Pod, Probe, ProbeKind, bounds};
use parking_lot::Mutex;
use queue_proxy::probe::Surroundings;
use queue_proxy::{Clock, Front};
use tokio::net::TcpSocket;

use super::ports::Ports;
use super::process::Process;
use super::start::Starter;
use crate::fleet::Launch;

/// Starts pods as processes.
pub(super) struct Processes {
    pub(super) starter: Starter,
    clock: Clock,
    ports: Mutex<Ports>,
}

impl Processes {
    pub(super) fn new(starter: Starter, clock: Clock) -> Processes {
        Processes { starter, clock, ports: Mutex::default() }
    }
}

impl Launch for Processes {
    type Running = Process;

    fn reserve(&self) -> Result<SocketAddr, Failure> {
        let port = self.ports.lock().take(self.clock.now(), is_free).ok_or_else(|| {
            let (first, last) = (bounds::LOCAL_PORTS.start(), bounds::LOCAL_PORTS.end());
            Failure::Unschedulable { detail: format!("no port from {first} to {last} is free") }
        })?;
        Ok(([127, 0, 0, 1], port).into())
    }

    fn release(&self, address: SocketAddr) {
        self.ports.lock().give_back(address.port(), self.clock.now());
    }

    async fn launch(&self, declared: &Declared, pod: &Pod, front: &Front) -> Result<Process, Failure> {
        let template = declared.template.with_port(pod.address.port());
        let own = [("K_SERVICE", declared.workload.id.name()), ("POD_NAME", pod.id.as_str())];
        let env = self.starter.env(&own, &template);
        let serving = &declared.workload.serving;
        if let Some(Probe { kind: ProbeKind::Exec { .. }, .. }) = serving.readiness {
            front.run_exec_probes(Surroundings { env: env.clone(), dir: template.working_dir.clone() });
        }
        self.starter.start(&pod.id, &template, &env, serving.termination_grace)
    }
}

/// Whether an app could listen on the port, at any address. Nothing listens for the moment that this takes.
fn is_free(port: u16) -> bool {
    TcpSocket::new_v4().is_ok_and(|socket| socket.bind(([0, 0, 0, 0], port).into()).is_ok())
}
