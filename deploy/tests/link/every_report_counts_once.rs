use config::link::{Down, Reporter, Up};
use config::{Latency, PodState, Time, WorkloadId};
use deploy::fronts::Fronts;
use deploy::link::Heard;

use crate::world::{Autoscaler, SECOND, Speaker, activator, hello, hello_of, of_pod, report_of, report_to, workload};

async fn acknowledged(speaker: &mut Speaker) -> u64 {
    speaker.hear_until(|frame| if let Down::Ack { seq } = frame { Some(seq) } else { None }).await
}

fn latency_of(reporter: Reporter, workload: WorkloadId) -> Up {
    let latency = Latency { answered: vec![(SECOND, 1)], ..Latency::default() };
    Up::Latency { reporter, workload, latency }
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_said_again_after_the_link_broke_is_counted_once() {
    let mut autoscaler = Autoscaler::start(1);
    let mut first = autoscaler.linked(activator("a"), 7).await;
    for seq in [1, 2, 2] {
        first.say(&report_of(activator("a"), seq)).await;
    }
    assert_eq!(autoscaler.reports().await, [1, 2]);
    assert_eq!(acknowledged(&mut first).await, 2);
    drop(first);
    let mut again = autoscaler.linked(activator("a"), 7).await;
    for seq in [1, 2, 3] {
        again.say(&report_of(activator("a"), seq)).await;
    }
    assert_eq!(autoscaler.reports().await, [3]);
    assert_eq!(acknowledged(&mut again).await, 3, "all have arrived, at one time or another");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_restarted_begins_to_number_anew() {
    let mut autoscaler = Autoscaler::start(1);
    let mut before = autoscaler.linked(activator("a"), 7).await;
    before.say(&report_of(activator("a"), 40)).await;
    assert_eq!(autoscaler.reports().await, [40]);
    let mut after = autoscaler.linked(activator("a"), 8).await;
    after.say(&report_of(activator("a"), 1)).await;
    assert_eq!(autoscaler.reports().await, [1]);
    while before.next().await.is_some() {} // its place was taken
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_that_was_restarted_takes_all_that_is_kept() {
    let mut before = Autoscaler::start(1);
    before.linked(activator("a"), 7).await.say(&report_of(activator("a"), 1)).await;
    let mut after = Autoscaler::start(2);
    let mut speaker = after.linked(activator("a"), 7).await;
    speaker.say(&report_of(activator("a"), 1)).await;
    assert_eq!(after.reports().await, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_two_seconds_ahead_is_taken_out() {
    let mut autoscaler = Autoscaler::start(1);
    tokio::time::sleep(100 * SECOND).await;
    let mut speaker = autoscaler.connect().await;
    let there = autoscaler.clock.now() + std::time::Duration::from_millis(2_200);
    speaker.say(&hello_of(activator("a"), 7, there)).await;
    speaker.say(&report_to(activator("a"), hello(), 1, Time::from_secs_f64(101.0))).await;
    loop {
        if let Heard::Up(Up::Report { report, .. }) = autoscaler.heard().await {
            assert_eq!(report.from, Time::from_secs_f64(98.0), "by whole seconds");
            assert_eq!(report.to, Time::from_secs_f64(99.0));
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_counts_only_once_the_platform_names_it() {
    let mut autoscaler = Autoscaler::start(1);
    let mut speaker = autoscaler.linked(of_pod("x"), 7).await;
    speaker.say(&report_of(of_pod("x"), 1)).await;
    assert!(autoscaler.reports().await.is_empty());
    autoscaler.name("x", PodState::Starting);
    speaker.say(&report_of(of_pod("x"), 2)).await;
    speaker.say(&report_of(of_pod("other"), 3)).await;
    assert_eq!(autoscaler.reports().await, [2], "and it speaks for itself only");
}

#[tokio::test(start_paused = true)]
async fn nobody_reports_for_another_workload_or_pod_and_nothing_of_the_future_counts() {
    let mut autoscaler = Autoscaler::start(1);
    let other: WorkloadId = "other".parse().expect("a name");
    autoscaler.hub.workload(&std::sync::Arc::new(workload(other.clone())));
    autoscaler.name("x", PodState::Starting);
    let mut pod = autoscaler.linked(of_pod("x"), 7).await;
    pod.say(&report_to(of_pod("x"), other.clone(), 1, Time::ZERO)).await;
    pod.say(&Up::Left { reporter: of_pod("x"), workload: other.clone() }).await;
    pod.say(&latency_of(of_pod("x"), other.clone())).await;
    pod.say(&latency_of(of_pod("x"), hello())).await;
    pod.say(&report_to(of_pod("x"), hello(), 2, Time::from_secs_f64(3_600.0))).await;
    pod.say(&report_of(of_pod("x"), 3)).await;
    let mut front = autoscaler.linked(activator("a"), 8).await;
    front.say(&report_of(of_pod("x"), 4)).await;
    front.say(&latency_of(of_pod("x"), hello())).await;
    front.say(&latency_of(activator("a"), other.clone())).await;
    front.say(&report_to(activator("a"), other.clone(), 5, Time::ZERO)).await;
    let heard = autoscaler.heard_by(SECOND / 10).await;
    assert!(!heard.iter().any(|heard| matches!(heard, Heard::Up(Up::Left { .. }))), "{heard:?}");
    let seq = |heard: &Heard| if let Heard::Up(Up::Report { report, .. }) = heard { Some(report.seq) } else { None };
    assert_eq!(heard.iter().filter_map(seq).collect::<Vec<_>>(), [3, 5]);
    let latencies = heard.iter().filter_map(|heard| match heard {
        Heard::Up(frame @ Up::Latency { .. }) => Some(frame.clone()),
        _ => None,
    });
    let own = [latency_of(of_pod("x"), hello()), latency_of(activator("a"), other)];
    assert_eq!(latencies.collect::<Vec<_>>(), own);
    while acknowledged(&mut pod).await < 3 {} // what was dropped need not come again
}
