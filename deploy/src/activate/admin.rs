//! An activator's admin port: `/healthz`, `/readyz`, `/metrics` and `/v1/workloads`.

use std::sync::Arc;

use activator::{Activator, Snapshot};
use config::WorkloadId;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use metrics_exporter_prometheus::PrometheusHandle;
use queue_proxy::link::Link;
use queue_proxy::{Body, Handler, Peer};
use serde_json::{Value, json};

use super::heard::Heard;
use crate::admin::{NOTHING_ELSE, json_answer, plain, running};
use crate::exposition;
use crate::wakes::Wakes;

/// Answers for one activator.
#[derive(Clone)]
pub(super) struct ActivatorAdmin {
    inner: Arc<Inner>,
}

struct Inner {
    activator: Arc<Activator>,
    heard: Arc<Heard>,
    link: Link,
    wakes: Wakes,
    metrics: PrometheusHandle,
}

impl ActivatorAdmin {
    pub(super) fn new(
        activator: Arc<Activator>,
        heard: Arc<Heard>,
        link: Link,
        wakes: Wakes,
        metrics: PrometheusHandle,
    ) -> ActivatorAdmin {
        ActivatorAdmin { inner: Arc::new(Inner { activator, heard, link, wakes, metrics }) }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Body<()>> {
        if method != Method::GET && method != Method::HEAD {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned());
        }
        match path {
            "/healthz" => plain(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if self.inner.heard.is_ready() => plain(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
            "/metrics" => plain(StatusCode::OK, self.metrics()),
            "/v1/workloads" => json_answer(&self.workloads()),
            _ => plain(StatusCode::NOT_FOUND, NOTHING_ELSE.to_owned()),
        }
    }

    fn snapshots(&self) -> impl Iterator<Item = (WorkloadId, Snapshot)> {
        let workloads = self.inner.heard.workloads().into_iter();
        workloads.filter_map(|id| self.inner.activator.snapshot(&id).map(|seen| (id, seen)))
    }

    fn workloads(&self) -> Value {
        let line = |(id, seen): (WorkloadId, Snapshot)| {
            json!({
                "workload": id,
                "held": seen.held,
                "held_bytes": seen.held_bytes,
                "open": seen.open,
                "failure": seen.failure,
                "running": running(&seen),
            })
        };
        json!({ "workloads": self.snapshots().map(line).collect::<Value>() })
    }

    fn metrics(&self) -> String {
        for (id, seen) in self.snapshots() {
            exposition::requests(id.to_string(), &seen);
        }
        self.inner.wakes.take_answered().iter().for_each(exposition::answered);
        self.inner.metrics.run_upkeep();
        let mut text = self.inner.metrics.render();
        self.inner.link.status().render(&mut text).expect("a String takes any text");
        text
    }
}

impl Handler for ActivatorAdmin {
    type Guard = ();

    async fn handle(&self, request: Request<Incoming>, _peer: &Peer) -> Response<Body<()>> {
        self.answer(request.method(), request.uri().path())
    }
}
