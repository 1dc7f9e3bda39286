//! How the number of pods changes between one and many, and how the last go: what KEDA leaves to an HPA, or does by
//! itself, and annotations of ours set.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::fields::hint;
use crate::annotations::Annotations;
use crate::annotations::keys::OWN_SPACE;
use crate::defaults::triggers as defaults;
use crate::duration::GoDuration;
use crate::node::Node;
use crate::number;
use crate::problem::Findings;

const PERIOD: &str = "rouse.dev/step-period";
const TO_ZERO: &str = "rouse.dev/to-zero";
const DRAIN_BACKLOG: &str = "rouse.dev/drain-backlog";

const KNOWN: [&str; 3] = [PERIOD, TO_ZERO, DRAIN_BACKLOG];

/// Below a second Kubernetes' own numbers move slower; above an hour nothing would follow its load.
const PERIODS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// The steps of a ScaledObject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// `rouse.dev/step-period` (15 s): how often the number of pods may change between one and many.
    pub period: Duration,
    /// `rouse.dev/to-zero` (policies).
    pub to_zero: ToZero,
    /// `rouse.dev/drain-backlog` (false): the last pods stay while anything is left to do, were it too little to wake for.
    pub drain_backlog: bool,
}

/// How the last pods go when a cooldown is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToZero {
    /// `policies`: as fast as the policies of `behavior` allow.
    #[default]
    ByPolicies,
    /// `at-once`: all together, as in KEDA, whatever `behavior` says.
    AtOnce,
}

impl Default for Steps {
    fn default() -> Steps {
        Steps { period: defaults::STEP_PERIOD, to_zero: ToZero::default(), drain_backlog: false }
    }
}

impl Steps {
    /// Reads the annotations of the object at `root`. A word in our space that we do not know is refused.
    pub(super) fn read(root: &Node<'_>, found: &mut Findings) -> Steps {
        let annotations = root.at("metadata").at("annotations").map(found);
        for name in annotations.keys().filter(|name| name.starts_with(OWN_SPACE) && !KNOWN.contains(&name.as_str())) {
            let words = KNOWN.into_iter().filter_map(|known| known.strip_prefix(OWN_SPACE));
            let hint = hint(&name[OWN_SPACE.len()..], words);
            found.refuse(name, format!("is no annotation of a ScaledObject{hint}"));
        }
        Steps {
            period: period(&annotations, found),
            to_zero: to_zero(&annotations, found),
            drain_backlog: drain_backlog(&annotations, found),
        }
    }
}

fn period(annotations: &Annotations, found: &mut Findings) -> Duration {
    let Some(text) = annotations.get(PERIOD) else { return defaults::STEP_PERIOD };
    let read = text.parse::<GoDuration>().ok().and_then(GoDuration::to_std).filter(|period| PERIODS.contains(period));
    read.unwrap_or_else(|| {
        found.wrong(PERIOD, text, "is not a duration from 1s to 1h");
        defaults::STEP_PERIOD
    })
}

fn to_zero(annotations: &Annotations, found: &mut Findings) -> ToZero {
    match annotations.get(TO_ZERO).map(String::as_str) {
        None | Some("policies") => ToZero::ByPolicies,
        Some("at-once") => ToZero::AtOnce,
        Some(other) => {
            found.wrong(TO_ZERO, other, "is neither policies nor at-once");
            ToZero::default()
        }
    }
}

fn drain_backlog(annotations: &Annotations, found: &mut Findings) -> bool {
    let Some(text) = annotations.get(DRAIN_BACKLOG) else { return false };
    number::boolean(text).unwrap_or_else(|| {
        found.wrong(DRAIN_BACKLOG, text, "is neither true nor false");
        false
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(annotations: &Value) -> (Steps, Vec<String>) {
        let mut found = Findings::default();
        let steps = Steps::read(&Node::root(&json!({ "metadata": { "annotations": annotations } })), &mut found);
        (steps, found.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn steps_are_kubernetes_unless_they_are_set() {
        assert_eq!(read(&json!({})), (Steps::default(), vec![]));
        let set = Steps { period: Duration::from_secs(1), to_zero: ToZero::AtOnce, drain_backlog: true };
        assert_eq!(read(&json!({ PERIOD: "1s", TO_ZERO: "at-once", DRAIN_BACKLOG: "true" })), (set, vec![]));
    }

    #[test]
    fn what_they_cannot_be_is_refused() {
        let (steps, said) = read(&json!({
            PERIOD: "1ms", TO_ZERO: "never", DRAIN_BACKLOG: "5", "rouse.dev/step-perod": "1s", "other.io/step": "1",
        }));
        assert_eq!(steps, Steps::default());
        assert_eq!(
            said,
            [
                "rouse.dev/step-perod: is no annotation of a ScaledObject; did you mean step-period?",
                "rouse.dev/step-period: \"1ms\" is not a duration from 1s to 1h",
                "rouse.dev/to-zero: \"never\" is neither policies nor at-once",
                "rouse.dev/drain-backlog: \"5\" is neither true nor false",
            ]
        );
    }
}
