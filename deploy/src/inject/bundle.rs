//! The apiserver must trust our certificate: the webhook configuration says whom to trust.

use config::bounds;
use futures_util::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::kubernetes::names;
use crate::kubernetes::said::Said;
use crate::kubernetes::writes::{Urgency, WriteError, Writes};

/// Sees to it that our webhooks name `authority` (PEM) as the one to trust, now and whenever somebody changes them.
pub async fn keep(writes: Writes, authority: &str) {
    let api: Api<MutatingWebhookConfiguration> = Api::all(writes.client().clone());
    let mut seen = std::pin::pin!(watcher::watch_object(api.clone(), names::INJECTOR).default_backoff());
    while let Some(configuration) = seen.next().await {
        let configuration = match configuration {
            Ok(configuration) => configuration,
            Err(error) => {
                warn!("cannot watch MutatingWebhookConfiguration {}: {error}", names::INJECTOR);
                // Who may not watch it looks at it instead, as often as that is tried.
                match api.get_opt(names::INJECTOR).await {
                    Ok(configuration) => configuration,
                    Err(error) => {
                        warn!("cannot read MutatingWebhookConfiguration {}: {}", names::INJECTOR, Said(&error));
                        continue;
                    }
                }
            }
        };
        match configuration {
            Some(configuration) => put_right(&writes, &api, configuration, authority).await,
            None => warn!("there is no MutatingWebhookConfiguration {}: pods get no queue-proxy", names::INJECTOR),
        }
    }
}

/// Tries until it is done, or somebody else has done it or taken the configuration away.
async fn put_right(
    writes: &Writes,
    api: &Api<MutatingWebhookConfiguration>,
    configuration: MutatingWebhookConfiguration,
    authority: &str,
) {
    let mut current = Some(configuration);
    let mut pause = bounds::PLATFORM_RETRY_FIRST;
    while let Some(patch) = current.as_ref().and_then(|configuration| patch(configuration, authority)) {
        match write(writes, api.resource_url(), &patch).await {
            Ok(()) => return info!("the apiserver is told whom to trust"),
            Err(error) => warn!("cannot tell the apiserver whom to trust: {error}"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(bounds::PLATFORM_RETRY_SLOWEST);
        match api.get_opt(names::INJECTOR).await {
            Ok(found) => current = found,
            Err(error) => warn!("cannot read MutatingWebhookConfiguration {}: {}", names::INJECTOR, Said(&error)),
        }
    }
}

/// What is to be changed so that all webhooks of `configuration` trust `authority`. It only applies to the webhooks that
/// were looked at.
fn patch(configuration: &MutatingWebhookConfiguration, authority: &str) -> Option<json_patch::Patch> {
    let wanted = ByteString(authority.as_bytes().to_vec());
    let webhooks = configuration.webhooks.iter().flatten().enumerate();
    let operations = webhooks
        .filter(|(_, webhook)| webhook.client_config.ca_bundle.as_ref() != Some(&wanted))
        .flat_map(|(n, webhook)| {
            [
                json!({"op": "test", "path": format!("/webhooks/{n}/name"), "value": webhook.name}),
                json!({"op": "add", "path": format!("/webhooks/{n}/clientConfig/caBundle"), "value": wanted}),
            ]
        });
    let operations: serde_json::Value = operations.collect();
    let patch: json_patch::Patch = serde_json::from_value(operations).expect("tests and additions are a patch");
    (!patch.0.is_empty()).then_some(patch)
}

async fn write(writes: &Writes, url: &str, patch: &json_patch::Patch) -> Result<(), WriteError> {
    let params = PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patch: Patch<()> = Patch::Json(patch.clone());
    let request = kube::core::Request::new(url).patch(names::INJECTOR, &params, &patch);
    let request = request.map_err(kube::Error::BuildRequest)?;
    let _written: serde_json::Value = writes.send(Urgency::Upkeep, "webhook", request).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(bundles: [Option<&str>; 2]) -> MutatingWebhookConfiguration {
        let client = |bundle: Option<&str>| match bundle {
            Some(text) => json!({"caBundle": ByteString(text.as_bytes().to_vec())}),
            None => json!({}),
        };
        let webhook = |(name, bundle)| json!({"name": name, "clientConfig": client(bundle), "sideEffects": "None", "admissionReviewVersions": ["v1"]});
        let webhooks: Vec<_> = ["pods", "services"].into_iter().zip(bundles).map(webhook).collect();
        serde_json::from_value(json!({"metadata": {"name": names::INJECTOR}, "webhooks": webhooks})).unwrap()
    }

    fn operations(bundles: [Option<&str>; 2]) -> serde_json::Value {
        patch(&configuration(bundles), "ours").map_or(json!(null), |patch| json!(patch))
    }

    #[test]
    fn every_webhook_that_trusts_another_is_told() {
        assert_eq!(operations([Some("ours"), Some("ours")]), json!(null));
        let told = |n: u32, name: &str| {
            [
                json!({"op": "test", "path": format!("/webhooks/{n}/name"), "value": name}),
                json!({"op": "add", "path": format!("/webhooks/{n}/clientConfig/caBundle"), "value": "b3Vycw=="}),
            ]
        };
        assert_eq!(operations([Some("ours"), None]), json!(told(1, "services")));
        assert_eq!(operations([Some("theirs"), None]), json!([told(0, "pods"), told(1, "services")].concat()));
        assert_eq!(patch(&MutatingWebhookConfiguration::default(), "ours"), None);
    }
}
