//! What an activator missed while it read slowly.

use std::collections::{BTreeMap, HashMap, VecDeque};

use config::link::Down;
use config::{Pod, PodId, PodState, WorkloadId, bounds};

/// Workloads of which there was news that one activator was not sent. It is told how they are by the time it has read
/// what waits, once for all the news: a tick that has something new of ten thousand workloads cuts nobody off, and who
/// reads slowly hears the newest. The first to be missed is the first to be told.
#[derive(Debug, Default)]
pub(super) struct Missed {
    order: VecDeque<WorkloadId>,
    ends: HashMap<WorkloadId, Ends>,
    /// Pods in all of `ends`.
    pods: usize,
}

/// What cannot be seen in how a workload is now.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// It was taken away, and perhaps declared again.
    gone: bool,
    /// Pods that are gone.
    pods: BTreeMap<PodId, Pod>,
}

impl Missed {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Takes note of news; false if there is too much.
    pub(super) fn add(&mut self, workload: &WorkloadId, news: &Down) -> bool {
        if self.order.len() + self.pods >= bounds::LINK_MISSED {
            return false;
        }
        let ends = self.ends.entry(workload.clone()).or_insert_with(|| {
            self.order.push_back(workload.clone());
            Ends::default()
        });
        self.pods -= ends.pods.len();
        match news {
            Down::WorkloadGone { .. } => *ends = Ends { gone: true, pods: BTreeMap::new() },
            Down::Pods { pods, .. } => {
                let gone = pods.iter().filter(|pod| pod.state == PodState::Gone);
                ends.pods.extend(gone.map(|pod| (pod.id.clone(), pod.clone())));
            }
            _ => {}
        }
        self.pods += ends.pods.len();
        true
    }

    /// Takes out the workload that was missed first.
    pub(super) fn next(&mut self) -> Option<(WorkloadId, Ends)> {
        let id = self.order.pop_front()?;
        let ends = self.ends.remove(&id).unwrap_or_default();
        self.pods -= ends.pods.len();
        if self.order.is_empty() {
            *self = Missed::default(); // the room is given back
        }
        Some((id, ends))
    }
}

impl Ends {
    /// What makes up for it, with how the workload is `now`, if there is one.
    pub(super) fn frames(self, id: WorkloadId, now: Option<Vec<Down>>) -> impl Iterator<Item = Down> {
        let gone = self.gone.then_some(Down::WorkloadGone { workload: id });
        let mut now = now.unwrap_or_default();
        for frame in &mut now {
            if let Down::Pods { pods, .. } = frame {
                // Before those that are there: a pod may have come back.
                pods.splice(..0, self.pods.values().cloned());
            }
        }
        gone.into_iter().chain(now)
    }
}

#[cfg(test)]
mod tests {
    use config::Time;

    use super::*;

    fn id(name: &str) -> WorkloadId {
        WorkloadId::new("default", "Deployment", name)
    }

    fn pods(names: &[&str], state: PodState) -> Down {
        let pod = |name: &&str| Pod {
            id: PodId::new(name),
            workload: id("a"),
            address: ([127, 0, 0, 1], 1).into(),
            state,
            has_queue_proxy: true,
            created: Time::ZERO,
        };
        Down::Pods { workload: id("a"), pods: names.iter().map(pod).collect(), failure: None, at: Time::ZERO }
    }

    fn told(missed: &mut Missed, now: Option<Vec<Down>>) -> Vec<Down> {
        missed.next().map(|(id, ends)| ends.frames(id, now).collect()).unwrap_or_default()
    }

    #[test]
    fn however_much_news_of_a_workload_it_is_told_once_the_first_missed_first() {
        let mut missed = Missed::default();
        for (name, watermark) in [("b", 1), ("a", 1), ("b", 2), ("b", 3)] {
            let news = Down::Settings { workload: id(name), serving: Default::default(), watermark };
            assert!(missed.add(&id(name), &news));
        }
        let order: Vec<_> = std::iter::from_fn(|| missed.next()).map(|(id, _)| id).collect();
        assert_eq!(order, [id("b"), id("a")]);
        assert!(missed.is_empty());
    }

    #[test]
    fn pods_that_are_gone_are_told_beside_those_that_are_there() {
        let mut missed = Missed::default();
        missed.add(&id("a"), &pods(&["x", "y"], PodState::Ready));
        missed.add(&id("a"), &pods(&["x"], PodState::Gone));
        let Down::Pods { pods: said, .. } = &told(&mut missed, Some(vec![pods(&["y"], PodState::Ready)]))[0] else {
            panic!("not of pods")
        };
        let said: Vec<_> = said.iter().map(|pod| (pod.id.as_str(), pod.state)).collect();
        assert_eq!(said, [("x", PodState::Gone), ("y", PodState::Ready)]);
    }

    #[test]
    fn a_workload_that_went_and_came_back_is_told_to_be_gone_first() {
        let mut missed = Missed::default();
        missed.add(&id("a"), &pods(&["x"], PodState::Gone));
        missed.add(&id("a"), &Down::WorkloadGone { workload: id("a") });
        missed.add(&id("a"), &pods(&["y"], PodState::Ready));
        let now = pods(&["y"], PodState::Ready);
        let gone = Down::WorkloadGone { workload: id("a") };
        assert_eq!(told(&mut missed, Some(vec![now.clone()])), [gone.clone(), now]);
        missed.add(&id("a"), &gone);
        assert_eq!(told(&mut missed, None), [gone]);
    }

    #[test]
    fn there_is_an_end_to_what_may_be_missed() {
        let mut missed = Missed::default();
        let takes = |missed: &mut Missed, n: usize| missed.add(&id("a"), &pods(&[&n.to_string()], PodState::Gone));
        let taken = (0..bounds::LINK_MISSED * 2).take_while(|&n| takes(&mut missed, n)).count();
        assert_eq!(taken, bounds::LINK_MISSED - 1, "the workload itself is one");
        missed.next();
        assert!(takes(&mut missed, 0));
    }
}
