//! An activator, an autoscaler's hub, and a Link between them in memory; doors are real ports.

use std::net::Ipv4Addr;
use std::time::Duration;

use activator::HoldLimits;
use config::link::Reporter;
use config::{Failure, Policy, Serving, Workload};
use queue_proxy::Clock;
use queue_proxy::link::LinkSettings;
use queue_proxy::net::{MemoryNetwork, Network};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::activate::heard::{Heard, carry};
use crate::fronts::Fronts;
use crate::link::{self, Hub, Identity, LinkServer};
use crate::narrate::Narrator;
use crate::wakes::Wakes;

/// Nothing that is waited for here takes as long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Dropping it ends everything.
struct Town {
    hub: Arc<Hub>,
    clients: Clients,
    link: Link,
    _tasks: JoinSet<()>,
}

fn hello() -> WorkloadId {
    "hello".parse().unwrap()
}

fn workload(id: WorkloadId) -> Workload {
    Workload { id, policy: Policy::default(), serving: Serving::default(), hosts: Vec::new() }
}

/// A port that nobody has.
async fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port()
}

impl Town {
    /// One in which the workload `hello` is known, and broken, so that requests are answered at once.
    fn start() -> Town {
        let (clock, network, at) = (Clock::wall(), MemoryNetwork::default(), ([127, 0, 0, 1], 8091).into());
        let hub = Hub::new(clock, 1, Duration::ZERO);
        hub.workload(&Arc::new(workload(hello())));
        hub.failure(clock.now(), &hello(), Some(&Failure::Image { detail: String::new() }));
        let (sender, mut heard_up) = link::channel();
        let server = LinkServer::new(Arc::clone(&hub), clock, sender, None, Identity::None);
        let mut tasks = JoinSet::new();
        let mut streams = network.listen(at);
        tasks.spawn(Arc::clone(&server).tend());
        tasks.spawn(async move { while heard_up.recv().await.is_some() {} });
        tasks.spawn(async move {
            let mut links = JoinSet::new();
            while let Some(stream) = streams.recv().await {
                let server = Arc::clone(&server);
                links.spawn(async move { server.serve(stream, Ipv4Addr::LOCALHOST.into()).await });
            }
        });
        let activator = Activator::new("a", clock, HoldLimits::default());
        let (link, down, keep) = queue_proxy::link::open(LinkSettings {
            server: at.to_string(),
            tls: None,
            reporter: Reporter::Activator("a".into()),
            workload: None,
            address: ([10, 0, 0, 7], 8080).into(),
            clock,
            network: Network::Memory(network),
        });
        let clients = Clients::new();
        let doors = Doors::new(Ipv4Addr::LOCALHOST.into(), &activator, &clients, &link);
        let narrator = Narrator::new(Wakes::default());
        tasks.spawn(keep);
        tasks.spawn(carry(activator, link.clone(), down, Arc::new(Heard::default()), clock, narrator, doors));
        Town { hub, clients, link, _tasks: tasks }
    }

    /// Waits until it is so.
    async fn until(&self, is_so: impl Fn(&Hub) -> bool) {
        let wait = async {
            while !is_so(&self.hub) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("it comes to be so");
    }

    async fn open(&self, port: u16) {
        self.hub.set_door(&hello(), Some(port));
        self.until(|hub| hub.has_door("a", &hello(), port)).await;
    }
}

/// A client's connection.
struct Client(TcpStream);

impl Client {
    async fn connect(port: u16) -> Client {
        Client(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap())
    }

    /// The head of the answer to a request whose host says nothing.
    async fn get(&mut self) -> String {
        self.0.write_all(b"GET / HTTP/1.1\r\nHost: anything\r\n\r\n").await.unwrap();
        let mut head = String::new();
        while !head.contains("\r\n\r\n") {
            let mut bytes = [0; 512];
            let read = timeout(PATIENCE, self.0.read(&mut bytes)).await.unwrap().unwrap();
            assert!(read > 0, "it was closed after {head:?}");
            head.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        }
        head
    }
}

async fn is_refused(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err()
}

#[tokio::test]
async fn a_door_leads_to_its_workload_whatever_the_host_and_is_there_when_it_is_said_to_be() {
    let (town, port) = (Town::start(), free_port().await);
    town.open(port).await;
    let mut client = Client::connect(port).await;
    let answer = client.get().await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("rouse-reason: image"), "{answer}");
    let seen = town.hub.activators();
    let seen: Vec<_> = seen.iter().map(|seen| (&*seen.name, seen.ip.to_string(), seen.is_leaving)).collect();
    assert_eq!(seen, [("a", "10.0.0.7".to_owned(), false)]);
}

#[tokio::test]
async fn a_door_that_is_closed_accepts_nobody_and_fails_nobody_who_is_there() {
    let (town, port) = (Town::start(), free_port().await);
    town.open(port).await;
    let mut client = Client::connect(port).await;
    assert!(!client.get().await.contains("connection: close"));
    town.hub.set_door(&hello(), None);
    assert!(!town.hub.has_door("a", &hello(), port), "from this moment on");
    timeout(PATIENCE, async {
        while !is_refused(port).await {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    let answer = client.get().await;
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_to_be_and_had_once_it_is_free() {
    let town = Town::start();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    town.hub.set_door(&hello(), Some(port));
    sleep(Duration::from_millis(200)).await;
    assert!(!town.hub.has_door("a", &hello(), port));
    drop(taken);
    timeout(bounds::DOOR_RETRY + PATIENCE, town.until(|hub| hub.has_door("a", &hello(), port))).await.unwrap();
    drop(Client::connect(port).await);
}

#[tokio::test]
async fn one_that_is_told_to_end_says_so_and_serves_on_at_all_its_doors() {
    let (town, port) = (Town::start(), free_port().await);
    town.open(port).await;
    let accepted = town.clients.accepted();
    town.link.leaving();
    town.clients.turn_all_away();
    town.until(|hub| hub.activators().iter().all(|activator| activator.is_leaving)).await;
    let answer = Client::connect(port).await.get().await;
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(town.clients.accepted(), accepted + 1, "who comes to a door is a client too");
    timeout(PATIENCE, town.clients.stop()).await.unwrap();
    assert!(is_refused(port).await);
}

#[tokio::test]
async fn a_workload_that_goes_takes_its_door_along_and_gets_it_back() {
    let (town, port) = (Town::start(), free_port().await);
    town.open(port).await;
    town.hub.workload_gone(&hello());
    assert!(!town.hub.has_door("a", &hello(), port));
    town.hub.workload(&Arc::new(workload(hello())));
    town.until(|hub| hub.has_door("a", &hello(), port)).await;
    drop(Client::connect(port).await);
}
