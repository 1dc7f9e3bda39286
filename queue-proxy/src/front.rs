//! The front of one pod: everything that a request meets on its way to the app.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use config::{Latency, Probe, Serving, Upgrades};
use http::header::HeaderValue;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use parking_lot::RwLock;
use tokio::time::{Instant, timeout_at};

use crate::answer::{Form, Refusal};
use crate::forward::forward_slot;
use crate::headers::{NETWORK_PROBE, REFUSED, is_probe, narrow_upgrade};
use crate::metrics::{Class, Metrics, gauge};
use crate::net::Network;
use crate::probe::{ProbeError, Prober, Surroundings};
use crate::unread::let_go;
use crate::way::Way;
use crate::{
    Admission, Body, Cause, Clock, Connections, Deadlines, Gate, Handler, NotForwarded, Peer, Recorder, Timeouts,
    Upstream,
};

/// The queue-proxy of one pod: gate, app, timeouts, readiness and metrics.
#[derive(Debug)]
pub struct Front {
    clock: Clock,
    gate: Arc<Gate>,
    upstream: Arc<Upstream>,
    settings: RwLock<Settings>,
    metrics: Metrics,
    /// How long requests of clients took that came past all activators.
    answered: Recorder,
    is_ready: AtomicBool,
    is_draining: AtomicBool,
}

#[derive(Debug)]
struct Settings {
    timeouts: Timeouts,
    slots: u32,
    readiness: Option<Probe>,
    surroundings: Option<Surroundings>,
    /// Requests for these are no load.
    ignore_paths: Vec<String>,
    /// What the app may be asked to change to.
    upgrades: Upgrades,
}

/// What is to be known of a request before it is admitted.
struct Asked {
    /// How long it may take.
    timeouts: Timeouts,
    /// It is no load.
    is_ignored: bool,
    /// It is to become a tunnel.
    is_upgrade: bool,
}

/// A request that is counted: from its admission to the last byte of its response.
#[derive(Debug)]
pub struct Counted {
    front: Arc<Front>,
    since: Instant,
    class: Class,
    way: Way,
    /// The slot; given back last, when all else is told.
    admission: Admission,
}

impl Front {
    /// The front of the app at `app`. It is not ready before [`Front::ready`] says so.
    pub fn new(network: Network, app: SocketAddr, serving: &Serving, clock: Clock) -> Arc<Front> {
        let slots = serving.container_concurrency;
        Arc::new(Front {
            clock,
            gate: Gate::new(slots, clock),
            upstream: Upstream::new(network, app, serving.protocol, slots),
            settings: RwLock::new(Settings {
                timeouts: serving.into(),
                slots,
                readiness: serving.readiness.clone(),
                surroundings: None,
                ignore_paths: serving.ignore_paths.clone(),
                upgrades: serving.upgrades.clone(),
            }),
            metrics: Metrics::default(),
            answered: Recorder::default(),
            is_ready: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
        })
    }

    /// Who is inside, and who waits.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The app.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// The clock that everything is counted by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Applies new limits, timeouts and probes to what comes from now on. What the app speaks does not change while it
    /// runs.
    pub fn apply(&self, serving: &Serving) {
        self.gate.set_slots(serving.container_concurrency);
        self.upstream.set_container_concurrency(serving.container_concurrency);
        let mut settings = self.settings.write();
        settings.timeouts = serving.into();
        settings.slots = serving.container_concurrency;
        settings.readiness.clone_from(&serving.readiness);
        settings.ignore_paths.clone_from(&serving.ignore_paths);
        settings.upgrades.clone_from(&serving.upgrades);
    }

    /// Runs exec probes here, from the next probing on. Where this is not called, someone else runs them.
    pub fn run_exec_probes(&self, surroundings: Surroundings) {
        self.settings.write().surroundings = Some(surroundings);
    }

    /// Probes until the app is ready to be given requests. Dropping the future ends the probes.
    pub async fn ready(&self) {
        self.prober().ready().await;
        self.is_ready.store(true, Ordering::Relaxed);
    }

