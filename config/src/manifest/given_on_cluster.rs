//! What triggers of an object of a cluster use besides their own parameters: TriggerAuthentications, the Secrets and
//! ConfigMaps behind them, and the variables of the container that is scaled.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::data::{DataObjects, Origin};
use super::document::{Kind, Object};
use super::triggers::{Given, given_in, variables};
use super::{Template, authentications, container};
use crate::keda::{ScaledJob, ScaledObject, Secret, Trigger, TriggerAuthentication};
use crate::node::Node;
use crate::problem::{Findings, Problems, Warning};

/// A Secret or ConfigMap that triggers use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataRef {
    /// Whether it is a Secret; else it is a ConfigMap.
    pub secret: bool,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for DataRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind().word(), self.namespace, self.name)
    }
}

impl DataRef {
    fn kind(&self) -> Kind {
        if self.secret { Kind::Secret } else { Kind::ConfigMap }
    }
}

/// Whose triggers use something.
#[derive(Clone, Debug)]
pub struct Asker<'a> {
    /// For people: `ScaledObject shop/worker`.
    pub object: String,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its triggers.
    pub triggers: &'a [Trigger],
    /// The container whose variables they may name; else the first.
    env_container: Option<&'a str>,
    /// Where it names that.
    env_container_at: &'static str,
    /// Whose pods are scaled, for people, and where it says so.
    scaled: (String, &'static str),
}

impl<'a> From<&'a ScaledObject> for Asker<'a> {
    fn from(object: &'a ScaledObject) -> Asker<'a> {
        let target = &object.target.workload;
        Asker {
            object: format!("ScaledObject {}/{}", object.namespace, object.name),
            namespace: &object.namespace,
            triggers: &object.triggers,
            env_container: object.target.env_container.as_deref(),
            env_container_at: "spec.scaleTargetRef.envSourceContainerName",
            scaled: (format!("{} {}/{}", target.kind(), target.namespace(), target.name()), "spec.scaleTargetRef"),
        }
    }
}

impl<'a> From<&'a ScaledJob> for Asker<'a> {
    fn from(job: &'a ScaledJob) -> Asker<'a> {
        let object = format!("ScaledJob {}/{}", job.namespace, job.name);
        Asker {
            namespace: &job.namespace,
            triggers: &job.triggers,
            env_container: job.env_container.as_deref(),
            env_container_at: "spec.envSourceContainerName",
            scaled: (object.clone(), "spec.jobTargetRef"),
            object,
        }
    }
}

/// What there is around an asker, as the apiserver serves it.
pub struct Around<'a> {
    /// The TriggerAuthentications and ClusterTriggerAuthentications that its triggers name; others do no harm.
    pub authentications: &'a [Value],
    /// The `spec` of the pods that are scaled; none while that is not known.
    pub pod: Option<&'a Value>,
    /// Where the Secrets and ConfigMaps of ClusterTriggerAuthentications are.
    pub cluster_namespace: &'a str,
    /// The Secrets and ConfigMaps, or why one cannot be used, as it goes on after its name.
    pub data: &'a BTreeMap<DataRef, Result<Value, String>>,
}

/// Whether triggers of `asker` use variables of the container that is scaled.
pub fn needs_variables(asker: &Asker<'_>, authentications: &[Value]) -> bool {
    let by_trigger = |trigger: &Trigger| trigger.metadata.keys().any(|name| name.ends_with("FromEnv"));
    asker.triggers.iter().any(by_trigger) || named(asker, authentications).any(|found| !found.env.is_empty())
}

/// The Secrets and ConfigMaps that triggers of `asker` use.
pub fn needed_data(asker: &Asker<'_>, around: &Around<'_>) -> BTreeSet<DataRef> {
    let mut needed = BTreeSet::new();
    for named in named(asker, around.authentications) {
        let namespace = named.namespace.as_deref().unwrap_or(around.cluster_namespace);
        for (secret, keys) in [(true, &named.secrets), (false, &named.config_maps)] {
            let of = keys.iter().filter(|key| !key.name.is_empty());
            needed.extend(of.map(|key| DataRef { secret, namespace: namespace.to_owned(), name: key.name.clone() }));
        }
    }
    if let Some(pod) = around.pod
        && needs_variables(asker, around.authentications)
        && let Some(container) = container_of(asker, &Node::root(pod))
    {
        needed.extend(data_of(&container, asker.namespace));
    }
    needed
}

/// What triggers of `asker` may use, of what is around it, and what is odd about that.
///
/// # Errors
/// Everything that is missing or wrong, of which some trigger needs something.
pub fn given_on_cluster(asker: &Asker<'_>, around: &Around<'_>) -> Result<(Given, Vec<Warning>), Problems> {
    let mut found = Findings::about("", &asker.object);
    let data = data(around, &mut found);
    let objects: Vec<Object> = around.authentications.iter().map(authentication).collect();
    let authentications = authentications::read(&objects, &data, &mut found);
    let env = match needs_variables(asker, around.authentications) {
        true => variables_of(asker, around.pod, &data, &mut found),
        false => Some(BTreeMap::new()),
    };
    let given = given_in(&authentications, asker.namespace, asker.triggers, env, &mut found);
    found.finish(given)
}

