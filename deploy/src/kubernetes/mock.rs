//! An apiserver for tests, in virtual time: objects by their paths, each write of one on top of what it was, and watches. To
//! each of its clients the way can be bad.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

/// How long each request takes.
const LATENCY: Duration = Duration::from_millis(1);

/// How long a watch lasts.
const WATCH: Duration = Duration::from_secs(290);

/// How the way between one client and the apiserver is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Way {
    #[default]
    Good,
    /// Nothing arrives, nothing comes back.
    Cut,
    /// What is asked for is done, and nothing comes back.
    Deaf,
    /// All is refused: 500.
    Refused,
}

/// The apiserver. Copies are the same.
#[derive(Clone)]
pub(crate) struct Apiserver {
    state: Arc<Mutex<State>>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    /// What happened: version, path and the event that watches see.
    history: Vec<(u64, String, Value)>,
    ways: HashMap<&'static str, Way>,
    asked: Vec<(&'static str, String)>,
    /// How, where and by which field manager something was written, and what.
    written: Vec<(String, Value)>,
    /// What cannot be written.
    refused: HashSet<String>,
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

impl Apiserver {
    pub(crate) fn new() -> Apiserver {
        Apiserver { state: Arc::default(), version: watch::Sender::new(1) }
    }

    /// A client that is called `name`.
    pub(crate) fn client(&self, name: &'static str) -> Client {
        let apiserver = self.clone();
        Client::new(tower::service_fn(move |request| apiserver.clone().answer(name, request)), "default")
    }

    pub(crate) fn set_way(&self, client: &'static str, way: Way) {
        self.state.lock().ways.insert(client, way);
        self.version.send_modify(|_| ()); // watches look
    }

    /// What clients asked for since the last call: who, how and what.
    pub(crate) fn take_asked(&self) -> Vec<(&'static str, String)> {
        std::mem::take(&mut self.state.lock().asked)
    }

    /// What clients wrote since the last call, or wanted to: `PATCH path field-manager`, and the body.
    pub(crate) fn take_written(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.state.lock().written)
    }

    /// From now on, what is written there is refused as invalid; or it is not.
    pub(crate) fn refuse(&self, path: &str, refused: bool) {
        let mut state = self.state.lock();
        if refused {
            state.refused.insert(path.to_owned())
        } else {
            state.refused.remove(path)
        };
    }

    /// An object, by its path.
    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        self.state.lock().objects.get(path).cloned()
    }

    /// Somebody else writes it, whatever it was; nothing: it is deleted.
    pub(crate) fn put(&self, path: &str, object: Option<Value>) {
        self.change(path, object);
    }

    async fn answer(self, client: &'static str, request: Request<Body>) -> Result<Answer, Infallible> {
        let (parts, body) = request.into_parts();
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
        self.state.lock().asked.push((client, format!("{} {}", parts.method, parts.uri)));
        sleep(LATENCY).await;
        match self.way(client) {
            Way::Cut => std::future::pending().await,
            Way::Refused => return Ok(refusal(StatusCode::INTERNAL_SERVER_ERROR)),
            Way::Good | Way::Deaf => {}
        }
        if query.contains("watch=true") {
            return Ok(self.watch(client, &path, &query));
        }
        let body = body.collect().await.expect("a body").to_bytes();
        let answer = match parts.method {
            Method::GET if query.is_empty() => self.object(&path).map_or_else(not_found, |found| said(&found)),
            Method::GET => said(&self.list(&path)),
            method => {
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                let manager = query.split('&').find_map(|part| part.strip_prefix("fieldManager="));
                let what = format!("{method} {path} {}", manager.unwrap_or_default());
                self.state.lock().written.push((what.trim_end().to_owned(), body.clone()));
                self.write(&method, &path, body)
            }
        };
        match self.way(client) {
            Way::Cut | Way::Deaf => std::future::pending().await,
            Way::Good | Way::Refused => Ok(answer),
        }
    }

    fn way(&self, client: &str) -> Way {
        self.state.lock().ways.get(client).copied().unwrap_or_default()
    }

    fn list(&self, path: &str) -> Value {
        let objects = &self.state.lock().objects;
        let items: Vec<_> = objects.iter().filter(|(at, _)| is_in(at, path)).map(|(_, object)| object).collect();
        json!({ "metadata": { "resourceVersion": self.version.borrow().to_string() }, "items": items })
    }

