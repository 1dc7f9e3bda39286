//! What a pod's neighbours ask its queue-proxy, on ports that no client reaches.

use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::drain::Cause;
use crate::link::Link;
use crate::{Body, Connections, Drain, Front};
use crate::{Handler, Peer};

/// Answers `/metrics`. Whoever scrapes need not be able to begin a drain.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Whose metrics.
    pub front: Arc<Front>,
    /// Which connections are counted.
    pub connections: Connections,
    /// Who is told of the load, if anyone is.
    pub link: Option<Link>,
}

/// Answers `/wait-for-drain`, `/healthz` and `/metrics`.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The last of them.
    pub metrics: Metrics,
    /// What is waited for.
    pub drain: Arc<Drain>,
}

impl Handler for Metrics {
    type Guard = ();

    async fn handle(&self, request: Request<Incoming>, _peer: &Peer) -> Response<Body<()>> {
        if request.uri().path() != "/metrics" {
            let mut response = Response::new(Body::full("not found"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        let mut metrics = self.front.metrics(&self.connections);
        if let Some(link) = &self.link {
            link.status().render(&mut metrics).expect("a String takes all that is written to it");
        }
        let mut response = Response::new(Body::full(metrics));
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

impl Handler for Admin {
    type Guard = ();

    async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body<()>> {
        // Kubelets before 1.26 put a slash before the path of a hook, which has one, and take any answer for a good one.
        match request.uri().path().trim_start_matches('/') {
            // The app's preStop hook: the app is told to end only when this answers.
            "wait-for-drain" => {
                self.drain.begin(Cause::Hook);
                self.drain.app_may_end().await;
                Response::new(Body::full("drained"))
            }
            "healthz" => Response::new(Body::full("ok")),
            _ => self.metrics.handle(request, peer).await,
        }
    }
}
