//! One object after the other into the cluster.

use serde_json::Value;

use super::Object;
use super::cluster::{Cluster, ClusterError, Really};

/// What became of an object, in kubectl's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was not there.
    Created,
    /// It was there, and is different now.
    Configured,
    /// It was there as it should be.
    Unchanged,
}

impl Outcome {
    fn of(before: Option<&Value>, after: &Value) -> Outcome {
        match before {
            None => Outcome::Created,
            Some(before) if essence(before) == essence(after) => Outcome::Unchanged,
            Some(_) => Outcome::Configured,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Outcome::Created => "created",
            Outcome::Configured => "configured",
            Outcome::Unchanged => "unchanged",
        }
    }
}

/// An object without what changes when nothing was changed.
fn essence(object: &Value) -> Value {
    let mut essence = object.clone();
    if let Some(fields) = essence.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = essence["metadata"].as_object_mut() {
        for key in ["resourceVersion", "generation", "managedFields"] {
            metadata.remove(key);
        }
    }
    essence
}

/// Applies `object`.
pub(super) async fn apply(cluster: &Cluster, object: &Object) -> Result<Outcome, ClusterError> {
    let before = cluster.get(object).await?;
    let after = cluster.apply(object, Really::Yes).await?;
    Ok(Outcome::of(before.as_ref(), &after))
}

/// What [`apply`] would come to, and that it is allowed. The apiserver cannot try what lies in a namespace, or binds a
/// role, that is not there yet: then it is only asked whether we may.
pub(super) async fn try_apply(cluster: &Cluster, object: &Object) -> Result<Outcome, ClusterError> {
    let before = cluster.get(object).await?;
    match cluster.apply(object, Really::No).await {
        Ok(after) => Ok(Outcome::of(before.as_ref(), &after)),
        Err(error) if error.code() == Some(404) && cluster.may("create", object).await? => Ok(Outcome::Created),
        Err(error) if error.code() == Some(404) => Err(ClusterError::Refused {
            what: format!("create {object}"),
            code: 403,
            message: "you are not allowed to".to_owned(),
        }),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_apiserver_counts_is_no_change() {
        let before = json!({
            "metadata": { "name": "a", "resourceVersion": "1", "generation": 1 }, "spec": { "a": 1 }, "status": {},
        });
        let mut after = json!({
            "metadata": { "name": "a", "resourceVersion": "2", "generation": 1, "managedFields": [] }, "spec": { "a": 1 },
        });
        assert_eq!(Outcome::of(Some(&before), &after), Outcome::Unchanged);
        after["spec"]["a"] = 2.into();
        assert_eq!(Outcome::of(Some(&before), &after), Outcome::Configured);
        assert_eq!(Outcome::of(None, &after), Outcome::Created);
    }
}
