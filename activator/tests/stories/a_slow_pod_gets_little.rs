//! A pod that takes ten times as long gets far fewer requests, however many clients there are; and is found again.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use config::Serving;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use crate::support::{Stage, get};

/// A bare pod that takes so many milliseconds for each request, which can be changed, and counts them.
struct Paced {
    millis: AtomicU64,
    served: AtomicU64,
}

impl Paced {
    fn start(stage: &Stage, name: &str, millis: u64) -> Arc<Paced> {
        let paced = Arc::new(Paced { millis: millis.into(), served: AtomicU64::new(0) });
        let address = stage.address();
        let mut listener = stage.listener(address);
        stage.activator.set_remote_pod(&stage.remote_at(name, address, false));
        let pod = Arc::clone(&paced);
        tokio::spawn(async move {
            while let Some(stream) = listener.recv().await {
                let pod = Arc::clone(&pod);
                let service = service_fn(move |_: Request<hyper::body::Incoming>| {
                    let pod = Arc::clone(&pod);
                    async move {
                        pod.served.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(pod.millis.load(Ordering::Relaxed))).await;
                        Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::from("ok")))
                    }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        paced
    }

    fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

/// So many clients, each of which asks again as soon as it has its answer, for so long.
async fn load(stage: &Arc<Stage>, clients: usize, time: Duration) {
    let end = stage.now() + time;
    let asking: Vec<_> = (0..clients)
        .map(|_| {
            let (ours, theirs) = tokio::io::duplex(4096);
            tokio::spawn(stage.connections.serve_memory(theirs, stage.activator.gateway()));
            let stage = Arc::clone(stage);
            tokio::spawn(async move {
                let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
                tokio::spawn(connection);
                while stage.now() < end {
                    sender.ready().await.unwrap();
                    let response = sender.send_request(get(Duration::ZERO, 0)).await.unwrap();
                    assert_eq!(response.status(), 200);
                    response.into_body().collect().await.unwrap();
                }
            })
        })
        .collect();
    for client in asking {
        client.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_a_quarter_at_any_concurrency() {
    for slots in [0, 10] {
        for slow_first in [false, true] {
            for clients in [1, 2, 4, 10, 20, 50] {
                let serving = Serving { container_concurrency: slots, ..Serving::default() };
                let stage = Arc::new(Stage::with(serving, activator::HoldLimits::default()));
                let pace = if slow_first { [100, 10] } else { [10, 100] };
                let pods = pace.map(|millis| Paced::start(&stage, &format!("{millis}"), millis));
                load(&stage, clients, Duration::from_secs(1)).await;
                let slow = pods[usize::from(!slow_first)].served() as f64;
                let share = slow / pods.iter().map(|pod| pod.served() as f64).sum::<f64>();
                println!("CC {slots}, {clients} clients, slow first {slow_first}: {:.1} %", share * 100.0);
                assert!(share <= 0.25, "{share} with {clients} clients, CC {slots}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_was_slow_is_found_again_when_it_is_fast() {
    let stage = Arc::new(Stage::new(0));
    let pods = [("was-slow", 100), ("other", 10)].map(|(name, millis)| Paced::start(&stage, name, millis));
    load(&stage, 2, Duration::from_secs(3)).await;
    let before = pods[0].served();
    pods[0].millis.store(10, Ordering::Relaxed);
    load(&stage, 2, Duration::from_secs(20)).await;
    let (again, other) = (pods[0].served() - before, pods[1].served());
    println!("{before} while it was slow, {again} since (the other {other} in all)");
    assert!(again > 500, "{again}");
}

#[tokio::test(start_paused = true)]
async fn equals_share_evenly() {
    let stage = Arc::new(Stage::new(10));
    let pods = ["one", "two", "three", "four"].map(|name| Paced::start(&stage, name, 10));
    load(&stage, 20, Duration::from_secs(1)).await;
    let served = pods.map(|pod| pod.served());
    println!("{served:?}");
    let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
    assert!(most - least <= least / 3, "{served:?}");
}
