//! The Link of a reporter: the stream that it keeps to the autoscaler.
//!
//! [`open`] gives three things: the [`Link`], which takes what is to be said and never waits; a receiver of what the
//! autoscaler says; and the future that keeps the stream open, for whoever owns it to run. What is said while there is no
//! autoscaler is kept for a minute.

mod backoff;
mod connection;
mod driver;
mod outbox;
mod pod;
mod talk;
mod tls;

use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use config::link::{Down, Reporter, Up};
use config::{Latency, PodState, Report, WorkloadId, bounds};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};

pub use connection::LinkError;
pub use pod::PodReports;
pub use tls::{NoToken, Tls, TlsError};

use crate::Clock;
use crate::net::Network;
use outbox::Outbox;

/// Where the autoscaler is, and who speaks to it.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// `host:port`, resolved each time that the Link is opened.
    pub server: String,
    /// Without it the stream is plain.
    pub tls: Option<Tls>,
    /// Who speaks.
    pub reporter: Reporter,
    /// Whose load it is, if it has only one and knows that.
    pub workload: Option<WorkloadId>,
    /// Where the reporter serves.
    pub address: SocketAddr,
    /// What time it is; times are compared with those of other processes, so it must be [`Clock::wall`].
    pub clock: Clock,
    /// How to reach the autoscaler.
    pub network: Network,
}

/// Takes what is to be said to the autoscaler. Copies are the same Link.
#[derive(Clone, Debug)]
pub struct Link {
    shared: Arc<Shared>,
}

/// What the handles and the driver share.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    reporter: Reporter,
    outbox: Mutex<Outbox>,
    /// There is more to write, or the end is near.
    changed: Notify,
    is_connected: AtomicBool,
    connects: AtomicU64,
    is_finishing: AtomicBool,
    is_finished: watch::Sender<bool>,
}

/// How a Link is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStatus {
    /// Whether an autoscaler is listening.
    pub is_connected: bool,
    /// How often one was found again.
    pub reconnects: u64,
    /// Frames kept for an autoscaler that may yet come.
    pub kept: usize,
    /// Of those, how many nobody acknowledged.
    pub unacknowledged: usize,
    /// Frames written more than once.
    pub resent: u64,
    /// Frames that nobody acknowledged for as long as they were kept.
    pub dropped: u64,
}

/// A Link, what arrives by it, and the future that keeps it open for as long as it is polled. The Link is not told that
/// the future was dropped: it then keeps what is said, within its bounds, and nobody hears it.
pub fn open(settings: LinkSettings) -> (Link, mpsc::Receiver<Down>, impl Future<Output = ()> + Send) {
    let shared = Arc::new(Shared {
        clock: settings.clock,
        reporter: settings.reporter.clone(),
        outbox: Mutex::default(),
        changed: Notify::new(),
        is_connected: AtomicBool::new(false),
        connects: AtomicU64::new(0),
        is_finishing: AtomicBool::new(false),
        is_finished: watch::Sender::new(false),
    });
    let (sender, receiver) = mpsc::channel(bounds::LINK_FRAMES);
    let link = Link { shared: Arc::clone(&shared) };
    (link, receiver, driver::run(settings, shared, sender))
}

impl Link {
    /// Says `frames`, as soon as that can be: it is for the caller to decide what is due. Reports are numbered here.
    pub fn say(&self, frames: impl IntoIterator<Item = Up>) {
        let now = self.shared.clock.now();
        {
            let mut outbox = self.shared.outbox.lock();
            frames.into_iter().for_each(|frame| outbox.push(now, frame));
        }
        self.shared.changed.notify_one();
    }

    /// Says what one counter of this reporter saw.
    pub fn report(&self, workload: &WorkloadId, report: Report) {
        let reporter = self.shared.reporter.clone();
        self.say([Up::Report { reporter, workload: workload.clone(), report }]);
    }

    /// Says how long requests took, if an autoscaler listens.
    pub fn latency(&self, workload: &WorkloadId, latency: Latency) {
        let reporter = self.shared.reporter.clone();
        self.say([Up::Latency { reporter, workload: workload.clone(), latency }]);
    }

    /// Says how the pod is, now and on every connection. Only the newest is kept. An activator has no state.
    pub fn state(&self, state: PodState) {
        self.shared.outbox.lock().set_state(self.shared.clock.now(), &self.shared.reporter, state);
        self.shared.changed.notify_one();
    }

    /// Says that clients are to be sent elsewhere from now on.
    pub fn leaving(&self) {
        self.say([Up::Leaving]);
    }

    /// Says that this reporter has nothing left of `workload`.
    pub fn left(&self, workload: &WorkloadId) {
        self.say([Up::Left { reporter: self.shared.reporter.clone(), workload: workload.clone() }]);
    }

    /// Says everything that is left and closes; resolves when the autoscaler has heard it, for which there may be none:
    /// the caller sets a limit. What the autoscaler says meanwhile is not listened to. Cancel safe.
    pub async fn finish(&self) {
        self.shared.is_finishing.store(true, Ordering::Release);
        self.shared.changed.notify_one();
        // The sender is here: it cannot be gone.
        drop(self.shared.is_finished.subscribe().wait_for(|&is_finished| is_finished).await);
    }

    /// How it is.
    pub fn status(&self) -> LinkStatus {
        let outbox = self.shared.outbox.lock();
        LinkStatus {
            is_connected: self.shared.is_connected.load(Ordering::Relaxed),
            reconnects: self.shared.connects.load(Ordering::Relaxed).saturating_sub(1),
            kept: outbox.len(),
            unacknowledged: outbox.unacknowledged(),
            resent: outbox.resent(),
            dropped: outbox.dropped(),
        }
    }
}

impl LinkStatus {
    /// Appends the Link's metrics of the [`crate::metrics`] list in Prometheus' text format.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn render(&self, out: &mut String) -> fmt::Result {
        let mut line = |name: &str, kind: &str, value: u64| {
            writeln!(out, "# TYPE rouse_link_{name} {kind}\nrouse_link_{name} {value}")
        };
        line("connected", "gauge", self.is_connected.into())?;
        line("reconnects_total", "counter", self.reconnects)?;
        line("kept", "gauge", self.kept as u64)?;
        line("unacknowledged", "gauge", self.unacknowledged as u64)?;
        line("resent_total", "counter", self.resent)?;
        line("dropped_total", "counter", self.dropped)
    }
}
