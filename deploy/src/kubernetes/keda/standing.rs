//! Whether Rouse serves KEDA's objects: not where nobody has defined them, and not while KEDA does.

use std::fmt;

use config::bounds;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use serde_json::Value;

use super::GROUP_VERSION;

/// The APIService of external metrics; a cluster has one, so that it tells who serves them.
pub const METRICS: &str = "v1beta1.external.metrics.k8s.io";

/// The Lease that KEDA's operator holds.
pub const LEASE: &str = "operator.keda.sh";

/// Who serves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// We do; ScaledJobs only where they are defined, which an older installation has not done.
    Rouse { jobs: bool },
    /// The cluster has no such objects.
    Undefined,
    /// KEDA does: its Service `namespace/name` serves external metrics.
    KedaByMetrics(String),
    /// KEDA does: whoever this is renews its Lease in this namespace.
    KedaByLease(String),
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Rouse { jobs: true } => {
                write!(f, "ScaledObjects and ScaledJobs are served: KEDA does not run here")
            }
            Standing::Rouse { jobs: false } => write!(
                f,
                "ScaledObjects are served: KEDA does not run here; the cluster has no ScaledJobs, which rouse install \
                 --keda-objects defines"
            ),
            Standing::Undefined => {
                write!(f, "the cluster serves no {GROUP_VERSION}: there are no ScaledObjects to serve")
            }
            Standing::KedaByMetrics(service) => {
                write!(f, "ScaledObjects are left to KEDA: the APIService {METRICS} points at its Service {service}")
            }
            Standing::KedaByLease(namespace) => {
                write!(f, "ScaledObjects are left to KEDA: its Lease {namespace}/{LEASE} is fresh")
            }
        }
    }
}

impl Standing {
    /// Looks.
    ///
    /// # Errors
    /// When the apiserver does not say: then what was so before is to hold.
    pub(super) async fn look(client: &Client, now: Timestamp) -> Result<Standing, kube::Error> {
        let defined = defined(client).await?;
        let has = |kind: ApiResource| defined.contains(&kind.plural);
        if !has(super::scaled_objects()) {
            return Ok(Standing::Undefined);
        }
        let services: Api<DynamicObject> = Api::all_with(client.clone(), &api_services());
        let metrics = services.get_opt(METRICS).await?;
        if let Some(service) = metrics.and_then(|service| of_metrics(&service.data)) {
            return Ok(Standing::KedaByMetrics(service));
        }
        let leases: Api<DynamicObject> = Api::all_with(client.clone(), &leases());
        let named = leases.list(&ListParams::default().fields(&format!("metadata.name={LEASE}"))).await?;
        let mut fresh = named.items.iter().filter(|lease| lease.metadata.name.as_deref() == Some(LEASE));
        let fresh = fresh.find(|lease| is_fresh(&lease.data, now));
        Ok(fresh.map_or(Standing::Rouse { jobs: has(super::scaled_jobs()) }, |lease| {
            Standing::KedaByLease(lease.metadata.namespace.clone().unwrap_or_default())
        }))
    }
}

/// The plurals of KEDA's objects that the cluster serves.
async fn defined(client: &Client) -> Result<Vec<String>, kube::Error> {
    match client.list_api_group_resources(GROUP_VERSION).await {
        Ok(served) => Ok(served.resources.into_iter().map(|resource| resource.name).collect()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The Service, if it is KEDA's: in all of its manifests and charts its name has `keda` in it.
fn of_metrics(service: &Value) -> Option<String> {
    let text = |field: &str| service["spec"]["service"][field].as_str().unwrap_or_default();
    text("name").contains("keda").then(|| format!("{}/{}", text("namespace"), text("name")))
}

/// Whether somebody holds the Lease and has renewed it of late, by clocks that may differ a little.
fn is_fresh(lease: &Value, now: Timestamp) -> bool {
    let spec = &lease["spec"];
    let is_held = spec["holderIdentity"].as_str().is_some_and(|holder| !holder.is_empty());
    let renewed = spec["renewTime"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    let lasts = SignedDuration::from_secs(spec["leaseDurationSeconds"].as_i64().unwrap_or(0).clamp(0, 3600));
    let grace = SignedDuration::try_from(bounds::KEDA_LOOK).unwrap_or_default();
    is_held && renewed.is_some_and(|renewed| now.duration_since(renewed) < lasts + grace)
}

fn api_services() -> ApiResource {
    resource("apiregistration.k8s.io", "APIService", "apiservices")
}

fn leases() -> ApiResource {
    resource("coordination.k8s.io", "Lease", "leases")
}

fn resource(group: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        api_version: format!("{group}/v1"),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn external_metrics_are_kedas_or_somebody_elses() {
        let by = |name: &str| of_metrics(&json!({ "spec": { "service": { "namespace": "keda", "name": name } } }));
        assert_eq!(by("keda-operator-metrics-apiserver").as_deref(), Some("keda/keda-operator-metrics-apiserver"));
        assert_eq!(by("keda-metrics-apiserver").as_deref(), Some("keda/keda-metrics-apiserver"));
        assert_eq!(by("prometheus-adapter"), None);
        assert_eq!(of_metrics(&json!({ "spec": { "service": null } })), None);
    }

    #[test]
    fn a_lease_is_fresh_while_somebody_renews_it() {
        let now: Timestamp = "2026-01-02T03:05:00Z".parse().unwrap();
        let lease = |holder: &str, renewed: &str| json!({ "spec": { "holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15 } });
        assert!(is_fresh(&lease("keda-operator-0", "2026-01-02T03:04:55.000000Z"), now));
        assert!(is_fresh(&lease("keda-operator-0", "2026-01-02T03:05:30.000000Z"), now), "clocks differ");
        assert!(!is_fresh(&lease("keda-operator-0", "2026-01-02T03:03:00.000000Z"), now));
        assert!(!is_fresh(&lease("", "2026-01-02T03:04:55.000000Z"), now), "it was given up");
        assert!(!is_fresh(&json!({}), now));
    }
}
