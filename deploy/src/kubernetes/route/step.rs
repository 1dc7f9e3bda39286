//! What is to be done next for a Service. Each time it is asked anew, from what is seen: there is nothing to get out of
//! step with.

use std::time::Duration;

use config::{Time, bounds};

use super::desired::{Slices, Wanted, desired, stale};
use super::slice::Slice;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Nothing: it is as it is to be, or nobody can do anything about it now.
    Rest,
    /// Write this, and ask again.
    Write(Write),
    /// See whether Kubernetes' own slices lead to a ready pod, and ask again.
    Look,
    /// Have somebody see to it that there is a ready pod, and ask again after this time.
    Wake(Duration),
    /// Nothing for this time; then ask again.
    Wait(Duration),
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Write {
    Create(Slice),
    /// In place.
    Patch(Slice),
    Delete(String),
    /// Puts the key into the Service's selector: Kubernetes empties its own slices.
    PutKey,
    /// Takes it out: Kubernetes fills them again.
    TakeKey,
}

/// A Service is on its way back to Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// Since when.
    pub(super) since: Time,
    /// Whether Kubernetes' own slices were seen to lead to a ready pod after the key was out.
    pub(super) is_filled: bool,
    /// How long pods are waited for that may never come.
    pub(super) patience: Duration,
}

/// For a Service that is to be led by us: first its slices, then the key, so that there is somebody at any time.
/// `has_key`: whether that is in its selector.
pub(super) fn keep(wanted: &Wanted<'_>, slices: &Slices, owner: &str, has_key: bool) -> Step {
    for slice in desired(wanted, slices) {
        match slices.get(&slice.name) {
            Some(seen) if seen.is(&slice, owner) => {}
            Some(_) => return Step::Write(Write::Patch(slice)),
            None => return Step::Write(Write::Create(slice)),
        }
    }
    if let Some(name) = stale(wanted.service, wanted.serve, slices) {
        return Step::Write(Write::Delete(name));
    }
    // With nobody in its slices it would lead nowhere: as it is, it leads to whatever pods there are.
    if !has_key && !wanted.front.addresses().is_empty() {
        return Step::Write(Write::PutKey);
    }
    Step::Rest
}

/// For a Service that is to be led by Kubernetes again: with a ready pod first the key goes, and ours only when
/// Kubernetes' own slices are filled.
pub(super) fn give_back(release: &Release, slices: &Slices, has_key: bool, has_pod: bool, now: Time) -> Step {
    let is_late = now.since(release.since) >= release.patience;
    match slices.keys().next() {
        _ if has_key && !has_pod && !is_late => Step::Wake(bounds::RELEASE_LOOK),
        _ if has_key => Step::Write(Write::TakeKey),
        Some(name) if release.is_filled || is_late => Step::Write(Write::Delete(name.clone())),
        Some(_) => Step::Look,
        None => Step::Rest,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::slice::{Family, Seen};
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn slices() -> Slices {
        let (name, family, endpoints) = ("hello-rouse-4-0".to_owned(), Family::V4, BTreeSet::new());
        let slice = Slice { name: name.clone(), family, door: None, ports: Vec::new(), endpoints };
        Slices::from([(name, Seen { slice, owner: None, is_odd: false, version: None })])
    }

    fn release(is_filled: bool) -> Release {
        Release { since: Time::ZERO, is_filled, patience: PATIENCE }
    }

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    #[test]
    fn what_is_given_back_leads_somewhere_at_any_time() {
        let step = |has_key, has_pod, is_filled| give_back(&release(is_filled), &slices(), has_key, has_pod, at(1.0));
        assert_eq!(step(true, false, false), Step::Wake(bounds::RELEASE_LOOK));
        assert_eq!(step(true, true, false), Step::Write(Write::TakeKey));
        assert_eq!(step(false, true, false), Step::Look);
        assert_eq!(step(false, true, true), Step::Write(Write::Delete("hello-rouse-4-0".to_owned())));
        assert_eq!(give_back(&release(true), &Slices::new(), false, true, at(1.0)), Step::Rest);
    }

    #[test]
    fn pods_that_never_come_are_not_waited_for_for_ever() {
        let step = |has_key| give_back(&release(false), &slices(), has_key, false, Time::ZERO + PATIENCE);
        assert_eq!(step(true), Step::Write(Write::TakeKey));
        assert_eq!(step(false), Step::Write(Write::Delete("hello-rouse-4-0".to_owned())));
    }
}
