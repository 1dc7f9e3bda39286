//! Keepers in virtual time: what sources say becomes pods, and what they do not say lowers nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use autoscaler::triggers::object::{Rules, Steps};
use autoscaler::{Action, Engine, EngineSettings, Reporters, StartAs};
use config::keda::ScaledObject;
use config::{Pod, PodId, PodState, Policy, Serving, Time, Workload, WorkloadId};
use futures_util::FutureExt;
use parking_lot::Mutex;
use queue_proxy::Clock;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::keepers::Keepers;
use super::plan::Plan;
use super::said::{Says, source};
use crate::link::{self, Heard};
use crate::sources::Edge;

/// Workloads that only triggers scale, and the driver's part.
pub(super) struct World {
    pub(super) engine: Arc<Mutex<Engine>>,
    pub(super) keepers: Keepers,
    says: HashMap<WorkloadId, Says>,
}

/// The platform's part: pods are ready, or gone, as soon as that is asked for.
fn obey(engine: &mut Engine, now: Time, workload: &WorkloadId, from: u32, to: u32) {
    let (changed, state) = if to > from { (from..to, PodState::Ready) } else { (to..from, PodState::Gone) };
    for n in changed {
        let (id, address) = (PodId::new(&format!("{}-{n}", workload.name())), ([127, 0, 0, 1], 1).into());
        let pod = Pod { id, workload: workload.clone(), address, state, has_queue_proxy: false, created: now };
        engine.pod(now, &pod);
    }
}

pub(super) fn id(name: &str) -> WorkloadId {
    WorkloadId::new("default", "Deployment", name)
}

impl World {
    pub(super) fn new() -> World {
        let clock = Clock::start();
        let settings =
            EngineSettings { tick_offset: Duration::ZERO, start: StartAs::Zero, reporters: Reporters::InProcess };
        let engine = Arc::new(Mutex::new(Engine::new(settings)));
        let (heard, mut hears) = link::channel();
        let driven = Arc::clone(&engine);
        tokio::spawn(async move {
            loop {
                let tick = sleep(Duration::from_millis(500));
                let heard = tokio::select! {
                    heard = hears.recv() => heard,
                    () = tick => None,
                };
                let mut engine = driven.lock();
                if let Some(Heard::Triggered(workload, triggered)) = heard {
                    engine.triggered(clock.now(), &workload, triggered);
                }
                engine.advance(clock.now());
                for action in engine.take_actions() {
                    match action {
                        Action::Scale { workload, from, pods, .. } => {
                            obey(&mut engine, clock.now(), &workload, from, pods);
                        }
                        Action::Route { workload, route } => engine.route_is_true(clock.now(), &workload, route),
                        Action::Settings { .. } | Action::Leave { .. } | Action::Busy { .. } => {}
                    }
                }
            }
        });
        World { keepers: Keepers::new(Arc::clone(&engine), heard, clock), engine, says: HashMap::new() }
    }

    /// A plan for the workload `name`, which the engine knows from then on.
    pub(super) fn plan(&mut self, name: &str, spec: &Value) -> Plan {
        let workload =
            Workload { id: id(name), policy: Policy::default(), serving: Serving::default(), hosts: Vec::new() };
        let now = self.keepers.clock().now();
        let asked = self.asked(name).unwrap_or(0);
        self.engine.lock().workload(now, &workload, asked);
        let mut object = json!({
            "metadata": { "name": name, "namespace": "default" },
            "spec": {
                "scaleTargetRef": { "name": name }, "pollingInterval": 5, "cooldownPeriod": 60, "maxReplicaCount": 5,
                "triggers": [{ "type": "redis", "metadata": { "listName": "jobs", "address": "127.0.0.1:1" } }],
            },
        });
        for (key, value) in spec.as_object().into_iter().flatten() {
            object["spec"][key] = value.clone();
        }
        let (object, _) = ScaledObject::on_cluster(&object).expect("a ScaledObject");
        let (source, says) = source(name, 5.0);
        self.says.insert(id(name), says);
        Plan {
            workload: id(name),
            name: format!("ScaledObject default/{name}"),
            rules: Rules::of(&object, &[5.0], Steps::of(&object)).expect("rules"),
            switches: object.switches,
            sources: vec![source],
            alone: true,
            metrics: Vec::new(),
            labels: [format!("scaledObject=\"{name}\"")].into(),
            odd: Vec::new(),
        }
    }

    /// Requests need so many pods of the workload `name` from now on.
    fn needs(&self, name: &str, pods: u32) {
        let policy = Policy { min_scale: pods, ..Policy::default() };
        let workload = Workload { id: id(name), policy, serving: Serving::default(), hosts: Vec::new() };
        let asked = self.asked(name).unwrap_or(0);
        self.engine.lock().workload(self.keepers.clock().now(), &workload, asked);
    }

    fn says(&self, name: &str) -> &Says {
        &self.says[&id(name)]
    }

