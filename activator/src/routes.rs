//! Which workload a request is for.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use config::WorkloadId;
use http::Request;
use parking_lot::Mutex;

use crate::board::Board;

/// Workloads by name and by host. Requests read it without a lock; changes copy a small part.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    by_id: Table<WorkloadId, Arc<Board>>,
    by_host: Table<Box<str>, Arc<Board>>,
    /// The workload, while there is exactly one: any host leads there.
    only: ArcSwapOption<Board>,
    claims: Mutex<Claims>,
}

/// Who wants which host. Changes are made under its lock, one after the other.
#[derive(Debug, Default)]
struct Claims {
    hosts: HashMap<WorkloadId, Vec<String>>,
    /// Of several workloads that want one host, the first has it until it gives it up.
    wanted: HashMap<String, Vec<Arc<Board>>>,
}

impl Routes {
    pub(crate) fn by_id(&self, id: &WorkloadId) -> Option<Arc<Board>> {
        self.by_id.get(id)
    }

    /// All workloads.
    pub(crate) fn all(&self) -> Vec<Arc<Board>> {
        self.by_id.shards.iter().flat_map(|shard| shard.load().values().cloned().collect::<Vec<_>>()).collect()
    }

    /// The workload that the request's host leads to.
    pub(crate) fn by_host<B>(&self, request: &Request<B>) -> Option<Arc<Board>> {
        host_of(request).and_then(|host| self.by_host.get(host.as_ref())).or_else(|| self.only.load_full())
    }

    /// Adds the workload, or changes its hosts.
    pub(crate) fn set(&self, board: &Arc<Board>, hosts: &[String]) {
        let mut claims = self.claims.lock();
        let before = claims.hosts.insert(board.id().clone(), hosts.to_vec()).unwrap_or_default();
        for host in before.iter().filter(|host| !hosts.contains(host)) {
            self.give_up(&mut claims, host, board.id());
        }
        for host in hosts.iter().filter(|host| !before.contains(host)) {
            let wanting = claims.wanted.entry(host.clone()).or_default();
            wanting.push(Arc::clone(board));
            self.by_host.set(host.as_str().into(), Some(Arc::clone(&wanting[0])));
        }
        self.by_id.set(board.id().clone(), Some(Arc::clone(board)));
        self.note_only(&claims);
    }

    pub(crate) fn remove(&self, id: &WorkloadId) -> Option<Arc<Board>> {
        let mut claims = self.claims.lock();
        let hosts = claims.hosts.remove(id)?;
        for host in &hosts {
            self.give_up(&mut claims, host, id);
        }
        let board = self.by_id.get(id);
        self.by_id.set(id.clone(), None);
        self.note_only(&claims);
        board
    }

    fn give_up(&self, claims: &mut Claims, host: &str, id: &WorkloadId) {
        let Some(wanting) = claims.wanted.get_mut(host) else { return };
        wanting.retain(|board| board.id() != id);
        let heir = wanting.first().cloned();
        if heir.is_none() {
            claims.wanted.remove(host);
        }
        self.by_host.set(host.into(), heir);
    }

    fn note_only(&self, claims: &Claims) {
        let only = if claims.hosts.len() == 1 { claims.hosts.keys().next() } else { None };
        self.only.store(only.and_then(|id| self.by_id.get(id)));
    }
}

/// The host that the request is for: lower case, without port and without the dot that ends an absolute name.
/// ([`queue_proxy::headers::admit`] saw to it that `Host` is there once, whatever the request's target says.)
fn host_of<B>(request: &Request<B>) -> Option<Cow<'_, str>> {
    let named = request.headers().get(http::header::HOST)?.to_str().ok()?;
    let end = match named.find(']') {
        Some(bracket) => bracket + 1, // [::1]:8080
        None => named.find(':').unwrap_or(named.len()),
    };
    let host = &named[..end];
    let host = host.strip_suffix('.').unwrap_or(host);
    let has_upper = host.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if has_upper { Cow::Owned(host.to_ascii_lowercase()) } else { Cow::Borrowed(host) })
}

/// A map that is read without a lock. Writers must take turns; each copies one shard, so that adding n entries costs
/// n²/[`Table::SHARDS`] and not n².
#[derive(Debug)]
struct Table<K, V> {
    shards: Box<[ArcSwap<HashMap<K, V>>]>,
    hasher: RandomState,
}

impl<K: Eq + Hash + Clone, V: Clone> Table<K, V> {
    const SHARDS: usize = 64;

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &ArcSwap<HashMap<K, V>> {
        &self.shards[self.hasher.hash_one(key) as usize % Self::SHARDS]
    }

    fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.shard(key).load().get(key).cloned()
    }

    fn set(&self, key: K, value: Option<V>) {
        let shard = self.shard(&key);
        let mut copy = HashMap::clone(&shard.load());
        match value {
            Some(value) => drop(copy.insert(key, value)),
            None => drop(copy.remove(&key)),
        }
        shard.store(Arc::new(copy));
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Default for Table<K, V> {
    fn default() -> Table<K, V> {
        Table { shards: (0..Self::SHARDS).map(|_| ArcSwap::default()).collect(), hasher: RandomState::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hold::HoldLimits;
    use crate::news::News;
    use config::{Mode, Serving};
    use queue_proxy::Clock;

    fn board(name: &str) -> Arc<Board> {
        let (id, news) = (name.parse().unwrap(), Arc::new(News::default()));
        Board::new(id, Clock::start(), HoldLimits::default(), news, &Serving::default(), Mode::Default)
    }

    fn found(routes: &Routes, host: &str) -> Option<String> {
        let request = Request::builder().header("Host", host).body(()).unwrap();
        routes.by_host(&request).map(|board| board.id().name().to_owned())
    }

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_host_is_found_whatever_its_case_port_and_last_dot() {
        for (given, host) in [
            ("Hello.Localhost:8080", "hello.localhost"),
            ("hello.localhost.", "hello.localhost"),
            ("hello.localhost.:80", "hello.localhost"),
            ("[::1]:8080", "[::1]"),
            ("127.0.0.1:8080", "127.0.0.1"),
        ] {
            let request = Request::builder().header("Host", given).body(()).unwrap();
            assert_eq!(host_of(&request).unwrap(), host);
        }
    }

    #[test]
    fn any_host_leads_to_the_only_workload() {
        let routes = Routes::default();
        routes.set(&board("one"), &hosts(&["one.localhost"]));
        assert_eq!(found(&routes, "whatever").as_deref(), Some("one"));
        routes.set(&board("two"), &hosts(&["two.localhost"]));
        assert_eq!(found(&routes, "whatever"), None);
        assert_eq!(found(&routes, "two.localhost").as_deref(), Some("two"));
        routes.remove(&"one".parse().unwrap());
        assert_eq!(found(&routes, "one.localhost").as_deref(), Some("two"));
    }

    #[test]
    fn the_first_that_wants_a_host_has_it_until_it_gives_it_up() {
        let routes = Routes::default();
        let first = board("first");
        routes.set(&first, &hosts(&["shared", "own"]));
        routes.set(&board("second"), &hosts(&["shared"]));
        assert_eq!(found(&routes, "shared").as_deref(), Some("first"));
        routes.set(&first, &hosts(&["own"]));
        assert_eq!(found(&routes, "shared").as_deref(), Some("second"));
        assert_eq!(found(&routes, "own").as_deref(), Some("first"));
    }
}
