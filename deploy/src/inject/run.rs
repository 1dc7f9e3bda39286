//! `rouse injector`, wired.

use std::time::Duration;

use anyhow::{Context, anyhow};
use config::bounds;
use queue_proxy::Connections;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{info, warn};

use super::admin::InjectorAdmin;
use super::bundle;
use super::options::Options;
use super::server::Server;
use super::settings::Sidecar;
use super::webhook::Webhook;
use crate::exposition;
use crate::kubernetes::authority::Authority;
use crate::kubernetes::client;
use crate::kubernetes::writes::Writes;
use crate::process::{self, RunError, Signals, bind, listen, raise_file_limit};

/// The first minor version of Kubernetes 1 with native sidecars for everyone.
const NATIVE_SIDECARS: u32 = 29;

/// Answers the apiserver until SIGTERM or Ctrl-C, then until it calls another. A second signal ends it at once.
///
/// # Errors
/// When a port is in use, there is no cluster, or it cannot do what was asked for.
pub fn run(options: &Options) -> Result<(), RunError> {
    crate::log::start(options.log_format);
    process::run(serve(options))
}

async fn serve(options: &Options) -> Result<(), RunError> {
    raise_file_limit();
    let mut signals = Signals::new()?;
    let calls = bind(options.listen, "the webhook", "choose another with --listen")?;
    let asking = bind(options.admin, "the admin port", "choose another with --admin")?;
    let listen_at = calls.local_addr().context("the webhook has no address")?;
    let admin_at = asking.local_addr().context("the admin port has no address")?;
    let client = client::connect().await;
    let client = client.map_err(|error| anyhow!("there is neither a cluster around nor a KUBECONFIG: {error}"))?;
    let writes = Writes::new(client, bounds::KUBE_API_QPS, bounds::KUBE_API_BURST);
    let admin = InjectorAdmin::new(exposition::start()?);
    let mut tasks = JoinSet::new();
    tasks.spawn(listen(Connections::default(), asking, admin.clone()));

    let namespace = options.namespace();
    let authority = tokio::select! {
        authority = start(options, &writes, &namespace) => authority?,
        () = signals.first() => return Ok(()),
    };
    let names = options.names(&namespace);
    let tls = authority.server_config(&names, options.certificate_lifetime, "http/1.1").context("the webhook")?;
    let injection = options.injection(&namespace, authority.pem());
    let server = Server::new(Webhook::new(injection, &namespace), tls);
    tasks.spawn(async move { bundle::keep(writes, authority.pem()).await });
    admin.set_ready(true);
    info!("answering the apiserver as {} at https://{listen_at} (admin http://{admin_at})", names.join(", "));

    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let mut served = tokio::spawn(server.serve(calls, async { drop(told.await) }));
    signals.first().await;
    info!("ending: answering until the apiserver calls another (a second signal ends at once)");
    admin.set_ready(false);
    drop(tell);
    tokio::select! {
        _ = &mut served => info!("ended"),
        () = signals.first() => warn!("ended at once"),
    }
    Ok(())
}

/// What must be there before the apiserver can be answered: it is waited for, since this process may come first.
async fn start(options: &Options, writes: &Writes, namespace: &str) -> anyhow::Result<Authority> {
    if options.sidecar == Sidecar::Native {
        let version = until_it_works("ask for the cluster's version", || writes.client().apiserver_version()).await;
        let (major, minor) = (&version.major, &version.minor);
        if !has_native_sidecars(major, minor) {
            return Err(anyhow!(
                "--sidecar native: the cluster is {major}.{minor}, and native sidecars need 1.{NATIVE_SIDECARS} or later: \
                 leave it at classic"
            ));
        }
    }
    Ok(until_it_works("prepare the authority", || Authority::ensure(writes, namespace)).await)
}

/// Minor versions of some clusters have a `+` behind them.
fn has_native_sidecars(major: &str, minor: &str) -> bool {
    let minor = minor.trim_end_matches(|letter: char| !letter.is_ascii_digit()).parse::<u32>();
    major != "1" || minor.is_ok_and(|minor| minor >= NATIVE_SIDECARS)
}

async fn until_it_works<T, E, F>(what: &str, mut attempt: impl FnMut() -> F) -> T
where
    E: std::error::Error,
    F: Future<Output = Result<T, E>>,
{
    let mut pause: Duration = bounds::PLATFORM_RETRY_FIRST;
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => warn!("cannot {what} yet: {error}"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(bounds::PLATFORM_RETRY_SLOWEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_sidecars_came_with_1_29() {
        assert!(!has_native_sidecars("1", "20"));
        assert!(!has_native_sidecars("1", "28+"));
        assert!(has_native_sidecars("1", "29+"));
        assert!(has_native_sidecars("1", "33"));
        assert!(has_native_sidecars("2", "0"));
        assert!(!has_native_sidecars("1", ""));
    }
}
