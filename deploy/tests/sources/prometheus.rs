//! `prometheus` against Prometheus (Debian's package).

use std::process::Command;
use std::time::Duration;

use autoscaler::triggers::Reading;
use autoscaler::triggers::metadata::TriggerKind;

use crate::delay::Delay;
use crate::opened::{opened, pool, read, trigger, trouble, until, value};
use crate::process::{Scratch, Server, found, free_port, listening};

/// It scrapes itself each second.
const CONFIG: &str = "
global: { scrape_interval: 1s }
scrape_configs: [ { job_name: self, static_configs: [ { targets: ['127.0.0.1:PORT'] } ], basic_auth: { username: me, password: hunter2 } } ]
";

/// `hunter2`, by bcrypt with the cheapest cost.
const USERS: &str = r#"basic_auth_users: { me: "$2b$04$abcdefghijklmnopqrstuuV3duMsC0HpUex6N9qapiuOHHWkwRXVm" }"#;

struct Prometheus {
    scratch: Scratch,
    port: u16,
}

impl Prometheus {
    fn new() -> Option<(Prometheus, std::path::PathBuf)> {
        let binary = found("prometheus", "ROUSE_PROMETHEUS")?;
        let (scratch, port) = (Scratch::new("prometheus"), free_port());
        scratch.write("config.yaml", &CONFIG.replace("PORT", &port.to_string()));
        scratch.write("users.yaml", USERS);
        Some((Prometheus { scratch, port }, binary))
    }

    async fn start(&self, binary: &std::path::Path) -> Server {
        let path = |name: &str| self.scratch.path().join(name).display().to_string();
        let server = Server::start(
            Command::new(binary)
                .arg(format!("--config.file={}", path("config.yaml")))
                .arg(format!("--storage.tsdb.path={}", path("data")))
                .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
                .arg(format!("--web.config.file={}", path("users.yaml"))),
        );
        listening(self.port).await;
        server
    }
}

fn asking(port: u16, query: &str, more: &[(&str, &str)], password: &str) -> TriggerKind {
    let server = format!("http://127.0.0.1:{port}");
    let metadata = [("serverAddress", &*server), ("query", query), ("threshold", "5"), ("authModes", "basic")];
    trigger("prometheus", &[&metadata[..], more].concat(), &[("username", "me"), ("password", password)])
}

#[tokio::test(flavor = "multi_thread")]
async fn right_empty_wrong_slow_stopped_and_back() {
    let Some((prometheus, binary)) = Prometheus::new() else { return };
    let server = prometheus.start(&binary).await;
    let (port, pool) = (prometheus.port, pool());
    let with = |query: &str, more: &[(&str, &str)]| opened(&asking(port, query, more, "hunter2"), &pool);

    // Right: a constant, a series that it scraped, and over a range.
    let constant = with("vector(42.5)", &[]);
    until(&*constant, &value(42.5, true)).await;
    assert_eq!(read(&*with("vector(42.5)", &[("activationThreshold", "42.5")])).await, value(42.5, false));
    until(&*with("sum(up{job=\"self\"})", &[]), &value(1.0, true)).await;
    let range = [("rangeWindow", "60s"), ("rangeStep", "10s"), ("rangeAggregation", "max")];
    assert_eq!(read(&*with("vector(time() - time() + 3)", &range)).await, value(3.0, true));

    // Empty, and what is no number.
    let nothing = "sum(no_such_series)";
    assert_eq!(read(&*with(nothing, &[])).await, Reading::NoData);
    assert_eq!(read(&*with(nothing, &[("ignoreNullValues", "true")])).await, value(0.0, false));
    assert!(matches!(read(&*with(nothing, &[("ignoreNullValues", "false")])).await, Reading::Failed(_)));
    assert_eq!(read(&*with("vector(0) / 0", &[])).await, Reading::NoData);
    let two = "vector(1) or label_replace(vector(2), \"a\", \"b\", \"\", \"\")";
    assert_eq!(trouble(&*with(two, &[])).await, "the query yields 2 series, not one");
    assert!(trouble(&*with("scalar(vector(1))", &[])).await.contains("vector(…)"));
    assert!(trouble(&*with("no query (", &[])).await.starts_with("prometheus answered 400: invalid parameter"));

    // Wrong credentials, which are no trouble of the server's.
    let wrong = opened(&asking(port, "vector(1)", &[], "other"), &pool);
    assert_eq!(trouble(&*wrong).await, "prometheus answered 401");
    assert_eq!(read(&*constant).await, value(42.5, true));

    // Slow: no longer than the timeout, and well again at once.
    let delay = Delay::before(port).await;
    let slow = opened(&asking(delay.port(), "vector(1)", &[("timeout", "300ms")], "hunter2"), &pool);
    assert_eq!(read(&*slow).await, value(1.0, true));
    delay.by(Duration::from_secs(30));
    assert!(trouble(&*slow).await.ends_with("no answer in time"));
    assert_eq!(read(&*constant).await, value(42.5, true));
    delay.by(Duration::ZERO);
    until(&*slow, &value(1.0, true)).await;

    // Stopped, and back.
    server.stop();
    assert!(matches!(read(&*constant).await, Reading::Failed(_)));
    let _server = prometheus.start(&binary).await;
    until(&*constant, &value(42.5, true)).await;
}
