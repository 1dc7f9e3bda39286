//! Requests that two servers could read differently do not pass.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod support;

use config::Serving;
use support::{Pod, echo, text};

#[tokio::test(start_paused = true)]
async fn what_is_ambiguous_is_refused() {
    let pod = Pod::with_app(&Serving::default(), echo);
    let cases = [
        ("no Host", "GET / HTTP/1.1\r\n\r\n", "400"),
        ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("twice the same Host", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("a Host that is a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
        (
            "a coding that nobody undoes",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "501",
        ),
        (
            "codings twice",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "501",
        ),
        ("a coding that does not end", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "400"),
        ("two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"),
        ("a length with a sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", "400"),
        ("a name with a space", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"),
        ("a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", "400"),
        ("a tunnel to anywhere", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "405"),
    ];
    for (what, request, status) in cases {
        let answer = pod.send_raw(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
    }
    assert_eq!(pod.app_connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_repaired_reaches_the_app_in_one_form() {
    let pod = Pod::with_app(&Serving::default(), echo);
    let cases = [
        (
            "Content-Length twice",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
            "POST / HTTP/1.1\ncontent-length: 2\nhost: a\n\nab",
        ),
        (
            "a length beside chunks",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            "POST / HTTP/1.1\nhost: a\ntransfer-encoding: chunked\n\nab",
        ),
        ("a target that is a URI", "GET http://b/path HTTP/1.1\r\nHost: a\r\n\r\n", "GET /path HTTP/1.1\nhost: b\n\n"),
        ("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\nhost: \n\n"),
        (
            "a Host named in Connection",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: host, close\r\n\r\n",
            "GET / HTTP/1.1\nhost: a\n\n",
        ),
    ];
    for (what, request, seen) in cases {
        let request = request.replacen("\r\nHost", "\r\nConnection: close\r\nHost", 1);
        let answer = pod.send_raw(&request).await;
        assert_eq!(answer.split_once("\r\n\r\n").unwrap().1, seen, "{what}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let pod = Pod::with_app(&Serving::default(), echo);
    let answer =
        pod.send_raw("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let (first, second) = (answer.find("GET /1").unwrap(), answer.find("GET /2").unwrap());
    assert!(first < second);
}

#[tokio::test(start_paused = true)]
async fn probes_are_answered_and_neither_counted_nor_passed_on() {
    let pod = Pod::with_app(&Serving::default(), echo);
    let probe = |name: &'static str, value: &'static str| {
        let pod = &pod;
        async move {
            let request =
                http::Request::get("/").header("host", "h").header(name, value).body(support::empty()).unwrap();
            let response = pod.send(request).await;
            (response.status().as_u16(), text(response).await.unwrap())
        }
    };
    assert_eq!(probe("k-network-probe", "queue").await.0, 503, "not ready yet");
    pod.front.ready().await;
    assert_eq!(probe("k-network-probe", "queue").await, (200, "queue".to_owned()));
    assert_eq!(probe("user-agent", "kube-probe/1.33").await, (200, "queue".to_owned()));
    assert_eq!(probe("k-network-probe", "activator").await.0, 400);
    pod.front.set_draining(true);
    assert_eq!(probe("k-network-probe", "queue").await, (503, "shutting down".to_owned()));
    let mut reports = Vec::new();
    pod.front.gate().take_reports(true, &mut reports);
    assert_eq!(reports, []);
}
