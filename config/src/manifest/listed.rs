//! Pods that somebody else starts and ends, and that a file lists: what the static platform takes for existing.
//!
//! ```yaml
//! apiVersion: rouse.dev/v1
//! kind: Pods
//! workload: default/Deployment/hello
//! pods:
//! - name: hello-1
//!   address: 127.0.0.1:20001
//!   queueProxy: true
//! ```

use std::collections::HashMap;
use std::net::SocketAddr;

use super::Draft;
use super::document::{Kind, Object};
use crate::WorkloadId;
use crate::node::Node;
use crate::problem::Findings;

/// The pods of one workload, as a file lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPods {
    /// What they are copies of.
    pub workload: WorkloadId,
    /// The pods, in the order of the file.
    pub pods: Vec<ListedPod>,
}

/// One pod, as a file lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPod {
    /// Its name, which no other pod has.
    pub name: String,
    /// Where it serves; where it is not said, the pod's queue-proxy has to say it.
    pub address: Option<SocketAddr>,
    /// Whether a queue-proxy stands in front of it (yes, where nothing is said).
    pub queue_proxy: bool,
}

/// The lists among `objects`, each of a workload among `drafts`.
pub(super) fn read(objects: &[Object], drafts: &[Draft], found: &mut Findings) -> Vec<ListedPods> {
    let mut taken = Taken::default();
    let lists = objects.iter().filter(|object| object.kind == Kind::Pods);
    lists.map(|object| list(object, drafts, &mut taken, found)).collect()
}

/// What pods listed so far have, and each can have only once.
#[derive(Default)]
struct Taken {
    names: HashMap<String, String>,
    addresses: HashMap<SocketAddr, String>,
}

fn list(object: &Object, drafts: &[Draft], taken: &mut Taken, found: &mut Findings) -> ListedPods {
    let mut here = object.findings();
    let workload = object.listed_workload();
    if !drafts.iter().any(|draft| draft.declared.workload.id == workload) {
        let mut known: Vec<String> = drafts.iter().map(|draft| draft.declared.workload.id.to_string()).collect();
        known.truncate(8); // enough to see what was meant
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        here.wrong("workload", &workload.to_string(), format!("is not declared: there is {known}"));
    }
    let items = object.root().at("pods").items(&mut here);
    let pods = items.iter().filter_map(|item| pod(item, object, taken, &mut here)).collect();
    found.absorb(here);
    ListedPods { workload, pods }
}

fn pod(item: &Node<'_>, object: &Object, taken: &mut Taken, found: &mut Findings) -> Option<ListedPod> {
    let name_at = item.at("name");
    let name = name_at.text(found).unwrap_or_default().to_owned();
    if name.is_empty() {
        found.refuse(name_at.path(), "is missing: every pod needs a name");
        return None;
    }
    if let Some(other) = taken.names.insert(name.clone(), object.to_string()) {
        found.wrong(name_at.path(), &name, format!("is listed twice: also in {other}"));
    }
    let address_at = item.at("address");
    let address = address_at.text(found).and_then(|text| match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 && !address.ip().is_unspecified() => Some(address),
        _ => {
            found.wrong(address_at.path(), text, "is not an address: write IP:PORT, 127.0.0.1:20001 or [::1]:20001");
            None
        }
    });
    if let Some(address) = address
        && let Some(other) = taken.addresses.insert(address, name.clone())
    {
        found.wrong(address_at.path(), &address.to_string(), format!("is also the address of {other}"));
    }
    let queue_proxy = item.at("queueProxy").switch(found).unwrap_or(true);
    if !queue_proxy && !address_at.exists() {
        found.refuse(address_at.path(), "is missing: a pod without a queue-proxy cannot say where it serves");
    }
    Some(ListedPod { name, address, queue_proxy })
}
