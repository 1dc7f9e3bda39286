//! Who looks at a server more often than its polls are, and how often its budget lets them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use config::bounds;
use parking_lot::Mutex;

use super::{Key, Server};

/// The questions of one server that are watched, each with the number of those who do. Never more than there are sources.
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<HashMap<Key, usize>>);

/// A question is looked at more often than at its polls, for as long as somebody has this.
pub struct Watch {
    server: Arc<Server>,
    key: Key,
}

impl Watch {
    /// Watches the question `key` of `server`.
    pub fn new(server: &Arc<Server>, key: Key) -> Watch {
        *server.watched().0.lock().entry(key).or_default() += 1;
        Watch { server: Arc::clone(server), key }
    }

    /// How much time there has to be between two looks: the server's reads a second are divided among all its questions
    /// that are watched, so that the more there are, the more rarely each is looked at.
    pub fn pause(&self) -> Duration {
        let questions = u32::try_from(self.server.watched().0.lock().len()).unwrap_or(u32::MAX);
        bounds::ZERO_LOOK_PAUSE.max(Duration::from_secs(1).saturating_mul(questions) / bounds::ZERO_READS)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.server.watched().0.lock();
        if let Some(watchers) = watched.get_mut(&self.key) {
            *watchers -= 1;
            if *watchers == 0 {
                watched.remove(&self.key);
            }
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.server).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_looked_at_so_often_a_second_whoever_looks() {
        let server = Arc::new(Server::new("one"));
        let watch = |number: u32| Watch::new(&server, Key::new([number.to_le_bytes()]));
        let few: Vec<Watch> = (0..bounds::ZERO_READS).map(watch).collect();
        assert_eq!(few[0].pause(), bounds::ZERO_LOOK_PAUSE);
        // Those who ask the same are one.
        let same: Vec<Watch> = (0..1_000).map(|_| watch(0)).collect();
        assert_eq!(same[0].pause(), bounds::ZERO_LOOK_PAUSE);
        let many: Vec<Watch> = (0..3 * bounds::ZERO_READS).map(watch).collect();
        assert_eq!(few[0].pause(), 3 * Duration::from_secs(1));
        drop(many);
        assert_eq!(few[0].pause(), bounds::ZERO_LOOK_PAUSE);
        assert_eq!(Watch::new(&Arc::new(Server::new("other")), Key::new(["a"])).pause(), bounds::ZERO_LOOK_PAUSE);
    }

    #[test]
    fn nothing_is_left_of_what_nobody_watches() {
        let server = Arc::new(Server::new("one"));
        let watches = [(); 3].map(|()| Watch::new(&server, Key::new(["a"])));
        drop(watches);
        assert_eq!(server.watched().0.lock().len(), 0);
    }
}
