//! The admin port: `/healthz`, `/readyz`, `/metrics`, `/v1/workloads`, `/v1/workloads/NAMESPACE/KIND/NAME` and `/v1/jobs`.

use std::sync::Arc;

use activator::{Activator, Snapshot};
use autoscaler::latency::LatencyNow;
use autoscaler::{Engine, RequestsNow, Status};
use config::{Pod, PodState, WorkloadId};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use metrics_exporter_prometheus::PrometheusHandle;
use parking_lot::Mutex;
use queue_proxy::{Body, Clock, Handler, Peer};
use serde_json::{Value, json};

use crate::exposition;
use crate::jobs;
use crate::link::Hub;
use crate::triggers::Told;
use crate::wakes::Wakes;

/// What is said where there is nothing.
pub(crate) const NOTHING_ELSE: &str = "there is /healthz, /readyz, /metrics and /v1/workloads\n";

/// Who sees requests and pods.
enum Watched {
    /// The activator of this process.
    Here(Arc<Activator>),
    /// Those who are linked.
    Linked(Arc<Hub>),
}

impl Watched {
    fn snapshot(&self, id: &WorkloadId) -> Option<Snapshot> {
        match self {
            Watched::Here(activator) => activator.snapshot(id),
            Watched::Linked(_) => None,
        }
    }
}

/// Answers for an engine and whom it hears.
#[derive(Clone)]
pub struct Admin {
    inner: Arc<Inner>,
    wakes: Wakes,
    triggers: Told,
    jobs: jobs::Told,
}

struct Inner {
    engine: Arc<Mutex<Engine>>,
    fronts: Watched,
    clock: Clock,
    metrics: PrometheusHandle,
    /// Held while all workloads are written down: one thread at a time does.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Inner {
    fn new(engine: Arc<Mutex<Engine>>, fronts: Watched, clock: Clock, metrics: PrometheusHandle) -> Arc<Inner> {
        Arc::new(Inner { engine, fronts, clock, metrics, writing: Arc::default() })
    }
}

impl Admin {
    /// An admin port over these.
    pub fn new(
        engine: Arc<Mutex<Engine>>,
        activator: Arc<Activator>,
        clock: Clock,
        metrics: PrometheusHandle,
    ) -> Admin {
        Admin {
            inner: Inner::new(engine, Watched::Here(activator), clock, metrics),
            wakes: Wakes::default(),
            triggers: Told::default(),
            jobs: jobs::Told::default(),
        }
    }

    /// An admin port of an autoscaler.
    pub fn of_autoscaler(engine: Arc<Mutex<Engine>>, hub: Arc<Hub>, clock: Clock, metrics: PrometheusHandle) -> Admin {
        let (wakes, fronts) = (hub.wakes(), Watched::Linked(hub));
        let (triggers, jobs) = (Told::default(), jobs::Told::default());
        Admin { inner: Inner::new(engine, fronts, clock, metrics), wakes, triggers, jobs }
    }

    /// The same, which knows of wakes.
    #[must_use]
    pub fn with_wakes(self, wakes: &Wakes) -> Admin {
        Admin { wakes: wakes.clone(), ..self }
    }

    /// The same, which knows of triggers.
    #[must_use]
    pub fn with_triggers(self, triggers: &Told) -> Admin {
        Admin { triggers: triggers.clone(), ..self }
    }

    /// The same, which knows of Jobs.
    #[must_use]
    pub(crate) fn with_jobs(self, jobs: &jobs::Told) -> Admin {
        Admin { jobs: jobs.clone(), ..self }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Body<()>> {
        if method != Method::GET && method != Method::HEAD {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned());
        }
        match path {
            // It is listening: all that is needed was there.
            "/healthz" | "/readyz" => plain(StatusCode::OK, "ok\n".to_owned()),
            "/metrics" => plain(StatusCode::OK, self.metrics()),
            "/v1/workloads" => json_answer(&self.workloads()),
            "/v1/jobs" => json_answer(&json!({ "scaled_jobs": self.jobs.all(self.inner.clock.now()) })),
            _ => match path.strip_prefix("/v1/workloads/").map(str::parse::<WorkloadId>) {
                Some(Ok(id)) => match self.explain(&id) {
                    Some(explained) => json_answer(&explained),
                    None => plain(StatusCode::NOT_FOUND, format!("no workload {id}\n")),
                },
                Some(Err(error)) => plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
                None => plain(StatusCode::NOT_FOUND, NOTHING_ELSE.to_owned()),
            },
        }
    }

    /// The engine's line about each workload, with the requests that are open now rather than when last reported.
    fn workloads(&self) -> Value {
        let lines: Vec<_> = self.inner.engine.lock().status().collect();
        let line = |mut line: Status| {
            if let Some(seen) = self.inner.fronts.snapshot(&line.workload) {
                line.open = u64::from(seen.open);
            }
            let latency = self.latency(&line.workload);
            let mut line = json!(line);
            line["latency"] = json!(latency);
            line
        };
        json!({ "workloads": lines.into_iter().map(line).collect::<Value>() })
    }

