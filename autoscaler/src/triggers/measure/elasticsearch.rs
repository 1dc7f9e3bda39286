//! Elasticsearch: what a search's answer says at the place that the trigger names.

use serde_json::Value;

use super::location::{Found, Location};
use crate::triggers::Reading;
use crate::triggers::metadata::Nulls;

/// What the answer to a search says; active above `activation`. Only 401 and 403 fail by their status: any other answer
/// is read, and one that is an error has nothing at the location.
pub fn searched(status: u16, body: &[u8], at: &Location, nulls: Nulls, activation: f64) -> Reading {
    if matches!(status, 401 | 403) {
        return Reading::Failed(format!(
            "elasticsearch answered {status}: the credentials are wrong, or may not search"
        ));
    }
    let document: Value = match serde_json::from_slice(body) {
        Ok(document) => document,
        Err(error) => return Reading::Failed(format!("elasticsearch answered {status}, not readable: {error}")),
    };
    match at.find(&document) {
        Found::Value(Value::Null) => null(nulls, activation),
        Found::Value(Value::Number(number)) => Reading::above(number.as_f64().unwrap_or(f64::NAN), activation),
        Found::Value(Value::String(text)) => match text.parse() {
            Ok(value) => Reading::above(value, activation),
            Err(_) => Reading::Failed(format!("valueLocation: {text:?} stands there, not a number")),
        },
        Found::Length(length) => Reading::above(length as f64, activation),
        Found::Value(_) => Reading::failed("valueLocation: what stands there is not a number"),
        Found::Nothing => {
            Reading::Failed(format!("valueLocation: nothing stands there (elasticsearch answered {status})"))
        }
    }
}

/// A null is a failure here unless it is said to be zero: KEDA's default, which is no want of care.
fn null(nulls: Nulls, activation: f64) -> Reading {
    nulls.reading("valueLocation: null stands there", activation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_a_number_in_text_is_read() {
        let at: Location = "hits.total.value".parse().unwrap();
        for body in [r#"{"hits":{"total":{"value":7}}}"#, r#"{"hits":{"total":{"value":"7"}}}"#] {
            let reading = searched(200, body.as_bytes(), &at, Nulls::Failure, 6.0);
            assert_eq!(reading, Reading::Value { metric: 7.0, active: true });
        }
    }

    #[test]
    fn an_error_says_its_status() {
        let at: Location = "hits.total.value".parse().unwrap();
        let Reading::Failed(problem) = searched(404, br#"{"error":{}}"#, &at, Nulls::Zero, 0.0) else { panic!() };
        assert_eq!(problem, "valueLocation: nothing stands there (elasticsearch answered 404)");
    }
}
