//! Leadership, among several, on an apiserver in virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::*;
use crate::kubernetes::mock::{Apiserver, Way};

const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/rouse-system/leases/rouse-autoscaler";

const SECOND: Duration = Duration::from_secs(1);

/// Longer than anything is waited for.
const LONG: Duration = Duration::from_secs(3600);

/// Who leads, since when. Two at once end the test.
#[derive(Clone, Default)]
struct Throne(Arc<Mutex<Option<(&'static str, Instant)>>>);

impl Throne {
    fn take(&self, name: &'static str) {
        let before = self.0.lock().replace((name, Instant::now()));
        assert_eq!(before, None, "while {name} takes the Lease");
    }

    fn leave(&self, name: &'static str) {
        let before = self.0.lock().take();
        assert_eq!(before.map(|(name, _)| name), Some(name));
    }

    fn holder(&self) -> Option<&'static str> {
        self.0.lock().map(|(name, _)| name)
    }

    /// Who leads, once somebody does; how long that took.
    async fn taken(&self) -> (&'static str, Duration) {
        let start = Instant::now();
        let taken = async {
            loop {
                if let Some((name, since)) = *self.0.lock() {
                    return (name, since.saturating_duration_since(start));
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, taken).await.expect("somebody leads in the end")
    }
}

fn lease(apiserver: &Apiserver, name: &'static str) -> Lease {
    let writes = Writes::new(apiserver.client(name), bounds::KUBE_API_QPS, bounds::KUBE_API_BURST);
    Lease::new(writes, "rouse-system", name, LeaseTimes::default())
}

/// One that takes the Lease whenever it can.
fn run(mut lease: Lease, name: &'static str, throne: &Throne) -> JoinHandle<()> {
    let throne = throne.clone();
    tokio::spawn(async move {
        loop {
            lease.acquire().await;
            throne.take(name);
            lease.keep().await;
            throne.leave(name);
        }
    })
}

/// It dies without a word.
fn kill(autoscaler: &JoinHandle<()>, throne: &Throne) {
    autoscaler.abort();
    *throne.0.lock() = None;
}

fn spec(apiserver: &Apiserver) -> Value {
    apiserver.object(PATH).expect("there is a Lease")["spec"].clone()
}

#[tokio::test(start_paused = true)]
async fn the_first_leads_at_once_and_of_many_that_come_together_one() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let all: Vec<_> = ["a", "b", "c", "d"].map(|name| run(lease(&apiserver, name), name, &throne)).into();
    let (leader, took) = throne.taken().await;
    assert!(took < SECOND / 10, "{took:?}");
    sleep(60 * SECOND).await;
    assert_eq!(throne.holder(), Some(leader), "and stays");
    let said = spec(&apiserver);
    assert_eq!((said["holderIdentity"].as_str(), said["leaseDurationSeconds"].as_u64()), (Some(leader), Some(15)));
    assert_eq!(said["leaseTransitions"], 1);
    all.iter().for_each(JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn when_the_holder_dies_another_takes_over_within_the_duration_and_not_before() {
    for duration in [15 * SECOND, 4 * SECOND] {
        let (apiserver, throne) = (Apiserver::new(), Throne::default());
        let times = LeaseTimes::of(duration).unwrap();
        let lease = |name| Lease { times, ..lease(&apiserver, name) };
        let first = run(lease("a"), "a", &throne);
        throne.taken().await;
        let _others = ["b", "c"].map(|name| run(lease(name), name, &throne));
        sleep(61 * SECOND).await;
        kill(&first, &throne);
        let (leader, took) = throne.taken().await;
        assert_ne!(leader, "a");
        // After its last renewal, which was one pause ago at most.
        assert!(duration - times.retry <= took && took <= duration + SECOND / 10, "{took:?} of {duration:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_holder_gives_it_up_another_has_it_at_once() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let mut first = lease(&apiserver, "a");
    first.acquire().await;
    let _second = run(lease(&apiserver, "b"), "b", &throne);
    tokio::select! {
        () = first.keep() => panic!("it is lost"),
        () = sleep(61 * SECOND) => {}
    }
    assert_eq!(throne.holder(), None);
    first.release().await;
    let (leader, took) = throne.taken().await;
    assert_eq!(leader, "b");
    assert!(took < SECOND / 10, "{took:?}");
    assert_eq!(spec(&apiserver)["leaseTransitions"], 2);
    first.release().await;
    assert_eq!(throne.holder(), Some("b"), "nobody gives up what is not his");
}

#[tokio::test(start_paused = true)]
async fn one_that_was_given_up_says_so_as_others_expect_it() {
    let apiserver = Apiserver::new();
    let mut first = lease(&apiserver, "a");
    first.acquire().await;
    first.release().await;
    let said = spec(&apiserver);
    assert_eq!((said["holderIdentity"].as_str(), said["leaseDurationSeconds"].as_u64()), (Some(""), Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_restarted_under_its_name_need_not_wait_for_itself() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let first = run(lease(&apiserver, "a"), "a", &throne);
    throne.taken().await;
    let _other = run(lease(&apiserver, "b"), "b", &throne);
    kill(&first, &throne);
    let _again = run(lease(&apiserver, "a"), "a", &throne);
    let (leader, took) = throne.taken().await;
    assert!(leader == "a" && took < SECOND / 10, "{leader} after {took:?}");
    assert_eq!(spec(&apiserver)["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_stops_before_another_begins() {
    for way in [Way::Cut, Way::Refused, Way::Deaf] {
        let (apiserver, throne) = (Apiserver::new(), Throne::default());
        let _first = run(lease(&apiserver, "a"), "a", &throne);
        throne.taken().await;
        let _second = run(lease(&apiserver, "b"), "b", &throne);
        sleep(61 * SECOND).await;
        apiserver.set_way("a", way);
        let start = Instant::now();
        while throne.holder() == Some("a") {
            sleep(SECOND / 100).await;
        }
        let stopped = Instant::now() - start;
        assert!(8 * SECOND <= stopped && stopped <= 10 * SECOND + SECOND / 10, "{way:?}: {stopped:?}");
        let (leader, waited) = throne.taken().await;
        assert_eq!(leader, "b");
        assert!(waited >= 4 * SECOND, "{way:?}: {waited:?}");
        apiserver.set_way("a", Way::Good);
        sleep(61 * SECOND).await;
        assert_eq!(throne.holder(), Some("b"), "who comes back waits");
    }
}

#[tokio::test(start_paused = true)]
async fn an_apiserver_that_is_away_for_a_while_costs_nobody_the_lease_and_one_that_is_away_for_long_is_waited_for() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let _all = ["a", "b"].map(|name| run(lease(&apiserver, name), name, &throne));
    let (leader, _) = throne.taken().await;
    let all = |way| ["a", "b"].into_iter().for_each(|name| apiserver.set_way(name, way));
    for way in [Way::Refused, Way::Cut] {
        all(way);
        sleep(5 * SECOND).await;
        all(Way::Good);
        sleep(SECOND * 60).await;
        assert_eq!(throne.holder(), Some(leader), "{way:?}");
    }
    all(Way::Refused);
    sleep(60 * SECOND).await;
    assert_eq!(throne.holder(), None);
    all(Way::Good);
    let (_, took) = throne.taken().await;
    assert!(took <= 3 * SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_by_years_make_no_difference() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let in_1970 = |name| Lease { clock: Clock::start(), ..lease(&apiserver, name) };
    let first = run(in_1970("a"), "a", &throne);
    throne.taken().await;
    let second = run(lease(&apiserver, "b"), "b", &throne);
    sleep(600 * SECOND).await;
    assert_eq!(throne.holder(), Some("a"), "however old its renewals are by the other's clock");
    kill(&first, &throne);
    let (leader, took) = throne.taken().await;
    assert!(leader == "b" && took <= 16 * SECOND, "{leader} after {took:?}");
    let _third = run(in_1970("c"), "c", &throne);
    sleep(600 * SECOND).await;
    assert_eq!(throne.holder(), Some("b"), "and however far they are in the future");
    kill(&second, &throne);
    let (leader, took) = throne.taken().await;
    assert!(leader == "c" && took <= 16 * SECOND, "{leader} after {took:?}");
}

#[tokio::test(start_paused = true)]
async fn who_deletes_the_lease_does_not_make_two_lead() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let _all = ["a", "b"].map(|name| run(lease(&apiserver, name), name, &throne));
    let (leader, _) = throne.taken().await;
    sleep(10 * SECOND).await;
    apiserver.put(PATH, None);
    sleep(60 * SECOND).await;
    assert_eq!((throne.holder(), spec(&apiserver)["holderIdentity"].as_str()), (Some(leader), Some(leader)));
}

#[tokio::test(start_paused = true)]
async fn who_deletes_it_does_not_make_one_lead_that_had_not_heard_of_the_holder_for_long() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let _first = run(lease(&apiserver, "a"), "a", &throne);
    throne.taken().await;
    let _second = run(lease(&apiserver, "b"), "b", &throne);
    sleep(10 * SECOND).await;
    apiserver.set_way("b", Way::Refused);
    sleep(20 * SECOND + SECOND / 2).await;
    apiserver.set_way("b", Way::Good);
    apiserver.put(PATH, None);
    sleep(60 * SECOND).await;
    assert_eq!((throne.holder(), spec(&apiserver)["holderIdentity"].as_str()), (Some("a"), Some("a")));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_label_on_it_costs_nobody_the_lease() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let _first = run(lease(&apiserver, "a"), "a", &throne);
    throne.taken().await;
    let mut labelled = apiserver.object(PATH).unwrap();
    labelled["metadata"]["labels"]["app"] = "rouse".into();
    apiserver.put(PATH, Some(labelled));
    sleep(60 * SECOND).await;
    assert_eq!(throne.holder(), Some("a"));
    assert_eq!(apiserver.object(PATH).unwrap()["metadata"]["labels"]["app"], "rouse");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_other_writes_costs_nobody_the_lease() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let writes = Writes::new(apiserver.client("a"), 5.0, 10);
    let first = Lease::new(writes.clone(), "rouse-system", "a", LeaseTimes::default());
    let _first = run(first, "a", &throne);
    throne.taken().await;
    let storm: Vec<_> = (0..300)
        .map(|number| {
            let writes = writes.clone();
            let body = serde_json::json!({ "metadata": { "name": format!("wake-{number}") } }).to_string();
            let request = http::Request::post("/api/v1/namespaces/shop/events").body(body.into_bytes()).unwrap();
            tokio::spawn(async move { writes.send::<Value>(Urgency::Wake, "scale", request).await.is_ok() })
        })
        .collect();
    sleep(50 * SECOND).await;
    assert!(!storm.last().unwrap().is_finished(), "it lasts a minute");
    assert_eq!(throne.holder(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_but_by_watches_and_nothing_written_but_renewals() {
    let (apiserver, throne) = (Apiserver::new(), Throne::default());
    let _first = run(lease(&apiserver, "a"), "a", &throne);
    throne.taken().await;
    let _second = run(lease(&apiserver, "b"), "b", &throne);
    sleep(SECOND).await;
    apiserver.take_asked();
    sleep(600 * SECOND).await;
    let mut asked = BTreeMap::<_, usize>::new();
    for (name, what) in apiserver.take_asked() {
        let kind = if what.contains("watch=true") { "watch" } else { what.split(' ').next().unwrap_or_default() };
        *asked.entry((name, kind.to_owned())).or_default() += 1;
    }
    let of = |name: &'static str, kind: &str| asked.get(&(name, kind.to_owned())).copied().unwrap_or_default();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!((290..=300).contains(&of("a", "PUT")) && of("b", "watch") <= 3, "{asked:?}");
}

/// What happens to one of three, and after how long the next thing does.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Way(usize, Way),
    Restart(usize),
}

fn trouble() -> impl Strategy<Value = (Trouble, u64)> {
    let way = prop::sample::select(vec![Way::Good, Way::Good, Way::Cut, Way::Deaf, Way::Refused]);
    let trouble = prop_oneof![
        4 => (0..3_usize, way).prop_map(|(who, way)| Trouble::Way(who, way)),
        1 => (0..3_usize).prop_map(Trouble::Restart),
    ];
    (trouble, 0..30_000_u64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_happens_two_never_lead_and_in_the_end_one_does(troubles in prop::collection::vec(trouble(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            const NAMES: [&str; 3] = ["a", "b", "c"];
            let (apiserver, throne) = (Apiserver::new(), Throne::default());
            let mut all = NAMES.map(|name| run(lease(&apiserver, name), name, &throne));
            for (trouble, pause) in troubles {
                match trouble {
                    Trouble::Way(who, way) => apiserver.set_way(NAMES[who], way),
                    Trouble::Restart(who) => {
                        all[who].abort();
                        throne.0.lock().take_if(|(name, _)| *name == NAMES[who]);
                        all[who] = run(lease(&apiserver, NAMES[who]), NAMES[who], &throne);
                    }
                }
                sleep(Duration::from_millis(pause)).await;
                assert!(all.iter().all(|autoscaler| !autoscaler.is_finished()), "two led");
            }
            NAMES.into_iter().for_each(|name| apiserver.set_way(name, Way::Good));
            sleep(60 * SECOND).await;
            assert!(throne.holder().is_some());
            assert!(all.iter().all(|autoscaler| !autoscaler.is_finished()), "two led");
        });
    }
}
