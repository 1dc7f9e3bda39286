//! Reporters on real streams: queue-proxies, each with a connection of its own, and activators that speak for the pods
//! without one.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use config::link::{CONTENT_TYPE, Encoder, PATH, Reporter, Up};
use config::{PodState, Report, Time};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use queue_proxy::Clock;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::reaction::Burst;
use super::world::{self, Size};

/// Requests that a pod has in flight when nothing happens: five pods of a target of ten, used to 70 %, carry that.
const STEADY: u32 = 7;

/// Pieces that wait to be written to one stream.
const WAITING: usize = 4;

/// Into how many pieces an activator's reports of one second fall.
const PIECES: u32 = 10;

/// What all streams saw.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    /// Seconds of a stream that were told more than a second late, because the server was behind.
    pub(super) late: AtomicU64,
    /// Streams that ended.
    pub(super) ended: AtomicU64,
}

/// Who speaks on a stream, and for which pods.
pub(super) struct Speaker {
    pub(super) reporter: Reporter,
    pub(super) pods: std::ops::Range<usize>,
}

/// One stream.
pub(super) struct Stream {
    pods: Vec<Pod>,
    encoder: Encoder,
    frames: mpsc::Sender<Bytes>,
    /// One sequence for all that the stream says.
    seq: u64,
    /// Every stream speaks at a moment of its own after the second.
    offset: Duration,
    clock: Clock,
    counts: Arc<Counts>,
}

struct Pod {
    frame: Up,
    /// Up to where it has reported.
    reported: Time,
}

struct Frames(mpsc::Receiver<Bytes>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Stream {
    /// Connects and says who speaks; a queue-proxy also that its pod is ready.
    pub(super) async fn open(
        link: SocketAddr,
        speaker: Speaker,
        size: Size,
        clock: Clock,
        counts: Arc<Counts>,
    ) -> anyhow::Result<Stream> {
        let (frames, receiver) = mpsc::channel(WAITING);
        let (mut encoder, mut hello) = (Encoder::new(), Vec::new());
        let (number, at) = (speaker.pods.start, clock.now());
        let workload = matches!(speaker.reporter, Reporter::Pod(_)).then(|| world::workload(size.workload_of(number)));
        let said = Up::Hello {
            reporter: speaker.reporter.clone(),
            incarnation: number as u64 + 1,
            workload,
            address: world::address(number),
            at,
            token: None,
        };
        encoder.up(&said, &mut hello)?;
        if let Reporter::Pod(pod) = &speaker.reporter {
            encoder.up(&Up::State { pod: pod.clone(), state: PodState::Ready }, &mut hello)?;
        }
        frames.send(hello.into()).await?;
        connect(link, receiver, Arc::clone(&counts)).await?;
        let pod = |number| Pod {
            frame: Up::Report {
                reporter: Reporter::Pod(world::pod(number)),
                workload: world::workload(size.workload_of(number)),
                report: Report::default(),
            },
            reported: at,
        };
        let pods = speaker.pods.map(pod).collect();
        Ok(Stream { pods, encoder, frames, seq: 0, offset: Duration::ZERO, clock, counts })
    }

    /// Reports for ever, each second; and at once that the first pod has many more requests, whenever told so.
    pub(super) async fn report(mut self, spread: Duration, mut bursts: mpsc::Receiver<Burst>) {
        let first = self.pods.first().map_or(0, |pod| pod.reported.as_nanos());
        let random = first.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11;
        self.offset = Duration::from_millis(1) + spread.mul_f64(random as f64 / (1u64 << 53) as f64);
        let pieces = if self.pods.len() > 1 { PIECES } else { 1 };
        loop {
            let second = self.clock.now().second() + 1;
            let until = Time::from_nanos(second * 1_000_000_000);
            loop {
                tokio::select! {
                    biased;
                    () = sleep_until(self.clock.instant_of(until + self.offset)) => break,
                    Some(burst) = bursts.recv() => {
                        let now = self.clock.now();
                        if burst.send(self.clock.instant_of(now)).is_ok() {
                            self.say(0..1, now, STEADY * 10).await;
                        }
                    }
                }
            }
            let each = self.pods.len().div_ceil(pieces as usize);
            for piece in 0..pieces {
                // Pods behind an activator report over the same time as those that speak themselves.
                let due = until + self.offset + (spread / pieces) * piece;
                sleep_until(self.clock.instant_of(due)).await;
                let from = (each * piece as usize).min(self.pods.len());
                self.say(from..(from + each).min(self.pods.len()), until, STEADY).await;
            }
            if self.clock.now().second() > second {
                self.counts.late.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Says what these pods had in flight since their last report, up to `until`.
    async fn say(&mut self, pods: std::ops::Range<usize>, until: Time, in_flight: u32) {
        let mut bytes = Vec::with_capacity(64 * pods.len());
        let mut said = 0;
        for pod in &mut self.pods[pods] {
            if until <= pod.reported {
                continue;
            }
            self.seq += 1;
            pod.see(self.seq, until, in_flight);
            // Only a name of a megabyte is too long.
            said += u64::from(self.encoder.up(&pod.frame, &mut bytes).is_ok());
        }
        // Fails when the stream ended, which is counted where that is seen.
        if said > 0 && self.frames.send(bytes.into()).await.is_ok() {
            self.counts.sent.fetch_add(said, Ordering::Relaxed);
        }
    }
}

impl Pod {
    fn see(&mut self, seq: u64, until: Time, in_flight: u32) {
        // An interval lies within one second: what is older than that second is not told.
        let from = self.reported.max(Time::from_nanos((until.as_nanos() - 1) / 1_000_000_000 * 1_000_000_000));
        self.reported = until;
        if let Up::Report { report, .. } = &mut self.frame {
            *report = Report {
                seq,
                from,
                to: until,
                concurrency_ns: u64::from(in_flight) * until.since(from).as_nanos() as u64,
                arrived: u64::from(in_flight),
                peak: in_flight,
                in_flight,
                waiting: in_flight.saturating_sub(10),
                open: in_flight,
                direct_connections: 0,
                direct: 0,
            };
        }
    }
}

/// Opens the connection and the one stream on it.
async fn connect(link: SocketAddr, said: mpsc::Receiver<Bytes>, counts: Arc<Counts>) -> anyhow::Result<()> {
    let stream = TcpStream::connect(link).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        http2::Builder::new(TokioExecutor::new()).handshake::<_, Frames>(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://{link}{PATH}"))
        .header(http::header::CONTENT_TYPE, CONTENT_TYPE)
        .body(Frames(said))?;
    let response = sender.send_request(request).await?;
    ensure!(response.status() == 200, "the Link is refused: {}", response.status());
    tokio::spawn(async move {
        // Acks and settings: read, so that the server can go on, and not looked at.
        let (mut body, _sender) = (response.into_body(), sender);
        while let Some(Ok(_)) = body.frame().await {}
        counts.ended.fetch_add(1, Ordering::Relaxed);
    });
    Ok(())
}
