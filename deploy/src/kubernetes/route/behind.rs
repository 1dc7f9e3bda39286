//! Who stands behind a Service, for triggers that ask each of them (`aggregateFromKubeServiceEndpoints`).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use kube::api::ListParams;
use kube::core::ApiResource;
use kube::{Api, Client};

use super::objects::SliceObject;
use super::slice::{DOOR_ANNOTATION, SERVICE_LABEL};
use crate::kubernetes::said::Said;
use crate::sources::Endpoints;

/// The ready endpoints of the Service that a host names, as its EndpointSlices (`slices`, of whichever version) have them, each
/// with the port that is asked for: it is the pods'. Read anew each time, for nobody need watch all slices of a cluster for
/// that.
pub fn endpoints(client: Client, slices: ApiResource) -> Endpoints {
    let slices = Arc::new(slices);
    Arc::new(move |host, port| {
        let (client, slices) = (client.clone(), Arc::clone(&slices));
        Box::pin(async move {
            let (name, namespace) = service(&host).ok_or_else(|| not_a_service(&host))?;
            let api: Api<SliceObject> = Api::namespaced_with(client, namespace, &*slices);
            let its = ListParams::default().labels(&format!("{SERVICE_LABEL}={name}"));
            let found = api.list(&its).await;
            let found = found.map_err(|error| format!("cannot read the endpoints of {host}: {}", Said(&error)))?;
            // By our own slices requests go to activators, or may at any time.
            let theirs = found.items.iter().filter(|slice| slice.metadata.annotation(DOOR_ANNOTATION).is_none());
            let ready = theirs.flat_map(|slice| &slice.endpoints).filter(|endpoint| endpoint.is_ready());
            let ips = ready.flat_map(|endpoint| &endpoint.addresses).filter_map(|ip| ip.parse().ok());
            let ips: BTreeSet<IpAddr> = ips.collect(); // one may be in several
            Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
        })
    })
}

/// Name and namespace in `NAME.NAMESPACE`, whatever follows.
fn service(host: &str) -> Option<(&str, &str)> {
    let (name, rest) = host.split_once('.')?;
    let namespace = rest.split('.').next().filter(|namespace| !namespace.is_empty())?;
    (!name.is_empty() && host.parse::<IpAddr>().is_err()).then_some((name, namespace))
}

fn not_a_service(host: &str) -> String {
    format!("url: {host:?} names no Service: write NAME.NAMESPACE, or NAME.NAMESPACE.svc")
}
