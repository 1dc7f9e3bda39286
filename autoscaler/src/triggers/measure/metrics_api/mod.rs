//! Answers of an API that says a number somewhere: as JSON, XML, YAML, or in Prometheus' text format.

mod aggregate;
mod exposition;
mod xml;

use config::{bounds, quantity};
use serde_json::Value;

use super::location::{BadLocation, Found, Location};
use crate::triggers::Reading;
use crate::triggers::metadata::{Format, MetricsApi};

pub use self::exposition::{BadSelector, Selector};

/// The place that `valueLocation` names in an answer of that format.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// In a JSON document.
    Json(Location),
    /// In an XML document: elements by name, the root first; attributes and text as in [`Place::Json`].
    Xml(Location),
    /// In a YAML document.
    Yaml(Location),
    /// A sample of Prometheus' text format.
    Prometheus(Selector),
}

/// `valueLocation` is not a place in that format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlace {
    /// Of a document.
    #[error(transparent)]
    Location(#[from] BadLocation),
    /// Of the text format.
    #[error(transparent)]
    Selector(#[from] BadSelector),
}

impl Place {
    /// The place that `location` names in a document of `format`.
    ///
    /// # Errors
    /// The location is not one in that format.
    pub fn new(format: Format, location: &str) -> Result<Place, BadPlace> {
        Ok(match format {
            Format::Json => Place::Json(location.parse()?),
            Format::Xml => Place::Xml(location.parse()?),
            Format::Yaml => Place::Yaml(location.parse()?),
            Format::Prometheus => Place::Prometheus(location.parse()?),
        })
    }

    /// The place that a trigger names.
    ///
    /// # Errors
    /// As [`Place::new`].
    pub fn of(trigger: &MetricsApi) -> Result<Place, BadPlace> {
        Place::new(trigger.format, &trigger.value_location)
    }

    /// The number at that place in `body`.
    ///
    /// # Errors
    /// What is wrong with the answer, for people.
    pub fn value(&self, body: &[u8]) -> Result<f64, String> {
        let (document, location) = match self {
            Place::Prometheus(selector) => {
                let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
                return selector.sample(text).ok_or_else(|| "valueLocation: there is no such sample".to_owned());
            }
            Place::Json(at) => (serde_json::from_slice(body).map_err(|error| unreadable("JSON", &error))?, at),
            Place::Yaml(at) => (yaml(body)?, at),
            Place::Xml(at) => (xml::document(body)?, at),
        };
        number(location.find(&document))
    }

    /// The whole answer as a reading, active above `activation`.
    pub fn reading(&self, status: u16, body: &[u8], activation: f64) -> Reading {
        match self.answer(status, body) {
            Ok(value) => Reading::above(value, activation),
            Err(problem) => Reading::Failed(problem),
        }
    }

    /// The number in a whole answer, for [`together`](crate::triggers::metadata::Aggregation::together).
    ///
    /// # Errors
    /// What is wrong with the answer, for people.
    pub fn answer(&self, status: u16, body: &[u8]) -> Result<f64, String> {
        if status != 200 {
            return Err(format!("the API answered {status}"));
        }
        self.value(body)
    }
}

fn number(found: Found<'_>) -> Result<f64, String> {
    match found {
        Found::Value(Value::Number(number)) => {
            number.as_f64().ok_or_else(|| format!("valueLocation: {number} is too large"))
        }
        Found::Value(Value::String(text)) => quantity::parse(text).ok_or_else(|| {
            format!("valueLocation: {text:?} stands there, neither a number nor a quantity like 64 or 1k")
        }),
        Found::Length(length) => Ok(length as f64),
        Found::Value(_) => Err("valueLocation: what stands there is not a number".to_owned()),
        Found::Nothing => Err("valueLocation: nothing stands there".to_owned()),
    }
}

fn yaml(body: &[u8]) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: bounds::ANSWER_ALIAS_EVENTS },
    };
    serde_saphyr::from_slice_with_options(body, options).map_err(|error| unreadable("YAML", &error))
}

fn unreadable(format: &str, error: &dyn std::fmt::Display) -> String {
    format!("the answer is not readable {format}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(format: Format, location: &str, body: &str) -> Result<f64, String> {
        Place::new(format, location).unwrap().value(body.as_bytes())
    }

    #[test]
    fn each_format_has_its_place() {
        assert_eq!(value(Format::Json, "a.0.b", r#"{"a":[{"b":"1k"}]}"#), Ok(1000.0));
        assert_eq!(value(Format::Yaml, "a.0.b", "a:\n- b: 7\n"), Ok(7.0));
        assert_eq!(value(Format::Xml, "r.a.1.b", "<r><a><b>1</b></a><a><b>64</b></a></r>"), Ok(64.0));
        assert_eq!(value(Format::Prometheus, "up{job=\"x\"}", "up{job=\"y\"} 0\nup{job=\"x\",i=\"1\"} 3\n"), Ok(3.0));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(value(Format::Json, "a", "{}").unwrap_err(), "valueLocation: nothing stands there");
        assert!(value(Format::Json, "a", "{").unwrap_err().starts_with("the answer is not readable JSON: "));
        assert!(value(Format::Yaml, "a", "a: [").unwrap_err().starts_with("the answer is not readable YAML: "));
    }

    #[test]
    fn a_small_answer_is_no_large_one() {
        let levels = (1..9).map(|n| format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 9].join(", ")));
        let bomb = format!("l0: &l0 [1]\n{}", levels.collect::<String>());
        assert!(value(Format::Yaml, "l0.0", &bomb).unwrap_err().starts_with("the answer is not readable YAML: "));
    }

    #[test]
    fn only_200_is_read() {
        let place = Place::new(Format::Json, "a").unwrap();
        assert_eq!(place.reading(201, br#"{"a":1}"#, 0.0), Reading::failed("the API answered 201"));
    }
}
