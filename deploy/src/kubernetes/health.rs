//! Whether a workload can have a ready pod, by all that is seen of it.

use std::time::Duration;

use config::{Failure, PodState, Time, bounds};

use super::pods::Known;

/// What is seen of a workload and its pods.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    /// How many pods it is asked to have.
    pub(super) replicas: u32,
    /// Why pods cannot be created.
    pub(super) blocked: Option<&'a Failure>,
    /// Why there is no progress.
    pub(super) stuck: Option<&'a Failure>,
    /// How long a pod may take to become ready.
    pub(super) start_timeout: Duration,
    pub(super) now: Time,
}

/// What follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Health {
    /// Why there can be no ready pod just now.
    pub(super) failure: Option<Failure>,
    /// When to look again if nothing happens.
    pub(super) again: Option<Time>,
    /// Pods that are ready.
    pub(super) ready: u32,
    /// Pods that are ready or may become so.
    pub(super) alive: u32,
}

impl Seen<'_> {
    /// Looks at all pods. One that is ready, or may become so, is enough; else the newest tells what is wrong.
    pub(super) fn look<'p>(&self, pods: impl Iterator<Item = &'p Known>) -> Health {
        let mut health = Health::default();
        let (mut newest_broken, mut newest_hope) = (None::<(Time, Failure)>, None::<Time>);
        for pod in pods {
            match pod.facts.state {
                PodState::Ready => health.ready += 1,
                PodState::Starting => {}
                PodState::Draining | PodState::Gone => continue,
            }
            health.alive += 1;
            let (failure, again) = self.of_pod(pod);
            health.again = health.again.into_iter().chain(again).min();
            match failure {
                None => newest_hope = newest_hope.max(Some(pod.seen)),
                Some(_) if newest_broken.as_ref().is_some_and(|(seen, _)| *seen > pod.seen) => {}
                Some(failure) => newest_broken = Some((pod.seen, failure)),
            }
        }
        if health.ready > 0 || self.replicas == 0 {
            return health;
        }
        health.failure = match (newest_hope, newest_broken) {
            // What was said of older pods does not hold for one that has just come.
            (Some(seen), _) if self.lasts(seen) => self.stuck.cloned(),
            (Some(seen), _) => {
                let patience = self.stuck.map(|_| seen + bounds::KUBE_PATIENCE);
                health.again = health.again.into_iter().chain(patience).min();
                None
            }
            (None, Some((_, failure))) => Some(failure),
            (None, None) => self.blocked.cloned(),
        };
        health
    }

    /// Why the pod cannot become ready, or when that may be known.
    fn of_pod(&self, pod: &Known) -> (Option<Failure>, Option<Time>) {
        if pod.facts.state == PodState::Ready {
            return (None, None);
        }
        let (exits, how) = &pod.facts.exits;
        let in_a_row = exits.saturating_sub(pod.calm);
        let start_by = (!pod.was_ready).then_some(pod.seen + self.start_timeout);
        match (&pod.facts.broken, &pod.facts.unschedulable, pod.unschedulable_since) {
            (Some(failure), ..) => (Some(failure.clone()), None),
            _ if in_a_row >= bounds::CRASH_LOOP_EXITS => {
                (Some(Failure::CrashLoop { exits: in_a_row, detail: how.clone() }), None)
            }
            (_, Some(detail), Some(since)) if self.lasts(since) => {
                (Some(Failure::Unschedulable { detail: detail.clone() }), None)
            }
            _ if start_by.is_some_and(|by| by <= self.now) => {
                let detail = format!("not ready after {} s", self.start_timeout.as_secs());
                (Some(Failure::StartTimeout { detail }), None)
            }
            (_, _, since) => {
                let patience = since.map(|since| since + bounds::KUBE_PATIENCE);
                (None, start_by.into_iter().chain(patience).min())
            }
        }
    }

    fn lasts(&self, since: Time) -> bool {
        self.now.since(since) >= bounds::KUBE_PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::super::pods::Facts;
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn pod(seen: u64, state: PodState) -> Known {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8012));
        let exits = (0, String::new());
        let facts = Facts { state, address, has_queue_proxy: true, broken: None, exits, unschedulable: None };
        Known {
            namespace: "shop".into(),
            labels: Default::default(),
            ports: Default::default(),
            facts,
            created: at(seen),
            seen: at(seen),
            calm: 0,
            was_ready: state == PodState::Ready,
            unschedulable_since: None,
            owner: None,
            told: None,
        }
    }

    fn image() -> Failure {
        Failure::Image { detail: "ErrImagePull".to_owned() }
    }

    fn quota() -> Failure {
        Failure::Quota { detail: "exceeded quota".to_owned() }
    }

    fn look(now: u64, pods: &[Known]) -> (Option<&'static str>, Option<Time>) {
        let (blocked, stuck) = (quota(), Failure::StartTimeout { detail: "has timed out progressing".to_owned() });
        let start_timeout = Duration::from_secs(600);
        let seen = Seen { replicas: 1, blocked: Some(&blocked), stuck: Some(&stuck), start_timeout, now: at(now) };
        let health = seen.look(pods.iter());
        (health.failure.map(|failure| failure.word()), health.again)
    }

    #[test]
    fn a_ready_pod_is_enough() {
        let broken = |seen| {
            let mut pod = pod(seen, PodState::Starting);
            pod.facts.broken = Some(image());
            pod
        };
        assert_eq!(look(50, &[broken(40), broken(45)]), (Some("image"), None));
        assert_eq!(look(50, &[broken(40), pod(0, PodState::Ready)]), (None, None));
        assert_eq!(look(50, &[broken(40), pod(45, PodState::Starting)]).0, None, "one may still become ready");
    }

    #[test]
    fn without_a_pod_it_is_what_keeps_them_from_being_created() {
        assert_eq!(look(50, &[]), (Some("quota"), None));
        assert_eq!(look(50, &[pod(1, PodState::Draining)]), (Some("quota"), None));
        let (blocked, start_timeout) = (quota(), Duration::from_secs(1));
        let asleep = Seen { replicas: 0, blocked: Some(&blocked), stuck: None, start_timeout, now: at(50) };
        assert_eq!(asleep.look([].into_iter()), Health::default(), "nobody asks for one");
    }

    #[test]
    fn three_exits_since_it_was_ready_are_a_crash_loop() {
        let mut crashing = pod(1, PodState::Starting);
        crashing.facts.exits = (2, "exit status 1".to_owned());
        assert_eq!(look(5, std::slice::from_ref(&crashing)).0, None);
        crashing.facts.exits.0 = 3;
        assert_eq!(look(5, std::slice::from_ref(&crashing)).0, Some("crash-loop"));
        crashing.calm = 1;
        assert_eq!(look(5, &[crashing]).0, None);
    }

    #[test]
    fn a_pod_that_cannot_be_placed_has_a_moment_to_find_room() {
        let mut homeless = pod(1, PodState::Starting);
        homeless.facts.unschedulable = Some("0/1 nodes are available".to_owned());
        homeless.unschedulable_since = Some(at(2));
        let homeless = [homeless];
        assert_eq!(look(3, &homeless), (None, Some(at(11))));
        assert_eq!(look(12, &homeless), (Some("unschedulable"), None));
    }

    #[test]
    fn a_pod_may_take_its_start_timeout_unless_it_has_been_ready() {
        let slow = [pod(5, PodState::Starting)];
        assert_eq!(look(9, &slow), (None, Some(at(15))));
        assert_eq!(look(20, &slow).0, Some("start-timeout"), "the controller says that there is no progress");
        let mut back = pod(5, PodState::Starting);
        back.was_ready = true;
        let start_timeout = Duration::from_secs(600);
        let seen = |now| Seen { replicas: 1, blocked: None, stuck: None, start_timeout, now: at(now) };
        assert_eq!(seen(604).look(slow.iter()).again, Some(at(605)));
        assert_eq!(
            seen(605).look(slow.iter()).failure.map(|f| f.detail().to_owned()).as_deref(),
            Some("not ready after 600 s")
        );
        assert_eq!(seen(5_000).look([back].iter()), Health { alive: 1, ..Health::default() });
    }
}
