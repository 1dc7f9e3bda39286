//! The objects of an apiserver in memory, their versions and their watches.

use std::collections::BTreeMap;

use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Where an object, or a collection of them, is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `/apis/apps/v1`
    api: String,
    namespace: Option<String>,
    plural: String,
    pub(crate) name: Option<String>,
    is_scale: bool,
}

impl Place {
    pub(crate) fn of(path: &str) -> Option<Place> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let depth = if parts[0] == "api" { 2 } else { 3 };
        let (api, rest) = parts.split_at_checked(depth)?;
        let api = format!("/{}", api.join("/"));
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let new = |plural: &str, name: Option<&&str>, is_scale| Place {
            api: api.clone(),
            namespace: namespace.clone(),
            plural: plural.to_owned(),
            name: name.map(|name| (*name).to_owned()),
            is_scale,
        };
        match rest {
            [plural] => Some(new(plural, None, false)),
            [plural, name] | [plural, name, "status"] => Some(new(plural, Some(name), false)),
            [plural, name, "scale"] => Some(new(plural, Some(name), true)),
            _ => None,
        }
    }

    fn key(&self) -> String {
        let Place { api, plural, .. } = self;
        let (namespace, name) = (self.namespace.as_deref().unwrap_or("?"), self.name.as_deref().unwrap_or("?"));
        format!("{api}/namespaces/{namespace}/{plural}/{name}")
    }

    /// Whether the object with this key is in the collection.
    fn has(&self, key: &str) -> bool {
        let of = Place::of(key).expect("a key");
        let in_namespace = self.namespace.is_none() || self.namespace == of.namespace;
        of.api == self.api && of.plural == self.plural && in_namespace
    }
}

/// Which objects of a collection are seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) labels: String,
    pub(crate) fields: String,
}

impl Seen {
    fn takes(&self, object: &Value) -> bool {
        let pairs = |text: &str| text.split(',').filter_map(|pair| pair.split_once('=')).map(own).collect::<Vec<_>>();
        let labels = &object["metadata"]["labels"];
        let labelled = |(key, value): &(String, String)| match key.strip_suffix('!') {
            Some(key) => labels[key] != **value,
            None => labels[key] == **value,
        };
        let field = |(path, value): &(String, String)| {
            object.pointer(&format!("/{}", path.replace('.', "/"))).is_some_and(|found| *found == **value)
        };
        pairs(&self.labels).iter().all(labelled) && pairs(&self.fields).iter().all(field)
    }
}

