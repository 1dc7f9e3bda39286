//! Driver, engine and platform together: a request that waits, what others do meanwhile, and the events that tell of it.

use std::sync::Arc;
use std::time::Duration;

use activator::{Activator, HoldLimits, Wake};
use autoscaler::{Engine, EngineSettings, Reporters, StartAs};
use config::Report;
use config::link::{Reporter, Up};
use deploy::drive::Driver;
use deploy::kubernetes::events::Recorder;
use deploy::kubernetes::platform::{KubernetesParts, KubernetesPlatform};
use deploy::kubernetes::route_calls::{RouteCall, RouteCalls};
use deploy::link::{self, Heard};
use deploy::narrate::Narrator;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::apiserver::Apiserver;
use crate::cluster::{HELLO, PODS, hello, known, parts, pod};

/// What decides, on a cluster.
pub(crate) struct Town {
    pub(crate) apiserver: Apiserver,
    pub(crate) engine: Arc<Mutex<Engine>>,
    pub(crate) parts: KubernetesParts,
    pub(crate) platform: Arc<KubernetesPlatform>,
    pub(crate) frames: mpsc::Sender<Heard>,
    /// What people may know of ScaledJobs.
    pub(crate) jobs: deploy::jobs::Told,
    reported: u64,
    pub(crate) tasks: JoinSet<()>,
}

impl Town {
    pub(crate) async fn new(apiserver: Apiserver) -> Town {
        let (mut parts, told) = parts(&apiserver, &[]).await;
        let (routes, calls) = RouteCalls::channel();
        parts.routes = routes;
        let platform = KubernetesPlatform::new(parts.clone());
        let settings = EngineSettings {
            tick_offset: Duration::from_millis(50),
            start: StartAs::Zero,
            reporters: Reporters::InProcess,
        };
        let engine = Arc::new(Mutex::new(Engine::new(settings)));
        let (frames, heard) = link::channel();
        let (clock, writes) = (parts.clock, parts.writes.clone());
        let driver = Driver {
            platform: Arc::clone(&platform),
            engine: Arc::clone(&engine),
            fronts: Activator::new("rouse", clock, HoldLimits::default()),
            clock,
            frames: heard,
            narrator: Narrator::new(parts.wakes.clone()).with_teller(parts.teller.clone()),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(driver.run());
        tasks.spawn(Recorder::new(writes, Arc::clone(&platform), clock, told, "rouse-autoscaler-0".to_owned()).run());
        tasks.spawn(turn(calls));
        let town = Town {
            apiserver,
            engine,
            parts,
            platform,
            frames,
            jobs: deploy::jobs::Told::default(),
            reported: 0,
            tasks,
        };
        town.wait(0.1).await;
        town
    }

    pub(crate) async fn wait(&self, seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }

    /// The activator says that one request of `hello` is open, and whether it waits; at the end it says that none is.
    async fn report(&mut self, open: u32, waiting: u32) {
        self.reported += 1;
        let to = self.parts.clock.now();
        let report = Report {
            seq: self.reported,
            from: to - Duration::from_millis(1),
            to,
            concurrency_ns: u64::from(open) * 1_000_000,
            arrived: u64::from(open),
            peak: open,
            in_flight: open,
            waiting,
            open,
            ..Report::default()
        };
        let reporter = Reporter::Activator("rouse".into());
        let said = Up::Report { reporter, workload: hello(), report };
        self.frames.send(Heard::Up(said)).await.expect("the driver runs");
        self.wait(0.1).await;
    }

    /// Patches of scales since the last call, each as the old number and the new one.
    pub(crate) fn scales(&self) -> Vec<(Value, Value)> {
        let scales = self.apiserver.writes().into_iter().filter(|asked| asked.path.ends_with("/scale"));
        scales.map(|asked| (asked.body[0]["value"].clone(), asked.body[1]["value"].clone())).collect()
    }

    /// The events that there are, the oldest first: reason, message, count.
    pub(crate) fn events(&self) -> Vec<(String, String, u64)> {
        let mut events = self.apiserver.all("/api/v1/namespaces/shop/events/");
        events.sort_by_key(|event| {
            event["metadata"]["resourceVersion"].as_str().map(|text| text.parse::<u64>().unwrap_or_default())
        });
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let line =
            |event: &Value| (text(&event["reason"]), text(&event["message"]), event["count"].as_u64().unwrap_or(0));
        events.iter().map(line).collect()
    }
}

/// Whoever turns routes says at once that they are true.
async fn turn(mut calls: mpsc::Receiver<RouteCall>) {
    while let Some(call) = calls.recv().await {
        call.done.send(Ok(())).ok();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_is_one_patch_and_its_story_is_told_on_the_workload() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 0));
    let mut town = Town::new(apiserver).await;
    assert_eq!(town.scales(), []);
    town.report(1, 1).await;
    assert_eq!(town.scales(), [(Value::Null, json!(1))]);
    town.apiserver.put(&format!("{PODS}/hello-1"), pod("hello", Some("10.0.0.7")));
    town.wait(0.1).await;
    town.report(0, 0).await;
    town.wait(200.0).await;
    assert_eq!(town.scales(), [(json!(1), json!(0))]);
    town.apiserver.delete(&format!("{PODS}/hello-1"));
    town.wait(1.0).await;
    let events = town.events();
    let reasons: Vec<&str> = events.iter().map(|(reason, ..)| reason.as_str()).collect();
    assert_eq!(reasons, ["Scaled", "Woke", "Scaled", "Asleep"], "{events:?}");
    assert!(events[0].1.starts_with("0 → 1 pod because 1 in flight"), "{}", events[0].1);
    assert!(events[1].1.starts_with("woke: a pod was ready after "), "{}", events[1].1);
    let uid = town.apiserver.get(HELLO).unwrap()["metadata"]["uid"].clone();
    let event = &town.apiserver.all("/api/v1/namespaces/shop/events/")[0];
    assert_eq!(event["involvedObject"]["uid"], uid);

