//! Pods as processes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use config::manifest::{Declared, Template};
use config::{Failure, Platform, PlatformEvent, PodState, Policy, Probe, ProbeKind, Serving};
use deploy::local::{LocalPlatform, LocalSettings};
use futures_util::StreamExt;
use parking_lot::Mutex;
use queue_proxy::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::heard::{Heard, id, workload};

const ROUSE: &str = env!("CARGO_BIN_EXE_rouse");

/// Lines that pods wrote.
type Lines = Arc<Mutex<Vec<String>>>;

fn platform(
    command: &[&str],
    change: impl FnOnce(&mut Policy, &mut Serving, &mut Template),
) -> (Arc<LocalPlatform>, Heard, Lines) {
    let command = command.iter().map(|&word| word.to_owned()).collect();
    let mut template = Template { command, ..Template::default() };
    let workload = workload(|policy, serving| change(policy, serving, &mut template));
    let (heard, lines) = (Heard::default(), Lines::default());
    let mut settings = LocalSettings::new(PathBuf::from(ROUSE), Clock::start(), heard.on_pod());
    let told = Arc::clone(&lines);
    settings.on_line = Box::new(move |_, line| told.lock().push(line.to_owned()));
    let declared = Declared { workload, template, ports: Vec::new(), worker: false, source: "a test".to_owned() };
    (LocalPlatform::new(settings, vec![declared]), heard, lines)
}

async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The failure of the workload once it has one.
async fn failure(platform: &LocalPlatform) -> Failure {
    let mut events = platform.events();
    let told = async {
        loop {
            if let PlatformEvent::Failure(_, Some(failure)) = events.next().await.expect("the platform lives") {
                return failure;
            }
        }
    };
    timeout(Duration::from_secs(10), told).await.expect("a failure is told")
}

#[tokio::test]
async fn a_pod_has_what_its_manifest_says_and_drains_when_its_request_is_answered() {
    let script = "echo $GREETING from $K_SERVICE as $POD_NAME in $PWD; exec rouse sample";
    let (platform, heard, lines) = platform(&["sh", "-c", script], |_, _, template| {
        template.env = vec![("GREETING".to_owned(), "good day".to_owned())];
        template.working_dir = Some("/".into());
    });
    platform.scale(&id(), 1).await.unwrap();
    let name = heard.until(PodState::Ready, 1).await.remove(0);
    let (pod, front) = heard.pod(&name);
    assert_eq!(*lines.lock(), [format!("good day from hello as {name} in /")]);
    let admission = front.gate().try_admit().unwrap();
    let request = tokio::spawn(async move { get(pod.address, "/?sleep=150ms").await });
    platform.scale(&id(), 0).await.unwrap();
    assert_eq!(heard.pods(PodState::Draining), std::slice::from_ref(&name));
    let answer = request.await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("hello from hello pod"), "{answer}");
    drop(admission);
    heard.until(PodState::Gone, 1).await;
    assert!(TcpStream::connect(pod.address).await.is_err());
    platform.shutdown().await;
}

#[tokio::test]
async fn the_sample_counts_what_it_has_in_flight_and_finishes_it_when_told_to_end() {
    let (platform, heard, _) =
        platform(&["rouse", "sample"], |_, serving, _| serving.termination_grace = Duration::ZERO);
    platform.scale(&id(), 1).await.unwrap();
    let name = heard.until(PodState::Ready, 1).await.remove(0);
    let (pod, front) = heard.pod(&name);
    let (one, two) = tokio::join!(get(pod.address, "/?sleep=100ms"), get(pod.address, "/?sleep=100ms"));
    assert!(one.unwrap().contains("200 OK") && two.unwrap().contains("200 OK"));
    assert!(get(pod.address, "/echo").await.unwrap().contains("echo-host: test"));
    let stats = get(pod.address, "/stats").await.unwrap();
    assert!(stats.contains("\"in_flight\":0,\"max_in_flight\":2,\"requests\":3"), "{stats}");
    assert!(get(pod.address, "/?sleep=soon").await.unwrap().starts_with("HTTP/1.1 400"));
    // The gate says that something is in flight, so that the app is told to end by its grace alone.
    let _admission = front.gate().try_admit().unwrap();
    let request = tokio::spawn(async move { get(pod.address, "/?sleep=200ms&bytes=100kB").await });
    while !get(pod.address, "/stats").await.unwrap().contains("\"in_flight\":1") {}
    platform.scale(&id(), 0).await.unwrap();
    let answer = request.await.unwrap().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.len(), 100_000);
    heard.until(PodState::Gone, 1).await;
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_told_at_once() {
    let (platform, _, _) = platform(&["no-such-command"], |_, _, _| {});
    platform.scale(&id(), 1).await.unwrap();
    let detail = "command \"no-such-command\" does not exist".to_owned();
    assert_eq!(failure(&platform).await, Failure::Image { detail });
    platform.shutdown().await;
}

#[tokio::test]
async fn a_working_directory_that_does_not_exist_is_told_at_once() {
    let (platform, _, _) = platform(&["true"], |_, _, template| template.working_dir = Some("/no/such".into()));
    platform.scale(&id(), 1).await.unwrap();
    let detail = "working directory \"/no/such\" does not exist".to_owned();
    assert_eq!(failure(&platform).await, Failure::Image { detail });
    platform.shutdown().await;
}

#[tokio::test]
async fn an_app_that_crashes_at_once_is_told_after_three_exits_with_its_last_words() {
    let (platform, heard, _) = platform(&["sh", "-c", "echo out; echo 'no database' >&2; exit 3"], |_, _, _| {});
    platform.scale(&id(), 1).await.unwrap();
    let detail = "exit code 3: no database".to_owned();
    assert_eq!(failure(&platform).await, Failure::CrashLoop { exits: 3, detail });
    assert_eq!(heard.pods(PodState::Gone).len(), 3);
    platform.shutdown().await;
}

#[tokio::test]
async fn an_app_that_never_listens_is_killed_and_told() {
    let deadline = Duration::from_millis(100);
    let (platform, heard, _) = platform(&["sleep", "600"], |policy, _, _| policy.progress_deadline = deadline);
    platform.scale(&id(), 1).await.unwrap();
    assert_eq!(failure(&platform).await.word(), "start-timeout");
    heard.until(PodState::Gone, 1).await;
    platform.shutdown().await;
}

#[tokio::test]
async fn an_exec_probe_runs_with_the_environment_of_its_pod() {
    let probe = Probe {
        kind: ProbeKind::Exec { command: ["sh", "-c", "test \"$WORD\" = sesame"].map(str::to_owned).to_vec() },
        period: Duration::ZERO,
        timeout: Duration::from_secs(5),
        success_threshold: 1,
        failure_threshold: 3,
        initial_delay: Duration::ZERO,
    };
    let (platform, heard, _) = platform(&["sleep", "600"], |_, serving, template| {
        serving.readiness = Some(probe);
        template.env = vec![("WORD".to_owned(), "sesame".to_owned())];
    });
    platform.scale(&id(), 1).await.unwrap();
    heard.until(PodState::Ready, 1).await;
    platform.shutdown().await;
    assert_eq!(heard.pods(PodState::Gone).len(), 1);
}
