//! A ScaledJob on a cluster: each item in a list of a Redis on this machine becomes a Job of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::api::Kind;
use super::redis::{IMAGE, Redis};
use super::system::System;

const SCALED_JOBS: Kind = Kind { group: "apis/keda.sh/v1alpha1", plural: "scaledjobs" };
const JOBS: Kind = Kind { group: "apis/batch/v1", plural: "jobs" };

const NAME: &str = "redis-report";

/// How many items there are, how many Jobs may run, and how many that are complete are kept.
const ITEMS: usize = 7;
const MOST: usize = 3;
const KEPT: usize = 2;

/// What is counted: Jobs that were created and deleted, and statuses.
const WRITTEN: [&str; 3] = ["job", "job-delete", "scaled-job-status"];

/// One item is taken and noted.
const WORK: &str = "item=$(redis-cli -h \"$REDIS_HOST\" -p \"$REDIS_PORT\" --raw lpop jobs)
if [ -n \"$item\" ]; then redis-cli -h \"$REDIS_HOST\" -p \"$REDIS_PORT\" rpush done \"$item\"; sleep 1; fi";

/// Each item is handled once, by no more Jobs at a time than may run; few that are complete are kept; idle, nothing is written.
pub(super) async fn run(system: &System, namespace: &str) -> anyhow::Result<()> {
    let Some(redis) = Redis::start(system).await? else {
        println!("jobs: SKIPPED, there is no redis-server on this machine");
        return Ok(());
    };
    let ended = Scene { system, namespace, redis }.play().await;
    system.api.delete(SCALED_JOBS, namespace, NAME, None).await?;
    ended
}

struct Scene<'a> {
    system: &'a System,
    namespace: &'a str,
    redis: Redis,
}

/// The Jobs that there are.
struct Seen {
    names: Vec<String>,
    running: usize,
}

impl Scene<'_> {
    async fn play(&self) -> anyhow::Result<()> {
        let api = &self.system.api;
        let made = api.create(SCALED_JOBS, self.namespace, &self.scaled_job()).await;
        made.context("are ScaledJobs served? (rouse install --keda-objects)")?;
        api.until("the ScaledJob is ready", 60, async || self.is_ready().await.unwrap_or(false)).await?;
        let (start, before) = (Instant::now(), self.system.writes(WRITTEN).await?);
        self.redis.push(ITEMS)?;
        let (created, most) = self.worked_off().await?;
        let done = self.redis.ask(&["lrange", "done", "0", "-1"])?;
        let once: BTreeSet<&str> = done.lines().collect();
        println!(
            "jobs: {ITEMS} items, {created} Jobs, {most} at a time, {} handled in {} s",
            once.len(),
            (Instant::now() - start).as_secs()
        );
        ensure!(once.len() == ITEMS && done.lines().count() == ITEMS, "not each of {ITEMS} items once: {done:?}");
        ensure!(most <= MOST, "{most} Jobs ran at a time, and {MOST} may");
        ensure!(self.redis.left()? == 0, "{} are left", self.redis.left()?);
        let few = async || self.seen().await.is_ok_and(|seen| seen.names.len() == KEPT);
        api.until("as few Jobs are kept as are to be", 20, few).await?;
        // A status that has changed may have to wait for half a minute.
        sleep(Duration::from_secs(35).saturating_sub(Instant::now() - start)).await;
        let wrote = self.system.writes(WRITTEN).await?;
        sleep(Duration::from_secs(10)).await;
        let idle = self.system.writes(WRITTEN).await?;
        let [jobs, deleted, statuses] = [0, 1, 2].map(|n| wrote[n] - before[n]);
        println!("  that was {jobs} Jobs created, {deleted} deleted and {statuses} writes of status");
        ensure!(jobs == created as f64, "{created} Jobs were seen");
        ensure!(deleted == jobs - KEPT as f64, "{KEPT} are kept");
        ensure!(statuses <= 2.0, "at most 2 writes of status are needed");
        ensure!(idle == wrote, "something is written while there is nothing to do: {idle:?}, after {wrote:?}");
        Ok(())
    }

    /// Waits until nothing is left and no Job runs. Says how many there were, and how many at a time.
    async fn worked_off(&self) -> anyhow::Result<(usize, usize)> {
        let (start, mut all, mut most) = (Instant::now(), BTreeSet::new(), 0);
        loop {
            let seen = self.seen().await?;
            most = most.max(seen.running);
            all.extend(seen.names);
            if all.len() >= ITEMS && seen.running == 0 && self.redis.left()? == 0 {
                return Ok((all.len(), most));
            }
            ensure!(Instant::now() - start < Duration::from_secs(90), "{} Jobs, and no end", all.len());
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn seen(&self) -> anyhow::Result<Seen> {
        let jobs = self.system.api.list(JOBS, self.namespace, &format!("scaledjob.keda.sh/name={NAME}")).await?;
        let has_ended = |job: &&Value| {
            let mut conditions = job["status"]["conditions"].as_array().into_iter().flatten();
            conditions.any(|condition| condition["type"] == "Complete" || condition["type"] == "Failed")
        };
        let names = jobs.iter().filter_map(|job| Some(job["metadata"]["name"].as_str()?.to_owned())).collect();
        Ok(Seen { names, running: jobs.len() - jobs.iter().filter(has_ended).count() })
    }

    async fn is_ready(&self) -> anyhow::Result<bool> {
        let object = self.system.api.get(SCALED_JOBS, self.namespace, NAME).await?;
        let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        Ok(conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True"))
    }

    fn scaled_job(&self) -> Value {
        let container = json!({
            "name": "worker", "image": IMAGE, "command": ["sh", "-c", WORK], "env": self.redis.env(),
        });
        let pod = json!({ "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container] });
        let list = json!({ "addressFromEnv": "REDIS_ADDRESS", "listName": "jobs", "listLength": "1" });
        json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledJob", "metadata": { "name": NAME },
            "spec": {
                "jobTargetRef": { "backoffLimit": 0, "template": { "spec": pod } },
                "pollingInterval": 1, "maxReplicaCount": MOST, "successfulJobsHistoryLimit": KEPT,
                // An item is taken out of the list by the Job that handles it.
                "scalingStrategy": { "strategy": "accurate" },
                "triggers": [{ "type": "redis", "metadata": list }],
            },
        })
    }
}
