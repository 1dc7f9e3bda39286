//! The numbers of Knative and of KEDA, recorded by running their code, against ours. `ROUSE_VECTORS_KNATIVE` and
//! `ROUSE_VECTORS_KEDA` name other files.

mod closed_loop;
mod decisions;
mod keda;
mod reconciler;
mod windows;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
struct File {
    groups: BTreeMap<String, Group>,
}

#[derive(Deserialize)]
struct Group {
    vectors: Vec<Value>,
}

type Check = fn(&Value);

const GROUPS: [(&str, Check); 14] = [
    ("autoscaler_scale", |v| decisions::scale_calls(read(v))),
    ("decider_initial_status", |v| decisions::initial_status(read(v))),
    ("ebc_same_sign", |v| decisions::same_sign(read(v))),
    ("window_average", |v| windows::average(read(v))),
    ("weighted_smoothing_coefficient", |v| windows::smoothing(read(v))),
    ("round_to_n_digits", |v| windows::rounding(read(v))),
    ("max_window_by_index", |v| windows::max_by_index(read(v))),
    ("max_window_by_time", |v| windows::max_by_time(read(v))),
    ("kpa_scaler_scale", |v| reconciler::scaler(read(v))),
    ("num_activators", |v| reconciler::num_activators(read(v))),
    ("pa_active_condition", |v| reconciler::active_condition(read(v))),
    ("sks_mode", |v| decisions::sks_mode(read(v))),
    ("pod_counting", |v| reconciler::pod_counting(read(v))),
    ("closed_loop_trajectories", |v| closed_loop::trajectory(read(v))),
];

/// Groups that a whole file may hold and that are not the autoscaler's to pass, each with the reason.
const LEFT_OUT: [(&str, &str); 29] = [
    ("activator_concurrency_reporter", "reports are exact here: the counter's own property tests hold instead"),
    ("activator_queue_overflow", "records a defect of Knative's; the activator's queue is bounded"),
    ("annotation_validation", "config reads annotations"),
    ("assign_slice", "every activator sees every pod: there are no slices"),
    ("breaker", "the queue-proxy's gate"),
    ("bucket_owner", "one autoscaler decides: there are no buckets"),
    ("choose_subset", "every activator sees every pod: there are no subsets"),
    ("collector_merge", "reports are exact here: no estimate has to be taken back a second later"),
    ("config_autoscaler", "config reads settings"),
    ("config_defaults", "config reads settings"),
    ("forwarded_shim", "the queue-proxy's HTTP"),
    ("hpa", "there is no HPA class"),
    ("http_behaviour", "the queue-proxy's and activator's HTTP"),
    ("infer_index", "every activator sees every pod: there are no slices"),
    ("lb_policy_by_concurrency", "the activator's balancing"),
    ("lb_sequences", "the activator's balancing"),
    ("metric_target", "config works out targets"),
    ("pick_indices", "every activator sees every pod: there are no slices"),
    ("pod_assignment_finite", "the activator's balancing"),
    ("power_of_two_with_zero_targets", "records a defect of Knative's balancing"),
    ("request_stats", "the queue-proxy's counter"),
    ("route_tag", "the activator's HTTP"),
    ("scrape_average", "pods report: nothing is scraped"),
    ("scrape_sample_size", "pods report: nothing is scraped"),
    ("sks_public_endpoints", "there are no SKS objects"),
    ("stat_wire", "the Link has a wire format of its own"),
    ("throttler_capacity", "the activator's capacity"),
    ("timeout_handler", "the queue-proxy's HTTP"),
    ("windows", "config works out windows"),
];

fn read<T: DeserializeOwned>(vector: &Value) -> T {
    T::deserialize(vector).unwrap_or_else(|error| panic!("unreadable: {error}"))
}

/// Whether two floats are the same to one part in 10⁹.
fn same(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-9)
}

#[test]
fn knative_vectors() {
    let path = std::env::var("ROUSE_VECTORS_KNATIVE")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../config/tests/vectors/knative.json").to_owned());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));

    let mut failures = Vec::new();
    for (name, check) in GROUPS {
        let Some(group) = file.groups.get(name) else {
            failures.push(format!("{name} is not in {path}"));
            continue;
        };
        let failed = group.vectors.iter().enumerate().filter(|(_, vector)| !passes(check, vector));
        let failed: Vec<_> = failed.map(|(index, vector)| format!("{name}[{index}] {}", vector["id"])).collect();
        println!("{name}: {}/{}", group.vectors.len() - failed.len(), group.vectors.len());
        failures.extend(failed);
    }
    for name in file.groups.keys().filter(|name| GROUPS.iter().all(|(group, _)| group != name)) {
        let reason = LEFT_OUT.iter().find(|(group, _)| group == name).map_or("not known here", |(_, reason)| reason);
        println!("{name}: left out: {reason}");
    }
    assert!(failures.is_empty(), "{} failed: {failures:#?}", failures.len());
}

fn passes(check: Check, vector: &Value) -> bool {
    catch_unwind(AssertUnwindSafe(|| check(vector))).is_ok()
}
