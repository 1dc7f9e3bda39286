//! A hub with its server, and reporters that say whatever a test wants.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::link::{CONTENT_TYPE, Decoder, Down, Encoder, PATH, Reporter, Up};
use config::{Pod, PodId, PodState, Policy, Report, Serving, Time, Workload, WorkloadId, bounds};
use deploy::fronts::Fronts;
use deploy::link::{self, Heard, Hub, Identity, LinkServer};
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use queue_proxy::Clock;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Bytes that wait to be read by a reporter before the server is told to stop.
const WINDOW: u32 = 64 << 10;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// An autoscaler without an engine. Dropping it ends all its tasks and links.
pub(crate) struct Autoscaler {
    pub(crate) hub: Arc<Hub>,
    pub(crate) server: Arc<LinkServer>,
    pub(crate) clock: Clock,
    heard: mpsc::Receiver<Heard>,
    pub(crate) tasks: JoinSet<()>,
}

impl Autoscaler {
    /// One that knows the workload `hello`.
    pub(crate) fn start(incarnation: u64) -> Autoscaler {
        Autoscaler::asking(incarnation, Identity::None)
    }

    /// The same, which asks reporters who they are.
    pub(crate) fn asking(incarnation: u64, identity: Identity) -> Autoscaler {
        let clock = Clock::start();
        let hub = Hub::new(clock, incarnation, bounds::SYNC_AFTER);
        let (sender, heard) = link::channel();
        let server = LinkServer::new(Arc::clone(&hub), clock, sender, None, identity);
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&server).tend());
        hub.workload(&Arc::new(workload(hello())));
        Autoscaler { hub, server, clock, heard, tasks }
    }

    /// The platform says this of a pod; what is to be believed.
    pub(crate) fn name(&self, name: &str, state: PodState) -> Option<Pod> {
        self.hub.pod(self.clock.now(), pod(name, state))
    }

    /// What is believed of a pod.
    pub(crate) fn state(&self, name: &str) -> Option<PodState> {
        self.hub.believed(&PodId::new(name)).map(|pod| pod.state)
    }

    /// Where the driver is to hear; nothing is heard here any more.
    pub(crate) fn take_heard(&mut self) -> mpsc::Receiver<Heard> {
        std::mem::replace(&mut self.heard, link::channel().1)
    }

    /// What the driver hears next.
    pub(crate) async fn heard(&mut self) -> Heard {
        timeout(60 * SECOND, self.heard.recv()).await.expect("it hears something").expect("the server lives")
    }

    /// What the driver has heard by now, without what it is told to look at.
    pub(crate) async fn heard_by(&mut self, wait: Duration) -> Vec<Heard> {
        tokio::time::sleep(wait).await;
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }

    /// The numbers of the reports that the driver has heard by now.
    pub(crate) async fn reports(&mut self) -> Vec<u64> {
        let heard = self.heard_by(SECOND / 10).await;
        let seq = |heard| match heard {
            Heard::Up(Up::Report { report, .. }) => Some(report.seq),
            _ => None,
        };
        heard.into_iter().filter_map(seq).collect()
    }

    /// A connection on which a Link was opened and nothing said yet.
    pub(crate) async fn connect(&mut self) -> Speaker {
        self.connect_from(address().ip()).await
    }

    /// The same from elsewhere.
    pub(crate) async fn connect_from(&mut self, peer: IpAddr) -> Speaker {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let server = Arc::clone(&self.server);
        self.tasks.spawn(async move { server.serve(theirs, peer).await });
        let mut http = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        http.initial_stream_window_size(WINDOW).initial_connection_window_size(16 * WINDOW);
        let handshake = http.handshake(TokioIo::new(ours)).await;
        let (mut http, connection) = handshake.expect("HTTP/2 opens");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { drop(connection.await) });
        let (said, frames) = mpsc::channel::<Bytes>(64);
        let frames = stream::unfold(frames, async |mut frames| {
            let bytes = frames.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(bytes)), frames))
        });
        let request = Request::post(PATH).header("content-type", CONTENT_TYPE);
        let request = request.body(StreamBody::new(Box::pin(frames))).expect("a request");
        let response = http.send_request(request).await.expect("it answers");
        assert_eq!(response.status(), 200);
        let (encoder, decoder) = (Encoder::new(), Decoder::new());
        Speaker { encoder, decoder, said, body: response.into_body(), _tasks: tasks }
    }

    /// A linked reporter that has been welcomed.
    pub(crate) async fn linked(&mut self, reporter: Reporter, incarnation: u64) -> Speaker {
        let mut speaker = self.connect().await;
        speaker.say(&hello_of(reporter, incarnation, self.clock.now())).await;
        assert!(matches!(speaker.hear().await, Down::Welcome { .. }));
        speaker
    }
}

