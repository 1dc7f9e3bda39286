//! An apiserver in memory: lists, watches, and writes that are recorded.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use kube::core::ApiResource;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

const SERVICES: &str = "/api/v1/namespaces/default/services";

/// Copies are the same cluster.
#[derive(Clone)]
pub(crate) struct Cluster(Arc<Inner>);

struct Inner {
    slices: ApiResource,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By path.
    objects: BTreeMap<String, Value>,
    version: u64,
    /// All that ever happened: what, path, and the object.
    events: Vec<(u64, &'static str, String, Value)>,
    watches: Vec<Watch>,
    writes: Vec<Write>,
    /// What answers to writes of a path are to be.
    refused: HashMap<String, u16>,
    gets: usize,
    lists: usize,
    /// What lists leave out.
    hidden: Option<String>,
}

struct Watch {
    collection: String,
    selector: String,
    lines: mpsc::Sender<Bytes>,
}

/// A write that came.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) method: Method,
    /// The last part of its path, for a POST that of the object.
    pub(crate) name: String,
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

impl Cluster {
    /// One that serves EndpointSlices in this version.
    pub(crate) fn new(version: &str) -> Cluster {
        let slices = ApiResource {
            group: "discovery.k8s.io".to_owned(),
            version: version.to_owned(),
            api_version: format!("discovery.k8s.io/{version}"),
            kind: "EndpointSlice".to_owned(),
            plural: "endpointslices".to_owned(),
        };
        Cluster(Arc::new(Inner { slices, state: Mutex::default() }))
    }

    pub(crate) fn kind(&self) -> ApiResource {
        self.0.slices.clone()
    }

    pub(crate) fn client(&self) -> Client {
        let cluster = self.clone();
        let answer = move |request: Request<Body>| {
            let cluster = cluster.clone();
            async move { Ok::<_, Infallible>(cluster.answer(request).await) }
        };
        Client::new(tower::service_fn(answer), "default")
    }

    /// Somebody else makes a Service so.
    pub(crate) fn set_service(&self, name: &str, annotations: Value, spec: Value) {
        let uid =
            self.service(name).map_or_else(|| json!(format!("u-{name}")), |before| before["metadata"]["uid"].clone());
        let metadata = json!({ "name": name, "namespace": "default", "uid": uid, "annotations": annotations });
        self.set(&format!("{SERVICES}/{name}"), json!({ "metadata": metadata, "spec": spec }));
    }

    /// A Service that leads to the workload of its name.
    pub(crate) fn serve(&self, name: &str) {
        self.set_service(name, json!({ "rouse.dev/workload": name }), spec(name));
    }

    /// Somebody else changes an object in place.
    pub(crate) fn edit(&self, object: Value, edit: impl FnOnce(&mut Value)) {
        let mut object = object;
        edit(&mut object);
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let path = if object["spec"].is_object() { SERVICES.to_owned() } else { self.slices_path() };
        self.set(&format!("{path}/{name}"), object);
    }

    /// Kubernetes' own slice of a Service leads there.
    pub(crate) fn fill(&self, service: &str, ips: &[&str]) {
        let labels = json!({
            "kubernetes.io/service-name": service,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        });
        let endpoints: Value =
            ips.iter().map(|ip| json!({ "addresses": [ip], "conditions": { "ready": true } })).collect();
        let (name, ports) = (format!("{service}-k8s"), json!([{ "name": "", "port": 8012 }]));
        let metadata = json!({ "name": name, "namespace": "default", "labels": labels });
        let slice = json!({ "metadata": metadata, "addressType": "IPv4", "ports": ports, "endpoints": endpoints });
        self.set(&format!("{}/{name}", self.slices_path()), slice);
    }

    pub(crate) fn delete_service(&self, name: &str) {
        self.0.state.lock().remove(&format!("{SERVICES}/{name}"));
    }

    pub(crate) fn delete_slice(&self, name: &str) {
        let path = format!("{}/{name}", self.slices_path());
        self.0.state.lock().remove(&path);
    }

    pub(crate) fn service(&self, name: &str) -> Option<Value> {
        self.0.state.lock().objects.get(&format!("{SERVICES}/{name}")).cloned()
    }

