//! A namespace that is being deleted.

use std::time::Duration;

use serde_json::Value;

use super::cluster::{Cluster, ClusterError};
use super::patience::Patience;
use super::{Object, Say};

/// Whether an object is being deleted.
pub(super) fn is_going(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// Returns when `namespace` is gone, or what is left of it after `wait`.
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
    loop {
        let Some(found) = cluster.get(namespace).await? else { return Ok(None) };
        let left = left(&found);
        if !patience.looks_again(say, || left.clone()).await {
            return Ok(Some(left));
        }
    }
}

/// What keeps a namespace from going, as its controller says.
fn left(namespace: &Value) -> String {
    let conditions = namespace.pointer("/status/conditions").and_then(Value::as_array);
    let met = conditions.into_iter().flatten().filter(|condition| condition["status"] == "True");
    let said: Vec<&str> = met.filter_map(|condition| condition["message"].as_str()).collect();
    if said.is_empty() { "what is in it".to_owned() } else { said.join("; ") }
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
        assert_eq!(left(&json!({})), "what is in it");
    }
}
