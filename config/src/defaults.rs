//! `config-defaults`: the timeouts and the concurrency of workloads that do not say otherwise.

pub mod triggers;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::bounds;
use crate::config_map::ConfigMap;
use crate::problem::Findings;
use crate::value::{self, Refused};

/// The keys of the ConfigMap `config-defaults` that concern requests, with Knative's default behind each field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Defaults {
    /// `revision-timeout-seconds` (300 s).
    pub timeout: Duration,
    /// `max-revision-timeout-seconds`: the longest timeout that a Knative Service may have (600 s).
    pub max_timeout: Duration,
    /// `revision-response-start-timeout-seconds` (= `timeout`).
    pub response_start_timeout: Duration,
    /// `revision-idle-timeout-seconds`; zero is none (0).
    pub idle_timeout: Duration,
    /// `container-concurrency`; 0 is no limit (0).
    pub container_concurrency: u32,
    /// `container-concurrency-max-limit`: the largest that a Knative Service may have (1000).
    pub max_container_concurrency: u32,
    /// `allow-container-concurrency-zero` (true).
    pub allow_container_concurrency_zero: bool,
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults {
            timeout: Duration::from_secs(300),
            max_timeout: Duration::from_secs(600),
            response_start_timeout: Duration::from_secs(300),
            idle_timeout: Duration::ZERO,
            container_concurrency: 0,
            max_container_concurrency: 1000,
            allow_container_concurrency_zero: true,
        }
    }
}

impl Defaults {
    /// Reads the ConfigMap's data. Absent keys have their default; unknown ones are a warning.
    ///
    /// Every problem goes to `found`; a value that is wrong leaves the default.
    pub fn from_data(data: &BTreeMap<String, String>, found: &mut Findings) -> Defaults {
        let mut defaults = Defaults::default();
        let mut map = ConfigMap::new(data, found);
        defaults.read_timeouts(&mut map);
        defaults.read_concurrency(&mut map);
        // Knative's other keys (resources, service links, names) concern Kubernetes, not requests.
        for other in OTHER_KEYS {
            map.read(other, &mut (), |_| Ok(()));
        }
        map.finish();
        defaults
    }

    fn read_timeouts(&mut self, map: &mut ConfigMap<'_>) {
        map.read("revision-timeout-seconds", &mut self.timeout, seconds);
        map.read("max-revision-timeout-seconds", &mut self.max_timeout, seconds);
        self.response_start_timeout = self.timeout;
        map.read("revision-response-start-timeout-seconds", &mut self.response_start_timeout, seconds);
        map.read("revision-idle-timeout-seconds", &mut self.idle_timeout, seconds);
        for (key, value, limit_key, limit) in [
            ("revision-timeout-seconds", self.timeout, "max-revision-timeout-seconds", self.max_timeout),
            (
                "revision-response-start-timeout-seconds",
                self.response_start_timeout,
                "revision-timeout-seconds",
                self.timeout,
            ),
            ("revision-idle-timeout-seconds", self.idle_timeout, "revision-timeout-seconds", self.timeout),
        ] {
            if value > limit {
                map.refuse(key, value.as_secs(), format!("is more than {limit_key} ({})", limit.as_secs()));
            }
        }
    }

    fn read_concurrency(&mut self, map: &mut ConfigMap<'_>) {
        map.read("container-concurrency-max-limit", &mut self.max_container_concurrency, |text| {
            value::whole(text, 1..=bounds::MAX_CONTAINER_CONCURRENCY)
        });
        let limit = self.max_container_concurrency;
        map.read("container-concurrency", &mut self.container_concurrency, |text| value::whole(text, 0..=limit));
        map.read("allow-container-concurrency-zero", &mut self.allow_container_concurrency_zero, value::switch);
    }
}

/// Keys of `config-defaults` that are known and mean nothing here.
const OTHER_KEYS: [&str; 9] = [
    "revision-cpu-request",
    "revision-memory-request",
    "revision-ephemeral-storage-request",
    "revision-cpu-limit",
    "revision-memory-limit",
    "revision-ephemeral-storage-limit",
    "container-name-template",
    "init-container-name-template",
    "enable-service-links",
];

fn seconds(text: &str) -> Result<Duration, Refused> {
    value::whole(text, 0..=i32::MAX as u32).map(|seconds| Duration::from_secs(u64::from(seconds)))
}