    town.apiserver.requests();
    town.wait(600.0).await;
    assert_eq!(town.apiserver.writes(), [], "it sleeps");
    assert_eq!(town.engine.lock().next_deadline(), None);
}

#[tokio::test(start_paused = true)]
async fn where_a_wakes_time_went_is_told_on_the_workload_if_an_activator_says_its_part() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 0));
    let mut town = Town::new(apiserver).await;
    let held_at = town.parts.clock.now();
    town.report(1, 1).await;
    town.apiserver.put(&format!("{PODS}/hello-1"), pod("hello", Some("10.0.0.7")));
    town.wait(1.0).await;
    let released_at = town.parts.clock.now();
    let wake = Wake { workload: hello(), held_at, released_at, requests: 1, first_byte: Arc::default() };
    town.frames.send(Heard::Woke(wake)).await.expect("the driver runs");
    town.wait(0.1).await;
    let woken = &town.parts.wakes.of(&hello())[0];
    let words: Vec<_> = woken.phases().map(|(phase, ..)| phase.word()).collect();
    assert_eq!(words, ["decided", "sent", "asked", "handed-over"], "the hub, which is not here, tells the others");
    let (_, first, sent) = woken.phases().nth(1).expect("it was sent");
    assert!(sent.since(held_at) <= Duration::from_millis(1), "from {first} to {sent}");
    let events = town.events();
    assert!(
        matches!(&events[1], (reason, message, 1) if reason == "Woke" && message.contains(", sent ")),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_asks_for_is_kept_for_a_stable_window_and_not_fought() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 0));
    let town = Town::new(apiserver).await;
    town.apiserver.change(HELLO, |hello| hello["spec"]["replicas"] = 3.into());
    for n in 1..=3 {
        town.apiserver.put(&format!("{PODS}/hello-{n}"), pod("hello", Some("10.0.0.7")));
    }
    town.wait(59.0).await;
    assert_eq!(town.scales(), []);
    town.wait(3.0).await;
    assert_eq!(town.scales(), [(json!(3), json!(1))]);
    for n in 2..=3 {
        town.apiserver.delete(&format!("{PODS}/hello-{n}"));
    }
    town.wait(60.0).await;
    assert_eq!(town.scales(), [(json!(1), json!(0))]);
}

#[tokio::test(start_paused = true)]
async fn a_wake_that_runs_into_somebody_elses_scale_up_needs_no_write_of_its_own() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 0));
    let mut town = Town::new(apiserver).await;
    town.apiserver.meanwhile("PATCH", |store| store.change(HELLO, |hello| hello["spec"]["replicas"] = 2.into()));
    town.report(1, 1).await;
    town.wait(5.0).await;
    assert_eq!(town.scales().len(), 1, "two pods are coming: nothing is raised, and nothing lowered yet");
    assert_eq!(town.engine.lock().status().next().map(|status| status.asked), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_an_event_and_so_is_its_end() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 1));
    let town = Town::new(apiserver).await;
    let path = format!("{PODS}/hello-1");
    let mut broken = pod("hello", None);
    broken["status"]["containerStatuses"] = json!([{ "name": "app", "restartCount": 0,
        "state": { "waiting": { "reason": "ErrImagePull", "message": "not found" } } }]);
    town.apiserver.put(&path, broken);
    town.wait(0.1).await;
    town.apiserver.change(&path, |pod| pod["status"]["containerStatuses"] = json!([]));
    town.wait(0.1).await;
    assert_eq!(
        town.events(),
        [
            ("Failed".to_owned(), "cannot start: image: container app: ErrImagePull: not found".to_owned(), 1),
            ("Recovered".to_owned(), "can start again".to_owned(), 1),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_apiserver_that_refuses_a_scale_is_one_event_with_a_count() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 0));
    let mut town = Town::new(apiserver).await;
    town.apiserver.fail("PATCH /apis/apps/v1/namespaces/shop/deployments/hello/scale", 403);
    town.report(1, 1).await;
    town.wait(9.0).await;
    town.apiserver.mend();
    town.wait(30.0).await;
    assert_eq!(town.apiserver.get(HELLO).unwrap()["spec"]["replicas"], 1, "it is asked again");
    let events = town.events();
    let refused: Vec<_> = events.iter().filter(|(reason, ..)| reason == "Refused").collect();
    assert!(
        matches!(&refused[..], [(_, message, count)] if message.contains("it was told to fail") && *count > 3),
        "{events:?}"
    );
}
