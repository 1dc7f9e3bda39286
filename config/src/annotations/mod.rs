//! What users write on a workload: `autoscaling.knative.dev/*` with Knative's rules, and our own `rouse.dev/*`.
//!
//! [`Scaling`] holds what decides how many pods there are, [`Limits`] what decides how requests are served. Both report
//! every problem of an object together.

pub mod keys;
mod limits;
mod own;
mod scaling;

use std::collections::BTreeMap;

pub use limits::Limits;
pub use own::{Holder, check_words, hosts};
pub use scaling::Scaling;

use crate::problem::Findings;
use crate::value::Refused;
use keys::Key;

/// An object's annotations or labels.
pub type Annotations = BTreeMap<String, String>;

/// A value with the key and the text that it was read from, for messages that come later.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    /// The key or field path, in the spelling that was used.
    pub key: String,
    /// The text.
    pub text: String,
    /// What it means.
    pub value: T,
}

impl<T> Written<T> {
    /// It is wrong, for the reason that `message` gives.
    pub(crate) fn refuse(&self, found: &mut Findings, message: impl Into<String>) {
        found.wrong(&self.key, &self.text, message);
    }
}

/// The value, if one is written.
pub(crate) fn value<T: Copy>(written: &Option<Written<T>>) -> Option<T> {
    written.as_ref().map(|written| written.value)
}

/// Reads `key` if it is there; what is wrong goes to `found` and counts as absent.
fn read<T>(
    annotations: &Annotations,
    key: Key,
    found: &mut Findings,
    parse: impl FnOnce(&str) -> Result<T, Refused>,
) -> Option<Written<T>> {
    let (key, text) = key.find(annotations)?;
    match parse(text) {
        Ok(value) => Some(Written { key: key.to_owned(), text: text.to_owned(), value }),
        Err(refused) => {
            found.wrong(key, text, refused);
            None
        }
    }
}

/// The settings of a workload: those on its pod template over those on itself.
///
/// Where both say the same key and differ, the template wins with a warning: the template is Knative's place, and what
/// is written there belongs to the pods that exist. Two spellings of one key are one key.
pub fn overlay(workload: &Annotations, template: &Annotations, found: &mut Findings) -> Annotations {
    let mut all = template.clone();
    for (name, text) in workload {
        let spellings = keys::spellings(name);
        match spellings.iter().find_map(|spelling| template.get(*spelling)) {
            None => {
                all.insert(name.clone(), text.clone());
            }
            Some(wins) if wins != text && keys::is_setting(name) => {
                found.warn(name, format!("is {text:?} on the workload and {wins:?} on its pod template, which wins"));
            }
            Some(_) => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Annotations {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_template_wins_over_the_workload_with_a_warning() {
        let mut found = Findings::default();
        let all = overlay(
            &map(&[("rouse.dev/timeout", "10s"), ("rouse.dev/mode", "knative"), ("team", "a")]),
            &map(&[("rouse.dev/timeout", "20s"), ("rouse.dev/mode", "knative"), ("team", "b")]),
            &mut found,
        );
        assert_eq!(all["rouse.dev/timeout"], "20s");
        let lines: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            ["rouse.dev/timeout: is \"10s\" on the workload and \"20s\" on its pod template, which wins"]
        );
    }

    #[test]
    fn an_alias_on_the_template_wins_over_the_key_on_the_workload() {
        let mut found = Findings::default();
        let all = overlay(
            &map(&[("autoscaling.knative.dev/min-scale", "1")]),
            &map(&[("autoscaling.knative.dev/minScale", "2")]),
            &mut found,
        );
        assert_eq!(keys::MIN_SCALE.find(&all), Some(("autoscaling.knative.dev/minScale", "2")));
        assert_eq!(found.warnings.len(), 1);
    }
}
