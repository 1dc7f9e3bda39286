//! Jobs that are being deleted, a few at a time: whoever deletes many creates others meanwhile.

use std::collections::HashSet;

use config::bounds;
use kube::api::{DeleteParams, PropagationPolicy};
use kube::core::{DynamicObject, Request, Resource};
use serde::de::IgnoredAny;
use tokio::task::JoinSet;

use super::object::jobs;
use super::rest::Rest;
use crate::kubernetes::watched::Place;
use crate::kubernetes::writes::{Urgency, WriteError, Writes};

/// Those of one ScaledJob.
#[derive(Debug, Default)]
pub(super) struct Deletes {
    tasks: JoinSet<(String, Result<(), WriteError>)>,
    /// Those that are asked to go, or have been, until they are seen no more.
    asked: HashSet<String>,
    /// After one that failed.
    pub(super) rest: Rest,
}

impl Deletes {
    /// Those are seen no more of which `is_seen` is not so.
    pub(super) fn retain(&mut self, is_seen: impl Fn(&str) -> bool) {
        self.asked.retain(|name| is_seen(name));
    }

    /// Asks for the Job `name` in `namespace` to go, if it is not asked already and there is room for one more. In the
    /// foreground it is there until its pods are gone; else they follow.
    pub(super) fn ask(&mut self, writes: &Writes, namespace: &str, name: &str, foreground: bool) {
        if self.tasks.len() >= bounds::JOBS_DELETED_AT_ONCE || !self.rest.is_over() || self.asked.contains(name) {
            return;
        }
        self.asked.insert(name.to_owned());
        let (writes, place) = (writes.clone(), Place { namespace: namespace.to_owned(), name: name.to_owned() });
        self.tasks.spawn(async move {
            let deleted = delete(&writes, &place, foreground).await;
            (place.name, deleted)
        });
    }

    /// Waits until one went well or failed, or until what failed may be asked for again. Says why one failed. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(String, WriteError)> {
        let (name, deleted) = tokio::select! {
            Some(Ok(ended)) = self.tasks.join_next() => ended,
            () = self.rest.over() => return None,
        };
        match deleted {
            Err(error) if error.code() != Some(404) => {
                self.asked.remove(&name);
                self.rest.begin();
                Some((name, error))
            }
            _ => {
                self.rest.end();
                None
            }
        }
    }
}

/// Without a policy an apiserver would leave the pods.
async fn delete(writes: &Writes, Place { namespace, name }: &Place, foreground: bool) -> Result<(), WriteError> {
    let policy = if foreground { PropagationPolicy::Foreground } else { PropagationPolicy::Background };
    let parameters = DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() };
    let request = Request::new(DynamicObject::url_path(&jobs(), Some(namespace)))
        .delete(name, &parameters)
        .map_err(kube::Error::BuildRequest)?;
    writes.send::<IgnoredAny>(Urgency::Upkeep, "job-delete", request).await.map(drop)
}