    fn asked(&self, name: &str) -> Option<u32> {
        self.engine.lock().pods(&id(name)).map(|(asked, _)| asked)
    }

    /// The numbers of pods that were asked for within so many seconds, as they changed.
    pub(super) async fn trace(&self, name: &str, seconds: u64) -> Vec<u32> {
        let mut trace = vec![self.asked(name).expect("it is known")];
        for _ in 0..seconds * 10 {
            sleep(Duration::from_millis(100)).await;
            let asked = self.asked(name).expect("it is known");
            if trace.last() != Some(&asked) {
                trace.push(asked);
            }
        }
        trace
    }
}

#[tokio::test(start_paused = true)]
async fn a_backlog_wakes_workers_and_its_end_puts_them_to_sleep() {
    let mut world = World::new();
    let plan = world.plan("worker", &json!({}));
    world.keepers.set(vec![plan]).await;
    world.says("worker").value(5.0);
    assert_eq!(world.trace("worker", 20).await, [0], "not more than the activation");
    world.says("worker").value(5.4);
    assert_eq!(world.trace("worker", 6).await, [0, 1], "by the next poll");
    world.says("worker").value(0.0);
    assert_eq!(world.trace("worker", 50).await, [1], "the cooldown");
    assert_eq!(world.trace("worker", 30).await, [1, 0]);
    world.says("worker").value(100.0);
    assert_eq!(world.trace("worker", 60).await, [0, 1, 4, 5], "as the HorizontalPodAutoscaler's steps are");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_or_lies_lowers_nothing_and_takes_nobody_elses_time() {
    let mut world = World::new();
    let (one, other) = (world.plan("one", &json!({})), world.plan("other", &json!({})));
    world.keepers.set(vec![one, other]).await;
    world.says("one").value(100.0);
    assert_eq!(world.trace("one", 60).await, [0, 1, 4, 5]);
    world.says("one").hangs();
    world.says("other").value(5.4);
    assert_eq!(world.trace("other", 6).await, [0, 1], "not one poll later");
    assert_eq!(world.trace("one", 1_000).await, [5]);
    world.says("one").value(f64::NAN);
    assert_eq!(world.trace("one", 1_000).await, [5]);
    let told = world.keepers.told().of(&id("one")).expect("it was told");
    assert_eq!((told.triggers[0].value, told.desired), (None, Some(5)));
    world.says("one").value(0.0);
    assert_eq!(world.trace("one", 400).await.last(), Some(&0));
}

#[tokio::test(start_paused = true)]
async fn what_a_server_says_unasked_is_not_waited_for() {
    let mut world = World::new();
    let plan = world.plan("worker", &json!({ "pollingInterval": 3600 }));
    world.keepers.set(vec![plan]).await;
    sleep(Duration::from_secs(1)).await;
    world.says("worker").edge(Edge::Wake).await;
    assert_eq!(world.trace("worker", 1).await, [0, 1]);

    let plan = world.plan("reader", &json!({ "pollingInterval": 3600 }));
    let (worker, reader) = (world.plan("worker", &json!({ "pollingInterval": 3600 })), plan);
    world.keepers.set(vec![worker, reader]).await;
    sleep(Duration::from_secs(1)).await;
    world.says("reader").value(5.4);
    world.says("reader").edge(Edge::Read).await;
    assert_eq!(world.trace("reader", 1).await, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_applies_and_what_is_taken_away_asks_for_nothing() {
    let mut world = World::new();
    let plan = world.plan("worker", &json!({}));
    world.keepers.set(vec![plan]).await;
    world.says("worker").value(100.0);
    assert_eq!(world.trace("worker", 60).await, [0, 1, 4, 5]);
    let plan = world.plan("worker", &json!({ "maxReplicaCount": 2 }));
    world.says("worker").value(100.0);
    world.keepers.set(vec![plan]).await;
    assert_eq!(world.trace("worker", 60).await, [5, 2]);
    world.keepers.set(Vec::new()).await;
    assert_eq!(world.keepers.told().of(&id("worker")), None);
    assert_eq!(world.trace("worker", 600).await.last(), Some(&0), "as any workload without requests");
}

#[tokio::test(start_paused = true)]
async fn pods_that_requests_asked_for_are_not_for_triggers_to_hold() {
    let mut world = World::new();
    let mut plan = world.plan("worker", &json!({}));
    plan.alone = false;
    world.needs("worker", 5);
    world.keepers.set(vec![plan]).await;
    world.says("worker").value(10.0);
    assert_eq!(world.trace("worker", 600).await.last(), Some(&5), "the larger wins");
    let told = world.keepers.told();
    assert_eq!(told.of(&id("worker")).and_then(|told| told.desired), Some(2));
    world.needs("worker", 0);
    assert_eq!(world.trace("worker", 100).await.last(), Some(&2), "not after the triggers' window of 300 s");
    world.says("worker").hangs();
    world.needs("worker", 4);
    world.trace("worker", 100).await;
    world.needs("worker", 0);
    assert_eq!(world.trace("worker", 100).await, [4, 2], "what they asked for when they last knew");
}

#[tokio::test(start_paused = true)]
async fn one_is_put_or_taken_away_and_the_others_go_on() {
    let mut world = World::new();
    let (one, other) = (world.plan("one", &json!({})), world.plan("other", &json!({})));
    world.keepers.put(one);
    world.keepers.put(other);
    for name in ["one", "other"] {
        world.says(name).value(100.0);
    }
    assert_eq!(world.trace("one", 60).await, [0, 1, 4, 5]);
    let plan = world.plan("one", &json!({ "maxReplicaCount": 2 }));
    world.says("one").hangs();
    world.keepers.put(plan);
    let plan = world.plan("one", &json!({ "maxReplicaCount": 3 }));
    world.says("one").value(100.0);
    world.keepers.put(plan);
    assert_eq!(world.trace("one", 60).await, [5, 3], "only the newest");
    world.keepers.remove(&id("one"), || ()).await;
    assert_eq!(world.keepers.told().of(&id("one")), None);
    assert_eq!(world.trace("other", 600).await, [5]);
}

#[tokio::test(start_paused = true)]
async fn one_whose_removal_is_given_up_is_there_until_it_is_removed_again() {
    let mut world = World::new();
    let plan = world.plan("one", &json!({}));
    let (heard, mut hears) = tokio::sync::mpsc::channel(1);
    let mut keepers = Keepers::new(Arc::clone(&world.engine), heard, world.keepers.clock());
    keepers.put(plan);
    sleep(Duration::from_secs(60)).await; // it has said something, and nobody has heard it
    let one = id("one");
    let given_up = keepers.remove(&one, || panic!("nothing is done of it"));
    assert!(tokio::time::timeout(Duration::from_secs(5), given_up).await.is_err());
    let reader = tokio::spawn(async move {
        let mut last = None;
        while let Some(heard) = hears.recv().await {
            last = Some(heard);
        }
        last
    });
    let mut is_first = false;
    keepers.remove(&id("one"), || is_first = true).await;
    drop(keepers);
    assert!(is_first && matches!(reader.await, Ok(Some(Heard::Triggered(gone, None))) if gone == id("one")));
}

#[tokio::test(start_paused = true)]
async fn one_whose_removal_was_given_up_halfway_can_be_served_again() {
    let mut world = World::new();
    let plan = world.plan("worker", &json!({}));
    world.keepers.put(plan);
    world.says("worker").value(5.4);
    assert_eq!(world.trace("worker", 6).await, [0, 1]);
    let worker = id("worker");
    assert!(world.keepers.remove(&worker, || ()).now_or_never().is_none(), "its keeper has yet to end");
    let plan = world.plan("worker", &json!({}));
    world.keepers.put(plan);
    world.says("worker").value(10.0);
    assert_eq!(world.trace("worker", 6).await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn conditions_and_errors_are_news_and_numbers_are_not() {
    let mut world = World::new();
    let plan = world.plan("worker", &json!({}));
    world.keepers.put(plan);
    let told = world.keepers.told().clone();
    let news = async || tokio::time::timeout(Duration::from_secs(60), told.news()).await.is_ok();
    assert!(news().await, "that it is ready");
    world.says("worker").value(1.0);
    assert!(!news().await);
    world.says("worker").value(6.0);
    assert!(news().await, "that it is active");
    world.says("worker").hangs();
    assert!(news().await, "that it fails");
    let scalers = told.scalers();
    assert_eq!((&*scalers[0].labels, scalers[0].value, scalers[0].errors), ("scaledObject=\"worker\"", None, 1));
    while news().await {}
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_comes_after_its_plan_is_not_lowered_while_its_source_hangs() {
    let mut world = World::new();
    let plan = world.plan("worker", &json!({}));
    let now = world.keepers.clock().now();
    world.engine.lock().workload_gone(now, &id("worker"));
    world.says("worker").hangs();
    world.keepers.put(plan);
    sleep(Duration::from_secs(1)).await;
    let workload =
        Workload { id: id("worker"), policy: Policy::default(), serving: Serving::default(), hosts: Vec::new() };
    let now = world.keepers.clock().now();
    world.engine.lock().workload(now, &workload, 3);
    assert_eq!(world.trace("worker", 600).await, [3]);
}

#[tokio::test(start_paused = true)]
async fn before_anything_was_read_nothing_is_lowered() {
    let mut world = World::new();
    let plan = world.plan("worker", &json!({}));
    let now = world.keepers.clock().now();
    let workload =
        Workload { id: id("worker"), policy: Policy::default(), serving: Serving::default(), hosts: Vec::new() };
    world.engine.lock().workload(now, &workload, 3);
    world.says("worker").hangs();
    world.keepers.set(vec![plan]).await;
    assert_eq!(world.trace("worker", 600).await, [3]);
}
