//! `autoscaling.knative.dev/*`, by the rules of Knative's webhook, and what Rouse adds to them.

use std::time::Duration;

use super::keys;
use super::{Annotations, Written, read};
use crate::autoscaler_config::{HPA_CLASS, KPA_CLASS, MAX_WINDOW, MIN_TARGET, MIN_WINDOW};
use crate::duration::GoDuration;
use crate::problem::Findings;
use crate::value::{self, POSITIVE, Refused};
use crate::{Aggregation, AutoscalerConfig, BurstCapacity, Metric, Mode, Without};

/// What is written of how a workload scales; what is absent has its default in [`crate::Policy::new`].
///
/// Reading accepts and refuses what Knative's webhook does, defects included (`NaN`, an aggregation that does not
/// exist, classes that are not ours): such an object exists in clusters. [`crate::Policy::new`] is stricter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    /// `class`.
    pub class: Option<Written<String>>,
    /// `min-scale`.
    pub min_scale: Option<Written<u32>>,
    /// `max-scale`; 0 is no limit.
    pub max_scale: Option<Written<u32>>,
    /// `initial-scale`.
    pub initial_scale: Option<Written<u32>>,
    /// `activation-scale`.
    pub activation_scale: Option<Written<u32>>,
    /// `metric`.
    pub metric: Option<Written<String>>,
    /// `target`.
    pub target: Option<Written<f64>>,
    /// `target-utilization-percentage`.
    pub utilization: Option<Written<f64>>,
    /// `target-burst-capacity`.
    pub burst_capacity: Option<Written<BurstCapacity>>,
    /// `window`.
    pub window: Option<Written<Duration>>,
    /// `panic-window-percentage`.
    pub panic_window: Option<Written<f64>>,
    /// `panic-threshold-percentage`.
    pub panic_threshold: Option<Written<f64>>,
    /// `scale-down-delay`.
    pub scale_down_delay: Option<Written<Duration>>,
    /// `scale-to-zero-pod-retention-period`.
    pub retention: Option<Written<Duration>>,
    /// `metric-aggregation-algorithm`.
    pub aggregation: Option<Written<String>>,
    /// `rouse.dev/mode`.
    pub mode: Option<Written<Mode>>,
    /// `rouse.dev/without`.
    pub without: Option<Written<Without>>,
    /// `rouse.dev/activation-floor`.
    pub activation_floor: Option<Written<bool>>,
    /// `rouse.dev/paused`.
    pub paused: Option<Written<bool>>,
    /// `rouse.dev/scale-to-zero-grace-period`.
    pub grace_period: Option<Written<Duration>>,
    /// `serving.knative.dev/progress-deadline`.
    pub progress_deadline: Option<Written<Duration>>,
}

impl Scaling {
    /// Reads a workload's annotations; every problem goes to `found`. `config` has the limits and the default class.
    pub fn read(annotations: &Annotations, config: &AutoscalerConfig, found: &mut Findings) -> Scaling {
        let mut scaling = Scaling::default();
        scaling.read_class(annotations, config, found);
        scaling.read_scales(annotations, config, found);
        scaling.read_numbers(annotations, found);
        scaling.read_durations(annotations, found);
        scaling.mode = read(annotations, keys::MODE, found, mode);
        scaling.without = read(annotations, keys::WITHOUT, found, Without::parse);
        scaling.activation_floor = read(annotations, keys::ACTIVATION_FLOOR, found, value::switch);
        scaling.paused = read(annotations, keys::PAUSED, found, value::switch);
        scaling
    }

    /// The class that scales the workload.
    pub fn class<'a>(&'a self, config: &'a AutoscalerConfig) -> &'a str {
        self.class.as_ref().map_or(&config.class, |class| &class.value)
    }

    fn read_class(&mut self, annotations: &Annotations, config: &AutoscalerConfig, found: &mut Findings) {
        self.class = read(annotations, keys::CLASS, found, class);
        // A class that was refused still says whose rules its author had in mind.
        let class = keys::CLASS.find(annotations).map_or(config.class.as_str(), |(_, class)| class);
        self.metric = read(annotations, keys::METRIC, found, |text| metric(text, class));
        // Knative checks the aggregation only of workloads that say the class.
        let checked = keys::CLASS.find(annotations).is_some_and(|(_, class)| class == KPA_CLASS);
        self.aggregation = read(annotations, keys::AGGREGATION, found, |text| {
            let fits = !checked || Aggregation::parse(text).is_some();
            if fits { Ok(text.to_owned()) } else { Err(Aggregation::ALLOWED.to_owned()) }
        });
    }

