//! One EndpointSlice of ours: as it is to be, as it is written, and as it is read.

use std::collections::BTreeSet;
use std::net::IpAddr;

use config::WorkloadId;
use kube::core::ApiResource;
use serde_json::{Value, json};

use super::objects::{Endpoint, EndpointPort, SliceObject};
use super::service::{PortName, ServiceId};
use crate::kubernetes::names::{MANAGED_BY, WORKLOAD_ANNOTATION};

/// Label of a slice: the Service that it belongs to.
pub(super) const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// Label of a slice: who writes it.
pub(super) const MANAGED_BY_LABEL: &str = "endpointslice.kubernetes.io/managed-by";

/// Annotation of a slice: the port on which activators listen for its workload, whether or not it is in the slice now.
pub(super) const DOOR_ANNOTATION: &str = "rouse.dev/door";

/// Endpoints of one slice. Kubernetes' own slices have as many.
pub(super) const MOST_ENDPOINTS: usize = 100;

/// The kind of addresses in a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    /// By the name that the API has for it.
    pub(super) fn of(text: &str) -> Option<Family> {
        match text {
            "IPv4" => Some(Family::V4),
            "IPv6" => Some(Family::V6),
            _ => None,
        }
    }

    pub(super) fn of_ip(ip: IpAddr) -> Family {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    pub(super) fn digit(self) -> char {
        match self {
            Family::V4 => '4',
            Family::V6 => '6',
        }
    }

    fn text(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }
}

/// A port of a slice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SlicePort {
    pub(super) port: PortName,
    pub(super) number: u16,
}

/// Where activators listen for a workload. Slices remember it, so that an autoscaler that starts anew knows which ports
/// are taken, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    pub(super) workload: WorkloadId,
    pub(super) port: u16,
}

impl Door {
    fn of(object: &SliceObject) -> Option<Door> {
        let port = object.metadata.annotation(DOOR_ANNOTATION)?.parse().ok()?;
        let (kind, name) = object.metadata.annotation(WORKLOAD_ANNOTATION)?.split_once('/')?;
        Some(Door { workload: WorkloadId::new(object.metadata.namespace(), kind, name), port })
    }
}

/// A slice: its name says which Service it is of, what for, and the how manieth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) name: String,
    pub(super) family: Family,
    pub(super) door: Option<Door>,
    pub(super) ports: Vec<SlicePort>,
    /// All of them ready.
    pub(super) endpoints: BTreeSet<IpAddr>,
}

/// A slice as it is in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) slice: Slice,
    /// The Service that it goes with, by UID.
    pub(super) owner: Option<String>,
    /// Whether something else was done to it than we do.
    pub(super) is_odd: bool,
    pub(super) version: Option<u64>,
}

impl Seen {
    /// What an object is, and whose; none if it is none of a router's, as that by which Links are led.
    pub(super) fn of(object: SliceObject) -> Option<(ServiceId, Seen)> {
        let ours = format!("{}-rouse-", object.label(SERVICE_LABEL)?);
        if !object.metadata.name().starts_with(&ours) {
            return None;
        }
        let family = Family::of(&object.address_type)?;
        let version = object.metadata.version();
        let service = ServiceId::new(object.metadata.namespace(), object.label(SERVICE_LABEL)?);
        let door = Door::of(&object);
        let owners = object.metadata.object.owner_references.iter().flatten();
        let owner = owners.filter(|owner| owner.kind == "Service").map(|owner| owner.uid.clone()).next();
        let ports: Vec<_> = object.ports.iter().filter_map(SlicePort::of).collect();
        let endpoints: BTreeSet<_> = object.endpoints.iter().filter_map(address).collect();
        let is_odd = ports.len() != object.ports.len() || endpoints.len() != object.endpoints.len();
        let slice = Slice { name: object.metadata.name().to_owned(), family, door, ports, endpoints };
        Some((service, Seen { slice, owner, is_odd, version }))
    }

    /// Whether it is as it is to be.
    pub(super) fn is(&self, wanted: &Slice, owner: &str) -> bool {
        !self.is_odd && self.slice == *wanted && self.owner.as_deref() == Some(owner)
    }
}

/// The one address of an endpoint that is ready.
fn address(endpoint: &Endpoint) -> Option<IpAddr> {
    match &endpoint.addresses[..] {
        [address] if endpoint.is_ready() => address.parse().ok(),
        _ => None,
    }
}

impl SlicePort {
    fn of(port: &EndpointPort) -> Option<SlicePort> {
        let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
        let name = PortName { name: port.name.clone(), protocol, app_protocol: port.app_protocol.clone() };
        Some(SlicePort { port: name, number: port.port? })
    }

    fn json(&self) -> Value {
        let SlicePort { port: PortName { name, protocol, app_protocol }, number } = self;
        let mut port = json!({ "name": name, "port": number, "protocol": protocol });
        if let Some(app_protocol) = app_protocol {
            port["appProtocol"] = json!(app_protocol);
        }
        port
    }
}

