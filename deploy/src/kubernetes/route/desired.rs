//! What slices a Service is to have.
//!
//! The served port has slices of its own, numbered from 0: activators at the workload's door, or pods at their
//! queue-proxies. Where requests go turns by changing number 0 in place; those after it are there for more endpoints than
//! one slice holds, filled before and emptied after. Ports that are not served have slices that hold ready pods, one set
//! for each way in which the Service's target ports become numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use config::{Route, bounds};

use super::hash::hash;
use super::service::{Serve, ServiceId, Target};
use super::slice::{Door, Family, MOST_ENDPOINTS, Seen, Slice, SlicePort};
use crate::kubernetes::names::QUEUE_PORT;

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// The ports that a pod's containers name.
pub type NamedPorts = Arc<[(String, u16)]>;

/// Slices by name.
pub(super) type Slices = BTreeMap<String, Seen>;

/// Where requests to the served port go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// To the doors of these activators.
    Activators(BTreeSet<IpAddr>),
    /// To the queue-proxies of these pods.
    Pods(BTreeSet<IpAddr>),
}

/// A pod that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadyPod {
    pub(super) ip: IpAddr,
    pub(super) ports: NamedPorts,
}

/// All that slices follow from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) service: &'a ServiceId,
    pub(super) serve: &'a Serve,
    pub(super) door: u16,
    pub(super) front: &'a Front,
    pub(super) ready: &'a [ReadyPod],
}

impl Front {
    /// As it is wished, if there is anybody: without a ready pod activators hold what comes, and without an activator
    /// pods take it.
    pub(super) fn new(route: Route, activators: BTreeSet<IpAddr>, pods: BTreeSet<IpAddr>) -> Front {
        match route {
            Route::Activator if activators.is_empty() && !pods.is_empty() => Front::Pods(pods),
            Route::Pods if pods.is_empty() => Front::Activators(activators),
            Route::Activator => Front::Activators(activators),
            Route::Pods => Front::Pods(pods),
        }
    }

    /// As slices have it; none if there is no slice.
    pub(super) fn seen(service: &ServiceId, slices: &Slices) -> Option<Front> {
        let mut front = None;
        for family in FAMILIES {
            for (_, seen) in numbered(&served_prefix(service, family), slices) {
                let is_pods = seen.slice.ports.iter().any(|port| port.number == QUEUE_PORT);
                let first = || if is_pods { Front::Pods(BTreeSet::new()) } else { Front::Activators(BTreeSet::new()) };
                // What the first is, it is on the way to be.
                if let (Front::Pods(all), true) | (Front::Activators(all), false) =
                    (front.get_or_insert_with(first), is_pods)
                {
                    all.extend(&seen.slice.endpoints);
                }
            }
        }
        front
    }

    pub(super) fn route(&self) -> Route {
        match self {
            Front::Activators(_) => Route::Activator,
            Front::Pods(_) => Route::Pods,
        }
    }

    pub(super) fn addresses(&self) -> &BTreeSet<IpAddr> {
        match self {
            Front::Activators(addresses) | Front::Pods(addresses) => addresses,
        }
    }

    fn number(&self, door: u16) -> u16 {
        match self {
            Front::Activators(_) => door,
            Front::Pods(_) => QUEUE_PORT,
        }
    }
}

/// The slices that there are to be, in the order in which they are to be written. What is empty and may stay as it is is
/// left out.
pub(super) fn desired(wanted: &Wanted<'_>, slices: &Slices) -> Vec<Slice> {
    let mut all = served(wanted, slices);
    all.extend(others(wanted, slices));
    let named: BTreeSet<_> = all.iter().map(|slice| slice.name.clone()).collect();
    // Whatever else holds endpoints: of a family or of ports that the Service has no more.
    let rest = slices.values().filter(|seen| !named.contains(&seen.slice.name));
    all.extend(rest.filter_map(emptied));
    all
}

/// A slice that is empty and will never be filled again.
pub(super) fn stale(service: &ServiceId, serve: &Serve, slices: &Slices) -> Option<String> {
    let is_served = |name: &str| FAMILIES.iter().any(|&family| number(&served_prefix(service, family), name).is_some());
    let is_known = |port: &SlicePort| serve.others.iter().any(|other| other.port == port.port);
    let is_stale =
        |slice: &&Slice| slice.endpoints.is_empty() && !is_served(&slice.name) && !slice.ports.iter().all(is_known);
    slices.values().map(|seen| &seen.slice).find(is_stale).map(|slice| slice.name.clone())
}

fn served(wanted: &Wanted<'_>, slices: &Slices) -> Vec<Slice> {
    let Wanted { service, serve, door, front, .. } = *wanted;
    let ports = vec![SlicePort { port: serve.port.clone(), number: front.number(door) }];
    let by_family = by_family(front.addresses(), serve);
    let mut all = Vec::new();
    for family in FAMILIES {
        let prefix = served_prefix(service, family);
        let door = Door { workload: serve.workload.clone(), port: door };
        let slice = |endpoints, name| Slice { name, family, door: Some(door.clone()), ports: ports.clone(), endpoints };
        let mut of_family = filled(&prefix, by_family.get(&family), &numbered(&prefix, slices), slice);
        if front.route() == Route::Pods && !of_family.is_empty() {
            of_family.rotate_left(1); // number 0 last
        }
        all.extend(of_family);
    }
    all
}