/// A reporter. Dropping it breaks its Link.
pub(crate) struct Speaker {
    encoder: Encoder,
    decoder: Decoder,
    said: mpsc::Sender<Bytes>,
    body: Incoming,
    _tasks: JoinSet<()>,
}

impl Speaker {
    pub(crate) async fn say(&mut self, frame: &Up) {
        let mut out = Vec::new();
        self.encoder.up(frame, &mut out).expect("a short frame");
        self.say_bytes(out).await;
    }

    pub(crate) async fn say_bytes(&mut self, bytes: Vec<u8>) {
        self.said.send(bytes.into()).await.expect("the connection lives");
    }

    /// The next frame that is no heartbeat; none when the Link is over.
    pub(crate) async fn next(&mut self) -> Option<Down> {
        loop {
            match self.decoder.next_down().expect("a Link") {
                Some(Down::Heartbeat) => continue,
                Some(frame) => return Some(frame),
                None => {}
            }
            let frame = timeout(60 * SECOND, self.body.frame()).await.expect("it says something or ends");
            self.decoder.feed(&frame?.ok()?.into_data().expect("bytes"));
        }
    }

    pub(crate) async fn hear(&mut self) -> Down {
        self.next().await.expect("the Link lives")
    }

    /// Hears until `wanted` comes; what it made of that.
    pub(crate) async fn hear_until<T>(&mut self, wanted: impl Fn(Down) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.hear().await) {
                return found;
            }
        }
    }

    /// The next pods, by name and state, that an activator is told of.
    pub(crate) async fn pods(&mut self) -> Vec<(String, PodState)> {
        self.hear_until(|frame| match frame {
            Down::Pods { pods, .. } if !pods.is_empty() => {
                Some(pods.iter().map(|pod| (pod.id.to_string(), pod.state)).collect())
            }
            _ => None,
        })
        .await
    }
}

pub(crate) fn hello() -> WorkloadId {
    "hello".parse().expect("a name")
}

pub(crate) fn workload(id: WorkloadId) -> Workload {
    let hosts = vec![format!("{}.localhost", id.name())];
    Workload { id, policy: Policy::default(), serving: Serving::default(), hosts }
}

pub(crate) fn address() -> SocketAddr {
    ([127, 0, 0, 1], 8012).into()
}

pub(crate) fn pod(name: &str, state: PodState) -> Pod {
    let (id, workload, address) = (PodId::new(name), hello(), address());
    Pod { id, workload, address, state, has_queue_proxy: true, created: Time::ZERO }
}

pub(crate) fn of_pod(name: &str) -> Reporter {
    Reporter::Pod(PodId::new(name))
}

pub(crate) fn activator(name: &str) -> Reporter {
    Reporter::Activator(name.into())
}

pub(crate) fn hello_of(reporter: Reporter, incarnation: u64, at: Time) -> Up {
    let workload = matches!(reporter, Reporter::Pod(_)).then(hello);
    Up::Hello { reporter, incarnation, workload, address: address(), at, token: None }
}

pub(crate) fn state_of(name: &str, state: PodState) -> Up {
    Up::State { pod: PodId::new(name), state }
}

/// A report that is over as soon as there is an autoscaler.
pub(crate) fn report_of(reporter: Reporter, seq: u64) -> Up {
    report_to(reporter, hello(), seq, Time::ZERO)
}

/// The report of the second that ends then.
pub(crate) fn report_to(reporter: Reporter, workload: WorkloadId, seq: u64, to: Time) -> Up {
    let from = Time::from_nanos(to.as_nanos().saturating_sub(1_000_000_000));
    Up::Report { reporter, workload, report: Report { seq, from, to, ..Report::default() } }
}
