//! Objects, and how they change.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Plural, namespace (empty: none) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) plural: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(plural: &str, namespace: &str, name: &str) -> Key {
        Key { plural: plural.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    pub(super) fn of(plural: &str, object: &Value) -> Key {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
        Key::new(plural, text("namespace"), text("name"))
    }
}

#[derive(Clone, Default)]
pub(super) struct Store {
    objects: BTreeMap<Key, Value>,
    version: u64,
}

impl Store {
    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    pub(super) fn all(&self) -> Vec<(Key, Value)> {
        self.objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    /// All of one plural.
    pub(super) fn of(&self, plural: &str) -> Vec<(Key, Value)> {
        let found = self.objects.iter().filter(|(key, _)| key.plural == plural);
        found.map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    pub(super) fn list(&self, plural: &str, namespace: Option<&str>, labels: &str) -> Vec<Value> {
        let is_meant = |key: &Key| key.plural == plural && namespace.is_none_or(|only| key.namespace == only);
        let found = self.objects.iter().filter(|(key, object)| is_meant(key) && selects(labels, object));
        found.map(|(_, object)| object.clone()).collect()
    }

    /// Puts `object` there, unless it is there as it is.
    pub(super) fn put(&mut self, key: Key, mut object: Value) {
        if let Some(metadata) = self.objects.get(&key).map(|before| &before["metadata"]) {
            object["metadata"]["resourceVersion"] = metadata["resourceVersion"].clone();
            object["metadata"]["generation"] = metadata["generation"].clone();
        }
        let before = self.objects.get(&key);
        if before == Some(&object) {
            return;
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        if before.is_none_or(|before| before["spec"] != object["spec"]) {
            object["metadata"]["generation"] = self.version.into();
        }
        self.objects.insert(key, object);
    }

    /// Merges `change` into an object (RFC 7396), or makes it of it.
    pub(super) fn merge(&mut self, key: &Key, change: &Value) {
        let mut object = self.objects.get(key).cloned().unwrap_or_else(|| json!({}));
        merge(&mut object, change);
        self.put(key.clone(), object);
    }

    /// A namespace goes with all that is in it.
    pub(super) fn delete(&mut self, key: &Key) -> bool {
        if key.plural == "namespaces" {
            self.objects.retain(|other, _| other.namespace != key.name);
        }
        self.objects.remove(key).is_some()
    }
}

fn merge(into: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *into = change.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let fields = into.as_object_mut().expect("it was made one");
    for (key, value) in change {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Whether a query like `a=b,c!=d` selects `object`.
pub(super) fn selects(labels: &str, object: &Value) -> bool {
    let label = |name: &str| object["metadata"]["labels"][name].as_str();
    labels.split(',').filter(|part| !part.is_empty()).all(|part| match part.split_once("!=") {
        Some((name, value)) => label(name) != Some(value),
        None => part.split_once('=').is_some_and(|(name, value)| label(name) == Some(value)),
    })
}

/// A map of labels as a query.
pub(super) fn as_query(labels: &Value) -> String {
    let pairs = labels.as_object().into_iter().flatten();
    pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect::<Vec<_>>().join(",")
}

/// The scale of a workload. At zero it does not say so, as the real one does not.
pub(super) fn scale(workload: &Value) -> Value {
    let replicas = workload["spec"]["replicas"].as_u64().unwrap_or(1);
    let spec = if replicas == 0 { json!({}) } else { json!({ "replicas": replicas }) };
    let selector = as_query(&workload["spec"]["selector"]["matchLabels"]);
    json!({ "metadata": workload["metadata"], "spec": spec, "status": { "replicas": replicas, "selector": selector } })
}
