//! Which workload a Service belongs to, and which of its ports is served.

use super::document::{Kind, Object};
use super::workload::spoken_by;
use super::{Draft, ServicePort};
use crate::Protocol;
use crate::annotations::{self, Annotations, Holder, keys};
use crate::node::Node;
use crate::problem::Findings;

/// Gives every workload the ports and names of its Services. A workload without one is known by its own name.
pub(super) fn services(objects: &[Object], drafts: &mut [Draft], found: &mut Findings) {
    for object in objects.iter().filter(|object| object.kind == Kind::Service) {
        let mut here = object.findings();
        let annotations = object.root().at("metadata").at("annotations").map(&mut here);
        annotations::check_words(&annotations, Holder::Service, &mut here);
        if let Some(owner) = owner(object, &annotations, drafts, &mut here) {
            attach(object, &annotations, &mut drafts[owner], &mut here);
        }
        found.absorb(here);
    }
    for draft in drafts.iter_mut().filter(|draft| draft.names.is_empty()) {
        draft.names.push(draft.declared.workload.id.name().to_owned());
    }
}

/// The workload that the annotation names, else the one whose pods the selector matches.
fn owner(object: &Object, annotations: &Annotations, drafts: &[Draft], found: &mut Findings) -> Option<usize> {
    let here =
        drafts.iter().enumerate().filter(|(_, draft)| draft.declared.workload.id.namespace() == object.namespace);
    let selector_node = object.root().at("spec").at("selector");
    let selector = selector_node.map(found);
    let named = keys::WORKLOAD.find(annotations);
    let owners: Vec<usize> = match named {
        Some((_, name)) => {
            here.filter(|(_, draft)| draft.declared.workload.id.name() == name).map(|(n, _)| n).collect()
        }
        None if selector.is_empty() => Vec::new(),
        None => here.filter(|(_, draft)| matches(&selector, &draft.labels)).map(|(n, _)| n).collect(),
    };
    match (&owners[..], named) {
        ([owner], _) => return Some(*owner),
        ([], Some((key, name))) => {
            found.wrong(key, name, format!("is no workload in namespace {} of these files", object.namespace));
        }
        ([], None) => found.warn("", "is not served: its selector matches no workload of these files"),
        (several, named) => {
            let several: Vec<String> =
                several.iter().map(|owner| drafts[*owner].declared.workload.id.to_string()).collect();
            let several = several.join(" and ");
            match named {
                Some((key, name)) => found.wrong(key, name, format!("names {several}: it must name one workload")),
                None => found.refuse(
                    selector_node.path(),
                    format!("matches {several}: narrow it, or name one in {}", keys::WORKLOAD.name),
                ),
            }
        }
    }
    None
}

/// Whether a selector selects pods with these labels. The key that Rouse itself adds on Kubernetes is on no pod.
fn matches(selector: &Annotations, labels: &Annotations) -> bool {
    selector.iter().filter(|(key, _)| *key != keys::ROUTE.name).all(|(key, value)| labels.get(key) == Some(value))
}

fn attach(object: &Object, annotations: &Annotations, draft: &mut Draft, found: &mut Findings) {
    let root = object.root();
    let spec = root.at("spec");
    if spec.at("type").text(found) == Some("ExternalName") {
        return found.wrong("spec.type", "ExternalName", "is not served: such a Service has no pods");
    }
    if spec.at("clusterIP").text(found) == Some("None") {
        return found.wrong("spec.clusterIP", "None", "is not served: clients of a headless Service go past Rouse");
    }
    let Some(port) = served(&spec, annotations, found) else { return };
    let protocols = [port.at("appProtocol").text(found), port.at("name").text(found)];
    if protocols.into_iter().flatten().find_map(spoken_by) == Some(Protocol::H2c) {
        draft.declared.workload.serving.protocol = Protocol::H2c;
    }
    if let Some(number) = port.at("port").port(found) {
        let name = port.at("name").text(found).map(str::to_owned);
        // Two Services of one workload may have the same port; it is listened on once.
        if draft.declared.ports.iter().all(|known| known.port != number) {
            draft.declared.ports.push(ServicePort { name, port: number });
        }
        draft.names.push(object.name.clone());
    }
}

/// The one port that is served: the one that the annotation says, else the only one, else the one named for HTTP.
fn served<'a>(spec: &Node<'a>, annotations: &Annotations, found: &mut Findings) -> Option<Node<'a>> {
    let list = spec.at("ports");
    let mut ports = list.items(found);
    ports.retain(|port| port.at("protocol").text(found).is_none_or(|protocol| protocol == "TCP"));
    if let Some((key, wanted)) = keys::PORT.find(annotations) {
        let is_wanted = |port: &Node<'_>, found: &mut Findings| {
            port.at("name").text(found) == Some(wanted)
                || port.at("port").port(found).is_some_and(|number| number.to_string() == wanted)
        };
        let port = ports.into_iter().find(|port| is_wanted(port, found));
        if port.is_none() {
            found.wrong(key, wanted, "is neither the name nor the number of a port of this Service");
        }
        return port;
    }
    if ports.len() == 1 {
        return ports.into_iter().next();
    }
    let mut http: Vec<Node<'a>> =
        ports.into_iter().filter(|port| port.at("name").text(found).is_some_and(is_http)).collect();
    if http.len() == 1 {
        return http.pop();
    }
    let which = if http.is_empty() { "none is" } else { "more than one is" };
    let names = "named http…, h2c or grpc…";
    found.refuse(list.path(), format!("one port is served, and {which} {names}: say which in {}", keys::PORT.name));
    None
}

fn is_http(name: &str) -> bool {
    name == "h2c" || name.starts_with("http") || name.starts_with("grpc")
}
