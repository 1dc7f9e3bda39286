//! Whether a route is true everywhere.

use std::time::Duration;

use config::{Route, Time};

use crate::link::DirectSeen;

/// Where a Service leads, for certain: its slices are written, everyone in them listens, and the key is in its selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turned {
    pub(super) route: Route,
    /// Since when.
    pub(super) at: Time,
}

/// What is known of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// It is true everywhere.
    True,
    /// It will be by then if nothing happens.
    By(Time),
    /// Something has to happen first.
    Waits,
}

/// When to look again whether a pod whose Link broke has told what it saw.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Nobody can tell what every node's proxy has programmed. That it leads to activators is believed once no pod has seen a
/// request past them for `settle`, counted from when the last of the workload's `services` had turned; that it leads to
/// pods, at once, for nothing waits for that. A workload without Services cannot be led elsewhere.
pub(super) fn evidence(
    route: Route,
    services: impl Iterator<Item = Option<Turned>>,
    direct: DirectSeen,
    settle: Duration,
    now: Time,
) -> Evidence {
    let mut quiet_since = None;
    for service in services {
        match service {
            Some(turned) if turned.route == route => quiet_since = quiet_since.max(Some(turned.at)),
            _ => return Evidence::Waits,
        }
    }
    let Some(turned_at) = quiet_since.filter(|_| route == Route::Activator) else { return Evidence::True };
    let settled = direct.last.map_or(turned_at, |last| last.max(turned_at)) + settle;
    match now < settled {
        true => Evidence::By(settled),
        false if direct.may_be_more => Evidence::By(now + LOOK_AGAIN),
        false => Evidence::True,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(30);

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    fn turned(route: Route, seconds: f64) -> Option<Turned> {
        Some(Turned { route, at: at(seconds) })
    }

    fn activator(services: &[Option<Turned>], last_direct: Option<f64>, now: f64) -> Evidence {
        let direct = DirectSeen { last: last_direct.map(at), may_be_more: false };
        evidence(Route::Activator, services.iter().copied(), direct, SETTLE, at(now))
    }

    #[test]
    fn without_a_service_any_route_is_true() {
        assert_eq!(activator(&[], Some(10.0), 10.0), Evidence::True);
    }

    #[test]
    fn it_is_true_when_the_last_service_has_turned_and_no_pod_saw_anyone_for_long_enough() {
        let services = [turned(Route::Activator, 100.0), turned(Route::Activator, 102.0)];
        assert_eq!(activator(&services, None, 103.0), Evidence::By(at(132.0)));
        assert_eq!(activator(&services, Some(90.0), 132.0), Evidence::True);
        assert_eq!(activator(&services, Some(131.0), 132.0), Evidence::By(at(161.0)));
        assert_eq!(activator(&[services[0], None], None, 1_000.0), Evidence::Waits);
        assert_eq!(activator(&[services[0], turned(Route::Pods, 1.0)], None, 1_000.0), Evidence::Waits);
    }

    #[test]
    fn a_pod_that_fell_silent_may_have_seen_someone() {
        let services = [turned(Route::Activator, 100.0)];
        let direct = DirectSeen { last: None, may_be_more: true };
        let seen = evidence(Route::Activator, services.into_iter(), direct, SETTLE, at(200.0));
        assert_eq!(seen, Evidence::By(at(201.0)));
    }

    #[test]
    fn that_it_leads_to_pods_is_true_at_once() {
        let seen = |service| evidence(Route::Pods, [service].into_iter(), DirectSeen::default(), SETTLE, at(100.0));
        assert_eq!(seen(turned(Route::Pods, 100.0)), Evidence::True);
        assert_eq!(seen(turned(Route::Activator, 1.0)), Evidence::Waits);
    }
}
