//! Many ScaledObjects of which nothing changes: their lists are asked about all the time, and nothing is written.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::api::DEPLOYMENTS;
use super::idle::looked_at;
use super::redis::{IMAGE, Redis};
use super::system::System;
use super::triggers::SCALED_OBJECTS;

/// Each list is asked about by as many ScaledObjects as any other.
const LISTS: usize = 50;

/// How they are found: there are others in the namespace.
const LABEL: &str = "bench=idle-triggers";

/// Nothing is written of `count` objects for so long; then a job wakes those, and only those, that ask about its list.
pub(super) async fn run(system: &System, namespace: &str, count: usize, time: Duration) -> anyhow::Result<()> {
    let Some(redis) = Redis::start(system).await? else {
        println!("idle-triggers: SKIPPED, there is no redis-server on this machine");
        return Ok(());
    };
    let started = Instant::now();
    for n in 0..count {
        let list = json!({ "addressFromEnv": "REDIS_ADDRESS", "listName": list(n), "listLength": "5" });
        system.api.create(DEPLOYMENTS, namespace, &deployment(n, redis.env())).await?;
        let made = system.api.create(SCALED_OBJECTS, namespace, &scaled_object(n, list)).await;
        made.context("are ScaledObjects served? (rouse install --keda-objects)")?;
    }
    let ready = async || {
        let all = system.api.list(SCALED_OBJECTS, namespace, LABEL).await;
        all.is_ok_and(|all| all.len() == count && all.iter().all(is_ready))
    };
    system.api.until("every ScaledObject is ready", 180, ready).await?;
    println!("  {count} ScaledObjects are ready after {:.1} s", (Instant::now() - started).as_secs_f64());
    sleep(Duration::from_secs(35)).await; // a status may have to wait for half a minute
    let what = format!("{count} ScaledObjects that ask about {LISTS} lists every 5 s");
    let nothing = looked_at(system, &what, time).await?;

    let (woken, start) = (count.div_ceil(LISTS), Instant::now());
    redis.ask(&["lpush", &list(0), "a job"])?;
    system.api.until("who has a job is woken", 20, async || wished(system, namespace).await.len() == woken).await?;
    println!("  a job in one list: {woken} of them are woken after {} ms", (Instant::now() - start).as_millis());
    sleep(Duration::from_secs(5)).await; // all are asked about once more
    let awake = wished(system, namespace).await;
    let theirs: Vec<String> = (0..count).step_by(LISTS).map(name).collect();
    ensure!(awake.iter().all(|one| theirs.contains(one)), "{awake:?} are woken, not {theirs:?}");
    for n in 0..count {
        system.api.delete(SCALED_OBJECTS, namespace, &name(n), None).await?;
        system.api.delete(DEPLOYMENTS, namespace, &name(n), Some(0)).await?;
    }
    nothing.is_nothing()
}

fn name(n: usize) -> String {
    format!("idle-worker-{n}")
}

fn list(n: usize) -> String {
    format!("jobs-{}", n % LISTS)
}

fn is_ready(object: &Value) -> bool {
    let mut all = object["status"]["conditions"].as_array().into_iter().flatten();
    all.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Those that are to have pods; none if that cannot be read.
async fn wished(system: &System, namespace: &str) -> Vec<String> {
    let all = system.api.list(DEPLOYMENTS, namespace, LABEL).await.unwrap_or_default();
    let awake = all.iter().filter(|one| one["spec"]["replicas"].as_u64().is_some_and(|pods| pods > 0));
    awake.filter_map(|one| one["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

/// What it would do does not matter: there is nothing for it.
fn deployment(n: usize, env: Value) -> Value {
    let labels = json!({ "app": name(n) });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name(n), "labels": { "bench": "idle-triggers" } },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{ "name": "worker", "image": IMAGE, "command": ["sh", "-c", "sleep 600"], "env": env }],
                },
            },
        },
    })
}

fn scaled_object(n: usize, list: Value) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": { "name": name(n), "labels": { "bench": "idle-triggers" } },
        "spec": {
            "scaleTargetRef": { "name": name(n) }, "pollingInterval": 5, "maxReplicaCount": 1,
            "triggers": [{ "type": "redis", "metadata": list }],
        },
    })
}
