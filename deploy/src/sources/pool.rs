//! What several sources have in common, for as long as one of them has it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use config::bounds;
use futures_core::future::BoxFuture;
use parking_lot::Mutex;

use super::{Key, OpenError, Server, Slot};

/// Keeps what sources share: one value of a type and a [`Key`]. A value ends when the last source that has it does, and other
/// credentials are another key: nothing has to be told.
pub struct Pool {
    kept: Mutex<HashMap<(TypeId, Key), Weak<dyn Any + Send + Sync>>>,
    settings: PoolSettings,
}

/// Which endpoints stand behind a host and port: what `aggregateFromKubeServiceEndpoints` asks one by one.
pub type Endpoints = Arc<dyn Fn(String, u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, String>> + Send + Sync>;

/// Where a process differs from others.
#[derive(Clone)]
pub struct PoolSettings {
    /// Google Cloud Storage, as `scheme://host:port`.
    pub google_storage: String,
    /// Who knows a Service's endpoints.
    pub endpoints: Endpoints,
}

impl Default for PoolSettings {
    /// Google's own servers, and endpoints by DNS, which knows those of a headless Service.
    fn default() -> PoolSettings {
        PoolSettings { google_storage: "https://storage.googleapis.com".to_owned(), endpoints: Arc::new(by_dns) }
    }
}

fn by_dns(host: String, port: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, String>> {
    Box::pin(async move {
        let found = tokio::net::lookup_host((host.as_str(), port)).await;
        found.map(Iterator::collect).map_err(|error| format!("cannot resolve {host}: {error}"))
    })
}

impl Pool {
    /// An empty one.
    pub fn new(settings: PoolSettings) -> Arc<Pool> {
        Arc::new(Pool { kept: Mutex::default(), settings })
    }

    /// Where this process differs from others.
    pub fn settings(&self) -> &PoolSettings {
        &self.settings
    }

    /// The value of `key`: that which another source has, else a new one. `make` must not connect: whoever reads does. It may
    /// be called in vain, when two do it at once.
    ///
    /// # Errors
    /// `make` fails, or there are [`bounds::SOURCES`] already.
    pub fn share<T: Send + Sync + 'static>(
        &self,
        key: Key,
        make: impl FnOnce() -> Result<T, OpenError>,
    ) -> Result<Arc<T>, OpenError> {
        let at = (TypeId::of::<T>(), key);
        if let Some(known) = self.kept.lock().get(&at).and_then(alive) {
            return Ok(known);
        }
        // Without the lock, for what is made may itself be made of what is shared.
        let made = Arc::new(make()?);
        let mut kept = self.kept.lock();
        if let Some(known) = kept.get(&at).and_then(alive) {
            return Ok(known);
        }
        if kept.len() >= bounds::SOURCES {
            kept.retain(|_, value| value.strong_count() > 0);
        }
        if kept.len() >= bounds::SOURCES {
            return Err(OpenError::Full);
        }
        kept.insert(at, weak(&made));
        Ok(made)
    }

    /// The server at `address`, which is shown to people, whoever asks it for whatever.
    ///
    /// # Errors
    /// As [`Pool::share`].
    pub fn server(&self, address: &str) -> Result<Arc<Server>, OpenError> {
        self.share(Key::new([address]), || Ok(Server::new(address)))
    }

    /// The last answer to the question that `key` stands for.
    ///
    /// # Errors
    /// As [`Pool::share`].
    pub fn slot<T: Clone + Send + Sync + 'static>(&self, key: Key) -> Result<Arc<Slot<T>>, OpenError> {
        self.share(key, || Ok(Slot::new()))
    }
}

fn alive<T: Send + Sync + 'static>(value: &Weak<dyn Any + Send + Sync>) -> Option<Arc<T>> {
    value.upgrade()?.downcast().ok()
}

fn weak<T: Send + Sync + 'static>(value: &Arc<T>) -> Weak<dyn Any + Send + Sync> {
    let value: Arc<dyn Any + Send + Sync> = value.clone();
    Arc::downgrade(&value)
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("kept", &self.kept.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Client(u32);

    #[test]
    fn one_client_a_key_for_as_long_as_somebody_has_it() {
        let pool = Pool::new(PoolSettings::default());
        let client = |key: &str, number| pool.share(Key::new([key]), || Ok(Client(number))).unwrap();
        let first = client("a", 1);
        assert_eq!((client("a", 2).0, client("b", 3).0, first.0), (1, 3, 1));
        drop(first);
        assert_eq!(client("a", 4).0, 4);
    }

    #[test]
    fn what_has_another_type_is_another_thing() {
        let pool = Pool::new(PoolSettings::default());
        let server = pool.server("a").unwrap();
        let slot = pool.slot::<u32>(Key::new(["a"])).unwrap();
        assert_eq!((server.name(), Arc::strong_count(&slot)), ("a", 1));
    }

    #[test]
    fn a_full_pool_forgets_what_nobody_has_and_then_refuses() {
        let pool = Pool::new(PoolSettings::default());
        let key = |n: usize| Key::new([n.to_le_bytes()]);
        for n in 0..bounds::SOURCES {
            pool.share(key(n), || Ok(n)).unwrap();
        }
        let kept: Vec<_> = (0..bounds::SOURCES).map(|n| pool.share(key(n), || Ok(n)).unwrap()).collect();
        let refused = pool.share(key(bounds::SOURCES), || Ok(0usize));
        assert!(matches!(refused, Err(OpenError::Full)));
        drop(kept);
        pool.share(key(bounds::SOURCES), || Ok(0usize)).unwrap();
    }

    #[test]
    fn what_is_shared_may_be_made_of_what_is_shared() {
        let pool = Pool::new(PoolSettings::default());
        let made = pool.share(Key::new(["a"]), || Ok(pool.server("b")?.name().len())).unwrap();
        assert_eq!(*made, 1);
    }

    #[test]
    fn what_cannot_be_made_is_not_kept() {
        let pool = Pool::new(PoolSettings::default());
        let fails = pool.share::<Client>(Key::new(["a"]), || Err(OpenError::parameter("ca", "is no PEM")));
        assert_eq!(fails.unwrap_err().to_string(), "ca: is no PEM");
        assert_eq!(pool.share(Key::new(["a"]), || Ok(Client(1))).unwrap().0, 1);
    }
}