    pub(crate) fn slice(&self, name: &str) -> Option<Value> {
        let path = format!("{}/{name}", self.slices_path());
        self.0.state.lock().objects.get(&path).cloned()
    }

    /// Port and addresses of a slice.
    pub(crate) fn leads_to(&self, slice: &str) -> (u64, Vec<String>) {
        let slice = self.slice(slice).unwrap_or_default();
        let ips = slice["endpoints"].as_array().into_iter().flatten();
        let mut ips: Vec<_> = ips.map(|endpoint| endpoint["addresses"][0].as_str().unwrap().to_owned()).collect();
        ips.sort();
        (slice["ports"][0]["port"].as_u64().unwrap_or_default(), ips)
    }

    /// Whether the key is in the Service's selector.
    pub(crate) fn has_key(&self, service: &str) -> bool {
        self.service(service).is_some_and(|service| service["spec"]["selector"]["rouse.dev/route"] == "managed")
    }

    /// Writes of the object of this name are answered like this from now on.
    pub(crate) fn refuse(&self, name: &str, code: Option<u16>) {
        let mut state = self.0.state.lock();
        match code {
            Some(code) => drop(state.refused.insert(name.to_owned(), code)),
            None => drop(state.refused.remove(name)),
        }
    }

    /// The writes that came since the last call.
    pub(crate) fn writes(&self) -> Vec<Write> {
        std::mem::take(&mut self.0.state.lock().writes)
    }

    /// [`Cluster::writes`] in short: `PATCH hello`.
    pub(crate) fn written(&self) -> Vec<String> {
        self.writes().iter().map(|write| format!("{} {}", write.method, write.name)).collect()
    }

    /// All watches are told to begin anew, and lists leave the Service out from now on.
    pub(crate) fn gap(&self, hidden: Option<&str>) {
        let mut state = self.0.state.lock();
        state.hidden = hidden.map(|name| format!("{SERVICES}/{name}"));
        let gone = line("ERROR", &json!({ "kind": "Status", "status": "Failure", "reason": "Expired", "code": 410 }));
        state.watches.drain(..).for_each(|watch| watch.lines.try_send(gone.clone()).unwrap());
    }

    /// How many times something was listed.
    pub(crate) fn lists(&self) -> usize {
        self.0.state.lock().lists
    }

    /// How many times one object was read.
    pub(crate) fn gets(&self) -> usize {
        self.0.state.lock().gets
    }

    fn slices_path(&self) -> String {
        format!("/apis/{}/namespaces/default/endpointslices", self.0.slices.api_version)
    }

    fn set(&self, path: &str, object: Value) {
        self.0.state.lock().set(path, object);
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let query: HashMap<_, _> = query(parts.uri.query().unwrap_or_default());
        let path = parts.uri.path().to_owned();
        let mut state = self.0.state.lock();
        match parts.method {
            Method::GET if query.contains_key("watch") => state.watch(&path, &query),
            Method::GET if path.contains(&format!("{SERVICES}/")) => state.get(&path),
            Method::GET => state.list(&path, &query),
            method => {
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                state.write(method, &path, body)
            }
        }
    }
}

/// What most Services are like.
pub(crate) fn spec(app: &str) -> Value {
    let ports = json!([{ "port": 80, "targetPort": 8080, "protocol": "TCP" }]);
    json!({ "type": "ClusterIP", "clusterIP": "10.96.0.7", "selector": { "app": app }, "ports": ports })
}

impl State {
    fn set(&mut self, path: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let kind = if self.objects.contains_key(path) { "MODIFIED" } else { "ADDED" };
        self.objects.insert(path.to_owned(), object.clone());
        self.happened(kind, path, object);
    }

    fn remove(&mut self, path: &str) -> Option<Value> {
        let mut object = self.objects.remove(path)?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.happened("DELETED", path, object.clone());
        Some(object)
    }

    fn happened(&mut self, kind: &'static str, path: &str, object: Value) {
        self.events.push((self.version, kind, path.to_owned(), object.clone()));
        self.watches.retain(|watch| !watch.is_of(path, &object) || watch.lines.try_send(line(kind, &object)).is_ok());
    }

    fn get(&mut self, path: &str) -> Answer {
        self.gets += 1;
        self.objects.get(path).map_or_else(|| refusal(404), |object| whole(StatusCode::OK, object))
    }