fn own((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// A change, before and after.
#[derive(Clone, Debug)]
struct Change {
    version: u64,
    key: String,
    before: Option<Value>,
    after: Option<Value>,
}

/// All objects.
#[derive(Default)]
pub(crate) struct Store {
    objects: BTreeMap<String, Value>,
    version: u64,
    history: Vec<Change>,
    /// What changed up to here is forgotten.
    forgotten: u64,
    watchers: Vec<(Place, Seen, mpsc::Sender<String>)>,
}

type Refused = (u16, String);

impl Store {
    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        self.objects.get(path)
    }

    pub(crate) fn all(&self, start: &str) -> Vec<Value> {
        let there = self.objects.iter().filter(|(path, _)| path.starts_with(start));
        there.map(|(_, object)| object.clone()).collect()
    }

    pub(crate) fn put(&mut self, place: &Place, mut object: Value) {
        let key = place.key();
        let number = self.version;
        let metadata = &mut object["metadata"];
        metadata["name"] = place.name.clone().into();
        metadata["namespace"] = place.namespace.clone().into();
        if metadata["uid"].is_null() {
            metadata["uid"] = format!("uid-{number}").into();
        }
        self.set(&key, Some(object));
    }

    pub(crate) fn change(&mut self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.objects.get(path).unwrap_or_else(|| panic!("no {path}")).clone();
        change(&mut object);
        self.set(path, Some(object));
    }

    pub(crate) fn delete(&mut self, path: &str) {
        self.set(path, None);
    }

    pub(crate) fn remove(&mut self, place: &Place) -> Result<Value, Refused> {
        let object = self.objects.get(&place.key()).cloned().ok_or((404, "not found".to_owned()))?;
        self.set(&place.key(), None);
        Ok(object)
    }

    pub(crate) fn overlook(&mut self, path: &str) -> Value {
        self.objects.remove(path).unwrap_or_else(|| panic!("no {path}"))
    }

    pub(crate) fn remember(&mut self, path: &str, object: Value) {
        self.objects.insert(path.to_owned(), object);
    }

    pub(crate) fn forget_history(&mut self) {
        self.version += 1;
        self.forgotten = self.version;
        self.history.clear();
        self.watchers.clear();
    }

    fn set(&mut self, key: &str, after: Option<Value>) {
        self.version += 1;
        let version = self.version;
        let before = self.objects.remove(key);
        let after = after.map(|mut object| {
            object["metadata"]["resourceVersion"] = version.to_string().into();
            self.objects.insert(key.to_owned(), object.clone());
            object
        });
        let change = Change { version, key: key.to_owned(), before, after };
        self.watchers.retain(|(place, seen, watcher)| {
            told(place, seen, &change).is_none_or(|line| watcher.try_send(line).is_ok())
        });
        self.history.push(change);
    }

    pub(crate) fn list(&self, place: &Place, seen: &Seen, from: &str, limit: Option<usize>) -> Value {
        let all: Vec<(&String, &Value)> =
            self.objects.iter().filter(|(key, object)| place.has(key) && seen.takes(object)).collect();
        let rest: Vec<_> = all.into_iter().filter(|(key, _)| key.as_str() > from).collect();
        let page = &rest[..limit.unwrap_or(usize::MAX).min(rest.len())];
        // A type's name is on the list, not on what it lists, as for all built-in types.
        let items: Vec<&Value> = page.iter().map(|(_, object)| *object).collect();
        let more = if page.len() < rest.len() { page.last().map(|(key, _)| (*key).clone()) } else { None };
        let metadata = json!({ "resourceVersion": self.version.to_string(), "continue": more });
        json!({ "kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items })
    }

    /// Lines of a watch from `version` on.
    pub(crate) fn watch(&mut self, place: &Place, seen: Seen, version: u64) -> impl Stream<Item = String> + use<> {
        let mut first: Vec<String> = Vec::new();
        let (sender, receiver) = mpsc::channel(4_096);
        if version < self.forgotten {
            let status = json!({ "kind": "Status", "code": 410, "status": "Failure", "reason": "Expired",
                "message": "too old resource version" });
            first.push(json!({ "type": "ERROR", "object": status }).to_string());
        } else {
            let newer = self.history.iter().filter(|change| change.version > version);
            first.extend(newer.filter_map(|change| told(place, &seen, change)));
            self.watchers.push((place.clone(), seen, sender));
        }
        let live = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        stream::iter(first).chain(live)
    }

    pub(crate) fn read(&self, place: &Place) -> Result<Value, Refused> {
        let object = self.objects.get(&place.key()).ok_or((404, "not found".to_owned()))?;
        Ok(if place.is_scale { scale(object) } else { object.clone() })
    }

    pub(crate) fn create(&mut self, place: &Place, body: Value) -> Result<Value, Refused> {
        let name = body["metadata"]["name"].as_str().map(str::to_owned);
        let place = Place { name, ..place.clone() };
        if self.objects.contains_key(&place.key()) {
            return Err((409, "already exists".to_owned()));
        }
        self.put(&place, body);
        self.read(&place)
    }

    pub(crate) fn patch(&mut self, place: &Place, content_type: &str, patch: &Value) -> Result<Value, Refused> {
        let mut object = self.objects.get(&place.key()).ok_or((404, "not found".to_owned()))?.clone();
        match content_type {
            "application/merge-patch+json" => merge(&mut object, patch),
            "application/json-patch+json" if place.is_scale => patch_scale(&mut object, patch)?,
            other => return Err((415, format!("{other} is not served"))),
        }
        self.set(&place.key(), Some(object));
        self.read(place)
    }
}

/// What a watch says of a change: an object that is not seen any more is gone for it.
fn told(place: &Place, seen: &Seen, change: &Change) -> Option<String> {
    if !place.has(&change.key) {
        return None;
    }
    let takes = |object: &Option<Value>| object.as_ref().is_some_and(|object| seen.takes(object));
    let (word, object) = match (takes(&change.before), takes(&change.after)) {
        (false, false) => return None,
        (false, true) => ("ADDED", change.after.clone()?),
        (true, true) => ("MODIFIED", change.after.clone()?),
        (true, false) => {
            let mut object = change.before.clone()?;
            object["metadata"]["resourceVersion"] = change.version.to_string().into();
            ("DELETED", object)
        }
    };
    Some(json!({ "type": word, "object": object }).to_string())
}

/// A zero is left out.
fn scale(object: &Value) -> Value {
    let mut spec = json!({});
    if object["spec"]["replicas"] != 0 {
        spec["replicas"] = object["spec"]["replicas"].clone();
    }
    let labels = object["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let selector: Vec<String> = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("?"))).collect();
    let metadata = &object["metadata"];
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": { "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"] },
        "spec": spec, "status": { "replicas": 0, "selector": selector.join(",") },
    })
}

fn patch_scale(object: &mut Value, patch: &Value) -> Result<(), Refused> {
    for step in patch.as_array().ok_or((400, "no patch".to_owned()))? {
        let is = scale(object)["spec"]["replicas"].clone();
        match step["op"].as_str() {
            Some("test") if step["value"] == is => {}
            Some("test") => return Err((422, format!("testing value /spec/replicas failed: it is {is}"))),
            Some("replace") if is.is_null() => return Err((422, "replace of a missing value".to_owned())),
            Some("add" | "replace") => object["spec"]["replicas"] = step["value"].clone(),
            _ => return Err((422, "the step is not known".to_owned())),
        }
    }
    Ok(())
}

/// RFC 7396.
fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in fields {
        match into.as_object_mut() {
            Some(into) if value.is_null() => drop(into.remove(key)),
            _ => merge(&mut into[key], value),
        }
    }
}
