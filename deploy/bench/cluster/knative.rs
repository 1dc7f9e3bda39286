//! Knative `Service` objects, as their users know them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::{Request, header};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::api::{Api, DEPLOYMENTS, Kind, PODS, SERVICES};
use super::app::{IMAGE, is_ours};
use super::system::System;
use crate::{client, ms};

const KNATIVE_SERVICES: Kind = Kind { group: "apis/serving.knative.dev/v1", plural: "services" };

const NAME: &str = "greeter";

/// A Knative `Service`, and what it became.
struct Greeter<'a> {
    api: &'a Api,
    namespace: &'a str,
}

/// One lives through everything: made, seen, asleep, awake, refused, mended, deleted.
pub(super) async fn run(system: &System, namespace: &str) -> anyhow::Result<()> {
    let greeter = Greeter { api: &system.api, namespace };
    let start = Instant::now();
    let made = system.api.create(KNATIVE_SERVICES, namespace, &manifest()).await;
    made.context("are Knative Services served? (rouse install --knative-services)")?;
    greeter.until_ready("True").await?;
    println!("a Knative Service: ready after {:.0} ms", ms(Instant::now() - start));
    greeter.shown().await?;
    greeter.wakes().await.context("from zero")?;
    greeter.refused_and_mended().await.context("a field that is not honoured")?;
    greeter.deleted().await.context("deleted")
}

/// As a Knative user writes it: no probe, no port, no name of the container.
fn manifest() -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": { "name": NAME, "annotations": { "rouse.dev/scale-to-zero-grace-period": "2s" } },
        "spec": { "template": {
            "metadata": { "annotations": { "autoscaling.knative.dev/window": "6s" } },
            "spec": {
                "containerConcurrency": 10,
                "timeoutSeconds": 60,
                "containers": [{
                    "image": IMAGE,
                    "command": ["rouse"],
                    "args": ["sample", "--address", "0.0.0.0", "--name", NAME],
                    "env": [{ "name": "TARGET", "value": "bench" }],
                }],
            },
        } },
    })
}

