//! Rouse as an external scaler of KEDA's, asked by our own source and by gRPC's own library in Python.

use std::sync::Arc;
use std::time::Duration;

use autoscaler::{Engine, EngineSettings, Reporters, StartAs};
use config::link::{Reporter, Up};
use config::{Policy, Report, Serving, Workload, WorkloadId};
use deploy::external::{Counted, Port};
use deploy::sources::Edge;
use futures_util::StreamExt;
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::time::{sleep, timeout};

use crate::external::{asking, python, script};
use crate::opened::{look, read, trouble, value};

/// Rouse as a scaler of one workload, `shop/Deployment/hello`.
pub(crate) struct Scaler {
    port: u16,
    clock: Clock,
    engine: Arc<Mutex<Engine>>,
    counted: Counted,
    task: tokio::task::AbortHandle,
}

impl Scaler {
    /// One with an activator.
    pub(crate) fn new() -> Scaler {
        let scaler = Scaler::alone();
        let address = ([127, 0, 0, 1], 1).into();
        let (reporter, at) = (activator(), scaler.clock.now());
        let hello = Up::Hello { reporter, incarnation: 1, workload: None, address, at, token: None };
        scaler.engine.lock().up(at, hello);
        scaler
    }

    /// One that nobody reports to yet.
    fn alone() -> Scaler {
        let clock = Clock::start();
        let (tick_offset, start, reporters) = (Duration::ZERO, StartAs::Zero, Reporters::Linked);
        let mut engine = Engine::new(EngineSettings { tick_offset, start, reporters });
        // Whoever reported to another before has come already.
        let policy = Policy { stable_window: Duration::ZERO, ..Policy::default() };
        let (serving, hosts) = (Serving::default(), Vec::new());
        engine.workload(clock.now(), &Workload { id: hello(), policy, serving, hosts }, 0);
        let engine = Arc::new(Mutex::new(engine));
        let counted = Counted::new(Arc::clone(&engine), clock);
        let port = Port::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let at = port.address().unwrap().port();
        let task = tokio::spawn(port.serve(counted.clone())).abort_handle();
        Scaler { port: at, clock, engine, counted, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The activator says what it has.
    fn report(&self, waiting: u32, open: u32) {
        let now = self.clock.now();
        let report = Report { from: now, to: now, waiting, in_flight: open, open, ..Report::default() };
        self.engine.lock().up(now, Up::Report { reporter: activator(), workload: hello(), report });
    }

    /// What a driver does with the engine's word.
    fn edge(&self, is_busy: bool) {
        self.counted.edge(&hello(), is_busy);
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn hello() -> WorkloadId {
    WorkloadId::new("shop", "Deployment", "hello")
}

fn activator() -> Reporter {
    Reporter::Activator("activator-1".into())
}

#[tokio::test]
async fn rouse_is_a_scaler_of_what_it_counts() {
    let scaler = Scaler::new();
    let hello = [("workload", "hello"), ("target", "20")];
    let concurrency = asking("external", scaler.port, &hello);
    let queue = asking("external", scaler.port, &[("workload", "hello"), ("metric", "queue")]);
    assert_eq!(read(&*concurrency).await, value(0.0, false));
    scaler.report(3, 50);
    let answer = concurrency.read(look()).await;
    assert_eq!((answer.reading, answer.target), (value(50.0, true), Some(20.0)));
    assert_eq!(read(&*queue).await, value(3.0, true));

    let at = format!("127.0.0.1:{}: ", scaler.port);
    let nobody = trouble(&*asking("external", scaler.port, &[("workload", "nobody")])).await;
    assert_eq!(
        nobody,
        format!("{at}says NotFound: shop/Deployment/nobody is not scaled by Rouse: name it by workload and kind")
    );
    for (key, value, problem) in [
        ("metric", "rps", "metric: \"rps\" is not counted: it must be concurrency or queue"),
        ("target", "none", "target: \"none\" is not a number of more than 0"),
    ] {
        let wrong = trouble(&*asking("external", scaler.port, &[(key, value)])).await;
        assert_eq!(wrong, format!("{at}says InvalidArgument: {problem}"));
    }
}

#[tokio::test]
async fn silence_of_those_who_may_have_requests_is_no_zero() {
    let scaler = Scaler::alone();
    let source = asking("external", scaler.port, &[("workload", "hello")]);
    assert_eq!(
        trouble(&*source).await,
        format!(
            "127.0.0.1:{}: says Unavailable: not all who may have requests of shop/Deployment/hello have spoken yet",
            scaler.port
        )
    );
}

#[tokio::test]
async fn it_is_told_of_edges_only() {
    let scaler = Scaler::new();
    let source = asking("external-push", scaler.port, &[("workload", "hello")]);
    let mut edges = source.edges().expect("it pushes");
    let mut edge = async || timeout(Duration::from_millis(300), edges.next()).await.ok().flatten();
    assert_eq!(edge().await, None);
    scaler.edge(true);
    assert_eq!(edge().await, Some(Edge::Wake));
    for _ in 0..5 {
        scaler.edge(true); // no edge
    }
    assert_eq!(edge().await, None);
    scaler.edge(false);
    sleep(Duration::from_millis(50)).await;
    scaler.edge(true);
    assert_eq!((edge().await, edge().await), (Some(Edge::Wake), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcs_own_library_understands_rouse() {
    let Some(python) = python() else { return };
    let scaler = Scaler::new();
    scaler.report(3, 50);
    let ask = async |name: &str, target: &str| {
        let mut command = script(&python);
        command.args(["ask", &scaler.port.to_string(), "shop", name, target]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(ask("hello", "target=2.5").await, "rouse-concurrency 3 2.5 50 50.0 True True");
    let nobody = "NOT_FOUND shop/Deployment/nobody is not scaled by Rouse: name it by workload and kind";
    assert_eq!(ask("nobody", "target=1").await, nobody);
}
