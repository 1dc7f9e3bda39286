//! Who acts on what is written: Kubernetes' controllers, and Rouse as long as it is there.

use serde_json::{Value, json};

use super::State;
use super::store::{Key, as_query, selects};

const ROUTE_KEY: &str = "rouse.dev/route";

impl State {
    /// Everyone does what follows from what was written.
    pub(super) fn settle(&mut self) {
        self.autoscale();
        for (key, deployment) in self.store.of("deployments") {
            self.make_pods(&key, &deployment);
        }
        self.collect_garbage();
        for (key, service) in self.store.of("services") {
            self.fill_slice(&key, &service);
            self.look_whether_it_leads_somewhere(&key, &service);
        }
    }

    /// Pods go with their Deployment, each in its time, Kubernetes' own slices with their Service.
    fn collect_garbage(&mut self) {
        for (plural, owners) in [("pods", "deployments"), ("endpointslices", "services")] {
            for (key, _) in self.store.of(plural) {
                let (owner, suffix) = key.name.rsplit_once('-').unwrap_or_default();
                let is_kept = suffix == "rouse" || self.store.get(&Key::new(owners, &key.namespace, owner)).is_some();
                if !is_kept && plural == "pods" && (self.busy || self.is_slow(&key)) {
                    self.store.merge(&key, &going());
                } else if !is_kept {
                    self.store.delete(&key);
                }
            }
        }
    }

    /// Kubernetes looks after a namespace at once, and then, if pods in it may take an hour to end, in half an hour.
    pub(super) fn delete_namespace(&mut self, key: &Key) {
        let has_pods = !self.store.list("pods", Some(&key.name), "").is_empty();
        self.begin_to_delete(key, if has_pods { 9_000 } else { 10 });
    }

    pub(super) fn begin_to_delete(&mut self, key: &Key, looks: u32) {
        if !self.store.get(key).is_some_and(is_going) {
            self.goes_after = looks;
            self.store.merge(key, &going());
        }
    }

    /// A namespace that is changed is looked after at once.
    pub(super) fn look_after_namespace(&mut self, key: &Key) {
        if self.store.list("pods", Some(&key.name), "").is_empty() {
            self.goes_after = self.goes_after.min(10);
        }
    }

    pub(super) fn look_at_namespace(&mut self, key: &Key) {
        if !self.store.get(key).is_some_and(is_going) {
            return;
        }
        match self.goes_after.checked_sub(1) {
            Some(left) => self.goes_after = left,
            None => drop(self.store.delete(key)),
        }
    }

    fn look_whether_it_leads_somewhere(&mut self, key: &Key, service: &Value) {
        let is_ours = !service["metadata"]["annotations"]["rouse.dev/workload"].is_null();
        let its = format!("kubernetes.io/service-name={}", key.name);
        let slices = self.store.list("endpointslices", Some(&key.namespace), &its);
        let leads = slices.iter().any(|slice| slice["endpoints"].as_array().is_some_and(|all| !all.is_empty()));
        if is_ours && !leads {
            self.led_nowhere += 1;
        }
    }

    /// The autoscaler, while it runs: what is idle is scaled to zero, and what is annotated is routed.
    fn autoscale(&mut self) {
        let runs = self.store.get(&Key::new("deployments", "rouse-system", "rouse-autoscaler"));
        if !runs.is_some_and(|autoscaler| autoscaler["spec"]["replicas"] != 0) {
            return;
        }
        for (key, workload) in self.store.of("deployments") {
            let annotations = &workload["metadata"]["annotations"];
            let is_labelled = workload["metadata"]["labels"]["rouse.dev/scale"] == "true";
            if is_labelled && annotations["rouse.dev/paused"] != "true" {
                let original = annotations["rouse.dev/original-replicas"].as_str().map(str::to_owned);
                let original = original.unwrap_or_else(|| workload["spec"]["replicas"].to_string());
                let annotations = json!({ "rouse.dev/original-replicas": original });
                let change = json!({ "metadata": { "annotations": annotations }, "spec": { "replicas": 0 } });
                self.store.merge(&key, &change);
            }
        }
        for (key, service) in self.store.of("services") {
            if service["metadata"]["annotations"]["rouse.dev/workload"].is_string() {
                self.store.merge(&key, &json!({ "spec": { "selector": { ROUTE_KEY: "managed" } } }));
                let slice = Key::new("endpointslices", &key.namespace, &format!("{}-rouse", key.name));
                self.store.put(slice, slice_of(&key, "rouse", "rouse.dev", &[json!({ "addresses": ["10.0.0.1"] })]));
            }
        }
    }

