//! `rouse install`.

use anyhow::bail;
use kube::Client;
use serde_json::Value;

use super::apply::{Outcome, apply, try_apply};
use super::available::await_available;
use super::cluster::{Cluster, ClusterError};
use super::going;
use super::manifests::{
    MANAGER_LABEL, NAME_LABEL, PART_OF, SYSTEM_NAMESPACES, TRIGGER_SECRETS, foreign_namespace, manifests,
};
use super::object::resource;
use super::serves::Serves;
use super::workloads::{self, unpaused};
use super::{How, Object, Say, Settings};
use crate::kubernetes::names::MANAGED_BY;
use crate::kubernetes::{keda, knative};

/// Installs Rouse, or brings what is installed to this version and these settings. Does nothing where all is so already.
///
/// # Errors
/// When the apiserver refuses something, or our pods do not become ready.
pub async fn install(client: Client, mut settings: Settings, how: How, say: Say<'_>) -> anyhow::Result<()> {
    let cluster = Cluster::new(client);
    let serves = Serves::discover(&cluster).await?;
    settings.budgets = serves.budgets;
    refuse(&cluster, &settings, &serves).await?;
    if !may_enter(&cluster, &settings.namespace, how, say).await? {
        say(NOTHING);
        return Ok(());
    }
    let mut objects = manifests(&settings);
    if let Some(namespace) = objects.first_mut().filter(|object| object.kind() == "Namespace")
        && is_foreign(cluster.get(namespace).await?.as_ref())
    {
        *namespace = foreign_namespace(&settings.namespace);
    }
    leave_kedas(&cluster, &mut objects, say).await?;
    objects.extend(system_namespaces(&cluster).await?);
    for object in &objects {
        let outcome = if how.dry_run { try_apply(&cluster, object).await? } else { apply(&cluster, object).await? };
        let would = if how.dry_run && outcome != Outcome::Unchanged { "would be " } else { "" };
        say(&format!("{object} {would}{}", outcome.word()));
    }
    take_back_secrets(&cluster, &objects, how, say).await?;
    resume(&cluster, &settings, how, say).await?;
    if how.dry_run {
        say(NOTHING);
        return Ok(());
    }
    let deployments: Vec<&Object> = objects.iter().filter(|object| object.kind() == "Deployment").collect();
    await_available(&cluster, &deployments, how.wait, say).await?;
    say(NEXT);
    Ok(())
}

/// How a dry run ends.
const NOTHING: &str = "nothing was changed";

/// What to do once Rouse is there.
const NEXT: &str = "
Rouse is ready. To hand it a workload:
  - label it rouse.dev/scale=true, and its pod template rouse.dev/inject=true
  - annotate its Service rouse.dev/workload=NAME
deploy/KUBERNETES.md has a whole example.";

/// Says what of the settings this cluster cannot have, before anything is written.
async fn refuse(cluster: &Cluster, settings: &Settings, serves: &Serves) -> anyhow::Result<()> {
    if settings.pod_monitor && !serves.pod_monitors {
        bail!("--pod-monitor: this cluster has no monitoring.coreos.com/v1; the Prometheus operator brings it");
    }
    let definition = Object::new(knative::definition());
    if settings.knative_services && is_foreign(cluster.get(&definition).await?.as_ref()) {
        bail!("--knative-services: Knative itself is installed here: {definition} is not Rouse's");
    }
    Ok(())
}

/// KEDA's own definitions stay as they are: its objects are served by them while it does not run.
async fn leave_kedas(cluster: &Cluster, objects: &mut Vec<Object>, say: Say<'_>) -> anyhow::Result<()> {
    for definition in keda::definitions().map(Object::new) {
        let Some(at) = objects.iter().position(|object| *object == definition) else { continue };
        if is_foreign(cluster.get(&definition).await?.as_ref()) {
            say(&format!("{definition} is KEDA's own, and stays as it is"));
            objects.remove(at);
        }
    }
    Ok(())
}

/// Takes back leave to read Secrets in namespaces that are not listed any more.
async fn take_back_secrets(cluster: &Cluster, objects: &[Object], how: How, say: Say<'_>) -> anyhow::Result<()> {
    for stale in trigger_secrets(cluster).await? {
        let is_wanted = |object: &Object| {
            (object.kind(), object.namespace(), object.name()) == (stale.kind(), stale.namespace(), stale.name())
        };
        if objects.iter().any(is_wanted) {
            continue;
        }
        if !how.dry_run {
            cluster.delete(&stale).await?;
        }
        say(&format!(
            "{stale} in {} {}deleted",
            stale.namespace().unwrap_or("?"),
            if how.dry_run { "would be " } else { "" }
        ));
    }
    Ok(())
}

/// All roles, and their bindings, by which Secrets of triggers may be read.
pub(super) async fn trigger_secrets(cluster: &Cluster) -> Result<Vec<Object>, ClusterError> {
    let mut all = Vec::new();
    for kind in ["RoleBinding", "Role"] {
        let kind = resource("rbac.authorization.k8s.io/v1", kind);
        let ours = cluster.list(&kind, None, PART_OF).await?;
        let ours = ours.iter().map(|value| Object::read(&kind, value));
        all.extend(ours.filter(|object| object.name() == TRIGGER_SECRETS));
    }
    Ok(all)
}

/// Waits until our namespace, if it is being deleted, is gone: nothing can be made in it before. A dry run has no more to
/// say then.
async fn may_enter(cluster: &Cluster, namespace: &str, how: How, say: Say<'_>) -> anyhow::Result<bool> {
    let namespace = Object::named(&resource("v1", "Namespace"), None, namespace);
    if !cluster.get(&namespace).await?.is_some_and(|found| going::is_going(&found)) {
        return Ok(true);
    }
    if how.dry_run {
        say(&format!("{namespace} is being deleted: it would be waited for"));
        return Ok(false);
    }
    say(&format!("wait until {namespace}, which is being deleted, is gone"));
    match going::await_gone(cluster, &namespace, how.wait, say).await? {
        None => Ok(true),
        Some(why) => bail!(
            "{namespace} is still being deleted after {:?}: {why}. Run again later, with a longer --wait, or with \
             another --namespace",
            how.wait
        ),
    }
}

/// Whether an object is there that is not ours.
fn is_foreign(object: Option<&Value>) -> bool {
    object.is_some_and(|object| object["metadata"]["labels"][MANAGER_LABEL] != MANAGED_BY)
}

/// Kubernetes' own namespaces that do not say which they are: the injector must not be asked about their pods either.
async fn system_namespaces(cluster: &Cluster) -> anyhow::Result<Vec<Object>> {
    let mut unnamed = Vec::new();
    for name in SYSTEM_NAMESPACES {
        let namespace = cluster.get(&Object::named(&resource("v1", "Namespace"), None, name)).await?;
        if namespace.is_some_and(|namespace| namespace["metadata"]["labels"][NAME_LABEL].is_null()) {
            unnamed.push(foreign_namespace(name));
        }
    }
    Ok(unnamed)
}

/// Takes back what an `uninstall` that was broken off has said of workloads.
async fn resume(cluster: &Cluster, settings: &Settings, how: How, say: Say<'_>) -> anyhow::Result<()> {
    for workload in workloads::read(cluster, &settings.kinds).await? {
        if !workload.leaving {
            continue;
        }
        if how.dry_run {
            say(&format!("{} would be scaled again", workload.object));
        } else {
            cluster.patch(&workload.object, &unpaused()).await?;
            say(&format!("{} is scaled again", workload.object));
        }
    }
    Ok(())
}
