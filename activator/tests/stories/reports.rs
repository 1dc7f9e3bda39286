//! What the autoscaler hears: everything once, at once where it matters, and silence where there is nothing to say.

use std::time::Duration;

use activator::Activator;
use config::link::{Reporter, Up};
use config::{PodId, PodState, Report};
use futures_util::FutureExt;

use crate::support::Stage;

/// All frames that are due, told apart into the activator's own reports and those of the pods.
fn take(activator: &Activator, urgent_only: bool) -> (Vec<Report>, Vec<(PodId, Report)>, Vec<PodId>) {
    let mut frames = Vec::new();
    activator.take_reports(urgent_only, &mut frames);
    let (mut own, mut pods, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for frame in frames {
        match frame {
            Up::Report { reporter: Reporter::Activator(name), report, .. } if &*name == "activator-0" => {
                own.push(report)
            }
            Up::Report { reporter: Reporter::Pod(pod), report, .. } => pods.push((pod, report)),
            Up::Left { reporter: Reporter::Pod(pod), .. } => left.push(pod),
            other => panic!("unexpected {other:?}"),
        }
    }
    (own, pods, left)
}

fn has_news(activator: &Activator) -> bool {
    activator.news().now_or_never().is_some()
}

/// Sleeps until the next whole second, as the caller of `take_reports` does.
async fn next_second(stage: &Stage) {
    let into = stage.now().as_nanos() % 1_000_000_000;
    tokio::time::sleep(Duration::from_nanos(1_000_000_000 - into)).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_tried_on_another_pod_arrives_once() {
    let stage = Stage::new(1);
    stage.announce("dead", PodState::Ready);
    stage.start_pod("alive");
    assert_eq!(stage.get(Duration::from_millis(10)).await.unwrap().status, 200);
    assert_eq!(stage.snapshot().counts.retried, 1);
    next_second(&stage).await;
    let (_, pods, _) = take(&stage.activator, false);
    let arrived: Vec<_> = pods.iter().map(|(pod, report)| (pod.to_string(), report.arrived)).collect();
    assert_eq!(arrived, [("dead".to_owned(), 0), ("alive".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn the_first_request_at_zero_is_told_at_once_and_only_the_first() {
    let stage = Stage::new(1);
    assert!(!has_news(&stage.activator));
    let sent = stage.hold(0..1).await;
    assert!(has_news(&stage.activator));
    let (own, pods, _) = take(&stage.activator, true);
    let [report] = own[..] else { panic!("{own:?}") };
    assert_eq!((report.waiting, report.open, report.in_flight, report.arrived), (1, 1, 1, 0));
    assert!(pods.is_empty());
    let more = stage.hold(1..3).await;
    assert!(!has_news(&stage.activator));
    stage.start_pod("one");
    for answer in sent.into_iter().chain(more) {
        answer.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn more_open_requests_than_the_watermark_are_told_at_once() {
    let stage = Stage::new(2);
    stage.start_pod("one");
    stage.activator.set_watermark(&stage.id, 3);
    let sent: Vec<_> = (0..3).map(|_| stage.get(Duration::from_secs(1))).collect();
    stage.until(|snapshot| snapshot.open == 3).await;
    assert!(!has_news(&stage.activator));
    let fourth = stage.get(Duration::from_secs(1));
    stage.until(|snapshot| snapshot.open == 4).await;
    assert!(has_news(&stage.activator));
    let (own, pods, _) = take(&stage.activator, true);
    assert_eq!((own.last().unwrap().waiting, own.last().unwrap().open), (2, 4));
    assert_eq!(pods.iter().map(|(_, report)| (report.in_flight, report.arrived)).collect::<Vec<_>>(), [(2, 2)]);
    for answer in sent.into_iter().chain([fourth]) {
        answer.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_sum_counted_is_the_sum_sent_and_then_there_is_silence() {
    let stage = Stage::new(1);
    let begun = stage.now();
    let sent: Vec<_> = (0..5).map(|_| stage.get(Duration::from_millis(700))).collect();
    stage.until(|snapshot| snapshot.held == 5).await;
    let held = stage.now();
    let (mut own, mut pods) = (Vec::new(), Vec::new());
    next_second(&stage).await;
    stage.start_pod("one");
    for _ in 0..6 {
        let (a, p, _) = take(&stage.activator, false);
        own.extend(a);
        pods.extend(p);
        next_second(&stage).await;
    }
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    // Five came at 0 (held by `until` for some virtual milliseconds at most) and left at 1.7, 2.4, 3.1, 3.8 and 4.5 s.
    let counted = |reports: &mut dyn Iterator<Item = u64>| reports.sum::<u64>() as f64 / 1e9;
    let total =
        counted(&mut own.iter().map(|r| r.concurrency_ns)) + counted(&mut pods.iter().map(|(_, r)| r.concurrency_ns));
    assert!((total - 15.5).abs() <= 5.0 * held.since(begun).as_secs_f64() + 1e-9, "{total}");
    assert_eq!(counted(&mut pods.iter().map(|(_, r)| r.concurrency_ns)), 3.5);
    assert_eq!(pods.iter().map(|(_, report)| report.arrived).sum::<u64>(), 5);
    assert_eq!(own.iter().map(|report| report.arrived).sum::<u64>(), 0, "the pods count arrivals");
    assert!(own.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq && pair[0].to <= pair[1].from));
    assert_eq!((own.last().unwrap().open, pods.last().unwrap().1.open), (0, 0), "the last word is that it is idle");
    let mut frames = Vec::new();
    stage.activator.take_reports(false, &mut frames);
    next_second(&stage).await;
    stage.activator.take_reports(false, &mut frames);
    assert_eq!(frames, [], "then silence");
}

#[tokio::test(start_paused = true)]
async fn a_forwarded_request_keeps_the_workload_open_until_its_end() {
    let stage = Stage::new(0);
    stage.start_pod("one");
    let long = stage.get(Duration::from_millis(2_500));
    stage.until(|snapshot| snapshot.open == 1).await;
    let mut opens = Vec::new();
    for _ in 0..5 {
        next_second(&stage).await;
        opens.extend(take(&stage.activator, false).0.iter().map(|report| (report.open, report.in_flight)));
    }
    assert_eq!(opens, [(1, 0), (1, 0), (0, 0)]);
    long.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_gone_says_its_last_and_is_forgotten() {
    let stage = Stage::new(0);
    stage.start_pod("one");
    let running = stage.get(Duration::from_millis(300));
    stage.until(|snapshot| snapshot.open == 1).await;
    stage.set_pod("one", PodState::Gone);
    let (_, _, left) = take(&stage.activator, false);
    assert_eq!(left, [], "something runs there still");
    running.await.unwrap();
    next_second(&stage).await;
    let (_, pods, left) = take(&stage.activator, false);
    assert_eq!(pods.iter().map(|(_, report)| report.concurrency_ns).sum::<u64>(), 300_000_000);
    assert_eq!(left, [PodId::new("one")]);
    assert!(stage.snapshot().pods.is_empty());
}
