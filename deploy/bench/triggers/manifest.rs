//! Very many ScaledObjects, none of which ever asks for a pod.

use std::fmt::Write as _;
use std::net::SocketAddr;

use config::WorkloadId;

/// `pollingInterval`, in seconds.
pub(super) const POLLING: u64 = 5;

/// What they are, and whom they ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Objects {
    pub(super) count: usize,
    /// Different queries, each of as many objects as the others.
    pub(super) queries: usize,
    pub(super) server: SocketAddr,
    /// The server of one object more.
    pub(super) slow: SocketAddr,
}

pub(super) fn workload(number: usize) -> WorkloadId {
    WorkloadId::new("default", "Deployment", format!("w{number:05}"))
}

/// One list, for a file may hold a thousand documents.
pub(super) fn manifest(objects: Objects) -> String {
    let mut text = String::with_capacity(objects.count * 700);
    text.push_str("apiVersion: v1\nkind: List\nitems:\n");
    for number in 0..objects.count {
        write(&mut text, &format!("w{number:05}"), objects.server, number % objects.queries);
    }
    write(&mut text, "slow", objects.slow, 0);
    text
}

/// A worker, and what scales it: by a number that is there and is never enough to wake it.
fn write(text: &mut String, name: &str, server: SocketAddr, query: usize) {
    let pod = "{ containers: [{ name: app, command: [sleep, infinity] }] }";
    let metadata = format!(
        "{{ serverAddress: \"http://{server}\", query: 'sum(up) + {query}', threshold: \"5\", activationThreshold: \"1000000\" }}"
    );
    let written = writeln!(
        text,
        "- {{ apiVersion: apps/v1, kind: Deployment, metadata: {{ name: {name} }}, spec: {{ template: {{ spec: {pod} }} }} }}\n\
         - {{ apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {{ name: {name} }}, spec: {{ scaleTargetRef: {{ name: \
         {name} }}, pollingInterval: {POLLING}, triggers: [{{ type: prometheus, metadata: {metadata} }}] }} }}"
    );
    written.expect("a String takes any text");
}
