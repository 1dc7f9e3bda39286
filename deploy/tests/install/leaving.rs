//! `rouse uninstall` under traffic: the apiserver's autoscaler and injector hold on to what they have until they are
//! gone, and at no moment does a Service lead nowhere.

use std::time::Duration;

use deploy::install::{How, Leaving, uninstall};
use serde_json::{Value, json};

use crate::apiserver::{Apiserver, Key};
use crate::entering;

const NOW: How = How { dry_run: false, wait: Duration::from_secs(120) };

/// A Deployment with a Service, both handed to Rouse.
fn hello(server: &Apiserver, image: &str) {
    let labels = json!({ "app": "hello", "rouse.dev/inject": "true" });
    server.put(
        "deployments",
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "hello", "namespace": "shop", "labels": { "rouse.dev/scale": "true" } },
            "spec": {
                "replicas": 3,
                "selector": { "matchLabels": { "app": "hello" } },
                "template": { "metadata": { "labels": labels }, "spec": { "containers": [{ "image": image }] } },
            },
        }),
    );
    server.put(
        "services",
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "hello", "namespace": "shop", "annotations": { "rouse.dev/workload": "hello" } },
            "spec": { "selector": { "app": "hello" } },
        }),
    );
}

async fn installed(version: &'static str) -> Apiserver {
    let server = Apiserver::new(version);
    hello(&server, "hello:1");
    entering::run(&server, entering::settings(), NOW).await.1.expect("it installs");
    let secret = json!({ "kind": "Secret", "metadata": { "name": "rouse-ca", "namespace": "rouse-system" } });
    server.put("secrets", secret);
    let labels = json!({ "app.kubernetes.io/managed-by": "rouse.dev" });
    let metadata = json!({ "name": "rouse-deployment-hello", "namespace": "shop", "labels": labels });
    server.put("poddisruptionbudgets", json!({ "kind": "PodDisruptionBudget", "metadata": metadata }));
    assert_eq!(replicas(&server), 0, "it sleeps");
    assert_eq!(key(&server), "managed");
    server.take_writes();
    server.slow_down();
    server
}

/// What `rouse uninstall` prints, and how it ends.
pub(crate) async fn run(server: &Apiserver, leaving: Leaving, how: How) -> (Vec<String>, Result<(), String>) {
    let mut lines = Vec::new();
    let done = uninstall(server.client(), "rouse-system", leaving, how, &mut |line| lines.push(line.to_owned())).await;
    (lines, done.map_err(|error| format!("{error:#}")))
}

fn deployment(server: &Apiserver) -> Value {
    server.get(&Key::new("deployments", "shop", "hello")).expect("nobody deletes it")
}

fn replicas(server: &Apiserver) -> u64 {
    deployment(server)["spec"]["replicas"].as_u64().expect("a number")
}

fn key(server: &Apiserver) -> Value {
    let service = server.get(&Key::new("services", "shop", "hello")).expect("nobody deletes it");
    service["spec"]["selector"]["rouse.dev/route"].clone()
}

/// What there is besides pods and what they are counted in, without what the apiserver counts.
fn essence(server: &Apiserver) -> Vec<(Key, Value)> {
    let mut all = server.everything();
    all.retain(|(key, _)| key.plural != "pods" && key.plural != "endpointslices");
    for (_, object) in &mut all {
        object["status"] = Value::Null;
        let metadata = object["metadata"].as_object_mut().expect("all have metadata");
        metadata.remove("resourceVersion");
        metadata.remove("generation");
        metadata.retain(|_, value| value != &json!({}));
    }
    all
}

fn before_rouse(version: &'static str) -> Vec<(Key, Value)> {
    let server = Apiserver::new(version);
    hello(&server, "hello:1");
    essence(&server)
}

