//! Which workloads have something to report, and whether any has a request open.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use config::{Time, WorkloadId, bounds};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::board::Board;
use crate::ledger::Due;

/// The lists of boards to ask for reports. A board is on each at most once, so they are as long as there are busy
/// workloads at most; an idle workload is on none and costs nothing.
#[derive(Debug, Default)]
pub(crate) struct News {
    lists: Mutex<Lists>,
    urgent: Notify,
    /// Boards at which a request is open, those of workloads that were removed included.
    open: AtomicUsize,
    /// There is none any more.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Lists {
    // Weak, because boards know their news.
    busy: Vec<Weak<Board>>,
    urgent: Vec<Weak<Board>>,
    wakes: VecDeque<Wake>,
}

/// Requests found no ready pod, waited, and were handed to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// Whose requests.
    pub workload: WorkloadId,
    /// When the first of them began to wait.
    pub held_at: Time,
    /// When the first was handed to a pod.
    pub released_at: Time,
    /// How many waited then.
    pub requests: usize,
    /// When the first answer after that began; set once it has.
    pub first_byte: Arc<OnceLock<Time>>,
}

impl News {
    /// Puts the board on the lists it is due on.
    #[inline]
    pub(crate) fn tell(&self, board: &Arc<Board>, due: Due) {
        if due != Due::default() {
            self.add(board, due);
        }
    }

    #[cold]
    fn add(&self, board: &Arc<Board>, due: Due) {
        let mut lists = self.lists.lock();
        if due.listed {
            lists.busy.push(Arc::downgrade(board));
        }
        if due.urgent {
            lists.urgent.push(Arc::downgrade(board));
            drop(lists);
            self.urgent.notify_one();
        }
    }

    /// The first request at a board.
    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// The last request at a board ended.
    pub(crate) fn closed(&self) {
        if self.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.emptied.notify_waiters();
        }
    }

    /// Resolves when no request is open. Cancel safe.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.open.load(Ordering::Relaxed) == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Remembers a wake; the oldest is forgotten when nobody asks.
    pub(crate) fn woke(&self, wake: Wake) {
        let mut lists = self.lists.lock();
        if lists.wakes.len() == bounds::WAKES_KEPT {
            lists.wakes.pop_front();
        }
        lists.wakes.push_back(wake);
    }

    /// Resolves when a report is due at once. Cancel safe.
    pub(crate) async fn urgent(&self) {
        self.urgent.notified().await;
    }

    pub(crate) fn take_urgent(&self) -> Vec<Weak<Board>> {
        std::mem::take(&mut self.lists.lock().urgent)
    }

    pub(crate) fn take_busy(&self) -> Vec<Weak<Board>> {
        std::mem::take(&mut self.lists.lock().busy)
    }

    /// Puts back boards that stay busy.
    pub(crate) fn stay(&self, mut boards: Vec<Weak<Board>>) {
        self.lists.lock().busy.append(&mut boards);
    }

    pub(crate) fn take_wakes(&self) -> Vec<Wake> {
        std::mem::take(&mut self.lists.lock().wakes).into()
    }
}
