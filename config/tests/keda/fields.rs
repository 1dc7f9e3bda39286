//! Every field, and what holds without it.

use std::collections::BTreeMap;
use std::time::Duration;

use config::WorkloadId;
use config::keda::{
    Amount, AuthRef, Behavior, Calculation, Fallback, FallbackBehavior, MetricType, Modifiers, Replicas, Rollout,
    Rules, ScaleTarget, ScaledObject, ScalingPolicy, ScalingStrategy, Select, Steps, Strategy, Switches, ToZero,
    Trigger,
};
use serde_json::json;

use super::{authentication, scaled_job, scaled_object};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy(amount: Amount, period: u64) -> ScalingPolicy {
    ScalingPolicy { amount, period: seconds(period) }
}

#[test]
fn without_a_word_a_scaled_object_has_kedas_defaults() {
    let (object, warnings) = scaled_object(&json!({})).unwrap();
    let trigger = Trigger {
        kind: "redis".into(),
        name: None,
        metadata: BTreeMap::from([("listName".into(), "jobs".into())]),
        authentication: None,
        metric_type: MetricType::AverageValue,
        use_cached_metrics: false,
    };
    let expected = ScaledObject {
        namespace: "shop".into(),
        name: "worker".into(),
        target: ScaleTarget {
            workload: WorkloadId::new("shop", "Deployment", "worker"),
            api_version: "apps/v1".into(),
            env_container: None,
        },
        polling_interval: seconds(30),
        initial_cooldown: seconds(0),
        cooldown: seconds(300),
        replicas: Replicas { idle: None, min: 0, max: 100 },
        triggers: vec![trigger],
        fallback: None,
        restore_original: false,
        behavior: None,
        modifiers: None,
        switches: Switches::default(),
        steps: Steps { period: seconds(15), to_zero: ToZero::ByPolicies, drain_backlog: false },
    };
    assert_eq!((object, warnings), (expected, vec![]));
}

#[test]
fn every_field_of_a_scaled_object_is_read() {
    let spec = json!({
        "scaleTargetRef": { "name": "db", "kind": "StatefulSet", "apiVersion": "apps/v1", "envSourceContainerName": "x" },
        "pollingInterval": 5, "initialCooldownPeriod": 10, "cooldownPeriod": 60,
        "idleReplicaCount": 0, "minReplicaCount": 2, "maxReplicaCount": 9,
        "fallback": { "failureThreshold": 3, "replicas": 6, "behavior": "currentReplicasIfHigher" },
        "advanced": {
            "restoreToOriginalReplicaCount": true,
            "scalingModifiers": { "formula": " a + b ", "target": "2.5", "activationTarget": "1", "metricType": "Value" },
            "horizontalPodAutoscalerConfig": {
                "name": "mine",
                "behavior": { "scaleDown": {
                    "stabilizationWindowSeconds": 60, "selectPolicy": "Min", "tolerance": "50m",
                    "policies": [{ "type": "Percent", "value": 50, "periodSeconds": 15 },
                                 { "type": "Pods", "value": 1, "periodSeconds": 60 }],
                } },
            },
        },
        "triggers": [
            { "type": "redis", "name": "a", "metricType": "Value", "useCachedMetrics": true,
              "authenticationRef": { "name": "auth", "kind": "ClusterTriggerAuthentication" } },
            { "type": "cpu", "metadata": { "value": "60" } },
        ],
    });
    let (object, warnings) = scaled_object(&spec).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(object.target.workload, WorkloadId::new("shop", "StatefulSet", "db"));
    assert_eq!(object.target.env_container.as_deref(), Some("x"));
    assert_eq!(
        (object.polling_interval, object.initial_cooldown, object.cooldown),
        (seconds(5), seconds(10), seconds(60))
    );
    assert_eq!(object.replicas, Replicas { idle: Some(0), min: 2, max: 9 });
    let behavior = FallbackBehavior::CurrentReplicasIfHigher;
    assert_eq!(object.fallback, Some(Fallback { failure_threshold: 3, replicas: 6, behavior }));
    assert!(object.restore_original);
    let (formula, metric_type) = ("a + b".to_owned(), MetricType::Value);
    assert_eq!(object.modifiers, Some(Modifiers { formula, target: 2.5, activation_target: 1.0, metric_type }));
    let down = Rules {
        stabilization: seconds(60),
        select: Select::Min,
        policies: vec![policy(Amount::Percent(50), 15), policy(Amount::Pods(1), 60)],
        tolerance: 0.05,
    };
    assert_eq!(object.behavior, Some(Behavior { down, ..Behavior::default() }));
    let [redis, cpu] = &object.triggers[..] else { panic!() };
    assert_eq!((redis.metric_type, redis.use_cached_metrics), (MetricType::Value, true));
    assert_eq!(redis.authentication, Some(AuthRef { name: "auth".into(), cluster: true }));
    assert_eq!((cpu.metric_type, cpu.is_resource()), (MetricType::Utilization, true));
}

