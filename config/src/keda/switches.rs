//! What annotations on KEDA's objects switch: pausing, and activity by decree.

use super::fields::{COUNT, hint};
use crate::annotations::Annotations;
use crate::node::Node;
use crate::number;
use crate::problem::Findings;

const SPACE: &str = "autoscaling.keda.sh/";
const PAUSED: &str = "autoscaling.keda.sh/paused";
const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";
const PAUSED_IN: &str = "autoscaling.keda.sh/paused-scale-in";
const PAUSED_OUT: &str = "autoscaling.keda.sh/paused-scale-out";
const FORCE_ACTIVATION: &str = "autoscaling.keda.sh/force-activation";

/// What KEDA called [`PAUSED_IN`] before it had [`PAUSED_OUT`].
const PAUSED_DOWN: &str = "autoscaling.keda.sh/paused-scale-down";

const KNOWN: [&str; 5] = [PAUSED, PAUSED_REPLICAS, PAUSED_IN, PAUSED_OUT, FORCE_ACTIVATION];

/// The switches of a ScaledObject; a ScaledJob has [`Switches::paused`] only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// `autoscaling.keda.sh/paused`, or the next: nothing is read and nothing scaled.
    pub paused: bool,
    /// `autoscaling.keda.sh/paused-replicas`: how many pods there are while it is paused; else as many as there were.
    pub paused_replicas: Option<u32>,
    /// `autoscaling.keda.sh/paused-scale-in`: no pods go, not even the last.
    pub paused_in: bool,
    /// `autoscaling.keda.sh/paused-scale-out`: no pods come, not even the first.
    pub paused_out: bool,
    /// `autoscaling.keda.sh/force-activation`: active, whatever the triggers say.
    pub force_activation: bool,
}

impl Switches {
    /// Reads the annotations of the object at `root`.
    pub(super) fn read(root: &Node<'_>, found: &mut Findings) -> Switches {
        let annotations = root.at("metadata").at("annotations").map(found);
        warn_of_unknown(&annotations, found);
        let paused_replicas = paused_replicas(&annotations, found);
        Switches {
            paused: is_on(&annotations, PAUSED, found) || paused_replicas.is_some(),
            paused_replicas,
            paused_in: is_on(&annotations, PAUSED_IN, found) || is_on(&annotations, PAUSED_DOWN, found),
            paused_out: is_on(&annotations, PAUSED_OUT, found),
            force_activation: is_on(&annotations, FORCE_ACTIVATION, found),
        }
    }
}

/// Whether `key` is there and not false: what is no switch counts as true, as in KEDA.
fn is_on(annotations: &Annotations, key: &str, found: &mut Findings) -> bool {
    let Some(text) = annotations.get(key) else { return false };
    number::boolean(text).unwrap_or_else(|| {
        found.warn(key, format!("{text:?} is neither true nor false, and counts as true"));
        true
    })
}

fn paused_replicas(annotations: &Annotations, found: &mut Findings) -> Option<u32> {
    let text = annotations.get(PAUSED_REPLICAS)?;
    let value = text.parse().ok().filter(|value| COUNT.contains(value));
    if value.is_none() {
        found.wrong(PAUSED_REPLICAS, text, "is not a whole number, 0 or more");
    }
    value
}

fn warn_of_unknown(annotations: &Annotations, found: &mut Findings) {
    for name in annotations.keys().filter(|name| name.starts_with(SPACE)) {
        if name == PAUSED_DOWN {
            found.warn(name, format!("is an older name of {PAUSED_IN}: write that"));
        } else if !KNOWN.contains(&name.as_str()) {
            let words = KNOWN.iter().filter_map(|known| known.strip_prefix(SPACE));
            let hint = hint(&name[SPACE.len()..], words);
            found.warn(name, format!("is not a known annotation and is ignored{hint}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(annotations: &Value) -> (Switches, Vec<String>) {
        let mut found = Findings::default();
        let switches = Switches::read(&Node::root(&json!({ "metadata": { "annotations": annotations } })), &mut found);
        let warnings = found.warnings.iter().map(ToString::to_string);
        (switches, found.problems.iter().map(ToString::to_string).chain(warnings).collect())
    }

    #[test]
    fn a_number_of_replicas_pauses_too() {
        let (switches, said) = read(&json!({ PAUSED_REPLICAS: "0" }));
        assert_eq!(switches, Switches { paused: true, paused_replicas: Some(0), ..Switches::default() });
        assert!(said.is_empty());
    }

    #[test]
    fn false_is_off_and_what_is_no_switch_is_on() {
        let (switches, said) = read(&json!({ PAUSED: "false", PAUSED_IN: "please", FORCE_ACTIVATION: "true" }));
        assert_eq!(switches, Switches { paused_in: true, force_activation: true, ..Switches::default() });
        assert_eq!(
            said,
            ["autoscaling.keda.sh/paused-scale-in: \"please\" is neither true nor false, and counts as true"]
        );
    }

    #[test]
    fn an_older_or_misspelt_name_is_told() {
        let (switches, said) = read(&json!({ PAUSED_DOWN: "true", "autoscaling.keda.sh/pausd": "true" }));
        assert!(switches.paused_in && !switches.paused);
        assert_eq!(
            said,
            [
                "autoscaling.keda.sh/pausd: is not a known annotation and is ignored; did you mean paused?",
                "autoscaling.keda.sh/paused-scale-down: is an older name of autoscaling.keda.sh/paused-scale-in: \
                 write that",
            ]
        );
    }
}
