//! An apiserver in memory, as far as the platform can tell: lists in pages, watches from a version, scale subresources that
//! leave out a zero, JSON and merge patches, events. It remembers every request.

mod store;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) use store::Seen;
use store::{Place, Store};

/// The apiserver. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Apiserver(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    store: Store,
    requests: Vec<Asked>,
    /// Requests whose method and path begin so are answered with this status.
    faults: Vec<(String, u16)>,
    /// Resources that are not defined (yet).
    undefined: Vec<&'static str>,
    /// Ends all watches that run.
    cut: CancellationToken,
    /// Are done one after the other, each by the next request whose method and path begin so, before it is answered.
    meanwhile: VecDeque<(String, Happens)>,
}

/// Something that happens to the objects.
type Happens = Box<dyn FnOnce(&mut Store) + Send>;

/// A request that was made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

impl Apiserver {
    /// A client of it.
    pub(crate) fn client(&self) -> kube::Client {
        let this = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let this = this.clone();
            async move { Ok::<_, Infallible>(this.answer(request).await) }
        });
        kube::Client::new(service, "default")
    }

    /// Creates or replaces an object.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.0.lock().store.put(&Place::of(path).expect("a place"), object);
    }

    /// Changes an object.
    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Value)) {
        self.0.lock().store.change(path, change);
    }

    pub(crate) fn delete(&self, path: &str) {
        self.0.lock().store.delete(path);
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().store.get(path).cloned()
    }

    /// All objects whose path begins so.
    pub(crate) fn all(&self, start: &str) -> Vec<Value> {
        self.0.lock().store.all(start)
    }

    /// Takes objects out without a word, as an apiserver that serves an old view.
    pub(crate) fn overlook(&self, path: &str) -> Value {
        self.0.lock().store.overlook(path)
    }

    /// Puts back what was overlooked.
    pub(crate) fn remember(&self, path: &str, object: Value) {
        self.0.lock().store.remember(path, object);
    }

    /// Ends all watches, and forgets what they would go on from: everything is listed again.
    pub(crate) fn forget_history(&self) {
        let mut inner = self.0.lock();
        inner.store.forget_history();
        std::mem::take(&mut inner.cut).cancel();
    }

    /// Answers requests whose method and path begin so with `status`, until [`Apiserver::mend`].
    pub(crate) fn fail(&self, start: &str, status: u16) {
        self.0.lock().faults.push((start.to_owned(), status));
    }

    /// From now on these resources, and no others, are not defined.
    pub(crate) fn undefine(&self, resources: &[&'static str]) {
        self.0.lock().undefined = resources.to_vec();
    }

    pub(crate) fn mend(&self) {
        self.0.lock().faults.clear();
    }

    /// The next request whose method and path begin so, after all that is to happen before, finds that this happened.
    pub(crate) fn meanwhile(&self, start: &str, happens: impl FnOnce(&mut Store) + Send + 'static) {
        self.0.lock().meanwhile.push_back((start.to_owned(), Box::new(happens)));
    }

    /// The writes since the last call.
    pub(crate) fn writes(&self) -> Vec<Asked> {
        let mut inner = self.0.lock();
        let asked = std::mem::take(&mut inner.requests);
        asked.into_iter().filter(|asked| asked.method != Method::GET).collect()
    }

    /// The requests since the last call.
    pub(crate) fn requests(&self) -> Vec<Asked> {
        std::mem::take(&mut self.0.lock().requests)
    }

    async fn answer(&self, request: Request<kube::client::Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let content_type = parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let asked = Asked {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            content_type: content_type.unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        let mut inner = self.0.lock();
        inner.requests.push(asked.clone());
        let start = format!("{} {}", asked.method, asked.path);
        if let Some((_, happens)) = inner.meanwhile.pop_front_if(|(wanted, _)| start.starts_with(wanted.as_str())) {
            happens(&mut inner.store);
        }
        if let Some((_, status)) = inner.faults.iter().find(|(fault, _)| start.starts_with(fault.as_str())) {
            return refused(*status, "it was told to fail");
        }
        inner.route(&asked)
    }
}

impl Inner {
    fn route(&mut self, asked: &Asked) -> Answer {
        if let Some(mut discovery) = discovery(&asked.path) {
            if let Some(resources) = discovery["resources"].as_array_mut() {
                let is_undefined = |one: &Value| self.undefined.iter().any(|resource| one["name"] == *resource);
                resources.retain(|one| !is_undefined(one));
            }
            return ok(&discovery);
        }
        let Some(place) = Place::of(&asked.path) else { return refused(404, "the path is not known") };
        let query = |key: &str| {
            let pairs = asked.query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(name, _)| *name == key).map(|(_, value)| decoded(value)).next().unwrap_or_default()
        };
        let seen = Seen { labels: query("labelSelector"), fields: query("fieldSelector") };
        match (asked.method.as_str(), &place.name) {
            ("GET", None) if query("watch") == "true" => self.watch(&place, seen, &query("resourceVersion")),
            ("GET", None) => ok(&self.store.list(&place, &seen, &query("continue"), query("limit").parse().ok())),
            ("GET", Some(_)) => answer(self.store.read(&place)),
            ("POST", None) => answer(self.store.create(&place, asked.body.clone())),
            ("PATCH", Some(_)) => answer(self.store.patch(&place, &asked.content_type, &asked.body)),
            ("DELETE", Some(_)) => answer(self.store.remove(&place)),
            _ => refused(405, "the method is not known"),
        }
    }

    fn watch(&mut self, place: &Place, seen: Seen, version: &str) -> Answer {
        let changes = self.store.watch(place, seen, version.parse().unwrap_or(0));
        let frames = changes.map(|change| Ok(Frame::data(Bytes::from(format!("{change}\n")))));
        let cut = self.cut.clone();
        let frames = frames.take_until(async move { cut.cancelled().await });
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    text.replace("%3D", "=")
        .replace("%2C", ",")
        .replace("%2F", "/")
        .replace("%21", "!")
        .replace("%28", "(")
        .replace("%29", ")")
}

fn answer(result: Result<Value, (u16, String)>) -> Answer {
    match result {
        Ok(value) => ok(&value),
        Err((code, message)) => refused(code, &message),
    }
}

fn ok(value: &Value) -> Answer {
    Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync())
}

