//! `$(NAME)` in commands, arguments and variables, as Kubernetes expands it.

use std::collections::HashMap;

use super::Template;

/// Puts the value of `lookup(NAME)` in the place of every `$(NAME)` in `text`, and `$` in the place of `$$`.
///
/// A name that `lookup` does not know stays as it is written, and so does a `$` before anything else. Values are not
/// expanded again.
pub fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|reference| reference.split_once(')')) {
            match lookup(name) {
                Some(value) => expanded.push_str(&value),
                None => expanded.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded + rest
}

/// `text` such that [`expand`] gives it back unchanged.
pub(super) fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// The variable by which a pod learns where to listen.
pub(super) const PORT: &str = "PORT";

impl Template {
    /// The template of one pod that is to listen on `port`: `PORT` is set, over any that is declared, and every `$(NAME)`
    /// and `$$` resolved. What this returns is run as it is.
    ///
    /// As in Kubernetes, a variable sees those before it, the last of one name counts, and the command sees all.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Template {
        self.resolved(Some((PORT, port.to_string())))
    }

    /// The template of a pod that listens nowhere: as [`Template::with_port`], and `PORT` is whatever is declared.
    #[must_use]
    pub fn without_port(&self) -> Template {
        self.resolved(None)
    }

    /// With all references resolved; `ours` is a variable that counts over any of its name.
    fn resolved(&self, ours: Option<(&str, String)>) -> Template {
        let set = ours.as_ref().map(|(name, _)| *name);
        let mut names: Vec<String> = set.map(str::to_owned).into_iter().collect();
        let mut values: HashMap<String, String> =
            ours.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        for (name, text) in self.env.iter().filter(|(name, _)| Some(name.as_str()) != set) {
            let value = expand(text, |name| values.get(name).cloned());
            if values.insert(name.clone(), value).is_none() {
                names.push(name.clone());
            }
        }
        let command = self.command.iter().map(|part| expand(part, |name| values.get(name).cloned())).collect();
        let env = names.into_iter().filter_map(|name| values.remove_entry(&name)).collect();
        Template { command, env, working_dir: self.working_dir.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_expand_as_in_kubernetes() {
        let lookup = |name: &str| (name == "NAME").then(|| "$(VALUE)".to_owned());
        for (text, expected) in [
            ("--name=$(NAME)", "--name=$(VALUE)"),
            ("$(NAME)$(NAME)", "$(VALUE)$(VALUE)"),
            ("$$(NAME)", "$(NAME)"),
            ("$$$(NAME)", "$$(VALUE)"),
            ("$(OTHER)", "$(OTHER)"),
            ("$(NAME", "$(NAME"),
            ("$NAME costs 5$", "$NAME costs 5$"),
            ("", ""),
        ] {
            assert_eq!(expand(text, lookup), expected, "{text}");
        }
    }

    #[test]
    fn a_pod_gets_its_port_whatever_is_declared() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let template = Template {
            command: vec!["serve".into(), "--listen=:$(PORT)".into(), "$(LATE)".into(), "$$(PORT)".into()],
            env: vec![
                pair("EARLY", "$(LATE)"),
                pair("PORT", "8080"),
                pair("LATE", "port $(PORT)"),
                pair("LATE", "$(LATE)!"),
            ],
            working_dir: None,
        };
        let pod = template.with_port(20_001);
        assert_eq!(pod.command, ["serve", "--listen=:20001", "port 20001!", "$(PORT)"]);
        assert_eq!(pod.env, [pair("PORT", "20001"), pair("EARLY", "$(LATE)"), pair("LATE", "port 20001!")]);
    }

    #[test]
    fn a_pod_without_a_port_has_the_one_that_is_declared() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (command, env) = (vec!["work".into(), "$(PORT)$$".into()], vec![pair("PORT", "80")]);
        let pod = Template { command, env, working_dir: None }.without_port();
        assert_eq!((pod.command, pod.env), (vec!["work".to_owned(), "80$".to_owned()], vec![pair("PORT", "80")]));
    }

    proptest! {
        #[test]
        fn a_literal_comes_back_unchanged(text in "[$()A-C]{0,16}") {
            prop_assert_eq!(expand(&literal(&text), |_| Some("never".into())), text);
        }
    }
}
