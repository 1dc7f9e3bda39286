//! `config-autoscaler`: how workloads are scaled that do not say otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::BurstCapacity;
use crate::config_map::ConfigMap;
use crate::duration::GoDuration;
use crate::problem::Findings;
use crate::value::{self, NOT_NEGATIVE, POSITIVE};

/// The class of workloads that are scaled on their requests: Knative's default and the only one that Rouse is.
pub const KPA_CLASS: &str = "kpa.autoscaling.knative.dev";

/// The class of workloads that Knative hands to a HorizontalPodAutoscaler.
pub const HPA_CLASS: &str = "hpa.autoscaling.knative.dev";

/// The smallest target that a pod can have: Knative's.
pub const MIN_TARGET: f64 = 0.01;

/// The shortest stable window.
pub const MIN_WINDOW: GoDuration = GoDuration::from_secs(6);

/// The longest stable window, scale-down delay and retention period.
pub const MAX_WINDOW: GoDuration = GoDuration::HOUR;

/// Every key of the ConfigMap `config-autoscaler`, with Knative's default behind each field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AutoscalerConfig {
    /// `enable-scale-to-zero` (true).
    pub scale_to_zero: bool,
    /// `allow-zero-initial-scale` (false).
    pub allow_zero_initial_scale: bool,
    /// `initial-scale` (1).
    pub initial_scale: u32,
    /// `min-scale` (0).
    pub min_scale: u32,
    /// `max-scale`; 0 is no limit (0).
    pub max_scale: u32,
    /// `max-scale-limit`: the largest `max-scale` that a workload may have; 0 is no limit (0).
    pub max_scale_limit: u32,
    /// `container-concurrency-target-percentage` as a fraction (0.7).
    pub concurrency_utilization: f64,
    /// `container-concurrency-target-default`: requests in flight that a pod without container-concurrency carries
    /// (100).
    pub concurrency_target: f64,
    /// `requests-per-second-target-default` (200).
    pub rps_target: f64,
    /// `target-burst-capacity` (211).
    pub burst_capacity: BurstCapacity,
    /// `activator-capacity` (100).
    pub activator_capacity: f64,
    /// `stable-window` (60 s).
    pub stable_window: Duration,
    /// `panic-window-percentage` (10).
    pub panic_window_percentage: f64,
    /// `panic-threshold-percentage` (200). Any number, as in Knative; only the annotation has a range.
    pub panic_threshold_percentage: f64,
    /// `max-scale-up-rate` (1000).
    pub max_scale_up_rate: f64,
    /// `max-scale-down-rate` (2).
    pub max_scale_down_rate: f64,
    /// `scale-down-delay` (0).
    pub scale_down_delay: Duration,
    /// `scale-to-zero-grace-period` (30 s).
    pub grace_period: Duration,
    /// `scale-to-zero-pod-retention-period` (0).
    pub retention: Duration,
    /// `pod-autoscaler-class` ([`KPA_CLASS`]).
    pub class: String,
}

impl Default for AutoscalerConfig {
    fn default() -> AutoscalerConfig {
        AutoscalerConfig {
            scale_to_zero: true,
            allow_zero_initial_scale: false,
            initial_scale: 1,
            min_scale: 0,
            max_scale: 0,
            max_scale_limit: 0,
            concurrency_utilization: 0.7,
            concurrency_target: 100.0,
            rps_target: 200.0,
            burst_capacity: BurstCapacity::Of(211.0),
            activator_capacity: 100.0,
            stable_window: Duration::from_secs(60),
            panic_window_percentage: 10.0,
            panic_threshold_percentage: 200.0,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            scale_down_delay: Duration::ZERO,
            grace_period: Duration::from_secs(30),
            retention: Duration::ZERO,
            class: KPA_CLASS.to_owned(),
        }
    }
}

impl AutoscalerConfig {
    /// Reads the ConfigMap's data. Absent keys have their default; unknown ones are a warning.
    ///
    /// Every problem goes to `found`; a value that is wrong leaves the default. Unlike Knative, `NaN` and `Inf` are
    /// refused everywhere.
    pub fn from_data(data: &BTreeMap<String, String>, found: &mut Findings) -> AutoscalerConfig {
        let mut config = AutoscalerConfig::default();
        let mut map = ConfigMap::new(data, found);
        config.read_scales(&mut map);
        config.read_targets(&mut map);
        config.read_windows(&mut map);
        map.finish();
        config
    }

