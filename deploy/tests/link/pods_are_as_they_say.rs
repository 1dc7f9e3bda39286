use std::sync::Arc;

use config::PodState::{self, Draining, Gone, Ready, Starting};
use config::link::{Down, Up};
use config::{Pod, PodId, Serving, Workload, WorkloadId};
use deploy::fronts::Fronts;
use deploy::link::Heard;
use tokio::time::sleep;

use crate::world::{
    self, Autoscaler, SECOND, Speaker, activator, hello, hello_of, of_pod, report_to, state_of, workload,
};

fn told(name: &str, state: PodState) -> Vec<(String, PodState)> {
    vec![(name.to_owned(), state)]
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_says_it_is_ready_is_told_to_every_activator_before_the_driver_has_looked() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.name("x", Starting);
    let mut activators = [autoscaler.linked(activator("a"), 1).await, autoscaler.linked(activator("b"), 2).await];
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    pod.say(&state_of("x", Ready)).await;
    for activator in &mut activators {
        assert_eq!(activator.pods().await, told("x", Ready));
    }
    assert_eq!(autoscaler.state("x"), Some(Ready));
    let looked = autoscaler.heard_by(SECOND / 100).await;
    assert_eq!(looked.last(), Some(&Heard::Pod(PodId::new("x"))), "the engine hears of it too: {looked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pod_may_speak_before_the_platform_names_it_and_is_gone_when_the_platform_says_so() {
    let mut autoscaler = Autoscaler::start(1);
    let mut activator = autoscaler.linked(activator("a"), 1).await;
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    pod.say(&state_of("x", Ready)).await;
    sleep(SECOND).await;
    assert_eq!(autoscaler.state("x"), None, "not yet");
    assert_eq!(autoscaler.name("x", Starting).map(|pod| pod.state), Some(Ready));
    assert_eq!(activator.pods().await, told("x", Ready));
    assert_eq!(autoscaler.name("x", Gone).map(|pod| pod.state), Some(Gone));
    assert_eq!(activator.pods().await, told("x", Gone));
    pod.say(&state_of("x", Ready)).await;
    sleep(SECOND).await;
    assert_eq!(autoscaler.state("x"), None, "whatever it says");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_breaks_and_is_back_within_a_second_changes_nothing() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.name("x", Starting);
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    pod.say(&state_of("x", Ready)).await;
    sleep(SECOND).await;
    drop(pod);
    sleep(SECOND / 2).await;
    let _again = autoscaler.linked(of_pod("x"), 3).await;
    sleep(3 * SECOND).await;
    assert_eq!(autoscaler.state("x"), Some(Ready));
    let heard = autoscaler.heard_by(SECOND).await;
    assert!(!heard.iter().any(|heard| matches!(heard, Heard::Lost(_))), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_link_does_not_come_back_is_starting_again_and_its_reporter_lost() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.name("x", Starting);
    let mut activator = autoscaler.linked(activator("a"), 1).await;
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    pod.say(&state_of("x", Ready)).await;
    assert_eq!(activator.pods().await, told("x", Ready));
    drop(pod);
    sleep(SECOND / 2).await;
    assert_eq!(autoscaler.state("x"), Some(Ready));
    assert_eq!(activator.pods().await, told("x", Starting));
    let heard = autoscaler.heard_by(SECOND).await;
    assert!(heard.contains(&Heard::Lost(of_pod("x"))), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn the_loss_of_a_reporter_that_is_back_by_the_time_it_is_heard_of_can_be_told_from_one_that_stays() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.name("x", Starting);
    let pod = autoscaler.linked(of_pod("x"), 3).await;
    assert!(autoscaler.hub.is_linked(&of_pod("x")));
    drop(pod);
    sleep(2 * SECOND).await;
    assert!(!autoscaler.hub.is_linked(&of_pod("x")));
    let _again = autoscaler.linked(of_pod("x"), 3).await;
    let heard = autoscaler.heard_by(SECOND / 100).await;
    assert!(heard.contains(&Heard::Lost(of_pod("x"))), "the driver was busy until now: {heard:?}");
    assert!(autoscaler.hub.is_linked(&of_pod("x")));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_drains_is_not_starting_again_when_it_falls_silent() {
    let mut autoscaler = Autoscaler::start(1);
    autoscaler.name("x", Starting);
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    pod.say(&state_of("x", Ready)).await;
    pod.say(&state_of("x", Draining)).await;
    sleep(SECOND).await;
    drop(pod);
    sleep(5 * SECOND).await;
    assert_eq!(autoscaler.state("x"), Some(Draining));
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_told_its_settings_and_when_its_clients_are_to_leave() {
    let mut autoscaler = Autoscaler::start(1);
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    let settings = |frame| match frame {
        Down::Settings { serving, watermark, .. } => Some((serving.container_concurrency, watermark)),
        _ => None,
    };
    assert_eq!(pod.hear_until(settings).await, (0, u32::MAX));
    autoscaler.hub.watermark(&hello(), 12);
    assert_eq!(pod.hear_until(settings).await, (0, 12));
    let serving = Serving { container_concurrency: 3, ..Serving::default() };
    autoscaler.hub.workload(&Arc::new(Workload { serving, ..workload(hello()) }));
    assert_eq!(pod.hear_until(settings).await, (3, 12));
    autoscaler.hub.leave(&hello());
    assert_eq!(pod.hear().await, Down::Leave { pod: PodId::new("x") });
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_comes_to_another_workload_is_let_go_and_its_reports_count_there_when_it_is_back() {
    let mut autoscaler = Autoscaler::start(1);
    let other = workload("other".parse().expect("a name"));
    autoscaler.hub.workload(&Arc::new(other.clone()));
    autoscaler.name("x", Starting);
    let mut pod = link_without_workload(&mut autoscaler).await;
    assert_eq!(told_workload(&mut pod).await, hello());
    autoscaler.name("x", Gone);
    let moved = Pod { workload: other.id.clone(), ..world::pod("x", Starting) };
    autoscaler.hub.pod(autoscaler.clock.now(), moved);
    assert_eq!(pod.next().await, None, "its Link is that of a pod of the first");
    let mut pod = link_without_workload(&mut autoscaler).await;
    assert_eq!(told_workload(&mut pod).await, other.id);
    autoscaler.heard_by(SECOND).await;
    let now = autoscaler.clock.now();
    for (seq, of) in [(1, hello()), (2, other.id.clone())] {
        pod.say(&report_to(of_pod("x"), of, seq, now)).await;
    }
    assert_eq!(autoscaler.reports().await, [2], "the first has no such pod any more");
}

/// The pod `x`, linked, which does not know whose it is.
async fn link_without_workload(autoscaler: &mut Autoscaler) -> Speaker {
    let Up::Hello { reporter, incarnation, address, at, .. } = hello_of(of_pod("x"), 3, autoscaler.clock.now()) else {
        unreachable!("it is a Hello");
    };
    let mut pod = autoscaler.connect().await;
    pod.say(&Up::Hello { reporter, incarnation, workload: None, address, at, token: None }).await;
    pod
}

async fn told_workload(pod: &mut Speaker) -> WorkloadId {
    pod.hear_until(|frame| match frame {
        Down::Settings { workload, .. } => Some(workload),
        _ => None,
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_no_workload_is_not_served_and_one_whose_workload_goes_is_let_go() {
    let mut autoscaler = Autoscaler::start(1);
    let mut stranger = autoscaler.connect().await;
    let Up::Hello { reporter, incarnation, address, at, .. } = hello_of(of_pod("x"), 1, autoscaler.clock.now()) else {
        unreachable!("it is a Hello");
    };
    let workload = Some("nobody".parse().expect("a name"));
    stranger.say(&Up::Hello { reporter, incarnation, workload, address, at, token: None }).await;
    assert_eq!(stranger.next().await, None);
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    autoscaler.hub.workload_gone(&hello());
    assert!(matches!(pod.next().await, Some(Down::Settings { .. })));
    assert_eq!(pod.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_has_said_nothing_is_as_the_platform_says_and_one_whose_link_died_is_not() {
    let mut autoscaler = Autoscaler::start(1);
    let mut activator = autoscaler.linked(activator("a"), 1).await;
    assert_eq!(autoscaler.name("x", Ready).map(|pod| pod.state), Some(Ready), "its kubelet's probes pass");
    assert_eq!(activator.pods().await, told("x", Ready));
    let mut pod = autoscaler.linked(of_pod("x"), 3).await;
    pod.say(&state_of("x", Draining)).await;
    assert_eq!(activator.pods().await, told("x", Draining), "who speaks knows better");
    autoscaler.name("y", Ready);
    assert_eq!(activator.pods().await, told("y", Ready));
    let mut other = autoscaler.linked(of_pod("y"), 4).await;
    other.say(&state_of("y", Ready)).await;
    drop(other);
    assert_eq!(activator.pods().await, told("y", Starting), "its node may have died, and the platform is late");
}
