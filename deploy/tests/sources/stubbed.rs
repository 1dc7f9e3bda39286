//! What every source over HTTP does with a server that is slow, silent, wrong, gone or asked the same by many.

use std::time::Duration;

use autoscaler::triggers::Reading;
use deploy::sources::Look;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::opened::{look, opened, pool, read, trigger, trouble, try_opened, until, value};
use crate::process::free_port;
use crate::stub::Stub;

const ONE: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"7"]}]}}"#;

fn prometheus(url: &str, more: &[(&str, &str)]) -> autoscaler::triggers::metadata::TriggerKind {
    let metadata = [&[("serverAddress", url), ("query", "up"), ("threshold", "5"), ("timeout", "500ms")][..], more];
    trigger("prometheus", &metadata.concat(), &[])
}

#[tokio::test]
async fn a_server_that_says_nothing_takes_no_more_than_the_timeout_and_then_no_time_at_all() {
    let stub = Stub::new(|_| None).await;
    let source = opened(&prometheus(&stub.url(), &[]), &pool());
    let before = Instant::now();
    assert!(trouble(&*source).await.ends_with("no answer in time"));
    assert!(Instant::now() - before < Duration::from_secs(5));
    let again = trouble(&*source).await;
    assert!(again.contains("left alone"), "{again}");
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn nobody_listens_and_then_somebody_does() {
    let port = free_port();
    let source = opened(&prometheus(&format!("http://127.0.0.1:{port}"), &[]), &pool());
    let said = trouble(&*source).await;
    assert!(said.starts_with(&format!("127.0.0.1:{port}: cannot connect: Connection refused")), "{said}");
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            use std::io::{Read, Write};
            let mut stream = stream.unwrap();
            let _asked = stream.read(&mut [0; 1024]);
            let _said =
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{ONE}", ONE.len());
        }
    });
    until(&*source, &value(7.0, true)).await;
}

#[tokio::test]
async fn the_same_question_of_many_is_one_request() {
    let stub = Stub::new(|_| Some((200, ONE.to_owned()))).await;
    let pool = pool();
    let low = opened(&prometheus(&stub.url(), &[]), &pool);
    let high = opened(&prometheus(&stub.url(), &[("activationThreshold", "9")]), &pool);
    let other = opened(&prometheus(&stub.url(), &[("namespace", "b")]), &pool);
    assert_eq!(low.key(), high.key());
    assert_ne!(low.key(), other.key());

    let poll = Look { age: Duration::from_secs(60), ..look() };
    let readings = join_all((0..50).map(|n| if n % 2 == 0 { low.read(poll) } else { high.read(poll) })).await;
    assert_eq!((&readings[0].reading, &readings[1].reading), (&value(7.0, true), &value(7.0, false)));
    assert_eq!(high.read(poll).await.reading, value(7.0, false));
    assert_eq!(stub.asked().len(), 1);
    assert_eq!(other.read(poll).await.reading, value(7.0, true));
    assert_eq!(read(&*low).await, value(7.0, true));
    assert_eq!(stub.asked().len(), 3);
}

#[tokio::test]
async fn other_credentials_are_another_user() {
    let stub = Stub::new(|asked| {
        let right = asked.headers.get("authorization").is_some_and(|said| said == "Bearer right");
        Some(if right { (200, ONE.to_owned()) } else { (401, "hunter2".to_owned()) })
    })
    .await;
    let pool = pool();
    let with = |token| {
        let metadata = [("serverAddress", &*stub.url()), ("query", "up"), ("threshold", "5"), ("authModes", "bearer")];
        opened(&trigger("prometheus", &metadata, &[("bearerToken", token)]), &pool)
    };
    let (right, wrong) = (with("right"), with("wrong"));
    let poll = Look { age: Duration::from_secs(60), ..look() };
    assert_eq!(right.read(poll).await.reading, value(7.0, true));
    assert_eq!(wrong.read(poll).await.reading, Reading::failed("prometheus answered 401"));
    // What one did wrong takes nothing from the other.
    assert_eq!(read(&*right).await, value(7.0, true));
    assert!(!format!("{wrong:?} {pool:?}").contains("wrong"));
}

#[tokio::test]
async fn answers_that_are_none() {
    let stub = Stub::new(|asked| {
        let of = |name: &str| asked.path.contains(&format!("query={name}&"));
        Some(match () {
            () if of("huge") => (200, "x".repeat(config::bounds::SOURCE_NUMBER_BYTES + 1)),
            () if of("moved") => (302, String::new()),
            () if of("page") => (200, "<html>".to_owned()),
            () => (503, "hunter2".to_owned()),
        })
    })
    .await;
    let asking = |query| {
        let metadata = [("serverAddress", &*stub.url()), ("query", query), ("threshold", "5")];
        opened(&trigger("prometheus", &metadata, &[]), &pool())
    };
    let at = format!("127.0.0.1:{}: ", stub.port());
    assert_eq!(trouble(&*asking("huge")).await, format!("{at}the answer has more than 65536 bytes"));
    assert!(trouble(&*asking("moved")).await.starts_with(&format!("{at}answered 302 Found, a redirect")));
    assert!(trouble(&*asking("page")).await.starts_with("prometheus' answer is not readable"));
    let overloaded = asking("busy");
    assert_eq!(trouble(&*overloaded).await, format!("{at}answered 503 Service Unavailable"));
    assert!(trouble(&*overloaded).await.contains("left alone"));
}

#[tokio::test]
async fn one_server_that_hangs_takes_nothing_from_another() {
    let (hangs, works) = (Stub::new(|_| None).await, Stub::new(|_| Some((200, ONE.to_owned()))).await);
    let pool = pool();
    let hanging: Vec<_> = (0..100)
        .map(|n| opened(&prometheus(&hangs.url(), &[("namespace", &n.to_string()), ("timeout", "60s")]), &pool))
        .collect();
    let source = opened(&prometheus(&works.url(), &[]), &pool);
    let all = join_all(hanging.iter().map(|source| source.read(look())));
    let ours = async {
        for _ in 0..20 {
            assert_eq!(read(&*source).await, value(7.0, true));
        }
    };
    tokio::select! { _ = all => panic!("they hang"), () = ours => {} }
    assert!(hangs.asked().len() <= config::bounds::SOURCE_READS);
}

#[tokio::test]
async fn a_parameter_that_cannot_be_used_is_named() {
    let custom = trigger(
        "prometheus",
        &[("serverAddress", "http://a"), ("query", "up"), ("threshold", "1"), ("customHeaders", "no name=x")],
        &[],
    );
    let error = try_opened(&custom, &pool()).unwrap_err().to_string();
    assert_eq!(error, "customHeaders: \"no name\" cannot be a header's name");
    let resource = trigger("cpu", &[("value", "60")], &[]);
    assert_eq!(try_opened(&resource, &pool()).unwrap_err().to_string(), "cpu and memory are not read from a source");
}
