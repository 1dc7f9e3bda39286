//! Of activators and injectors, a drained node takes one at a time.

use serde_json::json;

use super::{metadata, selector};
use crate::install::{Object, Settings};
use crate::kubernetes::names::{ACTIVATOR, INJECTOR};

/// None for the autoscaler: while none leads, pods stay and traffic flows.
pub(super) fn budgets(settings: &Settings) -> Vec<Object> {
    let budget = |name| {
        Object::new(json!({
            "apiVersion": settings.budgets.api_version(),
            "kind": "PodDisruptionBudget",
            "metadata": metadata(settings, name),
            "spec": { "maxUnavailable": 1, "selector": { "matchLabels": selector(name) } },
        }))
    };
    vec![budget(ACTIVATOR), budget(INJECTOR)]
}
