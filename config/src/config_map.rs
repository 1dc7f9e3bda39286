//! The data of a ConfigMap that configures Rouse cluster-wide: each key is read once, and those never read are unknown.

use std::collections::BTreeMap;

use crate::problem::Findings;
use crate::value::{self, Refused};

/// Knative's own ConfigMaps explain themselves under this key.
const EXAMPLE: &str = "_example";

/// A ConfigMap that is being read.
pub(crate) struct ConfigMap<'a> {
    data: &'a BTreeMap<String, String>,
    known: Vec<&'static str>,
    found: &'a mut Findings,
}

impl<'a> ConfigMap<'a> {
    pub(crate) fn new(data: &'a BTreeMap<String, String>, found: &'a mut Findings) -> ConfigMap<'a> {
        ConfigMap { data, known: Vec::new(), found }
    }

    /// Reads `key` into `into`, which keeps its default if the key is absent or wrong.
    pub(crate) fn read<T>(&mut self, key: &'static str, into: &mut T, parse: impl FnOnce(&str) -> Result<T, Refused>) {
        self.known.push(key);
        let Some(text) = self.data.get(key) else { return };
        match parse(text) {
            Ok(value) => *into = value,
            Err(refused) => self.found.wrong(key, text, refused),
        }
    }

    /// `key` does not go with the other keys. `value` is what it is, by its text or by default.
    pub(crate) fn refuse(&mut self, key: &'static str, value: impl ToString, message: String) {
        self.found.wrong(key, &value.to_string(), message);
    }

    /// Warns of each key that was never read.
    pub(crate) fn finish(self) {
        for key in self.data.keys().filter(|key| *key != EXAMPLE && !self.known.contains(&key.as_str())) {
            let hint = value::did_you_mean(key, self.known.iter().copied());
            let hint = hint.map(|word| format!("; did you mean {word}?")).unwrap_or_default();
            self.found.warn(key, format!("is not a known key and is ignored{hint}"));
        }
    }
}
