//! One workload behind an activator, with its pods, apps and clients, all within one process and in virtual time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use activator::{Activator, HoldLimits, Snapshot};
use bytes::Bytes;
use config::{Mode, Pod, PodId, PodState, Policy, Serving, Time, Workload, WorkloadId};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use queue_proxy::net::MemoryNetwork;
use queue_proxy::{Clock, Connections, Front, Handler};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A workload called `app` and all that belongs to it.
pub(crate) struct Stage {
    pub(crate) activator: Arc<Activator>,
    pub(crate) id: WorkloadId,
    pub(crate) serving: Serving,
    pub(crate) clock: Clock,
    pub(crate) network: MemoryNetwork,
    pub(crate) connections: Connections,
    fronts: Mutex<HashMap<PodId, (Pod, Arc<Front>)>>,
    next_port: AtomicU16,
}

/// What an app saw.
#[derive(Debug, Default)]
pub(crate) struct App {
    /// `x-number` of each request, in the order in which they came.
    pub(crate) numbers: Mutex<Vec<u32>>,
    pub(crate) in_flight: AtomicU32,
    pub(crate) most_in_flight: AtomicU32,
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Stage {
    pub(crate) fn new(container_concurrency: u32) -> Stage {
        Stage::with(Serving { container_concurrency, ..Serving::default() }, HoldLimits::default())
    }

    pub(crate) fn with(serving: Serving, limits: HoldLimits) -> Stage {
        let clock = Clock::start();
        let id: WorkloadId = "app".parse().expect("a workload's name");
        let memory = MemoryNetwork::default();
        let network = queue_proxy::net::Network::Memory(memory.clone());
        let stage = Stage {
            activator: Activator::with_network("activator-0", clock, limits, network),
            id,
            serving,
            clock,
            network: memory,
            connections: Connections::default(),
            fronts: Mutex::default(),
            next_port: AtomicU16::new(20_000),
        };
        stage.set_workload(&stage.serving);
        stage
    }

    pub(crate) fn set_workload(&self, serving: &Serving) {
        for (_, front) in self.fronts.lock().values() {
            front.apply(serving);
        }
        self.activator.set_workload(&self.workload(serving));
    }

    pub(crate) fn workload(&self, serving: &Serving) -> Workload {
        Workload {
            id: self.id.clone(),
            policy: Policy { mode: Mode::Default, ..Policy::default() },
            serving: serving.clone(),
            hosts: vec!["app.localhost".to_owned()],
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Starts a pod whose app takes as long as each request's path says, in milliseconds.
    pub(crate) fn start_pod(&self, name: &str) -> Arc<App> {
        let address = self.announce(name, PodState::Starting);
        let app = self.listen(address);
        self.set_pod(name, PodState::Ready);
        app
    }

    /// Starts an app.
    pub(crate) fn listen(&self, address: SocketAddr) -> Arc<App> {
        let app = Arc::new(App::default());
        tokio::spawn(Arc::clone(&app).run(self.listener(address)));
        app
    }

    /// Listens without answering.
    pub(crate) fn listener(&self, address: SocketAddr) -> mpsc::Receiver<DuplexStream> {
        self.network.listen(address)
    }

    /// An address that nobody has yet.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.next_port.fetch_add(1, Ordering::Relaxed)))
    }

    /// Announces a pod, of which nobody listens yet.
    pub(crate) fn announce(&self, name: &str, state: PodState) -> SocketAddr {
        let address = self.address();
        let network = queue_proxy::net::Network::Memory(self.network.clone());
        let front = Front::new(network, address, &self.serving, self.clock);
        let id = PodId::new(name);
        let pod = Pod {
            id: id.clone(),
            workload: self.id.clone(),
            address,
            state,
            has_queue_proxy: true,
            created: self.clock.now(),
        };
        self.activator.set_pod(&pod, &front);
        self.fronts.lock().insert(id, (pod, front));
        address
    }

    pub(crate) fn set_pod(&self, name: &str, state: PodState) {
        let mut fronts = self.fronts.lock();
        let (pod, front) = fronts.get_mut(&PodId::new(name)).expect("the pod was started");
        pod.state = state;
        self.activator.set_pod(pod, front);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.activator.snapshot(&self.id).expect("the workload is known")
    }

    /// Sends a request over a connection of its own. To abort the task is to leave.
    pub(crate) fn send(&self, request: Request<Full<Bytes>>) -> JoinHandle<Answer> {
        self.send_to(self.activator.gateway(), request)
    }

    /// Sends a request to another handler than the gateway.
    pub(crate) fn send_to<H: Handler>(&self, handler: H, request: Request<Full<Bytes>>) -> JoinHandle<Answer> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        tokio::spawn(self.connections.serve_memory(theirs, handler));
        tokio::spawn(async move {
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await;
            let (mut sender, connection) = handshake.expect("a connection opens");
            let answer = async {
                let response = sender.send_request(request).await.expect("a response comes");
                let (parts, body) = response.into_parts();
                let body = body.collect().await.expect("the response is whole").to_bytes();
                Answer { status: parts.status, headers: parts.headers, body }
            };
            tokio::select! {
                answer = answer => answer,
                ended = connection => panic!("the connection ended without an answer: {ended:?}"),
            }
        })
    }

    /// Serves the gateway over TCP. Time must not be virtual then: it does not wait for sockets.
    pub(crate) fn listen_over_tcp(&self) -> SocketAddr {
        let listener = queue_proxy::net::listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (connections, gateway) = (self.connections.clone(), self.activator.gateway());
        tokio::spawn(async move { connections.listen(listener, gateway).await });
        address
    }

    /// Sends a request that the app takes `time` for.
    pub(crate) fn get(&self, time: Duration) -> JoinHandle<Answer> {
        self.send(get(time, 0))
    }

    /// Sends numbered requests, one after the other; returns when all of them wait.
    pub(crate) async fn hold(&self, numbers: std::ops::Range<u32>) -> Vec<JoinHandle<Answer>> {
        let mut sent = Vec::new();
        for number in numbers {
            let held = self.snapshot().held;
            sent.push(self.send(get(Duration::from_millis(10), number)));
            self.until(|snapshot| snapshot.held == held + 1).await;
        }
        sent
    }

    /// Lets all tasks run until the snapshot is as wanted, within one virtual second.
    pub(crate) async fn until(&self, wanted: impl Fn(&Snapshot) -> bool) {
        for _ in 0..1_000 {
            if wanted(&self.snapshot()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("still {:?}", self.snapshot());
    }
}

/// A request that the app takes `time` for.
pub(crate) fn get(time: Duration, number: u32) -> Request<Full<Bytes>> {
    Request::get(format!("/{}", time.as_millis()))
        .header("host", "app.localhost")
        .header("x-number", number)
        .body(Full::default())
        .expect("a valid request")
}

/// The same, by a client that will leave: the app does not count it.
pub(crate) fn leaving(time: Duration) -> Request<Full<Bytes>> {
    let mut request = get(time, 0);
    request.headers_mut().insert("x-leaves", HeaderValue::from_static("true"));
    request
}

impl Answer {
    pub(crate) fn reason(&self) -> Option<&str> {
        self.headers.get("rouse-reason").and_then(|value| value.to_str().ok())
    }
}

impl App {
    async fn run(self: Arc<App>, mut listener: mpsc::Receiver<DuplexStream>) {
        while let Some(stream) = listener.recv().await {
            let app = Arc::clone(&self);
            let service = service_fn(move |request| Arc::clone(&app).answer(request));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn answer(self: Arc<App>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let number = request.headers().get("x-number").and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
        self.numbers.lock().extend(number);
        let inside = (!request.headers().contains_key("x-leaves")).then(|| Inside::enter(&self));
        let time = request.uri().path().trim_start_matches('/').parse().unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(time)).await;
        drop(inside);
        Ok(Response::new(Full::from("ok")))
    }
}

/// One request in an app, also if its client leaves.
struct Inside<'a>(&'a App);

impl Inside<'_> {
    fn enter(app: &App) -> Inside<'_> {
        let now = app.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        app.most_in_flight.fetch_max(now, Ordering::Relaxed);
        Inside(app)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
