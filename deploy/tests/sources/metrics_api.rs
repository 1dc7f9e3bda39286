//! `metrics-api`: every format and every way to say who one is. Its server is whatever says a number: here a stub.

use std::net::SocketAddr;
use std::sync::Arc;

use autoscaler::triggers::Reading;
use deploy::sources::{Pool, PoolSettings};

use crate::opened::{opened, pool, read, trigger, trouble, value};
use crate::process::free_port;
use crate::stub::Stub;

#[tokio::test]
async fn a_number_in_each_format() {
    let stub = Stub::new(|asked| {
        Some(match asked.path.as_str() {
            "/json?all=1" => (200, r#"{"queues":[{"n":"1k"}]}"#.to_owned()),
            "/xml" => (200, "<q><n>64</n></q>".to_owned()),
            "/yaml" => (200, "q:\n  n: 3\n".to_owned()),
            "/metrics" => (200, "# TYPE n gauge\nn{q=\"a\"} 1\nn{q=\"b\"} 2.5\n".to_owned()),
            _ => (404, String::new()),
        })
    })
    .await;
    let pool = pool();
    let reading = async |path: &str, format, location| {
        let url = format!("{}{path}", stub.url());
        let metadata = [("url", &*url), ("format", format), ("valueLocation", location), ("targetValue", "5")];
        read(&*opened(&trigger("metrics-api", &metadata, &[]), &pool)).await
    };
    assert_eq!(reading("/json?all=1", "json", "queues.0.n").await, value(1000.0, true));
    assert_eq!(reading("/xml", "xml", "q.n").await, value(64.0, true));
    assert_eq!(reading("/yaml", "yaml", "q.n").await, value(3.0, true));
    assert_eq!(reading("/metrics", "prometheus", "n{q=\"b\"}").await, value(2.5, true));
    assert_eq!(reading("/gone", "json", "n").await, Reading::failed("the API answered 404"));
    let Reading::Failed(nothing) = reading("/yaml", "yaml", "q.m").await else { panic!() };
    assert!(nothing.starts_with("valueLocation: nothing stands there"), "{nothing}");
}

#[tokio::test]
async fn each_way_to_say_who_one_is() {
    let stub = Stub::new(|asked| {
        let said = |name: &str| asked.headers.get(name).map(|said| said.to_str().unwrap()).unwrap_or_default();
        let right = said("x-api-key") == "hunter2"
            || matches!(said("authorization"), "Bearer hunter2" | "Basic bWU6aHVudGVyMg==")
            || asked.path == "/?key=hunter2";
        Some(if right { (200, r#"{"n":1}"#.to_owned()) } else { (401, String::new()) })
    })
    .await;
    let reading = async |metadata: &[(&str, &str)], auth: &[(&str, &str)]| {
        let url = stub.url();
        let all = [&[("url", &*url), ("valueLocation", "n"), ("targetValue", "5")], metadata].concat();
        read(&*opened(&trigger("metrics-api", &all, auth), &pool())).await
    };
    let right = value(1.0, true);
    assert_eq!(reading(&[("authMode", "apiKey")], &[("apiKey", "hunter2")]).await, right);
    let query = [("authMode", "apiKey"), ("method", "query"), ("keyParamName", "key")];
    assert_eq!(reading(&query, &[("apiKey", "hunter2")]).await, right);
    assert_eq!(reading(&[("authMode", "bearer")], &[("bearerToken", "hunter2")]).await, right);
    assert_eq!(reading(&[("authMode", "basic")], &[("username", "me"), ("password", "hunter2")]).await, right);
    let wrong = reading(&[("authMode", "bearer")], &[("bearerToken", "other")]).await;
    assert_eq!(wrong, Reading::failed("the API answered 401"));
}

#[tokio::test]
async fn a_login_in_the_url_is_used_and_not_shown() {
    let stub = Stub::new(|asked| {
        let right = asked.headers.get("authorization").is_some_and(|said| said == "Basic bWU6aHVudGVyMg==");
        Some(if right { (200, r#"{"n":1}"#.to_owned()) } else { (500, "broken".to_owned()) })
    })
    .await;
    let with = |login: &str| {
        let url = format!("http://{login}@127.0.0.1:{}", stub.port());
        let metadata = [("url", &*url), ("valueLocation", "n"), ("targetValue", "5")];
        opened(&trigger("metrics-api", &metadata, &[]), &pool())
    };
    let right = with("me:hunter2");
    assert_eq!(read(&*right).await, value(1.0, true));
    assert!(!format!("{right:?}").contains("hunter2"));
    assert_eq!(trouble(&*with("me:other")).await, "the API answered 500");
}

#[tokio::test]
async fn every_endpoint_of_a_service_is_asked() {
    let number = |n: u32| Stub::new(move |_| Some((200, format!(r#"{{"n":{n}}}"#))));
    let (two, four) = (number(2).await, number(4).await);
    let addresses: Vec<SocketAddr> =
        [two.port(), four.port(), free_port()].map(|port| ([127, 0, 0, 1], port).into()).to_vec();
    let endpoints = addresses.clone();
    let settings = PoolSettings {
        endpoints: Arc::new(move |host, port| {
            assert_eq!((host.as_str(), port), ("queue.shop.svc", 80));
            let endpoints = endpoints.clone();
            Box::pin(async move { Ok(endpoints) })
        }),
        ..PoolSettings::default()
    };
    let metadata = [
        ("url", "http://queue.shop.svc/stats"),
        ("valueLocation", "n"),
        ("targetValue", "1"),
        ("aggregateFromKubeServiceEndpoints", "true"),
    ];
    let source = opened(&trigger("metrics-api", &metadata, &[]), &Pool::new(settings));
    assert_eq!(read(&*source).await, value(3.0, true)); // what cannot be asked is left out
    assert_eq!(two.asked()[0].path, "/stats");
}
