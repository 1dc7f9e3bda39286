//! Prometheus: what is asked and what the answer to an instant or a range query means.

use jiff::Timestamp;
use jiff::tz::Offset;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use crate::triggers::Reading;
use crate::triggers::metadata::{Nulls, Smoothing};

/// Path and query of an instant query, to be appended to the server's address, which may have a path of its own. `at`
/// is in seconds since 1970; the server is told it as KEDA tells it, to the second.
pub fn instant_query(query: &str, at: i64, namespace: Option<&str>, more: &[(String, String)]) -> String {
    format!("/api/v1/query?query={}&time={}{}", escaped(query), escaped(&rfc3339(at)), tail(namespace, more))
}

/// Path and query of a range query over the `seconds` up to `at` (since 1970), a sample every `step` seconds.
pub fn range_query(
    query: &str,
    at: i64,
    (seconds, step): (u32, u32),
    namespace: Option<&str>,
    more: &[(String, String)],
) -> String {
    let (start, end) = (at.saturating_sub(i64::from(seconds)), at);
    format!("/api/v1/query_range?query={}&start={start}&end={end}&step={step}{}", escaped(query), tail(namespace, more))
}

fn tail(namespace: Option<&str>, more: &[(String, String)]) -> String {
    let namespace = namespace.map(|namespace| ("namespace", namespace));
    let more = more.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    namespace.into_iter().chain(more).map(|(name, value)| format!("&{}={}", escaped(name), escaped(value))).collect()
}

fn escaped(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

fn rfc3339(at: i64) -> String {
    // What lies beyond the year 9999 is a clock gone wrong: the server will say so.
    let at = Timestamp::from_second(at).unwrap_or(Timestamp::MAX);
    Offset::UTC.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Letters of a server's own words that are shown.
const ERROR_SHOWN: usize = 200;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default, rename = "resultType")]
    kind: String,
    #[serde(default)]
    result: Value,
}

/// What the server's answer to an instant query says; active above `activation`.
pub fn instant(status: u16, body: &[u8], nulls: Nulls, activation: f64) -> Reading {
    let sample = match series(status, body, "value") {
        Ok(Some(Value::Array(sample))) if !sample.is_empty() => sample,
        Ok(_) => return nulls.reading("prometheus answered without a value", activation),
        Err(problem) => return Reading::Failed(problem),
    };
    match number(&sample) {
        Ok(value) => finite(value, nulls, activation),
        Err(problem) => Reading::Failed(problem),
    }
}

/// What the server's answer to a range query says; samples that are no numbers are left out.
pub fn range(status: u16, body: &[u8], smoothing: Smoothing, nulls: Nulls, activation: f64) -> Reading {
    let samples = match series(status, body, "values") {
        Ok(Some(Value::Array(samples))) => samples,
        Ok(_) => Vec::new(),
        Err(problem) => return Reading::Failed(problem),
    };
    let mut numbers = Vec::with_capacity(samples.len());
    for sample in &samples {
        match number(sample.as_array().map_or(&[], Vec::as_slice)) {
            Ok(value) => numbers.extend(value.filter(|value| value.is_finite())),
            Err(problem) => return Reading::Failed(problem),
        }
    }
    let value = match smoothing {
        Smoothing::Average => (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64),
        Smoothing::Max => numbers.into_iter().reduce(f64::max),
    };
    finite(value, nulls, activation)
}

fn finite(value: Option<f64>, nulls: Nulls, activation: f64) -> Reading {
    match value {
        Some(value) if value.is_finite() => Reading::above(value, activation),
        _ => nulls.reading("prometheus answered with null, NaN or infinity", activation),
    }
}

