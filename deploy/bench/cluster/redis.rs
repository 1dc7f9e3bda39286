//! A Redis on this machine, that pods of the cluster reach.

use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::api::Kind;
use super::system::System;

const NODES: Kind = Kind { group: "api/v1", plural: "nodes" };

/// The image with a shell and `redis-cli`, which `deploy/e2e/run` makes.
pub(super) const IMAGE: &str = "rouse:e2e-worker";

/// Where the Redis listens.
const PORT: u16 = 16_379;

/// A Redis of ours, which ends with this.
pub(super) struct Redis {
    process: Child,
    host: IpAddr,
}

impl Drop for Redis {
    fn drop(&mut self) {
        // One that has ended is as good.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Redis {
    /// One that pods reach. None where this machine has none.
    pub(super) async fn start(system: &System) -> anyhow::Result<Option<Redis>> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let nodes = system.api.list(NODES, "", "").await?;
        let addresses = nodes.first().and_then(|node| node["status"]["addresses"].as_array()).context("no node")?;
        let internal =
            addresses.iter().find(|address| address["type"] == "InternalIP").context("no address of the node")?;
        let host: IpAddr = internal["address"].as_str().context("no address of the node")?.parse()?;
        let port = PORT.to_string();
        let flags = ["--port", &port, "--save", "", "--appendonly", "no", "--protected-mode", "no"];
        let started = Command::new("redis-server").args(flags).stdout(Stdio::null()).spawn();
        let redis = Redis { process: started.context("redis-server does not start")?, host };
        for _ in 0..100 {
            if redis.ask(&["ping"]).is_ok_and(|answer| answer == "PONG") {
                return Ok(Some(redis));
            }
            sleep(Duration::from_millis(100)).await;
        }
        bail!("redis-server does not answer at {host}:{PORT}")
    }

    pub(super) fn ask(&self, words: &[&str]) -> anyhow::Result<String> {
        let at = [self.host.to_string(), PORT.to_string()];
        let output = Command::new("redis-cli").args(["-h", &at[0], "-p", &at[1]]).args(words).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Puts so many jobs into the list, each another number.
    pub(super) fn push(&self, jobs: usize) -> anyhow::Result<()> {
        let jobs: Vec<String> = (0..jobs).map(|n| n.to_string()).collect();
        let words: Vec<&str> = ["lpush", "jobs"].into_iter().chain(jobs.iter().map(String::as_str)).collect();
        self.ask(&words).map(drop)
    }

    /// How many are in the list.
    pub(super) fn left(&self) -> anyhow::Result<usize> {
        Ok(self.ask(&["llen", "jobs"])?.parse()?)
    }

    /// How containers find it: REDIS_HOST, REDIS_PORT, and both in REDIS_ADDRESS.
    pub(super) fn env(&self) -> Value {
        json!([
            { "name": "REDIS_HOST", "value": self.host.to_string() },
            { "name": "REDIS_PORT", "value": PORT.to_string() },
            { "name": "REDIS_ADDRESS", "value": "$(REDIS_HOST):$(REDIS_PORT)" },
        ])
    }
}
