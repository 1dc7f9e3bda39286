//! What of the authority is in the cluster: a Secret with all of it, a ConfigMap with its certificate.

use std::collections::BTreeMap;

use config::bounds;
use http::Request;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{AuthorityError, Pair};
use crate::kubernetes::names;
use crate::kubernetes::writes::{Urgency, WriteError, Writes};

/// The key of the certificate, in the Secret and in the ConfigMap.
pub(super) const CERTIFICATE: &str = "ca.crt";

/// The key of the private key, in the Secret.
pub(super) const KEY: &str = "ca.key";

pub(super) fn secret_name(namespace: &str) -> String {
    format!("Secret {namespace}/{}", names::AUTHORITY)
}

/// What the Secret says; if there is none, it is made with what `make` makes.
pub(super) async fn secret(
    writes: &Writes,
    namespace: &str,
    make: impl Fn() -> Result<Pair, rcgen::Error>,
) -> Result<Pair, AuthorityError> {
    let secrets: Api<Secret> = Api::namespaced(writes.client().clone(), namespace);
    let what = secret_name(namespace);
    for _ in 0..bounds::AUTHORITY_TRIES {
        let found = secrets.get_opt(names::AUTHORITY).await;
        if let Some(secret) = found.map_err(|error| AuthorityError::Read { what: what.clone(), error })? {
            return Pair::read(&secret).map_err(|why| AuthorityError::Unusable { what, why });
        }
        let pair = make()?;
        match create(writes, secrets.resource_url(), &pair.secret(namespace)).await {
            Ok(()) => return Ok(pair),
            Err(error) if is_there_already(&error) => {}
            Err(error) => return Err(AuthorityError::Write { what, error }),
        }
    }
    Err(AuthorityError::Unsteady(what))
}

/// Brings the ConfigMap to say `certificate`, if it does not.
pub(super) async fn publish(writes: &Writes, namespace: &str, certificate: &str) -> Result<(), AuthorityError> {
    let maps: Api<ConfigMap> = Api::namespaced(writes.client().clone(), namespace);
    let what = format!("ConfigMap {namespace}/{}", names::AUTHORITY);
    let wanted = BTreeMap::from([(CERTIFICATE.to_owned(), certificate.to_owned())]);
    for _ in 0..bounds::AUTHORITY_TRIES {
        let found = maps.get_opt(names::AUTHORITY).await;
        let found = found.map_err(|error| AuthorityError::Read { what: what.clone(), error })?;
        let written = match found {
            Some(map) if map.data.as_ref().and_then(|data| data.get(CERTIFICATE)) == wanted.get(CERTIFICATE) => {
                return Ok(());
            }
            Some(_) => amend(writes, maps.resource_url(), &json!({ "data": wanted })).await,
            None => {
                let map =
                    ConfigMap { metadata: metadata(namespace), data: Some(wanted.clone()), ..ConfigMap::default() };
                create(writes, maps.resource_url(), &map).await
            }
        };
        match written {
            Ok(()) => return Ok(()),
            Err(error) if is_there_already(&error) => {}
            Err(error) => return Err(AuthorityError::Write { what, error }),
        }
    }
    Err(AuthorityError::Unsteady(what))
}

async fn create<K>(writes: &Writes, url: &str, object: &K) -> Result<(), WriteError>
where
    K: Resource + Serialize + DeserializeOwned,
{
    let params = PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let request = kube::core::Request::new(url).create(&params, body).map_err(kube::Error::BuildRequest)?;
    send(writes, request).await
}

async fn amend(writes: &Writes, url: &str, change: &serde_json::Value) -> Result<(), WriteError> {
    let params = PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let request = kube::core::Request::new(url).patch(names::AUTHORITY, &params, &Patch::Merge(change));
    send(writes, request.map_err(kube::Error::BuildRequest)?).await
}

async fn send(writes: &Writes, request: Request<Vec<u8>>) -> Result<(), WriteError> {
    let _written: serde_json::Value = writes.send(Urgency::Upkeep, "authority", request).await?;
    Ok(())
}

/// Somebody else made it, a moment ago.
fn is_there_already(error: &WriteError) -> bool {
    matches!(error, WriteError::Kube(kube::Error::Api(status)) if status.is_already_exists())
}

fn metadata(namespace: &str) -> ObjectMeta {
    let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), names::MANAGED_BY.to_owned())]);
    ObjectMeta {
        name: Some(names::AUTHORITY.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels),
        ..ObjectMeta::default()
    }
}

impl Pair {
    fn secret(&self, namespace: &str) -> Secret {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let data = [(CERTIFICATE, bytes(&self.certificate)), (KEY, bytes(&self.key))];
        Secret {
            metadata: metadata(namespace),
            type_: Some("Opaque".to_owned()),
            data: Some(data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ..Secret::default()
        }
    }

    fn read(secret: &Secret) -> Result<Pair, String> {
        let text = |key: &str| {
            let bytes = secret.data.as_ref().and_then(|data| data.get(key)).ok_or(format!("{key} is missing"))?;
            String::from_utf8(bytes.0.clone()).map_err(|_| format!("{key} is not in PEM form"))
        };
        Ok(Pair { certificate: text(CERTIFICATE)?, key: text(KEY)? })
    }
}
