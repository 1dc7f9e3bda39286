//! The environment of the `queue-proxy` binary: Knative's variables, and `ROUSE_*` for what Knative has not.
//!
//! | variable | what | default |
//! | --- | --- | --- |
//! | `QUEUE_SERVING_PORT` | port to serve on | required |
//! | `USER_PORT` | the app's port | required |
//! | `CONTAINER_CONCURRENCY` | requests in the app at once; 0 is no limit | 0 |
//! | `REVISION_TIMEOUT_SECONDS` | arrival to last byte | 300 |
//! | `REVISION_RESPONSE_START_TIMEOUT_SECONDS` | arrival to first byte | as above |
//! | `REVISION_IDLE_TIMEOUT_SECONDS` | longest pause between bytes; 0 is no limit | 0 |
//! | `SERVING_READINESS_PROBE` | the app's readiness probe, as JSON | TCP to the app |
//! | `SERVING_LOGGING_LEVEL` | `error`, `warn`, `info`, `debug`, `trace` | `info` |
//! | `SERVING_NAMESPACE`, `SERVING_POD` | told in every log line | |
//! | `ROUSE_LISTEN_ADDRESS` | address to serve on | `0.0.0.0`, or `::` if the pod's own address is one of IPv6 |
//! | `ROUSE_ADMIN_PORT` | port of `/wait-for-drain`, `/healthz` and `/metrics` | 8022 |
//! | `ROUSE_METRICS_PORT` | port of `/metrics` | 9091 |
//! | `ROUSE_USER_HOST` | address of the app | `127.0.0.1` |
//! | `ROUSE_USER_PROTOCOL` | `http1` or `h2c` | `http1` |
//! | `ROUSE_UPGRADES` | what the app may be asked to change to beside `websocket`: `spdy/3.1, tcp` | nothing |
//! | `ROUSE_DRAIN_QUIET` | seconds that a draining pod serves on after the last new client | 10 |
//! | `ROUSE_AUTOSCALER` | `host:port` of the autoscaler that is told of the pod's load | none: nobody is |
//! | `ROUSE_WORKLOAD` | the pod's workload, `NAMESPACE/KIND/NAME` | required with an autoscaler; in a cluster, it says |
//! | `ROUSE_POD` | the pod's name, for the autoscaler | `SERVING_POD` |
//! | `ROUSE_POD_UID` | in a cluster, for `ROUSE_POD=$(SERVING_POD).$(ROUSE_POD_UID)` | |
//! | `ROUSE_POD_ADDRESS` | `IP` or `IP:PORT` where others reach this queue-proxy | where it listens |
//! | `ROUSE_LINK_CA` | file of the authorities (PEM) that sign for the autoscaler; with it the Link is TLS | none: plain |
//! | `ROUSE_LINK_CA_PEM` | those authorities themselves, in place of their file | |
//! | `ROUSE_LINK_TOKEN` | file of the token that shows who the pod is; read at each connection, and needs TLS | none |
//!
//! Knative's other variables are accepted and not used. An unknown `ROUSE_*` is an error: it is a typing mistake.

mod autoscaler;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use config::{Protocol, Serving, bounds};
use tracing::Level;

pub use autoscaler::{Authorities, Autoscaler, Trust};

use crate::probe_json;

/// What the binary was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where to serve `/wait-for-drain`, `/healthz` and `/metrics`.
    pub admin: SocketAddr,
    /// Where to serve `/metrics`.
    pub metrics: SocketAddr,
    /// Where the app is.
    pub app: SocketAddr,
    /// Limits, timeouts and readiness.
    pub serving: Serving,
    /// How long a draining pod serves on after the last new client.
    pub drain_quiet: Duration,
    /// What is logged.
    pub level: Level,
    /// Namespace and name of the pod, for the log.
    pub pod: (String, String),
    /// Who is told of the pod's load.
    pub autoscaler: Option<Autoscaler>,
}

/// Reads variables, remembers what is wrong with them.
struct Reader {
    variables: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Settings {
    /// Reads the settings out of environment `variables`.
    ///
    /// # Errors
    /// Every problem, one line each.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Settings, Vec<String>> {
        let mut reader = Reader { variables: variables.into_iter().collect(), problems: Vec::new() };
        let settings = reader.settings();
        reader.refuse_unknown();
        if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
    }
}

impl Reader {
    fn settings(&mut self) -> Settings {
        let address = self.or("ROUSE_LISTEN_ADDRESS", self.everywhere());
        let host = self.or("ROUSE_USER_HOST", IpAddr::V4(Ipv4Addr::LOCALHOST));
        let listen = SocketAddr::new(address, self.port("QUEUE_SERVING_PORT", None));
        Settings {
            listen,
            admin: SocketAddr::new(address, self.port("ROUSE_ADMIN_PORT", Some(8022))),
            metrics: SocketAddr::new(address, self.port("ROUSE_METRICS_PORT", Some(9091))),
            app: SocketAddr::new(host, self.port("USER_PORT", None)),
            serving: self.serving(),
            drain_quiet: self.seconds("ROUSE_DRAIN_QUIET", bounds::DRAIN_QUIET),
            level: self.or("SERVING_LOGGING_LEVEL", Level::INFO),
            pod: (self.text("SERVING_NAMESPACE"), self.text("SERVING_POD")),
            autoscaler: self.autoscaler(listen),
        }
    }

