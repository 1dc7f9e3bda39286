//! Which host names lead to which workload.

use std::collections::{BTreeMap, BTreeSet};

use super::Draft;
use crate::WorkloadId;
use crate::problem::Findings;

/// Gives every workload its hosts: the names by which a cluster knows it, `NAME.localhost`, and those its annotation
/// adds.
///
/// `NAME.localhost` says no namespace: of several that have the name, the workload in `default` gets it, else nobody.
/// Any other host that two workloads claim is a problem.
pub(super) fn assign(drafts: &mut [Draft], found: &mut Findings) {
    let mut claims: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (n, draft) in drafts.iter().enumerate() {
        for host in full_hosts(draft) {
            claims.entry(host).or_default().insert(n);
        }
    }
    refuse_rivals(&claims, drafts);
    for (host, owner) in short_hosts(&claims, drafts, found) {
        claims.insert(host, BTreeSet::from([owner]));
    }
    for (host, owners) in claims {
        for owner in owners {
            drafts[owner].declared.workload.hosts.push(host.clone());
        }
    }
}

/// Every host that is a workload's alone, in lower case as hosts are compared.
fn full_hosts(draft: &Draft) -> impl Iterator<Item = String> {
    let namespace = draft.declared.workload.id.namespace();
    let of_names = draft.names.iter().flat_map(move |name| {
        [".localhost", ".svc.cluster.local", ".svc", ""]
            .map(|suffix| format!("{name}.{namespace}{suffix}").to_ascii_lowercase())
    });
    of_names.chain(draft.hosts.iter().cloned())
}

/// One problem for each two workloads, however many hosts both claim.
fn refuse_rivals(claims: &BTreeMap<String, BTreeSet<usize>>, drafts: &mut [Draft]) {
    let mut told = BTreeSet::new();
    for (host, owners) in claims {
        let mut owners = owners.iter().copied();
        let Some(first) = owners.next() else { continue };
        for second in owners.filter(|second| told.insert((first, *second))) {
            let message = format!("is also that of {}: a host leads to one workload", drafts[first].declared.source);
            drafts[second].findings.wrong("host", host, message);
        }
    }
}

/// Who gets each `NAME.localhost`; one that is claimed outright is left to its owner.
fn short_hosts(
    claims: &BTreeMap<String, BTreeSet<usize>>,
    drafts: &[Draft],
    found: &mut Findings,
) -> Vec<(String, usize)> {
    let mut short: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (n, draft) in drafts.iter().enumerate() {
        for name in &draft.names {
            short.entry(format!("{name}.localhost").to_ascii_lowercase()).or_default().insert(n);
        }
    }
    short.retain(|host, _| !claims.contains_key(host));
    let namespace = |owner: &usize| drafts[*owner].declared.workload.id.namespace();
    let mut given = Vec::new();
    for (host, owners) in short {
        let in_default: Vec<usize> =
            owners.iter().copied().filter(|owner| namespace(owner) == WorkloadId::DEFAULT_NAMESPACE).collect();
        let namespaces: BTreeSet<&str> = owners.iter().map(namespace).collect();
        let owner = match (namespaces.len(), &in_default[..]) {
            (1, _) => owners.first().copied(),
            (_, [owner, ..]) => Some(*owner),
            _ => None,
        };
        if namespaces.len() > 1 {
            let namespaces = namespaces.into_iter().collect::<Vec<_>>().join(", ");
            let leads = owner.map_or("nowhere", |_| "to the one in default");
            found.warn(&host, format!("is claimed in the namespaces {namespaces}: it leads {leads}"));
        }
        given.extend(owner.map(|owner| (host, owner)));
    }
    given
}
