//! `valueLocation`: where in a document the number stands.
//!
//! A small part of GJSON, which KEDA uses: keys and indices joined by dots, `#` for the length of a list, and a
//! backslash before a dot that belongs to a key.

use serde_json::Value;

/// What a location may not hold: it would mean something in GJSON that Rouse does not know.
const NOT_KNOWN: [char; 7] = ['*', '?', '|', '@', '{', '[', '('];

/// A parsed location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    steps: Vec<String>,
}

/// The text is not a location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLocation {
    /// A step has no name.
    #[error("has an empty step: write keys and indices joined by dots, as in items.0.count")]
    Empty,
    /// It uses what Rouse does not know.
    #[error("has {0:?}, which Rouse does not know: write keys and indices joined by dots, as in items.0.count")]
    NotKnown(char),
}

impl std::str::FromStr for Location {
    type Err = BadLocation;

    fn from_str(text: &str) -> Result<Location, BadLocation> {
        let (mut steps, mut step) = (Vec::new(), String::new());
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => step.extend(letters.next()),
                '.' => steps.push(std::mem::take(&mut step)),
                letter if NOT_KNOWN.contains(&letter) => return Err(BadLocation::NotKnown(letter)),
                letter => step.push(letter),
            }
        }
        steps.push(step);
        if steps.iter().any(String::is_empty) { Err(BadLocation::Empty) } else { Ok(Location { steps }) }
    }
}

/// What stands at a location.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// A value.
    Value(&'a Value),
    /// The length of a list.
    Length(usize),
    /// There is nothing.
    Nothing,
}

impl Location {
    /// What stands there in `document`.
    pub fn find<'a>(&self, document: &'a Value) -> Found<'a> {
        let mut at = document;
        for (index, step) in self.steps.iter().enumerate() {
            let next = match at {
                Value::Object(fields) => fields.get(step),
                Value::Array(items) if step == "#" && index + 1 == self.steps.len() => {
                    return Found::Length(items.len());
                }
                Value::Array(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => return Found::Nothing,
            }
        }
        Found::Value(at)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_indices_lengths_and_escaped_dots() {
        let document = json!({ "a": [{ "b.c": 7 }, null], "d": 1 });
        let find = |text: &str| text.parse::<Location>().unwrap().find(&document);
        assert_eq!(find("a.0.b\\.c"), Found::Value(&json!(7)));
        assert_eq!(find("a.#"), Found::Length(2));
        assert_eq!(find("a.1"), Found::Value(&Value::Null));
        for nowhere in ["a.2", "d.x", "x", "a.-1", "a.#.b"] {
            assert_eq!(find(nowhere), Found::Nothing, "{nowhere}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let problem = "a.#(x==1)".parse::<Location>().unwrap_err();
        assert_eq!(problem, BadLocation::NotKnown('('));
        assert_eq!("a..b".parse::<Location>(), Err(BadLocation::Empty));
        assert_eq!("".parse::<Location>(), Err(BadLocation::Empty));
    }
}
