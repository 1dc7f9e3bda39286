//! Window averages, rounding, sliding maxima.

use std::time::Duration;

use autoscaler::max_window::MaxWindow;
use autoscaler::window::{Window, round_to_digits, smoothing_coefficient};
use config::{Aggregation, Time};
use serde::Deserialize;

use crate::same;

#[derive(Deserialize)]
pub(crate) struct AverageVector {
    algorithm: String,
    window_s: u64,
    ops: Vec<Op>,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Op {
    Record { t: f64, v: f64 },
    Average { t: f64, expect: f64, empty: bool },
    Resize { window_s: u64 },
}

/// Vectors start at 0 and some go back before it.
const BASE: f64 = 1e6;

fn second(t: f64) -> u64 {
    (BASE + t).floor() as u64
}

pub(crate) fn aggregation(algorithm: &str) -> Aggregation {
    match algorithm {
        "linear" => Aggregation::Linear,
        "weighted-exponential" => Aggregation::WeightedExponential,
        other => panic!("no algorithm {other}"),
    }
}

pub(crate) fn average(vector: AverageVector) {
    let mut window = Window::new(aggregation(&vector.algorithm), vector.window_s);
    for (index, op) in vector.ops.iter().enumerate() {
        match *op {
            Op::Record { t, v } => window.record(second(t), v),
            Op::Average { t, expect, empty } => {
                let ours = window.average(second(t));
                assert!(same(ours, expect), "op {index}: {ours} is not {expect}");
                assert_eq!(window.is_empty(second(t)), empty, "op {index}");
            }
            Op::Resize { window_s } => window.resize(window_s),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Smoothing {
    buckets: u64,
    expect: f64,
}

pub(crate) fn smoothing(vector: Smoothing) {
    let ours = smoothing_coefficient(vector.buckets);
    assert!(same(ours, vector.expect), "{ours} is not {}", vector.expect);
}

#[derive(Deserialize)]
pub(crate) struct Rounding {
    digits: i32,
    value: f64,
    expect: f64,
}

pub(crate) fn rounding(vector: Rounding) {
    let ours = round_to_digits(vector.value, vector.digits);
    assert!(same(ours, vector.expect), "{ours} is not {}", vector.expect);
}

#[derive(Deserialize)]
pub(crate) struct MaxByIndex {
    size: u64,
    index: Vec<u64>,
    value: Vec<u32>,
    expect: Vec<u32>,
}

pub(crate) fn max_by_index(vector: MaxByIndex) {
    let mut window = MaxWindow::new(Duration::from_secs(vector.size), Duration::from_secs(1));
    let ours: Vec<u32> =
        vector.index.iter().zip(&vector.value).map(|(&index, &value)| window.record_at(index, value)).collect();
    assert_eq!(ours, vector.expect);
}

#[derive(Deserialize)]
pub(crate) struct MaxByTime {
    duration_s: u64,
    granularity_s: u64,
    t: Vec<f64>,
    value: Vec<u32>,
    expect: Vec<u32>,
}

pub(crate) fn max_by_time(vector: MaxByTime) {
    let mut window = MaxWindow::new(Duration::from_secs(vector.duration_s), Duration::from_secs(vector.granularity_s));
    let ours: Vec<u32> =
        vector.t.iter().zip(&vector.value).map(|(&t, &value)| window.record(Time::from_secs_f64(t), value)).collect();
    assert_eq!(ours, vector.expect);
}
