//! What a KEDA trigger asks of Rouse.

use config::WorkloadId;

use super::messages::{MetricSpec, ScaledObjectRef};

/// A workload, and what is counted of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) workload: WorkloadId,
    pub(super) metric: Metric,
    /// What one pod should carry.
    pub(super) target: f64,
}

/// `metric` of the trigger's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// Requests that are held or in apps.
    Concurrency,
    /// Requests that are held.
    Queue,
}

/// What KEDA's own HTTP scaler aims at.
const TARGET: f64 = 100.0;

impl Asked {
    /// Reads the trigger's metadata: `workload` (by default the ScaledObject's name), `kind` (Deployment), `metric`
    /// (concurrency) and `target` (100).
    ///
    /// # Errors
    /// What is wrong with one of them, for people.
    pub(super) fn read(object: &ScaledObjectRef) -> Result<Asked, String> {
        let given = |name: &str| object.metadata.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let metric = match given("metric") {
            None | Some("concurrency") => Metric::Concurrency,
            Some("queue") => Metric::Queue,
            Some(other) => return Err(format!("metric: {other:?} is not counted: it must be concurrency or queue")),
        };
        let target = match given("target") {
            None => TARGET,
            Some(text) => text
                .parse()
                .ok()
                .filter(|target: &f64| target.is_finite() && *target > 0.0)
                .ok_or_else(|| format!("target: {text:?} is not a number of more than 0"))?,
        };
        let name = given("workload").unwrap_or(&object.name);
        let kind = given("kind").unwrap_or("Deployment");
        let workload = WorkloadId::new(&object.namespace, kind, name);
        Ok(Asked { workload, metric, target })
    }

    /// The metric and its target, as KEDA wants it.
    pub(super) fn spec(&self) -> MetricSpec {
        let target = self.target;
        MetricSpec { name: self.metric.name().to_owned(), target: target.ceil() as i64, target_float: target }
    }
}

impl Metric {
    pub(super) fn name(self) -> &'static str {
        match self {
            Metric::Concurrency => "rouse-concurrency",
            Metric::Queue => "rouse-queue",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(metadata: &[(&str, &str)]) -> Result<Asked, String> {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Asked::read(&ScaledObjectRef { name: "hello-scaler".to_owned(), namespace: "shop".to_owned(), metadata })
    }

    #[test]
    fn what_is_not_said_is_usual() {
        let asked = read(&[]).unwrap();
        assert_eq!(asked.workload.to_string(), "shop/Deployment/hello-scaler");
        assert_eq!((asked.metric, asked.target), (Metric::Concurrency, 100.0));
        let asked =
            read(&[("workload", "hello"), ("kind", "StatefulSet"), ("metric", "queue"), ("target", "2.5")]).unwrap();
        assert_eq!(asked.workload.to_string(), "shop/StatefulSet/hello");
        let spec = asked.spec();
        assert_eq!((spec.name.as_str(), spec.target, spec.target_float), ("rouse-queue", 3, 2.5));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_right() {
        let problem = |name, value| read(&[(name, value)]).unwrap_err();
        assert_eq!(problem("metric", "rps"), "metric: \"rps\" is not counted: it must be concurrency or queue");
        for target in ["0", "-1", "many", "inf", "NaN"] {
            assert_eq!(problem("target", target), format!("target: {target:?} is not a number of more than 0"));
        }
    }
}