    fn read_scales(&mut self, map: &mut ConfigMap<'_>) {
        const SCALE: std::ops::RangeInclusive<u32> = 0..=i32::MAX as u32;
        map.read("enable-scale-to-zero", &mut self.scale_to_zero, value::switch);
        map.read("allow-zero-initial-scale", &mut self.allow_zero_initial_scale, value::switch);
        let least = u32::from(!self.allow_zero_initial_scale);
        map.read("initial-scale", &mut self.initial_scale, |text| value::whole(text, least..=*SCALE.end()));
        map.read("min-scale", &mut self.min_scale, |text| value::whole(text, SCALE));
        map.read("max-scale", &mut self.max_scale, |text| value::whole(text, SCALE));
        map.read("max-scale-limit", &mut self.max_scale_limit, |text| value::whole(text, SCALE));
        let (min, max, limit) = (self.min_scale, self.max_scale, self.max_scale_limit);
        if limit > 0 && !(1..=limit).contains(&max) {
            map.refuse("max-scale", max, format!("is out of range: with max-scale-limit it must be from 1 to {limit}"));
        }
        if max > 0 && min > max {
            map.refuse("min-scale", min, format!("is more than max-scale ({max})"));
        }
        map.read("pod-autoscaler-class", &mut self.class, |text| Ok(text.to_owned()));
    }

    fn read_targets(&mut self, map: &mut ConfigMap<'_>) {
        map.read("container-concurrency-target-percentage", &mut self.concurrency_utilization, fraction);
        map.read("container-concurrency-target-default", &mut self.concurrency_target, value::finite);
        let target = self.concurrency_utilization * self.concurrency_target;
        if target < MIN_TARGET {
            map.refuse(
                "container-concurrency-target-default",
                self.concurrency_target,
                format!("is too small: times container-concurrency-target-percentage it is {target}, less than 0.01"),
            );
        }
        map.read("requests-per-second-target-default", &mut self.rps_target, |text| {
            value::at_least(value::finite(text)?, MIN_TARGET)
        });
        map.read("target-burst-capacity", &mut self.burst_capacity, |text| value::burst_capacity(value::finite(text)?));
        map.read("activator-capacity", &mut self.activator_capacity, |text| value::at_least(value::finite(text)?, 1.0));
        map.read("max-scale-up-rate", &mut self.max_scale_up_rate, rate);
        map.read("max-scale-down-rate", &mut self.max_scale_down_rate, rate);
    }

    fn read_windows(&mut self, map: &mut ConfigMap<'_>) {
        map.read("stable-window", &mut self.stable_window, |text| value::seconds(text, MIN_WINDOW..=MAX_WINDOW));
        map.read("panic-window-percentage", &mut self.panic_window_percentage, |text| {
            value::within(value::finite(text)?, 1.0..=100.0)
        });
        map.read("panic-threshold-percentage", &mut self.panic_threshold_percentage, value::finite);
        map.read("scale-down-delay", &mut self.scale_down_delay, |text| value::seconds(text, NOT_NEGATIVE));
        map.read("scale-to-zero-grace-period", &mut self.grace_period, |text| value::duration(text, POSITIVE));
        map.read("scale-to-zero-pod-retention-period", &mut self.retention, |text| value::duration(text, NOT_NEGATIVE));
    }
}

/// A percentage, or a fraction if it is at most 1: so `1` is all of it.
fn fraction(text: &str) -> Result<f64, value::Refused> {
    let value = value::finite(text)?;
    let fraction = if value > 1.0 { value / 100.0 } else { value };
    if fraction <= 0.0 || fraction > 1.0 {
        return Err("is out of range: it must be more than 0 and at most 100".to_owned());
    }
    Ok(fraction)
}

fn rate(text: &str) -> Result<f64, value::Refused> {
    let rate = value::finite(text)?;
    if rate > 1.0 { Ok(rate) } else { Err("is too small: it must be more than 1".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[(&str, &str)]) -> (AutoscalerConfig, Findings) {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut found = Findings::about("", "config-autoscaler");
        (AutoscalerConfig::from_data(&data, &mut found), found)
    }

    #[test]
    fn every_problem_is_reported_together() {
        let (_, found) = read(&[("max-scale", "-1"), ("stable-window", "5"), ("activator-capacity", "NaN")]);
        let lines: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "config-autoscaler: max-scale: \"-1\" is out of range: it must be a whole number, 0 or more",
                "config-autoscaler: activator-capacity: \"NaN\" is not a finite number",
                "config-autoscaler: stable-window: \"5\" is not a duration: write it as Go does, 300s or 5m",
            ]
        );
    }

    #[test]
    fn an_unknown_key_is_a_warning_with_a_guess() {
        let (config, found) = read(&[("stabel-window", "10s"), ("_example", "long text"), ("tick-interval", "2s")]);
        assert_eq!(config, AutoscalerConfig::default());
        assert!(found.problems.is_empty());
        let lines: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "config-autoscaler: stabel-window: is not a known key and is ignored; did you mean stable-window?",
                "config-autoscaler: tick-interval: is not a known key and is ignored",
            ]
        );
    }
}
