//! Very many workloads and pods, all of them only said to exist.

use std::fmt::Write as _;
use std::net::SocketAddr;

use config::{PodId, WorkloadId};

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) workloads: usize,
    /// Pods of each.
    pub(super) pods: usize,
    /// How many pods have a queue-proxy: the first ones.
    pub(super) proxied: usize,
}

impl Size {
    pub(super) fn all_pods(self) -> usize {
        self.workloads * self.pods
    }

    /// The workload that the pod of this number is of.
    pub(super) fn workload_of(self, pod: usize) -> usize {
        pod / self.pods
    }
}

pub(super) fn workload(number: usize) -> WorkloadId {
    WorkloadId::new("scale", "Deployment", format!("w{number:05}"))
}

pub(super) fn pod(number: usize) -> PodId {
    PodId::new(&format!("p{number:06}"))
}

/// An address for each pod that nobody ever connects to.
pub(super) fn address(number: usize) -> SocketAddr {
    let [_, high, middle, low] = u32::try_from(number).unwrap_or(0).to_be_bytes();
    SocketAddr::from(([127, 64 + high, middle, low], 8012))
}

/// The platform's file: each pod takes ten at once. One list, for a file may hold a thousand documents.
pub(super) fn manifest(size: Size) -> String {
    let mut text = String::with_capacity(size.workloads * 400 + size.all_pods() * 80);
    text.push_str("apiVersion: v1\nkind: List\nitems:\n");
    for number in 0..size.workloads {
        write_workload(&mut text, number, size).expect("a String takes any text");
    }
    text
}

fn write_workload(text: &mut String, number: usize, size: Size) -> std::fmt::Result {
    writeln!(
        text,
        "- {{ apiVersion: apps/v1, kind: Deployment, metadata: {{ namespace: scale, name: w{number:05}, annotations: {{ \
         rouse.dev/container-concurrency: \"10\", autoscaling.knative.dev/target: \"10\" }} }}, spec: {{ template: {{ spec: \
         {{ containers: [{{ name: app, command: [rouse, sample] }}] }} }} }} }}"
    )?;
    if size.pods == 0 {
        return Ok(());
    }
    writeln!(text, "- {{ apiVersion: rouse.dev/v1, kind: Pods, workload: {}, pods: [", workload(number))?;
    for pod in number * size.pods..(number + 1) * size.pods {
        let (name, address, proxied) = (self::pod(pod), address(pod), pod < size.proxied);
        writeln!(text, "  {{ name: {name}, address: \"{address}\", queueProxy: {proxied} }},")?;
    }
    writeln!(text, "  ] }}")
}
