//! `rouse uninstall`: out of the cluster under traffic.
//!
//! What is there is read (`found`), what follows from it is a list of steps (`plan`), and each step is done (`perform`).
//! A step that was done already changes nothing, so that whoever broke it off, or was broken off, runs it again.
//!
//! The order is what keeps requests alive. Scaling stops first, while the autoscaler is still there: it tells activators
//! of the pods that now come, so that what is held at zero is answered. When all workloads serve, the autoscaler goes
//! (pods stay, traffic flows), and with it whoever would put keys and slices back. Then each Service loses its key, and
//! our slices of it when Kubernetes has filled its own. Activators are the last to go; they drain, and the namespace
//! goes behind them.

mod found;
mod perform;
mod plan;
mod routed;
mod step;

use anyhow::Context;
use kube::Client;

use super::cluster::Cluster;
use super::serves::Serves;
use super::{How, Leaving, Say};
use found::Found;
use perform::Performer;

/// Gives all workloads and Services back to Kubernetes, and takes what is in `namespace`, and belongs to it, away.
///
/// # Errors
/// When the apiserver refuses something, or pods do not become ready; what was done until then stays done.
pub async fn uninstall(
    client: Client,
    namespace: &str,
    leaving: Leaving,
    how: How,
    say: Say<'_>,
) -> anyhow::Result<()> {
    let cluster = Cluster::new(client);
    let serves = Serves::discover(&cluster).await?;
    let found = Found::read(&cluster, &serves, namespace).await?;
    let plan = plan::plan(&found, leaving);
    for warning in &plan.warnings {
        say(&format!("warning: {warning}"));
    }
    if plan.steps.is_empty() {
        say(&format!("nothing of Rouse is here (its own namespace would be {namespace})"));
        return Ok(());
    }
    let performer = Performer { cluster: &cluster, slices: &serves.slices, wait: how.wait, force: leaving.force };
    for step in &plan.steps {
        say(&step.to_string());
        if !how.dry_run {
            let done = performer.perform(step, say).await;
            done.context("rouse uninstall has stopped here; run again, it goes on where it stopped")?;
        }
    }
    say(if how.dry_run { "nothing was changed" } else { FAREWELL });
    Ok(())
}

/// What is left to be done by others.
const FAREWELL: &str = "
Rouse has left. Pods that have a queue-proxy keep it, and work, until they are replaced (kubectl rollout restart). Labels
and annotations that you wrote are where they were.";
