//! What users and clusters get wrong: each is told by an event, a metric and a message, and nothing is half-applied.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::api::{AUTOSCALERS, DEPLOYMENTS, EVENTS, QUOTAS, SERVICES};
use super::app::App;
use super::system::System;
use super::withheld;
use crate::client;

/// One thing that is wrong, and how it was told.
pub(super) struct Told {
    pub(super) what: &'static str,
    pub(super) reason: String,
    pub(super) message: String,
}

pub(super) async fn run(system: &System, namespace: &str) -> anyhow::Result<()> {
    let mut told = vec![
        bad_annotation(system, namespace).await.context("bad annotation")?,
        no_workload(system, namespace).await.context("Service naming no workload")?,
        two_for_one(system, namespace).await.context("two workloads selecting one pod")?,
        foreign_autoscaler(system, namespace).await.context("foreign HPA")?,
        foreign_writes(system, namespace).await.context("foreign writes to replicas")?,
    ];
    told.extend(broken_pods(system, namespace).await.context("pods that cannot be")?);
    told.push(withheld::right_to_scale(system, namespace).await.context("missing right to scale")?);
    told.push(withheld::certificate(system, namespace).await.context("expired webhook certificate")?);
    let text = crate::scrape::Scraper::new(system.leader().await?.admin).text("/metrics").await?;
    for name in ["rouse_kube_problems_total", "rouse_workload_failures_total"] {
        ensure!(text.lines().any(|line| line.starts_with(name)), "no metric {name}");
        for line in text.lines().filter(|line| line.starts_with(name)) {
            println!("  metric {line}");
        }
    }
    // The last: with the autoscaler that decided go its counters.
    told.push(withheld::right_to_watch(system, namespace).await.context("missing right to watch")?);
    for Told { what, reason, message } in &told {
        println!("  {what}: event {reason}: {message}");
    }
    println!("bad input: {} kinds, each told", told.len());
    Ok(())
}

/// Waits for an event about an object whose message has `text`.
pub(super) async fn event(
    system: &System,
    namespace: &str,
    object: &str,
    text: &str,
) -> anyhow::Result<(String, String)> {
    let find = async || -> Option<(String, String)> {
        let events = system.api.list(EVENTS, namespace, "").await.ok()?;
        let about = |event: &&Value| {
            event["involvedObject"]["name"] == object
                && event["source"]["component"].as_str().is_some_and(|who| who.starts_with("rouse"))
                && event["message"].as_str().is_some_and(|message| message.contains(text))
        };
        let event = events.iter().find(about)?;
        Some((event["reason"].as_str()?.to_owned(), event["message"].as_str()?.to_owned()))
    };
    let what = format!("an event about {object} that says {text:?}");
    system.api.until(&what, 60, async || find().await.is_some()).await?;
    find().await.context("the event is gone again")
}

/// The last good settings stay.
async fn bad_annotation(system: &System, namespace: &str) -> anyhow::Result<Told> {
    let app =
        App::new(&system.api, namespace, "bad-annotation").with("min-scale", "1").with("target-burst-capacity", "-1");
    app.start().await?;
    app.until_ready(1, 60).await?;
    app.annotate("autoscaling.knative.dev/target", Some("many")).await?;
    let (reason, message) = event(system, namespace, "bad-annotation", "many").await?;
    let answer = client::get(app.address().await?, "bench", "/").await?;
    ensure!(answer.status == 200, "it does not serve any more: {}", answer.status);
    ensure!(app.wished().await? == 1, "the last good settings did not stay");
    app.annotate("autoscaling.knative.dev/target", None).await?;
    app.annotate("autoscaling.knative.dev/min-scale", Some("2")).await?;
    app.until_ready(2, 60).await.context("what is right again is not applied")?;
    app.remove().await?;
    Ok(Told { what: "bad annotation", reason, message })
}

async fn no_workload(system: &System, namespace: &str) -> anyhow::Result<Told> {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "lost", "annotations": { "rouse.dev/workload": "nobody" } },
        "spec": { "selector": { "app": "nobody" }, "ports": [{ "port": 80 }] },
    });
    system.api.create(SERVICES, namespace, &service).await?;
    let (reason, message) = event(system, namespace, "lost", "nobody").await?;
    let seen = system.api.get(SERVICES, namespace, "lost").await?;
    ensure!(seen["spec"]["selector"]["rouse.dev/route"].is_null(), "it was taken over all the same");
    system.api.delete(SERVICES, namespace, "lost", None).await?;
    Ok(Told { what: "Service naming no workload", reason, message })
}

