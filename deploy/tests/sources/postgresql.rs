//! `postgresql` against PostgreSQL (Debian's package), which does not run as root: then it runs as nobody.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use autoscaler::triggers::Reading;
use deploy::sources::{Edge, Source};
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};
use tokio_postgres::NoTls;

use crate::delay::Delay;
use crate::opened::{opened, pool, read, trigger, trouble, try_opened, until, value};
use crate::process::{Scratch, Server, found, free_port, listening};

const NOBODY: u32 = 65534;

/// A database, which may be stopped and started again.
struct Postgres {
    binaries: PathBuf,
    scratch: Scratch,
    port: u16,
}

impl Postgres {
    /// None if it is not installed.
    fn new() -> Option<Postgres> {
        let binaries = installed()?;
        let postgres = Postgres { binaries, scratch: Scratch::new("postgresql"), port: free_port() };
        let password = postgres.scratch.write("password", "hunter2");
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let cert = postgres.scratch.write("cert", &certificate.cert.pem());
        let key = postgres.scratch.write("key", &certificate.signing_key.serialize_pem());
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        if is_root() {
            for path in [postgres.scratch.path(), &password, &cert, &key] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let made = postgres
            .command("initdb")
            .args(["-U", "me", "--auth=scram-sha-256", "--no-sync", "--pwfile"])
            .arg(password)
            .status();
        assert!(made.unwrap().success());
        Some(postgres)
    }

    /// `binary` on the data, as who may.
    fn command(&self, binary: &str) -> Command {
        let mut command = Command::new(self.binaries.join(binary));
        command.arg("-D").arg(self.scratch.path().join("data"));
        command.current_dir(self.scratch.path()).stdout(Stdio::null()).stderr(Stdio::null());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    async fn start(&self) -> Server {
        let file = |name: &str| self.scratch.path().join(name).display().to_string();
        let mut command = self.command("postgres");
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        command.args(["-c", "unix_socket_directories=", "-c", "ssl=on"]);
        command.args([
            "-c",
            &format!("ssl_cert_file={}", file("cert")),
            "-c",
            &format!("ssl_key_file={}", file("key")),
        ]);
        let server = Server::start(&mut command);
        listening(self.port).await;
        server
    }

    fn stop(&self) {
        assert!(self.command("pg_ctl").args(["stop", "-m", "fast"]).status().unwrap().success());
    }

    /// A client that tests have for themselves.
    async fn client(&self) -> tokio_postgres::Client {
        let config = format!("host=127.0.0.1 port={} user=me dbname=postgres password=hunter2", self.port);
        for _ in 0..600 {
            if let Ok((client, connection)) = tokio_postgres::connect(&config, NoTls).await {
                tokio::spawn(connection);
                return client;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("no client for a minute");
    }

    fn source(&self, port: u16, query: &str, more: &[(&str, &str)], password: &str) -> Box<dyn Source> {
        let port = port.to_string();
        let mut metadata = vec![
            ("host", "127.0.0.1"),
            ("port", &*port),
            ("userName", "me"),
            ("dbName", "postgres"),
            ("sslmode", "prefer"),
            ("targetQueryValue", "5"),
            ("query", query),
        ];
        metadata.retain(|(name, _)| more.iter().all(|(given, _)| given != name));
        metadata.extend(more);
        opened(&trigger("postgresql", &metadata, &[("password", password)]), &pool())
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where its binaries are: Debian puts only some into PATH.
fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let places = versions.map(|version| version.path().join("bin"));
    let complete = |place: &PathBuf| ["postgres", "initdb", "pg_ctl"].iter().all(|name| place.join(name).is_file());
    places.filter(complete).max().or_else(|| {
        let binary = found("postgres", "ROUSE_POSTGRES")?.canonicalize().ok()?;
        binary.parent().map(Path::to_path_buf)
    })
}

#[tokio::test]
async fn the_first_column_of_the_first_row_whatever_its_type() {
    let Some(postgres) = Postgres::new() else { return };
    let _running = postgres.start().await;
    let client = postgres.client().await;
    client
        .batch_execute("CREATE TABLE jobs (state text); INSERT INTO jobs SELECT 'queued' FROM generate_series(1, 33)")
        .await
        .unwrap();
    let source = |query: &str| postgres.source(postgres.port, query, &[], "hunter2");
    let of_an_airflow = "SELECT ceil(COUNT(*)::decimal / 16) FROM jobs WHERE state='running' OR state='queued'";
    for (query, number) in [
        (of_an_airflow, 3.0),
        ("SELECT count(*) FROM jobs", 33.0),
        ("SELECT count(*) FROM jobs WHERE state='running'", 0.0),
        ("SELECT 2.5::float8, 'more'", 2.5),
        ("SELECT '42'", 42.0),
        ("SELECT generate_series(7, 1000000)", 7.0),
    ] {
        assert_eq!(read(&*source(query)).await, value(number, number > 0.0), "{query}");
    }
    let activation = [("activationTargetQueryValue", "33")];
    let passive = postgres.source(postgres.port, "SELECT count(*) FROM jobs", &activation, "hunter2");
    assert_eq!(read(&*passive).await, value(33.0, false));
    for (query, why) in [
        ("SELECT NULL", "no row, or null"),
        ("SELECT 1 WHERE false", "no row, or null"),
        ("SELECT", "no row, or null"),
        ("SELECT 'many'", "not a number"),
        ("SELECT 1/0", "division by zero (22012)"),
        ("SELECT nothing FROM jobs", "column \"nothing\" does not exist (42703)"),
    ] {
        let said = trouble(&*source(query)).await;
        assert!(said.contains(why), "{query}: {said}");
    }
    assert_eq!(read(&*source("SELECT 'NaN'::float8")).await, Reading::NoData);
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown_and_tls_is_as_sslmode_says() {
    let Some(postgres) = Postgres::new() else { return };
    let _running = postgres.start().await;
    postgres.client().await;
    let source = |more: &[(&str, &str)], password| {
        postgres.source(postgres.port, "SELECT 1 FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl", more, password)
    };
    let wrong = source(&[], "hunter3");
    let said = trouble(&*wrong).await;
    assert!(said.ends_with("login refused (28P01)") && !format!("{said}{wrong:?}").contains("hunter"), "{said}");
    for mode in ["prefer", "require", "allow"] {
        assert_eq!(read(&*source(&[("sslmode", mode)], "hunter2")).await, value(1.0, true), "{mode}");
    }
    assert!(trouble(&*source(&[("sslmode", "disable")], "hunter2")).await.contains("no row"));
    for mode in ["verify-ca", "verify-full"] {
        let query = [
            ("host", "localhost"),
            ("port", &*postgres.port.to_string()),
            ("userName", "me"),
            ("dbName", "postgres"),
            ("sslmode", mode),
            ("targetQueryValue", "5"),
            ("query", "SELECT 1"),
        ];
        match try_opened(&trigger("postgresql", &query, &[("password", "hunter2")]), &pool()) {
            Ok(strict) => {
                assert!(trouble(&*strict).await.contains("certificate"), "{mode} trusts nobody who signs himself")
            }
            Err(error) => assert!(error.to_string().contains("no authorities"), "{error}"),
        }
    }
    let url = format!("postgres://me:hunter2@127.0.0.1:{}/postgres?sslmode=require", postgres.port);
    let query = [("targetQueryValue", "5"), ("query", "SELECT 4")];
    let by_url = opened(&trigger("postgresql", &query, &[("connection", &url)]), &pool());
    assert_eq!(read(&*by_url).await, value(4.0, true));
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_cancelled_and_connections_are_kept() {
    let Some(postgres) = Postgres::new() else { return };
    let _running = postgres.start().await;
    let client = postgres.client().await;
    let number = async |query: &str| client.query_one(query, &[]).await.unwrap().get::<_, i64>(0);
    let quick = postgres.source(postgres.port, "SELECT 2", &[], "hunter2");
    for _ in 0..5 {
        assert_eq!(read(&*quick).await, value(2.0, true));
    }
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rouse'";
    assert_eq!(number(ours).await, 1);
    let slow = postgres.source(postgres.port, "SELECT 1 FROM pg_sleep(600)", &[], "hunter2");
    assert!(trouble(&*slow).await.ends_with("no answer in time"));
    while number(&format!("{ours} AND query LIKE '%pg_sleep%'")).await > 0 {
        sleep(Duration::from_millis(100)).await;
    }
    let delay = Delay::before(postgres.port).await;
    let late = postgres.source(delay.port(), "SELECT 3", &[], "hunter2");
    assert_eq!(read(&*late).await, value(3.0, true));
    delay.by(Duration::from_secs(600));
    assert!(trouble(&*late).await.ends_with("no answer in time"));
    delay.by(Duration::ZERO);
    until(&*late, &value(3.0, true)).await;
}

#[tokio::test]
async fn one_that_is_stopped_fails_and_one_that_is_back_is_read_and_tells() {
    let Some(postgres) = Postgres::new() else { return };
    let running = postgres.start().await;
    postgres.client().await;
    let source = postgres.source(postgres.port, "SELECT 2", &[("notifyChannel", "new \"jobs\"")], "hunter2");
    let mut edges = source.edges().expect("it was asked for");
    let mut next = async || timeout(Duration::from_secs(60), edges.next()).await.expect("in time");
    assert_eq!(next().await, Some(Edge::Read), "for what came before");
    let notify = "NOTIFY others; NOTIFY \"new \"\"jobs\"\"\"";
    postgres.client().await.batch_execute(notify).await.unwrap();
    assert_eq!(next().await, Some(Edge::Read));
    assert_eq!(read(&*source).await, value(2.0, true));
    postgres.stop();
    drop(running);
    assert!(matches!(read(&*source).await, Reading::Failed(_)));
    let _running = postgres.start().await;
    until(&*source, &value(2.0, true)).await;
    assert_eq!(next().await, Some(Edge::Read), "for what came meanwhile");
    postgres.client().await.batch_execute(notify).await.unwrap();
    assert_eq!(next().await, Some(Edge::Read));
    assert!(postgres.source(postgres.port, "SELECT 2", &[], "hunter2").edges().is_none());
}
