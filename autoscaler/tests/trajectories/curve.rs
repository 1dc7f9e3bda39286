//! Load curves: those of Knative's vectors, and some of our own.

use std::time::Duration;

use config::{Aggregation, BurstCapacity, Metric, Mode, Policy};
use serde::Deserialize;

/// How long a curve is.
pub(crate) const SECONDS: u64 = 240;

/// One curve and the pods that answer it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Curve {
    /// Its name.
    pub(crate) id: String,
    pub(crate) spec: Spec,
    panic_window_s: u64,
    algorithm: String,
    pub(crate) initial_ready_pods: u32,
    pub(crate) pod_ready_after_s: u64,
    pub(crate) min_pods: u32,
    pub(crate) max_pods: u32,
    offered_load: Vec<Segment>,
    pub(crate) no_metrics_from_s: Option<u64>,
    no_metrics_to_s: Option<u64>,
    /// What Knative's own code came to.
    #[serde(rename = "expect_ready_pod_seconds")]
    pub(crate) knative_pod_seconds: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Spec {
    metric: String,
    target: f64,
    total: f64,
    tbc: f64,
    panic_threshold: f64,
    max_scale_up_rate: f64,
    max_scale_down_rate: f64,
    pub(crate) stable_window_s: u64,
    scale_down_delay_s: u64,
    activation_scale: u32,
}

#[derive(Clone, Debug, Deserialize)]
struct Segment {
    from_s: u64,
    to_s: u64,
    value_at_from: f64,
    value_at_to: f64,
}

impl Curve {
    /// A curve of our own: straight lines (from, to, load at from, load at to), with the vectors' usual settings.
    pub(crate) fn new(
        id: &str,
        initial_ready_pods: u32,
        pod_ready_after_s: u64,
        lines: &[(u64, u64, f64, f64)],
    ) -> Curve {
        let spec = Spec {
            metric: "concurrency".to_owned(),
            target: 7.0,
            total: 10.0,
            tbc: 211.0,
            panic_threshold: 2.0,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            stable_window_s: 60,
            scale_down_delay_s: 0,
            activation_scale: 0,
        };
        let segment =
            |&(from_s, to_s, value_at_from, value_at_to): &_| Segment { from_s, to_s, value_at_from, value_at_to };
        Curve {
            id: id.to_owned(),
            spec,
            panic_window_s: 6,
            algorithm: "linear".to_owned(),
            initial_ready_pods,
            pod_ready_after_s,
            min_pods: 0,
            max_pods: 0,
            offered_load: lines.iter().map(segment).collect(),
            no_metrics_from_s: None,
            no_metrics_to_s: None,
            knative_pod_seconds: None,
        }
    }

    /// At most so many pods.
    pub(crate) fn at_most(self, max_pods: u32) -> Curve {
        Curve { max_pods, ..self }
    }

    /// No metrics in these seconds, while traffic goes on.
    pub(crate) fn blind(self, from: u64, to: u64) -> Curve {
        Curve { no_metrics_from_s: Some(from), no_metrics_to_s: Some(to), ..self }
    }

    /// What one pod is aimed to carry.
    pub(crate) fn target(&self) -> f64 {
        self.spec.target
    }

    /// The settings, in `mode`.
    pub(crate) fn policy(&self, mode: Mode) -> Policy {
        let spec = &self.spec;
        Policy {
            mode,
            metric: if spec.metric == "rps" { Metric::Rps } else { Metric::Concurrency },
            target: spec.target,
            total: spec.total,
            burst_capacity: if spec.tbc < 0.0 { BurstCapacity::Unlimited } else { BurstCapacity::Of(spec.tbc) },
            panic_threshold: spec.panic_threshold,
            max_scale_up_rate: spec.max_scale_up_rate,
            max_scale_down_rate: spec.max_scale_down_rate,
            stable_window: Duration::from_secs(spec.stable_window_s),
            panic_window: Duration::from_secs(self.panic_window_s),
            scale_down_delay: Duration::from_secs(spec.scale_down_delay_s),
            activation_scale: spec.activation_scale,
            aggregation: match self.algorithm.as_str() {
                "linear" => Aggregation::Linear,
                _ => Aggregation::WeightedExponential,
            },
            ..Policy::default()
        }
    }

    pub(crate) fn offered(&self, second: u64) -> f64 {
        let Some(segment) = self.offered_load.iter().find(|s| (s.from_s..s.to_s).contains(&second)) else {
            return 0.0;
        };
        let part = (second - segment.from_s) as f64 / (segment.to_s - segment.from_s) as f64;
        let value = segment.value_at_from + (segment.value_at_to - segment.value_at_from) * part;
        (value * 1000.0).round() / 1000.0
    }

    pub(crate) fn is_blind(&self, second: u64) -> bool {
        let from = self.no_metrics_from_s.unwrap_or(u64::MAX);
        (from..self.no_metrics_to_s.unwrap_or(u64::MAX)).contains(&second)
    }
}

#[derive(Deserialize)]
struct File {
    groups: Groups,
}

#[derive(Deserialize)]
struct Groups {
    closed_loop_trajectories: Group,
}

#[derive(Deserialize)]
struct Group {
    vectors: Vec<Curve>,
}

/// The curves of Knative's vectors (`ROUSE_VECTORS_KNATIVE` names another file), and some more.
pub(crate) fn curves() -> Vec<Curve> {
    let path = std::env::var("ROUSE_VECTORS_KNATIVE")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../config/tests/vectors/knative.json").to_owned());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut curves = file.groups.closed_loop_trajectories.vectors;
    for own in own_curves() {
        if curves.iter().all(|curve| curve.id != own.id) {
            curves.push(own);
        }
    }
    curves
}

fn own_curves() -> Vec<Curve> {
    let on_off: Vec<_> = (0..5).map(|n| (20 * n, 20 * n + 10, 60.0, 60.0)).collect();
    let swings: Vec<_> = (0..SECONDS).map(|s| (s, s + 1, 42.0 + (s * 7_919 % 37) as f64, 0.0)).collect();
    vec![
        Curve::new("ramp-0-300-in-60s", 1, 3, &[(0, 60, 0.0, 300.0), (60, 148, 300.0, 300.0)]),
        Curve::new("on-off-10s", 1, 3, &on_off),
        Curve::new("gentle-60-to-120", 9, 2, &[(0, 60, 60.0, 60.0), (60, 180, 60.0, 120.0), (180, 240, 120.0, 120.0)]),
        Curve::new("max-10", 1, 4, &[(2, 120, 300.0, 300.0)]).at_most(10),
        Curve::new("noise-60", 9, 2, &swings),
        Curve::new("metrics-outage-hits-60s-edge", 10, 2, &[(0, 240, 60.0, 60.0)]).blind(81, 200),
        Curve::new("slow-burst-twice", 1, 20, &[(0, 30, 5.0, 5.0), (30, 90, 80.0, 80.0), (90, 120, 160.0, 160.0)]),
    ]
}
