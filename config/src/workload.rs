//! A workload: what is scaled.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Policy, Serving};

/// `namespace/kind/name`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkloadId(Arc<Parts>);

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parts {
    namespace: String,
    kind: String,
    name: String,
}

impl WorkloadId {
    /// The kind that is meant when none is written.
    pub const DEFAULT_KIND: &'static str = "Deployment";
    /// The namespace that is meant when none is written.
    pub const DEFAULT_NAMESPACE: &'static str = "default";

    /// The id of `kind` `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, kind: impl Into<String>, name: impl Into<String>) -> WorkloadId {
        WorkloadId(Arc::new(Parts { namespace: namespace.into(), kind: kind.into(), name: name.into() }))
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The kind: `Deployment`, `StatefulSet`, `Service` (Knative's), or another with a scale subresource.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl fmt::Display for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.0.namespace, self.0.kind, self.0.name)
    }
}

impl fmt::Debug for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not `name`, `kind/name`, `namespace/name` or `namespace/kind/name`.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a workload: write NAME, NAMESPACE/NAME or NAMESPACE/KIND/NAME")]
pub struct NotAWorkload(String);

impl FromStr for WorkloadId {
    type Err = NotAWorkload;

    /// Reads `NAME`, `NAMESPACE/NAME` or `NAMESPACE/KIND/NAME`.
    fn from_str(text: &str) -> Result<WorkloadId, NotAWorkload> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(NotAWorkload(text.to_owned()));
        }
        match parts[..] {
            [name] => Ok(WorkloadId::new(Self::DEFAULT_NAMESPACE, Self::DEFAULT_KIND, name)),
            [namespace, name] => Ok(WorkloadId::new(namespace, Self::DEFAULT_KIND, name)),
            [namespace, kind, name] => Ok(WorkloadId::new(namespace, kind, name)),
            _ => Err(NotAWorkload(text.to_owned())),
        }
    }
}

impl Serialize for WorkloadId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WorkloadId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<WorkloadId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A workload as a platform announces it: who it is, how it wants to be scaled and how it wants to be served.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Its name.
    pub id: WorkloadId,
    /// How many pods it should have, and when.
    pub policy: Policy,
    /// How requests to its pods are limited, timed and probed.
    pub serving: Serving,
    /// Host names (lower case, without port) that a shared port routes to it.
    pub hosts: Vec<String>,
}
