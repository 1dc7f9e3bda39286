//! `rouse injector`, the real command, with an apiserver that is none.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::ByteString;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{sleep, timeout};

use crate::apiserver::{ApiServer, CONFIG_MAP, SECRET, WEBHOOKS};
use crate::caller::{Caller, NAME, creation, patched, pod};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Injector {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
    kubeconfig: PathBuf,
}

impl Injector {
    fn start(apiserver: &ApiServer, flags: &[&str]) -> Injector {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "mock", "cluster": {"server": format!("http://{}", apiserver.at)}}],
            "users": [{"name": "us", "user": {}}],
            "contexts": [{"name": "mock", "context": {"cluster": "mock", "user": "us"}}],
            "current-context": "mock",
        });
        let port = apiserver.at.port();
        let kubeconfig = std::env::temp_dir().join(format!("rouse-injector-{}-{port}", std::process::id()));
        std::fs::write(&kubeconfig, config.to_string()).expect("a temporary file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_rouse"))
            .args(["injector", "--image", "queue-proxy:1", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(flags)
            .env("KUBECONFIG", &kubeconfig)
            .env_remove("NAMESPACE")
            .env_remove("ROUSE_LOG")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("rouse starts");
        let said = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        Injector { child, said, kubeconfig }
    }

    /// The next line that it says about `what`.
    async fn says(&mut self, what: &str) -> String {
        let line = async {
            loop {
                let line = self.said.next_line().await.expect("text");
                let line = line.unwrap_or_else(|| panic!("it ended without a word about {what:?}"));
                if line.contains(what) {
                    return line;
                }
            }
        };
        timeout(PATIENCE, line).await.unwrap_or_else(|_| panic!("it says nothing about {what:?}"))
    }

    /// Where the webhook and the admin port are.
    async fn serving(&mut self) -> (SocketAddr, SocketAddr) {
        let line = self.says("answering the apiserver as").await;
        let after = |start: &str| {
            let rest = line.split_once(start).expect("an address").1;
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(rest.len());
            rest[..end].parse().expect("an address")
        };
        (after("https://"), after("http://"))
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        std::fs::remove_file(&self.kubeconfig).ok();
    }
}

async fn get(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer
}

/// The webhook configuration, as installed.
fn webhooks() -> Value {
    let webhook = |name: &str| {
        json!({
            "name": name,
            "clientConfig": {"service": {"namespace": "rouse-system", "name": "rouse-injector"}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        })
    };
    json!({"metadata": {"name": "rouse-injector"}, "webhooks": [webhook("pods.rouse.dev"), webhook("services.rouse.dev")]})
}

/// Returns when both webhooks trust the authority `pem`.
async fn trusted(apiserver: &ApiServer, pem: &str) {
    let wanted = json!(ByteString(pem.as_bytes().to_vec()));
    let trusts =
        |n: u32| apiserver.object(WEBHOOKS).pointer(&format!("/webhooks/{n}/clientConfig/caBundle")) == Some(&wanted);
    let told = async {
        while !(trusts(0) && trusts(1)) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, told).await.expect("the apiserver is told whom to trust");
}

#[tokio::test]
async fn it_makes_itself_trusted_serves_counts_and_leaves() {
    let apiserver = ApiServer::start().await;
    apiserver.put(WEBHOOKS, webhooks());
    let mut injector = Injector::start(&apiserver, &[]);
    let (webhook, admin) = injector.serving().await;
    let pem = apiserver.object(CONFIG_MAP)["data"]["ca.crt"].as_str().expect("it is published").to_owned();
    trusted(&apiserver, &pem).await;
    assert!(get(admin, "/readyz").await.starts_with("HTTP/1.1 200"));

    let answer = Caller::connect(webhook, &pem).await.expect("a connection").ask("/pods", creation(&pod())).await;
    assert_eq!(patched(&pod(), &answer)["spec"]["containers"][1]["image"], "queue-proxy:1");
    let another = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate").cert.pem();
    assert!(Caller::connect(webhook, &another).await.is_err());
    injector.says("does not trust the webhook's certificate").await;
    let metrics = get(admin, "/metrics").await;
    for line in [
        "rouse_injections_total{result=\"injected\"} 1",
        "rouse_webhook_not_trusted_total 1",
        "rouse_kube_writes_total{what=\"authority\",result=\"ok\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    // Somebody installs it anew, without knowing whom to trust.
    apiserver.writes_seen();
    apiserver.put(WEBHOOKS, webhooks());
    trusted(&apiserver, &pem).await;
    assert_eq!(apiserver.writes_seen(), [format!("PATCH {WEBHOOKS}")]);

    kill_process(Pid::from_raw(injector.child.id().expect("it runs") as i32).expect("a process"), Signal::TERM)
        .expect("it is told to end");
    injector.says("ending").await;
    let status = timeout(PATIENCE, injector.child.wait()).await.expect("it ends").expect("it is a child");
    assert!(status.success());
}

#[tokio::test]
async fn it_waits_for_what_it_needs_and_says_what_is_missing() {
    let apiserver = ApiServer::start().await;
    apiserver.forbid(SECRET);
    let mut injector = Injector::start(&apiserver, &[]);
    let line = injector.says("cannot prepare the authority yet").await;
    assert!(line.contains("cannot read Secret rouse-system/rouse-ca"), "{line}");
    apiserver.allow(SECRET);
    injector.serving().await;
    injector.says("there is no MutatingWebhookConfiguration rouse-injector").await;
    apiserver.put(WEBHOOKS, webhooks());
    let pem = apiserver.object(CONFIG_MAP)["data"]["ca.crt"].as_str().expect("it is published").to_owned();
    trusted(&apiserver, &pem).await;
}

#[tokio::test]
async fn who_may_not_watch_looks_instead() {
    let apiserver = ApiServer::start().await;
    apiserver.put(WEBHOOKS, webhooks());
    apiserver.forbid(WEBHOOKS.rsplit_once('/').expect("a collection").0);
    let mut injector = Injector::start(&apiserver, &[]);
    injector.says("cannot watch MutatingWebhookConfiguration rouse-injector").await;
    let pem = apiserver.object(CONFIG_MAP)["data"]["ca.crt"].as_str().expect("it is published").to_owned();
    trusted(&apiserver, &pem).await;
}

#[tokio::test]
async fn native_sidecars_are_refused_where_there_are_none() {
    let apiserver = ApiServer::start().await;
    let mut injector = Injector::start(&apiserver, &["--sidecar", "native"]);
    let line = injector.says("--sidecar native").await;
    assert_eq!(
        line,
        "rouse: --sidecar native: the cluster is 1.20, and native sidecars need 1.29 or later: leave it at classic"
    );
    let status = timeout(PATIENCE, injector.child.wait()).await.expect("it ends").expect("it is a child");
    assert_eq!(status.code(), Some(1));
}
