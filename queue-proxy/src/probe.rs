//! Readiness: whether the app can be given requests.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use config::{Probe, ProbeKind, bounds};
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::net::{Network, Stream};

/// How often a ready app is probed when its probe does not say: Kubernetes' default.
const DEFAULT_PERIOD: Duration = Duration::from_secs(10);

/// How long one try may take when the probe does not say: Kubernetes' default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// The user agent of probes: apps that leave the kubelet's probes out of their logs leave ours out as well.
const USER_AGENT: &str = "kube-probe/rouse";

/// A health answer is a few bytes.
const GRPC_ANSWER: usize = 1 << 10;

/// Where the commands of exec probes run. Only on one machine: elsewhere nobody but the kubelet can run them.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The app's environment.
    pub env: Vec<(String, String)>,
    /// The app's working directory, if it has one of its own.
    pub dir: Option<PathBuf>,
}

/// Probes one app.
#[derive(Clone, Debug)]
pub struct Prober {
    network: Network,
    app: SocketAddr,
    probe: Probe,
    surroundings: Option<Surroundings>,
}

/// Why a try failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The app answered, but not that it is ready.
    #[error("the app answered {0}")]
    Answer(String),
    /// The app does not speak HTTP/2.
    #[error("the app does not speak gRPC")]
    Grpc(#[from] hyper::Error),
}

impl Prober {
    /// A prober of the app at `app`; without a `probe` an app is ready when it takes connections. Without
    /// `surroundings` an exec probe is a connection, too: someone else runs the command.
    pub fn new(network: Network, app: SocketAddr, probe: Option<Probe>, surroundings: Option<Surroundings>) -> Prober {
        let probe = probe.unwrap_or(Probe {
            kind: ProbeKind::Tcp { port: None },
            period: DEFAULT_PERIOD,
            timeout: DEFAULT_TIMEOUT,
            success_threshold: 1,
            failure_threshold: 3,
            initial_delay: Duration::ZERO,
        });
        Prober { network, app, probe, surroundings }
    }

    /// Probes until the app is ready: eagerly at first, then ever less, at least every [`bounds::PROBE_SLOWEST`]. A pause
    /// is a quarter longer than the one before, so that an app is found ready late by a fifth of its start at most.
    /// Cancel-safe: dropping the future ends the probing.
    pub async fn ready(&self) {
        if !self.probe.initial_delay.is_zero() {
            sleep(self.probe.initial_delay).await; // even a sleep of nothing costs a turn of the timer
        }
        let mut pause = self.first_pause();
        let mut successes = 0;
        loop {
            match self.probe().await {
                Ok(()) => successes += 1,
                Err(error) => {
                    tracing::trace!(%error, "The app is not ready yet");
                    successes = 0;
                }
            }
            if successes >= self.probe.success_threshold.max(1) {
                return;
            }
            sleep(pause).await;
            pause = (pause + pause / 4).min(bounds::PROBE_SLOWEST);
        }
    }

    /// Probes an app that is ready, once a period, until it is not. Returns the last failure. Cancel-safe.
    pub async fn failing(&self) -> ProbeError {
        let period = if self.probe.period.is_zero() { DEFAULT_PERIOD } else { self.probe.period };
        let mut failures = 0;
        loop {
            sleep(period).await;
            match self.probe().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    if failures >= self.probe.failure_threshold.max(1) {
                        return error;
                    }
                }
            }
        }
    }

    /// One try.
    ///
    /// # Errors
    /// [`ProbeError`] when the app is not ready.
    pub async fn probe(&self) -> Result<(), ProbeError> {
        let limit = if self.probe.timeout.is_zero() { DEFAULT_TIMEOUT } else { self.probe.timeout };
        timeout(limit, self.attempt()).await.unwrap_or(Err(ProbeError::Timeout(limit)))
    }

    async fn attempt(&self) -> Result<(), ProbeError> {
        match (&self.probe.kind, &self.surroundings) {
            (ProbeKind::Http { path, port, headers }, _) => http(self.connect(*port).await?, path, headers).await,
            (ProbeKind::Grpc { port, service }, _) => grpc(self.connect(*port).await?, service).await,
            (ProbeKind::Exec { command }, Some(surroundings)) => exec(command, surroundings).await,
            (ProbeKind::Exec { .. }, None) => self.connect(None).await.map(drop).map_err(ProbeError::Io),
            (ProbeKind::Tcp { port }, _) => self.connect(*port).await.map(drop).map_err(ProbeError::Io),
        }
    }

    async fn connect(&self, port: Option<u16>) -> io::Result<Stream> {
        let address = SocketAddr::new(self.app.ip(), port.unwrap_or(self.app.port()));
        self.network.connect(address).await
    }

    /// A process is too dear to start one every millisecond.
    fn first_pause(&self) -> Duration {
        match (&self.probe.kind, &self.surroundings) {
            (ProbeKind::Exec { .. }, Some(_)) => bounds::PROBE_SLOWEST,
            _ => bounds::PROBE_FIRST,
        }
    }
}

