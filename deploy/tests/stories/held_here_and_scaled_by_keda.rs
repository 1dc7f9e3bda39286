//! Rouse holds the requests of a paused workload, and KEDA scales it by asking Rouse. In real time: between them are sockets.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use autoscaler::triggers::Reading;
use autoscaler::triggers::metadata::{Parameters, TriggerKind};
use config::{Platform, Policy, Serving};
use deploy::external::Port;
use deploy::memory::{App, Start};
use deploy::sources::{Edge, Look, Object, Pool, PoolSettings, Source, open};
use futures_util::StreamExt;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::system::{MS, SECOND, System, hello};

/// Rouse, and what stands in for KEDA: our own client of external scalers.
struct Both {
    rouse: System,
    concurrency: Box<dyn Source>,
    queue: Box<dyn Source>,
    port: AbortHandle,
}

impl Both {
    /// The workload takes that long to answer.
    fn new(takes: Duration) -> Both {
        let policy = Policy { paused: true, stable_window: 2 * SECOND, ..Policy::default() };
        let rouse = System::of_one(policy, Serving::default(), App::sleeping(Start::ListensAfter(MS), takes));
        let port = Port::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let at = port.address().expect("it has one").to_string();
        let port = tokio::spawn(port.serve(rouse.counted.clone())).abort_handle();
        let [concurrency, queue] = ["concurrency", "queue"].map(|metric| asking(&at, metric));
        Both { rouse, concurrency, queue, port }
    }

    async fn numbers(&self) -> [Reading; 2] {
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let look = Look { at: at.as_secs() as i64, age: Duration::ZERO };
        [self.concurrency.read(look).await.reading, self.queue.read(look).await.reading]
    }

    /// Waits until concurrency and queue are these.
    async fn until(&self, active: bool, concurrency: f64, queue: f64) {
        let expected = [concurrency, queue].map(|metric| Reading::Value { metric, active });
        for _ in 0..100 {
            if self.numbers().await == expected {
                return;
            }
            sleep(100 * MS).await;
        }
        panic!("{:?} is not {expected:?}, for ten seconds", self.numbers().await);
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        self.port.abort();
    }
}

/// A trigger `external-push` of the ScaledObject `hello`.
fn asking(at: &str, metric: &str) -> Box<dyn Source> {
    let given = [("scalerAddress", at), ("metric", metric), ("target", "20")];
    let metadata = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let (auth, env) = (BTreeMap::new(), BTreeMap::new());
    let trigger = TriggerKind::parse("external-push", Parameters::new(&metadata, &auth, &env));
    let trigger = trigger.unwrap_or_else(|problems| panic!("{problems}")).0;
    let object = Object { namespace: "default".to_owned(), name: "hello".to_owned(), interval: 30 * SECOND };
    open(&trigger, &object, &Pool::new(PoolSettings::default())).expect("a source")
}

#[tokio::test]
async fn a_held_request_is_pushed_at_once_and_counted_and_the_rest_is_kedas() {
    let both = Both::new(MS);
    let mut edges = both.concurrency.edges().expect("it pushes");
    let mut edge = async |within| timeout(within, edges.next()).await.ok().flatten();
    assert_eq!(edge(SECOND / 2).await, None, "idle");
    both.until(false, 0.0, 0.0).await;

    let answer = both.rouse.get("/");
    assert_eq!(edge(10 * SECOND).await, Some(Edge::Wake));
    both.until(true, 1.0, 1.0).await;
    assert_eq!(both.rouse.scales(), [0; 0], "that is for KEDA to do");
    both.rouse.platform.scale(&hello(), 1).await.unwrap();
    assert_eq!(answer.await.unwrap().status, 200);
    both.until(true, 0.0, 0.0).await;
    both.until(false, 0.0, 0.0).await;
    assert_eq!(edge(SECOND / 2).await, None, "one edge was one frame");

    both.rouse.platform.scale(&hello(), 0).await.unwrap();
    let again = both.rouse.get("/");
    assert_eq!(edge(10 * SECOND).await, Some(Edge::Wake));
    both.rouse.platform.scale(&hello(), 1).await.unwrap();
    assert_eq!(again.await.unwrap().status, 200);
}

#[tokio::test]
async fn requests_in_apps_count_as_well_as_those_that_wait() {
    let both = Both::new(4 * SECOND);
    both.rouse.platform.scale(&hello(), 1).await.unwrap();
    let answers = [both.rouse.get("/"), both.rouse.get("/")];
    both.until(true, 2.0, 0.0).await;
    for answer in answers {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    both.until(false, 0.0, 0.0).await;
}
