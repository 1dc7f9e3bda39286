//! An apiserver in memory, with just enough of a cluster behind it: what is applied is kept, Deployments get pods,
//! Services get Kubernetes' own slices, and Rouse, while it is installed, holds on to what it routes and scales.

mod cluster;
mod path;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};

use path::{Path, query};
pub(crate) use store::Key;
use store::Store;

/// The apiserver. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Apiserver {
    state: Arc<Mutex<State>>,
}

struct State {
    version: &'static str,
    apis: Vec<&'static str>,
    store: Store,
    /// `PATCH services shop/web`, …, of each write.
    writes: Vec<String>,
    /// Writes that are refused, by what they begin with.
    forbidden: Vec<&'static str>,
    /// How many more writes work before one fails.
    works_for: Option<usize>,
    /// Writes that are yet asked of the webhook after it is gone.
    webhook_lag: u32,
    /// Whether controllers do their work only when somebody has looked in vain a few times.
    slow: bool,
    /// Whether pods whose Deployment is gone stay: they answer what they have.
    busy: bool,
    /// How many more looks at a namespace that is being deleted it takes until it is gone.
    goes_after: u32,
    /// How often somebody has looked, by plural.
    looks: BTreeMap<String, u32>,
    /// What somebody has just looked at often enough.
    looked_at: String,
    /// Moments at which a Service that is handed to us led to no pod and to no activator.
    led_nowhere: usize,
}

impl Apiserver {
    /// An empty cluster of this version.
    pub(crate) fn new(version: &'static str) -> Apiserver {
        let is_old = version == "1.20";
        let apis = if is_old {
            vec!["apps/v1", "policy/v1beta1", "discovery.k8s.io/v1beta1"]
        } else {
            vec!["apps/v1", "policy/v1", "policy/v1beta1", "discovery.k8s.io/v1"]
        };
        let mut store = Store::default();
        for name in ["default", "kube-system", "shop"] {
            let labels = if is_old { json!({}) } else { json!({ "kubernetes.io/metadata.name": name }) };
            let metadata = json!({ "name": name, "labels": labels });
            store.put(
                Key::new("namespaces", "", name),
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }),
            );
        }
        let state = State {
            version,
            apis,
            store,
            writes: vec![],
            forbidden: vec![],
            works_for: None,
            webhook_lag: 0,
            slow: false,
            busy: false,
            goes_after: 0,
            looks: BTreeMap::new(),
            looked_at: String::new(),
            led_nowhere: 0,
        };
        Apiserver { state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                Ok::<_, kube::Error>(server.answer(&head.method, &head.uri, &body))
            }
        });
        Client::new(service, "default")
    }

    /// Puts an object there, as a user would.
    pub(crate) fn put(&self, plural: &str, object: Value) {
        let mut state = self.state.lock();
        state.store.put(Key::of(plural, &object), object);
        state.settle();
    }

    /// Changes an object, as a user would.
    pub(crate) fn edit(&self, key: &Key, change: &Value) {
        let mut state = self.state.lock();
        state.store.merge(key, change);
        state.settle();
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Value> {
        self.state.lock().store.get(key).cloned()
    }

    /// All that is there.
    pub(crate) fn everything(&self) -> Vec<(Key, Value)> {
        self.state.lock().store.all()
    }

    /// Moments at which a Service led to no pod and to no activator, since it was first routed.
    pub(crate) fn led_nowhere(&self) -> usize {
        self.state.lock().led_nowhere
    }

    /// The writes since the last call.
    pub(crate) fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().writes)
    }

    /// From now on pods become ready, and slices are filled, only when somebody has looked in vain a few
    /// times.
    pub(crate) fn slow_down(&self) {
        self.state.lock().slow = true;
    }

    /// From now on, or no longer, pods whose Deployment is deleted have requests that do not end.
    pub(crate) fn keep_busy(&self, busy: bool) {
        let mut state = self.state.lock();
        state.busy = busy;
        state.settle();
    }

    /// Somebody deletes a namespace; it is gone after so many looks.
    pub(crate) fn begin_to_delete(&self, namespace: &str, looks: u32) {
        self.state.lock().begin_to_delete(&Key::new("namespaces", "", namespace), looks);
    }

    /// Writes that begin so are refused.
    pub(crate) fn forbid(&self, write: &'static str) {
        self.state.lock().forbidden.push(write);
    }

    /// So many writes work; the one behind them fails, once.
    pub(crate) fn work_for(&self, writes: usize) {
        self.state.lock().works_for = Some(writes);
    }

    /// Whether that one has come.
    pub(crate) fn has_failed(&self) -> bool {
        self.state.lock().works_for.is_none()
    }

    fn answer(&self, method: &Method, uri: &http::Uri, body: &Bytes) -> Response<Full<Bytes>> {
        let answer = self.state.lock().answer(method, uri, body);
        let (status, value) = match answer {
            Ok(value) => (StatusCode::OK, value),
            Err(refused) => refused,
        };
        let response = Response::builder().status(status).body(Full::from(value.to_string()));
        response.expect("a status and a body are a response")
    }
}

/// A value, or a status and what is said of it.
type Answer = Result<Value, (StatusCode, Value)>;