    /// Probes an app that is ready until it is not. Dropping the future ends the probes.
    pub async fn failing(&self) -> ProbeError {
        let error = self.prober().failing().await;
        self.is_ready.store(false, Ordering::Relaxed);
        error
    }

    /// Tells whoever probes this pod from now on whether it is on its way out. Requests are served all the same.
    pub fn set_draining(&self, draining: bool) {
        self.is_draining.store(draining, Ordering::Relaxed);
    }

    /// Whether the pod is on its way out.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Whether the pod can be given requests.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed) && !self.is_draining.load(Ordering::Relaxed)
    }

    /// How long requests took of which nobody else tells, since this was last called.
    pub fn take_latency(&self) -> Latency {
        Latency { answered: self.answered.take(), ..Latency::default() }
    }

    /// All metrics of the [`crate::metrics`] list, in Prometheus' text format.
    pub fn metrics(&self, connections: &Connections) -> String {
        let mut out = String::with_capacity(4 << 10);
        self.write_metrics(connections, &mut out).expect("a String takes all that is written to it");
        out
    }

    fn write_metrics(&self, connections: &Connections, out: &mut String) -> fmt::Result {
        self.metrics.render(out)?;
        let (in_flight, waiting) = self.gate.inside();
        gauge(out, "in_flight", in_flight.into())?;
        gauge(out, "queue_depth", waiting.into())?;
        gauge(out, "slots", self.settings.read().slots.into())?;
        gauge(out, "ready", self.is_ready().into())?;
        gauge(out, "connections", connections.open() as u64)?;
        gauge(out, "direct_connections", connections.direct().open.into())
    }

    fn prober(&self) -> Prober {
        let settings = self.settings.read();
        let network = self.upstream.network().clone();
        Prober::new(network, self.upstream.address(), settings.readiness.clone(), settings.surroundings.clone())
    }

    async fn admit(&self, way: Way, deadlines: &Deadlines) -> Result<Admission, Refusal> {
        if let Some(admission) = self.gate.try_admit() {
            return Ok(admission);
        }
        let admitted = match (way, deadlines.response_start()) {
            // Boxed, since few wait there, and all others would hold the room for it.
            (Way::MayRefuse, _) => return Box::pin(self.gate.admit_or_refuse()).await.map_err(|_| Refusal::POD_BUSY),
            (_, Some(due)) => timeout_at(due, self.gate.admit()).await.map_err(|_| Refusal::REQUEST_TIMEOUT)?,
            (_, None) => self.gate.admit().await,
        };
        admitted.map_err(|_| Refusal::QUEUE_FULL)
    }

    async fn serve(self: &Arc<Front>, slot: &mut Option<Request<Incoming>>, peer: &Peer) -> Response<Body<Counted>> {
        let request = slot.as_mut().expect("there is a request to serve");
        if is_probe(request.headers()) {
            return self.answer_probe(request.headers().get(NETWORK_PROBE));
        }
        let Asked { timeouts, is_ignored, is_upgrade } = self.settings.read().of(request);
        let way = Way::of(request.headers_mut(), peer, is_ignored);
        let form = Form::of(request.headers());
        // Should it become a tunnel, nobody is left to tell.
        let class = if is_upgrade { Class::Informational } else { Class::None };
        let arrival = Instant::now();
        let deadlines = Deadlines::new(timeouts, arrival);
        let admission = if way == Way::Ignored {
            let Some(admission) = self.gate.try_admit_uncounted() else { return Response::new(Body::full("ignored")) };
            admission
        } else {
            match self.admit(way, &deadlines).await {
                Ok(admission) => admission,
                Err(refusal) => return self.turn_back(refusal, way, form),
            }
        };
        let counted = Counted { front: Arc::clone(self), since: arrival, class, way, admission };
        match forward_slot(&self.upstream, slot, counted, deadlines).await {
            Ok(mut response) => {
                let status = response.status();
                if let Some(counted) = response.body_mut().guard_mut() {
                    counted.class = Class::of(status);
                }
                response
            }
            Err(failed) => self.fail(failed, slot, way, form),
        }
    }

    /// The answer to a request that the app has not answered; one that it cannot have seen is in `slot` again.
    fn fail(
        &self,
        mut failed: NotForwarded<Counted>,
        slot: &mut Option<Request<Incoming>>,
        way: Way,
        form: Form,
    ) -> Response<Body<Counted>> {
        failed.guard.class = Class::None;
        *slot = failed.request.map(|request| *request);
        let refusal = failed.cause.refusal();
        if slot.is_some() && way == Way::MayRefuse && failed.cause != Cause::TooLate {
            failed.guard.admission.is_no_arrival(); // another pod may serve it
            return self.turn_back(refusal, way, form);
        }
        self.refuse(refusal, form)
    }

    /// The answer to a request that the app has not seen. An activator that would rather have it back gets it back.
    fn turn_back(&self, refusal: Refusal, way: Way, form: Form) -> Response<Body<Counted>> {
        if way != Way::MayRefuse {
            return self.refuse(refusal, form);
        }
        let refusal = Refusal { status: StatusCode::SERVICE_UNAVAILABLE, ..refusal };
        let mut response = self.refuse(refusal, Form::Plain);
        response.headers_mut().insert(REFUSED, HeaderValue::from_static("1"));
        response
    }

    fn refuse(&self, refusal: Refusal, form: Form) -> Response<Body<Counted>> {
        self.metrics.refused(refusal.reason);
        refusal.answer(form)
    }

    /// The answer to a probe of the pod, which is never counted and never reaches the app.
    fn answer_probe(&self, asked: Option<&HeaderValue>) -> Response<Body<Counted>> {
        let (status, text) = match asked {
            Some(name) if name != "queue" => (StatusCode::BAD_REQUEST, "unexpected probe header value"),
            _ if self.is_draining.load(Ordering::Relaxed) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down"),
            _ if self.is_ready() => (StatusCode::OK, "queue"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "queue not ready"),
        };
        let mut response = Response::new(Body::full(text));
        *response.status_mut() = status;
        response
    }
}

