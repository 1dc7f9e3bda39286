//! How a pod with a queue-proxy ends: nothing that it has is cut off.

use std::net::SocketAddr;
use std::time::Duration;

use config::{Findings, bounds};

use super::app::App;
use super::shape::{Container, Pod};
use crate::inject::settings::Injection;

/// Seconds that Kubernetes gives a pod that does not say.
const USUAL_GRACE: i64 = 30;

/// How many seconds a pod may take to end, `own` being what it says.
///
/// At least as long as its draining may take: the last client may come when `quiet` has all but passed, its request may
/// take the whole `timeout`, and its answer, the app and the last report some moments more
/// ([`bounds::DRAIN_LAST_MOMENTS`]). A pod that is done sooner ends sooner.
pub(super) fn grace(own: Option<i64>, timeout: Duration, quiet: Duration) -> i64 {
    let needed = timeout.saturating_add(quiet).saturating_add(bounds::DRAIN_LAST_MOMENTS);
    let needed = needed.as_secs().saturating_add(u64::from(needed.subsec_nanos() > 0));
    own.unwrap_or(USUAL_GRACE).max(i64::try_from(needed).unwrap_or(i64::MAX))
}

/// Whether the container is told by something else that it will end.
pub(super) fn has_pre_stop(container: &Container) -> bool {
    container
        .lifecycle
        .as_ref()
        .is_some_and(|lifecycle| lifecycle.pre_stop.as_ref().is_some_and(|hook| !hook.is_null()))
}

/// What is allowed, but may not be what its author wants.
pub(super) fn remark(pod: &Pod, app: Option<&App<'_>>, settings: &Injection, found: &mut Findings) {
    if let Some(app) = app {
        remark_on_app(app, found);
    }
    let cannot_resolve = pod.spec.dns_policy.as_deref().is_some_and(|policy| matches!(policy, "Default" | "None"));
    if cannot_resolve && settings.autoscaler.parse::<SocketAddr>().is_err() {
        let message =
            format!("may not know the names of the cluster's Services: the pod must find {}", settings.autoscaler);
        found.warn("spec.dnsPolicy", message);
    }
}

fn remark_on_app(app: &App<'_>, found: &mut Findings) {
    let path = format!("spec.containers[{}]", app.index);
    let is_ours = |hook: &serde_json::Value| *hook == super::sidecar::wait_for_drain();
    let hook = app.container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
    if hook.is_some_and(|hook| !hook.is_null() && !is_ours(hook)) {
        let message = "is kept: after it the app is told to end though it may have requests, unless the hook waits for \
                       http://127.0.0.1:8022/wait-for-drain";
        found.warn(&format!("{path}.lifecycle.preStop"), message);
    }
    if app.container.ports.iter().any(|port| port.host_port > 0 && port.tcp() == Some(app.port)) {
        found.warn(&format!("{path}.ports"), "has a hostPort: what comes in there is neither counted nor limited");
    }
}