    fn read_scales(&mut self, annotations: &Annotations, config: &AutoscalerConfig, found: &mut Findings) {
        const MOST: u32 = i32::MAX as u32;
        self.min_scale = read(annotations, keys::MIN_SCALE, found, |text| value::whole(text, 0..=MOST));
        let limit = config.max_scale_limit;
        self.max_scale = read(annotations, keys::MAX_SCALE, found, |text| match limit {
            0 => value::whole(text, 0..=MOST),
            limit => value::whole(text, 1..=limit),
        });
        let least = u32::from(!config.allow_zero_initial_scale);
        self.initial_scale = read(annotations, keys::INITIAL_SCALE, found, |text| value::whole(text, least..=MOST));
        self.activation_scale = read(annotations, keys::ACTIVATION_SCALE, found, |text| value::whole(text, 2..=MOST));

        let min = self.min_scale.as_ref();
        let max = self.max_scale.as_ref().filter(|max| max.value > 0);
        if let (Some(min), Some(max)) = (min, max)
            && max.value < min.value
        {
            max.refuse(found, format!("is less than {} ({:?})", min.key, min.text));
        }
        if let Some(activation) = &self.activation_scale {
            if let Some(min) = min.filter(|min| min.value > activation.value) {
                activation.refuse(found, format!("is less than min-scale ({:?})", min.text));
            } else if let Some(max) = max.filter(|max| max.value < activation.value) {
                activation.refuse(found, format!("is more than max-scale ({:?})", max.text));
            }
        }
    }

    fn read_numbers(&mut self, annotations: &Annotations, found: &mut Findings) {
        self.target = read(annotations, keys::TARGET, found, |text| value::at_least(value::float(text)?, MIN_TARGET));
        let mut percentage =
            |key, range| read(annotations, key, found, |text| value::within(value::float(text)?, range));
        self.utilization = percentage(keys::UTILIZATION, 1.0..=100.0);
        self.panic_window = percentage(keys::PANIC_WINDOW, 1.0..=100.0);
        self.panic_threshold = percentage(keys::PANIC_THRESHOLD, 110.0..=1000.0);
        self.burst_capacity =
            read(annotations, keys::BURST_CAPACITY, found, |text| value::burst_capacity(value::float(text)?));
    }

    fn read_durations(&mut self, annotations: &Annotations, found: &mut Findings) {
        let upto_an_hour = GoDuration::ZERO..=MAX_WINDOW;
        self.window = read(annotations, keys::WINDOW, found, |text| value::seconds(text, MIN_WINDOW..=MAX_WINDOW));
        self.scale_down_delay =
            read(annotations, keys::SCALE_DOWN_DELAY, found, |text| value::seconds(text, upto_an_hour.clone()));
        self.retention = read(annotations, keys::RETENTION, found, |text| value::duration(text, upto_an_hour));
        let mut positive = |key| read(annotations, key, found, |text| value::duration(text, POSITIVE));
        self.grace_period = positive(keys::GRACE_PERIOD);
        self.progress_deadline = positive(keys::PROGRESS_DEADLINE);
    }
}

/// In Knative's own domain there are two classes; all others are somebody's.
fn class(text: &str) -> Result<String, Refused> {
    if text.ends_with(".knative.dev") && text != KPA_CLASS && text != HPA_CLASS {
        return Err(format!("is not a class of Knative: it must be {KPA_CLASS}"));
    }
    Ok(text.to_owned())
}

fn metric(text: &str, class: &str) -> Result<String, Refused> {
    let fits = match class {
        KPA_CLASS => Metric::parse(text).is_some(),
        HPA_CLASS => !text.is_empty(),
        _ => true,
    };
    if fits { Ok(text.to_owned()) } else { Err(Metric::refusal()) }
}

fn mode(text: &str) -> Result<Mode, Refused> {
    match text {
        "default" => Ok(Mode::Default),
        "knative" => Ok(Mode::Knative),
        _ => Err("is not a mode: it must be default or knative".to_owned()),
    }
}
