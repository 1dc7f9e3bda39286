use std::sync::Arc;

use config::PodState::{Gone, Ready, Starting};
use config::link::{Down, Up};
use config::{Report, WorkloadId};
use deploy::fronts::Fronts;
use deploy::link::Changed;
use tokio::time::{sleep, timeout};

use crate::world::{Autoscaler, SECOND, Speaker, activator, hello, of_pod, report_of, state_of, workload};

const PORT: u16 = 10_007;

fn said(port: u16, error: Option<&str>) -> Up {
    Up::Door { workload: hello(), port, error: error.map(str::to_owned) }
}

async fn door(activator: &mut Speaker) -> (WorkloadId, Option<u16>) {
    let door = |frame| if let Down::Door { workload, port } = frame { Some((workload, port)) } else { None };
    activator.hear_until(door).await
}

fn has_door(autoscaler: &Autoscaler, name: &str) -> bool {
    autoscaler.hub.has_door(name, &hello(), PORT)
}

/// The activators that there are, and whether each leaves.
fn activators(autoscaler: &Autoscaler) -> Vec<(String, bool)> {
    autoscaler.hub.activators().iter().map(|seen| (seen.name.to_string(), seen.is_leaving)).collect()
}

fn of(workloads: &[WorkloadId], activators: bool) -> Changed {
    Changed { activators, workloads: workloads.iter().cloned().collect() }
}

#[tokio::test(start_paused = true)]
async fn every_activator_is_told_of_a_door_when_it_knows_the_pods_and_has_it_once_it_says_so() {
    let mut autoscaler = Autoscaler::start(1);
    let mut early = autoscaler.linked(activator("early"), 1).await;
    autoscaler.hub.set_door(&hello(), Some(PORT));
    let mut late = autoscaler.linked(activator("late"), 2).await;
    assert_eq!(door(&mut early).await, (hello(), Some(PORT)));
    let mut pods_known = false;
    while !late.hear_until(|frame| Some(matches!(frame, Down::Door { .. }))).await {
        pods_known = true;
    }
    assert!(pods_known);
    let mut follower = autoscaler.hub.follow();
    for (name, speaker) in [("early", &mut early), ("late", &mut late)] {
        assert!(!has_door(&autoscaler, name));
        speaker.say(&said(PORT, None)).await;
        assert_eq!(follower.next().await, of(&[hello()], false));
        assert!(has_door(&autoscaler, name));
    }
    late.say(&said(PORT, Some("address in use"))).await;
    assert_eq!(follower.next().await, of(&[hello()], false));
    assert!(!has_door(&autoscaler, "late"));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_door_that_is_not_wanted_is_not_believed() {
    let mut autoscaler = Autoscaler::start(1);
    let mut speaker = autoscaler.linked(activator("a"), 1).await;
    speaker.say(&said(PORT, None)).await;
    sleep(SECOND).await;
    autoscaler.hub.set_door(&hello(), Some(PORT));
    assert!(!has_door(&autoscaler, "a"), "it was asked for after that");
    assert_eq!(door(&mut speaker).await, (hello(), Some(PORT)));
    speaker.say(&said(PORT + 1, None)).await;
    sleep(SECOND).await;
    assert!(!has_door(&autoscaler, "a"));
    speaker.say(&said(PORT, None)).await;
    sleep(SECOND).await;
    autoscaler.hub.set_door(&hello(), None);
    assert!(!has_door(&autoscaler, "a"));
    assert_eq!(door(&mut speaker).await, (hello(), None));
    autoscaler.hub.set_door(&hello(), Some(PORT));
    assert!(!has_door(&autoscaler, "a"), "it has yet to open it again");
}

#[tokio::test(start_paused = true)]
async fn a_door_of_a_workload_that_is_not_known_yet_is_told_with_it() {
    let mut autoscaler = Autoscaler::start(1);
    let mut speaker = autoscaler.linked(activator("a"), 1).await;
    let other: WorkloadId = "other".parse().unwrap();
    autoscaler.hub.set_door(&other, Some(PORT));
    autoscaler.hub.workload(&Arc::new(workload(other.clone())));
    assert_eq!(door(&mut speaker).await, (other, Some(PORT)));
}

#[tokio::test(start_paused = true)]
async fn who_is_back_within_a_second_has_its_doors_and_a_new_process_has_none() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.hub.set_door(&hello(), Some(PORT));
    let mut speaker = autoscaler.linked(activator("a"), 1).await;
    speaker.say(&said(PORT, None)).await;
    sleep(SECOND).await;
    drop(speaker);
    sleep(SECOND / 2).await;
    assert_eq!((activators(&autoscaler), has_door(&autoscaler, "a")), (vec![("a".to_owned(), false)], true));
    let again = autoscaler.linked(activator("a"), 1).await;
    assert!(has_door(&autoscaler, "a"));
    drop(again);
    let _other = autoscaler.linked(activator("a"), 2).await;
    assert!(!has_door(&autoscaler, "a"));
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_come_back_is_gone_within_two_seconds_and_that_is_told() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.hub.set_door(&hello(), Some(PORT));
    let mut speaker = autoscaler.linked(activator("a"), 1).await;
    speaker.say(&said(PORT, None)).await;
    sleep(SECOND).await;
    let mut follower = autoscaler.hub.follow();
    drop(speaker);
    let told = timeout(2 * SECOND, follower.next()).await.expect("in time");
    assert_eq!((told, activators(&autoscaler)), (of(&[], true), vec![]));
    assert!(!has_door(&autoscaler, "a"));
}

