//! What happened since somebody last looked, gathered into one value.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Where things that happen are noted. While nobody follows, nothing is.
///
/// What happens often is gathered once: its size is that of what it is about, however slow the follower.
#[derive(Debug, Default)]
pub struct Gathered<T> {
    value: Mutex<Option<T>>,
    noted: Notify,
}

/// What was noted, for the one who follows.
#[derive(Debug)]
pub struct Follower<T>(Arc<Gathered<T>>);

impl<T: Default> Gathered<T> {
    /// Notes something.
    pub fn note(&self, note: impl FnOnce(&mut T)) {
        if let Some(value) = self.value.lock().as_mut() {
            note(value);
            self.noted.notify_one();
        }
    }

    /// From now on everything is noted; what is so already is for the caller to look at. Takes the place of whoever
    /// followed before.
    pub fn follow(self: &Arc<Gathered<T>>) -> Follower<T> {
        *self.value.lock() = Some(T::default());
        Follower(Arc::clone(self))
    }
}

impl<T: Default> Follower<T> {
    /// All that was noted since the last call; waits until there is something. Cancel-safe.
    pub async fn next(&mut self) -> T {
        self.0.noted.notified().await;
        self.0.value.lock().as_mut().map(mem::take).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn what_happens_is_told_once_and_nothing_that_nobody_follows() {
        let gathered: Arc<Gathered<BTreeSet<u32>>> = Arc::default();
        let note = |number| gathered.note(|numbers| _ = numbers.insert(number));
        note(1);
        let mut follower = gathered.follow();
        assert_eq!(follower.next().now_or_never(), None);
        [2, 3, 2].into_iter().for_each(note);
        assert_eq!(follower.next().now_or_never(), Some(BTreeSet::from([2, 3])));
        assert_eq!(follower.next().now_or_never(), None);
        note(2);
        assert_eq!(follower.next().now_or_never(), Some(BTreeSet::from([2])));
    }
}
