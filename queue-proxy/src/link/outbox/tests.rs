use std::time::Duration;

use config::{Latency, Report, WorkloadId};
use proptest::prelude::*;

use super::*;

const NONE: [u64; 0] = [];

fn reporter() -> Reporter {
    Reporter::Pod(PodId::new("p"))
}

fn report() -> Up {
    Up::Report { reporter: reporter(), workload: WorkloadId::new("n", "k", "w"), report: Report::default() }
}

fn left() -> Up {
    Up::Left { reporter: reporter(), workload: WorkloadId::new("n", "k", "w") }
}

fn latency() -> Up {
    Up::Latency { reporter: reporter(), workload: WorkloadId::new("n", "k", "w"), latency: Latency::default() }
}

fn woke() -> Up {
    let (held_at, released_at, first_byte) = (at(1), at(2), None);
    Up::Woke { reporter: reporter(), workload: "web".parse().unwrap(), held_at, released_at, requests: 1, first_byte }
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// Numbers of the reports that are written now; 0 is a last word.
fn written(outbox: &mut Outbox) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(frame) = outbox.next() {
        match &*frame {
            Up::Report { report, .. } => numbers.push(report.seq),
            Up::Left { .. } => numbers.push(0),
            _ => {}
        }
    }
    numbers
}

fn meet(outbox: &mut Outbox, now: Time, incarnation: u64) -> Vec<u64> {
    outbox.connected();
    assert_eq!(written(outbox), NONE, "nothing before the welcome");
    outbox.welcomed(now, incarnation);
    written(outbox)
}

#[test]
fn what_was_not_acknowledged_is_written_again_and_nothing_else() {
    let mut outbox = Outbox::default();
    (0..3).for_each(|_| outbox.push(at(1), report()));
    assert_eq!(meet(&mut outbox, at(1), 7), [1, 2, 3]);
    outbox.acknowledged(2);
    outbox.push(at(2), report());
    assert_eq!(written(&mut outbox), [4]);
    outbox.push(at(3), report());
    assert_eq!(meet(&mut outbox, at(4), 7), [3, 4, 5]);
    assert_eq!(outbox.resent(), 2);
    outbox.acknowledged(5);
    assert_eq!(meet(&mut outbox, at(5), 7), NONE);
}

#[test]
fn how_long_requests_took_and_how_a_workload_woke_is_said_once_and_only_to_who_listens() {
    let mut outbox = Outbox::default();
    outbox.push(at(0), latency());
    outbox.push(at(0), woke());
    assert!(!outbox.has_next(), "nobody listens");
    outbox.welcomed(at(0), 1);
    outbox.push(at(1), left());
    outbox.push(at(1), latency());
    outbox.push(at(1), woke());
    let said = std::iter::from_fn(|| outbox.next().map(Cow::into_owned));
    assert_eq!(said.collect::<Vec<_>>(), [latency(), woke(), left()], "before the last word");

    outbox.push(at(2), latency());
    outbox.disconnected();
    outbox.push(at(2), latency());
    outbox.connected();
    outbox.welcomed(at(2), 1);
    outbox.push(at(2), report());
    assert_eq!(written(&mut outbox), [0, 1], "what was not said before the connection broke is not said after");

    (0..=bounds::LATENCY_FRAMES).for_each(|_| outbox.push(at(3), latency()));
    assert_eq!((outbox.passing.len(), outbox.dropped()), (bounds::LATENCY_FRAMES, 1));
}

#[test]
fn an_autoscaler_not_met_before_is_told_all_that_is_kept() {
    let mut outbox = Outbox::default();
    (0..90).for_each(|second| outbox.push(at(second), report()));
    assert_eq!(meet(&mut outbox, at(89), 1), (30..=90).collect::<Vec<_>>());
    outbox.acknowledged(90);
    assert_eq!(meet(&mut outbox, at(89), 2), (30..=90).collect::<Vec<_>>());
    assert_eq!(outbox.unacknowledged(), 61, "the new one has acknowledged nothing yet");
    outbox.acknowledged(60);
    assert_eq!(meet(&mut outbox, at(89), 2), (61..=90).collect::<Vec<_>>());
}

#[test]
fn after_a_minute_it_is_too_late() {
    let mut outbox = Outbox::default();
    outbox.push(at(0), report());
    outbox.push(at(30), report());
    outbox.expire(at(60));
    assert_eq!((outbox.len(), outbox.dropped()), (2, 0));
    assert_eq!(meet(&mut outbox, at(61), 1), [2]);
    assert_eq!(outbox.dropped(), 1);
    outbox.acknowledged(2);
    outbox.expire(at(100));
    assert_eq!((outbox.len(), outbox.dropped()), (0, 1), "what was acknowledged is not missed");
}

#[test]
fn the_oldest_make_room_for_the_newest() {
    let mut outbox = Outbox::default();
    (0..bounds::LINK_OUTBOX).for_each(|_| outbox.push(at(1), report()));
    assert_eq!(meet(&mut outbox, at(1), 1).len(), bounds::LINK_OUTBOX);
    (0..3).for_each(|_| outbox.push(at(1), report()));
    assert_eq!((outbox.len(), outbox.dropped()), (bounds::LINK_OUTBOX, 3));
    let newest = bounds::LINK_OUTBOX as u64;
    assert_eq!(written(&mut outbox), [newest + 1, newest + 2, newest + 3], "what was written stays written");
    outbox.expire(at(100));
    assert!(outbox.kept.capacity() < 1024, "and the room is given back");
}

