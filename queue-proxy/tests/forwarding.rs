//! Requests through a pod's front, to its app and back.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use config::{Protocol, Serving};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use queue_proxy::net::Network;
use queue_proxy::{Clock, Front};
use support::{Error, Pod, data, echo, empty, full, get, head, post, stream, text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

fn serving() -> Serving {
    Serving::default()
}

#[tokio::test(start_paused = true)]
async fn the_app_sees_the_request_without_hop_by_hop_headers() {
    let pod = Pod::with_app(&serving(), echo);
    let request = Request::post("/path?query=1")
        .header("host", "hello.localhost")
        .header("connection", "keep-alive, x-named, upgrade")
        .header("keep-alive", "timeout=5")
        .header("x-named", "gone")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAAQAAP__")
        .header("rouse-may-refuse", "1")
        .header("k-proxy-request", "activator")
        .header("te", "trailers, deflate")
        .header("x-kept", "kept")
        .body(full("body"))
        .unwrap();
    let seen = text(pod.send(request).await).await.unwrap();
    let expected =
        "POST /path?query=1 HTTP/1.1\ncontent-length: 4\nhost: hello.localhost\nte: trailers\nx-kept: kept\n\nbody";
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_reaches_an_http1_app() {
    let pod = Pod::with_app(&serving(), echo);
    let request = Request::get("http://hello.localhost:80/path")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(empty())
        .unwrap();
    let seen = text(pod.http2().await.send_request(request).await.unwrap()).await.unwrap();
    assert_eq!(seen, "GET /path HTTP/1.1\ncookie: a=1; b=2\nhost: hello.localhost:80\n\n");
}

#[tokio::test(start_paused = true)]
async fn grpc_goes_by_http2_and_keeps_its_trailers() {
    let pod = Pod::with_app(&serving(), |request| async move {
        assert_eq!(request.version(), http::Version::HTTP_2);
        assert_eq!(request.uri(), "http://hello.localhost/package.Service/Method");
        let (sender, body) = stream();
        sender.send(data("message")).await.unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        sender.send(Ok(Frame::trailers(trailers))).await.unwrap();
        Response::new(body)
    });
    let request = Request::post("http://hello.localhost/package.Service/Method")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(full("ask"))
        .unwrap();
    let response = pod.http2().await.send_request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(body.to_bytes(), "message");
    pod.settled().await;
}

#[tokio::test(start_paused = true)]
async fn an_h2c_app_is_reached_over_one_connection() {
    let pod = Pod::with_app(&Serving { protocol: Protocol::H2c, ..serving() }, echo);
    for _ in 0..3 {
        let seen = text(pod.send(get("/")).await).await.unwrap();
        assert_eq!(seen, "GET http://hello.localhost/ HTTP/2.0\n\n");
    }
    assert_eq!(pod.app_connections(), 1);
}

// Over TCP, where opening a connection takes a moment in which others come.
#[tokio::test]
async fn those_who_come_together_share_a_connection_to_an_h2c_app() {
    let app = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let serving = Serving { protocol: Protocol::H2c, ..serving() };
    let front = Front::new(Network::Tcp, app.local_addr().unwrap(), &serving, Clock::start());
    let pod = Pod { front: Arc::clone(&front), ..Pod::without_app(&serving) };
    let accepted = Arc::clone(&pod.app_connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = app.accept().await {
            accepted.fetch_add(1, Ordering::Relaxed);
            let service = hyper::service::service_fn(|request| async { Ok::<_, Error>(echo(request).await) });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    let together: Vec<_> = (0..50)
        .map(|_| async {
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            tokio::spawn(pod.connections.serve_memory(theirs, Arc::clone(&front)));
            let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await.unwrap();
            tokio::spawn(connection);
            client.send_request(get("/")).await.unwrap().status()
        })
        .collect();
    let answers = futures_util::future::join_all(together).await;
    assert_eq!(answers, [200; 50]);
    assert_eq!(pod.app_connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn bodies_stream_both_ways() {
    let pod =
        Pod::with_app(&serving(), |request| async { Response::new(request.into_body().map_err(Into::into).boxed()) });
    let (sender, body) = stream();
    let request = Request::post("/").header("host", "h").body(body).unwrap();
    let mut client = pod.http1().await;
    let (response, ()) = tokio::join!(client.send_request(request), async { sender.send(data("one")).await.unwrap() });
    let mut response = response.unwrap().into_body();
    assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    sender.send(data("two")).await.unwrap();
    assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), "two");
    drop(sender);
    assert!(response.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again_whatever_the_response_was_like() {
    let pod = Pod::with_app(&serving(), |request| async move {
        let mut response = Response::new(if request.uri() == "/empty" { empty() } else { full("body") });
        if request.uri() == "/nothing-new" {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        response
    });
    let mut client = pod.http1().await;
    for (method, path, body) in [
        ("GET", "/", "body"),
        ("HEAD", "/", ""),
        ("GET", "/empty", ""),
        ("GET", "/nothing-new", ""),
        ("GET", "/", "body"),
    ] {
        let request = Request::builder().method(method).uri(path).header("host", "h").body(empty()).unwrap();
        client.ready().await.unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(text(response).await.unwrap(), body, "{method} {path}");
    }
    pod.settled().await;
    assert_eq!(pod.app_connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_close_in_time() {
    let (closed, mut closing) = mpsc::channel(1);
    let pod = Pod::with_raw_app(&serving(), move |mut stream| {
        let closed = closed.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
            closed.send(tokio::time::Instant::now()).await.unwrap();
        }
    });
    let start = tokio::time::Instant::now();
    assert_eq!(text(pod.send(get("/")).await).await.unwrap(), "ok");
    let idle = closing.recv().await.unwrap() - start;
    assert!(idle >= Duration::from_secs(4) && idle <= Duration::from_secs(6), "{idle:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_on_a_connection_that_died_idle_is_sent_again_with_its_body() {
    let pod = Pod::with_raw_app(&serving(), |mut stream| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"body") {
            stream.read_buf(&mut request).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        // Closed without a word, as a server does whose keep-alive is over.
    });
    for _ in 0..5 {
        assert_eq!(text(pod.send(post("/", "body")).await).await.unwrap(), "ok");
    }
    assert_eq!(pod.app_connections(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_not_there_is_a_502_with_its_reason() {
    let pod = Pod::without_app(&serving());
    let response = pod.send(get("/")).await;
    assert_eq!(
        (response.status(), &response.headers()["rouse-reason"]),
        (StatusCode::BAD_GATEWAY, &"app-unreachable".parse().unwrap())
    );

    let request = Request::post("http://h/s/m").header("content-type", "application/grpc").body(empty()).unwrap();
    let response = pod.http2().await.send_request(request).await.unwrap();
    assert_eq!((response.status(), &response.headers()["grpc-status"]), (StatusCode::OK, &"14".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn an_app_that_closes_instead_of_answering_is_a_502() {
    let pod = Pod::with_raw_app(&serving(), |mut stream| async move {
        head(&mut stream).await;
    });
    let response = pod.send(get("/")).await;
    assert_eq!(
        (response.status(), &response.headers()["rouse-reason"]),
        (StatusCode::BAD_GATEWAY, &"app-broke-off".parse().unwrap())
    );
    assert_eq!(pod.app_connections(), 1, "the app may have seen it: it is not sent again");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_frees_its_slot_and_the_app_can_tell() {
    let (told, mut tell) = mpsc::channel(2);
    let pod = Pod::with_raw_app(&Serving { container_concurrency: 1, ..serving() }, move |mut stream| {
        let told = told.clone();
        async move {
            head(&mut stream).await;
            told.send("asked").await.unwrap();
            assert_eq!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
            told.send("left").await.unwrap();
        }
    });
    let mut stream = pod.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    assert_eq!(tell.recv().await, Some("asked"));
    assert_eq!(pod.front.gate().inside(), (1, 0));
    drop(stream);
    assert_eq!(tell.recv().await, Some("left"));
    assert_eq!(pod.front.gate().inside(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_that_resets_frees_its_slot_and_the_app_can_tell() {
    let (told, mut tell) = mpsc::channel(2);
    let pod = Pod::with_raw_app(&serving(), move |mut stream| {
        let told = told.clone();
        async move {
            head(&mut stream).await;
            told.send("asked").await.unwrap();
            assert_eq!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
            told.send("left").await.unwrap();
        }
    });
    let mut client = pod.http2().await;
    let request = Request::get("http://h/").body(empty()).unwrap();
    let response = tokio::spawn(client.send_request(request));
    assert_eq!(tell.recv().await, Some("asked"));
    response.abort();
    assert_eq!(tell.recv().await, Some("left"));
    pod.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_the_client_does_not_finish_breaks_the_app_off() {
    let (sender, body) = stream();
    let body = Arc::new(parking_lot::Mutex::new(Some(body)));
    let pod = Pod::with_app(&serving(), move |_| {
        let body = body.lock().take().unwrap();
        async { Response::new(body) }
    });
    let mut client = pod.http1().await;
    let (response, ()) =
        tokio::join!(client.send_request(get("/")), async { sender.send(data("first")).await.unwrap() });
    let mut response = response.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(pod.front.gate().inside(), (1, 0));
    drop((response, client));
    sender.closed().await;
    pod.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_body_that_is_cut_reaches_the_app_as_cut() {
    let (told, mut tell) = mpsc::channel(1);
    let pod = Pod::with_app(&serving(), move |request| {
        let told = told.clone();
        async move {
            let outcome = request.into_body().collect().await.map(|body| body.to_bytes().len());
            told.send(outcome.is_err()).await.unwrap();
            Response::new(empty())
        }
    });
    for request in [
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let mut stream = pod.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(stream);
        assert_eq!(tell.recv().await, Some(true), "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_cut_reaches_the_client_as_cut() {
    for rest in ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let pod = Pod::with_raw_app(&serving(), move |mut stream| async move {
            head(&mut stream).await;
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{rest}").as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
        let response = pod.send(get("/")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(text(response).await.is_err(), "{rest}");

        let request = Request::get("http://h/").body(empty()).unwrap();
        let response = pod.http2().await.send_request(request).await.unwrap();
        assert!(text(response).await.is_err(), "{rest} over HTTP/2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_expects_100_gets_it_when_the_app_takes_the_body() {
    let pod = Pod::with_app(&serving(), echo);
    let mut stream = pod.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n").await.unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let mut answer = vec![0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 200 OK");
}

#[tokio::test(start_paused = true)]
async fn an_early_hint_of_the_app_is_passed_over() {
    let pod = Pod::with_raw_app(&serving(), |mut stream| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    });
    assert_eq!(text(pod.send(get("/")).await).await.unwrap(), "ok");
}