    /// The injector, while the apiserver asks it: keys of annotated Services come back.
    pub(super) fn ask_webhook(&mut self, key: &Key, change: &mut Value) {
        let configured = self.store.get(&Key::new("mutatingwebhookconfigurations", "", "rouse-injector")).is_some();
        if !configured {
            self.webhook_lag = self.webhook_lag.saturating_sub(1);
        }
        let is_asked = configured || self.webhook_lag > 0;
        let annotated =
            self.store.get(key).map(|object| !object["metadata"]["annotations"]["rouse.dev/workload"].is_null());
        if key.plural == "services" && is_asked && annotated == Some(true) {
            change["spec"]["selector"][ROUTE_KEY] = "managed".into();
        }
        if configured {
            self.webhook_lag = 3;
        }
    }

    /// Whether it takes some looks in vain until an object is as it should be.
    fn is_slow(&self, key: &Key) -> bool {
        self.slow && self.looked_at != key.plural
    }

    fn make_pods(&mut self, key: &Key, deployment: &Value) {
        let wanted = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
        let template = &deployment["spec"]["template"];
        let is_broken = template["spec"]["containers"][0]["image"] == "broken";
        for number in 0.. {
            let pod = Key::new("pods", &key.namespace, &format!("{}-{number}", key.name));
            if number < wanted {
                let waits = self.is_slow(&pod) && !self.store.get(&pod).is_some_and(is_ready);
                self.store.put(pod.clone(), made_pod(&pod, &template["metadata"]["labels"], is_broken || waits));
            } else if !self.store.delete(&pod) {
                break;
            }
        }
        let mut deployment = deployment.clone();
        let available = if is_broken { 0 } else { wanted };
        deployment["status"] = json!({
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": wanted, "updatedReplicas": wanted, "availableReplicas": available,
        });
        self.store.put(key.clone(), deployment);
    }

    /// Kubernetes' own slice of a Service.
    fn fill_slice(&mut self, key: &Key, service: &Value) {
        let selector = as_query(&service["spec"]["selector"]);
        let own = Key::new("endpointslices", &key.namespace, &format!("{}-own", key.name));
        if selector.is_empty() {
            return;
        }
        let pods = self.store.list("pods", Some(&key.namespace), "");
        let ready = |pod: &&Value| selects(&selector, pod) && is_ready(pod);
        let endpoints: Vec<Value> =
            pods.iter().filter(ready).map(|_| json!({ "conditions": { "ready": true } })).collect();
        let is_empty = |slice: &Value| slice["endpoints"].as_array().is_none_or(Vec::is_empty);
        if self.is_slow(&own) && !endpoints.is_empty() && self.store.get(&own).is_none_or(is_empty) {
            return;
        }
        self.store.put(own, slice_of(key, "own", "endpointslice-controller.k8s.io", &endpoints));
    }
}

fn going() -> Value {
    json!({ "metadata": { "deletionTimestamp": "2030-01-01T00:00:00Z" } })
}

pub(super) fn is_going(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

fn is_ready(pod: &Value) -> bool {
    pod["status"]["conditions"][0]["status"] == "True"
}

fn made_pod(key: &Key, labels: &Value, is_broken: bool) -> Value {
    let ready = if is_broken { "False" } else { "True" };
    let waiting = json!({ "waiting": { "reason": "ErrImagePull", "message": "no such image" } });
    let state = if is_broken { waiting } else { json!({ "running": {} }) };
    json!({
        "metadata": { "name": key.name, "namespace": key.namespace, "labels": labels },
        "status": {
            "conditions": [{ "type": "Ready", "status": ready }],
            "containerStatuses": [{ "state": state }],
        },
    })
}

fn slice_of(service: &Key, suffix: &str, manager: &str, endpoints: &[Value]) -> Value {
    json!({
        "metadata": {
            "name": format!("{}-{suffix}", service.name),
            "namespace": service.namespace,
            "labels": {
                "kubernetes.io/service-name": service.name,
                "endpointslice.kubernetes.io/managed-by": manager,
            },
        },
        "endpoints": endpoints,
    })
}