    fn list(&mut self, path: &str, query: &HashMap<String, String>) -> Answer {
        self.lists += 1;
        let (lines, _) = mpsc::channel(1);
        let watch = Watch { collection: path.to_owned(), selector: selector(query), lines };
        let is_shown = |path: &String, object: &Value| self.hidden.as_ref() != Some(path) && watch.is_of(path, object);
        let items: Vec<_> = self.objects.iter().filter(|(path, object)| is_shown(path, object)).collect();
        let items: Value = items.into_iter().map(|(_, object)| object.clone()).collect();
        whole(StatusCode::OK, &json!({ "metadata": { "resourceVersion": self.version.to_string() }, "items": items }))
    }

    fn watch(&mut self, path: &str, query: &HashMap<String, String>) -> Answer {
        let (lines, mut receiver) = mpsc::channel(65_536);
        let watch = Watch { collection: path.to_owned(), selector: selector(query), lines };
        let since: u64 = query["resourceVersion"].parse().unwrap();
        for (_, kind, _, object) in
            self.events.iter().filter(|(version, _, path, object)| *version > since && watch.is_of(path, object))
        {
            watch.lines.try_send(line(kind, object)).unwrap();
        }
        self.watches.push(watch);
        let frames = futures_util::stream::poll_fn(move |cx| {
            receiver.poll_recv(cx).map(|line| line.map(|line| Ok::<_, Infallible>(Frame::data(line))))
        });
        Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)))
    }

    fn write(&mut self, method: Method, path: &str, body: Value) -> Answer {
        let path = match (&method, body["metadata"]["name"].as_str()) {
            (&Method::POST, Some(name)) => format!("{path}/{name}"),
            _ => path.to_owned(),
        };
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        self.writes.push(Write { method: method.clone(), name: name.clone(), body: body.clone(), at: Instant::now() });
        if let Some(&code) = self.refused.get(&name) {
            return refusal(code);
        }
        let known = self.objects.get(&path).cloned();
        match (method, known) {
            (Method::POST, Some(_)) => return refusal(409),
            (Method::POST, None) => self.set(&path, body),
            (Method::PATCH, Some(mut object)) => {
                merge(&mut object, &body);
                self.set(&path, object);
            }
            (Method::DELETE, Some(_)) => return whole(StatusCode::OK, &self.remove(&path).unwrap()),
            (_, _) => return refusal(404),
        }
        whole(StatusCode::OK, &self.objects[&path])
    }
}

impl Watch {
    fn is_of(&self, path: &str, object: &Value) -> bool {
        let all = self.collection.rsplit('/').next().unwrap_or_default();
        let in_namespace = !self.collection.contains("/namespaces/") || path.starts_with(&self.collection);
        let labels = &object["metadata"]["labels"];
        let is_selected = self.selector.split(',').filter(|term| !term.is_empty()).all(|term| {
            match (term.split_once("!="), term.split_once('=')) {
                (Some((key, value)), _) => labels[key] != value,
                (None, Some((key, value))) => labels[key] == value,
                (None, None) => panic!("{term:?}"),
            }
        });
        in_namespace && path.contains(&format!("/{all}/")) && is_selected
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else { return *target = patch.clone() };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        match value {
            Value::Null => drop(target.as_object_mut().unwrap().remove(key)),
            value => merge(&mut target[key], value),
        }
    }
}

fn query(text: &str) -> HashMap<String, String> {
    let decode = |text: &str| text.replace("%2F", "/").replace("%3D", "=").replace("%2C", ",").replace("%21", "!");
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), decode(value)))
        .collect()
}

fn selector(query: &HashMap<String, String>) -> String {
    query.get("labelSelector").cloned().unwrap_or_default()
}

fn line(kind: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({ "type": kind, "object": object })).into()
}

fn whole(status: StatusCode, value: &Value) -> Answer {
    let mut answer = Response::new(BodyExt::boxed_unsync(Full::from(value.to_string())));
    *answer.status_mut() = status;
    answer
}

fn refusal(code: u16) -> Answer {
    let reason = if code == 404 { "NotFound" } else { "Told" };
    let status = json!({ "kind": "Status", "status": "Failure", "reason": reason, "message": "no", "code": code });
    whole(StatusCode::from_u16(code).unwrap(), &status)
}
