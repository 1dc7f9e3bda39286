//! Triggers of the ScaledObjects and ScaledJobs that are served, under the names and labels by which KEDA's users have them
//! on dashboards.
//!
//! Written by hand: what is served no more has no line, and the `metrics` crate forgets no gauge.

use std::fmt::{self, Write};

use metrics_exporter_prometheus::formatting::sanitize_label_value;

use super::head;
use crate::triggers::ScalerNow;

/// What a trigger read last.
const VALUE: &str = "keda_scaler_metrics_value";
/// Whether that is enough to leave zero.
const ACTIVE: &str = "keda_scaler_active";
/// How often it could not be read.
const ERRORS: &str = "keda_scaler_detail_errors_total";
/// How often triggers of a ScaledJob could not be read.
const JOB_ERRORS: &str = "keda_scaled_job_errors_total";

/// A trigger, as KEDA's metrics name it.
pub(crate) struct ScalerName<'a> {
    /// `scaledobject` or `scaledjob`.
    pub(crate) kind: &'a str,
    pub(crate) namespace: &'a str,
    /// The ScaledObject; or the ScaledJob, which has the same label.
    pub(crate) object: &'a str,
    /// The trigger's name, or its kind.
    pub(crate) scaler: &'a str,
    /// Its place among the object's triggers.
    pub(crate) index: usize,
    pub(crate) metric: &'a str,
}

impl ScalerName<'_> {
    /// The labels, as they are written between the braces.
    pub(crate) fn labels(&self) -> String {
        let ScalerName { kind, namespace, object, scaler, index, metric } = self;
        let [namespace, object, scaler, metric] =
            [namespace, object, scaler, metric].map(|text| sanitize_label_value(text));
        format!(
            "metric=\"{metric}\",namespace=\"{namespace}\",scaledObject=\"{object}\",scaler=\"{scaler}\",\
             triggerIndex=\"{index}\",type=\"{kind}\""
        )
    }
}

/// How often triggers of a ScaledJob could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobErrors {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) errors: u64,
}

/// Renders these triggers, and ScaledJobs, in Prometheus' text format. Where nothing was read, there is no value.
pub(crate) fn scalers(all: &[ScalerNow], jobs: &[JobErrors]) -> String {
    let mut out = String::new();
    render(&mut out, all).and_then(|()| render_jobs(&mut out, jobs)).expect("a String takes any text");
    out
}

fn render_jobs(out: &mut String, all: &[JobErrors]) -> fmt::Result {
    head(out, JOB_ERRORS, "counter", "How often triggers of the ScaledJob could not be read");
    for JobErrors { namespace, name, errors } in all {
        let [namespace, name] = [namespace, name].map(|text| sanitize_label_value(text));
        writeln!(out, "{JOB_ERRORS}{{namespace=\"{namespace}\",scaledJob=\"{name}\"}} {errors}")?;
    }
    Ok(())
}

fn render(out: &mut String, all: &[ScalerNow]) -> fmt::Result {
    head(out, VALUE, "gauge", "What the trigger read last");
    for ScalerNow { labels, value, .. } in all {
        if let Some(value) = value {
            writeln!(out, "{VALUE}{{{labels}}} {value}")?;
        }
    }
    head(out, ACTIVE, "gauge", "Whether what the trigger read last is enough to leave zero");
    for ScalerNow { labels, active, .. } in all {
        writeln!(out, "{ACTIVE}{{{labels}}} {}", u8::from(*active))?;
    }
    head(out, ERRORS, "counter", "How often the trigger could not be read");
    for ScalerNow { labels, errors, .. } in all {
        writeln!(out, "{ERRORS}{{{labels}}} {errors}")?;
    }
    Ok(())
}
