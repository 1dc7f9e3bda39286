//! Which pods a workload selects.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Expression, Selector, SelectorExt};

/// An object's labels.
pub(in crate::kubernetes) type Labels = BTreeMap<String, String>;

/// Which pods are selected.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::kubernetes) struct Selects(Selector);

impl Selects {
    /// Reads a selector as objects have it; none if it is strange.
    pub(in crate::kubernetes) fn new(selector: LabelSelector) -> Option<Selects> {
        selector.try_into().ok().map(Selects)
    }

    /// Reads a selector as scale subresources have it: `app=hello,tier in (web,api),!debug`. None if it is strange.
    pub(in crate::kubernetes) fn parse(text: &str) -> Option<Selects> {
        let mut all = Selector::default();
        // Commas stand between expressions, and between values in brackets.
        let mut rest = text.trim();
        while !rest.is_empty() {
            let open = rest.find('(').unwrap_or(rest.len());
            let end = match rest.find(',') {
                Some(comma) if comma < open => comma,
                _ => rest.find(')').map_or(rest.len(), |close| close + 1),
            };
            let (one, more) = rest.split_at(end);
            all.extend([expression(one.trim())?]);
            rest = more.trim_start().strip_prefix(',').unwrap_or(more).trim_start();
        }
        Some(Selects(all))
    }

    /// Whether pods with these labels are selected. One that requires nothing selects none here: Kubernetes refuses such
    /// workloads.
    pub(in crate::kubernetes) fn matches(&self, labels: &Labels) -> bool {
        !self.0.selects_all() && self.0.matches(labels)
    }

    /// Labels of which every selected pod has each, to find it by.
    pub(in crate::kubernetes) fn labels(&self) -> Vec<(String, String)> {
        let exact = self.0.clone().into_iter().filter_map(|expression| match expression {
            Expression::Equal(key, value) => Some((key, value)),
            _ => None,
        });
        exact.collect()
    }
}

impl fmt::Display for Selects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn expression(text: &str) -> Option<Expression> {
    let is_key = |key: &str| !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || "=!,()".contains(c));
    let key = |key: &str| is_key(key.trim()).then(|| key.trim().to_owned());
    let value = |value: &str| value.trim().to_owned();
    if let Some((head, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let values = values.split(',').map(value).collect();
        let (name, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        return match operator {
            "in" => Some(Expression::In(key(name)?, values)),
            "notin" => Some(Expression::NotIn(key(name)?, values)),
            _ => None,
        };
    }
    if let Some(name) = text.strip_prefix('!') {
        return Some(Expression::DoesNotExist(key(name)?));
    }
    if let Some((name, text)) = text.split_once("!=") {
        return Some(Expression::NotEqual(key(name)?, value(text)));
    }
    if let Some((name, text)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Expression::Equal(key(name)?, value(text)));
    }
    Some(Expression::Exists(key(text)?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    fn selects(value: Value) -> Option<Selects> {
        Selects::new(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn labels_and_expressions_must_all_hold() {
        let selects = selects(json!({
            "matchLabels": { "app": "hello" },
            "matchExpressions": [
                { "key": "tier", "operator": "In", "values": ["web", "api"] },
                { "key": "track", "operator": "NotIn", "values": ["canary"] },
                { "key": "team", "operator": "Exists" },
                { "key": "debug", "operator": "DoesNotExist", "values": null },
            ],
        }))
        .unwrap();
        let right = [("app", "hello"), ("team", "a"), ("tier", "api"), ("pod-template-hash", "x")];
        assert!(selects.matches(&labels(&right)));
        for wrong in [
            &right[1..],
            &[("app", "hello"), ("team", "a"), ("tier", "db")],
            &[("app", "hello"), ("tier", "web")],
            &[("app", "hello"), ("team", "a"), ("tier", "web"), ("track", "canary")],
            &[("app", "hello"), ("debug", ""), ("team", "a"), ("tier", "web")],
        ] {
            assert!(!selects.matches(&labels(wrong)), "{wrong:?}");
        }
        assert_eq!(selects.labels(), [("app".to_owned(), "hello".to_owned())]);
    }

    #[test]
    fn an_empty_selector_selects_nothing_and_a_strange_one_is_none() {
        assert!(!selects(json!({})).unwrap().matches(&labels(&[("app", "hello")])));
        assert_eq!(selects(json!({ "matchExpressions": [{ "key": "a", "operator": "Gt", "values": ["1"] }] })), None);
    }

    #[test]
    fn a_scale_subresources_text_means_the_same() {
        let text = "app=hello,tier in (web,api),track notin (canary),team,!debug,zone!=b, slot == 1";
        let parsed = Selects::parse(text).unwrap();
        let right = [("app", "hello"), ("slot", "1"), ("team", "a"), ("tier", "web")];
        assert!(parsed.matches(&labels(&right)));
        assert!(!parsed.matches(&labels(&[("app", "hello"), ("slot", "1"), ("team", "a"), ("tier", "db")])));
        assert!(!parsed.matches(&labels(&[("zone", "b")])));
        assert_eq!(parsed.labels(), [("app".to_owned(), "hello".to_owned()), ("slot".to_owned(), "1".to_owned())]);
        assert_eq!(Selects::parse(&parsed.to_string()).unwrap(), parsed, "{parsed}");
        assert_eq!(Selects::parse(""), Some(Selects::default()));
        for wrong in ["app in web", "=x", "tier like (a)", "a b"] {
            assert_eq!(Selects::parse(wrong), None, "{wrong}");
        }
    }
}