#[tokio::test(start_paused = true)]
async fn one_that_leaves_says_so_and_keeps_its_doors() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.hub.set_door(&hello(), Some(PORT));
    let mut speaker = autoscaler.linked(activator("a"), 1).await;
    speaker.say(&said(PORT, None)).await;
    sleep(SECOND).await;
    let mut follower = autoscaler.hub.follow();
    speaker.say(&Up::Leaving).await;
    assert_eq!(follower.next().await, of(&[], true));
    assert_eq!((activators(&autoscaler), has_door(&autoscaler, "a")), (vec![("a".to_owned(), true)], true));
}

#[tokio::test(start_paused = true)]
async fn pods_that_change_are_told_by_workload_however_often_they_do() {
    let mut autoscaler = Autoscaler::start(1);
    let mut follower = autoscaler.hub.follow();
    autoscaler.name("x", Starting);
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    pod.say(&state_of("x", Ready)).await;
    sleep(SECOND).await;
    assert_eq!(follower.next().await, of(&[hello()], false));
    assert_eq!(autoscaler.hub.pods(&hello())[0].0.state, Ready);
    pod.say(&state_of("x", Ready)).await;
    assert!(timeout(SECOND, follower.next()).await.is_err(), "nothing is new");
    autoscaler.name("x", Gone);
    assert_eq!(follower.next().await, of(&[hello()], false));
    assert_eq!(autoscaler.hub.pods(&hello()), []);
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_past_the_activators_are_known_by_when_the_last_one_came() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.name("x", Starting);
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    pod.say(&state_of("x", Ready)).await;
    sleep(10 * SECOND).await;
    let direct_in = |report: Up, count| match report {
        Up::Report { reporter, workload, report } => {
            Up::Report { reporter, workload, report: Report { direct: count, ..report } }
        }
        other => other,
    };
    let to = |seq, seconds| crate::world::report_to(of_pod("x"), hello(), seq, config::Time::from_secs_f64(seconds));
    pod.say(&to(1, 8.0)).await;
    sleep(SECOND / 10).await;
    assert_eq!(autoscaler.hub.direct(&hello()), Default::default());
    pod.say(&direct_in(to(2, 9.0), 3)).await;
    pod.say(&direct_in(to(3, 10.0), 0)).await;
    sleep(SECOND / 10).await;
    let seen = autoscaler.hub.direct(&hello());
    assert_eq!((seen.last, seen.may_be_more), (Some(config::Time::from_secs_f64(9.0)), false));
    pod.say(&report_of(of_pod("x"), 4)).await;
    drop(pod);
    sleep(SECOND / 10).await;
    assert!(autoscaler.hub.direct(&hello()).may_be_more, "nobody knows what it sees now");
    autoscaler.name("x", Gone);
    assert!(!autoscaler.hub.direct(&hello()).may_be_more);
}
