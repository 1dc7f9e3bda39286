//! How requests are limited and timed: `rouse.dev/*` on a workload, fields in a Knative Service.

use std::time::Duration;

use super::keys;
use super::{Annotations, Written, read, value};
use crate::duration::GoDuration;
use crate::problem::Findings;
use crate::upgrades::UpgradesError;
use crate::value::{self as values, POSITIVE};
use crate::{Defaults, Serving, Upgrades, bounds};

/// What is written of a workload's limits and timeouts; what is absent has its default in [`Limits::apply`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Requests that one pod may have in flight; 0 is no limit.
    pub container_concurrency: Option<Written<u32>>,
    /// From a request's arrival to the last byte of its response.
    pub timeout: Option<Written<Duration>>,
    /// From a request's arrival to the first byte of its response.
    pub response_start_timeout: Option<Written<Duration>>,
    /// The longest pause between bytes of a response.
    pub idle_timeout: Option<Written<Duration>>,
    /// Paths that load balancers ask for.
    pub ignore_paths: Option<Written<Vec<String>>>,
    /// What the app may be asked to change to.
    pub upgrades: Option<Written<Upgrades>>,
}

impl Limits {
    /// Reads the annotations of a workload; every problem goes to `found`.
    pub fn read(annotations: &Annotations, found: &mut Findings) -> Limits {
        let mut duration = |key| read(annotations, key, found, |text| values::duration(text, POSITIVE));
        Limits {
            timeout: duration(keys::TIMEOUT),
            response_start_timeout: duration(keys::RESPONSE_START_TIMEOUT),
            idle_timeout: duration(keys::IDLE_TIMEOUT),
            container_concurrency: read(annotations, keys::CONTAINER_CONCURRENCY, found, |text| {
                values::whole(text, 0..=bounds::MAX_CONTAINER_CONCURRENCY)
            }),
            ignore_paths: read(annotations, keys::IGNORE_PATHS, found, paths),
            upgrades: read(annotations, keys::UPGRADES, found, |text| {
                text.parse().map_err(|error: UpgradesError| error.to_string())
            }),
        }
    }

    /// These limits where they say something, else those of `other`.
    #[must_use]
    pub fn or(self, other: Limits) -> Limits {
        Limits {
            container_concurrency: self.container_concurrency.or(other.container_concurrency),
            timeout: self.timeout.or(other.timeout),
            response_start_timeout: self.response_start_timeout.or(other.response_start_timeout),
            idle_timeout: self.idle_timeout.or(other.idle_timeout),
            ignore_paths: self.ignore_paths.or(other.ignore_paths),
            upgrades: self.upgrades.or(other.upgrades),
        }
    }

    /// Puts the limits into `serving`, with `defaults` where nothing is written.
    ///
    /// No timeout may be longer than that of the whole request; a default that would be is not applied, as in Knative.
    pub fn apply(&self, defaults: &Defaults, serving: &mut Serving, found: &mut Findings) {
        serving.container_concurrency = value(&self.container_concurrency).unwrap_or(defaults.container_concurrency);
        serving.timeout = value(&self.timeout).unwrap_or(defaults.timeout);
        let timeout = serving.timeout;
        for shorter in [&self.response_start_timeout, &self.idle_timeout].into_iter().flatten() {
            if shorter.value > timeout {
                let timeout = GoDuration::from(timeout);
                shorter.refuse(found, format!("is longer than the timeout of the whole request, {timeout}"));
            }
        }
        serving.response_start_timeout =
            value(&self.response_start_timeout).unwrap_or(defaults.response_start_timeout).min(timeout);
        serving.idle_timeout = value(&self.idle_timeout).unwrap_or(if defaults.idle_timeout < timeout {
            defaults.idle_timeout
        } else {
            Duration::ZERO
        });
        serving.ignore_paths = self.ignore_paths.as_ref().map(|paths| paths.value.clone()).unwrap_or_default();
        serving.upgrades = self.upgrades.as_ref().map(|upgrades| upgrades.value.clone()).unwrap_or_default();
    }
}

