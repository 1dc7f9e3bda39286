//! Watches: a list, and then every change of it, for as long as it is polled.
//!
//! Lists come in pages and then a watch from where they ended, as every version serves; a watch that breaks goes on
//! where it was. Only when the apiserver has forgotten that place is everything listed again: that is a gap, and what a
//! list does not name after one may be there all the same ([`gap`]).

pub(super) mod gap;
pub(super) mod trouble;

use std::fmt;
use std::time::Duration;

use config::bounds;
use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

/// Which objects are watched.
#[derive(Clone, Debug, Default)]
pub(super) struct Which {
    labels: Option<String>,
    fields: Option<String>,
}

impl Which {
    /// Those with the label `key=true`.
    pub(super) fn labelled(key: &str) -> Which {
        Which { labels: Some(format!("{key}=true")), fields: None }
    }

    /// Those without the label `key=true`.
    pub(super) fn unlabelled(key: &str) -> Which {
        Which { labels: Some(format!("{key}!=true")), fields: None }
    }

    /// Those with the label `key=value`.
    pub(super) fn labelled_as(key: &str, value: &str) -> Which {
        Which { labels: Some(format!("{key}={value}")), fields: None }
    }

    /// Those with the label `key`, whatever its value.
    pub(super) fn with_label(key: &str) -> Which {
        Which { labels: Some(key.to_owned()), fields: None }
    }

    /// Those whose fields have these values: `reason=FailedCreate`.
    pub(super) fn with(fields: &str) -> Which {
        Which { labels: None, fields: Some(fields.to_owned()) }
    }
}

/// Watches objects of `api`. After an error it is tried again with back-off, for ever.
pub(super) fn watch<K>(api: Api<K>, which: Which) -> BoxStream<'static, watcher::Result<Event<K>>>
where
    K: Resource + Clone + DeserializeOwned + fmt::Debug + Send + 'static,
{
    let config = watcher::Config {
        label_selector: which.labels,
        field_selector: which.fields,
        page_size: Some(bounds::KUBE_PAGE),
        ..watcher::Config::default()
    };
    watcher::watcher(api, config).backoff(Pauses::default()).boxed()
}

/// Turns a watch's events into `T`, for streams of several.
pub(super) fn told<K: 'static, T: 'static>(
    watch: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    tell: impl Fn(watcher::Result<Event<K>>) -> T + Send + 'static,
) -> BoxStream<'static, T> {
    watch.map(tell).boxed()
}

/// Pauses that double from one error to the next, and start over after a while without one. A watch that begins anew
/// says so before its list is there: that is no success, and ends no pause.
#[derive(Debug, Default)]
struct Pauses {
    pause: Duration,
    failed: Option<Instant>,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let goes_on = self.failed.is_some_and(|failed| now - failed < 2 * bounds::KUBE_RETRY_SLOWEST);
        self.pause = match goes_on {
            true => (2 * self.pause).min(bounds::KUBE_RETRY_SLOWEST),
            false => bounds::KUBE_RETRY_FIRST,
        };
        self.failed = Some(now);
        Some(self.pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_and_start_over_after_a_while() {
        let mut pauses = Pauses::default();
        let mut all = Vec::new();
        for _ in 0..8 {
            let pause = pauses.next().unwrap();
            all.push(pause.as_millis());
            pauses.reset();
            tokio::time::advance(pause).await;
        }
        assert_eq!(all, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(pauses.next(), Some(bounds::KUBE_RETRY_FIRST));
    }
}
