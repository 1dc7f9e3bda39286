//! A namespace that is being deleted.

use std::time::Duration;

use config::bounds;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cluster::{Cluster, ClusterError};
use super::patience::Patience;
use super::{Object, Say};
use crate::kubernetes::names::NUDGED;

/// Whether an object is being deleted.
pub(super) fn is_going(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// Returns when `namespace` is gone, or what is left of it after `wait`. Meanwhile Kubernetes is made to look after it: by
/// itself it would wait for half of the grace of the pods that were there, which for activators is half an hour.
///
/// # Errors
/// When the apiserver does not tell.
pub(super) async fn await_gone(
    cluster: &Cluster,
    namespace: &Object,
    wait: Duration,
    say: Say<'_>,
) -> Result<Option<String>, ClusterError> {
    let mut patience = Patience::new(wait);
    let mut nudges = Instant::now() + bounds::INSTALL_NUDGE;
    loop {
        let Some(found) = cluster.get(namespace).await? else { return Ok(None) };
        let left = left(&found);
        if Instant::now() >= nudges {
            nudges += bounds::INSTALL_NUDGE;
            nudge(cluster, namespace, &found).await?;
        }
        if !patience.looks_again(say, || format!("it to go: {left}")).await {
            return Ok(Some(left));
        }
    }
}

/// Changes something of `namespace` that means nothing.
async fn nudge(cluster: &Cluster, namespace: &Object, found: &Value) -> Result<(), ClusterError> {
    let version = &found["metadata"]["resourceVersion"];
    match cluster.patch(namespace, &json!({ "metadata": { "annotations": { NUDGED: version } } })).await {
        Err(error) if error.code() != Some(404) => Err(error),
        _ => Ok(()),
    }
}

/// What keeps a namespace from going, as its controller says.
fn left(namespace: &Value) -> String {
    let conditions = namespace.pointer("/status/conditions").and_then(Value::as_array);
    let met = conditions.into_iter().flatten().filter(|condition| condition["status"] == "True");
    let said: Vec<&str> = met.filter_map(|condition| condition["message"].as_str()).collect();
    if said.is_empty() { "Kubernetes has not said why".to_owned() } else { said.join("; ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_namespace_says_what_is_left_in_it() {
        let conditions = json!([
            { "type": "NamespaceDeletionContentFailure", "status": "False", "message": "All content successfully deleted" },
            { "type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: pods. has 1" },
        ]);
        let namespace = json!({ "status": { "conditions": conditions } });
        assert_eq!(left(&namespace), "Some resources are remaining: pods. has 1");
        assert_eq!(left(&json!({})), "Kubernetes has not said why");
    }
}
