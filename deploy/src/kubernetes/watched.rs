//! What a watch has told, by where the objects are.

use std::collections::{HashMap, HashSet};
use std::fmt;

use kube::core::DynamicObject;
use kube::runtime::watcher::Event;

/// Where an object of a known kind is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Place {
    pub(super) fn of(object: &DynamicObject) -> Place {
        let metadata = &object.metadata;
        Place {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Objects of one kind, of each what is used. There are as many as the cluster has.
#[derive(Debug)]
pub(super) struct Watched<T> {
    known: HashMap<Place, Known<T>>,
    /// What the list has named so far, while it comes.
    listed: Option<HashSet<Place>>,
    is_complete: bool,
}

#[derive(Debug)]
struct Known<T> {
    /// Versions of objects grow with time wherever etcd is.
    version: Option<u64>,
    value: T,
}

impl<T> Default for Watched<T> {
    fn default() -> Watched<T> {
        Watched { known: HashMap::new(), listed: None, is_complete: false }
    }
}

impl<T: PartialEq> Watched<T> {
    /// Takes in what the watch says; the answer is which objects changed in what `read` sees of them.
    pub(super) fn take(&mut self, event: Event<DynamicObject>, read: impl Fn(&DynamicObject) -> T) -> Vec<Place> {
        match event {
            Event::Init => {
                self.listed = Some(HashSet::new());
                Vec::new()
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let place = Place::of(&object);
                if let Some(listed) = &mut self.listed {
                    listed.insert(place.clone());
                }
                if self.put(&object, read(&object)) { vec![place] } else { Vec::new() }
            }
            Event::Delete(object) => {
                let place = Place::of(&object);
                if self.known.remove(&place).is_some() { vec![place] } else { Vec::new() }
            }
            Event::InitDone => {
                self.is_complete = true;
                let Some(listed) = self.listed.take() else { return Vec::new() };
                let gone: Vec<Place> = self.known.keys().filter(|place| !listed.contains(*place)).cloned().collect();
                for place in &gone {
                    self.known.remove(place);
                }
                gone
            }
        }
    }

    /// Keeps what `object` is now, as a write of ours was answered, unless something newer is known or it is gone meanwhile.
    /// Only for what a watch has shown: one that this write made is known when the watch shows it.
    pub(super) fn answered(&mut self, object: &DynamicObject, value: T) {
        if self.known.contains_key(&Place::of(object)) {
            self.put(object, value);
        }
    }

    /// Keeps what `object` is now, as a write of ours was answered, unless something newer is known. Tells whether
    /// anything changed.
    pub(super) fn put(&mut self, object: &DynamicObject, value: T) -> bool {
        let version = object.metadata.resource_version.as_deref().and_then(|version| version.parse().ok());
        let place = Place::of(object);
        let Some(known) = self.known.get_mut(&place) else {
            self.known.insert(place, Known { version, value });
            return true;
        };
        if version < known.version {
            return false;
        }
        known.version = version;
        let changed = known.value != value;
        known.value = value;
        changed
    }
}

impl<T> Watched<T> {
    pub(super) fn get(&self, place: &Place) -> Option<&T> {
        self.known.get(place).map(|known| &known.value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Place, &T)> {
        self.known.iter().map(|(place, known)| (place, &known.value))
    }

    /// Whether a list has come to its end once.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, version: u64, replicas: u64) -> DynamicObject {
        let metadata = json!({ "namespace": "shop", "name": name, "resourceVersion": version.to_string() });
        serde_json::from_value(json!({ "metadata": metadata, "spec": { "replicas": replicas } })).unwrap()
    }

    fn place(name: &str) -> Place {
        Place { namespace: "shop".into(), name: name.into() }
    }

    fn take(watched: &mut Watched<u64>, event: Event<DynamicObject>) -> Vec<Place> {
        watched.take(event, |object| object.data["spec"]["replicas"].as_u64().unwrap())
    }

    #[test]
    fn only_what_changed_in_what_is_read_is_told() {
        let mut watched = Watched::default();
        take(&mut watched, Event::Init);
        assert_eq!(take(&mut watched, Event::InitApply(object("a", 5, 1))), [place("a")]);
        assert!(!watched.is_complete());
        assert_eq!(take(&mut watched, Event::InitDone), []);
        assert!(watched.is_complete());
        assert_eq!(take(&mut watched, Event::Apply(object("a", 6, 1))), []);
        assert_eq!(take(&mut watched, Event::Apply(object("a", 7, 2))), [place("a")]);
    }

    #[test]
    fn what_is_older_than_the_answer_to_a_write_changes_nothing() {
        let mut watched = Watched::default();
        take(&mut watched, Event::Apply(object("a", 5, 1)));
        assert!(watched.put(&object("a", 9, 3), 3));
        assert_eq!(take(&mut watched, Event::Apply(object("a", 8, 2))), []);
        assert_eq!(watched.get(&place("a")), Some(&3));
    }

    #[test]
    fn what_a_new_list_does_not_name_is_gone() {
        let mut watched = Watched::default();
        take(&mut watched, Event::Init);
        take(&mut watched, Event::InitApply(object("a", 5, 1)));
        take(&mut watched, Event::InitApply(object("b", 6, 1)));
        take(&mut watched, Event::InitDone);
        take(&mut watched, Event::Init);
        take(&mut watched, Event::InitApply(object("b", 6, 1)));
        assert_eq!(take(&mut watched, Event::InitDone), [place("a")]);
        assert_eq!(watched.iter().count(), 1);
        assert_eq!(take(&mut watched, Event::Delete(object("b", 7, 1))), [place("b")]);
        assert_eq!(take(&mut watched, Event::Delete(object("b", 7, 1))), []);
    }

    #[test]
    fn an_answer_that_comes_after_the_end_brings_nothing_back() {
        let mut watched = Watched::default();
        take(&mut watched, Event::Apply(object("a", 5, 1)));
        watched.answered(&object("a", 6, 2), 2);
        assert_eq!(watched.get(&place("a")), Some(&2));
        take(&mut watched, Event::Delete(object("a", 7, 2)));
        watched.answered(&object("a", 6, 2), 2);
        assert_eq!(watched.get(&place("a")), None);
        take(&mut watched, Event::Apply(object("a", 8, 3)));
        watched.answered(&object("a", 6, 2), 2);
        assert_eq!(watched.get(&place("a")), Some(&3), "another of that name");
    }
}
