//! Who is believed, who is reached, and what the ports of traffic do not serve.

mod addresses;
mod doors;
mod lies;
mod port;
mod ports;
mod tokens;

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, ensure};
use config::{PodId, WorkloadId};
use serde_json::Value;

use super::api::PODS;
use super::app::App;
use super::system::System;

/// A pod of one of our workloads.
#[derive(Clone, Debug)]
struct Target {
    namespace: String,
    name: String,
    uid: String,
    address: IpAddr,
    /// The node that it is on.
    node: IpAddr,
    workload: WorkloadId,
}

impl Target {
    /// The one pod of `app`.
    async fn of(app: &App) -> anyhow::Result<Target> {
        let pods = app.api.list(PODS, &app.namespace, &format!("app={}", app.name)).await?;
        ensure!(pods.len() == 1, "{} has {} pods", app.name, pods.len());
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a pod without it");
        Ok(Target {
            namespace: app.namespace.clone(),
            name: text(&pods[0]["metadata"]["name"])?,
            uid: text(&pods[0]["metadata"]["uid"])?,
            address: text(&pods[0]["status"]["podIP"])?.parse()?,
            node: text(&pods[0]["status"]["hostIP"])?.parse()?,
            workload: WorkloadId::new(&app.namespace, "Deployment", &app.name),
        })
    }

    fn id(&self) -> PodId {
        PodId::new(&format!("{}.{}", self.name, self.uid))
    }
}

/// `key` is that with which the cluster signs tokens, if it is at hand.
pub(super) async fn run(system: &System, namespace: &str, key: Option<&Path>) -> anyhow::Result<()> {
    let app = |name: &str| App::new(&system.api, namespace, name).with("target-burst-capacity", "-1");
    let honest = app("honest").with("min-scale", "1");
    // Of one that lies it is seen how much it is believed.
    let lying = app("lying").with("min-scale", "1").with("max-scale", "2").with("window", "6s");
    let doomed = app("doomed").with("min-scale", "1");
    for app in [&honest, &lying, &doomed] {
        app.start().await?;
        app.until_ready(1, 60).await?;
    }
    tokens::run(system, [&honest, &lying, &doomed], key).await.context("tokens")?;
    lies::run(system, &honest, &lying).await.context("lies")?;
    doomed.remove().await?;
    lying.remove().await?;
    let asked = app("asked").with("window", "6s").with("rouse.dev/scale-to-zero-grace-period", "2s");
    asked.start().await?;
    doors::run(system, &asked, &honest).await.context("doors")?;
    ports::run(system, &asked).await.context("ports")?;
    addresses::run(system, &asked, &honest).await.context("addresses")?;
    asked.remove().await?;
    honest.remove().await
}
