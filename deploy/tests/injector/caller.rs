//! How an apiserver calls a webhook.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use k8s_openapi::ByteString;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What the configuration calls the injector.
pub(crate) const NAME: &str = "rouse-injector.rouse-system.svc";

/// A connection of an apiserver, kept alive.
pub(crate) struct Caller(SendRequest<Full<Bytes>>);

impl Caller {
    /// Connects to `at`, trusting the authority `pem`.
    pub(crate) async fn connect(at: SocketAddr, pem: &str) -> Result<Caller, String> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")).expect("a certificate");
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
        let name = ServerName::try_from(NAME).expect("a name");
        let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(Caller(sender))
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Option<Response<Bytes>> {
        self.0.ready().await.ok()?;
        let response = self.0.send_request(request).await.ok()?;
        let (head, body) = response.into_parts();
        Some(Response::from_parts(head, body.collect().await.ok()?.to_bytes()))
    }

    /// Status and body of the answer to a POST.
    pub(crate) async fn post(&mut self, path: &str, body: impl Into<Bytes>) -> (StatusCode, String) {
        let response = self.send(post(path, body)).await.expect("an answer");
        (response.status(), String::from_utf8_lossy(response.body()).into_owned())
    }

    /// The answer to a question.
    pub(crate) async fn ask(&mut self, path: &str, request: Value) -> Value {
        let review = json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request});
        let (status, body) = self.post(&format!("{path}?timeout=2s"), review.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((&answer["kind"], &answer["apiVersion"]), (&review["kind"], &review["apiVersion"]));
        answer["response"].clone()
    }
}

pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path)
        .header(header::HOST, NAME)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body.into()))
        .expect("a request")
}

/// What the answer makes of `object`.
pub(crate) fn patched(object: &Value, answer: &Value) -> Value {
    assert_eq!((&answer["allowed"], &answer["patchType"]), (&json!(true), &json!("JSONPatch")), "{answer}");
    let ByteString(patch) = serde_json::from_value(answer["patch"].clone()).expect("base64");
    let patch: json_patch::Patch = serde_json::from_slice(&patch).expect("a patch");
    let mut after = object.clone();
    json_patch::patch(&mut after, &patch).expect("it applies");
    after
}

/// A pod as an apiserver shows it to webhooks.
pub(crate) fn pod() -> Value {
    serde_json::from_str(include_str!("../../src/inject/pod/fixtures/1.20.json")).expect("JSON")
}

/// The question whether it may be created.
pub(crate) fn creation(pod: &Value) -> Value {
    json!({
        "uid": "0df28fbd-5f5f-11e8-bc74-36e6bb280816",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "default",
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "groups": []},
        "object": pod,
        "oldObject": null,
        "dryRun": false,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}
    })
}
