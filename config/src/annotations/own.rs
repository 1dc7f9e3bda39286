//! The words of our own space, who may carry which, and the host names.

use super::keys::{self, KNATIVE_SPACE, Key, OWN_SPACE};
use super::{Annotations, read};
use crate::problem::Findings;
use crate::value::{self, Refused};

/// What kind of object carries an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A workload or its pod template.
    Workload,
    /// A Kubernetes Service.
    Service,
}

const WORKLOAD_WORDS: [Key; 18] = [
    keys::CONTAINER_CONCURRENCY,
    keys::TIMEOUT,
    keys::RESPONSE_START_TIMEOUT,
    keys::IDLE_TIMEOUT,
    keys::MODE,
    keys::WITHOUT,
    keys::ACTIVATION_FLOOR,
    keys::IGNORE_PATHS,
    keys::UPGRADES,
    keys::HOSTS,
    keys::GRACE_PERIOD,
    keys::SCALE,
    keys::INJECT,
    keys::PAUSED,
    keys::ORIGINAL_REPLICAS,
    keys::INITIALIZED,
    keys::NUDGED,
    keys::LEAVING,
];

const SERVICE_WORDS: [Key; 3] = [keys::WORKLOAD, keys::PORT, keys::ROUTE];

impl Holder {
    fn words(self) -> &'static [Key] {
        match self {
            Holder::Workload => &WORKLOAD_WORDS,
            Holder::Service => &SERVICE_WORDS,
        }
    }

    fn other(self) -> Holder {
        match self {
            Holder::Workload => Holder::Service,
            Holder::Service => Holder::Workload,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Holder::Workload => "workload",
            Holder::Service => "Service",
        }
    }
}

/// Looks for words that nobody knows in the annotations or labels of a `holder`: in our space that is an error, in
/// Knative's a warning.
pub fn check_words(annotations: &Annotations, holder: Holder, found: &mut Findings) {
    for name in annotations.keys() {
        if let Some(word) = name.strip_prefix(OWN_SPACE) {
            check_own_word(name, word, holder, found);
        } else if let Some(word) = name.strip_prefix(KNATIVE_SPACE) {
            let spellings = || keys::KNATIVE.iter().flat_map(|key| [Some(key.name), key.alias]).flatten();
            if !spellings().any(|known| known == name) {
                let hint = hint(word, KNATIVE_SPACE, spellings());
                found.warn(name, format!("is not a known annotation and is ignored{hint}"));
            }
        }
    }
}

fn check_own_word(name: &str, word: &str, holder: Holder, found: &mut Findings) {
    let is = |key: &Key| key.name == name;
    if holder.words().iter().any(is) {
        return;
    }
    if holder.other().words().iter().any(is) {
        found.refuse(name, format!("belongs on a {}, not on a {}", holder.other().name(), holder.name()));
        return;
    }
    let hint = hint(word, OWN_SPACE, holder.words().iter().map(|key| key.name));
    found.refuse(name, format!("is not a word of Rouse{hint}"));
}

/// A guess at what `word` was meant to be; compared without `space`, which all of them share.
fn hint(word: &str, space: &str, known: impl Iterator<Item = &'static str>) -> String {
    let words = known.filter_map(|name| name.strip_prefix(space));
    value::did_you_mean(word, words).map(|word| format!("; did you mean {space}{word}?")).unwrap_or_default()
}

/// The extra host names (`rouse.dev/hosts`), in lower case.
pub fn hosts(annotations: &Annotations, found: &mut Findings) -> Vec<String> {
    read(annotations, keys::HOSTS, found, host_list).map(|written| written.value).unwrap_or_default()
}

fn host_list(text: &str) -> Result<Vec<String>, Refused> {
    text.split(',').map(|host| host_name(host.trim())).collect()
}

/// A DNS name: labels of letters, digits and inner hyphens, at most 63 long, 253 in all (RFC 1123).
fn host_name(host: &str) -> Result<String, Refused> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(is_label) {
        return Err(format!("is not a list of host names: {host:?} is none; write a.example.com, b.example.com"));
    }
    Ok(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, value: &str) -> Annotations {
        Annotations::from([(key.to_owned(), value.to_owned())])
    }

    fn said(annotations: &Annotations, holder: Holder) -> Vec<String> {
        let mut found = Findings::default();
        check_words(annotations, holder, &mut found);
        let warnings = found.warnings.iter().map(|warning| format!("warning: {warning}"));
        found.problems.iter().map(ToString::to_string).chain(warnings).collect()
    }

    #[test]
    fn a_misspelt_word_of_ours_is_an_error_with_a_guess() {
        assert_eq!(
            said(&one("rouse.dev/timout", "1s"), Holder::Workload),
            ["rouse.dev/timout: is not a word of Rouse; did you mean rouse.dev/timeout?"]
        );
        assert_eq!(said(&one("rouse.dev/fly", "1"), Holder::Workload), ["rouse.dev/fly: is not a word of Rouse"]);
    }

    #[test]
    fn a_word_on_the_wrong_object_says_where_it_belongs() {
        assert_eq!(
            said(&one("rouse.dev/timeout", "1s"), Holder::Service),
            ["rouse.dev/timeout: belongs on a workload, not on a Service"]
        );
    }

    #[test]
    fn a_misspelt_word_of_knative_is_a_warning_with_a_guess() {
        assert_eq!(
            said(&one("autoscaling.knative.dev/activationScale", "2"), Holder::Workload),
            ["warning: autoscaling.knative.dev/activationScale: is not a known annotation and is ignored; did you \
              mean autoscaling.knative.dev/activation-scale?"]
        );
    }

    #[test]
    fn what_rouse_writes_itself_is_known() {
        for key in [keys::ORIGINAL_REPLICAS, keys::INITIALIZED, keys::NUDGED, keys::SCALE, keys::INJECT] {
            assert!(said(&one(key.name, "true"), Holder::Workload).is_empty(), "{}", key.name);
        }
        for key in [keys::WORKLOAD, keys::PORT, keys::ROUTE] {
            assert!(said(&one(key.name, "hello"), Holder::Service).is_empty(), "{}", key.name);
        }
    }

    #[test]
    fn words_of_others_are_none_of_our_business() {
        assert!(said(&one("prometheus.io/scrape", "true"), Holder::Workload).is_empty());
    }

    #[test]
    fn hosts_are_dns_names() {
        let mut found = Findings::default();
        assert_eq!(hosts(&one(keys::HOSTS.name, "A.example.com, b"), &mut found), ["a.example.com", "b"]);
        assert!(found.problems.is_empty());
        for text in ["", "a,,b", "a:80", "*.example.com", "-a", "a..b"] {
            let mut found = Findings::default();
            assert!(hosts(&one(keys::HOSTS.name, text), &mut found).is_empty());
            assert_eq!(found.problems.len(), 1, "{text:?}");
        }
    }
}
