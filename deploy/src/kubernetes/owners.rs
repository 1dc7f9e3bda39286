//! Whose a pod is: which workloads of its namespace select it.

use std::collections::{BTreeSet, HashMap};

use config::WorkloadId;

use super::objects::selector::{Labels, Selects};

/// All workloads' selectors. Of ten thousand only those are looked at that require a label which the pod has.
#[derive(Debug, Default)]
pub(super) struct Owners {
    namespaces: HashMap<String, Namespace>,
    selectors: HashMap<WorkloadId, (Selects, Place)>,
}

#[derive(Debug, Default)]
struct Namespace {
    /// By a label that they require.
    by_label: HashMap<String, HashMap<String, BTreeSet<WorkloadId>>>,
    /// Those that require no one label.
    others: BTreeSet<WorkloadId>,
}

/// Under which label a workload is found; none is among the others.
type Place = Option<(String, String)>;

impl Owners {
    /// The workload selects other pods now. Whether it does.
    pub(super) fn set(&mut self, id: &WorkloadId, selects: Selects) -> bool {
        if self.selectors.get(id).is_some_and(|(known, _)| *known == selects) {
            return false;
        }
        self.remove(id);
        let namespace = self.namespaces.entry(id.namespace().to_owned()).or_default();
        // The label that the fewest require: many may share one, as `app.kubernetes.io/part-of`.
        let place = selects.labels().into_iter().min_by_key(|label| namespace.sharing(label));
        namespace.at(place.as_ref()).insert(id.clone());
        self.selectors.insert(id.clone(), (selects, place));
        true
    }

    /// The workload is no more.
    pub(super) fn remove(&mut self, id: &WorkloadId) {
        let Some((_, place)) = self.selectors.remove(id) else { return };
        let Some(namespace) = self.namespaces.get_mut(id.namespace()) else { return };
        namespace.at(place.as_ref()).remove(id);
        namespace.forget_empty(place.as_ref());
        if namespace.by_label.is_empty() && namespace.others.is_empty() {
            self.namespaces.remove(id.namespace());
        }
    }

    /// What the workload selects, as a list asks for it.
    pub(super) fn selector(&self, id: &WorkloadId) -> Option<String> {
        self.selectors.get(id).map(|(selects, _)| selects.to_string())
    }

    /// The workloads that select a pod, the first by name first.
    pub(super) fn of(&self, namespace: &str, labels: &Labels) -> Vec<WorkloadId> {
        let Some(namespace) = self.namespaces.get(namespace) else { return Vec::new() };
        let labelled = labels.iter().filter_map(|(key, value)| namespace.by_label.get(key)?.get(value));
        let selects = |id: &&WorkloadId| self.selectors.get(*id).is_some_and(|(selects, _)| selects.matches(labels));
        let mut owners: Vec<WorkloadId> =
            labelled.flatten().chain(&namespace.others).filter(selects).cloned().collect();
        owners.sort_by(|a, b| (a.name(), a.kind()).cmp(&(b.name(), b.kind())));
        owners
    }
}

impl Namespace {
    fn sharing(&self, (key, value): &(String, String)) -> usize {
        self.by_label.get(key).and_then(|values| values.get(value)).map_or(0, BTreeSet::len)
    }

    fn at(&mut self, place: Option<&(String, String)>) -> &mut BTreeSet<WorkloadId> {
        match place {
            Some((key, value)) => self.by_label.entry(key.clone()).or_default().entry(value.clone()).or_default(),
            None => &mut self.others,
        }
    }

    fn forget_empty(&mut self, place: Option<&(String, String)>) {
        let Some((key, value)) = place else { return };
        if let Some(values) = self.by_label.get_mut(key) {
            if values.get(value).is_some_and(BTreeSet::is_empty) {
                values.remove(value);
            }
            if values.is_empty() {
                self.by_label.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Labels {
        text.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect()
    }

    fn owners(selectors: &[(&str, &str)]) -> Owners {
        let mut owners = Owners::default();
        for (id, selector) in selectors {
            assert!(owners.set(&id.parse().unwrap(), Selects::parse(selector).unwrap()));
        }
        owners
    }

    fn names(owners: &Owners, namespace: &str, text: &str) -> Vec<String> {
        owners.of(namespace, &labels(text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pod_belongs_to_who_selects_it_in_its_namespace() {
        let owners = owners(&[
            ("shop/hello", "app=hello"),
            ("shop/web", "part-of=shop,app=web"),
            ("shop/any", "tier in (db)"),
            ("other/hello", "app=hello"),
        ]);
        assert_eq!(names(&owners, "shop", "app=hello,part-of=shop"), ["shop/Deployment/hello"]);
        assert_eq!(names(&owners, "shop", "app=web"), [""; 0]);
        assert_eq!(names(&owners, "shop", "tier=db"), ["shop/Deployment/any"]);
        assert_eq!(names(&owners, "nowhere", "app=hello"), [""; 0]);
    }

    #[test]
    fn of_two_the_first_by_name_comes_first() {
        let owners = owners(&[("shop/b", "app=x"), ("shop/StatefulSet/a", "app=x"), ("shop/Deployment/a", "app=x")]);
        assert_eq!(names(&owners, "shop", "app=x"), ["shop/Deployment/a", "shop/StatefulSet/a", "shop/Deployment/b"]);
    }

    #[test]
    fn a_selector_that_changes_is_found_where_it_is_now_and_nothing_is_left_of_one_that_goes() {
        let mut owners = owners(&[("shop/hello", "app=hello")]);
        let id = "shop/hello".parse().unwrap();
        assert!(!owners.set(&id, Selects::parse("app=hello").unwrap()), "it is the same");
        assert!(owners.set(&id, Selects::parse("app=hallo").unwrap()));
        assert_eq!(names(&owners, "shop", "app=hello"), [""; 0]);
        assert_eq!(names(&owners, "shop", "app=hallo"), ["shop/Deployment/hello"]);
        owners.remove(&id);
        assert!(owners.namespaces.is_empty() && owners.selectors.is_empty());
    }

    #[test]
    fn many_that_share_a_label_are_found_by_another() {
        let mut owners = Owners::default();
        for n in 0..100 {
            let selector = Selects::parse(&format!("app=app-{n},part-of=shop")).unwrap();
            owners.set(&format!("shop/app-{n}").parse().unwrap(), selector);
        }
        let shared = owners.namespaces["shop"].by_label.get("part-of").map_or(0, |values| values["shop"].len());
        assert!(shared <= 1, "{shared} of 100 would be looked at for each pod");
    }
}
