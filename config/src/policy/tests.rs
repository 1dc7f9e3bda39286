//! Annotations to policies.

use proptest::prelude::*;

use super::*;
use crate::annotations::Annotations;

fn policy(pairs: &[(&str, &str)]) -> (Policy, Vec<String>) {
    let annotations: Annotations =
        pairs.iter().map(|(key, text)| (format!("autoscaling.knative.dev/{key}"), (*text).to_owned())).collect();
    let config = AutoscalerConfig::default();
    let mut found = Findings::default();
    let scaling = Scaling::read(&annotations, &config, &mut found);
    let policy = Policy::new(&scaling, &config, 0, &mut found);
    (policy, found.problems.iter().map(ToString::to_string).collect())
}

#[test]
fn nothing_written_is_the_default_policy() {
    assert_eq!(policy(&[]), (Policy::default(), vec![]));
}

#[test]
fn annotations_win_over_the_config() {
    let (policy, problems) = policy(&[
        ("metric", "rps"),
        ("target", "50"),
        ("target-burst-capacity", "-1"),
        ("window", "20s"),
        ("panic-threshold-percentage", "150"),
        ("metric-aggregation-algorithm", "weightedExponential"),
    ]);
    assert_eq!(problems, [""; 0]);
    assert_eq!((policy.metric, policy.total, policy.target), (Metric::Rps, 50.0, 35.0));
    assert_eq!(policy.burst_capacity, BurstCapacity::Unlimited);
    assert_eq!((policy.stable_window, policy.panic_window), (Duration::from_secs(20), Duration::from_secs(2)));
    assert_eq!(policy.panic_threshold, 1.5);
    assert_eq!(policy.aggregation, Aggregation::WeightedExponential);
}

fn against(config: &AutoscalerConfig, pairs: &[(&str, &str)]) -> Vec<String> {
    let annotations = pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    let mut found = Findings::default();
    let scaling = Scaling::read(&annotations, config, &mut found);
    Policy::new(&scaling, config, 0, &mut found);
    let warnings = found.warnings.iter().map(|warning| format!("warning: {warning}"));
    found.problems.iter().map(ToString::to_string).chain(warnings).collect()
}

#[test]
fn scales_that_contradict_the_config_name_both() {
    let config = AutoscalerConfig { min_scale: 3, max_scale: 6, ..AutoscalerConfig::default() };
    assert_eq!(
        against(
            &config,
            &[("autoscaling.knative.dev/min-scale", "7"), ("autoscaling.knative.dev/activation-scale", "8")]
        ),
        [
            "autoscaling.knative.dev/min-scale: \"7\" is more than max-scale of config-autoscaler (6)",
            "autoscaling.knative.dev/activation-scale: \"8\" is more than max-scale of config-autoscaler (6)",
        ]
    );
    assert_eq!(
        against(&config, &[("autoscaling.knative.dev/maxScale", "2")]),
        ["autoscaling.knative.dev/maxScale: \"2\" is less than min-scale of config-autoscaler (3)"]
    );
    let both = [("autoscaling.knative.dev/min-scale", "1"), ("autoscaling.knative.dev/max-scale", "2")];
    assert_eq!(against(&config, &both), [""; 0]);
    assert_eq!(against(&config, &[("autoscaling.knative.dev/max-scale", "0")]), [""; 0]);
}

#[test]
fn steps_are_done_without_by_name_and_none_is_taken_in_knatives_mode() {
    let read = |pairs: &[(&str, &str)]| {
        let annotations = pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        let config = AutoscalerConfig::default();
        let mut found = Findings::default();
        Policy::new(&Scaling::read(&annotations, &config, &mut found), &config, 0, &mut found)
    };
    let taken = |policy: Policy| Departure::ALL.into_iter().filter(move |&departure| policy.takes(departure)).count();
    assert_eq!(taken(read(&[])), 7, "all but the floor");
    assert_eq!(taken(read(&[("rouse.dev/activation-floor", "true"), ("rouse.dev/without", "burst-step")])), 7);
    assert_eq!(taken(read(&[("rouse.dev/mode", "knative")])), 0);
    assert!(read(&[("rouse.dev/paused", "true")]).paused);
    assert_eq!(
        against(
            &AutoscalerConfig::default(),
            &[("rouse.dev/mode", "knative"), ("rouse.dev/without", "burst-step"), ("rouse.dev/paused", "maybe")]
        ),
        [
            "rouse.dev/paused: \"maybe\" is neither true nor false",
            "warning: rouse.dev/without: has no effect: with rouse.dev/mode: \"knative\" none of these steps is taken",
        ]
    );
}

#[test]
fn what_is_not_of_requests_says_what_to_use_instead() {
    let (_, problems) = policy(&[("class", "hpa.autoscaling.knative.dev"), ("metric", "cpu")]);
    assert_eq!(
        problems,
        [
            "autoscaling.knative.dev/class: \"hpa.autoscaling.knative.dev\" is not served: Rouse scales on requests: \
             use metric concurrency or rps with a target, or leave the workload to a HorizontalPodAutoscaler \
             without Rouse",
            "autoscaling.knative.dev/metric: \"cpu\" is not measured: Rouse scales on requests: use metric \
             concurrency or rps with a target, or leave the workload to a HorizontalPodAutoscaler without Rouse",
        ]
    );
}

#[test]
fn what_knative_lets_pass_by_mistake_is_refused() {
    let (policy, problems) = policy(&[
        ("class", "example.com/mine"),
        ("target", "NaN"),
        ("panic-window-percentage", "NaN"),
        ("target-burst-capacity", "Inf"),
        ("metric-aggregation-algorithm", "random"),
    ]);
    assert_eq!(
        problems,
        [
            "autoscaling.knative.dev/class: \"example.com/mine\" is not served: the class must be \
             kpa.autoscaling.knative.dev",
            "autoscaling.knative.dev/target: \"NaN\" is not a finite number",
            "autoscaling.knative.dev/panic-window-percentage: \"NaN\" is not a finite number",
            "autoscaling.knative.dev/target-burst-capacity: \"Inf\" is not a finite number",
            "autoscaling.knative.dev/metric-aggregation-algorithm: \"random\" is not an aggregation: it must be \
             linear or weighted-exponential",
        ]
    );
    assert_eq!(policy, Policy::default());
}

proptest! {
    #[test]
    fn a_target_never_exceeds_what_a_pod_can_carry(
        container_concurrency in 0_u32..2_000,
        target in 0.01_f64..5_000.0,
        percentage in 1.0_f64..100.0,
    ) {
        let annotations = Annotations::from([
            ("autoscaling.knative.dev/target".to_owned(), target.to_string()),
            ("autoscaling.knative.dev/target-utilization-percentage".to_owned(), percentage.to_string()),
        ]);
        let config = AutoscalerConfig::default();
        let mut found = Findings::default();
        let scaling = Scaling::read(&annotations, &config, &mut found);
        let policy = Policy::new(&scaling, &config, container_concurrency, &mut found);
        prop_assert_eq!(found.problems, vec![]);
        prop_assert!(policy.target >= MIN_TARGET && policy.target <= policy.total.max(MIN_TARGET));
        prop_assert!(container_concurrency == 0 || policy.total <= f64::from(container_concurrency));
    }
}
