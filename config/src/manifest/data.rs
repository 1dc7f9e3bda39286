//! Secrets and ConfigMaps of the same files, for variables and for cluster-wide settings.

use std::collections::{BTreeMap, HashMap};

use super::document::{Kind, Object};
use crate::annotations::Annotations;
use crate::node::Node;
use crate::problem::Findings;

/// The data of Secrets and ConfigMaps.
pub(super) struct DataObjects {
    all: HashMap<Key, Annotations>,
    /// Why others cannot be used; of those that are not here either the files say nothing.
    withheld: HashMap<Key, String>,
    pub(super) origin: Origin,
}

type Key = (Kind, String, String);

/// Where objects come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Files, for one machine.
    Files,
    /// A cluster, on which those of a ClusterTriggerAuthentication are in this namespace.
    Cluster(String),
}

impl DataObjects {
    /// Takes them from `objects`.
    pub(super) fn collect(objects: &[Object], found: &mut Findings) -> DataObjects {
        let mut all = DataObjects::new(Origin::Files);
        for object in objects.iter().filter(|object| matches!(object.kind, Kind::Secret | Kind::ConfigMap)) {
            all.insert(object, found);
        }
        all
    }

    /// None yet.
    pub(super) fn new(origin: Origin) -> DataObjects {
        DataObjects { all: HashMap::new(), withheld: HashMap::new(), origin }
    }

    /// Takes in a Secret or ConfigMap.
    pub(super) fn insert(&mut self, object: &Object, found: &mut Findings) {
        let mut here = object.findings();
        let data = match object.kind {
            Kind::Secret => secret(&object.root(), &mut here),
            _ => object.root().at("data").map(&mut here),
        };
        found.absorb(here);
        self.all.insert((object.kind, object.namespace.clone(), object.name.clone()), data);
    }

    /// One of this name cannot be used: `why`, as it goes on after the name.
    pub(super) fn withhold(&mut self, kind: Kind, namespace: &str, name: &str, why: String) {
        self.withheld.insert((kind, namespace.to_owned(), name.to_owned()), why);
    }

    /// Why there is none of this name.
    pub(super) fn why_not(&self, kind: Kind, namespace: &str, name: &str) -> &str {
        let why = self.withheld.get(&(kind, namespace.to_owned(), name.to_owned()));
        why.map_or("is in none of the files", String::as_str)
    }

    pub(super) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<&BTreeMap<String, String>> {
        self.all.get(&(kind, namespace.to_owned(), name.to_owned()))
    }
}

/// `data` in base64, and `stringData` over it.
fn secret(root: &Node<'_>, found: &mut Findings) -> Annotations {
    let encoded = root.at("data");
    let mut data = Annotations::new();
    for (key, text) in encoded.map(found) {
        // The value is a secret: the message must not show it.
        match base64(&text).map(String::from_utf8) {
            Some(Ok(value)) => {
                data.insert(key, value);
            }
            Some(Err(_)) => found.warn(encoded.at(&key).path(), "is not text and cannot be a variable"),
            None => found.refuse(encoded.at(&key).path(), "is not base64: plain text belongs under stringData"),
        }
    }
    data.extend(root.at("stringData").map(found));
    data
}

/// Decodes padded base64 (RFC 4648 §4); line breaks are allowed, for YAML folds long values.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    if text.len() - digits > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in &text[..digits] {
        bits = bits << 6 | sextet(*digit)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // What is left over of the last digit must be zero, or two texts would mean the same.
    (bits == 0).then_some(bytes)
}

fn sextet(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_decodes() {
        // The test vectors of RFC 4648 §10.
        for (text, expected) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9v\n  YmFy", "foobar"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(expected.as_bytes()), "{text}");
        }
        assert_eq!(base64("+/8="), Some(vec![0xfb, 0xff]));
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["Zg", "Z===", "====", "Zm9v!A==", "Zh==", "Zg=a", "hunter2"] {
            assert_eq!(base64(text), None, "{text}");
        }
    }
}
