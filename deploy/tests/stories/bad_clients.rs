//! Clients that break off, leave, or come when there is no room: what each sees, and that nothing of them stays.

use std::sync::Arc;
use std::time::Duration;

use activator::HoldLimits;
use bytes::Bytes;
use config::{Policy, Serving};
use deploy::memory::{App, Start};
use http::Response;
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::clients::Answer;
use crate::system::{MS, SECOND, System, workload};

/// What an app read of a request's body: all of it, or the error.
type Bodies = Arc<Mutex<Vec<Result<Bytes, String>>>>;

fn reading_app(bodies: &Bodies) -> App {
    let bodies = Arc::clone(bodies);
    App::new(Start::ListensAfter(SECOND), move |request| {
        let bodies = Arc::clone(&bodies);
        async move {
            let read = request.into_body().collect().await;
            bodies.lock().push(read.map(|body| body.to_bytes()).map_err(|error| error.to_string()));
            Response::new(Full::<Bytes>::from("read"))
        }
    })
}

fn limited(requests: usize, serving: Serving, app: App) -> System {
    let limits = HoldLimits { requests, ..HoldLimits::default() };
    System::new(limits, vec![(workload("hello", Policy::default(), serving), app)])
}

fn refusal(answer: &Answer) -> (u16, Option<&str>, Option<&str>, &[u8]) {
    (answer.status.as_u16(), answer.header("rouse-reason"), answer.header("retry-after"), &answer.body)
}

const WHOLE: &str = "POST / HTTP/1.1\r\nHost: hello.localhost\r\nContent-Length: 5\r\n\r\nwhole";

/// The first part of two requests whose bodies never come to their ends.
const CUT: [&str; 2] = [
    "POST / HTTP/1.1\r\nHost: hello.localhost\r\nContent-Length: 100\r\n\r\nhalf of it",
    "POST / HTTP/1.1\r\nHost: hello.localhost\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf of it\r\n",
];

#[tokio::test(start_paused = true)]
async fn a_body_that_is_cut_short_reaches_the_app_as_an_abort_and_never_as_a_whole() {
    for cut in CUT {
        let bodies = Bodies::default();
        let system = System::of_one(Policy::default(), Serving::default(), reading_app(&bodies));
        let mut whole = system.connect();
        whole.write_all(WHOLE.as_bytes()).await.unwrap();
        assert!(read_head(&mut whole).await.starts_with("HTTP/1.1 200 OK\r\n"));
        let mut client = system.connect();
        client.write_all(cut.as_bytes()).await.unwrap();
        sleep(SECOND).await;
        assert_eq!((system.snapshot().open, bodies.lock().len()), (1, 1), "the app waits for the rest");
        drop(client);
        sleep(MS).await;
        let bodies = bodies.lock().clone();
        assert!(matches!(&bodies[..], [Ok(whole), Err(_)] if whole == "whole"), "{bodies:?}");
        system.assert_nothing_is_counted();
    }
}

#[tokio::test(start_paused = true)]
async fn nor_does_one_that_is_cut_short_while_its_request_is_held() {
    for cut in CUT {
        let bodies = Bodies::default();
        let system = System::of_one(Policy::default(), Serving::default(), reading_app(&bodies));
        let mut client = system.connect();
        client.write_all(cut.as_bytes()).await.unwrap();
        sleep(500 * MS).await;
        assert_eq!(system.snapshot().held, 1);
        drop(client);
        sleep(5 * SECOND).await;
        assert!(bodies.lock().iter().all(Result::is_err), "{:?}", bodies.lock());
        system.assert_nothing_is_counted();
    }
}

async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut head = vec![0; 1024];
    let read = stream.read(&mut head).await.expect("an answer");
    String::from_utf8_lossy(&head[..read]).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_held_frees_its_place_for_another() {
    for request in ["GET / HTTP/1.1\r\nHost: hello.localhost\r\n\r\n", WHOLE] {
        let system = limited(1, Serving::default(), App::sleeping(Start::ListensAfter(10 * SECOND), MS));
        let mut leaving = system.connect();
        leaving.write_all(request.as_bytes()).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(refusal(&system.get("/").await.unwrap()).1, Some("queue-full"));
        drop(leaving);
        sleep(MS).await;
        let seen = system.snapshot();
        assert_eq!((seen.held, seen.held_bytes, seen.open, seen.counts.left), (0, 0, 0, 1));
        assert_eq!(system.get("/").await.unwrap().status, 200);
        system.assert_nothing_is_counted();
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_are_told_at_once_to_come_later() {
    let system = limited(2, Serving::default(), App::sleeping(Start::ListensAfter(SECOND), MS));
    let held = [system.get("/"), system.get("/")];
    sleep(MS).await;
    let asked = Instant::now();
    let answer = system.get("/").await.unwrap();
    assert_eq!(Instant::now() - asked, Duration::ZERO);
    let text = &b"too many requests wait for this service"[..];
    assert_eq!(refusal(&answer), (503, Some("queue-full"), Some("1"), text));
    for answer in held {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(system.snapshot().counts.queue_full, 1);
    system.assert_nothing_is_counted();
}

#[tokio::test(start_paused = true)]
async fn a_hold_past_its_limit_is_told_so_when_the_limit_is_reached() {
    let serving = Serving { response_start_timeout: 5 * SECOND, ..Serving::default() };
    let system = limited(10, serving, App::sleeping(Start::ListensAfter(60 * SECOND), MS));
    let asked = Instant::now();
    let answer = system.get("/").await.unwrap();
    assert_eq!((Instant::now() - asked).as_secs(), 5);
    let text = &b"no pod could take the request in time"[..];
    assert_eq!(refusal(&answer), (504, Some("hold-timeout"), Some("1"), text));
    assert_eq!(system.snapshot().counts.hold_timeout, 1);
    system.assert_nothing_is_counted();
}
