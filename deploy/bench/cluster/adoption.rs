//! An existing Service with traffic is taken over and given back; a workload goes and another comes; nginx in front.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::api::{NAMESPACES, SERVICES, is_missing};
use super::app::{App, is_ours};
use super::judge::Kills;
use super::system::System;
use crate::load::{Clients, Load};
use crate::town::Aim;

/// After its Services were given back, a workload whose label was taken off is forgotten, and its doors are closed, by then.
const GONE_WITHIN: Duration = Duration::from_secs(40);

/// Clients with and without keep-alive, straight at the Service.
async fn clients(app: &App) -> anyhow::Result<Load> {
    let mut load = Load::new(app.routes().await?);
    let kind = Clients {
        count: 3,
        aim: Aim::Activators,
        path: "/echo?sleep=5ms",
        pause: Duration::from_millis(20),
        ..Clients::default()
    };
    load.add(&Clients { keep_alive: true, ..kind.clone() });
    load.add(&Clients { keep_alive: false, ..kind });
    Ok(load)
}

/// `kubectl get endpointslices`, in short.
async fn show(app: &App, when: &str) -> anyhow::Result<()> {
    let selector = format!("kubernetes.io/service-name={}", app.name);
    for slice in app.api.list(app.api.slices(), &app.namespace, &selector).await? {
        let whose = if is_ours(&slice) { "ours" } else { "Kubernetes'" };
        let addresses = super::app::addresses(&slice);
        println!("  {when}: {} ({whose}) {addresses:?}", slice["metadata"]["name"].as_str().unwrap_or_default());
    }
    Ok(())
}

/// A plain Deployment and Service under load: adopted, slept, woken, released.
pub(super) async fn adopted_and_released(system: &System, namespace: &str) -> anyhow::Result<()> {
    let app = App::new(&system.api, namespace, "adopted").unmanaged().replicas(2).args(&["--stop", "2s"]);
    app.create().await?;
    app.until_ready(2, 60).await?;
    sleep(Duration::from_secs(1)).await;
    let load = clients(&app).await?;
    sleep(Duration::from_secs(2)).await;
    show(&app, "before").await?;

    // The two labels and the annotation, as a user adds them; the label of the template rolls the pods.
    let labels = json!({ "metadata": { "labels": { "rouse.dev/scale": "true" }, "annotations": { "autoscaling.knative.dev/min-scale": "1" } },
        "spec": { "template": { "metadata": { "labels": { "rouse.dev/inject": "true" } } } } });
    app.api.merge(app.kind, namespace, &app.name, &labels).await?;
    let annotation = json!({ "metadata": { "annotations": { "rouse.dev/workload": app.name } } });
    app.api.merge(SERVICES, namespace, &app.name, &annotation).await?;
    app.api.until("the Service is ours", 60, async || !app.endpoints().await.is_empty()).await?;
    let managed = async || {
        let service = app.api.get(SERVICES, namespace, &app.name).await;
        service.is_ok_and(|service| service["spec"]["selector"]["rouse.dev/route"] == "managed")
    };
    app.api.until("the selector has the key", 30, managed).await?;
    let adopted = Instant::now();
    sleep(Duration::from_secs(10)).await;
    show(&app, "adopted").await?;

    let release = json!({ "metadata": { "annotations": { "rouse.dev/workload": null } } });
    app.api.merge(SERVICES, namespace, &app.name, &release).await?;
    let releasing = Instant::now();
    app.api.until("our slices are gone", 60, async || app.endpoints().await.is_empty()).await?;
    let given_back = async || !managed().await;
    app.api.until("the selector is as it was", 30, given_back).await?;
    sleep(Duration::from_secs(3)).await;
    show(&app, "released").await?;
    let ago = |at: Instant| (Instant::now() - at).as_millis();
    println!("  adopted {} ms ago, released {} ms ago", ago(adopted), ago(releasing));
    Kills::default().judge(&*load.stop().await).tell("adopted and released under load")?;
    app.remove().await
}