impl Slice {
    /// What is sent to make it so, in place: ports and endpoints together.
    pub(super) fn patch(&self, service: &ServiceId, owner: &str) -> Value {
        let door = self.door.as_ref();
        let endpoint = |ip: &IpAddr| json!({ "addresses": [ip], "conditions": { "ready": true } });
        json!({
            "metadata": {
                "labels": { SERVICE_LABEL: service.name(), MANAGED_BY_LABEL: MANAGED_BY },
                "annotations": {
                    DOOR_ANNOTATION: door.map(|door| door.port.to_string()),
                    WORKLOAD_ANNOTATION: door.map(|Door { workload, .. }| format!("{}/{}", workload.kind(), workload.name())),
                },
                "ownerReferences": [{
                    "apiVersion": "v1", "kind": "Service", "name": service.name(), "uid": owner, "controller": true,
                }],
            },
            "ports": self.ports.iter().map(SlicePort::json).collect::<Value>(),
            "endpoints": self.endpoints.iter().map(endpoint).collect::<Value>(),
        })
    }

    /// What is sent to create it.
    pub(super) fn object(&self, kind: &ApiResource, service: &ServiceId, owner: &str) -> Value {
        let mut object = self.patch(service, owner);
        object["apiVersion"] = json!(kind.api_version);
        object["kind"] = json!(kind.kind);
        object["addressType"] = json!(self.family.text());
        object["metadata"]["name"] = json!(self.name);
        object["metadata"]["namespace"] = json!(service.namespace());
        if self.door.is_none() {
            object["metadata"]["annotations"] = json!({});
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(version: &str) -> ApiResource {
        ApiResource {
            group: "discovery.k8s.io".to_owned(),
            version: version.to_owned(),
            api_version: format!("discovery.k8s.io/{version}"),
            kind: "EndpointSlice".to_owned(),
            plural: "endpointslices".to_owned(),
        }
    }

    fn slice() -> Slice {
        let port = PortName {
            name: "http".to_owned(),
            protocol: "TCP".to_owned(),
            app_protocol: Some("kubernetes.io/h2c".to_owned()),
        };
        Slice {
            name: "hello-rouse-4-0".to_owned(),
            family: Family::V4,
            door: Some(Door { workload: WorkloadId::new("shop", "Deployment", "hello"), port: 10_007 }),
            ports: vec![SlicePort { port, number: 10_007 }],
            endpoints: BTreeSet::from([[10, 0, 0, 8].into(), [10, 0, 0, 7].into()]),
        }
    }

    fn read(object: Value) -> (ServiceId, Seen) {
        Seen::of(serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn what_is_written_is_what_is_read_in_both_versions() {
        let service = ServiceId::new("shop", "hello");
        for version in ["v1", "v1beta1"] {
            let object = slice().object(&kind(version), &service, "u-1");
            assert_eq!(object["apiVersion"], format!("discovery.k8s.io/{version}"));
            let (of, seen) = read(object);
            assert_eq!(of, service);
            assert!(seen.is(&slice(), "u-1"), "{seen:?}");
            assert!(!seen.is(&slice(), "u-2"), "a Service of the same name that was made anew");
        }
    }

    #[test]
    fn slices_that_another_part_manages_are_none_of_ours() {
        let mut object = slice().object(&kind("v1"), &ServiceId::new("rouse-system", "rouse-autoscaler"), "u-1");
        object["metadata"]["name"] = json!("rouse-autoscaler");
        assert_eq!(Seen::of(serde_json::from_value(object).unwrap()), None);
    }

    #[test]
    fn it_says_what_kube_proxy_needs_and_no_more() {
        let service = ServiceId::new("shop", "hello");
        let (ports, endpoints) = (
            json!([{ "name": "http", "port": 10007, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c" }]),
            json!([
                { "addresses": ["10.0.0.7"], "conditions": { "ready": true } },
                { "addresses": ["10.0.0.8"], "conditions": { "ready": true } },
            ]),
        );
        let metadata = json!({
            "labels": { "kubernetes.io/service-name": "hello", "endpointslice.kubernetes.io/managed-by": "rouse.dev" },
            "annotations": { "rouse.dev/door": "10007", "rouse.dev/workload": "Deployment/hello" },
            "ownerReferences": [
                { "apiVersion": "v1", "kind": "Service", "name": "hello", "uid": "u-1", "controller": true },
            ],
        });
        let patch = json!({ "metadata": metadata, "ports": ports, "endpoints": endpoints });
        assert_eq!(slice().patch(&service, "u-1"), patch);
    }

    #[test]
    fn whatever_somebody_else_did_to_it_shows() {
        let service = ServiceId::new("shop", "hello");
        let edited = |edit: fn(&mut Value)| {
            let mut object = slice().object(&kind("v1"), &service, "u-1");
            edit(&mut object);
            !read(object).1.is(&slice(), "u-1")
        };
        assert!(!edited(|object| object["endpoints"][0]["topology"] = json!({ "kubernetes.io/hostname": "node-1" })));
        assert!(!edited(|object| object["endpoints"][0]["conditions"] = json!({})), "unknown is ready");
        assert!(edited(|object| object["endpoints"][0]["conditions"]["ready"] = json!(false)));
        assert!(edited(|object| object["endpoints"][0]["addresses"] = json!(["10.0.0.9"])));
        assert!(edited(|object| object["endpoints"] = Value::Null));
        assert!(edited(|object| object["ports"][0]["name"] = json!("web")));
        assert!(edited(|object| object["ports"][0]["port"] = Value::Null));
        assert!(edited(|object| object["metadata"]["annotations"] = Value::Null));
        assert!(edited(|object| object["metadata"]["ownerReferences"] = Value::Null));
    }
}
