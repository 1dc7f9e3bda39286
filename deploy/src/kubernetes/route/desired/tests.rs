use std::sync::LazyLock;

use config::WorkloadId;

use super::super::service::{Other, PortName};
use super::*;

const DOOR: u16 = 10_007;

static SERVICE: LazyLock<ServiceId> = LazyLock::new(|| ServiceId::new("shop", "hello"));

fn port(name: &str) -> PortName {
    PortName { name: name.to_owned(), protocol: "TCP".to_owned(), app_protocol: None }
}

fn serve(others: &[(&str, Target)]) -> Serve {
    let other = |(name, target): &(&str, Target)| Other { port: port(name), target: target.clone() };
    Serve {
        workload: WorkloadId::new("shop", "Deployment", "hello"),
        port: port("http"),
        protocol: None,
        others: others.iter().map(other).collect(),
        families: Vec::new(),
    }
}

fn ip(number: usize) -> IpAddr {
    [10, 1, (number / 256) as u8, (number % 256) as u8].into()
}

fn pods(numbers: std::ops::Range<usize>) -> Front {
    Front::Pods(numbers.map(ip).collect())
}

fn activators(numbers: std::ops::Range<usize>) -> Front {
    Front::Activators(numbers.map(|number| [10, 9, 9, number as u8].into()).collect())
}

/// A cluster that takes what is written, and remembers in which order.
#[derive(Default)]
struct Cluster {
    slices: Slices,
    written: Vec<String>,
}

impl Cluster {
    fn becomes(&mut self, serve: &Serve, front: &Front, ready: &[ReadyPod]) -> &mut Cluster {
        let wanted = Wanted { service: &SERVICE, serve, door: DOOR, front, ready };
        for slice in desired(&wanted, &self.slices) {
            if self.slices.get(&slice.name).is_some_and(|seen| seen.is(&slice, "u-1")) {
                continue;
            }
            self.written.push(format!("{} {}", slice.name, slice.endpoints.len()));
            let seen = Seen { slice: slice.clone(), owner: Some("u-1".to_owned()), is_odd: false, version: None };
            self.slices.insert(slice.name, seen);
        }
        assert!(desired(&wanted, &self.slices).iter().all(|slice| self.slices[&slice.name].is(slice, "u-1")));
        self
    }

    fn turns(&mut self, front: &Front) -> Vec<String> {
        self.becomes(&serve(&[]), front, &[]);
        std::mem::take(&mut self.written)
    }

    /// Number and endpoints of each slice's only port.
    fn seen(&self) -> Vec<(&str, u16, usize)> {
        let seen = |seen: &'_ Seen| (seen.slice.ports[0].number, seen.slice.endpoints.len());
        self.slices.iter().map(|(name, slice)| (&**name, seen(slice).0, seen(slice).1)).collect()
    }
}

#[test]
fn it_turns_in_place_with_one_write() {
    let mut cluster = Cluster::default();
    assert_eq!(cluster.turns(&activators(0..2)), ["hello-rouse-4-0 2"]);
    assert_eq!(cluster.seen(), [("hello-rouse-4-0", DOOR, 2)]);
    assert_eq!(cluster.turns(&pods(0..3)), ["hello-rouse-4-0 3"]);
    assert_eq!(cluster.seen(), [("hello-rouse-4-0", QUEUE_PORT, 3)]);
    assert_eq!(cluster.turns(&activators(0..2)), ["hello-rouse-4-0 2"]);
    assert!(cluster.turns(&activators(0..2)).is_empty(), "nothing changed");
}

#[test]
fn further_slices_are_filled_before_it_turns_and_emptied_after() {
    let mut cluster = Cluster::default();
    cluster.turns(&activators(0..2));
    assert_eq!(cluster.turns(&pods(0..250)), ["hello-rouse-4-1 100", "hello-rouse-4-2 50", "hello-rouse-4-0 100"]);
    assert_eq!(cluster.turns(&activators(0..2)), ["hello-rouse-4-0 2", "hello-rouse-4-1 0", "hello-rouse-4-2 0"]);
    assert_eq!(cluster.turns(&pods(0..101)), ["hello-rouse-4-1 1", "hello-rouse-4-0 100"], "they are still there");
}

#[test]
fn a_pod_that_comes_or_goes_changes_one_slice() {
    let mut cluster = Cluster::default();
    cluster.turns(&pods(0..250));
    assert_eq!(cluster.turns(&pods(1..250)), ["hello-rouse-4-0 99"]);
    assert_eq!(cluster.turns(&pods(1..251)), ["hello-rouse-4-0 100"]);
    assert_eq!(cluster.turns(&pods(1..252)), ["hello-rouse-4-2 51"]);
}

