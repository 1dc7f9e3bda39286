//! The command lines.

use std::time::Duration;

use clap::Args;

use super::{BudgetApi, KubeVersion, Settings};
use crate::flag;
use crate::kubernetes::names;
use crate::kubernetes::scaled_kind::ScaledKind;
use crate::link::ReporterIdentity;

/// The image that is meant when none is named. Nobody publishes it: it has to be built.
const IMAGE: &str = concat!("rouse:", env!("CARGO_PKG_VERSION"));

/// What is installed.
#[derive(Args, Clone, Debug)]
struct What {
    /// Where Rouse itself lives
    #[arg(long, default_value = names::NAMESPACE, value_parser = namespace)]
    namespace: String,
    /// The image that has rouse and queue-proxy (deploy/Dockerfile builds it)
    #[arg(long, default_value = IMAGE)]
    image: String,
    /// How many activators there are
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    activators: u32,
    /// A kind that is scaled besides Deployments and StatefulSets, by its scale subresource; may come several times
    #[arg(long = "kind", value_name = "RESOURCE.GROUP")]
    kinds: Vec<ScaledKind>,
    /// How activators and queue-proxies show the autoscaler who they are
    #[arg(long, default_value = "token")]
    reporter_identity: ReporterIdentity,
    /// A PodMonitor as well (Prometheus operator)
    #[arg(long)]
    pod_monitor: bool,
    /// Serve Knative's Service objects as well, with a definition of them; not where Knative itself is installed
    #[arg(long)]
    knative_services: bool,
    /// Serve KEDA's ScaledObjects as well, while KEDA itself does not run; with definitions of them where there are none
    #[arg(long)]
    keda_objects: bool,
    /// Namespaces in which the Secrets and ConfigMaps may be read that their triggers name
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace, requires = "keda_objects")]
    trigger_secrets: Vec<String>,
    /// Let KEDA ask how many requests there are, by its gRPC for external scalers
    #[arg(long)]
    external_scaler: bool,
}

impl What {
    fn settings(self, budgets: BudgetApi) -> Settings {
        Settings {
            namespace: self.namespace,
            image: self.image,
            activators: self.activators,
            kinds: self.kinds,
            reporter_identity: self.reporter_identity,
            pod_monitor: self.pod_monitor,
            knative_services: self.knative_services,
            keda_objects: self.keda_objects,
            trigger_secrets: self.trigger_secrets,
            external_scaler: self.external_scaler,
            budgets,
        }
    }
}

/// `rouse manifests`.
#[derive(Args, Clone, Debug)]
pub struct ManifestsFlags {
    #[command(flatten)]
    what: What,
    /// The version of Kubernetes that they are for; without it, the newest
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<KubeVersion>,
}

impl ManifestsFlags {
    /// What they ask for.
    pub fn settings(self) -> Settings {
        let budgets = self.kube_version.map_or_else(BudgetApi::default, KubeVersion::budgets);
        self.what.settings(budgets)
    }
}

/// Which cluster, and how it is changed.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// The context of the kubeconfig (KUBECONFIG, else ~/.kube/config); without it, the current one
    #[arg(long)]
    pub context: Option<String>,
    /// How.
    #[command(flatten)]
    pub how: How,
}

/// How a cluster is changed.
#[derive(Args, Clone, Copy, Debug)]
pub struct How {
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// How long pods may take to be as they should, each time that they are waited for
    #[arg(long, default_value = "2m", value_parser = flag::duration, value_name = "DURATION")]
    pub wait: Duration,
}

/// `rouse install`.
#[derive(Args, Clone, Debug)]
pub struct InstallFlags {
    #[command(flatten)]
    what: What,
    /// Where.
    #[command(flatten)]
    pub target: Target,
}

impl InstallFlags {
    /// What they ask for, as far as the cluster has no say in it.
    pub fn settings(&self) -> Settings {
        self.what.clone().settings(BudgetApi::default())
    }
}

/// `rouse uninstall`.
#[derive(Args, Clone, Debug)]
pub struct UninstallFlags {
    /// Where Rouse itself lives
    #[arg(long, default_value = names::NAMESPACE, value_parser = namespace)]
    pub namespace: String,
    /// Where.
    #[command(flatten)]
    pub target: Target,
    /// How it leaves.
    #[command(flatten)]
    pub leaving: Leaving,
}

/// What becomes of what Rouse leaves.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Leaving {
    /// Leave the namespace, and config-autoscaler in it
    #[arg(long)]
    pub keep_namespace: bool,
    /// Go on although a workload does not become ready, or an activator does not end
    #[arg(long)]
    pub force: bool,
}

/// A name that a namespace can have (RFC 1123).
fn namespace(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let allowed = (1..=63).contains(&text.len()) && text.bytes().all(plain);
    if !allowed || text.starts_with('-') || text.ends_with('-') {
        return Err(format!("{text:?} is no name of a namespace: at most 63 of a-z, 0-9 and inner hyphens"));
    }
    Ok(text.to_owned())
}
