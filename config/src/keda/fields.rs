//! What the readers of all KEDA's objects share: words out of a list, and fields that nobody knows.

use std::time::Duration;

use crate::node::Node;
use crate::problem::Findings;
use crate::value::did_you_mean;

/// What KEDA's `int32` holds when it must not be negative.
pub(super) const COUNT: std::ops::RangeInclusive<u32> = 0..=i32::MAX as u32;

/// Warns of every field of `node` that is not among `known`: KEDA's objects are not ours, and newer versions of it may
/// have more of them.
pub(super) fn warn_of_unknown(node: &Node<'_>, known: &[&str], found: &mut Findings) {
    for field in node.fields(found) {
        if !known.contains(&field) {
            let hint = hint(field, known.iter().copied());
            found.warn(node.at(field).path(), format!("is not a known field and is ignored{hint}"));
        }
    }
}

/// `; did you mean timeout?`, if `word` looks like one of `known`.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(word, known).map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}

/// What the word at `node` stands for; upper and lower case differ, as in KEDA.
pub(super) fn choice<T: Copy>(node: &Node<'_>, choices: &[(&str, T)], found: &mut Findings) -> Option<T> {
    let text = node.text(found)?;
    let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if chosen.is_none() {
        let message = none_of(text, choices.iter().map(|(word, _)| *word));
        found.wrong(node.path(), text, message);
    }
    chosen
}

/// What to say of `text` where only `words` are allowed.
pub(super) fn none_of<'a>(text: &str, words: impl Iterator<Item = &'a str> + Clone) -> String {
    let hint = hint(text, words.clone());
    let words: Vec<&str> = words.collect();
    format!("is not allowed: it must be {}{hint}", listed(&words, "or"))
}

/// `a, b or c`
pub(super) fn listed(words: &[&str], and: &str) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} {and} {last}", first.join(", ")),
        _ => words.join(""),
    }
}

/// A number of whole seconds within `range`.
pub(super) fn seconds(node: &Node<'_>, range: std::ops::RangeInclusive<u32>, found: &mut Findings) -> Option<Duration> {
    node.within(range, found).map(|seconds| Duration::from_secs(u64::from(seconds)))
}

/// A string that must be there and not be empty.
pub(super) fn needed(node: &Node<'_>, found: &mut Findings) -> String {
    let before = found.problems.len();
    let text = node.text(found).unwrap_or_default();
    if text.is_empty() && found.problems.len() == before {
        found.refuse(node.path(), "is missing");
    }
    text.to_owned()
}