    /// All addresses of the machine, of the family that the pod has.
    fn everywhere(&self) -> IpAddr {
        match self.pod_ip() {
            Some(IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        }
    }

    fn serving(&mut self) -> Serving {
        let container_concurrency = self.or("CONTAINER_CONCURRENCY", 0);
        if container_concurrency > bounds::MAX_CONTAINER_CONCURRENCY {
            let most = bounds::MAX_CONTAINER_CONCURRENCY;
            self.problems.push(format!("CONTAINER_CONCURRENCY={container_concurrency}: at most {most}"));
        }
        let defaults = Serving::default();
        let timeout = self.seconds("REVISION_TIMEOUT_SECONDS", defaults.timeout);
        let response_start = self.seconds("REVISION_RESPONSE_START_TIMEOUT_SECONDS", timeout);
        Serving {
            container_concurrency,
            timeout,
            // Knative says 0 for "as the timeout".
            response_start_timeout: if response_start.is_zero() { timeout } else { response_start },
            idle_timeout: self.seconds("REVISION_IDLE_TIMEOUT_SECONDS", defaults.idle_timeout),
            protocol: self.protocol(),
            readiness: self.readiness(),
            termination_grace: defaults.termination_grace,
            ignore_paths: defaults.ignore_paths,
            upgrades: self.or("ROUSE_UPGRADES", defaults.upgrades),
        }
    }

    fn protocol(&mut self) -> Protocol {
        match self.text("ROUSE_USER_PROTOCOL").as_str() {
            "" | "http1" => Protocol::Http1,
            "h2c" => Protocol::H2c,
            other => {
                self.problems.push(format!("ROUSE_USER_PROTOCOL={other}: neither http1 nor h2c"));
                Protocol::Http1
            }
        }
    }

    fn readiness(&mut self) -> Option<config::Probe> {
        let text = self.text("SERVING_READINESS_PROBE");
        if text.is_empty() {
            return None;
        }
        probe_json::parse(&text).map_err(|error| self.problems.push(format!("SERVING_READINESS_PROBE: {error}"))).ok()
    }

    fn port(&mut self, name: &str, default: Option<u16>) -> u16 {
        match (self.get::<u16>(name), default) {
            (Some(port), _) if port > 0 => port,
            (None, Some(default)) => default,
            (Some(_), _) => self.wrong(name, "0 is no port"),
            (None, None) if self.variables.contains_key(name) => 0,
            (None, None) => self.wrong(name, "required"),
        }
    }

    fn wrong(&mut self, name: &str, why: &str) -> u16 {
        self.problems.push(format!("{name}: {why}"));
        0
    }

    fn seconds(&mut self, name: &str, default: Duration) -> Duration {
        match self.get::<f64>(name).map(Duration::try_from_secs_f64) {
            None => default,
            Some(Ok(duration)) => duration,
            Some(Err(error)) => {
                self.problems.push(format!("{name}: {error}"));
                default
            }
        }
    }

    fn or<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> T {
        self.get(name).unwrap_or(default)
    }

    /// The value of a variable that is there and not empty.
    fn get<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.variables.get(name).filter(|text| !text.is_empty())?;
        text.parse().map_err(|error| self.problems.push(format!("{name}={text}: {error}"))).ok()
    }

    fn text(&self, name: &str) -> String {
        self.variables.get(name).cloned().unwrap_or_default()
    }

    fn refuse_unknown(&mut self) {
        const KNOWN: [&str; 15] = [
            "ROUSE_LISTEN_ADDRESS",
            "ROUSE_ADMIN_PORT",
            "ROUSE_METRICS_PORT",
            "ROUSE_USER_HOST",
            "ROUSE_USER_PROTOCOL",
            "ROUSE_UPGRADES",
            "ROUSE_DRAIN_QUIET",
            "ROUSE_AUTOSCALER",
            "ROUSE_WORKLOAD",
            "ROUSE_POD",
            "ROUSE_POD_UID",
            "ROUSE_POD_ADDRESS",
            "ROUSE_LINK_CA",
            "ROUSE_LINK_CA_PEM",
            "ROUSE_LINK_TOKEN",
        ];
        let ours =
            |name: &String| name.starts_with("ROUSE_") && !is_service_link(name) && !KNOWN.contains(&name.as_str());
        let unknown = self.variables.keys().filter(|name| ours(name));
        self.problems.extend(unknown.map(|name| format!("{name}: unknown")));
    }
}

/// Whether Kubernetes says by it where a Service of the pod's namespace is, whose name begins with `rouse-`.
fn is_service_link(name: &str) -> bool {
    // Ours that end so are known by their names.
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || name.ends_with("_PORT")
}

#[cfg(test)]
mod tests;
