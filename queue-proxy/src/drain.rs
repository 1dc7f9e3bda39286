//! Draining: how a pod leaves without failing anyone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use config::bounds;
use tokio::sync::{Notify, SetOnce};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{Connections, Front};

/// Ends one pod's service in order: probes fail, clients are turned away with their next response, everything that
/// still comes is served; it is over when nothing is in flight and no client can come any more.
#[derive(Debug)]
pub struct Drain {
    front: Arc<Front>,
    connections: Connections,
    /// How long after the last new direct connection another one may come.
    quiet: Duration,
    started: parking_lot::Mutex<Option<Started>>,
    changed: Notify,
    /// The app's preStop hooks that wait.
    hooks: AtomicU32,
    /// [`Drain::finish`] has ended: no request can come any more.
    finished: SetOnce<()>,
}

/// What began a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The process was told to end: there is no way back.
    Signal,
    /// The app's preStop hook asked: either the pod ends, or only the app is restarted and will be back.
    Hook,
}

#[derive(Clone, Copy, Debug)]
struct Started {
    at: Instant,
    cause: Cause,
}

/// A hook that waits; dropped, it does no more.
struct Hook<'a>(&'a AtomicU32);

impl Hook<'_> {
    fn new(hooks: &AtomicU32) -> Hook<'_> {
        hooks.fetch_add(1, Ordering::Relaxed);
        Hook(hooks)
    }
}

impl Drop for Hook<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drain {
    /// A drain that has not begun, of a pod's `front` and its `connections`.
    pub fn new(front: Arc<Front>, connections: Connections, quiet: Duration) -> Arc<Drain> {
        let (started, changed) = (parking_lot::Mutex::new(None), Notify::new());
        Arc::new(Drain {
            front,
            connections,
            quiet,
            started,
            changed,
            hooks: AtomicU32::new(0),
            finished: SetOnce::new(),
        })
    }

    /// Begins to drain, if it has not begun yet.
    pub fn begin(&self, cause: Cause) {
        let mut started = self.started.lock();
        match &mut *started {
            Some(started) if cause == Cause::Signal => started.cause = cause,
            Some(_) => {}
            None => {
                *started = Some(Started { at: Instant::now(), cause });
                self.front.set_draining(true);
                self.connections.turn_all_away();
            }
        }
        drop(started);
        self.changed.notify_waiters();
    }

    /// The app, which had not been ready, is again. If it was its preStop hook that began the drain then only the app
    /// was restarted: the pod is back.
    pub fn app_came_back(&self) {
        let mut started = self.started.lock();
        if self.hooks.load(Ordering::Relaxed) > 0 {
            return; // its preStop hook still waits: it is about to end
        }
        if started.is_some_and(|started| started.cause == Cause::Hook) {
            *started = None;
            self.front.set_draining(false);
            self.connections.turn_away_no_more();
        }
        drop(started);
        self.changed.notify_waiters();
    }

    /// Resolves at the first change after this call: a drain began, or was taken back.
    pub fn changed(&self) -> impl Future<Output = ()> {
        self.changed.notified()
    }

    /// Waits until the pod is drained. Cancel-safe.
    pub async fn done(&self) {
        loop {
            let changed = self.changed.notified();
            let started = *self.started.lock();
            let Some(started) = started else {
                changed.await;
                continue;
            };
            self.front.gate().empty().await;
            let (quiet, kept) = (self.quiet_until(started.at), started.at + self.quiet.min(bounds::DRAIN_KEPT));
            let now = Instant::now();
            if quiet > now {
                sleep_until(quiet).await;
            } else if self.connections.direct().activators > 0 && kept > now {
                drop(timeout_at(kept, self.connections.activators_gone()).await);
            } else if self.front.gate().inside() == (0, 0) {
                return;
            }
        }
    }

    /// Waits until the app may end: the pod is drained and, if it is to end as well, nobody can reach it any more.
    /// Cancel-safe.
    pub async fn app_may_end(&self) {
        let _waits = Hook::new(&self.hooks);
        loop {
            self.done().await;
            let changed = self.changed.notified();
            let started = *self.started.lock();
            match started {
                Some(Started { cause: Cause::Signal, .. }) => {
                    self.finished.wait().await;
                    return;
                }
                // The pod's own end may be told a little later.
                Some(Started { at, .. }) if at + bounds::DRAIN_HOOK > Instant::now() => {
                    drop(timeout_at(at + bounds::DRAIN_HOOK, changed).await);
                }
                _ => return,
            }
        }
    }

    /// Waits until the pod is drained, closes its connections, and waits for what came in at the last moment: a tunnel
    /// outlives its connection. Cancel-safe.
    pub async fn finish(&self) {
        self.done().await;
        self.connections.stop().await;
        self.front.gate().empty().await;
        self.finished.set(()).ok(); // whoever waits needs to hear it once
    }

    /// Until when someone may come who does not know yet that the pod is going. Activators hear of it soon, and what they
    /// have written meanwhile to a connection that closes would be lost.
    fn quiet_until(&self, started: Instant) -> Instant {
        let direct = self.connections.direct();
        match direct.last {
            Some(last) => last.max(started) + self.quiet,
            None if direct.activator_seen => started + self.quiet.min(bounds::DRAIN_ACTIVATORS),
            None => started + self.quiet,
        }
    }
}