/// The field `key` of the answer's one series; none if there is no series, or it has no such field.
fn series(status: u16, body: &[u8], key: &str) -> Result<Option<Value>, String> {
    // 204 promises that there is no body, whatever else was sent.
    if !(200..300).contains(&status) || status == 204 {
        return Err(refusal(status, body));
    }
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| format!("prometheus' answer is not readable: {error}"))?;
    match answer.data.result {
        Value::Null => Ok(None),
        _ if matches!(answer.data.kind.as_str(), "scalar" | "string") => {
            Err(format!("the query yields a {}, not a series: write vector(…) around it", answer.data.kind))
        }
        Value::Array(mut all) if all.len() <= 1 => Ok(all.pop().and_then(|mut one| Some(one.get_mut(key)?.take()))),
        Value::Array(all) => Err(format!("the query yields {} series, not one", all.len())),
        _ => Err("prometheus' answer has no list of series".to_owned()),
    }
}

/// What a server says that refuses, with the beginning of its own words if it has any.
fn refusal(status: u16, body: &[u8]) -> String {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    match said.get("error").and_then(Value::as_str) {
        Some(error) => format!("prometheus answered {status}: {}", error.chars().take(ERROR_SHOWN).collect::<String>()),
        None => format!("prometheus answered {status}"),
    }
}

/// The number in `[time, sample]`; none for a null. A sample is text; a server that writes a bare number is
/// understood as well.
fn number(sample: &[Value]) -> Result<Option<f64>, String> {
    match sample.get(1) {
        Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(number.as_f64()),
        Some(Value::String(text)) => {
            text.parse().map(Some).map_err(|_| format!("prometheus' sample {text:?} is not a number"))
        }
        Some(_) => Err("prometheus' sample is not a number".to_owned()),
        None => Err("prometheus' sample has a time but no value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(json: &str) -> Reading {
        let body = format!(r#"{{"data":{{"resultType":"vector","result":[{{"value":[1,{json}]}}]}}}}"#);
        instant(200, body.as_bytes(), Nulls::default(), 0.0)
    }

    #[test]
    fn a_numeric_sample_is_its_number() {
        assert_eq!(sample("5"), Reading::Value { metric: 5.0, active: true });
    }

    #[test]
    fn without_a_choice_what_is_no_number_is_no_data() {
        for lie in ["null", r#""NaN""#, r#""+Inf""#, r#""-Inf""#] {
            assert_eq!(sample(lie), Reading::NoData, "{lie}");
        }
        let nothing = br#"{"data":{"result":[]}}"#;
        assert_eq!(instant(200, nothing, Nulls::default(), 0.0), Reading::NoData);
        assert_eq!(range(200, nothing, Smoothing::Max, Nulls::default(), 0.0), Reading::NoData);
    }

    #[test]
    fn a_range_is_averaged_or_its_largest_taken() {
        let body = br#"{"data":{"resultType":"matrix","result":[{"values":[[1,"2"],[2,"NaN"],[3,"6"]]}]}}"#;
        let of = |smoothing| range(200, body, smoothing, Nulls::default(), 4.0);
        assert_eq!(of(Smoothing::Average), Reading::Value { metric: 4.0, active: false });
        assert_eq!(of(Smoothing::Max), Reading::Value { metric: 6.0, active: true });
    }

    #[test]
    fn a_scalar_fails_with_the_remedy() {
        let scalar = br#"{"data":{"resultType":"scalar","result":[1,"5"]}}"#;
        let Reading::Failed(problem) = instant(200, scalar, Nulls::Zero, 0.0) else { panic!() };
        assert!(problem.contains("vector(…)"), "{problem}");
    }

    #[test]
    fn a_refusal_says_the_servers_words() {
        let body = br#"{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}"#;
        let reading = instant(400, body, Nulls::Zero, 0.0);
        assert_eq!(reading, Reading::failed("prometheus answered 400: parse error: unexpected end"));
    }

    #[test]
    fn a_range_query_names_its_ends() {
        let path = range_query("up", 1_000, (60, 5), None, &[]);
        assert_eq!(path, "/api/v1/query_range?query=up&start=940&end=1000&step=5");
    }
}
