//! What a ScaledObject comes to: the rules by which its numbers are taken, and what reads them.

use std::sync::Arc;
use std::time::Duration;

use autoscaler::triggers::modifiers::FormulaError;
use autoscaler::triggers::object::{Rules, Steps};
use config::keda::Switches;
use config::manifest::DeclaredObject;
use config::{Problems, Warning, WorkloadId};

use super::opened::{self, Opened, refusal};
use crate::sources::{self, Pool, Source};

/// A ScaledObject that can be served.
#[derive(Debug)]
pub struct Plan {
    /// What it scales.
    pub(super) workload: WorkloadId,
    /// For people: `ScaledObject default/worker`.
    pub(super) name: String,
    pub(super) rules: Rules,
    pub(super) switches: Switches,
    /// What reads each of the rules' triggers, in their order.
    pub(super) sources: Vec<Box<dyn Source>>,
    /// Whether nothing but triggers asks for the workload's pods.
    pub(super) alone: bool,
    /// What KEDA calls the metrics of its triggers, where it has names for them.
    pub(super) metrics: Vec<String>,
    /// The labels under which KEDA's metrics have each of the rules' triggers.
    pub(super) labels: Arc<[String]>,
    /// What is odd in the parameters of its triggers.
    pub(super) odd: Vec<Warning>,
}

impl Plan {
    /// What is odd in the parameters of its triggers.
    pub fn odd(&self) -> &[Warning] {
        &self.odd
    }

    /// What KEDA calls the metrics of its triggers, where it has names for them.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// Where on the grid of its polling interval its polls are. It follows from the first question that it asks, so that who
    /// asks the same asks at the same time and shares the answer, and other questions are spread.
    pub(super) fn phase(&self) -> Duration {
        Duration::from_nanos(self.sources.first().map_or(0, |source| source.key().number()))
    }

    /// What `declared` comes to; `alone` if no request ever comes to what it scales. Connects to nothing.
    ///
    /// # Errors
    /// When it cannot be served as it is; then nothing of it is.
    pub fn new(declared: &DeclaredObject, alone: bool, pool: &Arc<Pool>) -> Result<Plan, Problems> {
        let DeclaredObject { object, given, place } = declared;
        let asker = sources::Object {
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            interval: object.polling_interval,
        };
        let mut object = object.clone();
        let (mut targets, mut sources, mut read) = (Vec::new(), Vec::new(), Vec::new());
        let (mut metrics, mut all_labels, mut odd) = (Vec::new(), Vec::new(), Vec::new());
        for opened in opened::open(&object.triggers, given, place, &asker, pool)? {
            let Opened { trigger, target, source, metric, labels, warnings } = opened;
            all_labels.push(labels);
            read.push(trigger);
            targets.push(target);
            sources.push(source);
            metrics.extend(metric);
            odd.extend(warnings);
        }
        object.triggers = read;
        let formula = |error: FormulaError| refusal(place, "spec.advanced.scalingModifiers.formula", error.to_string());
        Ok(Plan {
            rules: Rules::of(&object, &targets, Steps::of(&object)).map_err(formula)?,
            workload: object.target.workload,
            name: place.1.clone(),
            switches: object.switches,
            sources,
            alone,
            metrics,
            labels: all_labels.into(),
            odd,
        })
    }
}

#[cfg(all(test, feature = "source-redis", feature = "source-external"))]
mod tests {
    use super::*;
    use crate::sources::PoolSettings;
    use crate::triggers::read;

    #[test]
    fn its_triggers_have_the_labels_of_kedas_metrics() {
        let text = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: worker, namespace: shop }
spec: { template: { spec: { containers: [{ name: app, command: ["worker"] }] } } }
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: { name: worker-scaler, namespace: shop }
spec:
  scaleTargetRef: { name: worker }
  triggers:
    - { type: cpu, metricType: Utilization, metadata: { value: "50" } }
    - { type: redis, name: jobs, metadata: { address: "127.0.0.1:1", listName: "a:b" } }
    - { type: external, metadata: { scalerAddress: "127.0.0.1:1" } }
"#;
        let manifests = read(&[("worker.yaml".to_owned(), text.to_owned())]).unwrap();
        let plan = Plan::new(&manifests.scaled_objects[0], true, &Pool::new(PoolSettings::default())).unwrap();
        let object = "namespace=\"shop\",scaledObject=\"worker-scaler\"";
        assert_eq!(
            *plan.labels,
            [
                format!("metric=\"s1-redis-a-b\",{object},scaler=\"jobs\",triggerIndex=\"1\",type=\"scaledobject\""),
                format!("metric=\"s2-external\",{object},scaler=\"external\",triggerIndex=\"2\",type=\"scaledobject\""),
            ]
        );
    }
}
