//! What Knative's own code accepts, refuses and computes, replayed here.
//!
//! The vectors were recorded by running Knative (see `meta` in the file). `ROUSE_VECTORS_KNATIVE` names another file of
//! the same form to replay instead. `cargo test -p config --test vectors -- --nocapture` prints passes by group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use config::annotations::Scaling;
use config::{AutoscalerConfig, BurstCapacity, Defaults, Findings, Policy, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct File {
    groups: BTreeMap<String, Group>,
}

#[derive(Deserialize)]
struct Group {
    vectors: Vec<Value>,
}

/// Replays every vector of the group `name`; `check` says what is wrong with one.
#[expect(clippy::print_stdout, reason = "passes by group are for people to read")]
fn replay(name: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let path = std::env::var("ROUSE_VECTORS_KNATIVE")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/knative.json").to_owned());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let vectors = file.groups.remove(name).unwrap_or_else(|| panic!("{path} has no group {name}")).vectors;
    assert!(!vectors.is_empty(), "{name} is empty");
    let failures: Vec<String> = vectors
        .iter()
        .filter_map(|vector| check(vector).err().map(|error| format!("{name}: {error}\n  in {vector}")))
        .collect();
    println!("{name}: {} of {} pass", vectors.len() - failures.len(), vectors.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(value.clone()).expect("a map of strings")
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The words in `text` that `known` has: the keys that an error names.
fn named(text: &str, known: impl Fn(&str) -> bool) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "./-".contains(c)));
    words.map(|word| word.trim_matches('.')).filter(|word| known(word)).collect()
}

fn expect_equal<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, knatives: T) -> Result<(), String> {
    if ours == knatives { Ok(()) } else { Err(format!("{what}: {ours:?} instead of {knatives:?}")) }
}

/// Refused by one and not by the other, or for other keys: that is the difference that users would see.
fn expect_same_outcome(
    vector: &Value,
    problems: &[Problem],
    known: impl Fn(&str) -> bool + Copy,
) -> Result<(), String> {
    let ours = lines(problems);
    expect_equal(&format!("accepted ({ours})"), problems.is_empty(), vector["ok"] == json!(true))?;
    let theirs = vector["error"].as_str().expect("an error text");
    expect_equal("keys named", named(&ours, known), named(theirs, known))
}

#[test]
fn annotation_validation() {
    replay("annotation_validation", |vector| {
        let given = &vector["config"];
        let number = |key: &str| given[key].as_u64().map(|n| n as u32).expect("a number");
        let config = AutoscalerConfig {
            class: given["pod_autoscaler_class"].as_str().expect("a class").to_owned(),
            allow_zero_initial_scale: given["allow_zero_initial_scale"] == json!(true),
            max_scale: number("max_scale"),
            max_scale_limit: number("max_scale_limit"),
            ..AutoscalerConfig::default()
        };
        let mut found = Findings::default();
        Scaling::read(&strings(&vector["annotations"]), &config, &mut found);
        expect_same_outcome(vector, &found.problems, |word| word.starts_with("autoscaling.knative.dev/"))
    });
}

#[test]
fn config_autoscaler() {
    replay("config_autoscaler", |vector| {
        let input = strings(&vector["input"]);
        let mut found = Findings::default();
        let config = AutoscalerConfig::from_data(&input, &mut found);
        // Knative's texts also name the keys that a value is compared with; ours name at least those that are wrong.
        expect_equal(&lines(&found.problems), found.problems.is_empty(), vector["ok"] == json!(true))?;
        if let Some(problem) = found.problems.first() {
            let theirs = vector["error"].as_str().expect("an error text");
            let named = theirs.contains(&problem.key);
            return expect_equal(&format!("{theirs} names {}", problem.key), named, true);
        }
        for (key, expected) in vector["parsed"].as_object().expect("parsed values") {
            expect_equal(key, setting(&config, key), expected.clone()).or_else(|error| {
                let both = setting(&config, key).as_f64().zip(expected.as_f64());
                both.filter(|(ours, theirs)| (ours - theirs).abs() <= 1e-9 * theirs.abs()).map(|_| ()).ok_or(error)
            })?;
        }
        Ok(())
    });
}