impl Handler for Arc<Front> {
    type Guard = Counted;

    fn handle(&self, request: Request<Incoming>, peer: &Peer) -> impl Future<Output = Response<Body<Counted>>> + Send {
        // Not an async fn: it would keep room for its argument and for what it moves it to.
        let mut request = Some(request);
        async move {
            let response = self.serve(&mut request, peer).await;
            match request {
                Some(unread) => let_go(unread, response),
                None => response,
            }
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let took = Instant::now().duration_since(self.since);
        self.front.metrics.ended(self.class, took);
        // Of what came by an activator, the activator tells.
        if self.way == Way::Direct && self.class.is_answer() {
            self.front.answered.record(took);
        }
    }
}

impl Settings {
    /// What this request asks for, brought down to what it may ask for.
    #[inline]
    fn of<B>(&self, request: &mut Request<B>) -> Asked {
        let is_ignored = |path| self.ignore_paths.iter().any(|ignored| ignored == path);
        Asked {
            timeouts: self.timeouts,
            is_ignored: !self.ignore_paths.is_empty() && is_ignored(request.uri().path()),
            is_upgrade: narrow_upgrade(request.headers_mut(), &self.upgrades),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<'a, F: Future>(_: impl FnOnce(&'a Arc<Front>, Request<Incoming>, &'a Peer) -> F) -> usize {
        size_of::<F>()
    }

    /// Held requests are many: each costs its future.
    #[test]
    fn a_request_on_its_way_is_small() {
        let size = size_of_future(|front, request, peer| front.handle(request, peer));
        assert!(size <= 1200, "{size} bytes, {} of which are the request", size_of::<Request<Incoming>>());
        let body = size_of::<Body<Counted>>();
        assert!(body <= 192, "{body} bytes");
    }
}
