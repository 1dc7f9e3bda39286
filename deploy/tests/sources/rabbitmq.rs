//! `rabbitmq` over HTTP against RabbitMQ and its management plugin (Debian's package).

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use autoscaler::triggers::Reading;
use bytes::Bytes;
use deploy::sources::Source;
use http::{Method, Request, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::delay::Delay;
use crate::opened::{opened, pool, read, trigger, trouble, until, value};
use crate::process::{Scratch, Server, found, free_port, listening};

/// A RabbitMQ, which may be stopped and started again.
pub(crate) struct Rabbit {
    scratch: Scratch,
    binary: PathBuf,
    pub(crate) amqp: u16,
    http: u16,
    names: u16,
    cluster: u16,
}

impl Rabbit {
    pub(crate) fn new() -> Option<Rabbit> {
        // Not the one in PATH, which would become another user.
        let binary = PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server");
        let binary = if binary.is_file() { binary } else { found("rabbitmq-server", "ROUSE_RABBITMQ")? };
        let [amqp, http, names, cluster] = [(); 4].map(|()| free_port());
        let scratch = Scratch::new("rabbitmq");
        scratch.write("enabled", "[rabbitmq_management].\n");
        let config = format!(
            "listeners.tcp.local = 127.0.0.1:{amqp}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {http}\n\
             collect_statistics_interval = 500\n"
        );
        scratch.write("rabbitmq.conf", &config);
        Some(Rabbit { scratch, binary, amqp, http, names, cluster })
    }

    /// The server, and before it who knows the names of Erlang's nodes: left to itself, that one would stay.
    pub(crate) async fn start(&self) -> [Server; 2] {
        let names =
            Server::start(Command::new("epmd").args(["-port", &self.names.to_string(), "-address", "127.0.0.1"]));
        listening(self.names).await;
        let path = |name: &str| self.scratch.path().join(name);
        let server = Server::start(
            Command::new(&self.binary)
                .env("HOME", self.scratch.path())
                .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
                .env("RABBITMQ_NODENAME", format!("rouse{}@localhost", self.amqp))
                .env("RABBITMQ_MNESIA_BASE", path("data"))
                .env("RABBITMQ_LOG_BASE", path("log"))
                .env("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf"))
                .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled"))
                .env("RABBITMQ_DIST_PORT", self.cluster.to_string())
                .env("ERL_EPMD_PORT", self.names.to_string())
                .env("ERL_EPMD_ADDRESS", "127.0.0.1"),
        );
        listening(self.http).await;
        [server, names]
    }

    /// Asks the management API for something to be done.
    async fn does(&self, method: Method, path: &str, body: &str) {
        let stream = TcpStream::connect(("127.0.0.1", self.http)).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, "Basic Z3Vlc3Q6Z3Vlc3Q=") // guest:guest
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        let status = sender.send_request(request.unwrap()).await.unwrap().status();
        assert!(status.is_success(), "{path}: {status}");
        connection.abort();
    }

    /// Has a queue with so many messages, in a virtual host that guests may use.
    pub(crate) async fn has(&self, vhost: &str, queue: &str, messages: u32) {
        let escaped = |name: &str| name.replace('/', "%2F");
        let (host, permissions) = (escaped(vhost), r#"{"configure":".*","write":".*","read":".*"}"#);
        self.does(Method::PUT, &format!("/api/vhosts/{host}"), "").await;
        self.does(Method::PUT, &format!("/api/permissions/{host}/guest"), permissions).await;
        self.does(Method::PUT, &format!("/api/queues/{host}/{}", escaped(queue)), r#"{"durable":true}"#).await;
        let body = format!(
            r#"{{"properties":{{"delivery_mode":2}},"routing_key":"{queue}","payload":"x","payload_encoding":"string"}}"#
        );
        for _ in 0..messages {
            self.does(Method::POST, &format!("/api/exchanges/{host}/amq.default/publish"), &body).await;
        }
    }
}

/// What asks there how long a queue is, or what `metadata` says instead; `HOST` in its `host` is that place.
pub(crate) fn source(port: u16, host: &str, queue: &str, metadata: &[(&str, &str)]) -> Box<dyn Source> {
    let host = host.replace("HOST", &format!("127.0.0.1:{port}"));
    let common = [("host", &*host), ("queueName", queue), ("mode", "QueueLength"), ("value", "5")];
    let common = common.into_iter().filter(|(name, _)| metadata.iter().all(|(given, _)| given != name));
    let all: Vec<_> = common.chain(metadata.iter().copied()).collect();
    opened(&trigger("rabbitmq", &all, &[]), &pool())
}

const GUEST: &str = "http://guest:guest@HOST/";

#[tokio::test(flavor = "multi_thread")]
async fn right_empty_wrong_slow_stopped_and_back() {
    let Some(rabbit) = Rabbit::new() else { return };
    let running = rabbit.start().await;
    for (vhost, queue, messages) in [("/", "empty", 0), ("/", "orders.a", 7), ("shop/eu", "orders.b/c", 2)] {
        rabbit.has(vhost, queue, messages).await;
    }
    let ask = |host: &str, queue, more: &[(&str, &str)]| source(rabbit.http, host, queue, more);

    // Right, with what has to be escaped; in each of the modes.
    let orders = ask(GUEST, "orders.a", &[]);
    until(&*orders, &value(7.0, true)).await;
    until(&*ask(GUEST, "orders.b/c", &[("vhostName", "shop/eu")]), &value(2.0, true)).await;
    until(&*ask("http://guest:guest@HOST/shop%2Feu", "orders.b/c", &[]), &value(2.0, true)).await;
    let matching = [("useRegex", "true"), ("operation", "max")];
    until(&*ask(GUEST, "^(orders|empty)", &matching), &value(7.0, true)).await;
    let rate = read(&*ask(GUEST, "orders.a", &[("mode", "DeliverGetRate")])).await;
    assert_eq!(rate, value(0.0, false));
    let stuck = [("mode", "ExpectedQueueConsumptionTime"), ("activationValue", "3")];
    assert_eq!(read(&*ask(GUEST, "orders.a", &stuck)).await, value(3.0, true));

    // Empty, and not there.
    until(&*ask(GUEST, "empty", &[]), &value(0.0, false)).await;
    assert_eq!(trouble(&*ask(GUEST, "gone", &[])).await, "rabbitmq answered 404");

    // Wrong credentials.
    let wrong = ask("http://guest:other@HOST/", "orders.a", &[]);
    assert_eq!(trouble(&*wrong).await, "rabbitmq answered 401");

    // Slow.
    let delay = Delay::before(rabbit.http).await;
    let slow = source(delay.port(), GUEST, "orders.a", &[("timeout", "500ms")]);
    until(&*slow, &value(7.0, true)).await;
    delay.by(Duration::from_secs(30));
    assert!(trouble(&*slow).await.ends_with("no answer in time"));
    delay.by(Duration::ZERO);
    until(&*slow, &value(7.0, true)).await;

    // Stopped, and back.
    drop(running);
    assert!(matches!(read(&*orders).await, Reading::Failed(_)));
    let _running = rabbit.start().await;
    until(&*orders, &value(7.0, true)).await;
}