#[test]
fn each_family_that_the_service_has_has_slices_of_its_own() {
    let both: BTreeSet<IpAddr> = BTreeSet::from([ip(1), "fd00::1".parse().unwrap()]);
    let mut cluster = Cluster::default();
    assert_eq!(cluster.turns(&Front::Pods(both.clone())), ["hello-rouse-4-0 1", "hello-rouse-6-0 1"]);
    let only_6 = Serve { families: vec![Family::V6], ..serve(&[]) };
    cluster.becomes(&only_6, &Front::Pods(both), &[]);
    assert_eq!(cluster.written, ["hello-rouse-4-0 0"]);
}

#[test]
fn nothing_is_written_for_nobody() {
    assert!(Cluster::default().turns(&activators(0..0)).is_empty());
}

#[test]
fn a_route_that_leads_to_nobody_leads_where_there_is_somebody() {
    let front = |route, activators: usize, pods: usize| {
        let front = Front::new(route, (0..activators).map(ip).collect(), (0..pods).map(ip).collect());
        (front.route(), front.addresses().len())
    };
    assert_eq!(front(Route::Activator, 2, 3), (Route::Activator, 2));
    assert_eq!(front(Route::Pods, 2, 3), (Route::Pods, 3));
    assert_eq!(front(Route::Pods, 2, 0), (Route::Activator, 2));
    assert_eq!(front(Route::Activator, 0, 3), (Route::Pods, 3));
    assert_eq!(front(Route::Activator, 0, 0), (Route::Activator, 0));
}

#[test]
fn where_requests_go_can_be_seen_in_the_slices() {
    let seen = |turns: &[Front]| {
        let mut cluster = Cluster::default();
        turns.iter().for_each(|front| _ = cluster.turns(front));
        Front::seen(&SERVICE, &cluster.slices)
    };
    assert_eq!(seen(&[]), None);
    assert_eq!(seen(&[pods(0..250)]), Some(pods(0..250)));
    assert_eq!(seen(&[pods(0..250), activators(0..2)]), Some(activators(0..2)));
}

#[test]
fn other_ports_lead_to_ready_pods_by_the_numbers_that_each_has() {
    let ready = |numbers: std::ops::Range<usize>, admin: Option<u16>| {
        numbers.map(move |number| {
            let ports = admin.into_iter().map(|admin| ("admin".to_owned(), admin)).collect();
            ReadyPod { ip: ip(number), ports }
        })
    };
    let serve = serve(&[("metrics", Target::Number(9090)), ("admin", Target::Name("admin".to_owned()))]);
    let all: Vec<_> = ready(0..3, Some(81)).chain(ready(3..5, Some(82))).chain(ready(5..6, None)).collect();
    let mut cluster = Cluster::default();
    cluster.becomes(&serve, &activators(0..1), &all);
    let mut ports: Vec<_> = cluster
        .slices
        .values()
        .map(|seen| {
            let ports = seen.slice.ports.iter().map(|port| (&*port.port.name, port.number)).collect::<Vec<_>>();
            (seen.slice.endpoints.len(), ports)
        })
        .collect();
    ports.sort();
    assert_eq!(
        ports,
        [
            (1, vec![("http", DOOR)]),
            (1, vec![("metrics", 9090)]),
            (2, vec![("metrics", 9090), ("admin", 82)]),
            (3, vec![("metrics", 9090), ("admin", 81)]),
        ]
    );
    assert_eq!(cluster.written[0], "hello-rouse-4-0 1");
    cluster.becomes(&serve, &activators(0..1), &[]);
    assert!(cluster.slices.values().skip(1).all(|seen| seen.slice.endpoints.is_empty()), "they sleep");
    assert_eq!(stale(&SERVICE, &serve, &cluster.slices), None, "and are filled when it wakes");
}

#[test]
fn what_will_never_be_filled_again_is_deleted_once_it_is_empty() {
    let before = serve(&[("metrics", Target::Number(9090))]);
    let ready = [ReadyPod { ip: ip(1), ports: NamedPorts::default() }];
    let mut cluster = Cluster::default();
    cluster.becomes(&before, &pods(0..101), &ready);
    let after = serve(&[("debug", Target::Number(6060))]);
    assert_eq!(stale(&SERVICE, &after, &cluster.slices), None, "not while somebody may come");
    cluster.becomes(&after, &activators(0..1), &ready);
    let stale = stale(&SERVICE, &after, &cluster.slices).unwrap();
    assert_eq!(cluster.slices[&stale].slice.ports[0].port.name, "metrics");
}
