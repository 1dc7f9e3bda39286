//! What an installation may be told.

use std::fmt;
use std::str::FromStr;

use crate::kubernetes::scaled_kind::ScaledKind;
use crate::link::ReporterIdentity;

/// Everything that the manifests depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where Rouse's own objects live.
    pub namespace: String,
    /// The image that has `rouse` and `queue-proxy`.
    pub image: String,
    /// How many activators there are.
    pub activators: u32,
    /// What is scaled besides Deployments and StatefulSets.
    pub kinds: Vec<ScaledKind>,
    /// How activators and queue-proxies show the autoscaler who they are.
    pub reporter_identity: ReporterIdentity,
    /// Whether there is a PodMonitor (Prometheus operator).
    pub pod_monitor: bool,
    /// Whether Knative's `Service` objects are served, by a definition of our own.
    pub knative_services: bool,
    /// Whether KEDA's ScaledObjects are served while KEDA does not run, by definitions of our own where there are none.
    pub keda_objects: bool,
    /// The namespaces in which Secrets and ConfigMaps may be read that triggers name.
    pub trigger_secrets: Vec<String>,
    /// Whether KEDA may ask the autoscaler what it counts.
    pub external_scaler: bool,
    /// Which API has PodDisruptionBudgets.
    pub budgets: BudgetApi,
}

/// The API of PodDisruptionBudgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BudgetApi {
    /// `policy/v1`: since 1.21.
    #[default]
    V1,
    /// `policy/v1beta1`: before.
    V1Beta1,
}

impl BudgetApi {
    /// As manifests write it.
    pub fn api_version(self) -> &'static str {
        match self {
            BudgetApi::V1 => "policy/v1",
            BudgetApi::V1Beta1 => "policy/v1beta1",
        }
    }
}

/// A version of Kubernetes, `1.33`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubeVersion {
    major: u32,
    minor: u32,
}

impl KubeVersion {
    /// The oldest that Rouse runs on.
    pub const OLDEST: KubeVersion = KubeVersion { major: 1, minor: 20 };

    /// What its apiserver serves.
    pub fn budgets(self) -> BudgetApi {
        if self < (KubeVersion { major: 1, minor: 21 }) { BudgetApi::V1Beta1 } else { BudgetApi::V1 }
    }
}

/// The text is not a version of Kubernetes, or one that is too old.
#[derive(Debug, thiserror::Error)]
pub enum BadKubeVersion {
    /// It is none.
    #[error("{0:?} is not a version of Kubernetes: write 1.33 or v1.33.1")]
    NotOne(String),
    /// It is too old.
    #[error("Kubernetes {0} is too old: {oldest} is the oldest that Rouse runs on", oldest = KubeVersion::OLDEST)]
    TooOld(KubeVersion),
}

impl FromStr for KubeVersion {
    type Err = BadKubeVersion;

    /// Reads `1.33`, `v1.33.1` and what providers make of it (`1.33+`, `v1.33.1-gke.5`).
    fn from_str(text: &str) -> Result<KubeVersion, BadKubeVersion> {
        let number = |part: Option<&str>| {
            let part = part?;
            let digits = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
            part[..digits].parse().ok()
        };
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let (Some(major), Some(minor)) = (number(parts.next()), number(parts.next())) else {
            return Err(BadKubeVersion::NotOne(text.to_owned()));
        };
        let version = KubeVersion { major, minor };
        if version < KubeVersion::OLDEST { Err(BadKubeVersion::TooOld(version)) } else { Ok(version) }
    }
}

impl fmt::Display for KubeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_clusters_tell_it() {
        for text in ["1.33", "v1.33.1", "1.33+", "v1.33.4-gke.1036000"] {
            assert_eq!(text.parse::<KubeVersion>().unwrap(), KubeVersion { major: 1, minor: 33 }, "{text}");
        }
        assert_eq!("1.20".parse::<KubeVersion>().unwrap().budgets(), BudgetApi::V1Beta1);
        assert_eq!("1.21".parse::<KubeVersion>().unwrap().budgets(), BudgetApi::V1);
        assert_eq!(
            "1.19.3".parse::<KubeVersion>().unwrap_err().to_string(),
            "Kubernetes 1.19 is too old: 1.20 is the oldest that Rouse runs on"
        );
        for text in ["", "new", "1", "1.x"] {
            assert!(matches!(text.parse::<KubeVersion>(), Err(BadKubeVersion::NotOne(_))), "{text}");
        }
    }
}