/// The value of a setting, under the name that the vectors have for it.
fn setting(config: &AutoscalerConfig, name: &str) -> Value {
    match name {
        "activator-capacity" => json!(config.activator_capacity),
        "allow-zero-initial-scale" => json!(config.allow_zero_initial_scale),
        "container-concurrency-target-default" => json!(config.concurrency_target),
        "container-concurrency-target-fraction" => json!(config.concurrency_utilization),
        "enable-scale-to-zero" => json!(config.scale_to_zero),
        "initial-scale" => json!(config.initial_scale),
        "max-scale" => json!(config.max_scale),
        "max-scale-down-rate" => json!(config.max_scale_down_rate),
        "max-scale-limit" => json!(config.max_scale_limit),
        "max-scale-up-rate" => json!(config.max_scale_up_rate),
        "min-scale" => json!(config.min_scale),
        // Not of the ConfigMap: what an rps workload without annotations is aimed at.
        "non-concurrency-target-utilization" => {
            let rps = [("metric".to_owned(), "rps".to_owned()), ("target".to_owned(), "1".to_owned())];
            json!(policy(&rps.into(), &AutoscalerConfig::default(), 0).target)
        }
        "panic-threshold-percentage" => json!(config.panic_threshold_percentage),
        "panic-window-percentage" => json!(config.panic_window_percentage),
        "pod-autoscaler-class" => json!(config.class),
        "requests-per-second-target-default" => json!(config.rps_target),
        "scale-down-delay-s" => json!(config.scale_down_delay.as_secs_f64()),
        "scale-to-zero-grace-period-s" => json!(config.grace_period.as_secs_f64()),
        "scale-to-zero-pod-retention-period-s" => json!(config.retention.as_secs_f64()),
        "stable-window-s" => json!(config.stable_window.as_secs_f64()),
        "target-burst-capacity" => match config.burst_capacity {
            BurstCapacity::Unlimited => json!(-1),
            BurstCapacity::Of(capacity) => json!(capacity),
        },
        other => panic!("the vectors have a setting {other} that we do not"),
    }
}

#[test]
fn config_defaults() {
    replay("config_defaults", |vector| {
        let mut found = Findings::default();
        let defaults = Defaults::from_data(&strings(&vector["input"]), &mut found);
        expect_equal(&lines(&found.problems), found.problems.is_empty(), vector["ok"] == json!(true))?;
        if let Some(problem) = found.problems.first() {
            let theirs = vector["error"].as_str().expect("an error text");
            return expect_equal(&format!("{theirs} names {}", problem.key), theirs.contains(&problem.key), true);
        }
        let ours = json!({
            "allow-container-concurrency-zero": defaults.allow_container_concurrency_zero,
            "container-concurrency": defaults.container_concurrency,
            "container-concurrency-max-limit": defaults.max_container_concurrency,
            "max-revision-timeout-seconds": defaults.max_timeout.as_secs(),
            "revision-idle-timeout-seconds": defaults.idle_timeout.as_secs(),
            "revision-response-start-timeout-seconds": defaults.response_start_timeout.as_secs(),
            "revision-timeout-seconds": defaults.timeout.as_secs(),
        });
        expect_equal("parsed", &ours, &vector["parsed"])
    });
}

/// The policy of a workload with these annotations, given without Knative's prefix.
fn policy(annotations: &BTreeMap<String, String>, config: &AutoscalerConfig, container_concurrency: u32) -> Policy {
    let annotations =
        annotations.iter().map(|(key, text)| (format!("autoscaling.knative.dev/{key}"), text.clone())).collect();
    let mut found = Findings::default();
    let scaling = Scaling::read(&annotations, config, &mut found);
    let policy = Policy::new(&scaling, config, container_concurrency, &mut found);
    assert_eq!(found.problems, []);
    policy
}

#[test]
fn metric_target() {
    replay("metric_target", |vector| {
        let number = |value: &Value| value.as_f64().expect("a number");
        let given = &vector["config"];
        let config = AutoscalerConfig {
            concurrency_target: number(&given["cc_target_default"]),
            concurrency_utilization: number(&given["cc_target_fraction"]),
            rps_target: number(&given["rps_target_default"]),
            ..AutoscalerConfig::default()
        };
        let container_concurrency = vector["container_concurrency"].as_u64().expect("a number") as u32;
        let policy = policy(&strings(&vector["annotations"]), &config, container_concurrency);
        for (what, ours, theirs) in [
            ("target", policy.target, number(&vector["expect_target"])),
            ("total", policy.total, number(&vector["expect_total"])),
        ] {
            if (ours - theirs).abs() > 1e-9 * theirs.abs() {
                return Err(format!("{what}: {ours} instead of {theirs}"));
            }
        }
        Ok(())
    });
}

#[test]
fn windows() {
    replay("windows", |vector| {
        let annotations = [
            ("window", &vector["stable_window_annotation"]),
            ("panic-window-percentage", &vector["panic_window_percentage_annotation"]),
        ];
        let annotations = annotations
            .into_iter()
            .map(|(key, text)| (key.to_owned(), text.as_str().expect("a text").to_owned()))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let policy = policy(&annotations, &AutoscalerConfig::default(), 0);
        let seconds = |key: &str| Duration::from_secs(vector[key].as_u64().expect("seconds"));
        expect_equal("stable window", policy.stable_window, seconds("expect_stable_s"))?;
        expect_equal("panic window", policy.panic_window, seconds("expect_panic_s"))
    });
}