    fn write(&self, method: &Method, path: &str, object: Value) -> Answer {
        if self.state.lock().refused.contains(path) {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY);
        }
        let path = match (method, path.strip_suffix("/status")) {
            (&Method::POST, _) => format!("{path}/{}", object["metadata"]["name"].as_str().expect("a name")),
            (_, status) => status.unwrap_or(path).to_owned(),
        };
        let before = self.object(&path);
        let after = match (method, before) {
            (&Method::POST, None) => object,
            (&Method::POST, Some(_)) => return refusal(StatusCode::CONFLICT),
            (&Method::PUT | &Method::DELETE, None) => return refusal(StatusCode::NOT_FOUND),
            (&Method::PUT, Some(before))
                if before["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] =>
            {
                return refusal(StatusCode::CONFLICT);
            }
            (&Method::PUT, Some(_)) => object,
            (&Method::DELETE, Some(before)) => {
                self.change(&path, None);
                return said(&before);
            }
            (_, before) => {
                let mut after = before.unwrap_or_default();
                merge(&mut after, &object);
                after
            }
        };
        self.change(&path, Some(after));
        said(&self.object(&path).expect("it was written"))
    }

    fn change(&self, path: &str, object: Option<Value>) {
        let version = *self.version.borrow() + 1;
        {
            let mut state = self.state.lock();
            let before = state.objects.remove(path);
            let kind = match (&before, &object) {
                (None, _) => "ADDED",
                (Some(_), Some(_)) => "MODIFIED",
                (Some(_), None) => "DELETED",
            };
            let generation = generation(before.as_ref(), object.as_ref());
            let mut shown = object.clone().or(before).expect("what is not there cannot be deleted");
            if !shown["spec"].is_null() {
                shown["metadata"]["generation"] = generation.into();
            }
            shown["metadata"]["resourceVersion"] = version.to_string().into();
            if object.is_some() {
                state.objects.insert(path.to_owned(), shown.clone());
            }
            state.history.push((version, path.to_owned(), json!({ "type": kind, "object": shown })));
        }
        self.version.send_replace(version);
    }

    fn watch(&self, client: &'static str, path: &str, query: &str) -> Answer {
        let since = query.split('&').find_map(|part| part.strip_prefix("resourceVersion=")?.parse().ok());
        let state = (self.clone(), self.version.subscribe(), path.to_owned(), since.expect("a version"));
        let events = stream::unfold(
            state,
            move |(apiserver, mut version, path, since): (Apiserver, _, String, u64)| async move {
                loop {
                    let next = {
                        let state = apiserver.state.lock();
                        let mut news = state.history.iter().filter(|(at, of, _)| *at > since && is_in(of, &path));
                        news.next().map(|(at, _, event)| (*at, format!("{event}\n")))
                    };
                    if let Some((at, event)) = next.filter(|_| apiserver.way(client) == Way::Good) {
                        sleep(LATENCY).await;
                        let frame = Ok::<_, Infallible>(Frame::data(Bytes::from(event)));
                        return Some((frame, (apiserver, version, path, at)));
                    }
                    version.changed().await.ok()?;
                }
            },
        );
        let body = StreamBody::new(events.take_until(Box::pin(sleep(WATCH))));
        Response::new(BodyExt::boxed_unsync(body))
    }
}

/// Whether the object at `path` is one of this collection, of one namespace or of all.
fn is_in(path: &str, collection: &str) -> bool {
    let Some((base, plural)) = collection.rsplit_once('/') else { return false };
    let Some(rest) = path.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')) else { return false };
    let parts: Vec<&str> = rest.split('/').collect();
    matches!(parts[..], ["namespaces", _, of, _] | [of, _] if of == plural)
}

/// It counts what an object is to be, not how it is.
fn generation(before: Option<&Value>, object: Option<&Value>) -> u64 {
    let Some(before) = before else { return 1 };
    let changed = object.is_some_and(|object| object["spec"] != before["spec"]);
    before["metadata"]["generation"].as_u64().unwrap_or(1) + u64::from(changed)
}

/// Mappings are merged, and all else is replaced: as much of a patch as what is tested needs.
pub(crate) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn said(object: &Value) -> Answer {
    Response::new(Full::from(object.to_string()).boxed_unsync())
}

fn not_found() -> Answer {
    refusal(StatusCode::NOT_FOUND)
}

fn refusal(code: StatusCode) -> Answer {
    let reason = match code {
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::CONFLICT => "Conflict",
        StatusCode::UNPROCESSABLE_ENTITY => "Invalid",
        _ => "InternalError",
    };
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code.as_u16(), "reason": reason, "message": "",
    });
    let mut answer = said(&status);
    *answer.status_mut() = code;
    answer
}
