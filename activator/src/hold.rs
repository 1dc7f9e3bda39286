//! Waiting for a pod: within which bounds, and how it ends.

use config::bounds;
use http::StatusCode;
use queue_proxy::Refusal;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::board::{Admission, Visit};
use crate::member::Seat;

/// How much one activator holds for one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldLimits {
    /// Requests.
    pub requests: usize,
    /// Bytes that bodies of held requests may occupy.
    pub bytes: usize,
}

impl Default for HoldLimits {
    fn default() -> HoldLimits {
        HoldLimits { requests: bounds::HELD_REQUESTS, bytes: bounds::HELD_BYTES }
    }
}

/// Why a request was not given to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HoldError {
    /// As many wait as may.
    #[error("too many requests wait for a pod")]
    QueueFull,
    /// No pod could take it in time.
    #[error("no pod could take the request in time")]
    TimedOut,
    /// There can be no ready pod; the word says why ([`config::Failure::word`]).
    #[error("the service cannot start: {0}")]
    Broken(&'static str),
    /// The workload is no more.
    #[error("the service was removed")]
    Removed,
}

impl HoldError {
    /// What the client is told. Why a workload is broken is for its operators: clients get one word of it.
    pub(crate) fn refusal(self) -> Refusal {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match self {
            HoldError::QueueFull => {
                Refusal::later(unavailable, "queue-full", "too many requests wait for this service")
            }
            HoldError::TimedOut => {
                Refusal::later(StatusCode::GATEWAY_TIMEOUT, "hold-timeout", "no pod could take the request in time")
            }
            HoldError::Broken(word) => Refusal::later(unavailable, word, "the service cannot start"),
            HoldError::Removed => Refusal::later(unavailable, "removed", "the service was removed"),
        }
    }
}

/// A place in the queue of a board. Dropped, it is free at once.
#[derive(Debug)]
pub(crate) struct Place {
    // Fields drop in this order: a seat that was sent, but not heard of, must be free before `visit` looks who can
    // have it.
    receiver: oneshot::Receiver<Result<Seat, HoldError>>,
    /// None once the request was admitted.
    visit: Option<Visit>,
}

impl Place {
    pub(crate) fn new(visit: Visit, receiver: oneshot::Receiver<Result<Seat, HoldError>>) -> Place {
        Place { receiver, visit: Some(visit) }
    }

    /// Waits for a slot until `deadline`, if there is one. Dropping the future leaves the queue at once.
    ///
    /// # Errors
    /// When there is nothing left to wait for, or `deadline` has passed.
    pub(crate) async fn wait(mut self, deadline: Option<Instant>) -> Result<Admission, HoldError> {
        let answer = match deadline {
            None => (&mut self.receiver).await,
            Some(deadline) => match timeout_at(deadline, &mut self.receiver).await {
                Ok(answer) => answer,
                Err(_) if self.visit.as_ref().is_some_and(Visit::leave_queue) => return Err(self.timed_out()),
                // It was taken out of the queue at this very moment: the answer is on its way.
                Err(_) => (&mut self.receiver).await,
            },
        };
        let seat = answer.expect("a waiter is answered before it is forgotten")?;
        let visit = self.visit.take().expect("it is taken here, where the place ends");
        Ok(visit.admit(seat))
    }

    fn timed_out(&self) -> HoldError {
        if let Some(visit) = &self.visit {
            visit.board().with(|state| state.counts.refused(HoldError::TimedOut));
        }
        HoldError::TimedOut
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(visit) = &self.visit else { return };
        if visit.leave_queue() {
            visit.board().with(|state| state.counts.left += 1);
        }
        visit.held().tell();
    }
}
