//! How a workload wants to be served: what queue-proxies and activators obey.

use std::time::Duration;

use serde::Serialize;

use crate::Upgrades;

/// Limits, timeouts and readiness of one workload's pods.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Serving {
    /// Requests that one pod may have in flight (container-concurrency); 0 is no limit. At most 1,000,000.
    pub container_concurrency: u32,
    /// From a request's arrival to the last byte of its response (300 s).
    pub timeout: Duration,
    /// From a request's arrival to the first byte of its response; never more than `timeout` (= `timeout`).
    pub response_start_timeout: Duration,
    /// The longest pause between bytes of a response; zero is none (none).
    pub idle_timeout: Duration,
    /// What the app speaks.
    pub protocol: Protocol,
    /// How to tell that the app can be given requests; none is a TCP connection to its port.
    pub readiness: Option<Probe>,
    /// How long an ending pod may take to finish what it has.
    pub termination_grace: Duration,
    /// Paths that load balancers ask for (`rouse.dev/ignore-paths`): answered at zero, and never counted as load.
    pub ignore_paths: Vec<String>,
    /// What the app may be asked to change to, besides `websocket` (`rouse.dev/upgrades`).
    pub upgrades: Upgrades,
}

impl Default for Serving {
    fn default() -> Serving {
        Serving {
            container_concurrency: 0,
            timeout: Duration::from_secs(300),
            response_start_timeout: Duration::from_secs(300),
            idle_timeout: Duration::ZERO,
            protocol: Protocol::Http1,
            readiness: None,
            termination_grace: Duration::from_secs(300),
            ignore_paths: Vec::new(),
            upgrades: Upgrades::default(),
        }
    }
}

/// What an app speaks on its port. gRPC requests always go by HTTP/2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 without TLS, by prior knowledge (a port named `h2c` or `grpc…`, or with such an `appProtocol`).
    H2c,
}

/// A readiness probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What is tried.
    pub kind: ProbeKind,
    /// How often, once the app has been ready; zero (Knative's default) is every 10 s.
    pub period: Duration,
    /// How long one try may take (1 s).
    pub timeout: Duration,
    /// Successes in a row that make it ready (1).
    pub success_threshold: u32,
    /// Failures in a row that make a ready one not ready (3).
    pub failure_threshold: u32,
    /// No try before this long after the start (0).
    pub initial_delay: Duration,
}

/// What a probe tries. `port: None` is the app's own port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeKind {
    /// A GET answered with 200…399.
    Http {
        /// Path and query.
        path: String,
        /// Another port than the app's.
        port: Option<u16>,
        /// Extra headers; `Host` replaces the default.
        headers: Vec<(String, String)>,
    },
    /// A connection that opens.
    Tcp {
        /// Another port than the app's.
        port: Option<u16>,
    },
    /// gRPC health that says SERVING.
    Grpc {
        /// Another port than the app's.
        port: Option<u16>,
        /// The service to ask about; empty is the server as a whole.
        service: String,
    },
    /// A command that exits with 0. On one machine only; on Kubernetes the kubelet runs it.
    Exec {
        /// The command and its arguments.
        command: Vec<String>,
    },
}
