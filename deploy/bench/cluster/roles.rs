//! Who may do what, both ways, as the apiserver judges: the table of the manifests' tests, line by line.

use anyhow::ensure;
use serde_json::{Value, json};

use super::api::{DEPLOYMENTS, Kind};
use super::system::{SYSTEM, System};

#[path = "../../tests/install/rights.rs"]
mod rights;

use rights::{AUTOSCALER, Asked, BEYOND_KEDA, INJECTOR, KEDA, KNATIVE_SERVICES, NOBODY};

const REVIEWS: Kind = Kind { group: "apis/authorization.k8s.io/v1", plural: "subjectaccessreviews" };

/// What `kubectl auth can-i` would be asked: `deployments.apps/scale`, `pods`, or a path.
fn attributes(verb: &str, asked: &Asked) -> (&'static str, Value) {
    if asked.what.starts_with('/') {
        return ("nonResourceAttributes", json!({ "verb": verb, "path": asked.what }));
    }
    let (kind, subresource) = asked.what.split_once('/').unwrap_or((asked.what, ""));
    let (resource, group) = kind.split_once('.').unwrap_or((kind, ""));
    let (namespace, name) = asked.which.split_once('/').unwrap_or_default();
    let attributes = json!({
        "verb": verb, "group": group, "resource": resource, "subresource": subresource,
        "namespace": namespace, "name": name,
    });
    ("resourceAttributes", attributes)
}

/// What is asked, and in which namespace.
fn there(asked: &Asked) -> (&str, &str, Option<&str>) {
    (asked.verbs, asked.what, asked.which.split('/').next())
}

/// Those of the verbs that a ServiceAccount may.
async fn allowed(system: &System, (namespace, account): (&str, &str), asked: &Asked) -> anyhow::Result<String> {
    let mut may = Vec::new();
    for verb in asked.verbs.split(' ') {
        let (key, attributes) = attributes(verb, asked);
        let groups = ["system:serviceaccounts", &format!("system:serviceaccounts:{namespace}"), "system:authenticated"];
        let mut spec = json!({ "user": format!("system:serviceaccount:{namespace}:{account}"), "groups": groups });
        spec[key] = attributes;
        let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec });
        if system.api.create(REVIEWS, "", &review).await?["status"]["allowed"] == true {
            may.push(verb);
        }
    }
    Ok(may.join(" "))
}

/// What the autoscaler may do besides, for it is to serve the objects of others: by the flags with which it was installed.
async fn served(system: &System) -> anyhow::Result<Vec<&'static Asked>> {
    let installed = system.api.get(DEPLOYMENTS, SYSTEM, "rouse-autoscaler").await?;
    let args = installed["spec"]["template"]["spec"]["containers"][0]["args"].as_array().cloned().unwrap_or_default();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let knative: &[Asked] = if has("--knative-services") { KNATIVE_SERVICES } else { &[] };
    let keda: &[Asked] = if has("--keda-objects") { KEDA } else { &[] };
    let is_read = has("--trigger-secrets=bank");
    let keda = keda.iter().filter(|asked| is_read || !asked.which.starts_with("bank/"));
    Ok(knative.iter().chain(keda).collect())
}

/// Each process may do what it does, and nothing else; a pod that Rouse injected gains nothing by it.
pub(super) async fn run(system: &System, namespace: &str) -> anyhow::Result<()> {
    let [autoscaler, injector, activator] =
        ["rouse-autoscaler", "rouse-injector", "rouse-activator"].map(|name| (SYSTEM, name));
    let served = served(system).await?;
    let (mut granted, mut refused) = (0, 0);
    let of_the_autoscaler: Vec<&Asked> = AUTOSCALER.iter().chain(served.iter().copied()).collect();
    for (account, all) in [(autoscaler, of_the_autoscaler), (injector, INJECTOR.iter().collect())] {
        for asked in all {
            let may = allowed(system, account, asked).await?;
            ensure!(may == asked.verbs, "{account:?} may only {may:?} {} {}", asked.what, asked.which);
            granted += asked.verbs.split(' ').count();
        }
    }
    // The keys of tokens are for every ServiceAccount, if the cluster says so.
    let ours = |asked: &&Asked| !asked.what.starts_with('/');
    let everywhere = |asked: &&Asked| !asked.which.starts_with(&format!("{SYSTEM}/"));
    let of_the_autoscaler = || AUTOSCALER.iter().filter(ours);
    let is_served = |asked: &&Asked| served.iter().any(|it| there(it) == there(asked));
    let of_nobody = || NOBODY.iter().chain(BEYOND_KEDA).filter(|asked| !is_served(asked));
    let of_both = || served.iter().copied();
    let of_others: [(_, Vec<&Asked>); 4] = [
        (autoscaler, of_nobody().chain(INJECTOR.iter().filter(everywhere)).collect()),
        (injector, NOBODY.iter().chain(of_the_autoscaler().filter(everywhere)).chain(of_both()).collect()),
        (activator, NOBODY.iter().chain(of_the_autoscaler()).chain(INJECTOR).chain(of_both()).collect()),
        ((namespace, "default"), NOBODY.iter().chain(of_the_autoscaler()).chain(INJECTOR).chain(of_both()).collect()),
    ];
    for (account, all) in of_others {
        for asked in all {
            let may = allowed(system, account, asked).await?;
            ensure!(may.is_empty(), "{account:?} may {may} {} {}", asked.what, asked.which);
            refused += asked.verbs.split(' ').count();
        }
    }
    println!(
        "roles: {granted} things that are needed are allowed, {refused} that are not are refused, of 4 accounts, with {} for \
         objects of Knative and KEDA",
        served.len()
    );
    Ok(())
}