/// Paths as requests have them, with commas between them.
fn paths(text: &str) -> Result<Vec<String>, values::Refused> {
    let mut paths: Vec<String> = Vec::new();
    for path in text.split(',').map(str::trim) {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'?' && byte != b'#';
        if !path.starts_with('/') || !path.bytes().all(plain) {
            return Err(format!(
                "is not a list of paths: {path:?} is none; write /healthz, /ping, each from its first / and without a query"
            ));
        }
        if paths.iter().any(|known| known == path) {
            return Err(format!("has {path} twice"));
        }
        paths.push(path.to_owned());
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving(pairs: &[(&str, &str)]) -> (Serving, Vec<String>) {
        let annotations = pairs.iter().map(|(key, text)| (format!("rouse.dev/{key}"), (*text).to_owned())).collect();
        let mut found = Findings::default();
        let mut serving = Serving::default();
        Limits::read(&annotations, &mut found).apply(&Defaults::default(), &mut serving, &mut found);
        (serving, found.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_written_is_knatives_defaults() {
        assert_eq!(serving(&[]), (Serving::default(), vec![]));
    }

    #[test]
    fn a_shorter_timeout_shortens_the_response_start_timeout() {
        let (serving, problems) = serving(&[("timeout", "10s"), ("container-concurrency", "3")]);
        assert_eq!(serving.response_start_timeout, Duration::from_secs(10));
        assert_eq!(serving.container_concurrency, 3);
        assert!(problems.is_empty());
    }

    #[test]
    fn a_timeout_longer_than_that_of_the_request_is_refused() {
        let (_, problems) = serving(&[("timeout", "10s"), ("idle-timeout", "11s"), ("response-start-timeout", "1m")]);
        assert_eq!(
            problems,
            [
                "rouse.dev/response-start-timeout: \"1m\" is longer than the timeout of the whole request, 10s",
                "rouse.dev/idle-timeout: \"11s\" is longer than the timeout of the whole request, 10s",
            ]
        );
    }

    #[test]
    fn ignored_paths_are_absolute_plain_and_named_once() {
        let (serving, problems) = serving(&[("ignore-paths", "/healthz, /ping")]);
        assert_eq!((serving.ignore_paths, problems), (vec!["/healthz".to_owned(), "/ping".to_owned()], vec![]));
        for (text, wrong) in [("healthz", "\"healthz\""), ("/a?b=c", "\"/a?b=c\""), ("/a,,/b", "\"\""), ("", "\"\"")] {
            let (_, problems) = self::serving(&[("ignore-paths", text)]);
            assert_eq!(
                problems,
                [format!(
                    "rouse.dev/ignore-paths: {text:?} is not a list of paths: {wrong} is none; write /healthz, /ping, \
                     each from its first / and without a query"
                )]
            );
        }
        let (_, problems) = self::serving(&[("ignore-paths", "/a,/b,/a")]);
        assert_eq!(problems, ["rouse.dev/ignore-paths: \"/a,/b,/a\" has /a twice"]);
    }

    #[test]
    fn upgrades_are_protocols_without_h2c_and_named_once() {
        let (serving, problems) = serving(&[("upgrades", "SPDY/3.1, tcp")]);
        assert_eq!((serving.upgrades.listed(), problems), (&["SPDY/3.1".to_owned(), "tcp".to_owned()][..], vec![]));
        let list = |protocol| {
            format!(
                "is not a list of protocols: {protocol:?} is none; write spdy/3.1, tcp, each as the Upgrade header names it"
            )
        };
        for (text, says) in [
            ("", list("")),
            ("tcp,, spdy", list("")),
            ("my tcp", list("my tcp")),
            ("spdy/3/1", list("spdy/3/1")),
            (
                "tcp, H2C",
                "has H2C, which is never tunnelled: write protocols other than h2c, as spdy/3.1, tcp".to_owned(),
            ),
            ("tcp, TCP", "has TCP twice".to_owned()),
        ] {
            let (_, problems) = self::serving(&[("upgrades", text)]);
            assert_eq!(problems, [format!("rouse.dev/upgrades: {text:?} {says}")]);
        }
    }

    #[test]
    fn every_wrong_value_is_reported() {
        let (_, problems) =
            serving(&[("timeout", "5 minutes"), ("idle-timeout", "0s"), ("container-concurrency", "-1")]);
        assert_eq!(
            problems,
            [
                "rouse.dev/timeout: \"5 minutes\" is not a duration: write it as Go does, 300s or 5m",
                "rouse.dev/idle-timeout: \"0s\" must be more than 0s",
                "rouse.dev/container-concurrency: \"-1\" is out of range: it must be a whole number from 0 to 1000000",
            ]
        );
    }
}