fn refuse(code: StatusCode, message: &str) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "", "code": code.as_u16(),
    });
    Err((code, status))
}

impl State {
    fn answer(&mut self, method: &Method, uri: &http::Uri, body: &Bytes) -> Answer {
        match uri.path() {
            "/version" => return Ok(self.version_info()),
            "/apis" => return Ok(self.groups()),
            _ => {}
        }
        let Some(path) = Path::read(uri.path()) else { return refuse(StatusCode::NOT_FOUND, "no such path") };
        let query = query(uri);
        if method == Method::GET {
            return self.read(&path, query("labelSelector").as_deref().unwrap_or_default());
        }
        let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).expect("JSON") };
        if path.plural == "selfsubjectaccessreviews" {
            let asked = &body["spec"]["resourceAttributes"];
            let text = |key: &str| asked[key].as_str().unwrap_or_default();
            let asked = format!("{} {}", text("verb"), text("resource"));
            return Ok(json!({ "status": { "allowed": !self.forbidden.contains(&asked.as_str()) } }));
        }
        let write = format!("{method} {path}");
        if self.forbidden.iter().any(|no| write.starts_with(no)) {
            return refuse(StatusCode::FORBIDDEN, "you may not");
        }
        let dry = query("dryRun").is_some();
        if !dry {
            match self.works_for {
                Some(0) => {
                    self.works_for = None;
                    return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the apiserver is ill");
                }
                Some(more) => self.works_for = Some(more - 1),
                None => {}
            }
            self.writes.push(write);
        }
        let before = dry.then(|| self.store.clone());
        let answer = self.write(method, &path, &body, query("fieldManager").as_deref());
        match before {
            Some(before) => self.store = before,
            None => self.settle(),
        }
        answer
    }

    fn version_info(&self) -> Value {
        let (major, minor) = self.version.split_once('.').expect("a version");
        json!({
            "major": major, "minor": minor, "gitVersion": "", "gitCommit": "", "gitTreeState": "", "buildDate": "",
            "goVersion": "", "compiler": "", "platform": "",
        })
    }

    fn groups(&self) -> Value {
        let group = |api: &&str| {
            let (name, version) = api.split_once('/').expect("a group");
            let version = json!({ "groupVersion": api, "version": version });
            json!({ "name": name, "versions": [version], "preferredVersion": version })
        };
        json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": self.apis.iter().map(group).collect::<Value>() })
    }

    fn read(&mut self, path: &Path, labels: &str) -> Answer {
        let Some(key) = path.key() else {
            let items = self.store.list(&path.plural, path.namespace.as_deref(), labels);
            let looks = self.looks.entry(path.plural.clone()).or_default();
            *looks += 1;
            if looks.is_multiple_of(5) {
                self.looked_at.clone_from(&path.plural);
                self.settle();
                self.looked_at.clear();
            }
            return Ok(json!({ "kind": "List", "metadata": {}, "items": items }));
        };
        if key.plural == "namespaces" {
            self.look_at_namespace(&key);
        }
        match self.store.get(&key) {
            None => refuse(StatusCode::NOT_FOUND, "not found"),
            Some(object) if path.sub.is_some() => Ok(store::scale(object)),
            Some(object) => Ok(object.clone()),
        }
    }

    fn write(&mut self, method: &Method, path: &Path, body: &Value, manager: Option<&str>) -> Answer {
        let key = path.key().expect("writes name an object");
        let is_there = self.store.get(&key).is_some();
        if *method == Method::DELETE && key.plural == "namespaces" && is_there {
            self.delete_namespace(&key);
            return Ok(json!({}));
        }
        if *method == Method::DELETE {
            return if self.store.delete(&key) { Ok(json!({})) } else { refuse(StatusCode::NOT_FOUND, "not found") };
        }
        assert_eq!(manager, Some("rouse"), "who writes says so");
        let is_apply = body.get("apiVersion").is_some();
        let namespace = Key::new("namespaces", "", path.namespace.as_deref().unwrap_or_default());
        if is_apply && path.namespace.is_some() && self.store.get(&namespace).is_none() {
            return refuse(StatusCode::NOT_FOUND, "its namespace is not there");
        }
        if is_apply && self.store.get(&namespace).is_some_and(cluster::is_going) {
            return refuse(StatusCode::FORBIDDEN, "its namespace is being terminated");
        }
        if !is_apply && !is_there {
            return refuse(StatusCode::NOT_FOUND, "not found");
        }
        if path.sub.is_some() {
            let version = &body["metadata"]["resourceVersion"];
            let now = &self.store.get(&key).expect("it is there")["metadata"]["resourceVersion"];
            if !version.is_null() && version != now {
                return refuse(StatusCode::CONFLICT, "it has changed");
            }
            self.store.merge(&key, &json!({ "spec": { "replicas": body["spec"]["replicas"] } }));
            return Ok(store::scale(self.store.get(&key).expect("it is there")));
        }
        if key.plural == "namespaces" {
            self.look_after_namespace(&key);
        }
        let mut change = body.clone();
        self.ask_webhook(&key, &mut change);
        self.store.merge(&key, &change);
        Ok(self.store.get(&key).expect("it is there").clone())
    }
}