/// Those of `authentications` that triggers of `asker` name and that can be read.
fn named<'a>(asker: &'a Asker<'_>, all: &'a [Value]) -> impl Iterator<Item = TriggerAuthentication> + 'a {
    let read = all.iter().filter_map(|value| Some(TriggerAuthentication::on_cluster(value).ok()?.0));
    read.filter(|read| {
        let is_it = |named: &crate::keda::AuthRef| {
            let namespace = (!named.cluster).then_some(asker.namespace);
            named.name == read.name && namespace == read.namespace.as_deref()
        };
        asker.triggers.iter().filter_map(|trigger| trigger.authentication.as_ref()).any(is_it)
    })
}

fn authentication(value: &Value) -> Object {
    let kind = match value["metadata"]["namespace"].is_string() {
        true => Kind::TriggerAuthentication,
        false => Kind::ClusterTriggerAuthentication,
    };
    Object::on_cluster(kind, value)
}

fn data(around: &Around<'_>, found: &mut Findings) -> DataObjects {
    let mut data = DataObjects::new(Origin::Cluster(around.cluster_namespace.to_owned()));
    for (named, object) in around.data {
        match object {
            Ok(object) => data.insert(&Object::on_cluster(named.kind(), object), found),
            Err(why) => data.withhold(named.kind(), &named.namespace, &named.name, why.clone()),
        }
    }
    data
}

/// The container whose variables triggers may name.
fn container_of<'a>(asker: &Asker<'_>, pod: &Node<'a>) -> Option<Node<'a>> {
    let containers = pod.at("containers").items(&mut Findings::default());
    match asker.env_container {
        None => containers.into_iter().next(),
        Some(name) => {
            let is_it = |container: &Node<'_>| container.at("name").text(&mut Findings::default()) == Some(name);
            containers.into_iter().find(is_it)
        }
    }
}

/// The variables; one that cannot be had is odd, for perhaps no trigger uses it.
fn variables_of(
    asker: &Asker<'_>,
    pod: Option<&Value>,
    data: &DataObjects,
    found: &mut Findings,
) -> Option<BTreeMap<String, Secret>> {
    let (whose, at) = &asker.scaled;
    let Some(pod) = pod else {
        found.refuse(at, format!("{whose} is not there: what its variables are is not known"));
        return None;
    };
    let Some(container) = container_of(asker, &Node::root(pod)) else {
        let name = asker.env_container.unwrap_or_default();
        found.wrong(asker.env_container_at, name, "is no container of what is scaled");
        return None;
    };
    let mut here = Findings::about("", whose);
    let env = container::variables(&container, asker.namespace, None, data, &mut here);
    let odd: Vec<Warning> = here.problems.drain(..).map(Warning).collect();
    here.warnings.extend(odd);
    found.absorb(here);
    Some(variables(&Template { env, ..Template::default() }))
}

