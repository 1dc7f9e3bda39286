//! The smaller sources.

use autoscaler::triggers::measure::external::{Push, pushed};
use autoscaler::triggers::measure::metrics_api::Place;
use autoscaler::triggers::measure::{cron, elasticsearch, redis};
use autoscaler::triggers::metadata::{Aggregation, Connection, Format, Nulls, escape};
use autoscaler::triggers::{Reading, names};
use config::keda::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Outcome;
use super::rabbitmq::Measured;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CronIn {
    next_start_in_s: i64,
    next_end_in_s: i64,
    desired: u32,
}

pub(super) fn cron(vector: &CronIn, out: &Measured) -> Outcome {
    out.is(&cron::inside(Some(vector.next_start_in_s), Some(vector.next_end_in_s), vector.desired));
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct CronName {
    index: usize,
    tz: String,
    start: String,
    end: String,
}

pub(super) fn cron_name(vector: &CronName, out: &String) -> Outcome {
    let name = cron::name(&vector.tz, &vector.start, &vector.end);
    assert_eq!(names::indexed(vector.index, &name), *out);
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NullIn {
    value: Value,
    ignore_null_values: bool,
}

pub(super) fn elasticsearch_null(vector: &NullIn, out: &Value) -> Outcome {
    let body = json!({ "v": vector.value }).to_string();
    let nulls = if vector.ignore_null_values { Nulls::Zero } else { Nulls::Failure };
    let reading = elasticsearch::searched(200, body.as_bytes(), &"v".parse().expect("a readable vector"), nulls, 0.0);
    match out.as_f64() {
        Some(number) => assert_eq!(reading, Reading::above(number, 0.0)),
        None => assert!(matches!(reading, Reading::Failed(_)), "{reading:?}"),
    }
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct StatusIn {
    status: u16,
}

pub(super) fn elasticsearch_status(vector: &StatusIn, out: &Value) -> Outcome {
    let reading = elasticsearch::searched(
        vector.status,
        br#"{"v":1}"#,
        &"v".parse().expect("a readable vector"),
        Nulls::Failure,
        0.0,
    );
    assert_eq!(out.is_object(), matches!(reading, Reading::Failed(_)), "{reading:?}");
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetricsIn {
    body: String,
    value_location: String,
    format: String,
}

pub(super) fn metrics_api_value(vector: &MetricsIn, out: &Option<f64>) -> Outcome {
    let format = match vector.format.as_str() {
        "json" => Format::Json,
        "xml" => Format::Xml,
        "yaml" => Format::Yaml,
        "prometheus" => Format::Prometheus,
        other => panic!("format {other}"),
    };
    let place = Place::new(format, &vector.value_location).expect("a readable vector");
    assert_eq!(place.value(vector.body.as_bytes()).ok(), *out);
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct AggregateIn {
    #[serde(rename = "type")]
    kind: String,
    endpoints: Vec<Value>,
}

pub(super) fn metrics_api_aggregate(vector: &AggregateIn, out: &Value) -> Outcome {
    let aggregation = match vector.kind.as_str() {
        "average" => Aggregation::Average,
        "sum" => Aggregation::Sum,
        "max" => Aggregation::Max,
        "min" => Aggregation::Min,
        other => panic!("aggregationType {other}"),
    };
    let answer = |endpoint: &Value| endpoint.as_f64().ok_or_else(|| "fail".to_owned());
    let answers: Vec<Result<f64, String>> = vector.endpoints.iter().map(answer).collect();
    assert_eq!(aggregation.together(&answers).ok(), out.as_f64());
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct Parts {
    host: String,
    port: String,
    user: String,
    db: String,
    ssl: String,
}

pub(super) fn postgres_conn(vector: Parts, out: &[String]) -> Outcome {
    let Parts { host, port, user, db, ssl } = vector;
    let parts =
        Connection::Parts { host, port, user, database: db, ssl_mode: ssl, password: Secret::new(String::new()) };
    assert_eq!(parts.words(), out);
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct Text {
    s: String,
}

pub(super) fn postgres_escape(vector: &Text, out: &String) -> Outcome {
    assert_eq!(escape(&vector.s), *out);
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct PushIn {
    stream: bool,
}

pub(super) fn push(vector: &PushIn, out: &str) -> Outcome {
    assert_eq!(pushed(vector.stream) == Push::Wake, out.starts_with("scale immediately"));
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedisIn {
    #[serde(rename = "type")]
    kind: String,
    command: Option<String>,
    length: Option<i64>,
    activation_list_length: Option<i64>,
}

pub(super) fn redis_list(vector: &RedisIn, out: &Value) -> Outcome {
    let command = redis::length_command(&vector.kind);
    if out == &json!({ "error": true }) {
        assert!(command.is_err());
        return Outcome::Same;
    }
    let command = command.expect("a readable vector");
    match &vector.command {
        Some(expected) => assert!(command.eq_ignore_ascii_case(expected), "{command}"),
        None => {
            let reading = redis::count(vector.length, vector.activation_list_length.unwrap_or(0));
            let active = out["active"].as_bool().expect("a readable vector");
            assert_eq!(reading, Reading::Value { metric: out["metric"].as_f64().expect("a readable vector"), active });
        }
    }
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LagIn {
    activation_lag_count: i64,
    lag: i64,
}

pub(super) fn redis_lag(vector: &LagIn, out: &bool) -> Outcome {
    let reading = redis::count(Some(vector.lag), vector.activation_lag_count);
    assert_eq!(reading, Reading::Value { metric: vector.lag as f64, active: *out });
    Outcome::Same
}
