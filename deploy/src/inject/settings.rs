//! What the injector was told about the queue-proxies that it injects.

use std::time::Duration;

use clap::ValueEnum;

use super::quantity::Quantity;
use crate::link::ReporterIdentity;

/// How queue-proxies are injected.
#[derive(Clone, Debug)]
pub struct Injection {
    /// The image of the queue-proxy; the program is `/usr/local/bin/queue-proxy` in it.
    pub image: String,
    /// What kind of container it is.
    pub sidecar: Sidecar,
    /// Where it finds the autoscaler: `HOST:PORT`.
    pub autoscaler: String,
    /// The certificate (PEM) of the authority that signs for the autoscaler.
    pub authority: String,
    /// How it shows the autoscaler whose it is. Only a token has to be mounted.
    pub identity: ReporterIdentity,
    /// How long a draining pod serves on after the last new client.
    pub drain_quiet: Duration,
    /// What it may use where the pod does not say.
    pub resources: Resources,
}

/// What kind of container a queue-proxy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sidecar {
    /// One beside the app, on any cluster.
    #[default]
    Classic,
    /// An init container that stays (Kubernetes 1.29 and later): it starts before the app and ends after it.
    Native,
}

/// What a queue-proxy may use.
#[derive(Clone, Debug)]
pub struct Resources {
    /// Processors (25m and no limit).
    pub cpu: Share,
    /// Bytes of memory (20Mi to 256Mi: an idle one needs 5, and each connection 40 KiB).
    pub memory: Share,
    /// Bytes of disk (nothing said: it writes none).
    pub ephemeral_storage: Share,
}

/// What is asked for of one resource, and the most of it.
#[derive(Clone, Debug, Default)]
pub struct Share {
    /// What is kept for it.
    pub request: Option<Quantity>,
    /// What it can never exceed.
    pub limit: Option<Quantity>,
}

impl Default for Resources {
    fn default() -> Resources {
        let amount = |text: &str| text.parse().ok();
        Resources {
            cpu: Share { request: amount("25m"), limit: None },
            memory: Share { request: amount("20Mi"), limit: amount("256Mi") },
            ephemeral_storage: Share::default(),
        }
    }
}
