//! `external` and `external-push` against a scaler by gRPC's own library in Python.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use autoscaler::triggers::Reading;
use deploy::sources::{Edge, Source};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::delay::Delay;
use crate::opened::{look, opened, pool, read, trigger, trouble, until, value};
use crate::process::{Server, found, free_port, listening};

/// Python with gRPC's library.
pub(crate) fn python() -> Option<PathBuf> {
    let python = found("python3", "ROUSE_PYTHON")?;
    let has = Command::new(&python).args(["-c", "import grpc, google.protobuf"]).output().unwrap().status.success();
    if !has {
        assert!(std::env::var("ROUSE_SERVERS").as_deref() != Ok("required"), "python3 has no grpcio and protobuf");
        println!("SKIPPED: python3 has no grpcio and protobuf (PyPI)");
    }
    has.then_some(python)
}

pub(crate) fn script(python: &PathBuf) -> Command {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sources/scaler.py"));
    command
}

pub(crate) fn asking(kind: &str, port: u16, metadata: &[(&str, &str)]) -> Box<dyn Source> {
    let address = format!("127.0.0.1:{port}");
    opened(&trigger(kind, &[&[("scalerAddress", &*address)], metadata].concat(), &[]), &pool())
}

#[tokio::test(flavor = "multi_thread")]
async fn right_empty_wrong_slow_stopped_and_back() {
    let Some(python) = python() else { return };
    let port = free_port();
    let server = Server::start(script(&python).args(["serve", &port.to_string()]));
    listening(port).await;

    // Right: what it says is the target, whole or broken; of several metrics the one that asks for most.
    let one = asking("external", port, &[("values", "one:12:5"), ("active", "true")]);
    let answer = one.read(look()).await;
    assert_eq!((answer.reading, answer.target), (value(12.0, true), Some(5.0)));
    let broken = asking("external", port, &[("values", "one:0.5:2.5"), ("active", "false")]).read(look()).await;
    assert_eq!((broken.reading, broken.target), (value(0.5, false), Some(2.5)));
    let two = asking("external", port, &[("values", "one:12:5,two:40:10"), ("active", "true")]).read(look()).await;
    assert_eq!((two.reading, two.target), (value(20.0, true), Some(5.0)));

    // Empty: zero, and no target.
    assert_eq!(
        read(&*asking("external", port, &[("values", "one:0:5"), ("active", "false")])).await,
        value(0.0, false)
    );
    let nothing = trouble(&*asking("external", port, &[("values", "one:1:0"), ("active", "true")])).await;
    assert!(nothing.ends_with("aims at 0 of its metric \"one\": it must be more than 0"), "{nothing}");

    // Refused, which is no trouble of the server's.
    let refused = asking("external", port, &[("values", "one:1:1"), ("active", "true"), ("refuse", "1")]);
    assert_eq!(trouble(&*refused).await, format!("127.0.0.1:{port}: says PermissionDenied: not you"));
    assert_eq!(read(&*one).await, value(12.0, true));

    // Pushes: what says so wakes, as often as it is said, and nothing else does.
    let frames = [("values", "one:1:1"), ("active", "true"), ("frames", "false,true,false,true")];
    assert!(asking("external", port, &frames).edges().is_none());
    let pushes = asking("external-push", port, &frames);
    let mut edges = pushes.edges().expect("it pushes");
    let mut edge = async || timeout(Duration::from_millis(1500), edges.next()).await;
    assert_eq!((edge().await, edge().await), (Ok(Some(Edge::Wake)), Ok(Some(Edge::Wake))));
    assert!(edge().await.is_err(), "the stream stays open");

    // Slow.
    let delay = Delay::before(port).await;
    let slow = asking("external", delay.port(), &[("values", "one:12:5"), ("active", "true")]);
    assert_eq!(read(&*slow).await, value(12.0, true));
    delay.by(Duration::from_secs(30));
    assert!(trouble(&*slow).await.ends_with("no answer in time"));

    // Stopped, and back: polls, and the stream by itself.
    server.stop();
    assert!(matches!(read(&*one).await, Reading::Failed(_)));
    let _server = Server::start(script(&python).args(["serve", &port.to_string()]));
    listening(port).await;
    until(&*one, &value(12.0, true)).await;
    assert_eq!(timeout(Duration::from_secs(60), edges.next()).await, Ok(Some(Edge::Wake)));
}

#[tokio::test]
async fn its_metadata_is_told_and_not_shown() {
    let metadata = BTreeMap::from([("scalerAddress", "127.0.0.1:1"), ("password", "hunter2")]);
    let metadata: Vec<_> = metadata.into_iter().collect();
    let source = opened(&trigger("external", &metadata, &[]), &pool());
    assert!(!format!("{source:?}").contains("hunter2"), "{source:?}");
}
