//! `elasticsearch`. This is a STUB: no registry that Rouse is built from has an Elasticsearch. It answers what Elasticsearch's
//! documentation says, and proves requests, credentials and what becomes of answers; not that a real one would answer so.

use autoscaler::triggers::Reading;
use http::Method;

use crate::opened::{opened, pool, read, trigger, trouble, value};
use crate::process::free_port;
use crate::stub::{Asked, Stub};

fn documented(asked: &Asked) -> Option<(u16, String)> {
    if asked.headers.get("authorization").is_none_or(|said| said != "Basic ZWxhc3RpYzpodW50ZXIy") {
        return Some((401, r#"{"error":{"type":"security_exception"},"status":401}"#.to_owned()));
    }
    Some(match asked.path.as_str() {
        "/logs/_search/template" => {
            (200, r#"{"took":1,"hits":{"total":{"value":12,"relation":"eq"},"hits":[]}}"#.to_owned())
        }
        "/logs,more/_search" => {
            (200, r#"{"hits":{"total":{"value":0}},"aggregations":{"age":{"value":null}}}"#.to_owned())
        }
        _ => (404, r#"{"error":{"type":"index_not_found_exception"},"status":404}"#.to_owned()),
    })
}

fn searching(addresses: &str, metadata: &[(&str, &str)], password: &str) -> Box<dyn deploy::sources::Source> {
    let login = [("addresses", addresses), ("username", "elastic"), ("targetValue", "5"), ("timeout", "500ms")];
    let all = [&login[..], metadata].concat();
    opened(&trigger("elasticsearch", &all, &[("password", password)]), &pool())
}

const TEMPLATE: [(&str, &str); 4] = [
    ("index", "logs"),
    ("searchTemplateName", "backlog"),
    ("parameters", "level:error;n:5"),
    ("valueLocation", "hits.total.value"),
];

#[tokio::test]
async fn a_template_is_filled_and_its_number_found() {
    let stub = Stub::new(documented).await;
    let source = searching(&stub.url(), &TEMPLATE, "hunter2");
    assert_eq!(read(&*source).await, value(12.0, true));
    let asked = &stub.asked()[0];
    assert_eq!((&asked.method, &asked.headers["content-type"]), (&Method::POST, &"application/json".parse().unwrap()));
    assert_eq!(asked.body, r#"{"id":"backlog","params":{"level":"error","n":"5"}}"#);
}

#[tokio::test]
async fn a_query_that_finds_nothing_is_empty_and_a_null_fails_unless_it_may_be_zero() {
    let stub = Stub::new(documented).await;
    let query = |location, more: &[(&str, &str)]| {
        let query = [("index", "logs;more"), ("query", r#"{"size":0}"#), ("valueLocation", location)];
        searching(&stub.url(), &[&query[..], more].concat(), "hunter2")
    };
    assert_eq!(read(&*query("hits.total.value", &[])).await, value(0.0, false));
    assert_eq!(trouble(&*query("aggregations.age.value", &[])).await, "valueLocation: null stands there");
    let zero = query("aggregations.age.value", &[("ignoreNullValues", "true")]);
    assert_eq!(read(&*zero).await, value(0.0, false));
}

#[tokio::test]
async fn wrong_credentials_and_an_index_that_is_not_there_say_so() {
    let stub = Stub::new(documented).await;
    let wrong = trouble(&*searching(&stub.url(), &TEMPLATE, "other")).await;
    assert!(wrong.starts_with("elasticsearch answered 401"), "{wrong}");
    let gone = [&[("index", "gone")], &TEMPLATE[1..]].concat();
    let gone = trouble(&*searching(&stub.url(), &gone, "hunter2")).await;
    assert_eq!(gone, "valueLocation: nothing stands there (elasticsearch answered 404)");
}

#[tokio::test]
async fn a_node_that_is_down_is_passed_over() {
    let stub = Stub::new(documented).await;
    let addresses = format!("http://127.0.0.1:{},{}", free_port(), stub.url());
    let source = searching(&addresses, &TEMPLATE, "hunter2");
    assert_eq!(read(&*source).await, value(12.0, true));
    assert_eq!(read(&*source).await, value(12.0, true));
    let down = searching(&format!("http://127.0.0.1:{}", free_port()), &TEMPLATE, "hunter2");
    assert!(matches!(read(&*down).await, Reading::Failed(_)));
}
