//! Admission at the pod: requests from activators are given back rather than kept waiting.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod support;

use std::time::Duration;

use config::{Protocol, Serving, bounds};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use support::{AnyBody, Pod, empty, full, get, head, text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

fn one_slot() -> Serving {
    Serving { container_concurrency: 1, ..Serving::default() }
}

/// An app that reads what it is sent, takes five seconds at `/slow`, and says how many bytes came.
async fn app(request: Request<Incoming>) -> Response<AnyBody> {
    if request.uri().path() == "/slow" {
        sleep(Duration::from_secs(5)).await;
    }
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Response::new(full(format!("{} bytes", body.len())))
}

/// A pod with one slot, which a request for `/slow` has.
async fn busy() -> Pod {
    let pod = Pod::with_app(&one_slot(), app);
    let mut client = pod.http1().await;
    tokio::spawn(async move { drop(client.send_request(get("/slow")).await) });
    while pod.front.gate().inside() != (1, 0) {
        sleep(Duration::from_millis(1)).await;
    }
    pod
}

fn from_activator(mark: &str, body: AnyBody) -> Request<AnyBody> {
    Request::post("/").header("host", "h").header("rouse-may-refuse", mark).body(body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_busy_pod_gives_an_activator_its_request_back_after_20_ms() {
    let pod = busy().await;
    let start = Instant::now();
    let response = pod.send(from_activator("1", empty())).await;
    assert_eq!(Instant::now() - start, bounds::MAY_REFUSE_WAIT);
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["rouse-refused"], "1");
    assert_eq!(response.headers()["rouse-reason"], "pod-busy");
    assert_eq!(pod.front.gate().inside(), (1, 0));
    let metrics = pod.front.metrics(&pod.connections);
    assert!(metrics.contains("refused_total{reason=\"pod-busy\"} 1\n"), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn grpc_that_may_be_refused_is_refused_in_a_way_that_no_app_answers() {
    let pod = busy().await;
    let mut request = from_activator("1", empty());
    request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let response = pod.send(request).await;
    assert_eq!((response.status().as_u16(), &response.headers()["rouse-refused"]), (503, &"1".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn what_an_activator_cannot_have_back_waits_in_the_line() {
    let pod = busy().await;
    let response = pod.send(from_activator("0", full("hello"))).await;
    assert_eq!(text(response).await.unwrap(), "5 bytes");
    let direct = pod.connections.direct();
    assert!(direct.activator_seen && direct.open == 0, "{direct:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_app_cannot_have_seen_goes_back_and_is_no_arrival() {
    let pod = Pod::without_app(&one_slot());
    let response = pod.send(from_activator("1", full("hello"))).await;
    assert_eq!((response.status().as_u16(), &response.headers()["rouse-refused"]), (503, &"1".parse().unwrap()));
    assert_eq!(response.headers()["rouse-reason"], "app-unreachable");
    let response = pod.send(from_activator("0", full("hello"))).await;
    assert_eq!((response.status().as_u16(), response.headers().get("rouse-refused")), (502, None));
    pod.settled().await;
    let mut reports = Vec::new();
    pod.front.gate().take_reports(true, &mut reports);
    assert_eq!(reports.iter().map(|report| report.arrived).sum::<u64>(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_marks_reach_no_app_and_no_app_can_set_them() {
    let pod = Pod::with_app(&Serving::default(), |request: Request<Incoming>| async move {
        let headers = request.headers();
        assert!(!headers.contains_key("rouse-may-refuse") && !headers.contains_key("rouse-refused"), "{headers:?}");
        Response::builder().header("rouse-refused", "1").header("rouse-may-refuse", "1").body(full("fine")).unwrap()
    });
    for mark in ["0", "1", "nonsense"] {
        let mut request = from_activator(mark, empty());
        request.headers_mut().insert("rouse-refused", "1".parse().unwrap());
        let response = pod.send(request).await;
        let headers = response.headers();
        assert!(!headers.contains_key("rouse-may-refuse") && !headers.contains_key("rouse-refused"), "{headers:?}");
        assert_eq!(text(response).await.unwrap(), "fine");
    }
}

const EXPECTS: &str =
    "POST / HTTP/1.1\r\nhost: h\r\nrouse-may-refuse: 1\r\nexpect: 100-continue\r\ncontent-length: 20000\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_body_is_asked_for_only_when_the_request_is_admitted() {
    let pod = Pod::with_app(&one_slot(), app);
    let mut stream = connect(&pod).await;
    stream.write_all(EXPECTS.as_bytes()).await.unwrap();
    assert_eq!(head(&mut stream).await, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&[b'x'; 20_000]).await.unwrap();
    let answer = String::from_utf8(head(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_is_not_asked_for_and_its_connection_ends_cleanly() {
    let pod = busy().await;
    let answer = timeout(Duration::from_secs(1), pod.send_raw(EXPECTS)).await.expect("it closes");
    let answer = answer.to_lowercase();
    assert!(answer.starts_with("http/1.1 503 "), "no 100 Continue before it: {answer}");
    assert!(answer.contains("\r\nrouse-refused: 1\r\n") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nno slot is free"), "{answer}");
    assert_eq!(pod.connections.open(), 1, "only the slow one's is left");
}

#[tokio::test(start_paused = true)]
async fn a_small_body_that_was_sent_with_a_refused_request_leaves_the_connection_usable() {
    let pod = busy().await;
    let mut activator = pod.http1().await;
    for size in [0, 1, 4 << 10, 16 << 10] {
        let response = activator.send_request(from_activator("1", full(vec![b'x'; size]))).await.unwrap();
        assert_eq!(response.headers()["rouse-refused"], "1");
        assert!(!response.headers().contains_key("connection"), "{size} bytes");
        assert_eq!(text(response).await.unwrap(), "no slot is free");
        activator.ready().await.unwrap();
    }
    pod.settled().await;
    let response = activator.send_request(from_activator("1", full(vec![b'x'; 100_000]))).await.unwrap();
    assert_eq!(text(response).await.unwrap(), "100000 bytes");
}

/// Over real sockets, where a connection that closes upon bytes that nobody has read loses its answer.
#[tokio::test]
async fn no_refusal_of_a_small_body_is_lost_on_the_way() {
    let pod = busy_over_tcp().await;
    let once = || async {
        let mut stream = TcpStream::connect(pod).await.unwrap();
        let size = 16 << 10;
        let head = format!("POST / HTTP/1.1\r\nhost: h\r\nrouse-may-refuse: 1\r\ncontent-length: {size}\r\n\r\n");
        let rest = "GET / HTTP/1.1\r\nhost: h\r\nrouse-may-refuse: 1\r\nconnection: close\r\n\r\n";
        stream.write_all(&[head.as_bytes(), &vec![b'x'; size], rest.as_bytes()].concat()).await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers.matches("HTTP/1.1 503 ").count(), 2, "{answers}");
    };
    futures_util::future::join_all((0..50).map(|_| once())).await;
}

/// Where a front listens whose one slot is taken for good.
async fn busy_over_tcp() -> std::net::SocketAddr {
    use queue_proxy::net::{Network, listen};
    use queue_proxy::{Clock, Connections, Front};
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let front = Front::new(Network::Tcp, nowhere, &one_slot(), Clock::start());
    let listener = listen(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    std::mem::forget(front.gate().try_admit().unwrap());
    tokio::spawn(async move { Connections::default().listen(listener, front).await });
    address
}

#[tokio::test(start_paused = true)]
async fn over_http2_a_refusal_ends_its_stream_and_no_other() {
    let pod = busy().await;
    let mut activator = pod.http2().await;
    let request = |size: usize| {
        let request = Request::post("http://h/").header("rouse-may-refuse", "1");
        request.body(full(vec![b'x'; size])).unwrap()
    };
    for size in [0, 1, 16 << 10, 200_000] {
        let response = activator.send_request(request(size)).await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["rouse-refused"]), (503, &"1".parse().unwrap()));
        assert_eq!(text(response).await.unwrap(), "no slot is free");
    }
    pod.settled().await;
    for _ in 0..20 {
        let response = activator.send_request(request(200_000)).await.unwrap();
        assert_eq!(text(response).await.unwrap(), "200000 bytes", "the window is not used up");
    }
}

#[tokio::test(start_paused = true)]
async fn an_activator_whose_client_leaves_frees_its_place_at_once() {
    for protocol in [Protocol::Http1, Protocol::H2c] {
        let pod = busy().await;
        let (mut http1, mut http2) = (pod.http1().await, pod.http2().await);
        let waiting = tokio::spawn(async move {
            let request = Request::get("http://h/").header("rouse-may-refuse", "1").header("host", "h");
            let request = request.body(empty()).unwrap();
            match protocol {
                Protocol::Http1 => drop(http1.send_request(request).await),
                Protocol::H2c => drop(http2.send_request(request).await),
            }
        });
        sleep(Duration::from_millis(5)).await;
        assert_eq!(pod.front.gate().inside(), (1, 1));
        waiting.abort();
        sleep(Duration::from_millis(1)).await;
        assert_eq!(pod.front.gate().inside(), (1, 0), "{protocol:?}");
    }
}

async fn connect(pod: &Pod) -> tokio::io::DuplexStream {
    match pod.connect().await {
        queue_proxy::net::Stream::Memory(stream) => stream,
        queue_proxy::net::Stream::Tcp(_) => unreachable!("the network is in memory"),
    }
}
