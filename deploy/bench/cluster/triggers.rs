//! KEDA's tutorial on a cluster: jobs in a list of a Redis on this machine wake workers that carry no label of ours.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::api::{DEPLOYMENTS, Kind};
use super::app::App;
use super::redis::{IMAGE, Redis};
use super::system::System;

pub(super) const SCALED_OBJECTS: Kind = Kind { group: "apis/keda.sh/v1alpha1", plural: "scaledobjects" };

const NAME: &str = "redis-worker";

/// What is counted: writes of scales, and of statuses.
const WRITTEN: [&str; 2] = ["scale", "scaled-object-status"];

/// A job takes half a second.
const WORK: &str = "while :; do
  job=$(redis-cli -h \"$REDIS_HOST\" -p \"$REDIS_PORT\" --raw lpop jobs)
  if [ -n \"$job\" ]; then sleep 0.5; else sleep 0.2; fi
done";

/// The tutorial's parts.
struct Tutorial<'a> {
    system: &'a System,
    namespace: &'a str,
    /// Its pods, and how many it is to have.
    worker: App,
    redis: Redis,
}

/// 3 jobs wake nobody, 6 wake one worker, 100 go from 1 to 4 to 5 and back to none; writes are counted.
pub(super) async fn run(system: &System, namespace: &str) -> anyhow::Result<()> {
    let Some(redis) = Redis::start(system).await? else {
        println!("triggers: SKIPPED, there is no redis-server on this machine");
        return Ok(());
    };
    let worker = App::new(&system.api, namespace, NAME);
    let tutorial = Tutorial { system, namespace, worker, redis };
    let ended = tutorial.play().await;
    system.api.delete(SCALED_OBJECTS, namespace, NAME, None).await?;
    system.api.delete(DEPLOYMENTS, namespace, NAME, None).await?;
    ended
}

impl Tutorial<'_> {
    async fn play(&self) -> anyhow::Result<()> {
        let api = &self.system.api;
        api.create(DEPLOYMENTS, self.namespace, &self.deployment()).await?;
        let made = api.create(SCALED_OBJECTS, self.namespace, &self.scaled_object()).await;
        made.context("are ScaledObjects served? (rouse install --keda-objects)")?;
        let is_ready = async || self.condition("Ready").await.is_ok_and(|ready| ready == "True");
        api.until("the ScaledObject is ready", 60, is_ready).await?;

        self.redis.push(3)?;
        for _ in 0..50 {
            ensure!(self.worker.wished().await? == 0, "3 jobs woke a worker");
            sleep(Duration::from_millis(100)).await;
        }
        println!("triggers: 3 jobs wake nobody");
        let start = Instant::now();
        self.redis.push(3)?;
        self.until_wished(1, 10).await?;
        println!("  6 jobs wake one worker, asked for after {} ms", (Instant::now() - start).as_millis());
        self.until_wished(0, 120).await?;
        ensure!(self.redis.left()? == 0, "{} jobs are left", self.redis.left()?);

        let before = self.system.writes(WRITTEN).await?;
        self.redis.push(100)?;
        let (trace, took) = self.trace().await?;
        println!("  100 jobs: {trace:?} in {} s", took.as_secs());
        ensure!(trace == [1, 4, 5, 0], "not 1, 4, 5 and 0");
        sleep(Duration::from_secs(35)).await; // a status may have to wait for half a minute
        let wrote = self.system.writes(WRITTEN).await?;
        let [scales, statuses] = [wrote[0] - before[0], wrote[1] - before[1]];
        println!("  that was {scales} writes of scale and {statuses} of status");
        ensure!(scales == 4.0 && statuses <= 2.0, "4 of scale and at most 2 of status are needed");
        Ok(())
    }

    /// The numbers of pods that are asked for, as they change, until it is none and nothing is left.
    async fn trace(&self) -> anyhow::Result<(Vec<u64>, Duration)> {
        self.until_wished(1, 10).await?;
        let (start, mut trace) = (Instant::now(), vec![1]);
        while trace.last() != Some(&0) || self.redis.left()? > 0 {
            ensure!(Instant::now() - start < Duration::from_secs(180), "{trace:?} and no end");
            let wished = self.worker.wished().await?;
            if trace.last() != Some(&wished) {
                trace.push(wished);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok((trace, Instant::now() - start))
    }

    async fn until_wished(&self, pods: u64, seconds: u64) -> anyhow::Result<()> {
        let is_so = async || self.worker.wished().await.is_ok_and(|wished| wished == pods);
        self.system.api.until(&format!("{NAME} is to have {pods} pods"), seconds, is_so).await
    }

    async fn condition(&self, kind: &str) -> anyhow::Result<String> {
        let object = self.system.api.get(SCALED_OBJECTS, self.namespace, NAME).await?;
        let mut all = object["status"]["conditions"].as_array().into_iter().flatten();
        let found = all.find(|condition| condition["type"] == kind).context("it does not say")?;
        Ok(found["status"].as_str().unwrap_or_default().to_owned())
    }

    /// Nothing in it is ours.
    fn deployment(&self) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": NAME },
            "spec": {
                "replicas": 0,
                "selector": { "matchLabels": { "app": NAME } },
                "template": {
                    "metadata": { "labels": { "app": NAME } },
                    "spec": {
                        "terminationGracePeriodSeconds": 1,
                        "containers": [{
                            "name": "worker", "image": IMAGE, "command": ["sh", "-c", WORK],
                            "env": self.redis.env(),
                        }],
                    },
                },
            },
        })
    }

    fn scaled_object(&self) -> Value {
        let list = json!({
            "addressFromEnv": "REDIS_ADDRESS", "listName": "jobs", "listLength": "5", "activationListLength": "5",
        });
        json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": { "name": NAME, "annotations": { "rouse.dev/step-period": "3s" } },
            "spec": {
                "scaleTargetRef": { "name": NAME }, "pollingInterval": 1, "cooldownPeriod": 6, "maxReplicaCount": 5,
                "triggers": [{ "type": "redis", "metadata": list }],
            },
        })
    }
}
