//! Where our own activators are, for an autoscaler that knows them by their addresses.

use std::net::IpAddr;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::watcher::Event;

use super::names;
use super::watch::trouble::Trouble;
use super::watch::{Which, watch};
use super::watched::Watched;
use crate::link::OwnPods;

/// What is watched, as roles name it.
const PODS: &str = "pods";

/// Keeps `own` as the activators of `namespace` are. Never ends.
pub(crate) async fn follow(client: Client, namespace: &str, own: OwnPods) {
    let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &ApiResource::erase::<Pod>(&()));
    let mut seen = watch(api, Which::labelled_as(names::PROCESS_LABEL, names::ACTIVATOR));
    let (mut pods, mut trouble) = (Watched::default(), Trouble::default());
    while let Some(event) = seen.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                trouble.failed(PODS, &error);
                continue;
            }
        };
        // A watch that begins anew says so before anything is there.
        if !matches!(event, Event::Init) {
            trouble.works(PODS);
        }
        for place in pods.take(event, address) {
            own.set(&place.name, pods.get(&place).copied().flatten());
        }
    }
}

/// Where a pod is. One that has ended is nowhere: its address may be another's already.
fn address(pod: &DynamicObject) -> Option<IpAddr> {
    let status = &pod.data["status"];
    let has_ended = matches!(status["phase"].as_str(), Some("Succeeded" | "Failed"));
    status["podIP"].as_str().filter(|_| !has_ended)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use config::link::Reporter;
    use serde_json::{Value, json};
    use tokio::time::sleep;

    use super::*;
    use crate::kubernetes::mock::Apiserver;
    use crate::link::Identity;

    const PATH: &str = "/api/v1/namespaces/rouse-system/pods/activator-1";

    fn pod(phase: &str, ip: Option<&str>) -> Option<Value> {
        Some(json!({
            "metadata": { "namespace": "rouse-system", "name": "activator-1" },
            "status": { "phase": phase, "podIP": ip },
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn an_activator_is_known_by_its_address_for_as_long_as_it_has_it() {
        let (apiserver, own) = (Apiserver::new(), OwnPods::default());
        let identity = Identity::Address(own.clone());
        let known = async || {
            sleep(Duration::from_millis(100)).await;
            let activator = Reporter::Activator("activator-1".into());
            identity.ask(&activator, None, [10, 0, 0, 7].into()).await.is_ok()
        };
        apiserver.put(PATH, pod("Running", Some("10.0.0.7")));
        let client = apiserver.client("a");
        let _watch = tokio::spawn(async move { follow(client, "rouse-system", own).await });
        assert!(known().await, "it was there before");
        let asked = apiserver.take_asked();
        let label = "labelSelector=app.kubernetes.io%2Fname%3Drouse-activator";
        assert!(asked.iter().all(|(_, what)| what.contains(label)), "{asked:?}");
        for (now, expected) in [
            (pod("Failed", Some("10.0.0.7")), false),
            (pod("Running", Some("10.0.0.7")), true),
            (pod("Running", Some("10.0.0.8")), false),
            (pod("Running", Some("10.0.0.7")), true),
            (None, false),
            (pod("Pending", None), false),
            (pod("Running", Some("10.0.0.7")), true),
        ] {
            apiserver.put(PATH, now.clone());
            assert_eq!(known().await, expected, "{now:?}");
        }
    }
}
