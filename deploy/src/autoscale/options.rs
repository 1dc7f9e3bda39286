//! The command line of `rouse autoscaler`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use config::bounds;

use crate::flag;
use crate::kubernetes::lease::LeaseTimes;
use crate::kubernetes::names;
use crate::kubernetes::scaled_kind::ScaledKind;
use crate::link::ReporterIdentity;
use crate::log::LogFormat;

/// What `rouse autoscaler` was asked to do.
#[derive(Args, Clone, Debug)]
pub struct AutoscalerOptions {
    /// Where pods live: kubernetes, or static:FILE, where FILE lists workloads and pods
    #[arg(long)]
    pub platform: PlatformFlag,
    /// Where the pods that are wanted are written, as JSON
    #[arg(long)]
    pub wishes: Option<PathBuf>,
    /// Where activators and queue-proxies connect
    #[arg(long, default_value = "127.0.0.1:8091")]
    pub listen: SocketAddr,
    /// Where /healthz, /readyz, /metrics and /v1/workloads are served
    #[arg(long, default_value = "127.0.0.1:8092")]
    pub admin: SocketAddr,
    /// Where KEDA may ask what is counted, by gRPC (triggers external and external-push); without it nowhere
    #[arg(long, value_name = "ADDRESS", hide = cfg!(not(feature = "external-scaler")))]
    pub external_scaler: Option<SocketAddr>,
    /// The certificate (PEM) of the port that they connect to; without it that port is plain
    #[arg(long, requires = "link_key")]
    pub link_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, requires = "link_cert")]
    pub link_key: Option<PathBuf>,
    /// How they show who they are
    #[arg(long, default_value = "none")]
    pub reporter_identity: ReporterIdentity,
    /// How long after its start nothing is taken for gone that has not spoken yet
    #[arg(long, default_value = "10s", value_parser = flag::duration)]
    pub sync_after: Duration,
    /// What matters on Kubernetes only
    #[command(flatten)]
    pub cluster: ClusterOptions,
    /// How log lines are written
    #[arg(long, default_value = "text")]
    pub log_format: LogFormat,
}

impl AutoscalerOptions {
    /// Certificate and key of the port for Links, if they are named.
    pub(super) fn link_files(&self) -> Option<(&Path, &Path)> {
        self.link_cert.as_deref().zip(self.link_key.as_deref())
    }
}

/// What matters with `--platform kubernetes` only.
#[derive(Args, Clone, Debug)]
pub struct ClusterOptions {
    /// The namespace where Rouse is installed
    #[arg(long, env = "NAMESPACE", default_value = names::NAMESPACE)]
    pub namespace: String,
    /// The name of this process among autoscalers: its pod's
    #[arg(long, env = "POD_NAME", default_value = names::AUTOSCALER)]
    pub pod_name: String,
    /// The address of its pod, to which the Service rouse-autoscaler leads while this one decides
    #[arg(long, env = "POD_IP")]
    pub pod_ip: Option<IpAddr>,
    /// A kind with a scale subresource to scale besides Deployments and StatefulSets: rollouts.argoproj.io
    #[arg(long = "kind", value_name = "RESOURCE.GROUP")]
    pub kinds: Vec<ScaledKind>,
    /// Serve Knative's Service objects, if their definition on the cluster is ours
    #[arg(long)]
    pub knative_services: bool,
    /// Serve KEDA's ScaledObjects, while KEDA itself does not run
    #[arg(long)]
    pub keda_objects: bool,
    /// Namespaces in which the Secrets and ConfigMaps may be read that triggers name
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub trigger_secrets: Vec<String>,
    /// How long the Lease lasts by which one autoscaler decides
    #[arg(long, default_value = "15s")]
    pub lease_duration: LeaseTimes,
    /// Writes to the apiserver a second in the long run
    #[arg(long, default_value_t = bounds::KUBE_API_QPS)]
    pub kube_api_qps: f64,
    /// Writes to the apiserver at once
    #[arg(long, default_value_t = bounds::KUBE_API_BURST)]
    pub kube_api_burst: u32,
    /// How long no pod may have seen a request past the activators until it is believed that there are no more
    #[arg(long, default_value = "5s", value_parser = flag::duration)]
    pub route_settle: Duration,
    /// How long the certificate is good for that the cluster's authority signs for the port for Links
    #[arg(long, default_value = "720h", value_parser = flag::duration)]
    pub certificate_lifetime: Duration,
}

/// A platform, as a flag names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformFlag {
    /// `static:FILE`: workloads and pods as a file lists them.
    Static(PathBuf),
    /// `kubernetes`: the cluster in which this process runs, or that KUBECONFIG names.
    Kubernetes,
}

impl FromStr for PlatformFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<PlatformFlag, String> {
        match text.split_once(':') {
            Some(("static", file)) if !file.is_empty() => Ok(PlatformFlag::Static(file.into())),
            None if text == "kubernetes" => Ok(PlatformFlag::Kubernetes),
            _ => Err("write kubernetes, or static:FILE, where FILE lists workloads and pods".to_owned()),
        }
    }
}
