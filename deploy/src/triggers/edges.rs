//! What the sources of an object say unasked, each word as often as it is worth acting upon.

use std::fmt;

use config::bounds;
use futures_core::stream::BoxStream;
use futures_util::stream::{SelectAll, StreamExt, select_all};
use tokio::time::{Instant, sleep_until};

use crate::sources::{Edge, Source};

/// All edges of an object's sources as one. However often one says the same, it is acted upon once in
/// [`bounds::TRIGGER_PAUSE`], and what it said meanwhile is one word more.
pub(super) struct Edges {
    streams: SelectAll<BoxStream<'static, Edge>>,
    wake: Word,
    read: Word,
    /// Whether every source tells by itself.
    all_tell: bool,
}

/// One of the two words.
#[derive(Debug)]
struct Word {
    /// It was said, and not acted upon yet.
    said: bool,
    /// Not before then is it acted upon again.
    rested: Instant,
}

impl Edges {
    pub(super) fn new(sources: &[Box<dyn Source>]) -> Edges {
        let streams: Vec<_> = sources.iter().filter_map(|source| source.edges()).collect();
        let all_tell = streams.len() == sources.len();
        Edges { streams: select_all(streams), wake: Word::new(), read: Word::new(), all_tell }
    }

    /// Whether polls find nothing that would not be told as well.
    pub(super) fn all_tell(&self) -> bool {
        self.all_tell
    }

    /// The next word to act upon. Dropping this forgets none.
    pub(super) async fn next(&mut self) -> Edge {
        loop {
            let due = [self.wake.due(), self.read.due()].into_iter().flatten().min();
            tokio::select! {
                // A source that says the same without end must not keep us from acting upon it.
                biased;
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => return self.take(),
                Some(edge) = self.streams.next() => self.said(edge),
                else => std::future::pending().await,
            }
        }
    }

    /// One of the two that is due.
    fn take(&mut self) -> Edge {
        let now = Instant::now();
        if self.wake.due().is_some_and(|due| due <= now) {
            self.wake.acted();
            return Edge::Wake;
        }
        self.read.acted();
        Edge::Read
    }

    /// It was said, and is still to be acted upon.
    pub(super) fn said(&mut self, edge: Edge) {
        match edge {
            Edge::Wake => self.wake.said = true,
            Edge::Read => self.read.said = true,
        }
    }

    /// All was read just now, whatever the reason: what was said before is known.
    pub(super) fn was_read(&mut self) {
        self.read.acted();
    }
}

impl Word {
    fn new() -> Word {
        Word { said: false, rested: Instant::now() }
    }

    fn due(&self) -> Option<Instant> {
        self.said.then_some(self.rested)
    }

    fn acted(&mut self) {
        *self = Word { said: false, rested: Instant::now() + bounds::TRIGGER_PAUSE };
    }
}

impl fmt::Debug for Edges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edges").field("wake", &self.wake).field("read", &self.read).finish_non_exhaustive()
    }
}
