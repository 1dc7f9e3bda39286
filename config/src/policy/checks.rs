//! What is well written and still cannot be.

use super::{Metric, Mode};
use crate::AutoscalerConfig;
use crate::annotations::{Scaling, value};
use crate::autoscaler_config::{HPA_CLASS, KPA_CLASS};
use crate::problem::Findings;

/// What is written of the scales must go together with what `config-autoscaler` says of the others. What is written of
/// both was compared when it was read.
pub(super) fn refuse_contradictions(scaling: &Scaling, config: &AutoscalerConfig, found: &mut Findings) {
    let min = scaling.min_scale.as_ref();
    let max = scaling.max_scale.as_ref();
    if max.is_none() && config.max_scale > 0 {
        for least in [min, scaling.activation_scale.as_ref()].into_iter().flatten() {
            if least.value > config.max_scale {
                least.refuse(found, format!("is more than max-scale of config-autoscaler ({})", config.max_scale));
            }
        }
    }
    if let Some(max) = max.filter(|max| min.is_none() && max.value > 0 && max.value < config.min_scale) {
        max.refuse(found, format!("is less than min-scale of config-autoscaler ({})", config.min_scale));
    }
}

/// In Knative's mode there are no departures to do without.
pub(super) fn warn_of_nothing_to_do_without(scaling: &Scaling, found: &mut Findings) {
    if let Some(without) = &scaling.without
        && value(&scaling.mode) == Some(Mode::Knative)
    {
        found.warn(&without.key, "has no effect: with rouse.dev/mode: \"knative\" none of these steps is taken");
    }
}

pub(super) fn refuse_other_classes(scaling: &Scaling, config: &AutoscalerConfig, found: &mut Findings) {
    let class = scaling.class(config);
    if class == KPA_CLASS {
        return;
    }
    let message = match class {
        HPA_CLASS => format!("is not served: {}", Metric::INSTEAD),
        _ => format!("is not served: the class must be {KPA_CLASS}"),
    };
    match &scaling.class {
        Some(written) => written.refuse(found, message),
        None => found.wrong("pod-autoscaler-class", class, message),
    }
}
