//! The parameters of one trigger, wherever they are written.

use std::collections::{BTreeMap, BTreeSet};

use config::keda::Secret;
use config::{Findings, Problems, Warning, did_you_mean};

use super::text::{self, Refused};

/// What one trigger was given: its own metadata, the parameters of its TriggerAuthentication, and the variables of the
/// container that `…FromEnv` names. In this order they are looked up, as in KEDA.
///
/// Readers ask for parameters by name; what is wrong is collected, and in the end what nobody asked for is a warning.
#[derive(Debug)]
pub struct Parameters<'a> {
    metadata: &'a BTreeMap<String, String>,
    auth: &'a BTreeMap<String, Secret>,
    env: &'a BTreeMap<String, Secret>,
    path: String,
    asked: BTreeMap<&'static str, Place>,
    /// Of which something is wrong, so that they are not missing besides.
    wrong: BTreeSet<&'static str>,
    found: Findings,
}

/// The name of a parameter, and where it may be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    name: &'static str,
    /// What people write in its place: taken, with a warning.
    instead: &'static [&'static str],
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the metadata only.
    Metadata,
    /// Anywhere.
    Anywhere,
    /// Anywhere, but better not in the metadata: it is a secret.
    Hidden,
}

/// A parameter of the metadata.
pub(super) const fn plain(name: &'static str) -> Name {
    Name { name, instead: &[], place: Place::Metadata }
}

/// A parameter that may also be in the TriggerAuthentication or a variable.
pub(super) const fn anywhere(name: &'static str) -> Name {
    Name { name, instead: &[], place: Place::Anywhere }
}

/// A secret, which the metadata had better not hold.
pub(super) const fn hidden(name: &'static str) -> Name {
    Name { name, instead: &[], place: Place::Hidden }
}

impl Name {
    /// The right one.
    pub(super) const fn name(self) -> &'static str {
        self.name
    }

    /// Other names for it, which are not right and are understood.
    pub(super) const fn instead(mut self, names: &'static [&'static str]) -> Name {
        self.instead = names;
        self
    }
}

/// A parameter that was found.
struct Found {
    text: String,
    /// Where, for messages.
    key: String,
    /// Whether messages may show it.
    shown: bool,
}