fn refused(code: u16, message: &str) -> Answer {
    let reason = if code == 404 { "NotFound" } else { "Refused" };
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code });
    let mut answer = ok(&status);
    *answer.status_mut() = StatusCode::from_u16(code).expect("a status");
    answer
}

/// As 1.20 serves it, with one more group.
fn discovery(path: &str) -> Option<Value> {
    let group = |name: &str, versions: &[&str]| {
        let version = |version: &str| json!({ "groupVersion": format!("{name}/{version}"), "version": version });
        let all: Vec<Value> = versions.iter().map(|one| version(one)).collect();
        json!({ "name": name, "versions": all, "preferredVersion": version(versions[0]) })
    };
    let resources = |group_version: &str, all: &[(&str, &str)]| {
        let one = |(name, kind): &(&str, &str)| json!({ "name": name, "singularName": "", "kind": kind, "namespaced": true, "verbs": ["get", "list"] });
        let all: Vec<Value> = all.iter().map(one).collect();
        json!({ "kind": "APIResourceList", "groupVersion": group_version, "resources": all })
    };
    Some(match path {
        "/apis" => json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [
            group("apps", &["v1"]), group("autoscaling", &["v1", "v2beta2"]), group("policy", &["v1beta1"]),
            group("discovery.k8s.io", &["v1beta1"]), group("batch", &["v1"]), group("argoproj.io", &["v1alpha1"]),
        ] }),
        "/apis/apps/v1" => resources(
            "apps/v1",
            &[
                ("deployments", "Deployment"),
                ("deployments/scale", "Scale"),
                ("replicasets", "ReplicaSet"),
                ("statefulsets", "StatefulSet"),
                ("statefulsets/scale", "Scale"),
            ],
        ),
        "/apis/argoproj.io/v1alpha1" => {
            resources("argoproj.io/v1alpha1", &[("rollouts", "Rollout"), ("rollouts/scale", "Scale")])
        }
        "/apis/autoscaling/v1" | "/apis/autoscaling/v2beta2" => {
            resources("autoscaling/v1", &[("horizontalpodautoscalers", "HorizontalPodAutoscaler")])
        }
        "/apis/keda.sh/v1alpha1" => resources(
            "keda.sh/v1alpha1",
            &[
                ("scaledobjects", "ScaledObject"),
                ("scaledobjects/status", "ScaledObject"),
                ("scaledjobs", "ScaledJob"),
                ("scaledjobs/status", "ScaledJob"),
                ("triggerauthentications", "TriggerAuthentication"),
                ("clustertriggerauthentications", "ClusterTriggerAuthentication"),
            ],
        ),
        "/apis/policy/v1beta1" => resources("policy/v1beta1", &[("poddisruptionbudgets", "PodDisruptionBudget")]),
        "/apis/discovery.k8s.io/v1beta1" => {
            resources("discovery.k8s.io/v1beta1", &[("endpointslices", "EndpointSlice")])
        }
        _ => return None,
    })
}
