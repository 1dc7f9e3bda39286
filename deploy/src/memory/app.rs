//! What pods in memory run.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use config::manifest::Declared;
use config::{Failure, Pod, PodId, Protocol, WorkloadId};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use queue_proxy::Front;
use queue_proxy::net::MemoryNetwork;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::fleet::{Ended, Launch, Running};

type Answer = Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>;

/// An app: how it starts and how it answers.
#[derive(Clone)]
pub struct App {
    start: Start,
    stops_after: Duration,
    answer: Arc<dyn Fn(Request<Incoming>) -> Answer + Send + Sync>,
}

/// How an app starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It listens after this time.
    ListensAfter(Duration),
    /// It runs but never listens.
    NeverListens,
    /// It ends by itself after this time, without ever having listened.
    CrashesAfter(Duration),
    /// There is nothing to run.
    Missing,
}

impl App {
    /// An app that answers each request with what `answer` returns. A request has the [`PodId`] of the pod that it came
    /// to among its extensions.
    pub fn new<F, A>(start: Start, answer: A) -> App
    where
        A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        App { start, stops_after: Duration::ZERO, answer: Arc::new(move |request| Box::pin(answer(request))) }
    }

    /// The same app, which takes `time` to end once told to.
    pub fn stops_after(self, time: Duration) -> App {
        App { stops_after: time, ..self }
    }

    /// An app that answers 200 after `time`.
    pub fn sleeping(start: Start, time: Duration) -> App {
        App::new(start, move |_| async move {
            sleep(time).await;
            Response::new(Full::from("hello\n"))
        })
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("start", &self.start).finish_non_exhaustive()
    }
}

/// Starts pods in memory.
#[derive(Debug)]
pub(super) struct Apps {
    network: MemoryNetwork,
    apps: Mutex<HashMap<WorkloadId, App>>,
    running: Arc<Mutex<HashMap<PodId, CancellationToken>>>,
    addresses: AtomicU32,
}

impl Apps {
    pub(super) fn new(network: MemoryNetwork) -> Apps {
        Apps { network, apps: Mutex::default(), running: Arc::default(), addresses: AtomicU32::new(1) }
    }

    pub(super) fn set(&self, workload: WorkloadId, app: App) {
        self.apps.lock().insert(workload, app);
    }

    pub(super) fn crash(&self, pod: &PodId) -> bool {
        self.running.lock().get(pod).map(CancellationToken::cancel).is_some()
    }
}

impl Launch for Apps {
    type Running = RunningApp;

    /// An address of 10.0.0.0/8 that no other pod ever has.
    fn reserve(&self) -> Result<SocketAddr, Failure> {
        let [_, a, b, c] = self.addresses.fetch_add(1, Relaxed).to_be_bytes();
        Ok(([10, a, b, c], 8080).into())
    }

    fn release(&self, _: SocketAddr) {}

    async fn launch(&self, declared: &Declared, pod: &Pod, _: &Front) -> Result<RunningApp, Failure> {
        let workload = &declared.workload;
        let app = self.apps.lock().get(&workload.id).cloned();
        let app = app.filter(|app| app.start != Start::Missing);
        let app = app.ok_or_else(|| Failure::Image { detail: "nothing to run".to_owned() })?;
        let (terminate, crash) = (CancellationToken::new(), CancellationToken::new());
        self.running.lock().insert(pod.id.clone(), crash.clone());
        let serving = serve(app, workload.serving.protocol, self.network.clone(), pod.clone(), terminate.clone());
        let run = async move {
            tokio::select! {
                ended = serving => ended,
                () = crash.cancelled() => "crashed as told".to_owned(),
            }
        };
        let (running, pod) = (Arc::clone(&self.running), pod.id.clone());
        Ok(RunningApp { task: tokio::spawn(run), terminate, running, pod })
    }
}

/// A pod in memory. Dropping it cuts all it has.
#[derive(Debug)]
pub(super) struct RunningApp {
    task: JoinHandle<String>,
    terminate: CancellationToken,
    running: Arc<Mutex<HashMap<PodId, CancellationToken>>>,
    pod: PodId,
}

impl Running for RunningApp {
    async fn ended(&mut self) -> Ended {
        let detail = (&mut self.task).await.unwrap_or_else(|error| error.to_string());
        Ended::Exited { success: false, detail }
    }

    fn terminate(&self) {
        self.terminate.cancel();
    }

    async fn kill(mut self) {
        self.task.abort();
        (&mut self.task).await.ok();
    }
}

impl Drop for RunningApp {
    fn drop(&mut self) {
        self.task.abort();
        self.running.lock().remove(&self.pod);
    }
}

/// Runs until told to end and all that is in flight has ended.
async fn serve(app: App, protocol: Protocol, network: MemoryNetwork, pod: Pod, terminate: CancellationToken) -> String {
    match app.start {
        Start::ListensAfter(time) => tokio::select! {
            () = sleep(time) => {}
            () = terminate.cancelled() => return "exit code 0".to_owned(),
        },
        Start::CrashesAfter(time) => {
            sleep(time).await;
            return "exit code 1: crashed".to_owned();
        }
        Start::NeverListens | Start::Missing => {
            terminate.cancelled().await;
            return "exit code 0".to_owned();
        }
    }
    let mut listener = network.listen(pod.address);
    // Dropped with this future, which ends every connection as a killed process would.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Some(stream) = listener.recv() => {
                connections.spawn(connection(app.clone(), pod.id.clone(), protocol, stream, terminate.clone()));
            }
            Some(_) = connections.join_next() => {}
            () = terminate.cancelled() => break,
        }
    }
    drop(listener);
    let stopped = sleep(app.stops_after);
    while connections.join_next().await.is_some() {}
    stopped.await;
    "exit code 0".to_owned()
}

async fn connection(app: App, pod: PodId, protocol: Protocol, stream: DuplexStream, terminate: CancellationToken) {
    let answer = app.answer;
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(pod.clone());
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let io = TokioIo::new(stream);
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new().serve_connection(io, service);
            tokio::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return drop(ended),
                () = terminate.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            connection.await.ok();
        }
        Protocol::H2c => {
            let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service);
            tokio::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return drop(ended),
                () = terminate.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            connection.await.ok();
        }
    }
}