async fn two_for_one(system: &System, namespace: &str) -> anyhow::Result<Told> {
    let first = App::new(&system.api, namespace, "twin").with("min-scale", "1").with("target-burst-capacity", "-1");
    first.start().await?;
    first.until_ready(1, 60).await?;
    // Another workload whose selector takes in the first one's pods.
    let mut other = App::new(&system.api, namespace, "twin-b").workload();
    other["spec"]["selector"]["matchLabels"] = json!({ "app": "twin" });
    other["spec"]["template"]["metadata"]["labels"]["app"] = json!("twin");
    system.api.create(DEPLOYMENTS, namespace, &other).await?;
    let (reason, message) = event(system, namespace, "twin-b", "twin").await?;
    system.api.delete(DEPLOYMENTS, namespace, "twin-b", None).await?;
    first.remove().await?;
    Ok(Told { what: "two workloads selecting one pod", reason, message })
}

async fn foreign_autoscaler(system: &System, namespace: &str) -> anyhow::Result<Told> {
    let app = App::new(&system.api, namespace, "hpa").with("min-scale", "1").with("target-burst-capacity", "-1");
    app.start().await?;
    let hpa = json!({
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "theirs" },
        "spec": {
            "minReplicas": 3, "maxReplicas": 3,
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "hpa" },
        },
    });
    system.api.create(AUTOSCALERS, namespace, &hpa).await?;
    let (reason, message) = event(system, namespace, "hpa", "theirs").await?;
    system.api.delete(AUTOSCALERS, namespace, "theirs", None).await?;
    app.remove().await?;
    Ok(Told { what: "foreign HPA", reason, message })
}

/// Kept for a stable window, told when it comes again, and never a fight.
async fn foreign_writes(system: &System, namespace: &str) -> anyhow::Result<Told> {
    let app = App::new(&system.api, namespace, "foreign")
        .with("window", "10s")
        .with("min-scale", "1")
        .with("target-burst-capacity", "-1");
    app.start().await?;
    app.until_ready(1, 60).await?;
    let three = json!({ "spec": { "replicas": 3 } });
    app.api.merge(DEPLOYMENTS, namespace, "foreign", &three).await?;
    sleep(Duration::from_secs(5)).await;
    ensure!(app.wished().await? == 3, "a foreign write was not kept for a stable window");
    app.api.until("it is as wished again", 60, async || app.wished().await.is_ok_and(|wished| wished == 1)).await?;
    app.api.merge(DEPLOYMENTS, namespace, "foreign", &three).await?;
    let (reason, message) = event(system, namespace, "foreign", "changed replicas").await?;
    app.remove().await?;
    Ok(Told { what: "foreign writes to replicas", reason, message })
}

/// Image, quota, crash loop: held requests end with the reason's word.
async fn broken_pods(system: &System, namespace: &str) -> anyhow::Result<Vec<Told>> {
    let mut told = Vec::new();
    for (what, word) in
        [("image that does not pull", "image"), ("quota exceeded", "quota"), ("crash loop", "crash-loop")]
    {
        let name = format!("broken-{word}");
        let app = App::new(&system.api, namespace, &name);
        let mut workload = app.workload();
        let container = &mut workload["spec"]["template"]["spec"]["containers"][0];
        match word {
            "image" => container["image"] = json!("example.invalid/none:1"),
            "crash-loop" => container["args"] = json!(["sample", "--no-such-flag"]),
            _ => {
                let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "none" },
                    "spec": { "hard": { "pods": "0" } } });
                system.api.create(QUOTAS, namespace, &quota).await?;
            }
        }
        app.api.create(DEPLOYMENTS, namespace, &workload).await?;
        app.api.create(SERVICES, namespace, &app.service()).await?;
        app.api.until("it has a route", 30, async || !app.endpoints().await.is_empty()).await?;
        app.reachable().await?;
        let asked = client::get(app.address().await?, "bench", "/");
        let answer = tokio::time::timeout(Duration::from_secs(120), asked).await.context("a held request hangs")??;
        let reason = answer.reason.unwrap_or_default();
        ensure!(answer.status == 503 && reason == word, "{what}: {} {reason:?}, not 503 {word}", answer.status);
        let (reason, message) = event(system, namespace, &name, "cannot start").await?;
        told.push(Told { what, reason, message });
        system.api.delete(QUOTAS, namespace, "none", None).await?;
        app.remove().await?;
    }
    Ok(told)
}
