//! One pod, as the activator knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use config::{PodId, Protocol, Time};
use http::StatusCode;
use parking_lot::Mutex;
use queue_proxy::net::Network;
use queue_proxy::{Front, Gate, Recipient, Upstream};

use crate::board::Board;
use crate::latency::Latency;

/// A pod; requests keep it alive until their end, whatever becomes of the pod.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: PodId,
    way: Way,
    /// Requests that this activator has there.
    in_flight: AtomicU32,
    latency: Mutex<Latency>,
    /// Given nothing before this time (in nanoseconds), because a connection to it failed.
    failed_until: AtomicU64,
    /// The same, because it had no slot; over as soon as one of this activator's own requests there ends.
    refused_until: AtomicU64,
    /// Whether a task looks for the end of that.
    is_watched: AtomicBool,
}

/// How requests reach a pod, and who counts them there.
#[derive(Debug)]
pub(crate) enum Way {
    /// Its front is in this process.
    Here(Arc<Front>),
    /// It has a queue-proxy of its own, which counts and may give requests back.
    Remote(Arc<Upstream>),
    /// It has none: this activator counts.
    Bare(Arc<Upstream>),
}

/// The right to have one request in one pod. Dropped before anybody is told that it is free.
#[derive(Debug)]
pub(crate) struct Seat {
    // Fields drop in this order: the slot must be given back before the load says that there is one.
    slot: Slot,
    load: Load,
}

/// Who counts the request of a seat.
#[derive(Debug)]
enum Slot {
    /// The gate of a front in this process.
    Gate(queue_proxy::Admission),
    /// The activator's own ledger.
    Ledger(Count),
    /// The pod's queue-proxy, or nobody.
    Elsewhere,
}

/// One request in a board's ledger, until it is taken back.
#[derive(Debug)]
struct Count(Option<Arc<Board>>);

/// One request in [`Member::in_flight`], until it is taken back.
#[derive(Debug)]
struct Load(Option<Arc<Member>>);

impl Member {
    pub(crate) fn new(id: PodId, way: Way) -> Arc<Member> {
        Arc::new(Member {
            id,
            way,
            in_flight: AtomicU32::new(0),
            latency: Mutex::default(),
            failed_until: AtomicU64::new(0),
            refused_until: AtomicU64::new(0),
            is_watched: AtomicBool::new(false),
        })
    }

    /// The gate, if it is in this process.
    pub(crate) fn gate(&self) -> Option<&Arc<Gate>> {
        match &self.way {
            Way::Here(front) => Some(front.gate()),
            Way::Remote(_) | Way::Bare(_) => None,
        }
    }

    pub(crate) fn upstream(&self) -> &Arc<Upstream> {
        match &self.way {
            Way::Here(front) => front.upstream(),
            Way::Remote(upstream) | Way::Bare(upstream) => upstream,
        }
    }

    pub(crate) fn recipient(&self) -> Recipient {
        match self.way {
            Way::Remote(_) => Recipient::Pod,
            Way::Here(_) | Way::Bare(_) => Recipient::App,
        }
    }

    /// Whether this is the pod that is reached like that.
    pub(crate) fn is_reached_like(&self, other: &Way) -> bool {
        match (&self.way, other) {
            (Way::Here(one), Way::Here(other)) => Arc::ptr_eq(one, other),
            (Way::Remote(one), Way::Remote(other)) | (Way::Bare(one), Way::Bare(other)) => {
                one.address() == other.address()
            }
            _ => false,
        }
    }

    /// Applies a new container-concurrency; fronts of this process are told by who runs them.
    pub(crate) fn set_slots(&self, slots: u32) {
        if let Way::Remote(upstream) | Way::Bare(upstream) = &self.way {
            upstream.set_container_concurrency(slots);
        }
    }

    pub(crate) fn is_here(&self) -> bool {
        matches!(self.way, Way::Here(_))
    }

