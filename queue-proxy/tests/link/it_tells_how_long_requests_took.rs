//! How long requests took is told every ten seconds, if there were any, of each request by whoever it came to first.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::Latency;
use config::link::{Down, Up};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep, timeout};

use crate::running_pods_obey::{Pod, start};
use crate::server::ServerLink;

const TEN: Duration = Duration::from_secs(10);
const MS: Duration = Duration::from_millis(1);

/// Runs the app, which takes 20 ms for each request.
fn run_app(pod: &Pod) {
    let mut listener = pod.network.listen(([127, 0, 0, 1], 8080).into());
    tokio::spawn(async move {
        while let Some(stream) = listener.recv().await {
            let service = service_fn(|_| async {
                sleep(20 * MS).await;
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

/// Asks the pod; what an activator sends is marked.
async fn ask(pod: &Pod, mark: Option<&str>) {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (connections, front) = (pod.connections.clone(), Arc::clone(&pod.front));
    tokio::spawn(async move { connections.serve_memory(theirs, front).await });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "app");
    let request = mark.map_or(Request::get("/").header("host", "app"), |mark| request.header("rouse-may-refuse", mark));
    let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
}

/// What is told next, and when.
async fn told(server: &mut ServerLink) -> (Latency, Instant) {
    loop {
        if let Up::Latency { latency, .. } = server.next().await.expect("the pod is linked") {
            return (latency, Instant::now());
        }
        server.say(&Down::Heartbeat).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_tells_of_those_that_came_past_all_activators_and_then_is_silent() {
    let (pod, _autoscaler, mut server) = start().await;
    run_app(&pod);
    let begun = Instant::now();
    for mark in [None, Some("1"), None, Some("0"), None] {
        ask(&pod, mark).await;
    }
    let (latency, at) = told(&mut server).await;
    assert!(at - begun <= TEN + Duration::from_secs(1), "{:?}", at - begun);
    let [(took, 3)] = latency.answered[..] else { panic!("{latency:?}") };
    assert!(took <= 20 * MS && took > 18 * MS, "{took:?}");
    assert_eq!(latency.held, [], "it holds nothing for the activator to tell of");

    ask(&pod, None).await;
    let (latency, again) = told(&mut server).await;
    assert_eq!(latency.answered, [(took, 1)]);
    assert_eq!((again - at).as_secs(), TEN.as_secs());
    assert!(timeout(5 * TEN, told(&mut server)).await.is_err(), "nothing came, and nothing is told");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_ends_tells_before_its_last_word() {
    let (pod, _autoscaler, mut server) = start().await;
    run_app(&pod);
    ask(&pod, None).await;
    let said = async {
        let mut words = Vec::new();
        while let Some(frame) = server.next().await {
            words.push(frame);
        }
        drop(server);
        words
    };
    let (words, ()) = tokio::join!(said, pod.reports.last_words());
    let latencies =
        words.iter().filter(|word| matches!(word, Up::Latency { latency, .. } if latency.answered.len() == 1));
    assert_eq!(latencies.count(), 1, "{words:?}");
    assert!(matches!(words.last(), Some(Up::Left { .. })), "{words:?}");
}