    /// How long the workload's requests took of late. It takes a few microseconds to tell, for which the engine is locked:
    /// it is asked for one workload after the other, so that a driver with many need not wait for all.
    fn latency(&self, id: &WorkloadId) -> LatencyNow {
        self.inner.engine.lock().latency(self.inner.clock.now(), id).unwrap_or_default()
    }

    /// What is open of the workload.
    fn requests(&self, id: &WorkloadId) -> RequestsNow {
        self.inner.engine.lock().requests(self.inner.clock.now(), id).unwrap_or_default()
    }

    /// The engine's explanation, with what the activator knows of requests and pods.
    fn explain(&self, id: &WorkloadId) -> Option<Value> {
        let explained = self.inner.engine.lock().explain(self.inner.clock.now(), id)?;
        let mut answer = json!(explained);
        answer["wakes"] = self.wakes.of(id).iter().map(|woken| woken.told(self.inner.clock.now())).collect();
        if let Some(triggers) = self.triggers.of(id) {
            answer["triggers"] = json!(triggers);
        }
        if let Some(seen) = self.inner.fronts.snapshot(id) {
            answer["state"] = answer["to_zero"]["state"].clone();
            answer["held"] = json!(seen.held);
            answer["held_bytes"] = json!(seen.held_bytes);
            answer["open"] = json!(seen.open);
            answer["running"] = running(&seen);
        }
        if let Watched::Linked(hub) = &self.inner.fronts {
            answer["state"] = answer["to_zero"]["state"].clone();
            answer["held"] = answer["load"]["waiting"].clone();
            answer["running"] = linked(&hub.pods(id));
        }
        Some(answer)
    }

    /// Everything counted, as Prometheus text. Gauges are read now, so that nothing is kept up to date for nobody.
    fn metrics(&self) -> String {
        let lines: Vec<_> = self.inner.engine.lock().status().collect();
        for line in &lines {
            exposition::workload(line, self.inner.fronts.snapshot(&line.workload).as_ref());
        }
        if let Watched::Linked(hub) = &self.inner.fronts {
            exposition::links(hub.links());
        }
        self.wakes.take_answered().iter().for_each(exposition::answered);
        self.inner.metrics.run_upkeep();
        let open = lines.iter().map(|line| (self.requests(&line.workload), &line.workload));
        let open = exposition::open_requests(open);
        let latencies = lines.iter().map(|line| (self.latency(&line.workload), &line.workload));
        let latencies = exposition::latencies(latencies);
        let scalers = [self.triggers.scalers(), self.jobs.scalers()].concat();
        let scalers = exposition::keda::scalers(&scalers, &self.jobs.errors());
        self.inner.metrics.render() + &open + &latencies + &scalers
    }
}

impl Handler for Admin {
    type Guard = ();

