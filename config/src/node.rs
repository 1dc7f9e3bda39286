//! A place in a document, with its path for messages.
//!
//! Objects of Kubernetes have far more fields than Rouse reads, and users want every problem at once: so documents are
//! walked field by field, each read reports a wrong type with its path, and unknown fields are nobody's business.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::annotations::Annotations;
use crate::problem::Findings;

/// The value at a path, if there is one; `null` counts as none, as in Kubernetes.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    value: Option<&'a Value>,
    path: String,
    /// Where a mapping was expected further up and something else is.
    broken: Option<String>,
}

impl<'a> Node<'a> {
    pub(crate) fn root(value: &'a Value) -> Node<'a> {
        Node { value: Some(value), path: String::new(), broken: None }
    }

    /// `spec.template.spec.containers[0].command`
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn exists(&self) -> bool {
        self.value.is_some()
    }

    pub(crate) fn at(&self, field: &str) -> Node<'a> {
        let path = if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) };
        let mut broken = self.broken.clone();
        let value = match self.value {
            None => None,
            Some(Value::Object(fields)) => fields.get(field).filter(|value| !value.is_null()),
            Some(_) => {
                broken = broken.or_else(|| Some(self.path.clone()));
                None
            }
        };
        Node { value, path, broken }
    }

    /// The names of a mapping's fields that have a value; none if there is no mapping.
    pub(crate) fn fields(&self, found: &mut Findings) -> Vec<&'a str> {
        let fields = self.read("a mapping", found, |value| value.as_object());
        fields.into_iter().flatten().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect()
    }

    /// The value as it is written, if it is neither a list nor a mapping.
    pub(crate) fn scalar(&self) -> Option<String> {
        match self.value? {
            Value::String(text) => Some(text.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            scalar => Some(scalar.to_string()),
        }
    }

    /// The items of a list; none if there is no list.
    pub(crate) fn items(&self, found: &mut Findings) -> Vec<Node<'a>> {
        let list = self.read("a list", found, |value| value.as_array());
        list.into_iter()
            .flatten()
            .enumerate()
            .map(|(n, value)| Node {
                value: (!value.is_null()).then_some(value),
                path: format!("{}[{n}]", self.path),
                broken: None,
            })
            .collect()
    }

    pub(crate) fn text(&self, found: &mut Findings) -> Option<&'a str> {
        self.read("a string", found, |value| value.as_str())
    }

    pub(crate) fn switch(&self, found: &mut Findings) -> Option<bool> {
        self.read("true or false", found, |value| value.as_bool())
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self, found: &mut Findings) -> Option<u32> {
        self.read("a whole number, 0 or more", found, |value| value.as_u64().and_then(|number| number.try_into().ok()))
    }

    /// A whole number with a sign.
    pub(crate) fn signed(&self, found: &mut Findings) -> Option<i32> {
        self.read("a whole number", found, |value| value.as_i64().and_then(|number| number.try_into().ok()))
    }

    /// A whole number within `range`.
    pub(crate) fn within(&self, range: RangeInclusive<u32>, found: &mut Findings) -> Option<u32> {
        let expected = match (*range.start(), *range.end()) {
            (start, end) if end == i32::MAX as u32 => format!("a whole number, {start} or more"),
            (start, end) => format!("a whole number from {start} to {end}"),
        };
        self.read(&expected, found, |value| {
            value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number))
        })
    }

    /// The value itself.
    pub(crate) fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// A port by its number; none if it is named.
    pub(crate) fn port(&self, found: &mut Findings) -> Option<u16> {
        let port = self.read("a port from 1 to 65535", found, |value| {
            value.as_u64().and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0)
        })?;
        Some(port)
    }

    /// Whether a string is here (rather than a number, say).
    pub(crate) fn is_text(&self) -> bool {
        self.value.is_some_and(Value::is_string)
    }

    pub(crate) fn texts(&self, found: &mut Findings) -> Vec<String> {
        self.items(found).iter().filter_map(|item| item.text(found).map(str::to_owned)).collect()
    }

    /// A mapping of strings to strings, such as annotations.
    pub(crate) fn map(&self, found: &mut Findings) -> Annotations {
        let fields = self.read("a mapping", found, |value| value.as_object());
        let names = fields.into_iter().flat_map(|fields| fields.keys());
        names.filter_map(|name| Some((name.clone(), self.at(name).text(found)?.to_owned()))).collect()
    }

    fn read<T>(&self, expected: &str, found: &mut Findings, take: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        if let Some(broken) = &self.broken {
            found.refuse(broken, "is not a mapping");
        }
        let value = self.value?;
        let taken = take(value);
        if taken.is_none() {
            self.refuse_type(value, expected, found);
        }
        taken
    }

    fn refuse_type(&self, value: &Value, expected: &str, found: &mut Findings) {
        match value {
            Value::String(text) => found.wrong(&self.path, text, format!("is not {expected}")),
            Value::Array(_) => found.refuse(&self.path, format!("is a list, not {expected}")),
            Value::Object(_) => found.refuse(&self.path, format!("is a mapping, not {expected}")),
            // The value may be a secret: it is not shown.
            _ if expected == "a string" => found.refuse(&self.path, "is not a string: write it in quotes"),
            scalar => found.refuse(&self.path, format!("{scalar} is not {expected}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_type_is_reported_with_its_path() {
        let document = json!({"spec": {"replicas": "three", "ports": [{"port": 70000}], "paused": 3, "args": "x"}});
        let spec = Node::root(&document).at("spec");
        let mut found = Findings::default();
        assert_eq!(spec.at("replicas").number(&mut found), None);
        assert_eq!(spec.at("ports").items(&mut found)[0].at("port").port(&mut found), None);
        assert_eq!(spec.at("paused").switch(&mut found), None);
        assert!(spec.at("args").texts(&mut found).is_empty());
        assert_eq!(spec.at("replicas").at("deep").at("deeper").text(&mut found), None);
        let lines: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "spec.replicas: \"three\" is not a whole number, 0 or more",
                "spec.ports[0].port: 70000 is not a port from 1 to 65535",
                "spec.paused: 3 is not true or false",
                "spec.args: \"x\" is not a list",
                "spec.replicas: is not a mapping",
            ]
        );
    }

    #[test]
    fn a_number_where_a_string_belongs_says_how_to_write_it() {
        let document = json!({"annotations": {"target": 10}});
        let mut found = Findings::default();
        assert!(Node::root(&document).at("annotations").map(&mut found).is_empty());
        assert_eq!(found.problems[0].to_string(), "annotations.target: is not a string: write it in quotes");
    }

    #[test]
    fn null_and_absent_are_the_same() {
        let document = json!({"spec": null});
        let mut found = Findings::default();
        assert_eq!(Node::root(&document).at("spec").at("name").text(&mut found), None);
        assert!(found.problems.is_empty());
    }
}
