//! One server, as all who read it see it: how many do at once, and whether it is to be left alone.

use std::fmt;

use config::bounds;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::pause::Pause;
use super::watched::Watched;

/// A server that is read. One that fails or hangs is left alone for a while, and takes nobody's time meanwhile; one that
/// answers others all the same is not, for then it is the question that is slow.
pub struct Server {
    name: String,
    reads: Semaphore,
    health: Mutex<Health>,
    watched: Watched,
}

#[derive(Debug)]
struct Health {
    pause: Pause,
    /// Nobody asks until then, because of that.
    alone: Option<(Instant, String)>,
    /// When it last answered.
    answered: Option<Instant>,
}

/// What went wrong with a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// With the server itself, for whoever asks: no connection, overload.
    Server(String),
    /// With this question: the credentials, the query, the answer.
    Question(String),
}

impl Server {
    /// `name` is what people are shown: an address, no credentials.
    pub fn new(name: impl Into<String>) -> Server {
        let pause = Pause::new(bounds::SOURCE_RETRY_FIRST..bounds::SOURCE_RETRY_SLOWEST);
        let health = Mutex::new(Health { pause, alone: None, answered: None });
        Server { name: name.into(), reads: Semaphore::new(bounds::SOURCE_READS), health, watched: Watched::default() }
    }

    /// What is looked at more often than at its polls.
    pub(super) fn watched(&self) -> &Watched {
        &self.watched
    }

    /// What people are shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks, when it is our turn, and until `deadline`.
    ///
    /// # Errors
    /// What went wrong, for people: the server is left alone, has no place free in time, does not answer in time, or `ask`
    /// fails.
    pub async fn read<T>(&self, deadline: Instant, ask: impl Future<Output = Result<T, Trouble>>) -> Result<T, String> {
        self.may_ask()?;
        let Ok(permit) = timeout_at(deadline, self.reads.acquire()).await else {
            return Err(format!("{}: {} reads at once, and none ended in time", self.name, bounds::SOURCE_READS));
        };
        let _permit = permit.map_err(|_| "the server is gone".to_owned())?;
        // Who waited may have waited for the same trouble.
        self.may_ask()?;
        let since = Instant::now();
        if since >= deadline {
            return Err(format!("{}: no time was left to ask it", self.name));
        }
        let trouble = match timeout_at(deadline, ask).await {
            Ok(Ok(answer)) => {
                self.answered();
                return Ok(answer);
            }
            Ok(Err(Trouble::Question(trouble))) => {
                self.answered();
                return Err(format!("{}: {trouble}", self.name));
            }
            Ok(Err(Trouble::Server(trouble))) => trouble,
            Err(_) => "no answer in time".to_owned(),
        };
        self.failed(since, &trouble);
        Err(format!("{}: {trouble}", self.name))
    }

    fn may_ask(&self) -> Result<(), String> {
        match &self.health.lock().alone {
            Some((until, trouble)) if *until > Instant::now() => {
                Err(format!("{}: {trouble} (a moment ago; it is left alone for now)", self.name))
            }
            _ => Ok(()),
        }
    }

    fn answered(&self) {
        let mut health = self.health.lock();
        health.answered = Some(Instant::now());
        health.alone = None;
        health.pause.reset();
    }

    fn failed(&self, since: Instant, trouble: &str) {
        let mut health = self.health.lock();
        let now = Instant::now();
        let others_answered = health.answered.is_some_and(|at| at > since);
        let known = health.alone.as_ref().is_some_and(|(until, _)| *until > now);
        if !others_answered && !known {
            let until = now + health.pause.longer();
            health.alone = Some((until, trouble.to_owned()));
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn fails() -> Result<u32, Trouble> {
        Err(Trouble::Server("cannot connect".to_owned()))
    }

    async fn works() -> Result<u32, Trouble> {
        Ok(1)
    }

    fn soon() -> Instant {
        Instant::now() + SECOND
    }

    /// Waits until it may be asked again, and says how long that took.
    async fn alone(server: &Server) -> Duration {
        let since = Instant::now();
        while server.may_ask().is_err() {
            sleep(Duration::from_millis(5)).await;
        }
        Instant::now() - since
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_fails_is_left_alone_for_longer_and_longer_and_then_it_is_back() {
        let server = Server::new("redis:6379");
        let mut pauses = Vec::new();
        for _ in 0..10 {
            assert_eq!(server.read(soon(), fails()).await, Err("redis:6379: cannot connect".to_owned()));
            let said = "redis:6379: cannot connect (a moment ago; it is left alone for now)";
            assert_eq!(server.read(soon(), async { unreachable!() }).await, Err::<u32, _>(said.to_owned()));
            pauses.push(alone(&server).await);
        }
        assert!(pauses[0] <= bounds::SOURCE_RETRY_FIRST + SECOND / 100, "{pauses:?}");
        assert!(pauses[9] >= bounds::SOURCE_RETRY_SLOWEST / 2, "{pauses:?}");
        assert_eq!(server.read(soon(), works()).await, Ok(1));
        server.read(soon(), fails()).await.unwrap_err();
        assert!(alone(&server).await <= bounds::SOURCE_RETRY_FIRST + SECOND / 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_fails_is_no_trouble_of_the_server() {
        let server = Server::new("db");
        let wrong = async { Err::<u32, _>(Trouble::Question("no such table".to_owned())) };
        assert_eq!(server.read(soon(), wrong).await, Err("db: no such table".to_owned()));
        assert_eq!(server.read(soon(), works()).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_question_takes_nothing_from_those_that_are_answered() {
        let server = Server::new("db");
        let slow = server.read(soon(), pending::<Result<u32, Trouble>>());
        let others = async {
            for _ in 0..9 {
                sleep(SECOND / 10).await;
                assert_eq!(server.read(soon(), works()).await, Ok(1));
            }
        };
        assert_eq!(tokio::join!(slow, others).0, Err("db: no answer in time".to_owned()));
        assert_eq!(server.read(soon(), works()).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_there_was_no_time_to_ask_has_not_failed() {
        let server = Server::new("db");
        let late = server.read(Instant::now(), works()).await;
        assert_eq!(late, Err("db: no time was left to ask it".to_owned()));
        assert_eq!(server.read(soon(), works()).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn those_beyond_the_places_wait_no_longer_than_their_timeout() {
        let server = Server::new("db");
        let hang = (0..bounds::SOURCE_READS).map(|_| server.read(soon() + SECOND, pending::<Result<u32, Trouble>>()));
        let beyond = async {
            let since = Instant::now();
            let trouble = server.read(soon(), works()).await.expect_err("no place");
            (trouble, Instant::now() - since)
        };
        let (_, (trouble, took)) = tokio::join!(join_all(hang), beyond);
        assert_eq!(trouble, "db: 8 reads at once, and none ended in time");
        assert_eq!(took, SECOND);
    }
}
