//! Which requests the app has served, by the id that each brought along.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use http::{HeaderMap, Uri};

use super::query;

/// Where a request says its id, unless its query does (`?id=`).
pub(super) const ID_HEADER: &str = "x-request-id";

/// Ids kept: an hour of a few hundred requests a second, in some 100 MB. The oldest go first.
const KEPT: usize = 1_000_000;

/// Bytes of an id that are looked at; a UUID has 36.
const ID_BYTES: usize = 128;

/// Ids served twice that are named; more do not help to find out why.
const EXAMPLES: usize = 10;

/// The newest [`KEPT`] ids.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// Every one served, with or without an id.
    count: u64,
    /// In the order of serving, one entry a time.
    order: VecDeque<Arc<str>>,
    times: HashMap<Arc<str>, u32>,
    repeated: u64,
    examples: Vec<Arc<str>>,
}

/// The id of a request.
pub(super) fn id<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    let id = query::value(uri.query().unwrap_or_default(), "id")
        .or_else(|| headers.get(ID_HEADER).and_then(|value| value.to_str().ok()))?;
    Some(id.get(..ID_BYTES).unwrap_or(id))
}

impl Served {
    /// A request came in whole.
    pub(super) fn record(&mut self, id: Option<&str>) {
        self.count += 1;
        let Some(id) = id else { return };
        let id = match self.times.get_key_value(id) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(id),
        };
        let times = self.times.entry(Arc::clone(&id)).or_insert(0);
        *times += 1;
        if *times == 2 {
            self.repeated += 1;
            if self.examples.len() < EXAMPLES {
                self.examples.push(Arc::clone(&id));
            }
        }
        self.order.push_back(id);
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
            && let Some(times) = self.times.get_mut(&oldest)
        {
            *times -= 1;
            if *times == 0 {
                self.times.remove(&oldest);
            }
        }
    }

    /// Every one served, with or without an id.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many ids were served more than once.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Some of those that were served more than once.
    pub(super) fn examples(&self) -> Vec<Arc<str>> {
        self.examples.clone()
    }

    /// The ids, one a line, in the order of serving; one that was served twice is there twice.
    pub(super) fn lines(&self) -> String {
        let mut lines = String::with_capacity(self.order.iter().map(|id| id.len() + 1).sum());
        for id in &self.order {
            lines.push_str(id);
            lines.push('\n');
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_served_again_is_told_once_and_stays_in_the_list_each_time() {
        let mut served = Served::default();
        for id in ["a", "b", "a", "a"] {
            served.record(Some(id));
        }
        served.record(None);
        assert_eq!((served.count(), served.repeated()), (5, 1));
        assert_eq!(served.examples(), [Arc::from("a")]);
        assert_eq!(served.lines(), "a\nb\na\na\n");
    }

    #[test]
    fn only_the_newest_ids_are_kept() {
        let mut served = Served::default();
        for id in 0..KEPT + 5 {
            served.record(Some(&id.to_string()));
        }
        assert_eq!((served.order.len(), served.times.len(), served.repeated()), (KEPT, KEPT, 0));
        assert!(served.lines().starts_with("5\n"), "the oldest went first");
    }

    #[test]
    fn the_id_is_in_the_query_or_in_the_header() {
        let headers = HeaderMap::from_iter([(ID_HEADER.parse().unwrap(), "h".parse().unwrap())]);
        assert_eq!(id(&Uri::from_static("/x?sleep=1ms&id=q"), &headers), Some("q"));
        assert_eq!(id(&Uri::from_static("/x"), &headers), Some("h"));
        assert_eq!(id(&Uri::from_static("/x"), &HeaderMap::new()), None);
    }
}