/// What a container takes variables from.
fn data_of(container: &Node<'_>, namespace: &str) -> Vec<DataRef> {
    let mut unread = Findings::default();
    let mut all = Vec::new();
    let mut add = |secret, reference: Node<'_>| {
        if let Some(name) = reference.at("name").text(&mut Findings::default()) {
            all.push(DataRef { secret, namespace: namespace.to_owned(), name: name.to_owned() });
        }
    };
    for source in container.at("envFrom").items(&mut unread) {
        add(true, source.at("secretRef"));
        add(false, source.at("configMapRef"));
    }
    for variable in container.at("env").items(&mut unread) {
        add(true, variable.at("valueFrom").at("secretKeyRef"));
        add(false, variable.at("valueFrom").at("configMapKeyRef"));
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(metadata: &Value, auth: bool) -> ScaledObject {
        let mut trigger = json!({ "type": "redis", "metadata": metadata });
        if auth {
            trigger["authenticationRef"] = json!({ "name": "redis" });
        }
        let object = json!({
            "metadata": { "name": "worker", "namespace": "shop" },
            "spec": { "scaleTargetRef": { "name": "worker" }, "triggers": [trigger] },
        });
        ScaledObject::on_cluster(&object).expect("a ScaledObject").0
    }

    fn pod() -> Value {
        json!({ "containers": [{
            "name": "app",
            "envFrom": [{ "configMapRef": { "name": "settings" } }, { "secretRef": { "name": "other" } }],
            "env": [
                { "name": "REDIS", "value": "$(HOST):6379" },
                { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
            ],
        }] })
    }

    fn authentication() -> Value {
        json!({
            "metadata": { "name": "redis", "namespace": "shop" },
            "spec": { "secretTargetRef": [{ "parameter": "password", "name": "redis", "key": "password" }] },
        })
    }

    fn secret(name: &str) -> DataRef {
        DataRef { secret: true, namespace: "shop".into(), name: name.into() }
    }

    #[test]
    fn only_what_triggers_use_is_needed() {
        let (pod, authentications, none) = (pod(), [authentication()], BTreeMap::new());
        let around = Around { authentications: &authentications, pod: Some(&pod), cluster_namespace: "r", data: &none };
        let plain = json!({ "address": "redis:6379", "listName": "jobs" });
        assert!(needed_data(&(&object(&plain, false)).into(), &around).is_empty());
        assert_eq!(needed_data(&(&object(&plain, true)).into(), &around), [secret("redis")].into());
        let by_env = object(&json!({ "addressFromEnv": "REDIS", "listName": "jobs" }), false);
        let settings = DataRef { secret: false, ..secret("settings") };
        assert_eq!(needed_data(&(&by_env).into(), &around), [settings, secret("other")].into());
    }

    #[test]
    fn parameters_come_from_secrets_and_variables_and_what_no_trigger_uses_may_be_withheld() {
        let (pod, authentications) = (pod(), [authentication()]);
        let data = BTreeMap::from([
            (
                secret("redis"),
                Ok(json!({ "metadata": { "name": "redis", "namespace": "shop" },
                "data": { "password": "aHVudGVyMg==" } })),
            ),
            (secret("other"), Err("may not be read".to_owned())),
            (
                DataRef { secret: false, ..secret("settings") },
                Ok(json!({
                "metadata": { "name": "settings", "namespace": "shop" }, "data": { "HOST": "redis" } })),
            ),
        ]);
        let around = Around { authentications: &authentications, pod: Some(&pod), cluster_namespace: "r", data: &data };
        let object = object(&json!({ "addressFromEnv": "REDIS", "listName": "jobs" }), true);
        let (given, odd) = given_on_cluster(&(&object).into(), &around).expect("all of it is there");
        assert_eq!(given.auth[0].as_ref().expect("it is named")["password"].expose(), "hunter2");
        assert_eq!(given.env.expect("it is known")["REDIS"].expose(), "redis:6379");
        let odd: Vec<String> = odd.iter().map(ToString::to_string).collect();
        assert_eq!(
            odd,
            ["Deployment shop/worker: containers[0].envFrom[1].secretRef: Secret shop/other may not be read"]
        );
    }

    #[test]
    fn the_variables_of_a_scaled_job_are_those_of_its_own_pods() {
        let spec = json!({
            "jobTargetRef": { "template": { "spec": pod() } }, "envSourceContainerName": "app",
            "triggers": [{ "type": "redis", "metadata": { "addressFromEnv": "REDIS", "listName": "jobs" } }],
        });
        let value = json!({ "metadata": { "name": "worker", "namespace": "shop" }, "spec": spec });
        let mut job = ScaledJob::on_cluster(&value).expect("a ScaledJob").0;
        let settings = json!({ "metadata": { "name": "settings", "namespace": "shop" }, "data": { "HOST": "redis" } });
        let data = BTreeMap::from([(DataRef { secret: false, ..secret("settings") }, Ok(settings))]);
        let pod = job.job.spec["template"]["spec"].clone();
        let around = Around { authentications: &[], pod: Some(&pod), cluster_namespace: "r", data: &data };
        let (given, odd) = given_on_cluster(&(&job).into(), &around).expect("all of it is there");
        assert_eq!(given.env.expect("it is known")["REDIS"].expose(), "redis:6379");
        assert_eq!(odd.len(), 1, "the Secret is not read");
        job.env_container = Some("sidecar".to_owned());
        assert_eq!(
            given_on_cluster(&(&job).into(), &around).expect_err("there is none").0[0].to_string(),
            "ScaledJob shop/worker: spec.envSourceContainerName: \"sidecar\" is no container of what is scaled"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let (pod, none) = (pod(), BTreeMap::new());
        let refused = |object: &ScaledObject, authentications: &[Value], pod: Option<&Value>, data: &BTreeMap<_, _>| {
            let around = Around { authentications, pod, cluster_namespace: "r", data };
            given_on_cluster(&object.into(), &around).expect_err("something is missing").0[0].to_string()
        };
        let plain = object(&json!({ "address": "redis:6379", "listName": "jobs" }), true);
        assert_eq!(
            refused(&plain, &[], Some(&pod), &none),
            "ScaledObject shop/worker: spec.triggers[0].authenticationRef.name: \"redis\" is a TriggerAuthentication \
             that is not there"
        );
        let withheld = BTreeMap::from([(secret("redis"), Err("is not there".to_owned()))]);
        assert_eq!(
            refused(&plain, &[authentication()], Some(&pod), &withheld),
            "TriggerAuthentication shop/redis: spec.secretTargetRef[0].name: Secret shop/redis is not there"
        );
        let by_env = object(&json!({ "addressFromEnv": "REDIS", "listName": "jobs" }), false);
        assert_eq!(
            refused(&by_env, &[], None, &none),
            "ScaledObject shop/worker: spec.scaleTargetRef: Deployment shop/worker is not there: what its variables are \
             is not known"
        );
    }
}
