//! Reads that are the same are one.

use std::fmt;

use config::bounds;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::Look;

/// The last answer to one question. Whoever asks while somebody else does waits for that answer; whoever asks later takes it
/// if it is young enough. `T` should be small: it is kept.
pub struct Slot<T> {
    last: Mutex<Option<Last<T>>>,
}

struct Last<T> {
    at: Instant,
    answer: Result<T, String>,
}

impl<T: Clone> Slot<T> {
    /// Nothing was asked yet.
    pub fn new() -> Slot<T> {
        Slot { last: Mutex::new(None) }
    }

    /// The answer to the question, by `ask` where nobody else has it. If whoever is asking is dropped, the next one asks.
    ///
    /// # Errors
    /// What went wrong, for people. A failure is taken by those who waited for it, and not kept.
    pub async fn read(
        &self,
        look: Look,
        deadline: Instant,
        ask: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let since = Instant::now();
        let Ok(mut last) = timeout_at(deadline, self.last.lock()).await else {
            return Err("no answer in time to the same question of another trigger".to_owned());
        };
        if let Some(last) = &*last {
            let waited_for = last.at > since;
            let young = !look.age.is_zero() && since.saturating_duration_since(last.at) <= look.age;
            if waited_for || young && last.answer.is_ok() {
                return last.answer.clone();
            }
        }
        let answer = ask.await.map_err(shortened);
        *last = Some(Last { at: Instant::now(), answer: answer.clone() });
        answer
    }
}

/// Servers answer with pages.
fn shortened(mut trouble: String) -> String {
    if let Some((end, _)) = trouble.char_indices().find(|(at, _)| *at >= bounds::SOURCE_TROUBLE_BYTES) {
        trouble.truncate(end);
        trouble.push('…');
    }
    trouble
}

impl<T: Clone> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot::new()
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn look(age: Duration) -> Look {
        Look { at: 0, age }
    }

    fn soon() -> Instant {
        Instant::now() + 10 * SECOND
    }

    /// Answers how often it was asked, after a second.
    async fn asked(count: &AtomicU32) -> Result<u32, String> {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(SECOND).await;
        Ok(number)
    }

    #[tokio::test(start_paused = true)]
    async fn reads_that_overlap_are_one_and_later_ones_are_not() {
        let (slot, count) = (Slot::new(), AtomicU32::new(0));
        let read = || slot.read(look(Duration::ZERO), soon(), asked(&count));
        let late = async {
            sleep(SECOND / 2).await;
            read().await
        };
        assert_eq!(tokio::join!(read(), read(), late), (Ok(1), Ok(1), Ok(1)));
        assert_eq!(read().await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_taken_for_as_long_as_one_likes() {
        let (slot, count) = (Slot::new(), AtomicU32::new(0));
        let read = |age| slot.read(look(age), soon(), asked(&count));
        assert_eq!(read(Duration::ZERO).await, Ok(1));
        sleep(3 * SECOND).await;
        assert_eq!(read(3 * SECOND).await, Ok(1));
        assert_eq!(read(2 * SECOND).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_dropped_leaves_the_question_to_the_next() {
        let (slot, count) = (Arc::new(Slot::new()), AtomicU32::new(0));
        let first = tokio::spawn({
            let slot = slot.clone();
            async move { slot.read(look(Duration::ZERO), soon(), pending::<Result<u32, String>>()).await }
        });
        tokio::task::yield_now().await;
        let second = slot.read(look(Duration::ZERO), soon(), asked(&count));
        let drops = async {
            sleep(SECOND).await;
            first.abort();
        };
        assert_eq!(tokio::join!(second, drops).0, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_but_not_kept() {
        let slot = Slot::<u32>::new();
        let fails = async {
            sleep(SECOND).await;
            Err("a page ".repeat(1000))
        };
        let long = look(1000 * SECOND);
        let (first, second) =
            tokio::join!(slot.read(long, soon(), fails), slot.read(long, soon(), async { unreachable!() }));
        let first = first.expect_err("it fails");
        assert!(first.len() <= bounds::SOURCE_TROUBLE_BYTES + 4, "{first}");
        assert_eq!(Err(first), second);
        assert_eq!(slot.read(long, soon(), async { Ok(7) }).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_another_waits_no_longer_than_for_the_server() {
        let slot = Arc::new(Slot::<u32>::new());
        let hangs = slot.read(look(Duration::ZERO), soon(), pending());
        let waits = slot.read(look(Duration::ZERO), Instant::now() + SECOND, async { unreachable!() });
        let both = timeout(2 * SECOND, async { tokio::join!(timeout(2 * SECOND, hangs), waits).1 });
        assert!(both.await.expect("in time").unwrap_err().starts_with("no answer in time"));
    }
}