/// A GET by hand: of the answer only the status is of interest, so neither a parser nor a pool is needed.
async fn http(mut stream: Stream, path: &str, headers: &[(String, String)]) -> Result<(), ProbeError> {
    let named = |name: &str| headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut request = format!("GET {slash}{path} HTTP/1.1\r\n");
    for (name, value) in [("Host", "localhost"), ("User-Agent", USER_AGENT), ("Accept", "*/*")] {
        if !named(name) {
            request.extend([name, ": ", value, "\r\n"]);
        }
    }
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut answer).await?;
    match answer {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'2' | b'3', b'0'..=b'9', b'0'..=b'9'] => Ok(()),
        _ => Err(ProbeError::Answer(String::from_utf8_lossy(&answer).trim_end().to_owned())),
    }
}

/// `grpc.health.v1.Health/Check`, its two messages written and read by hand: each is one field.
async fn grpc(stream: Stream, service: &str) -> Result<(), ProbeError> {
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let exchange = async {
        let request = Request::post("http://localhost/grpc.health.v1.Health/Check")
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .header(header::USER_AGENT, USER_AGENT)
            .body(Full::new(health_request(service)))
            .map_err(io::Error::other)?;
        let response = sender.send_request(request).await?;
        let body = Limited::new(response.into_body(), GRPC_ANSWER);
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        if is_serving(&body) { Ok(()) } else { Err(ProbeError::Answer("not SERVING".to_owned())) }
    };
    tokio::select! {
        biased;
        result = exchange => result,
        // Its sender lives, so that it only ends when it broke.
        broke = connection => {
            broke?;
            Err(io::Error::from(io::ErrorKind::ConnectionReset).into())
        }
    }
}

/// `HealthCheckRequest { string service = 1 }`, framed: not compressed, length, message.
fn health_request(service: &str) -> Bytes {
    // A service's name is far below the 127 bytes that one length byte tells; a longer one asks about no service.
    let service = if service.len() < 0x7e { service.as_bytes() } else { &[] };
    let mut message = Vec::new();
    if !service.is_empty() {
        message.extend([0x0a, service.len() as u8]);
        message.extend(service);
    }
    let mut frame = vec![0, 0, 0, 0, message.len() as u8];
    frame.extend(message);
    frame.into()
}

/// Whether `HealthCheckResponse { ServingStatus status = 1 }` says SERVING, which is 1.
fn is_serving(frame: &[u8]) -> bool {
    frame.len() >= 7 && frame[0] == 0 && frame[5..7] == [0x08, 0x01]
}

async fn exec(command: &[String], surroundings: &Surroundings) -> Result<(), ProbeError> {
    let [program, arguments @ ..] = command else {
        return Err(ProbeError::Answer("an empty command".to_owned()));
    };
    let mut child = Command::new(program);
    child.args(arguments).envs(surroundings.env.iter().cloned());
    child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    if let Some(dir) = &surroundings.dir {
        child.current_dir(dir);
    }
    let status = child.status().await?;
    if status.success() { Ok(()) } else { Err(ProbeError::Answer(status.to_string())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_messages_are_one_field_in_one_frame() {
        assert_eq!(health_request("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(health_request("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert!(is_serving(&[0, 0, 0, 0, 2, 0x08, 1]));
        assert!(!is_serving(&[0, 0, 0, 0, 2, 0x08, 2]), "NOT_SERVING");
        assert!(!is_serving(&[0, 0, 0, 0, 0]), "UNKNOWN is the default value and not written");
    }
}