    /// What is told of all workloads is written down beside the runtime: of very many it takes so long that nobody's time
    /// would come meanwhile, if the thread is the one that has the timers.
    async fn handle(&self, request: Request<Incoming>, _peer: &Peer) -> Response<Body<()>> {
        let (method, path) = (request.method(), request.uri().path());
        if !matches!(path, "/metrics" | "/v1/workloads" | "/v1/jobs") {
            return self.answer(method, path);
        }
        let alone = Arc::clone(&self.inner.writing).lock_owned().await;
        let (admin, method, path) = (self.clone(), method.clone(), path.to_owned());
        let written = tokio::task::spawn_blocking(move || {
            let _alone = alone;
            admin.answer(&method, &path)
        });
        written.await.unwrap_or_else(|error| plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")))
    }
}

pub(crate) fn running(seen: &Snapshot) -> Value {
    // A pod that is gone stays with the activator until its last report was taken; people need not see it.
    seen.pods
        .iter()
        .filter(|pod| pod.state != PodState::Gone)
        .map(|pod| {
            json!({
                "id": pod.id,
                "address": pod.address.to_string(),
                "state": pod.state,
                "in_flight": pod.in_flight,
                "waiting": pod.waiting,
            })
        })
        .collect()
}

/// Pods as an autoscaler sees them: what each has in flight, its reports say together.
fn linked(pods: &[(Pod, bool)]) -> Value {
    let line = |(pod, linked): &(Pod, bool)| json!({ "id": pod.id, "address": pod.address.to_string(), "state": pod.state, "linked": linked });
    pods.iter().map(line).collect()
}

pub(crate) fn plain(status: StatusCode, text: String) -> Response<Body<()>> {
    answer(status, "text/plain; charset=utf-8", text)
}

pub(crate) fn json_answer(value: &Value) -> Response<Body<()>> {
    answer(StatusCode::OK, "application/json", format!("{value}\n"))
}

fn answer(status: StatusCode, kind: &'static str, text: String) -> Response<Body<()>> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use activator::{HoldLimits, Wake};
    use autoscaler::{EngineSettings, Reporters, StartAs};
    use config::link::{Reporter, Up};
    use config::{Latency, Policy, Report, Serving, Workload};
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn an_autoscaler_explains_the_wakes_that_it_was_told_of() {
        let (clock, id) = (Clock::start(), "hello".parse::<WorkloadId>().unwrap());
        let (tick_offset, start, reporters) = (Duration::ZERO, StartAs::Zero, Reporters::Linked);
        let mut engine = Engine::new(EngineSettings { tick_offset, start, reporters });
        let (policy, serving, hosts) = (Policy::default(), Serving::default(), Vec::new());
        engine.workload(clock.now(), &Workload { id: id.clone(), policy, serving, hosts }, 0);
        let hub = Hub::new(clock, 1, Duration::ZERO);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let admin = Admin::of_autoscaler(Arc::new(Mutex::new(engine)), Arc::clone(&hub), clock, metrics);
        assert_eq!(admin.explain(&id).unwrap()["wakes"], json!([]));
        let (held_at, released_at) = (clock.now(), clock.now() + Duration::from_millis(7));
        let wake = Wake { workload: id.clone(), held_at, released_at, requests: 1, first_byte: Arc::default() };
        hub.wakes().woke(&wake);
        let phases = &admin.explain(&id).unwrap()["wakes"][0]["phases"];
        assert_eq!(phases[0]["phase"], "handed-over");
    }

    #[test]
    fn the_line_the_explanation_and_the_metrics_say_how_long_requests_took() {
        let clock = Clock::start();
        let (tick_offset, start, reporters) = (Duration::ZERO, StartAs::Zero, Reporters::InProcess);
        let mut engine = Engine::new(EngineSettings { tick_offset, start, reporters });
        let [busy, silent] = ["busy", "silent"].map(|name| name.parse::<WorkloadId>().unwrap());
        for id in [&busy, &silent] {
            let (policy, serving, hosts) = (Policy::default(), Serving::default(), Vec::new());
            engine.workload(clock.now(), &Workload { id: id.clone(), policy, serving, hosts }, 0);
        }
        let latency = Latency { answered: vec![(Duration::from_millis(100), 7)], ..Latency::default() };
        let reporter = Reporter::Activator("rouse".into());
        engine.up(clock.now(), Up::Latency { reporter, workload: busy.clone(), latency });
        let activator = Activator::new("rouse", clock, HoldLimits::default());
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let admin = Admin::new(Arc::new(Mutex::new(engine)), activator, clock, metrics);

        let lines = &admin.workloads()["workloads"];
        let told = &lines[0]["latency"];
        assert_eq!((&lines[0]["workload"], &told["answered"]["requests"]), (&json!(busy), &json!(7)));
        let p99 = told["answered"]["p99_seconds"].as_f64().unwrap();
        assert!((0.1..0.107).contains(&p99), "{p99}");
        assert_eq!((&told["held"], &lines[1]["latency"]["answered"]), (&Value::Null, &Value::Null));
        assert_eq!(&admin.explain(&busy).unwrap()["latency"], told);
        let page = admin.metrics();
        let name = "rouse_request_duration_seconds";
        let line = format!("{name}{{workload=\"{busy}\",quantile=\"0.99\"}} {p99}\n");
        assert!(page.contains(&line), "{line} in {page}");
        assert!(!page.contains(&format!("{name}{{workload=\"{silent}\"")), "{page}");
    }

    #[test]
    fn queue_and_concurrency_are_metrics_of_a_workload_that_sleeps_too() {
        let (clock, id) = (Clock::start(), "hello".parse::<WorkloadId>().unwrap());
        let (tick_offset, start, reporters) = (Duration::ZERO, StartAs::Zero, Reporters::Linked);
        let engine = Arc::new(Mutex::new(Engine::new(EngineSettings { tick_offset, start, reporters })));
        let (policy, serving, hosts) = (Policy::default(), Serving::default(), Vec::new());
        engine.lock().workload(clock.now(), &Workload { id: id.clone(), policy, serving, hosts }, 0);
        let hub = Hub::new(clock, 1, Duration::ZERO);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let admin = Admin::of_autoscaler(Arc::clone(&engine), hub, clock, metrics);
        let lines = || {
            let page = admin.metrics();
            let lines = page.lines().filter_map(|line| line.strip_prefix("rouse_workload_"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let of = |queue, concurrency| {
            let line = |name, count| format!("{name}{{workload=\"default/Deployment/hello\"}} {count}");
            [line("queue", queue), line("concurrency", concurrency)]
        };
        assert_eq!(lines(), of(0, 0));
        let report = |reporter, waiting, open| {
            let (from, to) = (clock.now(), clock.now());
            let report = Report { from, to, waiting, in_flight: open, open, ..Report::default() };
            engine.lock().up(to, Up::Report { reporter, workload: id.clone(), report });
        };
        report(Reporter::Activator("one".into()), 1, 1);
        report(Reporter::Activator("two".into()), 2, 2);
        assert_eq!(lines(), of(3, 3));
        for name in ["one", "two"] {
            report(Reporter::Activator(name.into()), 0, 0);
        }
        assert_eq!(lines(), of(0, 0));
        engine.lock().workload_gone(clock.now(), &id);
        assert_eq!(lines(), [""; 0]);
    }
}
