//! Budgets for evictions: there where pods come in twos or more, and held to.

use std::time::Duration;

use anyhow::{bail, ensure};
use tokio::time::{Instant, sleep};

use super::api::is_missing;
use super::app::App;
use super::system::System;
use crate::ms;

/// The budget of a workload comes and goes with its settings and with it; and pods are evicted one at a time.
pub(super) async fn run(system: &System, namespace: &str) -> anyhow::Result<()> {
    let app =
        App::new(&system.api, namespace, "guarded").with("activation-scale", "2").with("target-burst-capacity", "-1");
    app.start().await?;
    budget(&app, true).await?;
    app.annotate("autoscaling.knative.dev/activation-scale", None).await?;
    budget(&app, false).await?;
    app.annotate("autoscaling.knative.dev/min-scale", Some("2")).await?;
    budget(&app, true).await?;
    app.until_ready(2, 60).await?;
    one_at_a_time(&app).await?;
    app.remove().await?;
    budget(&app, false).await?;
    println!("budgets: there with activation-scale 2 and with min-scale 2, gone without and with their workload");
    Ok(())
}

fn name(app: &App) -> String {
    format!("rouse-deployment-{}", app.name)
}

/// Waits until the budget of `app` is there, or is not.
async fn budget(app: &App, there: bool) -> anyhow::Result<()> {
    let is_so = async || match app.api.get(app.api.budgets(), &app.namespace, &name(app)).await {
        Ok(budget) => {
            there
                && budget["spec"]["maxUnavailable"] == 1
                && budget["spec"]["selector"]["matchLabels"]["app"] == app.name.as_str()
        }
        Err(error) => !there && is_missing(&error),
    };
    app.api.until(&format!("{} is {}", name(app), if there { "there" } else { "gone" }), 30, is_so).await
}

/// Both pods are evicted, each as soon as the apiserver lets it go, as a drain of their node does: meanwhile there is
/// always one. (The client asks again when it is told 429.)
async fn one_at_a_time(app: &App) -> anyhow::Result<()> {
    // Its controller has seen both: before, it may have counted the one that there was.
    let counted = async || {
        let Ok(budget) = app.api.get(app.api.budgets(), &app.namespace, &name(app)).await else { return false };
        let status = &budget["status"];
        status["expectedPods"] == 2 && status["currentHealthy"] == 2 && status["disruptionsAllowed"] == 1
    };
    app.api.until("the budget allows one eviction of two", 30, counted).await?;
    let pods = app.ready().await?;
    ensure!(pods.len() == 2, "{} pods are ready", pods.len());
    let start = Instant::now();
    let drain = async {
        for pod in &pods {
            app.api.evict(&app.namespace, &pod.name).await?;
        }
        anyhow::Ok(())
    };
    let none_is_ready = async {
        while !app.ready().await.is_ok_and(|ready| ready.is_empty()) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        drained = drain => drained?,
        () = none_is_ready => bail!("both pods were evicted at once"),
    }
    println!("  both pods evicted, one after the other: {:.0} ms", ms(Instant::now() - start));
    app.until_ready(2, 60).await
}
