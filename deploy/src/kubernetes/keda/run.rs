//! When anything is done at all: while KEDA's objects are defined and KEDA does not run.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use config::bounds;
use k8s_openapi::jiff::Timestamp;
use queue_proxy::Clock;
use tokio::time::sleep;

use super::controller::Controller;
use super::jobs::ScaledJobs;
use super::objects::ScaledObjects;
use super::standing::Standing;
use crate::kubernetes::discovery::Discovered;
use crate::kubernetes::platform::KubernetesPlatform;
use crate::kubernetes::route::endpoints;
use crate::kubernetes::told::Teller;
use crate::kubernetes::writes::Writes;
use crate::sources::{Pool, PoolSettings};
use crate::triggers::Keepers;
use crate::{exposition, jobs};

/// What serving ScaledObjects and ScaledJobs takes.
#[derive(Clone, Debug)]
pub struct KedaParts {
    /// How it reads and writes.
    pub writes: Writes,
    /// What the cluster serves.
    pub discovered: Arc<Discovered>,
    /// Who watches and scales what they name.
    pub platform: Arc<KubernetesPlatform>,
    /// What time it is.
    pub clock: Clock,
    /// Who hears of what becomes of them.
    pub teller: Teller,
    /// Our own namespace, where the Secrets and ConfigMaps of ClusterTriggerAuthentications are.
    pub namespace: String,
    /// The namespaces in which Secrets and ConfigMaps may be read.
    pub secrets: Vec<String>,
    /// What people may know of ScaledJobs.
    pub jobs: jobs::Told,
}

/// Serves ScaledObjects by `keepers`, and ScaledJobs, for as long as it is polled, whenever the cluster has them and KEDA does not run; who
/// does is looked at each [`bounds::KEDA_LOOK`].
///
/// To be run by the one who leads.
pub async fn run(parts: KedaParts, mut keepers: Keepers) -> Infallible {
    let mut standing = changed(&parts, None).await;
    loop {
        standing = match standing {
            Standing::Rouse { jobs } => serve(&parts, &mut keepers, jobs).await,
            _ => changed(&parts, Some(&standing)).await,
        };
    }
}

/// Serves them until somebody else does, or there are none: who that is. ScaledJobs may come to be defined meanwhile, which
/// is nothing to ScaledObjects.
async fn serve(parts: &KedaParts, keepers: &mut Keepers, mut has_jobs: bool) -> Standing {
    // What several ask for, of whichever kind, is read once.
    let endpoints = endpoints(parts.writes.client().clone(), parts.discovered.endpoint_slices.clone());
    let pool = Pool::new(PoolSettings { endpoints, ..PoolSettings::default() });
    let mut objects = Controller::new(parts, &pool, ScaledObjects::new(&parts.platform, &parts.discovered, keepers));
    let next = {
        let mut objects = pin!(objects.run());
        loop {
            let standing = Standing::Rouse { jobs: has_jobs };
            let mut jobs = Controller::new(parts, &pool, ScaledJobs::new(parts));
            let next = tokio::select! {
                never = &mut objects => match never {},
                never = jobs.run(), if has_jobs => match never {},
                next = changed(parts, Some(&standing)) => next,
            };
            jobs.stop().await;
            match next {
                Standing::Rouse { jobs } => has_jobs = jobs,
                next => break next,
            }
        }
    };
    objects.stop().await;
    next
}

/// Waits until it is another than `before`, and tells of it. What is not known is as it was.
async fn changed(parts: &KedaParts, before: Option<&Standing>) -> Standing {
    let mut is_first = before.is_none();
    loop {
        if !is_first {
            sleep(bounds::KEDA_LOOK).await;
        }
        is_first = false;
        match Standing::look(parts.writes.client(), Timestamp::now()).await {
            Ok(now) if before != Some(&now) => {
                tracing::info!("{now}");
                exposition::triggers::served(matches!(now, Standing::Rouse { .. }));
                return now;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "whether KEDA runs is not known"),
        }
    }
}
