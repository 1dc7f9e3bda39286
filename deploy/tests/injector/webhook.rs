//! Over TLS, as an apiserver asks: what is answered, what is not, and how the server leaves.

use std::net::SocketAddr;
use std::time::Duration;

use config::bounds;
use deploy::inject::server::Server;
use deploy::inject::settings::{Injection, Resources, Sidecar};
use deploy::inject::webhook::Webhook;
use deploy::kubernetes::authority::Authority;
use deploy::link::ReporterIdentity;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::apiserver::ApiServer;
use crate::caller::{Caller, NAME, creation, patched, pod, post};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A webhook that runs.
struct Running {
    at: SocketAddr,
    pem: String,
    /// Tells it to end.
    end: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn start() -> Running {
    let apiserver = ApiServer::start().await;
    let authority = Authority::ensure(&apiserver.writes(), "rouse-system").await.expect("an authority");
    let injection = Injection {
        image: "queue-proxy:1".to_owned(),
        sidecar: Sidecar::Classic,
        autoscaler: "rouse-autoscaler.rouse-system.svc:8091".to_owned(),
        authority: authority.pem().to_owned(),
        identity: ReporterIdentity::Token,
        drain_quiet: bounds::DRAIN_QUIET,
        resources: Resources::default(),
    };
    let tls = authority.server_config(&[NAME.to_owned()], Duration::from_secs(3600), "http/1.1").expect("TLS");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let (end, told) = oneshot::channel();
    let server = Server::new(Webhook::new(injection, "rouse-system"), tls);
    let served = tokio::spawn(server.serve(listener, async { told.await.expect("it is told") }));
    Running { at, pem: authority.pem().to_owned(), end, served }
}

impl Running {
    async fn call(&self) -> Caller {
        Caller::connect(self.at, &self.pem).await.expect("a connection")
    }
}

#[tokio::test]
async fn a_pod_that_is_about_to_be_created_gets_its_queue_proxy() {
    let injector = start().await;
    let mut apiserver = injector.call().await;
    let answer = apiserver.ask("/pods", creation(&pod())).await;
    assert_eq!(answer["uid"], creation(&pod())["uid"]);
    let after = patched(&pod(), &answer);
    let sidecar = &after["spec"]["containers"][1];
    assert_eq!((&sidecar["name"], &sidecar["image"]), (&json!("queue-proxy"), &json!("queue-proxy:1")));
    let env = sidecar["env"].as_array().expect("a list");
    let authority =
        env.iter().find(|variable| variable["name"] == "ROUSE_LINK_CA_PEM").expect("it is told whom to trust");
    assert_eq!(authority["value"], injector.pem);

    // On the same connection: asked again, as after other webhooks, nothing changes.
    let again = apiserver.ask("/pods", creation(&after)).await;
    assert_eq!((&again["allowed"], again.get("patch")), (&json!(true), None));
    let update = json!({"uid": "1", "operation": "UPDATE", "object": pod()});
    assert_eq!(apiserver.ask("/pods", update).await, json!({"uid": "1", "allowed": true}));
}

#[tokio::test]
async fn a_pod_that_cannot_work_is_refused_with_all_that_is_wrong() {
    let injector = start().await;
    let mut wrong = pod();
    wrong["spec"]["hostNetwork"] = json!(true);
    wrong["metadata"]["annotations"]["rouse.dev/timeout"] = json!("soon");
    let answer = injector.call().await.ask("/pods", creation(&wrong)).await;
    assert_eq!((&answer["allowed"], &answer["status"]["code"]), (&json!(false), &json!(422)));
    let message = answer["status"]["message"].as_str().expect("a message");
    let lines: Vec<_> = message.lines().collect();
    assert!(lines[0].starts_with("Pod default/web-6d4cf56db6-…: spec.hostNetwork: "), "{message}");
    assert!(lines[1].contains("rouse.dev/timeout: \"soon\" is not a duration"), "{message}");
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn a_service_keeps_its_key_unless_the_autoscaler_takes_it_out() {
    let injector = start().await;
    let service = |selector: Value| {
        let annotations = json!({"rouse.dev/workload": "web"});
        json!({"metadata": {"name": "web", "annotations": annotations}, "spec": {"selector": selector}})
    };
    let update = |who: &str| {
        let (old, new) = (service(json!({"app": "web", "rouse.dev/route": "managed"})), service(json!({"app": "web"})));
        let user = json!({"username": who});
        json!({"uid": "1", "operation": "UPDATE", "userInfo": user, "object": new, "oldObject": old})
    };
    let mut apiserver = injector.call().await;
    let answer = apiserver.ask("/services", update("jane")).await;
    let after = patched(&service(json!({"app": "web"})), &answer);
    assert_eq!(after["spec"]["selector"], json!({"app": "web", "rouse.dev/route": "managed"}));
    let answer = apiserver.ask("/services", update("system:serviceaccount:rouse-system:rouse-autoscaler")).await;
    assert_eq!(answer, json!({"uid": "1", "allowed": true}));
    let created =
        json!({"uid": "2", "operation": "CREATE", "object": service(json!({"app": "web"})), "oldObject": null});
    assert_eq!(apiserver.ask("/services", created).await, json!({"uid": "2", "allowed": true}));
}

#[tokio::test]
async fn what_is_no_question_is_told_so_and_does_no_harm() {
    let injector = start().await;
    let mut stranger = injector.call().await;
    for (path, body, status) in [
        ("/", "{}", StatusCode::NOT_FOUND),
        ("/pods", "", StatusCode::BAD_REQUEST),
        ("/pods", "{}", StatusCode::BAD_REQUEST),
        ("/services", "[[[[", StatusCode::BAD_REQUEST),
        ("/pods", r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v2"}"#, StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(stranger.post(path, body).await.0, status, "{path} {body}");
    }
    let get = Request::get("/pods").header(header::HOST, NAME).body(Full::default()).expect("a request");
    assert_eq!(stranger.send(get).await.expect("an answer").status(), StatusCode::METHOD_NOT_ALLOWED);
    let large = injector.call().await.send(post("/pods", vec![b' '; bounds::REVIEW_BYTES + 1])).await;
    // Whoever is refused may be cut off while it still sends.
    assert!(large.is_none_or(|response| response.status() == StatusCode::PAYLOAD_TOO_LARGE));
    let odd = json!({"uid": "1", "operation": "CREATE", "object": "odd"});
    assert_eq!(injector.call().await.ask("/pods", odd).await["allowed"], false);
    assert_eq!(injector.call().await.ask("/pods", creation(&pod())).await["allowed"], true);
}

#[tokio::test]
async fn who_trusts_another_authority_is_not_served() {
    let (injector, another) = (start().await, start().await);
    assert!(Caller::connect(injector.at, &another.pem).await.is_err());
    assert_eq!(injector.call().await.ask("/pods", creation(&pod())).await["allowed"], true);
}

#[tokio::test]
async fn it_leaves_without_failing_anyone() {
    let injector = start().await;
    let (mut idle, mut kept) = (injector.call().await, injector.call().await);
    idle.ask("/pods", creation(&pod())).await;
    let (at, pem) = (injector.at, injector.pem);
    injector.end.send(()).expect("it runs");

    // The idle connection closes, so that the apiserver opens another, elsewhere or here.
    let closed = async { while idle.send(post("/pods", "")).await.is_some() {} };
    timeout(PATIENCE, closed).await.expect("it is closed");
    let response = kept.send(post("/pods", "{}")).await;
    assert!(response.is_none_or(|response| response.headers()[header::CONNECTION] == "close"));
    let mut new = Caller::connect(at, &pem).await.expect("it still listens");
    let response = new.send(post("/pods", "{}")).await.expect("an answer");
    assert_eq!(response.headers()[header::CONNECTION], "close");

    timeout(PATIENCE, injector.served).await.expect("it ends").expect("well");
    assert!(Caller::connect(at, &pem).await.is_err());
}
