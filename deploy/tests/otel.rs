//! A wake, by the real command with real processes, is a trace at a collector: a span for each of its phases.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use deploy::wakes::Phase;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prost::Message;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

const HELLO: &str = "{ apiVersion: apps/v1, kind: Deployment, metadata: { name: hello }, spec: { template: { spec: { \
                     containers: [{ command: [rouse, sample] }] } } } }\n";

/// What OTLP says of traces, as far as it matters here.
#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes, tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes, tag = "2")]
    id: Vec<u8>,
    #[prost(bytes, tag = "4")]
    parent: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(fixed64, tag = "7")]
    begin: u64,
    #[prost(fixed64, tag = "8")]
    end: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(int64, optional, tag = "3")]
    number: Option<i64>,
}

fn told(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let value = |value: &Value| value.text.clone().or(value.number.map(|n| n.to_string()));
    attributes.iter().filter_map(|pair| Some((pair.key.as_str(), value(pair.value.as_ref()?)?))).collect()
}

/// A collector on loopback, which checks how it is asked and passes on what it is given.
async fn collector() -> (SocketAddr, mpsc::Receiver<Export>) {
    let (sender, exports) = mpsc::channel(64);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let sender = sender.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let sender = sender.clone();
                async move {
                    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/traces"));
                    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
                    assert_eq!(request.headers()["host"], at.to_string());
                    let body = request.into_body().collect().await.expect("a body").to_bytes();
                    sender.send(Export::decode(body).expect("what OTLP has")).await.expect("the test reads");
                    Ok::<_, hyper::Error>(Response::new(Empty::<Bytes>::new()))
                }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    (at, exports)
}

/// `rouse run`, which tells the collector at this address; killed when dropped.
struct Rouse(Child);

impl Drop for Rouse {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Rouse {
    /// It, and where its gateway is.
    fn start(collector: SocketAddr) -> (Rouse, SocketAddr) {
        let file = std::env::temp_dir().join(format!("rouse-otel-{}.yaml", std::process::id()));
        std::fs::write(&file, HELLO).expect("a temporary file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_rouse"));
        command.args(["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--otlp-endpoint"]);
        command.arg(format!("http://{collector}")).arg(&file).env_remove("ROUSE_LOG").stderr(Stdio::piped());
        let mut rouse = Rouse(command.spawn().expect("rouse starts"));
        let mut lines = BufReader::new(rouse.0.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        let serving = lines.find(|line| line.contains("serving")).expect("it serves");
        std::thread::spawn(move || lines.for_each(drop));
        std::fs::remove_file(file).expect("it is ours"); // a file that is gone is an edit that is refused
        let gateway = serving.split("http://").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        (rouse, gateway.expect("it says where"))
    }

    /// Ends it, which it does well.
    fn terminate(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it runs");
        assert!(self.0.wait().is_ok_and(|status| status.success()), "SIGTERM ends it well");
    }
}

fn get(gateway: SocketAddr) -> String {
    let mut stream = TcpStream::connect(gateway).expect("the gateway listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: hello.localhost\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    u64::try_from(since.as_nanos()).expect("it is before 2554")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_is_a_trace_with_a_span_for_each_phase() {
    let (at, mut exports) = collector().await;
    let before = nanos();
    tokio::task::spawn_blocking(move || {
        let (rouse, gateway) = Rouse::start(at);
        let answer = get(gateway);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        rouse.terminate(); // which sends what has not been sent yet
    })
    .await
    .unwrap();
    let after = nanos();

    let mut spans = Vec::new();
    while let Ok(export) = exports.try_recv() {
        for of in export.resources {
            let resource = of.resource.expect("whose they are");
            assert_eq!(told(&resource.attributes)["service.name"], "rouse");
            spans.extend(of.scopes.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let wakes: Vec<_> = spans.iter().filter(|span| span.name == "wake").collect();
    let [wake] = wakes[..] else { panic!("{spans:#?}") };
    let of_wake = told(&wake.attributes);
    assert_eq!((of_wake["workload"].as_str(), of_wake["pods"].as_str()), ("default/Deployment/hello", "1"));
    assert_eq!((of_wake["requests"].as_str(), wake.parent.as_slice()), ("1", &[][..]));

    // One after the other, they are the wake.
    let phases: Vec<_> = spans.iter().filter(|span| span.parent == wake.id).collect();
    // Of the phases those that one process has: nothing is sent or said between processes.
    let known = Phase::ALL.into_iter().filter(|phase| ![Phase::Sent, Phase::Placed, Phase::Hello].contains(phase));
    assert!(phases.iter().map(|span| span.name.as_str()).eq(known.map(Phase::word)), "{phases:#?}");
    assert!(phases.iter().all(|span| span.trace == wake.trace));
    let mut end = wake.begin;
    for phase in &phases {
        assert_eq!(phase.begin, end, "{}", phase.name);
        end = phase.end;
    }
    assert_eq!(end, wake.end);
    assert!(before < wake.begin && wake.begin < wake.end && wake.end < after, "{before} {wake:?} {after}");

    let scaled: Vec<_> = spans.iter().filter(|span| span.name == "scaled").collect();
    let first = told(&scaled[0].attributes);
    assert_eq!((first["from"].as_str(), first["to"].as_str(), &first["rule"]), ("0", "1", &of_wake["rule"]));
    assert_eq!((&scaled[0].end, first["because"].is_empty()), (&scaled[0].begin, false));
    assert!(wake.begin <= scaled[0].begin && scaled[0].begin <= wake.end);
}
