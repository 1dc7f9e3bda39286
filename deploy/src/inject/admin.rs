//! The injector's admin port: `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use metrics_exporter_prometheus::PrometheusHandle;
use queue_proxy::{Body, Handler, Peer};

use crate::admin::plain;

/// Answers for one injector.
#[derive(Clone)]
pub(super) struct InjectorAdmin {
    is_ready: Arc<AtomicBool>,
    metrics: PrometheusHandle,
}

impl InjectorAdmin {
    /// One that is not ready yet.
    pub(super) fn new(metrics: PrometheusHandle) -> InjectorAdmin {
        InjectorAdmin { is_ready: Arc::default(), metrics }
    }

    /// Whether the apiserver may call.
    pub(super) fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Relaxed);
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Body<()>> {
        if method != Method::GET && method != Method::HEAD {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned());
        }
        match path {
            "/healthz" => plain(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if self.is_ready.load(Ordering::Relaxed) => plain(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
            "/metrics" => {
                self.metrics.run_upkeep();
                plain(StatusCode::OK, self.metrics.render())
            }
            _ => plain(StatusCode::NOT_FOUND, "there is /healthz, /readyz and /metrics\n".to_owned()),
        }
    }
}

impl Handler for InjectorAdmin {
    type Guard = ();

    async fn handle(&self, request: Request<Incoming>, _peer: &Peer) -> Response<Body<()>> {
        self.answer(request.method(), request.uri().path())
    }
}
