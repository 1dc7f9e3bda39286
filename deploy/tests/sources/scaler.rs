//! Rouse as an external scaler of KEDA's, asked by our own source and by gRPC's own library in Python.

use std::sync::Arc;
use std::time::Duration;

use config::WorkloadId;
use deploy::external::{Load, Queries, serve};
use deploy::sources::Edge;
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::external::{asking, python, script};
use crate::opened::{look, read, trouble, value};

/// Rouse as a scaler of one workload, `shop/Deployment/hello`.
pub(crate) struct Scaler {
    port: u16,
    load: Arc<Mutex<Load>>,
    active: watch::Sender<bool>,
    task: tokio::task::AbortHandle,
}

impl Scaler {
    pub(crate) async fn new() -> Scaler {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (load, (active, told)) = (Arc::new(Mutex::new(Load::default())), watch::channel(false));
        let ours = |workload: &WorkloadId| workload.to_string() == "shop/Deployment/hello";
        let counted = load.clone();
        let queries = Queries {
            load: Arc::new(move |workload| ours(workload).then(|| *counted.lock())),
            activity: Arc::new(move |workload| ours(workload).then(|| told.clone())),
        };
        let task = tokio::spawn(serve(listener, queries)).abort_handle();
        Scaler { port, load, active, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn rouse_is_a_scaler_of_what_it_counts() {
    let scaler = Scaler::new().await;
    let hello = [("workload", "hello"), ("target", "20")];
    let concurrency = asking("external", scaler.port, &hello);
    let queue = asking("external", scaler.port, &[("workload", "hello"), ("metric", "queue")]);
    assert_eq!(read(&*concurrency).await, value(0.0, false));
    *scaler.load.lock() = Load { held: 3, open: 50 };
    let answer = concurrency.read(look()).await;
    assert_eq!((answer.reading, answer.target), (value(50.0, true), Some(20.0)));
    assert_eq!(read(&*queue).await, value(3.0, true));

    let at = format!("127.0.0.1:{}: ", scaler.port);
    let nobody = trouble(&*asking("external", scaler.port, &[("workload", "nobody")])).await;
    assert_eq!(
        nobody,
        format!("{at}says NotFound: shop/Deployment/nobody is not scaled by Rouse: name it by workload and kind")
    );
    let wrong = trouble(&*asking("external", scaler.port, &[("metric", "rps")])).await;
    assert_eq!(
        wrong,
        format!("{at}says InvalidArgument: metric: \"rps\" is not counted: it must be concurrency or queue")
    );
}

#[tokio::test]
async fn it_is_told_of_edges_only() {
    let scaler = Scaler::new().await;
    let source = asking("external-push", scaler.port, &[("workload", "hello")]);
    let mut edges = source.edges().expect("it pushes");
    let mut edge = async || timeout(Duration::from_millis(300), edges.next()).await.ok().flatten();
    assert_eq!(edge().await, None);
    scaler.active.send_replace(true);
    assert_eq!(edge().await, Some(Edge::Wake));
    for _ in 0..5 {
        scaler.active.send_replace(true); // no edge
    }
    assert_eq!(edge().await, None);
    scaler.active.send_replace(false);
    sleep(Duration::from_millis(50)).await;
    scaler.active.send_replace(true);
    assert_eq!((edge().await, edge().await), (Some(Edge::Wake), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcs_own_library_understands_rouse() {
    let Some(python) = python() else { return };
    let scaler = Scaler::new().await;
    *scaler.load.lock() = Load { held: 3, open: 50 };
    scaler.active.send_replace(true);
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