#[test]
fn a_last_word_is_repeated_until_a_later_report_is_acknowledged() {
    let mut outbox = Outbox::default();
    outbox.push(at(1), report());
    assert_eq!(meet(&mut outbox, at(1), 1), [1]);
    outbox.acknowledged(1);
    outbox.push(at(1), left());
    assert_eq!(written(&mut outbox), [0]);
    assert_eq!(meet(&mut outbox, at(1), 1), [0]);
    outbox.push(at(2), report());
    outbox.acknowledged(2);
    assert_eq!(meet(&mut outbox, at(2), 1), NONE, "acknowledged with what came after it");
}

#[test]
fn only_the_newest_state_is_said_and_it_waits_for_no_welcome() {
    let mut outbox = Outbox::default();
    outbox.set_state(at(1), &reporter(), PodState::Starting);
    outbox.set_state(at(1), &reporter(), PodState::Ready);
    let ready = Up::State { pod: PodId::new("p"), state: PodState::Ready };
    outbox.connected();
    assert_eq!(outbox.next().as_deref(), Some(&ready));
    outbox.set_state(at(1), &reporter(), PodState::Ready);
    assert_eq!(outbox.next(), None, "said once a connection");
    outbox.connected();
    assert_eq!(outbox.next().as_deref(), Some(&ready));
}

#[test]
fn that_an_activator_leaves_is_said_on_every_connection() {
    let mut outbox = Outbox::default();
    outbox.push(at(1), Up::Leaving);
    for _ in 0..2 {
        outbox.connected();
        assert_eq!(outbox.next().as_deref(), Some(&Up::Leaving), "before anything else");
        assert_eq!(outbox.next(), None);
    }
}

#[test]
fn an_answer_is_said_on_the_connection_where_it_was_asked_for_or_not_at_all() {
    let door = |port| Up::Door { workload: WorkloadId::new("n", "k", "w"), port, error: None };
    let mut outbox = Outbox::default();
    outbox.push(at(0), door(1));
    assert!(!outbox.has_next(), "nobody asked");
    outbox.welcomed(at(0), 1);
    outbox.push(at(1), door(2));
    assert!(!outbox.is_written());
    assert_eq!(outbox.next().as_deref(), Some(&door(2)));
    outbox.push(at(2), door(3));
    outbox.connected();
    outbox.welcomed(at(2), 1);
    assert_eq!(outbox.next(), None);

    (0..=bounds::LINK_ANSWERS).for_each(|_| outbox.push(at(3), door(4)));
    assert_eq!((outbox.answers.len(), outbox.dropped()), (bounds::LINK_ANSWERS, 1));
}

#[test]
fn an_acknowledgement_of_what_was_never_said_is_not_believed() {
    let mut outbox = Outbox::default();
    assert_eq!(meet(&mut outbox, at(1), 1), NONE);
    outbox.acknowledged(u64::MAX);
    outbox.push(at(1), report());
    assert_eq!((outbox.unacknowledged(), written(&mut outbox)), (1, vec![1]));
}

#[derive(Clone, Debug)]
enum Step {
    Push,
    Write(usize),
    /// Acknowledges what one server has, of what it has.
    Acknowledge,
    Reconnect,
    /// Another autoscaler, which knows nothing.
    Replace,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Push),
        4 => (0usize..5).prop_map(Step::Write),
        2 => Just(Step::Acknowledge),
        1 => Just(Step::Reconnect),
        1 => Just(Step::Replace),
    ]
}

proptest! {
    /// Whatever breaks whenever: in the end the last autoscaler has every report, in order, after those it has twice
    /// are dropped.
    #[test]
    fn nothing_is_lost_and_nothing_is_out_of_order(steps in prop::collection::vec(step(), 1..200)) {
        let mut outbox = Outbox::default();
        let (mut pushed, mut incarnation, mut heard) = (0, 1, Vec::new());
        outbox.connected();
        outbox.welcomed(at(1), incarnation);
        // As the server does: what it has already is dropped.
        let hear = |heard: &mut Vec<u64>, frame: &Up| {
            let Up::Report { report, .. } = frame else { panic!("{frame:?}") };
            if heard.last().is_none_or(|&last| last < report.seq) {
                heard.push(report.seq);
            }
        };
        for step in steps {
            match step {
                Step::Push => { outbox.push(at(1), report()); pushed += 1 }
                Step::Write(frames) => for _ in 0..frames {
                    if let Some(frame) = outbox.next() { hear(&mut heard, &frame) }
                },
                Step::Acknowledge => if let Some(&last) = heard.last() { outbox.acknowledged(last) },
                Step::Reconnect => { outbox.connected(); outbox.welcomed(at(1), incarnation) }
                Step::Replace => {
                    incarnation += 1;
                    heard.clear();
                    outbox.connected();
                    outbox.welcomed(at(1), incarnation);
                }
            }
        }
        while let Some(frame) = outbox.next() { hear(&mut heard, &frame) }
        prop_assert_eq!(heard, (1..=pushed).collect::<Vec<u64>>());
    }
}