#[test]
fn what_is_not_said_of_behavior_is_as_kubernetes_has_it() {
    let behavior = json!({ "advanced": { "horizontalPodAutoscalerConfig": { "behavior": { "scaleUp": {} } } } });
    let (object, _) = scaled_object(&behavior).unwrap();
    let rules = |stabilization, policies| Rules {
        stabilization: seconds(stabilization),
        select: Select::Max,
        policies,
        tolerance: 0.1,
    };
    let up = rules(0, vec![policy(Amount::Pods(4), 15), policy(Amount::Percent(100), 15)]);
    let down = rules(300, vec![policy(Amount::Percent(100), 15)]);
    assert_eq!(object.behavior, Some(Behavior { up, down }));
}

#[test]
fn every_field_of_a_scaled_job_is_read() {
    let (job, warnings) = scaled_job(&json!({})).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!((job.min, job.max, job.on_demand, job.successful_kept, job.failed_kept), (0, 100, 100, 100, 100));
    assert_eq!((job.rollout, job.scaling, job.paused), (Rollout::default(), ScalingStrategy::default(), false));
    assert_eq!((job.job.parallelism, job.job.completions, job.job.backoff_limit), (1, None, 6));

    let (job, warnings) = scaled_job(&json!({
        "jobTargetRef": { "parallelism": 2, "completions": 1, "activeDeadlineSeconds": 300, "backoffLimit": 3,
                          "template": { "spec": { "containers": [] } } },
        "pollingInterval": 10, "minReplicaCount": 1, "maxReplicaCount": 20,
        "successfulJobsHistoryLimit": 5, "failedJobsHistoryLimit": 6, "envSourceContainerName": "x",
        "rolloutStrategy": "gradual", "rollout": { "propagationPolicy": "foreground" },
        "scalingStrategy": { "strategy": "accurate", "pendingPodConditions": ["Ready"],
                             "multipleScalersCalculation": "sum" },
    }))
    .unwrap();
    assert_eq!((job.min, job.max, job.on_demand, job.successful_kept, job.failed_kept), (1, 20, 19, 5, 6));
    assert_eq!((job.polling_interval, job.env_container.as_deref()), (seconds(10), Some("x")));
    assert_eq!(job.rollout, Rollout { gradual: true, foreground: true });
    let pending_pod_conditions = vec!["Ready".to_owned()];
    let (strategy, calculation) = (Strategy::Accurate, Calculation::Sum);
    assert_eq!(job.scaling, ScalingStrategy { strategy, pending_pod_conditions, calculation });
    assert_eq!((job.job.parallelism, job.job.completions, job.job.deadline), (2, Some(1), Some(seconds(300))));
    assert_eq!(job.job.spec["template"]["spec"]["containers"], json!([]));
    assert_eq!(warnings, ["ScaledJob shop/worker: spec.rolloutStrategy: is deprecated: write rollout.strategy"]);
}

#[test]
fn every_source_of_an_authentication_is_read() {
    let (read, warnings) = authentication(&json!({
        "podIdentity": { "provider": "none" },
        "secretTargetRef": [{ "parameter": "password", "name": "redis", "key": "p" }],
        "configMapTargetRef": [{ "parameter": "address", "name": "redis", "key": "a" }],
        "env": [{ "parameter": "username", "name": "USER", "containerName": "app" }],
    }))
    .unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!((read.namespace.as_deref(), read.name.as_str()), (Some("shop"), "worker"));
    assert_eq!((read.secrets[0].parameter.as_str(), read.secrets[0].key.as_str()), ("password", "p"));
    assert_eq!((read.config_maps[0].parameter.as_str(), read.config_maps[0].name.as_str()), ("address", "redis"));
    assert_eq!((read.env[0].name.as_str(), read.env[0].container.as_deref()), ("USER", Some("app")));
}

#[test]
fn an_authentication_of_the_whole_cluster_has_no_namespace_and_may_be_a_file() {
    let object = json!({ "metadata": { "name": "vault" }, "spec": { "filePath": "redis.json" } });
    let (read, _) = config::keda::TriggerAuthentication::on_cluster(&object).unwrap();
    assert_eq!((read.namespace, read.file_path.as_deref()), (None, Some("redis.json")));
}

#[test]
fn what_a_tutorial_calls_the_interval_is_taken() {
    let interval = |spec: serde_json::Value| scaled_object(&spec).map(|(object, _)| object.polling_interval);
    let trigger = |text: &str| json!([{ "type": "prometheus", "metadata": { "queryInterval": text } }]);
    assert_eq!(interval(json!({ "triggers": trigger("10s") })), Ok(seconds(10)));
    assert_eq!(interval(json!({ "triggers": trigger("15") })), Ok(seconds(15)));
    assert_eq!(interval(json!({ "triggers": trigger("10s"), "pollingInterval": 5 })), Ok(seconds(5)));
    assert!(interval(json!({ "triggers": trigger("10ms") })).is_err());
}