    /// Requests of this activator there.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed) // only ever raised under the board's lock
    }

    /// Requests in the app, and requests in the pod's own line, as far as this process knows.
    pub(crate) fn inside(&self) -> (u32, u32) {
        self.gate().map_or_else(|| (self.in_flight(), 0), |gate| gate.inside())
    }

    /// What a response is expected to take to begin, in seconds.
    pub(crate) fn expected(&self, now: Time) -> Option<f64> {
        self.latency.lock().expected(now)
    }

    /// A response began after `took`. Errors say nothing about how fast a pod is: one that fails at once must not draw
    /// all requests.
    pub(crate) fn answered(&self, now: Time, took: Duration, status: StatusCode) {
        if !status.is_server_error() {
            self.latency.lock().observe(now, took);
        }
    }

    /// Until when the pod is given nothing.
    pub(crate) fn passed_over_until(&self) -> Time {
        let (failed, refused) = (&self.failed_until, &self.refused_until);
        Time::from_nanos(failed.load(Ordering::Relaxed).max(refused.load(Ordering::Relaxed)))
    }

    /// Gives the pod nothing until `until`. True if a task has to look for the end of that, because none does yet.
    /// Under the board's lock only.
    pub(crate) fn pass_over(&self, until: Time, is_refused: bool) -> bool {
        let field = if is_refused { &self.refused_until } else { &self.failed_until };
        field.store(until.as_nanos(), Ordering::Relaxed);
        !self.is_watched.swap(true, Ordering::Relaxed)
    }

    /// Whether the pod is given requests again, so that its task can end. Under the board's lock only.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        let is_over = self.passed_over_until() <= now;
        if is_over {
            self.is_watched.store(false, Ordering::Relaxed);
        }
        is_over
    }
}

impl Way {
    /// To a pod at its own address.
    pub(crate) fn remote(pod: &config::Pod, network: &Network, protocol: Protocol, slots: u32) -> Way {
        let upstream = Upstream::new(network.clone(), pod.address, protocol, slots);
        if pod.has_queue_proxy { Way::Remote(upstream) } else { Way::Bare(upstream) }
    }
}

impl Seat {
    /// A seat at the pod, if its gate is in this process and lets nobody in, none. Nobody counts it who is not here.
    pub(crate) fn take(member: &Arc<Member>, is_counted: bool) -> Option<Seat> {
        let slot = match &member.way {
            Way::Here(front) if is_counted => Slot::Gate(front.gate().try_admit()?),
            Way::Here(front) => Slot::Gate(front.gate().try_admit_uncounted()?),
            Way::Remote(_) | Way::Bare(_) => Slot::Elsewhere,
        };
        member.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Seat { slot, load: Load(Some(Arc::clone(member))) })
    }

    /// Whether this activator has to count the request, for nobody else does.
    pub(crate) fn is_bare(&self) -> bool {
        matches!(self.member().way, Way::Bare(_))
    }

    /// It has been counted in the board's ledger, which is told of its end.
    pub(crate) fn counted_at(self, board: &Arc<Board>) -> Seat {
        Seat { slot: Slot::Ledger(Count(Some(Arc::clone(board)))), ..self }
    }

    pub(crate) fn member(&self) -> &Arc<Member> {
        self.load.0.as_ref().expect("it is there until it is taken back")
    }

    /// Gives the slot back of a request that the app cannot have seen: it did not arrive there.
    pub(crate) fn take_back(self) -> Arc<Member> {
        let Seat { slot, mut load } = self;
        match slot {
            Slot::Gate(admission) => admission.take_back(),
            Slot::Ledger(mut count) => count.leave(true),
            Slot::Elsewhere => {}
        }
        let member = load.0.take().expect("it is there until it is taken back");
        member.in_flight.fetch_sub(1, Ordering::Relaxed);
        member
    }
}

impl Count {
    fn leave(&mut self, is_taken_back: bool) {
        if let Some(board) = self.0.take() {
            let now = board.clock().now();
            board.with(|state| state.ledger.leave(now, is_taken_back));
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.leave(false);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let Some(member) = &self.0 else { return };
        // Relaxed: the board's lock, taken next by whoever gave the seat back, orders it before the next pick.
        member.in_flight.fetch_sub(1, Ordering::Relaxed);
        if member.refused_until.load(Ordering::Relaxed) != 0 {
            member.refused_until.store(0, Ordering::Relaxed); // a slot there is free
        }
    }
}