/// A workload is deleted and another created while requests come: none reaches the wrong one.
pub(super) async fn never_the_wrong_one(system: &System, namespace: &str) -> anyhow::Result<()> {
    let steady = App::new(&system.api, namespace, "steady").with("min-scale", "1").with("target-burst-capacity", "-1");
    steady.start().await?;
    steady.until_ready(1, 60).await?;
    let address = steady.address().await?;
    let asks = tokio::spawn(async move {
        let (mut asked, mut wrong) = (0u64, 0u64);
        loop {
            let answer = crate::scrape::Scraper::new(address).text("/").await;
            asked += 1;
            wrong += u64::from(answer.is_ok_and(|text| !text.contains("steady")));
            sleep(Duration::from_millis(20)).await;
            if asked >= 500 {
                return (asked, wrong);
            }
        }
    });
    for turn in 0..3 {
        let other = App::new(&system.api, namespace, &format!("other-{turn}")).with("target-burst-capacity", "-1");
        other.start().await?;
        let target = other.address().await?;
        let answer = crate::scrape::Scraper::new(target).text("/").await.unwrap_or_default();
        ensure!(answer.is_empty() || answer.contains(&other.name), "the wrong workload answered: {answer}");
        other.remove().await?;
    }
    let (asked, wrong) = asks.await?;
    println!("workloads deleted and created meanwhile: {asked} requests, {wrong} answered by the wrong one");
    ensure!(wrong == 0, "{wrong} requests reached the wrong workload");
    steady.remove().await
}

/// The label is taken off under load: of one that sleeps, and of one with two pods.
pub(super) async fn unlabelled(system: &System, namespace: &str) -> anyhow::Result<()> {
    let asleep = App::new(&system.api, namespace, "unlabelled-asleep");
    let awake = App::new(&system.api, namespace, "unlabelled-awake").with("min-scale", "2");
    for (app, pods) in [(&asleep, 0), (&awake, 2)] {
        app.start().await?;
        app.until_ready(pods, 60).await?;
        let unlabel = async || {
            let unlabelled = json!({ "metadata": { "labels": { "rouse.dev/scale": null } } });
            app.api.merge(app.kind, namespace, &app.name, &unlabelled).await
        };
        if pods == 0 {
            unlabel().await?; // it is to be asleep then
        }
        let load = clients(app).await?;
        if pods > 0 {
            sleep(Duration::from_secs(2)).await;
            unlabel().await?;
        }
        app.api.until("our slices are gone", 60, async || app.endpoints().await.is_empty()).await?;
        let service = app.api.get(SERVICES, namespace, &app.name).await?;
        ensure!(service["spec"]["selector"]["rouse.dev/route"].is_null(), "the key is left in {}", app.name);
        show(app, "without its label").await?;
        sleep(GONE_WITHIN).await;
        Kills::default().judge(&*load.stop().await).tell(&format!("{} let go under load", app.name))?;
        ensure!(app.wished().await? == pods.max(1) as u64, "{} has another number of replicas", app.name);
        app.remove().await?;
    }
    Ok(())
}

/// Everything is given back under load: `rouse uninstall` runs, and nothing of Rouse is left. It may come back at once, and
/// leave again, so many times.
pub(super) async fn uninstalled(system: &System, namespace: &str, times: usize) -> anyhow::Result<()> {
    let awake = App::new(&system.api, namespace, "awake").with("min-scale", "2").with("target-burst-capacity", "-1");
    let asleep = App::new(&system.api, namespace, "asleep");
    awake.start().await?;
    awake.until_ready(2, 60).await?;
    asleep.start().await?;
    let load = clients(&awake).await?;
    sleep(Duration::from_secs(2)).await;
    for turn in 0..times {
        if turn > 0 {
            rouse(&["install", "--image", super::app::IMAGE]).await?;
            system.settled().await?;
        }
        rouse(&["uninstall"]).await?;
        nothing_is_left(system, namespace, [&awake, &asleep]).await?;
    }
    sleep(Duration::from_secs(3)).await;
    Kills::default().judge(&*load.stop().await).tell(&format!("uninstalled under load, {times} times"))?;
    awake.remove().await?;
    asleep.remove().await
}

/// Of Rouse; `apps` are there, whether they slept or not.
async fn nothing_is_left(system: &System, namespace: &str, apps: [&App; 2]) -> anyhow::Result<()> {
    let ours = system.api.get(NAMESPACES, "", super::system::SYSTEM).await;
    ensure!(ours.is_err_and(|error| is_missing(&error)), "our namespace is left");
    let budgets = system.api.list(system.api.budgets(), namespace, "app.kubernetes.io/managed-by=rouse.dev").await?;
    ensure!(budgets.is_empty(), "{} budgets of ours are left", budgets.len());
    for app in apps {
        ensure!(app.endpoints().await.is_empty(), "a slice of ours is left");
        ensure!(!app.ready().await?.is_empty(), "{} has no pod", app.name);
    }
    Ok(())
}

/// Runs the command that is beside this one, and shows what it says.
async fn rouse(words: &[&str]) -> anyhow::Result<()> {
    let start = Instant::now();
    let rouse = std::env::current_exe()?.with_file_name("rouse");
    let output = tokio::process::Command::new(rouse).args(words).output().await?;
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("  rouse {}: {} s", words[0], (Instant::now() - start).as_secs());
    ensure!(output.status.success(), "rouse {}: {}", words[0], output.status);
    Ok(())
}
