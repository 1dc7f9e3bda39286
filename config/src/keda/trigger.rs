//! A trigger: a number read elsewhere that asks for pods.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{choice, listed, needed, warn_of_unknown};
use crate::bounds;
use crate::node::Node;
use crate::problem::Findings;

/// One trigger of a ScaledObject or ScaledJob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// `type`: `prometheus`, `redis`, ...
    pub kind: String,
    /// `name`, by which a formula knows it; unlike that of any other trigger of the object.
    pub name: Option<String>,
    /// `metadata`, as it is written.
    pub metadata: BTreeMap<String, String>,
    /// `authenticationRef`: where more parameters are.
    pub authentication: Option<AuthRef>,
    /// `metricType` (AverageValue; of `cpu` and `memory`: Utilization).
    pub metric_type: MetricType,
    /// `useCachedMetrics`: in KEDA, whether its HPA is shown what was polled last. Here every decision is made by what was
    /// polled last.
    pub use_cached_metrics: bool,
}

/// How a trigger's target is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricType {
    /// So much for each pod.
    AverageValue,
    /// So much for all pods together.
    Value,
    /// So many percent of what pods request; of `cpu` and `memory` only.
    Utilization,
}

impl MetricType {
    const WORDS: [(&str, MetricType); 3] = [
        ("AverageValue", MetricType::AverageValue),
        ("Value", MetricType::Value),
        ("Utilization", MetricType::Utilization),
    ];
}

/// Which TriggerAuthentication a trigger names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthRef {
    /// Its name.
    pub name: String,
    /// Whether it is a ClusterTriggerAuthentication; else it is in the object's own namespace.
    pub cluster: bool,
}

const FIELDS: [&str; 6] = ["type", "name", "metadata", "authenticationRef", "metricType", "useCachedMetrics"];

impl Trigger {
    /// Whether it looks at what the pods themselves use, which cannot wake any: `cpu` and `memory`.
    pub fn is_resource(&self) -> bool {
        matches!(self.kind.as_str(), "cpu" | "memory")
    }

    /// Reads `triggers` of `spec`.
    pub(super) fn read_all(spec: &Node<'_>, found: &mut Findings) -> Vec<Trigger> {
        let node = spec.at("triggers");
        let before = found.problems.len();
        let items = node.items(found);
        if items.len() > bounds::TRIGGERS {
            found.refuse(node.path(), format!("has {} triggers, more than {}", items.len(), bounds::TRIGGERS));
            return Vec::new();
        }
        let triggers: Vec<Trigger> = items.iter().map(|item| Trigger::read(item, found)).collect();
        if triggers.is_empty() && found.problems.len() == before {
            found.refuse(node.path(), "is missing: there must be at least one trigger");
        }
        refuse_twins(&items, &triggers, found);
        triggers
    }

    fn read(node: &Node<'_>, found: &mut Findings) -> Trigger {
        warn_of_unknown(node, &FIELDS, found);
        let kind = needed(&node.at("type"), found);
        let is_resource = matches!(kind.as_str(), "cpu" | "memory");
        let metric_type = metric_type(node, is_resource, found);
        let cached_at = node.at("useCachedMetrics");
        let use_cached_metrics = cached_at.switch(found).unwrap_or(false);
        if use_cached_metrics && (is_resource || kind == "cron") {
            found.refuse(cached_at.path(), format!("is not allowed of a trigger of type {kind}"));
        }
        Trigger {
            name: node.at("name").text(found).filter(|name| !name.is_empty()).map(str::to_owned),
            metadata: node.at("metadata").map(found),
            authentication: AuthRef::read(&node.at("authenticationRef"), found),
            metric_type,
            use_cached_metrics,
            kind,
        }
    }
}

fn metric_type(node: &Node<'_>, is_resource: bool, found: &mut Findings) -> MetricType {
    let at = node.at("metricType");
    let (default, refused) = match is_resource {
        true => (MetricType::Utilization, MetricType::Value),
        false => (MetricType::AverageValue, MetricType::Utilization),
    };
    if at.text(&mut Findings::default()) == Some("") {
        return default;
    }
    let written = choice(&at, &MetricType::WORDS, found).unwrap_or(default);
    if written == refused {
        let of = MetricType::WORDS.iter().filter(|(_, value)| *value != refused).map(|(word, _)| *word);
        let of = listed(&of.collect::<Vec<_>>(), "or");
        let whose = if is_resource { "cpu and memory" } else { "a trigger that is neither cpu nor memory" };
        let text = at.text(found).unwrap_or_default();
        found.wrong(at.path(), text, format!("is not allowed of {whose}: it must be {of}"));
    }
    written
}

impl AuthRef {
    fn read(node: &Node<'_>, found: &mut Findings) -> Option<AuthRef> {
        if !node.exists() {
            return None;
        }
        warn_of_unknown(node, &["name", "kind"], found);
        let kinds = [("TriggerAuthentication", false), ("ClusterTriggerAuthentication", true)];
        let cluster = choice(&node.at("kind"), &kinds, found).unwrap_or(false);
        Some(AuthRef { name: needed(&node.at("name"), found), cluster })
    }
}

fn refuse_twins(items: &[Node<'_>], triggers: &[Trigger], found: &mut Findings) {
    let mut names = BTreeSet::new();
    for (item, trigger) in items.iter().zip(triggers) {
        if let Some(name) = &trigger.name
            && !names.insert(name)
        {
            found.wrong(item.at("name").path(), name, "is the name of another trigger too: each needs its own");
        }
    }
}
