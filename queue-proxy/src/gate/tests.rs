//! What a gate lets in, and what it counts.

use super::*;
use futures_util::FutureExt;
use std::pin::pin;

fn gate(slots: u32) -> Arc<Gate> {
    Gate::new(slots, Clock::start())
}

#[tokio::test(start_paused = true)]
async fn waiters_come_in_in_the_order_they_came() {
    let gate = gate(1);
    let first = gate.try_admit().unwrap();
    let (mut second, mut third) = (pin!(gate.admit()), pin!(gate.admit()));
    assert!(second.as_mut().now_or_never().is_none());
    assert!(third.as_mut().now_or_never().is_none());
    assert!(gate.try_admit().is_none(), "nobody passes the line");
    drop(first);
    assert!(third.as_mut().now_or_never().is_none());
    let second = second.await.unwrap();
    assert_eq!(gate.inside(), (1, 1));
    drop(second);
    drop(third.await.unwrap());
    assert_eq!(gate.inside(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_line_has_ten_places_a_slot() {
    let gate = gate(1);
    let _inside = gate.try_admit().unwrap();
    let mut line: Vec<_> = (0..10).map(|_| Box::pin(gate.admit())).collect();
    for waiter in &mut line {
        assert!(waiter.as_mut().now_or_never().is_none());
    }
    assert_eq!(gate.admit().now_or_never().unwrap().unwrap_err(), LineFull);
    line.pop();
    assert!(gate.admit().now_or_never().is_none(), "a waiter that left made room");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_as_it_is_let_in_gives_the_slot_back() {
    let gate = gate(1);
    let first = gate.try_admit().unwrap();
    let mut leaver = Box::pin(gate.admit());
    assert!(leaver.as_mut().now_or_never().is_none());
    drop(first); // lets the leaver in, which does not know yet
    assert_eq!(gate.inside(), (1, 0));
    drop(leaver);
    assert_eq!(gate.inside(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn more_slots_let_waiters_in_at_once() {
    let gate = gate(1);
    let _first = gate.try_admit().unwrap();
    let mut second = pin!(gate.admit());
    assert!(second.as_mut().now_or_never().is_none());
    gate.set_slots(2);
    assert_eq!(gate.inside(), (2, 0));
    drop(second.await);
    gate.set_slots(0);
    assert_eq!(gate.free(), u32::MAX);
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_the_line_is_counted_and_a_refusal_is_no_arrival() {
    let gate = gate(1);
    let _inside = gate.try_admit().unwrap();
    let mut waiting: Vec<_> = (0..11).map(|_| Box::pin(gate.admit())).collect();
    for waiter in &mut waiting {
        drop(waiter.as_mut().now_or_never());
    }
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    let mut reports = Vec::new();
    gate.take_reports(false, &mut reports);
    let [report] = reports[..] else { panic!("{reports:?}") };
    assert_eq!((report.arrived, report.concurrency_ns, report.waiting), (11, 11_000_000_000, 10));
}

/// On two threads, a waiter leaves as the last one inside does.
#[test]
fn nobody_misses_that_the_gate_is_empty() {
    for _ in 0..1_000 {
        let gate = gate(1);
        let inside = gate.try_admit().unwrap();
        let mut waiter = Box::pin(gate.admit());
        assert!(waiter.as_mut().now_or_never().is_none());
        let mut empty = pin!(gate.empty());
        assert!(empty.as_mut().now_or_never().is_none());
        let start = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                drop(inside);
            });
            start.wait();
            drop(waiter);
        });
        assert_eq!(gate.inside(), (0, 0));
        assert!(empty.now_or_never().is_some(), "it was told");
    }
}

/// Lets each future run once; each must have to wait.
fn wait<F: Future>(futures: &mut [std::pin::Pin<Box<F>>]) {
    for future in futures {
        assert!(future.as_mut().now_or_never().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn when_both_lines_wait_they_get_the_freed_slots_in_turn() {
    let gate = gate(30);
    let mut inside: Vec<_> = (0..30).map(|_| gate.try_admit().unwrap()).collect();
    let mut direct: Vec<_> = (0..5).map(|_| Box::pin(gate.admit())).collect();
    wait(&mut direct);
    let mut may_refuse: Vec<_> = (0..3).map(|_| Box::pin(gate.admit_or_refuse())).collect();
    wait(&mut may_refuse);
    let mut order = String::new();
    let mut admitted = Vec::new();
    for _ in 0..8 {
        inside.pop();
        let (d, m) = (direct.first_mut(), may_refuse.first_mut());
        if let Some(admission) = d.and_then(|first| first.as_mut().now_or_never()) {
            admitted.push(admission.unwrap());
            drop(direct.remove(0));
            order.push('d');
        } else if let Some(admission) = m.and_then(|first| first.as_mut().now_or_never()) {
            admitted.push(admission.unwrap());
            drop(may_refuse.remove(0));
            order.push('m');
        }
    }
    assert_eq!(order, "dmdmdmdd");
    drop((inside, admitted));
    assert_eq!(gate.inside(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_be_refused_waits_20_ms_behind_a_tenth_of_the_slots() {
    for (slots, places) in [(1, 1), (10, 1), (19, 1), (20, 2), (100, 10)] {
        let gate = gate(slots);
        let _inside: Vec<_> = (0..slots).map(|_| gate.try_admit().unwrap()).collect();
        let mut line: Vec<_> = (0..places).map(|_| Box::pin(gate.admit_or_refuse())).collect();
        wait(&mut line);
        assert_eq!(gate.admit_or_refuse().now_or_never().unwrap().unwrap_err(), Refused, "{slots} slots");
        assert_eq!(gate.inside(), (slots, places));
        let start = tokio::time::Instant::now();
        for waiter in line {
            assert_eq!(waiter.await.unwrap_err(), Refused);
        }
        assert_eq!(tokio::time::Instant::now() - start, bounds::MAY_REFUSE_WAIT);
        let mut reports = Vec::new();
        gate.take_reports(true, &mut reports);
        let [report] = reports[..] else { panic!("{reports:?}") };
        assert_eq!(report.arrived, u64::from(slots), "a refusal is no arrival");
        assert_eq!(report.concurrency_ns, u64::from(slots + places) * 20_000_000, "it was here while it waited");
        assert_eq!((report.in_flight, report.waiting), (slots, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_freed_in_time_is_no_refusal_and_who_leaves_makes_room() {
    let gate = gate(1);
    let inside = gate.try_admit().unwrap();
    let mut leaver = Box::pin(gate.admit_or_refuse());
    assert!(leaver.as_mut().now_or_never().is_none());
    drop(leaver);
    assert_eq!(gate.inside(), (1, 0));
    let mut next = Box::pin(gate.admit_or_refuse());
    assert!(next.as_mut().now_or_never().is_none());
    tokio::time::advance(bounds::MAY_REFUSE_WAIT - std::time::Duration::from_millis(1)).await;
    drop(inside);
    // Whether it hears so or its time is over first: it has the slot.
    tokio::time::advance(bounds::MAY_REFUSE_WAIT).await;
    drop(next.await.unwrap());
    assert_eq!(gate.inside(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_of_slots_nothing_is_refused() {
    let gate = gate(0);
    let all: Vec<_> = (0..1_000).map(|_| gate.admit_or_refuse().now_or_never().unwrap().unwrap()).collect();
    assert_eq!(gate.inside(), (1_000, 0));
    drop(all);
    assert_eq!(gate.inside(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_count_takes_a_slot_and_is_in_no_report() {
    let gate = gate(1);
    gate.set_watermark(0);
    let uncounted = gate.try_admit_uncounted().unwrap();
    assert!(gate.try_admit().is_none(), "the app has no more than its slots");
    assert!(gate.try_admit_uncounted().is_none());
    assert_eq!((gate.inside(), gate.free()), ((1, 0), 0));
    assert!(gate.alarmed().now_or_never().is_none());
    let mut waiter = Box::pin(gate.admit());
    assert!(waiter.as_mut().now_or_never().is_none());
    uncounted.take_back();
    assert!(gate.try_admit_uncounted().is_none(), "a waiter has the slot");
    drop(waiter.await);
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    let mut reports = Vec::new();
    gate.take_reports(true, &mut reports);
    assert_eq!(reports.iter().map(|report| report.arrived).sum::<u64>(), 1);
    assert_eq!(reports.iter().map(|report| report.concurrency_ns).sum::<u64>(), 0);
}

fn take(gate: &Gate, partial: bool) -> Vec<Report> {
    let mut out = Vec::new();
    gate.take_reports(partial, &mut out);
    out
}

#[tokio::test(start_paused = true)]
async fn the_alarm_goes_off_above_the_watermark_and_then_at_twice_what_a_report_said() {
    let gate = gate(2);
    gate.set_watermark(3);
    let _inside = (gate.try_admit().unwrap(), gate.try_admit().unwrap());
    let mut line: Vec<_> = (0..18).map(|_| Box::pin(gate.admit())).collect();
    wait(&mut line[..1]);
    assert!(gate.alarmed().now_or_never().is_none(), "three are not more than three");
    let mut listener = Box::pin(gate.alarmed());
    assert!(listener.as_mut().now_or_never().is_none());
    wait(&mut line[1..2]);
    assert!(listener.now_or_never().is_some(), "one that waits counts");
    assert!(gate.alarmed().now_or_never().is_some(), "until a report is taken");
    take(&gate, true);
    wait(&mut line[2..6]);
    assert!(gate.alarmed().now_or_never().is_none(), "eight are not more than twice four");
    wait(&mut line[6..7]);
    assert!(gate.alarmed().now_or_never().is_some());
    take(&gate, true);
    gate.set_watermark(5);
    assert!(gate.alarmed().now_or_never().is_some(), "a new watermark");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_outlives_a_burst_that_is_over_and_a_report_of_the_second_before() {
    let gate = gate(0);
    gate.set_watermark(0);
    let first = gate.try_admit().unwrap();
    take(&gate, true);
    tokio::time::advance(std::time::Duration::from_millis(1_500)).await;
    let burst: Vec<_> = (0..9).map(|_| gate.try_admit().unwrap()).collect();
    assert_eq!(take(&gate, false).last().unwrap().in_flight, 1);
    assert!(gate.alarmed().now_or_never().is_some(), "that report knows nothing of the burst");
    drop(burst);
    assert!(gate.alarmed().now_or_never().is_some(), "nor is it over before a report said so");
    take(&gate, true);
    assert!(gate.alarmed().now_or_never().is_none());
    drop(first);
    let _second = gate.try_admit().unwrap();
    assert!(gate.alarmed().now_or_never().is_none(), "not more than twice one");
}