impl Greeter<'_> {
    async fn read(&self) -> anyhow::Result<Value> {
        self.api.get(KNATIVE_SERVICES, self.namespace, NAME).await
    }

    /// Waits until its newest form is ready, or is not.
    async fn until_ready(&self, status: &str) -> anyhow::Result<()> {
        let is_so = async || {
            let Ok(seen) = self.read().await else { return false };
            let is_new = seen["status"]["observedGeneration"] == seen["metadata"]["generation"];
            is_new && condition(&seen, "Ready")["status"] == status
        };
        let waited = self.api.until(&format!("Ready is {status}"), 60, is_so).await;
        if waited.is_err() {
            bail!("Ready is not {status} after 60 s: {}", self.read().await?["status"]);
        }
        Ok(())
    }

    /// `kubectl get ksvc`: the table that the apiserver makes for it.
    async fn shown(&self) -> anyhow::Result<()> {
        let path = format!("/{}/namespaces/{}/services", KNATIVE_SERVICES.group, self.namespace);
        let request = Request::get(path).header(header::ACCEPT, "application/json;as=Table;v=v1;g=meta.k8s.io");
        let table: Value = serde_json::from_str(&self.api.text(request.body(Vec::new())?).await?)?;
        let texts = |list: &Value, field: &str| -> Vec<String> {
            let items = list.as_array().into_iter().flatten();
            items
                .map(|item| if field.is_empty() { item } else { &item[field] }.as_str().unwrap_or("").to_owned())
                .collect()
        };
        let columns = texts(&table["columnDefinitions"], "name");
        let row = texts(&table["rows"][0]["cells"], "");
        println!("  {}\n  {}", columns.join("  "), row.join("  "));
        ensure!(columns == ["Name", "URL", "LatestCreated", "LatestReady", "Ready", "Reason"], "columns {columns:?}");
        let url = format!("http://{NAME}.{}.svc.cluster.local", self.namespace);
        let revision = format!("{NAME}-00001");
        ensure!(row == [NAME, &url, &revision, &revision, "True", ""], "row {row:?}");
        Ok(())
    }

    /// Where the URL leads.
    async fn address(&self) -> anyhow::Result<SocketAddr> {
        let service = self.api.get(SERVICES, self.namespace, NAME).await?;
        let ip = service["spec"]["clusterIP"].as_str().context("no cluster IP")?;
        Ok(SocketAddr::new(ip.parse()?, 80))
    }

    /// One GET by its URL.
    async fn ask(&self) -> anyhow::Result<()> {
        let seen = self.read().await?;
        let host = seen["status"]["url"].as_str().and_then(|url| url.strip_prefix("http://")).context("no URL")?;
        let answer = client::get(self.address().await?, host, "/").await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200 && text.contains(NAME), "answered {} {text:?}", answer.status);
        Ok(())
    }

    async fn pods(&self) -> anyhow::Result<usize> {
        let selector = format!("serving.knative.dev/service={NAME}");
        Ok(self.api.list(PODS, self.namespace, &selector).await?.len())
    }

    /// It sleeps and stays ready; a request wakes it.
    async fn wakes(&self) -> anyhow::Result<()> {
        self.ask().await?;
        self.api.until("it is asleep", 90, async || self.pods().await.is_ok_and(|pods| pods == 0)).await?;
        sleep(Duration::from_secs(1)).await;
        self.until_ready("True").await.context("asleep")?;
        let start = Instant::now();
        self.ask().await?;
        println!("  from zero: 200 after {:.0} ms", ms(Instant::now() - start));
        self.until_ready("True").await.context("awake")
    }

    /// What is not honoured is named, what was there before goes on, and a mended object is ready again.
    async fn refused_and_mended(&self) -> anyhow::Result<()> {
        let change = |shared: Value| json!({ "spec": { "template": { "spec": { "hostNetwork": shared } } } });
        self.api.merge(KNATIVE_SERVICES, self.namespace, NAME, &change(json!(true))).await?;
        self.until_ready("False").await?;
        let seen = self.read().await?;
        let ready = condition(&seen, "Ready");
        println!("  refused: {} {}", ready["reason"], ready["message"]);
        ensure!(ready["reason"] == "UnsupportedField", "reason {}", ready["reason"]);
        let message = ready["message"].as_str().unwrap_or_default();
        ensure!(message.contains("spec.template.spec.hostNetwork"), "message {message}");
        self.ask().await.context("what was there before")?;
        self.api.merge(KNATIVE_SERVICES, self.namespace, NAME, &change(Value::Null)).await?;
        self.until_ready("True").await?;
        self.ask().await
    }

    /// All that it had goes with it.
    async fn deleted(&self) -> anyhow::Result<()> {
        self.api.delete(KNATIVE_SERVICES, self.namespace, NAME, None).await?;
        let left = async || -> anyhow::Result<Vec<String>> {
            let of_service = format!("serving.knative.dev/service={NAME}");
            let mut left = Vec::new();
            for kind in [DEPLOYMENTS, SERVICES, PODS] {
                left.extend(self.api.list(kind, self.namespace, &of_service).await?);
            }
            let slices = format!("kubernetes.io/service-name={NAME}");
            left.extend(self.api.list(self.api.slices(), self.namespace, &slices).await?.into_iter().filter(is_ours));
            Ok(left.iter().map(|object| object["metadata"]["name"].to_string()).collect())
        };
        let start = Instant::now();
        let gone = self.api.until("nothing is left", 60, async || left().await.is_ok_and(|left| left.is_empty())).await;
        if gone.is_err() {
            bail!("left after 60 s: {:?}", left().await?);
        }
        println!("  deleted: nothing is left after {:.0} ms", ms(Instant::now() - start));
        Ok(())
    }
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}
