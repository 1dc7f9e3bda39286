//! Who stands behind a Service, for a trigger that asks each of them.

use std::net::SocketAddr;

use deploy::kubernetes::route::endpoints;
use serde_json::{Value, json};

use crate::apiserver::Apiserver;
use crate::cluster::parts;

const SLICES: &str = "/apis/discovery.k8s.io/v1beta1/namespaces/shop/endpointslices";

/// A slice of the Service with these endpoints: whether each is ready, where that is known.
fn slice(service: &str, endpoints: &[(&str, Option<bool>)]) -> Value {
    let endpoint = |(ip, ready): &(&str, Option<bool>)| json!({ "addresses": [ip], "conditions": { "ready": ready } });
    json!({
        "metadata": { "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4", "endpoints": endpoints.iter().map(endpoint).collect::<Value>(),
    })
}

async fn behind(apiserver: &Apiserver, host: &str) -> Result<Vec<String>, String> {
    let (parts, _) = parts(apiserver, &[]).await;
    let found = endpoints(parts.writes.client().clone(), parts.discovered.endpoint_slices.clone());
    let found = found(host.to_owned(), 9090).await?;
    Ok(found.iter().map(SocketAddr::to_string).collect())
}

#[tokio::test(start_paused = true)]
async fn ready_endpoints_of_all_its_slices_each_once_and_no_activator() {
    let apiserver = Apiserver::default();
    let put = |name: &str, slice: Value| apiserver.put(&format!("{SLICES}/{name}"), slice);
    put("queue-1", slice("queue", &[("10.0.0.1", Some(true)), ("10.0.0.2", Some(false)), ("10.0.0.3", None)]));
    put("queue-2", slice("queue", &[("10.0.0.1", Some(true)), ("10.0.0.4", Some(true))]));
    put("other-1", slice("other", &[("10.0.0.5", Some(true))]));
    let mut ours = slice("queue", &[("10.0.0.9", Some(true))]);
    ours["metadata"]["annotations"] = json!({ "rouse.dev/door": "10000" });
    put("queue-rouse-4-0", ours);
    for host in ["queue.shop", "queue.shop.svc", "queue.shop.svc.cluster.local"] {
        let found = behind(&apiserver, host).await;
        assert_eq!(found.unwrap(), ["10.0.0.1:9090", "10.0.0.3:9090", "10.0.0.4:9090"], "{host}");
    }
    assert_eq!(behind(&apiserver, "queue.bank").await, Ok(vec![]), "another namespace");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_service_or_may_not_be_read_is_said() {
    let apiserver = Apiserver::default();
    for host in ["queue", "10.0.0.1", "queue."] {
        let message = format!("url: {host:?} names no Service: write NAME.NAMESPACE, or NAME.NAMESPACE.svc");
        assert_eq!(behind(&apiserver, host).await, Err(message));
    }
    apiserver.fail(&format!("GET {SLICES}"), 403);
    let refused = behind(&apiserver, "queue.shop").await.unwrap_err();
    assert!(refused.starts_with("cannot read the endpoints of queue.shop: "), "{refused}");
}