fn others(wanted: &Wanted<'_>, slices: &Slices) -> Vec<Slice> {
    let mut groups: BTreeMap<Vec<SlicePort>, BTreeSet<IpAddr>> = BTreeMap::new();
    for pod in wanted.ready {
        let ports = resolved(wanted.serve, pod);
        if !ports.is_empty() {
            groups.entry(ports).or_default().insert(pod.ip);
        }
    }
    let mut all = Vec::new();
    for (ports, addresses) in &groups {
        for (family, addresses) in by_family(addresses, wanted.serve) {
            let prefix = other_prefix(wanted.service, family, ports);
            let slice = |endpoints, name| Slice { name, family, door: None, ports: ports.clone(), endpoints };
            all.extend(filled(&prefix, Some(&addresses), &numbered(&prefix, slices), slice));
        }
    }
    all
}

/// The ports that are not served, as this pod has them.
fn resolved(serve: &Serve, pod: &ReadyPod) -> Vec<SlicePort> {
    let number = |target: &Target| match target {
        Target::Number(number) => Some(*number),
        Target::Name(name) => pod.ports.iter().find(|(named, _)| named == name).map(|(_, number)| *number),
    };
    let port =
        |other: &super::service::Other| Some(SlicePort { port: other.port.clone(), number: number(&other.target)? });
    serve.others.iter().filter_map(port).collect()
}

/// Addresses of the families that the Service has.
fn by_family(addresses: &BTreeSet<IpAddr>, serve: &Serve) -> BTreeMap<Family, BTreeSet<IpAddr>> {
    let mut all: BTreeMap<Family, BTreeSet<IpAddr>> = BTreeMap::new();
    for &ip in addresses {
        let family = Family::of_ip(ip);
        if serve.families.is_empty() || serve.families.contains(&family) {
            all.entry(family).or_default().insert(ip);
        }
    }
    all
}

/// Slices of one prefix that hold `addresses`. What is in one stays there; the first with room takes what is new. One that
/// is to hold nothing stays otherwise as it is.
fn filled(
    prefix: &str,
    addresses: Option<&BTreeSet<IpAddr>>,
    seen: &BTreeMap<usize, &Seen>,
    slice: impl Fn(BTreeSet<IpAddr>, String) -> Slice,
) -> Vec<Slice> {
    let mut rest = addresses.cloned().unwrap_or_default();
    let places = seen.keys().last().map_or(0, |last| last + 1);
    let mut places: Vec<BTreeSet<IpAddr>> = (0..places)
        .map(|index| {
            let there = seen.get(&index).map(|seen| &seen.slice.endpoints);
            let kept = there.into_iter().flatten().filter(|ip| rest.contains(*ip)).take(MOST_ENDPOINTS);
            let kept: BTreeSet<IpAddr> = kept.copied().collect();
            rest.retain(|ip| !kept.contains(ip));
            kept
        })
        .collect();
    for place in &mut places {
        while place.len() < MOST_ENDPOINTS
            && let Some(ip) = rest.pop_first()
        {
            place.insert(ip);
        }
    }
    while !rest.is_empty() {
        let more: Vec<_> = rest.iter().take(MOST_ENDPOINTS).copied().collect();
        more.iter().for_each(|ip| _ = rest.remove(ip));
        places.push(more.into_iter().collect());
    }
    let place = |(index, endpoints): (usize, BTreeSet<IpAddr>)| match endpoints.is_empty() {
        false => Some(slice(endpoints, format!("{prefix}{index}"))),
        true => seen.get(&index).copied().and_then(emptied),
    };
    places.into_iter().enumerate().filter_map(place).collect()
}

/// The slice without its endpoints, if it has any.
fn emptied(seen: &Seen) -> Option<Slice> {
    let is_empty = seen.slice.endpoints.is_empty() && !seen.is_odd;
    (!is_empty).then(|| Slice { endpoints: BTreeSet::new(), ..seen.slice.clone() })
}

fn served_prefix(service: &ServiceId, family: Family) -> String {
    format!("{}-rouse-{}-", service.name(), family.digit())
}

fn other_prefix(service: &ServiceId, family: Family, ports: &[SlicePort]) -> String {
    let text = |port: &SlicePort| {
        format!("{} {} {:?} {}\n", port.port.name, port.port.protocol, port.port.app_protocol, port.number)
    };
    let ports: String = ports.iter().map(text).collect();
    format!("{}p{:08x}-", served_prefix(service, family), hash(ports.bytes()) as u32)
}

/// The slices whose names are `prefix` and a number.
fn numbered<'a>(prefix: &str, slices: &'a Slices) -> BTreeMap<usize, &'a Seen> {
    slices.iter().filter_map(|(name, seen)| Some((number(prefix, name)?, seen))).collect()
}

fn number(prefix: &str, name: &str) -> Option<usize> {
    name.strip_prefix(prefix)?.parse().ok().filter(|number| *number < bounds::SLICES)
}

#[cfg(test)]
mod tests;