#[tokio::test(start_paused = true)]
async fn it_leaves_as_if_it_had_never_been_there() {
    for version in ["1.20", "1.33"] {
        let server = installed(version).await;
        let (lines, done) = run(&server, Leaving::default(), NOW).await;
        assert_eq!(done, Ok(()), "{lines:#?}");
        assert_eq!(server.led_nowhere(), 0);
        assert_eq!(essence(&server), before_rouse(version));
        let (lines, done) = run(&server, Leaving::default(), NOW).await;
        assert_eq!(
            (done, lines),
            (Ok(()), vec!["nothing of Rouse is here (its own namespace would be rouse-system)".to_owned()])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn broken_off_anywhere_it_goes_on() {
    let mut broken_off = 0;
    loop {
        let server = installed("1.33").await;
        server.work_for(broken_off);
        let (_, done) = run(&server, Leaving::default(), NOW).await;
        if !server.has_failed() {
            assert_eq!(done, Ok(()));
            break;
        }
        let error = done.unwrap_err();
        assert!(
            error.starts_with("rouse uninstall has stopped here; run again, it goes on where it stopped"),
            "{error}"
        );
        let (lines, done) = run(&server, Leaving::default(), NOW).await;
        assert_eq!(done, Ok(()), "broken off at write {broken_off}: {lines:#?}");
        assert_eq!(server.led_nowhere(), 0, "broken off at write {broken_off}");
        assert_eq!(essence(&server), before_rouse("1.33"), "broken off at write {broken_off}");
        broken_off += 1;
    }
    assert!(broken_off > 20, "only {broken_off} writes");
}

#[tokio::test(start_paused = true)]
async fn killed_while_it_waits_it_goes_on() {
    let mut killed = 0;
    loop {
        let server = installed("1.33").await;
        let after = Duration::from_millis(100 + 200 * killed);
        if tokio::time::timeout(after, run(&server, Leaving::default(), NOW)).await.is_ok() {
            break;
        }
        let (lines, done) = run(&server, Leaving::default(), NOW).await;
        assert_eq!(done, Ok(()), "killed after {after:?}: {lines:#?}");
        assert_eq!(server.led_nowhere(), 0, "killed after {after:?}");
        assert_eq!(essence(&server), before_rouse("1.33"), "killed after {after:?}");
        killed += 1;
    }
    assert!(killed >= 3, "it waits only {killed} times");
}

#[tokio::test(start_paused = true)]
async fn broken_off_and_thought_better_of_it_is_as_before() {
    let server = installed("1.33").await;
    let before = essence(&server);
    server.work_for(4);
    run(&server, Leaving::default(), NOW).await.1.unwrap_err();
    assert_eq!(deployment(&server)["metadata"]["annotations"]["rouse.dev/paused"], "true");
    let (lines, done) = entering::run(&server, entering::settings(), NOW).await;
    assert_eq!(done, Ok(()));
    assert!(lines.contains(&"deployment.apps/hello is scaled again".to_owned()), "{lines:#?}");
    assert_eq!(essence(&server), before);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_each_step_and_does_none() {
    let server = installed("1.33").await;
    let there = server.everything();
    let (lines, done) = run(&server, Leaving::default(), How { dry_run: true, ..NOW }).await;
    assert_eq!(done, Ok(()));
    assert_eq!(lines[0], "pause deployment.apps/hello in shop");
    assert_eq!(lines.last().unwrap(), "nothing was changed");
    assert!(server.everything() == there && server.take_writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_does_not_become_ready_keeps_us_unless_told_otherwise() {
    let server = installed("1.33").await;
    hello(&server, "broken");
    let (_, done) = run(&server, Leaving::default(), NOW).await;
    assert_eq!(
        done.unwrap_err(),
        "rouse uninstall has stopped here; run again, it goes on where it stopped: not ready after 120s: \
         deployment.apps/hello in shop; with --force they are left as they are"
    );
    assert_eq!(key(&server), "managed", "what is held can still be answered");
    let (lines, done) = run(&server, Leaving { force: true, ..Leaving::default() }, NOW).await;
    assert_eq!(done, Ok(()));
    assert!(lines.contains(&"warning: not ready after 120s: deployment.apps/hello in shop".to_owned()), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn it_may_come_back_at_once_and_leave_again() {
    for version in ["1.20", "1.33"] {
        let server = installed(version).await;
        for _ in 0..2 {
            let (lines, done) = run(&server, Leaving::default(), NOW).await;
            assert_eq!(done, Ok(()), "{lines:#?}");
            let (lines, done) = entering::run(&server, entering::settings(), NOW).await;
            assert_eq!((done, lines[0].as_str()), (Ok(()), "namespace/rouse-system created"), "nothing is waited for");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_activator_with_a_long_request_is_waited_for_and_keeps_the_namespace() {
    let server = installed("1.20").await;
    server.keep_busy(true);
    let (lines, done) = run(&server, Leaving::default(), NOW).await;
    let pods = "pod/rouse-activator-0, pod/rouse-activator-1, pod/rouse-injector-0, pod/rouse-injector-1";
    assert_eq!(
        done.unwrap_err(),
        format!(
            "rouse uninstall has stopped here; run again, it goes on where it stopped: not ended after 120s: {pods}, \
             which answer what they have yet; with --force they are not waited for"
        )
    );
    let told = lines.iter().filter(|line| **line == format!("  waiting for {pods} to end")).count();
    assert!((20..25).contains(&told), "told {told} times in 120 s");
    // Whoever thinks better of it meanwhile need not wait.
    assert_eq!(entering::run(&server, entering::settings(), NOW).await.1, Ok(()));
    run(&server, Leaving::default(), How { wait: Duration::from_secs(1), ..NOW }).await.1.unwrap_err();
    server.keep_busy(false);
    let (lines, done) = run(&server, Leaving::default(), NOW).await;
    assert_eq!(done, Ok(()), "{lines:#?}");
    assert_eq!(essence(&server), before_rouse("1.20"));
}

#[tokio::test(start_paused = true)]
async fn by_force_the_namespace_goes_without_waiting_for_requests() {
    let server = installed("1.20").await;
    server.keep_busy(true);
    let (lines, done) = run(&server, Leaving { force: true, ..Leaving::default() }, NOW).await;
    assert_eq!(done, Ok(()));
    let warned: Vec<&String> = lines.iter().filter(|line| line.starts_with("warning: ")).collect();
    assert!(warned[0].starts_with("warning: not ended after 120s: pod/rouse-activator-0, "), "{warned:?}");
    assert!(warned[1].starts_with("warning: namespace/rouse-system is not gone after 120s: "), "{warned:?}");
    // Again: it is on its way already.
    let (lines, done) = run(&server, Leaving { force: true, ..Leaving::default() }, NOW).await;
    assert_eq!(done, Ok(()), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_was_there_before_stays() {
    let server = Apiserver::new("1.33");
    server
        .put("namespaces", json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "rouse-system" } }));
    let before = essence(&server);
    entering::run(&server, entering::settings(), NOW).await.1.unwrap();
    assert_eq!(run(&server, Leaving::default(), NOW).await.1, Ok(()));
    assert_eq!(essence(&server), before);
}

#[tokio::test(start_paused = true)]
async fn a_kept_namespace_has_what_users_wrote() {
    let server = installed("1.33").await;
    let config = Key::new("configmaps", "rouse-system", "config-autoscaler");
    server.edit(&config, &json!({ "data": { "stable-window": "30s" } }));
    let leaving = Leaving { keep_namespace: true, ..Leaving::default() };
    assert_eq!(run(&server, leaving, NOW).await.1, Ok(()));
    let left: Vec<Key> =
        server.everything().into_iter().map(|(key, _)| key).filter(|key| key.namespace == "rouse-system").collect();
    assert_eq!(left, [config]);
}
