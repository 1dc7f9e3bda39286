//! Prometheus' answers and questions.

use std::collections::BTreeMap;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::prometheus::{instant, instant_query};
use autoscaler::triggers::metadata::Nulls;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::rabbitmq::Measured;
use super::{Outcome, Recorded};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Eval {
    body: String,
    status: u16,
    ignore_null_values: bool,
    activation_threshold: f64,
}

/// Both choices are written out in the vectors; without one Rouse has no data where KEDA has zero (`no-data`), which
/// its unit tests show.
pub(super) fn eval(vector: &Eval, out: &Recorded<Measured>) -> Outcome {
    let nulls = if vector.ignore_null_values { Nulls::Zero } else { Nulls::Failure };
    let reading = instant(vector.status, vector.body.as_bytes(), nulls, vector.activation_threshold);
    match out {
        Recorded::Value(_) if !vector.ignore_null_values && vector.body.contains("null") => {
            assert!(matches!(reading, Reading::Failed(_)), "{reading:?}");
            return Outcome::Differs("null-sample");
        }
        Recorded::Value(measured) => measured.is(&reading),
        Recorded::Error { error } => assert!(*error && matches!(reading, Reading::Failed(_)), "{reading:?}"),
        Recorded::Panic { panic } => {
            assert!(*panic && matches!(reading, Reading::Value { .. }), "{reading:?}");
            return Outcome::Differs("numeric-sample");
        }
    }
    Outcome::Same
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestIn {
    namespace: Option<String>,
    query_parameters: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(super) struct RequestOut {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
}

pub(super) fn request(vector: &RequestIn, out: &RequestOut) -> Outcome {
    let query = &out.query["query"];
    let more: Vec<_> = vector.query_parameters.clone().into_iter().collect();
    let asked = instant_query(query, 1_719_403_200, vector.namespace.as_deref(), &more);
    let (path, ours) = asked.split_once('?').expect("a readable vector");
    let text = |text: &str| percent_decode_str(text).decode_utf8().expect("a readable vector").into_owned();
    let pair =
        |pair: &str| pair.split_once('=').map(|(name, value)| (text(name), text(value))).expect("a readable vector");
    let mut ours: BTreeMap<String, String> = ours.split('&').map(pair).collect();
    assert_eq!(ours.remove("time").as_deref(), Some("2024-06-26T12:00:00Z"));
    assert_eq!((path, ours), (out.path.as_str(), out.query.clone()));
    assert_eq!(out.method, "GET");
    Outcome::Same
}
