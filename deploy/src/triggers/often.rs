//! How often keepers read and decide, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use autoscaler::triggers::Reading;
use config::bounds;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use futures_util::stream;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{Instant, interval, sleep, timeout_at};

use super::keepers::Keepers;
use super::plan::Plan;
use super::stories::World;
use crate::link::{self, Heard};
use crate::sources::{Answer, Edge, Key, Look, Server, Slot, Source};

/// When a server was really asked, and for what.
type Asked = Arc<Mutex<Vec<(Duration, Key)>>>;

/// One server, which takes its time, and the number that it says.
#[derive(Clone, Debug)]
struct Served {
    server: Arc<Server>,
    began: Instant,
    asked: Asked,
    says: Arc<Mutex<f64>>,
    takes: Duration,
}

impl Served {
    fn new(takes: Duration) -> Served {
        let (server, asked) = (Arc::new(Server::new("one")), Asked::default());
        Served { server, began: Instant::now(), asked, says: Arc::default(), takes }
    }

    /// `count` plans of each of so many questions, which are polled each `polling` seconds.
    fn plans(&self, world: &mut World, questions: u32, count: u32, polling: u32) -> Vec<Plan> {
        let mut plans = Vec::new();
        for question in 0..questions {
            let slot = Arc::new(Slot::new());
            for n in 0..count {
                let mut plan = world.plan(&format!("w{question}-{n}"), &json!({ "pollingInterval": polling }));
                let key = Key::new([question.to_le_bytes()]);
                plan.sources =
                    vec![Box::new(Question { served: self.clone(), key, slot: Arc::clone(&slot), edge: None })];
                plans.push(plan);
            }
        }
        plans
    }

    /// How often it was asked from the second `from` on until now.
    fn asked_since(&self, from: u64) -> usize {
        self.asked.lock().iter().filter(|(at, _)| *at >= Duration::from_secs(from)).count()
    }
}

/// One question to it.
#[derive(Debug)]
struct Question {
    served: Served,
    key: Key,
    slot: Arc<Slot<f64>>,
    /// What it says unasked, each millisecond.
    edge: Option<Edge>,
}

impl Source for Question {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let ask = async {
                self.served.asked.lock().push((Instant::now() - self.served.began, self.key));
                sleep(self.served.takes).await;
                Ok(*self.served.says.lock())
            };
            let said = self.slot.read(look, Instant::now() + Duration::from_secs(3), ask).await;
            said.map_or_else(Reading::Failed, |said| Reading::above(said, 5.0)).into()
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(&self.served.server)
    }

    fn edges(&self) -> Option<BoxStream<'static, Edge>> {
        let edge = self.edge?;
        let ticks = stream::unfold(interval(Duration::from_millis(1)), async |mut ticks| {
            ticks.tick().await;
            Some(((), ticks))
        });
        Some(ticks.map(move |()| edge).boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn objects_that_ask_the_same_ask_once_a_poll_and_other_questions_are_spread() {
    let (mut world, served) = (World::new(), Served::new(Duration::from_millis(20)));
    // So many questions that the server's budget leaves none of them more than its polls.
    let plans = served.plans(&mut world, 5 * bounds::ZERO_READS, 10, 5);
    world.keepers.set(plans).await;
    sleep(Duration::from_secs(60)).await;
    let asked = served.asked.lock().clone();
    let questions = 5 * bounds::ZERO_READS as usize;
    let polls = |from: u64| {
        let of = asked.iter().filter(move |(at, _)| (from..from + 5).contains(&at.as_secs()));
        of.copied().collect::<Vec<_>>()
    };
    for from in [10, 15, 30, 55] {
        assert_eq!(polls(from).len(), questions, "one for each question, from {from} s on");
    }
    let busiest = (10..15).map(|second| asked.iter().filter(|(at, _)| at.as_secs() == second).count()).max();
    assert!(busiest <= Some(2 * questions / 5), "{busiest:?} of {questions} within one second of five");
}

#[tokio::test(start_paused = true)]
async fn at_zero_a_source_without_edges_is_read_five_times_a_poll_and_awake_once() {
    let (mut world, served) = (World::new(), Served::new(Duration::ZERO));
    let plans = served.plans(&mut world, 1, 3, 30);
    world.keepers.set(plans).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(served.asked_since(30), bounds::ZERO_LOOKS as usize);
    *served.says.lock() = 6.0;
    assert_eq!(world.trace("w0-0", 6).await, [0, 1], "a fifth of the interval is enough");
    sleep(Duration::from_secs(54)).await;
    let awake = served.asked_since(120);
    sleep(Duration::from_secs(300)).await;
    // A poll each 30 s, and steps each 15 s, which need not fall on one.
    assert!(served.asked_since(120) - awake <= 10 + 20, "{awake}");
}

#[tokio::test(start_paused = true)]
async fn all_objects_at_zero_together_keep_the_budget_of_their_server() {
    let (mut world, served) = (World::new(), Served::new(Duration::ZERO));
    let questions = 3 * bounds::ZERO_READS;
    let plans = served.plans(&mut world, questions, 2, 60);
    world.keepers.set(plans).await;
    sleep(Duration::from_secs(120)).await;
    let before = served.asked_since(0);
    sleep(Duration::from_secs(60)).await;
    let looks = served.asked_since(0) - before;
    assert_eq!(looks, (bounds::ZERO_LOOKS * questions) as usize, "each 12 s, which the budget allows");
    let more = served.plans(&mut world, 20 * bounds::ZERO_READS, 1, 60);
    let polls = more.len();
    world.keepers.set(more).await;
    sleep(Duration::from_secs(120)).await;
    let before = served.asked_since(0);
    sleep(Duration::from_secs(60)).await;
    let looks = served.asked_since(0) - before;
    let budget = bounds::ZERO_READS as usize * 60;
    assert!(polls < looks && looks <= polls + budget, "{looks} with {polls} polls and a budget of {budget}");
}

#[tokio::test(start_paused = true)]
async fn a_scaler_that_says_the_same_without_end_is_heard_once_a_pause() {
    let mut world = World::new();
    for (name, edge, takes) in [("wakes", Edge::Wake, 0), ("slow", Edge::Wake, 2_000), ("changes", Edge::Read, 0)] {
        let served = Served::new(Duration::from_millis(takes));
        let mut plan = world.plan(name, &json!({ "pollingInterval": 3600 }));
        let (key, slot) = (Key::new([name]), Arc::new(Slot::new()));
        plan.sources = vec![Box::new(Question { served, key, slot, edge: Some(edge) })];
        let (heard, mut hears) = link::channel();
        let mut keepers = Keepers::new(Arc::clone(&world.engine), heard, world.keepers.clock());
        keepers.set(vec![plan]).await;
        let mut decisions_within = async |time| {
            let until = Instant::now() + time;
            let mut decisions = 0;
            while let Ok(Some(heard)) = timeout_at(until, hears.recv()).await {
                let Heard::Triggered(id, triggered) = heard else { continue };
                world.engine.lock().triggered(world.keepers.clock().now(), &id, triggered);
                decisions += 1;
            }
            decisions
        };
        let first = decisions_within(bounds::TRIGGER_PAUSE / 2).await;
        assert!(
            first >= 2,
            "{name}: {first}: nothing before anything is known, and then at once, however long a read takes"
        );
        let within = decisions_within(50 * bounds::TRIGGER_PAUSE).await;
        // A read that a wake did not wait for decides as well.
        assert!((40..=56).contains(&within), "{name}: {within} decisions in 50 pauses");
    }
}
