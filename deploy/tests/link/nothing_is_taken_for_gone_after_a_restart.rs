use std::net::SocketAddr;
use std::sync::Arc;

use activator::{Activator, HoldLimits};
use config::PodState::{self, Ready, Starting};
use config::bounds;
use config::link::Down;
use deploy::fronts::Fronts;
use queue_proxy::Clock;
use queue_proxy::link::LinkSettings;
use queue_proxy::net::{MemoryNetwork, Network};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{Autoscaler, SECOND, activator, address, hello, of_pod, state_of, workload};

#[tokio::test(start_paused = true)]
async fn an_activator_hears_all_there_is_and_that_this_is_all_only_after_ten_seconds() {
    let started = Instant::now();
    let mut autoscaler = Autoscaler::start(1);
    for name in ["silent", "x"] {
        autoscaler.name(name, Starting);
    }
    autoscaler.linked(of_pod("x"), 3).await.say(&state_of("x", Ready)).await;
    let mut speaker = autoscaler.connect().await;
    speaker.say(&crate::world::hello_of(activator("a"), 1, autoscaler.clock.now())).await;
    let mut kinds = Vec::new();
    loop {
        match speaker.hear().await {
            Down::Welcome { .. } => kinds.push("welcome".to_owned()),
            Down::Workload { workload, .. } => kinds.push(workload.to_string()),
            Down::Settings { .. } => kinds.push("settings".to_owned()),
            Down::Pods { pods, .. } => kinds.extend(pods.iter().map(|pod| pod.id.to_string())),
            Down::Synced => break,
            other => panic!("{other:?}"),
        }
    }
    // The one that is silent may be one that the activator knows to be ready.
    kinds.dedup();
    assert_eq!(kinds[..4], ["welcome", "default/Deployment/hello", "settings", "x"], "{kinds:?}");
    assert!(!kinds.contains(&"silent".to_owned()), "{kinds:?}");
    assert!(Instant::now() - started >= bounds::SYNC_AFTER);
    let mut late = autoscaler.linked(activator("b"), 2).await;
    let now = Instant::now();
    late.hear_until(|frame| (frame == Down::Synced).then_some(())).await;
    assert_eq!(Instant::now(), now, "who comes later is told at once");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_workloads_are_told_to_an_activator_that_reads_them_and_none_is_left_out() {
    let mut autoscaler = Autoscaler::start(1);
    for n in 0..10_000 {
        autoscaler.hub.workload(&Arc::new(workload(format!("w{n}").parse().expect("a name"))));
    }
    let mut speaker = autoscaler.linked(activator("a"), 1).await;
    autoscaler.hub.workload(&Arc::new(workload("a-newcomer".parse().expect("a name"))));
    let mut told = std::collections::BTreeSet::new();
    loop {
        match speaker.hear().await {
            Down::Workload { workload, .. } => drop(told.insert(workload)),
            Down::Synced => break,
            _ => {}
        }
    }
    assert_eq!(told.len(), 10_002);
}

/// An activator process without its ports, on a network of memory.
struct Process {
    activator: Arc<Activator>,
    _tasks: JoinSet<()>,
}

impl Process {
    fn start(network: &MemoryNetwork) -> Process {
        let clock = Clock::start();
        let activator = Activator::new("a", clock, HoldLimits::default());
        let (_link, mut down, keep) = queue_proxy::link::open(LinkSettings {
            server: PORT.to_owned(),
            tls: None,
            reporter: crate::world::activator("a"),
            workload: None,
            address: address(),
            clock,
            network: Network::Memory(network.clone()),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(keep);
        let told = Arc::clone(&activator);
        tasks.spawn(async move {
            while let Some(frame) = down.recv().await {
                if matches!(frame, Down::Welcome { .. }) {
                    told.begin_sync();
                }
                told.apply(&frame);
            }
        });
        Process { activator, _tasks: tasks }
    }

    fn pods(&self) -> Vec<(String, PodState)> {
        let seen = self.activator.snapshot(&hello()).expect("the workload is known");
        seen.pods.iter().map(|pod| (pod.id.to_string(), pod.state)).collect()
    }
}

const PORT: &str = "10.0.0.1:8091";

fn listen(autoscaler: &mut Autoscaler, network: &MemoryNetwork) {
    let mut port = network.listen(PORT.parse::<SocketAddr>().expect("an address"));
    let server = Arc::clone(&autoscaler.server);
    autoscaler.tasks.spawn(async move {
        let mut links = JoinSet::new();
        while let Some(stream) = port.recv().await {
            let server = Arc::clone(&server);
            links.spawn(async move { server.serve(stream, address().ip()).await });
        }
    });
}

#[tokio::test(start_paused = true)]
async fn an_activator_keeps_its_pods_through_a_restart_until_all_have_had_time_to_speak() {
    let network = MemoryNetwork::default();
    let mut before = Autoscaler::start(1);
    listen(&mut before, &network);
    let process = Process::start(&network);
    let mut speakers = Vec::new();
    for name in ["stays", "went"] {
        before.name(name, Starting);
        let mut speaker = before.linked(of_pod(name), 3).await;
        speaker.say(&state_of(name, Ready)).await;
        speakers.push(speaker);
    }
    let both = [("stays".to_owned(), Ready), ("went".to_owned(), Ready)];
    sleep(12 * SECOND).await;
    assert_eq!(process.pods(), both);

    drop((before, speakers));
    sleep(5 * SECOND).await;
    assert_eq!(process.pods(), both, "without an autoscaler");
    // The new one is told of one pod only, and even that has not spoken yet.
    let mut after = Autoscaler::start(2);
    after.name("stays", Starting);
    listen(&mut after, &network);
    sleep(9 * SECOND).await;
    assert_eq!(process.pods(), both, "nothing was heard of them, which says nothing");
    let mut stays = after.linked(of_pod("stays"), 3).await;
    stays.say(&state_of("stays", Ready)).await;
    sleep(3 * SECOND).await;
    assert_eq!(process.pods(), both[..1]);
}
