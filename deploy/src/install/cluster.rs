//! A cluster as an installation sees it: one object at a time, read and written.

use std::fmt;

use anyhow::anyhow;
use kube::api::{DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::KubeConfigOptions;
use kube::core::{ApiResource, DynamicObject, Request, Resource};
use kube::{Client, Config};
use serde_json::{Value, json};

use config::bounds;

use super::Object;
use super::object::resource;
use crate::kubernetes::names::FIELD_MANAGER;
use crate::kubernetes::writes::{Urgency, WriteError, Writes};

/// What writes are counted as.
const WHAT: &str = "install";

/// Why the cluster did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The apiserver says no.
    #[error("cannot {what}: {message}")]
    Refused {
        /// What it was asked.
        what: String,
        /// Its status.
        code: u16,
        /// What it says of it.
        message: String,
    },
    /// The apiserver cannot be reached, or does not answer as one.
    #[error("cannot {what}")]
    Failed {
        /// What it was asked.
        what: String,
        /// Why not.
        #[source]
        source: WriteError,
    },
}

impl ClusterError {
    fn new(what: impl fmt::Display, error: impl Into<WriteError>) -> ClusterError {
        match error.into() {
            WriteError::Kube(kube::Error::Api(status)) => {
                ClusterError::Refused { what: what.to_string(), code: status.code, message: status.message }
            }
            source => ClusterError::Failed { what: what.to_string(), source },
        }
    }

    /// The status that the apiserver answered with, if it answered.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            ClusterError::Refused { code, .. } => Some(*code),
            ClusterError::Failed { .. } => None,
        }
    }
}

/// Reads and writes. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    writes: Writes,
}

impl Cluster {
    pub(super) fn new(client: Client) -> Cluster {
        Cluster { writes: Writes::new(client, bounds::KUBE_API_QPS, bounds::KUBE_API_BURST) }
    }

    pub(super) fn client(&self) -> &Client {
        self.writes.client()
    }

    /// `object` as it is there; none if it is not.
    pub(super) async fn get(&self, object: &Object) -> Result<Option<Value>, ClusterError> {
        let what = || format!("read {object}");
        let request = Request::new(object.collection()).get(object.name(), &GetParams::default());
        self.read(request, what).await
    }

    /// The scale of `object`; none if it is not there.
    pub(super) async fn scale(&self, object: &Object) -> Result<Option<Value>, ClusterError> {
        let what = || format!("read the scale of {object}");
        let request = Request::new(object.collection()).get_subresource("scale", object.name());
        self.read(request, what).await
    }

    async fn read(&self, request: Built, what: impl Fn() -> String) -> Result<Option<Value>, ClusterError> {
        match self.client().request(ready(request, &what)?).await {
            Ok(value) => Ok(Some(value)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(ClusterError::new(what(), error)),
        }
    }

    /// All objects of a kind, in one namespace or everywhere, that `labels` select.
    pub(super) async fn list(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        labels: &str,
    ) -> Result<Vec<Value>, ClusterError> {
        let what = || format!("list {}", resource.plural);
        let path = DynamicObject::url_path(resource, namespace);
        let mut params = ListParams::default().labels(labels).limit(bounds::INSTALL_LIST_PAGE);
        let mut all = Vec::new();
        loop {
            let request = ready(Request::new(&path).list(&params), what)?;
            let answer = self.client().request::<Value>(request).await;
            let mut page = answer.map_err(|error| ClusterError::new(what(), error))?;
            if let Value::Array(items) = page["items"].take() {
                all.extend(items);
            }
            match page.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => params.continue_token = Some(token.to_owned()),
                _ => return Ok(all),
            }
        }
    }

    /// Server-side apply: what we say of `object` holds, what others say of it stays.
    pub(super) async fn apply(&self, object: &Object, really: Really) -> Result<Value, ClusterError> {
        let mut params = PatchParams::apply(FIELD_MANAGER).force();
        params.dry_run = really == Really::No;
        let request = Request::new(object.collection()).patch(object.name(), &params, &Patch::Apply(object));
        self.write(request, || format!("apply {object}")).await
    }

    /// Merges `change` into `object`.
    pub(super) async fn patch(&self, object: &Object, change: &Value) -> Result<Value, ClusterError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let request = Request::new(object.collection()).patch(object.name(), &params, &Patch::Merge(change));
        self.write(request, || format!("change {object}")).await
    }

    /// Merges `change` into the scale of `object`.
    pub(super) async fn patch_scale(&self, object: &Object, change: &Value) -> Result<Value, ClusterError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let path = Request::new(object.collection());
        let request = path.patch_subresource("scale", object.name(), &params, &Patch::Merge(change));
        self.write(request, || format!("scale {object}")).await
    }

    /// Deletes `object`, if it is there.
    pub(super) async fn delete(&self, object: &Object) -> Result<(), ClusterError> {
        let request = Request::new(object.collection()).delete(object.name(), &DeleteParams::background());
        match self.write(request, || format!("delete {object}")).await {
            Err(error) if error.code() != Some(404) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether who we are may do `verb` to `object`, as the apiserver says.
    pub(super) async fn may(&self, verb: &str, object: &Object) -> Result<bool, ClusterError> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "verb": verb,
                "group": object.resource().group,
                "resource": object.resource().plural,
                "namespace": object.namespace().unwrap_or_default(),
                "name": object.name(),
            } },
        });
        let path = DynamicObject::url_path(&resource("authorization.k8s.io/v1", "SelfSubjectAccessReview"), None);
        let request = Request::new(path).create(&PostParams::default(), review.to_string().into_bytes());
        let answer = self.write(request, || format!("ask whether {object} may be applied")).await?;
        Ok(answer.pointer("/status/allowed") == Some(&Value::Bool(true)))
    }

    async fn write(&self, request: Built, what: impl Fn() -> String) -> Result<Value, ClusterError> {
        let sent = self.writes.send(Urgency::Upkeep, WHAT, ready(request, &what)?).await;
        sent.map_err(|error| ClusterError::new(what(), error))
    }
}

/// The apiserver that `context` of the kubeconfig names, else its current one, else the one whose pod this is.
///
/// # Errors
/// When there is no such context, or nothing says where an apiserver is.
pub async fn connect(context: Option<&str>) -> anyhow::Result<Client> {
    // kube's errors tell their sources themselves.
    let config = match context {
        None => Config::infer().await.map_err(|error| anyhow!("no cluster (KUBECONFIG says which): {error}"))?,
        Some(context) => {
            let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
            let config = Config::from_kubeconfig(&options).await;
            config.map_err(|error| anyhow!("--context {context}: {error}"))?
        }
    };
    Client::try_from(config).map_err(|error| anyhow!("the kubeconfig cannot be used: {error}"))
}

/// Whether a write is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Really {
    /// It is.
    Yes,
    /// The apiserver only says what would come of it.
    No,
}

/// A request, if it could be made.
type Built = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

fn ready(request: Built, what: impl Fn() -> String) -> Result<http::Request<Vec<u8>>, ClusterError> {
    request.map_err(|error| ClusterError::new(what(), kube::Error::BuildRequest(error)))
}