impl<'a> Parameters<'a> {
    /// What a trigger was given.
    pub fn new(
        metadata: &'a BTreeMap<String, String>,
        auth: &'a BTreeMap<String, Secret>,
        env: &'a BTreeMap<String, Secret>,
    ) -> Parameters<'a> {
        let (path, found) = (String::new(), Findings::default());
        Parameters { metadata, auth, env, path, asked: BTreeMap::new(), wrong: BTreeSet::new(), found }
    }

    /// Says in all messages where the trigger is written: in `object` of `file`, at `path` (`spec.triggers[0]`).
    #[must_use]
    pub fn of(mut self, file: &str, object: &str, path: &str) -> Parameters<'a> {
        self.found = Findings::about(file, object);
        self.path = format!("{path}.");
        self
    }

    /// What was found: every problem, or `read` and the warnings. A parameter that nobody asked for is one, unless all of
    /// them are the trigger's business. Who reads nothing has said why.
    pub(super) fn finish<T>(mut self, read: Option<T>, all: bool) -> Result<(T, Vec<Warning>), Problems> {
        if !all {
            self.warn_of_the_rest();
        }
        match read {
            Some(read) => self.found.finish(read),
            None => Err(Problems(self.found.problems)),
        }
    }

    fn warn_of_the_rest(&mut self) {
        for given in self.metadata.keys() {
            let base = given.strip_suffix("FromEnv");
            let asked = self.asked.get(base.unwrap_or(given)).copied();
            let key = self.key_of(given);
            match (base, asked) {
                _ if given == "metricName" || self.asked.contains_key(given.as_str()) => {}
                (Some(base), Some(Place::Metadata)) => {
                    self.found.warn(&key, format!("is ignored: {base} is read from the metadata only"));
                }
                (Some(_), Some(_)) => {}
                // It was read with the object, whose `pollingInterval` it is.
                _ if given == "queryInterval" => {}
                (base, _) => {
                    let hint = hint(base.unwrap_or(given), self.asked.keys().copied());
                    self.found.warn(&key, format!("is not a parameter of this trigger and is ignored{hint}"));
                }
            }
        }
        if self.metadata.contains_key("metricName") {
            self.warn("metricName", "is deprecated and has no effect: remove it");
        }
    }

    /// `spec.triggers[0].metadata.NAME`
    fn key_of(&self, name: &str) -> String {
        format!("{}metadata.{name}", self.path)
    }

    /// The parameter `name` is wrong whatever its value, or for want of one.
    pub(super) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        let key = self.key_of(name);
        self.found.refuse(&key, message);
    }

    /// The trigger's type is wrong.
    pub(super) fn refuse_kind(&mut self, kind: &str, message: impl Into<String>) {
        let key = format!("{}type", self.path);
        self.found.wrong(&key, kind, message);
    }

    /// The parameter `name` is worth a remark.
    pub(super) fn warn(&mut self, name: &str, message: impl Into<String>) {
        let key = self.key_of(name);
        self.found.warn(&key, message);
    }

    /// The metadata, as it is written.
    pub(super) fn metadata(&self) -> &'a BTreeMap<String, String> {
        self.metadata
    }

    /// The variable `name` of the container.
    pub(super) fn variable(&self, name: &str) -> Option<&'a Secret> {
        self.env.get(name)
    }

    /// Notes that the metadata may have `name`.
    pub(super) fn ask(&mut self, name: &'static str) {
        self.asked.entry(name).or_insert(Place::Anywhere);
    }

    /// Whether the parameter is given.
    pub(super) fn has(&mut self, name: Name) -> bool {
        self.look_up(name).is_some()
    }

    fn look_up(&mut self, name: Name) -> Option<Found> {
        let first = self.one(name.name, name.place);
        let mut instead = None;
        for other in name.instead {
            let Some(found) = self.one(other, name.place) else { continue };
            if first.is_some() {
                self.found.warn(&found.key, format!("is ignored: {} is given", name.name));
            } else {
                self.found.warn(&found.key, format!("is not KEDA's name, but understood: write {}", name.name));
                instead = instead.or(Some(found));
            }
        }
        first.or(instead)
    }

    fn one(&mut self, name: &'static str, place: Place) -> Option<Found> {
        self.asked.insert(name, place);
        let trimmed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(text) = self.metadata.get(name).and_then(|text| trimmed(text)) {
            let key = self.key_of(name);
            if place == Place::Hidden {
                let message = "is a secret in plain sight: put it into a TriggerAuthentication, or use";
                self.found.warn(&key, format!("{message} {name}FromEnv"));
            }
            return Some(Found { text, key, shown: place != Place::Hidden });
        }
        if place == Place::Metadata {
            return None;
        }
        if let Some(text) = self.auth.get(name).and_then(|secret| trimmed(secret.expose())) {
            return Some(Found { text, key: format!("{}authenticationRef: {name}", self.path), shown: false });
        }
        let from_env = format!("{name}FromEnv");
        let variable = self.metadata.get(&from_env)?;
        let key = self.key_of(&from_env);
        let Some(secret) = self.env.get(variable) else {
            self.wrong.insert(name);
            self.found.wrong(&key, variable, "is no variable of the container");
            return None;
        };
        trimmed(secret.expose()).map(|text| Found { text, key, shown: false })
    }

    /// What `parse` makes of the parameter, if it is given.
    pub(super) fn parsed<T>(&mut self, name: Name, parse: impl FnOnce(&str) -> Result<T, Refused>) -> Option<T> {
        self.read(name, true, parse)
    }

    /// As [`Parameters::parsed`], of text that may be a secret wherever it is written.
    pub(super) fn parsed_unseen<T>(&mut self, name: Name, parse: impl FnOnce(&str) -> Result<T, Refused>) -> Option<T> {
        self.read(name, false, parse)
    }

    /// As [`Parameters::parsed`], of a parameter that must be given.
    pub(super) fn needed<T>(&mut self, name: Name, parse: impl FnOnce(&str) -> Result<T, Refused>) -> Option<T> {
        let value = self.read(name, true, parse);
        if value.is_none() {
            self.refuse_missing(name);
        }
        value
    }

    /// As [`Parameters::needed`], of text that may be a secret wherever it is written.
    pub(super) fn needed_unseen<T>(&mut self, name: Name, parse: impl FnOnce(&str) -> Result<T, Refused>) -> Option<T> {
        let value = self.read(name, false, parse);
        if value.is_none() {
            self.refuse_missing(name);
        }
        value
    }

    fn read<T>(&mut self, name: Name, shown: bool, parse: impl FnOnce(&str) -> Result<T, Refused>) -> Option<T> {
        let found = self.look_up(name)?;
        let refused = match parse(&found.text) {
            Ok(value) => return Some(value),
            Err(refused) => refused,
        };
        self.wrong.insert(name.name);
        if shown && found.shown {
            self.found.wrong(&found.key, &found.text, refused);
        } else {
            self.found.refuse(&found.key, refused);
        }
        None
    }

    fn refuse_missing(&mut self, name: Name) {
        if self.wrong.contains(name.name) {
            return;
        }
        let given = self.metadata.keys().chain(self.auth.keys()).map(String::as_str);
        let is_meant = |given: &&str| !self.asked.contains_key(given) && did_you_mean(given, [name.name]).is_some();
        let hint = given.filter(is_meant).map(|given| format!("; {given:?} is given, did you mean it?")).next();
        let place = match name.place {
            Place::Metadata => "",
            Place::Anywhere => " (it may also be in the TriggerAuthentication)",
            Place::Hidden => ": it belongs into the TriggerAuthentication",
        };
        self.refuse(name.name, format!("is missing{place}{}", hint.unwrap_or_default()));
    }

    /// Text.
    pub(super) fn text(&mut self, name: Name) -> Option<String> {
        self.parsed(name, |text| Ok(text.to_owned()))
    }

    /// Text that must be given.
    pub(super) fn needed_text(&mut self, name: Name) -> Option<String> {
        self.needed(name, |text| Ok(text.to_owned()))
    }

    /// A secret.
    pub(super) fn secret(&mut self, name: Name) -> Option<Secret> {
        self.parsed_unseen(name, |text| Ok(Secret::new(text)))
    }

    /// A switch that is off unless it is on.
    pub(super) fn switch(&mut self, name: Name) -> bool {
        self.parsed(name, text::switch).unwrap_or(false)
    }

    /// A number.
    pub(super) fn float(&mut self, name: Name) -> Option<f64> {
        self.parsed(name, text::float)
    }

    /// One of `words`.
    pub(super) fn choice<T: Copy>(&mut self, name: Name, words: &[(&str, T)]) -> Option<T> {
        self.parsed(name, |text| {
            let chosen = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
            chosen.ok_or_else(|| {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let hint = hint(text, known.iter().copied());
                format!("is not allowed: it must be one of {}{hint}", known.join(", "))
            })
        })
    }
}

/// A number of more than 0: a target, which is divided by.
pub(super) fn positive(text: &str) -> Result<f64, Refused> {
    text::float(text).and_then(|value| {
        if value > 0.0 { Ok(value) } else { Err("is out of range: it must be more than 0".to_owned()) }
    })
}

/// A whole number of at least `least`.
pub(super) fn at_least(least: u64) -> impl Fn(&str) -> Result<u64, Refused> {
    move |text| {
        let value = text::whole(text)?;
        let value = u64::try_from(value).ok().filter(|value| *value >= least);
        value.ok_or_else(|| format!("is out of range: it must be a whole number, {least} or more"))
    }
}

fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(word, known).map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}
