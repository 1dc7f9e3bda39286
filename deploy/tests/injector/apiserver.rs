//! An apiserver that keeps objects in memory, remembers what it was asked, and knows just enough of the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use deploy::kubernetes::writes::Writes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::{Client, Config};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, broadcast};
use tokio::task::JoinSet;

/// Where the Secret, the ConfigMap and the webhook configuration are.
pub(crate) const SECRET: &str = "/api/v1/namespaces/rouse-system/secrets/rouse-ca";
pub(crate) const CONFIG_MAP: &str = "/api/v1/namespaces/rouse-system/configmaps/rouse-ca";
pub(crate) const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/rouse-injector";

/// Dropping it ends it.
pub(crate) struct ApiServer {
    pub(crate) at: SocketAddr,
    store: Arc<Store>,
    _tasks: JoinSet<()>,
}

struct Store {
    objects: Mutex<BTreeMap<String, Value>>,
    /// Method and path of everything but watches.
    requests: Mutex<Vec<String>>,
    forbidden: Mutex<BTreeSet<String>>,
    /// The first so many reads of the Secret are answered together.
    together: Option<Barrier>,
    reads: Mutex<usize>,
    changes: broadcast::Sender<(String, Value)>,
}

type Answer = Response<Either<Full<Bytes>, Watch>>;
type Watch = StreamBody<std::pin::Pin<Box<dyn stream::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>>;

impl ApiServer {
    pub(crate) async fn start() -> ApiServer {
        ApiServer::start_reading_together(0).await
    }

    /// One that answers nobody who looks for the Secret before `readers` do.
    pub(crate) async fn start_reading_together(readers: usize) -> ApiServer {
        let store = Arc::new(Store {
            objects: Mutex::default(),
            requests: Mutex::default(),
            forbidden: Mutex::default(),
            together: (readers > 0).then(|| Barrier::new(readers)),
            reads: Mutex::new(readers),
            changes: broadcast::channel(64).0,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let mut tasks = JoinSet::new();
        let served = Arc::clone(&store);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let store = Arc::clone(&served);
                let service = service_fn(move |request| {
                    let store = Arc::clone(&store);
                    async move { Ok::<_, Infallible>(store.answer(request).await) }
                });
                connections.spawn(async move {
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
                });
            }
        });
        ApiServer { at, store, _tasks: tasks }
    }

    /// Another client of it.
    pub(crate) fn writes(&self) -> Writes {
        let url = format!("http://{}", self.at).parse().expect("an address");
        Writes::new(Client::try_from(Config::new(url)).expect("a client"), 50.0, 100)
    }

    pub(crate) fn object(&self, path: &str) -> Value {
        self.store.objects.lock().get(path).cloned().unwrap_or_default()
    }

    /// Somebody else puts `object` there.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.store.put(path, object);
    }

    pub(crate) fn forbid(&self, path: &str) {
        self.store.forbidden.lock().insert(path.to_owned());
    }

    pub(crate) fn allow(&self, path: &str) {
        self.store.forbidden.lock().remove(path);
    }

    /// What it was asked to change since this was asked last: `POST /api/…`.
    pub(crate) fn writes_seen(&self) -> Vec<String> {
        let mut requests = std::mem::take(&mut *self.store.requests.lock());
        requests.retain(|request| !request.starts_with("GET"));
        requests
    }
}

impl Store {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let query = request.uri().query().unwrap_or_default().to_owned();
        if query.contains("watch=") {
            return self.watch(path);
        }
        self.requests.lock().push(format!("{method} {path}"));
        let kind = request.headers().get(header::CONTENT_TYPE).cloned();
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if self.forbidden.lock().contains(&path) {
            return refusal(StatusCode::FORBIDDEN, "Forbidden", "you may not");
        }
        match method {
            Method::GET if path == "/version" => object(StatusCode::OK, &version()),
            Method::GET if query.contains("fieldSelector=") => self.list(&path),
            Method::GET => self.get(&path).await,
            Method::POST => self.create(&path, body),
            Method::PATCH => self.patch(&path, &body, kind.is_some_and(|kind| kind == "application/json-patch+json")),
            _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "what?"),
        }
    }

    fn put(&self, path: &str, object: Value) {
        self.objects.lock().insert(path.to_owned(), object.clone());
        self.changes.send((path.to_owned(), object)).ok(); // nobody need watch
    }

    async fn get(&self, path: &str) -> Answer {
        let found = self.objects.lock().get(path).cloned();
        if let (SECRET, Some(together)) = (path, &self.together) {
            let waits = {
                let mut reads = self.reads.lock();
                let waits = *reads > 0;
                *reads = reads.saturating_sub(1);
                waits
            };
            if waits {
                together.wait().await;
            }
        }
        match found {
            Some(found) => object(StatusCode::OK, &found),
            None => refusal(StatusCode::NOT_FOUND, "NotFound", "there is none"),
        }
    }

    fn list(&self, path: &str) -> Answer {
        let items: Vec<_> = self.under(path);
        object(StatusCode::OK, &json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}))
    }

    fn under(&self, path: &str) -> Vec<Value> {
        let objects = self.objects.lock();
        objects.iter().filter(|(known, _)| known.starts_with(path)).map(|(_, object)| object.clone()).collect()
    }

    fn create(&self, path: &str, new: Value) -> Answer {
        let name = new.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let path = format!("{path}/{name}");
        if self.objects.lock().contains_key(&path) {
            return refusal(StatusCode::CONFLICT, "AlreadyExists", "it is there");
        }
        self.put(&path, new.clone());
        object(StatusCode::CREATED, &new)
    }

    fn patch(&self, path: &str, change: &Value, is_json_patch: bool) -> Answer {
        let Some(mut known) = self.objects.lock().get(path).cloned() else {
            return refusal(StatusCode::NOT_FOUND, "NotFound", "there is none");
        };
        if is_json_patch {
            let patch: json_patch::Patch = serde_json::from_value(change.clone()).expect("a patch");
            if let Err(error) = json_patch::patch(&mut known, &patch) {
                return refusal(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", &error.to_string());
            }
        } else {
            json_patch::merge(&mut known, change);
        }
        self.put(path, known.clone());
        object(StatusCode::OK, &known)
    }

    /// What is there already comes first: it may have come between the list and this.
    fn watch(&self, under: String) -> Answer {
        let changes = self.changes.subscribe();
        let there = self.under(&under);
        let events = stream::unfold((there, changes, under), |(mut there, mut changes, under)| async move {
            let object = match there.pop() {
                Some(object) => object,
                None => loop {
                    let (path, object) = changes.recv().await.ok()?;
                    if path.starts_with(&under) {
                        break object;
                    }
                },
            };
            let event = format!("{}\n", json!({"type": "MODIFIED", "object": object}));
            Some((Ok(Frame::data(Bytes::from(event))), (there, changes, under)))
        });
        Response::new(Either::Right(StreamBody::new(Box::pin(events))))
    }
}

fn version() -> Value {
    let all = ["gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"];
    let mut version: Value = all.into_iter().map(|name| (name.to_owned(), json!(""))).collect();
    version["major"] = json!("1");
    version["minor"] = json!("20");
    version
}

fn object(status: StatusCode, object: &Value) -> Answer {
    let mut response = Response::new(Either::Left(Full::from(object.to_string())));
    *response.status_mut() = status;
    response
}

fn refusal(status: StatusCode, reason: &str, message: &str) -> Answer {
    let code = status.as_u16();
    object(status, &json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}))
}
