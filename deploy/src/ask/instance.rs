//! Where a running instance is asked: at its admin address, or through the apiserver of the cluster that it runs in.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::kubernetes::names;

/// A running instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instance {
    /// Its admin port is here.
    At(SocketAddr),
    /// The autoscaler that decides in the cluster that KUBECONFIG names, installed in this namespace.
    Cluster {
        /// The namespace.
        namespace: String,
    },
}

impl Instance {
    /// The answer to one GET.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        match self {
            Instance::At(admin) => at(*admin, path).await,
            Instance::Cluster { namespace } => through_apiserver(namespace, path).await,
        }
    }
}

async fn at(admin: SocketAddr, path: &str) -> anyhow::Result<Value> {
    let stream = TcpStream::connect(admin)
        .await
        .with_context(|| format!("no rouse answers on {admin} (is it running? --admin says where)"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = http::Request::get(path).header(http::header::HOST, admin.to_string()).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    driver.abort();
    if !status.is_success() {
        bail!("{admin}{path}: {status}: {}", String::from_utf8_lossy(&body).trim());
    }
    serde_json::from_slice(&body).with_context(|| format!("{admin}{path} did not answer in JSON"))
}

/// Asks the pod that holds the Lease: no Service leads to it but that of Links.
async fn through_apiserver(namespace: &str, path: &str) -> anyhow::Result<Value> {
    let client = kube::Client::try_default().await.context("no cluster (KUBECONFIG says which)")?;
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let lease = leases.get(names::LEASE).await;
    let lease =
        lease.with_context(|| format!("no Rouse in namespace {namespace} (--namespace says where it is installed)"))?;
    let holder = lease.spec.and_then(|spec| spec.holder_identity).filter(|holder| !holder.is_empty());
    let holder = holder.context("no autoscaler decides now")?;
    let port = names::AUTOSCALER_ADMIN_PORT;
    let pod = format!("/api/v1/namespaces/{namespace}/pods/{holder}:{port}/proxy{path}");
    let request = http::Request::get(pod).body(Vec::new())?;
    client.request(request).await.with_context(|| format!("the autoscaler {holder} does not answer"))
}
