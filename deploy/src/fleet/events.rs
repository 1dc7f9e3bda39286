//! The platform's events on their way to whoever decides.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use config::{PlatformEvent, PodId, PodState, WorkloadId};
use futures_core::Stream;
use parking_lot::Mutex;

/// A queue that loses nothing and never makes anybody wait: of one pod it holds only the newest state, of one workload
/// only the newest failure, so that it is bounded by what there is. A pod that came and went unseen is not told.
#[derive(Debug, Default)]
pub(super) struct Events(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<PlatformEvent>,
    /// Pods that the reader has heard of and takes to be there.
    told: HashSet<PodId>,
    waker: Option<Waker>,
}

impl Events {
    pub(super) fn push(&self, event: PlatformEvent) {
        let mut queue = self.0.lock();
        queue.put(event);
        if let Some(waker) = queue.waker.take() {
            drop(queue);
            waker.wake();
        }
    }

    pub(super) fn stream(self: &Arc<Events>) -> impl Stream<Item = PlatformEvent> + Send + Unpin + 'static {
        Taken(Arc::clone(self))
    }
}

impl Queue {
    fn put(&mut self, event: PlatformEvent) {
        let unseen =
            matches!(&event, PlatformEvent::Pod(pod) if pod.state == PodState::Gone && !self.told.contains(&pod.id));
        let old = match &event {
            // Only the last word: whoever went and came back must be heard going.
            PlatformEvent::Workload(..) | PlatformEvent::Adopted(..) | PlatformEvent::WorkloadGone(_) => {
                let last = self.events.iter().rposition(|older| about(older) == about(&event));
                last.filter(|&at| replaces(&event, &self.events[at]))
            }
            _ => self.events.iter().position(|older| replaces(&event, older)),
        };
        match old {
            Some(at) if unseen => drop(self.events.remove(at)),
            // In its old place: before whatever was said later.
            Some(at) => self.events[at] = event,
            None => self.events.push_back(event),
        }
    }

    fn take(&mut self) -> Option<PlatformEvent> {
        let event = self.events.pop_front()?;
        if let PlatformEvent::Pod(pod) = &event {
            if pod.state == PodState::Gone {
                self.told.remove(&pod.id);
            } else {
                self.told.insert(pod.id.clone());
            }
        }
        Some(event)
    }
}

/// Whether `newer` makes `older` pointless.
fn replaces(newer: &PlatformEvent, older: &PlatformEvent) -> bool {
    match (newer, older) {
        (PlatformEvent::Pod(newer), PlatformEvent::Pod(older)) => newer.id == older.id,
        (PlatformEvent::Failure(newer, _), PlatformEvent::Failure(older, _)) => newer == older,
        (PlatformEvent::Workload(newer, _), PlatformEvent::Workload(older, _)) => newer.id == older.id,
        _ => false,
    }
}

/// The workload that is new, changed or gone.
fn about(event: &PlatformEvent) -> Option<&WorkloadId> {
    match event {
        PlatformEvent::Workload(workload, _) | PlatformEvent::Adopted(workload, _) => Some(&workload.id),
        PlatformEvent::WorkloadGone(id) => Some(id),
        PlatformEvent::Pod(_) | PlatformEvent::Failure(..) => None,
    }
}

/// The stream of what was pushed.
struct Taken(Arc<Events>);

impl Stream for Taken {
    type Item = PlatformEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<PlatformEvent>> {
        let mut queue = self.0.0.lock();
        match queue.take() {
            Some(event) => Poll::Ready(Some(event)),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{Failure, Pod, Policy, Serving, Time, Workload};
    use futures_util::{FutureExt, StreamExt};

    fn workload() -> WorkloadId {
        "hello".parse().unwrap()
    }

    fn pod(name: &str, state: PodState) -> PlatformEvent {
        PlatformEvent::Pod(Pod {
            id: PodId::new(name),
            workload: workload(),
            address: ([127, 0, 0, 1], 20_000).into(),
            state,
            has_queue_proxy: true,
            created: Time::ZERO,
        })
    }

    fn taken(events: &Arc<Events>) -> Vec<PlatformEvent> {
        let mut stream = events.stream();
        std::iter::from_fn(|| stream.next().now_or_never().flatten()).collect()
    }

    #[test]
    fn a_reader_that_keeps_up_hears_everything_in_order() {
        let events = Arc::new(Events::default());
        for state in [PodState::Starting, PodState::Ready, PodState::Draining, PodState::Gone] {
            events.push(pod("a", state));
            assert_eq!(taken(&events), [pod("a", state)]);
        }
    }

    #[test]
    fn a_slow_reader_hears_the_newest_of_each() {
        let events = Arc::new(Events::default());
        let crash = |exits| Failure::CrashLoop { exits, detail: String::new() };
        events.push(pod("a", PodState::Starting));
        events.push(PlatformEvent::Failure(workload(), Some(crash(3))));
        events.push(pod("b", PodState::Starting));
        events.push(pod("a", PodState::Ready));
        events.push(PlatformEvent::Failure(workload(), None));
        let newest =
            [pod("a", PodState::Ready), PlatformEvent::Failure(workload(), None), pod("b", PodState::Starting)];
        assert_eq!(taken(&events), newest);
    }

    #[test]
    fn a_pod_that_came_and_went_unseen_is_not_told_but_one_that_was_seen_is() {
        let events = Arc::new(Events::default());
        events.push(pod("unseen", PodState::Starting));
        events.push(pod("unseen", PodState::Draining));
        events.push(pod("unseen", PodState::Gone));
        events.push(pod("seen", PodState::Starting));
        assert_eq!(taken(&events), [pod("seen", PodState::Starting)]);
        events.push(pod("seen", PodState::Ready));
        assert_eq!(taken(&events), [pod("seen", PodState::Ready)]);
        events.push(pod("seen", PodState::Starting));
        events.push(pod("seen", PodState::Gone));
        assert_eq!(taken(&events), [pod("seen", PodState::Gone)]);
    }

    #[test]
    fn of_edits_the_last_is_told_but_going_and_coming_back_is_told_too() {
        let events = Arc::new(Events::default());
        let edited = |pods| {
            let (policy, serving) = (Policy::default(), Serving::default());
            PlatformEvent::Workload(Arc::new(Workload { id: workload(), policy, serving, hosts: Vec::new() }), pods)
        };
        for event in [edited(0), edited(1), PlatformEvent::WorkloadGone(workload()), edited(2), edited(3)] {
            events.push(event);
        }
        assert_eq!(taken(&events), [edited(1), PlatformEvent::WorkloadGone(workload()), edited(3)]);
    }
}
