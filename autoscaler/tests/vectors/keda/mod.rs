//! KEDA's numbers, and those of Kubernetes' HorizontalPodAutoscaler, recorded by running their code, against ours.
//! `ROUSE_VECTORS_KEDA` names another file.
//!
//! Where Rouse differs on purpose the check says what is expected instead, and returns the difference's name, which
//! `KEDA.md` has in its table.

mod fallback;
mod hpa;
mod jobs;
mod kafka;
mod numbers;
mod phase;
mod prometheus;
mod rabbitmq;
mod sources;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::Value;

use crate::read;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    #[serde(rename = "fn")]
    function: String,
    #[serde(rename = "in")]
    input: Value,
    out: Value,
}

/// What a check found: the same, or a difference that is meant.
#[derive(Debug, PartialEq)]
enum Outcome {
    Same,
    Differs(&'static str),
}

type Check = fn(&Value, &Value) -> Outcome;

const CHECKS: [(&str, Check); 41] = [
    ("config.bool", |i, o| numbers::boolean(&read(i), &read(o))),
    ("config.duration_ms", |i, o| numbers::duration(&read(i), &read(o))),
    ("config.int", |i, o| numbers::integer(&read(i), &read(o))),
    ("cron.active", |i, o| sources::cron(&read(i), &read(o))),
    ("cron.name", |i, o| sources::cron_name(&read(i), &read(o))),
    ("elasticsearch.null", |i, o| sources::elasticsearch_null(&read(i), o)),
    ("elasticsearch.status", |i, o| sources::elasticsearch_status(&read(i), o)),
    ("fallback.on_error", |i, o| fallback::on_error(&read(i), &read(o))),
    ("fallback.status_writes", |i, o| fallback::status_writes(&read(i), &read(o))),
    ("hpa.average_value", |i, o| hpa::average_value(&read(i), &read(o))),
    ("hpa.multi", |i, o| hpa::multi(&read(i), &read(o))),
    ("hpa.sequence", |i, o| hpa::sequence(&read(i), &read::<Vec<u32>>(o))),
    ("hpa.value", |i, o| hpa::value(&read(i), &read(o))),
    ("kafka.factors", |i, o| kafka::factors(&read(i), &read(o))),
    ("kafka.next_factor", |i, o| kafka::next_factor(&read(i), &read(o))),
    ("kafka.partition_lag", |i, o| kafka::partition_lag(&read(i), &read(o))),
    ("kafka.partition_limitation", |i, o| kafka::partition_limitation(&read(i), &read(o))),
    ("kafka.total", |i, o| kafka::total(&read(i), &read(o))),
    ("metric.index_strip", |i, o| numbers::index_strip(&read(i), &read(o))),
    ("metric.milli", |i, o| numbers::milli(&read(i), &read(o))),
    ("metricsapi.aggregate", |i, o| sources::metrics_api_aggregate(&read(i), o)),
    ("metricsapi.value", |i, o| sources::metrics_api_value(&read(i), &read(o))),
    ("modifiers.formula", |i, o| fallback::formula(&read(i), &read(o))),
    ("modifiers.nil", |i, o| fallback::nil(&read(i), &read(o))),
    ("postgres.conn", |i, o| sources::postgres_conn(read(i), &read::<Vec<String>>(o))),
    ("postgres.escape", |i, o| sources::postgres_escape(&read(i), &read(o))),
    ("prometheus.eval", |i, o| prometheus::eval(&read(i), &read(o))),
    ("prometheus.request", |i, o| prometheus::request(&read(i), &read(o))),
    ("push.event", |i, o| sources::push(&read(i), &read::<String>(o))),
    ("rabbitmq.compose", |i, o| rabbitmq::compose(&read(i), &read(o))),
    ("rabbitmq.mode", |i, o| rabbitmq::mode(&read(i), &read(o))),
    ("rabbitmq.vhost", |i, o| rabbitmq::vhost(&read(i), &read(o))),
    ("redis.list", |i, o| sources::redis_list(&read(i), o)),
    ("redisstreams.lag_activation", |i, o| sources::redis_lag(&read(i), &read(o))),
    ("scaledjob.aggregate", |i, o| jobs::aggregate(&read(i), &read(o))),
    ("scaledjob.decision", |i, o| jobs::decision(&read(i), &read(o))),
    ("scaledjob.minmax", |i, o| jobs::minmax(&read(i), &read(o))),
    ("scaledjob.queue_max", |i, o| jobs::queue_max(&read(i), &read(o))),
    ("scaledjob.strategy", |i, o| jobs::strategy(&read(i), &read(o))),
    ("scaledobject.bounds", |i, o| phase::bounds(&read(i), &read(o))),
    ("scaleloop.request", |i, o| phase::request(&read(i), &read(o))),
];

/// What is left out: KEDA's HTTP add-on, whose work Rouse does in another way, each with how.
const LEFT_OUT: [(&str, &str); 11] = [
    ("http.buckets", "requests are integrated over time in windows of their own: no buckets of samples"),
    ("http.endpoint_wait", "the activator holds requests within bounds, and answers in its own words"),
    ("http.httpso_rate", "there are no HTTPScaledObjects: a rate is no whole number"),
    ("http.is_active", "any request wakes at once: nobody asks whether a metric is above zero"),
    ("http.match_host", "one host is one workload, looked up without case: there are no patterns of hosts"),
    ("http.match_path", "one host is one workload: paths are not looked at"),
    ("http.pinger", "activators and queue-proxies report: nobody asks them in turn"),
    ("http.round", "the window's own rounding is Knative's: windows::rounding"),
    ("http.route", "one host is one workload: there is no table of routes"),
    ("http.route_key", "one host is one workload: there is no table of routes"),
    ("http.wildcards", "one host is one workload: there are no patterns of hosts"),
];

const DOCUMENT: &str = include_str!("../../../KEDA.md");

#[test]
fn keda_vectors() {
    let path = std::env::var("ROUSE_VECTORS_KEDA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/keda.json").to_owned());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(!file.vectors.is_empty(), "{path} has no vectors");

    let (mut failures, mut left_out) = (Vec::new(), BTreeMap::new());
    let mut passed: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for vector in &file.vectors {
        let name = vector.function.as_str();
        if let Some(reason) = LEFT_OUT.iter().find(|(known, _)| *known == name).map(|(_, reason)| *reason) {
            left_out.insert(name, reason);
            continue;
        }
        let Some((_, check)) = CHECKS.iter().find(|(known, _)| *known == name) else {
            failures.push(format!("{}: nothing here knows {name}", vector.id));
            continue;
        };
        let counts = passed.entry(name).or_default();
        counts.1 += 1;
        match catch_unwind(AssertUnwindSafe(|| check(&vector.input, &vector.out))) {
            Ok(outcome) => {
                counts.0 += 1;
                if let Outcome::Differs(how) = outcome {
                    println!("{}: differs on purpose: {how}", vector.id);
                    assert!(DOCUMENT.contains(&format!("| `{how}` |")), "KEDA.md has no line for {how}");
                }
            }
            Err(_) => failures.push(format!("{} {}", vector.id, vector.input)),
        }
    }
    for (name, (passed, all)) in passed {
        println!("{name}: {passed}/{all}");
    }
    for (name, reason) in left_out {
        println!("{name}: left out: {reason}");
    }
    assert!(failures.is_empty(), "{} failed: {failures:#?}", failures.len());
}

/// An error where one is recorded, a value where one is: `{"error": true}`, or what `T` is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Recorded<T> {
    Error { error: bool },
    Panic { panic: bool },
    Value(T),
}
