//! Reports to buckets.

use super::*;

fn at(seconds: f64) -> Time {
    Time::from_secs_f64(seconds)
}

fn pod(name: &str) -> Reporter {
    Reporter::Pod(config::PodId::new(name))
}

/// `concurrency` requests in flight from `from` to `to`.
fn report(from: f64, to: f64, concurrency: u32) -> Report {
    Report {
        from: at(from),
        to: at(to),
        concurrency_ns: u64::from(concurrency) * at(to).since(at(from)).as_nanos() as u64,
        arrived: concurrency.into(),
        peak: concurrency,
        in_flight: concurrency,
        open: concurrency,
        ..Report::default()
    }
}

fn collector(metric: Metric) -> Collector {
    Collector::new(&Policy { metric, ..Policy::default() })
}

#[test]
fn a_second_goes_into_the_bucket_it_ends_at_and_its_parts_and_reporters_add_up() {
    let mut collector = collector(Metric::Concurrency);
    collector.report(&pod("a"), &report(11.0, 11.5, 4));
    collector.report(&pod("a"), &report(11.5, 12.0, 2));
    collector.report(&pod("b"), &report(11.0, 12.0, 7));
    assert_eq!(collector.load().peek(12).stable, 10.0);
    let sum = Sum { open: 9, in_flight: 9, waiting: 0, through_activators: 0, at_pods: 9 };
    assert_eq!(collector.sum(), sum);
}

#[test]
fn a_late_report_goes_where_it_belongs() {
    let mut collector = collector(Metric::Concurrency);
    collector.report(&pod("a"), &report(69.0, 70.0, 6));
    collector.report(&pod("b"), &report(10.0, 11.0, 60));
    assert_eq!(collector.load().peek(70).stable, 1.1);
    collector.report(&pod("c"), &report(9.0, 10.0, 60));
    assert_eq!(collector.load().peek(70).stable, 1.1, "older than the window");
}

#[test]
fn what_a_wake_recorded_at_once_is_taken_off_its_second() {
    let mut collector = collector(Metric::Concurrency);
    collector.wake(&pod("a"), &report(11.25, 11.25, 1));
    assert_eq!(collector.load().peek(11).stable, 1.0);
    collector.report(&pod("a"), &report(11.25, 11.5, 2));
    collector.report(&pod("a"), &report(11.5, 12.0, 4));
    // 0.5 + 2 in the second, 1 of it recorded before; two buckets.
    assert_eq!(collector.load().peek(12).stable, 1.25);
    collector.report(&pod("a"), &report(12.0, 13.0, 1));
    assert_eq!(collector.load().peek(13).stable, 1.166667);
}

#[test]
fn a_report_of_nothing_leaves_no_trace() {
    let mut collector = collector(Metric::Concurrency);
    collector.report(&pod("a"), &report(11.0, 12.0, 6));
    collector.report(&pod("a"), &Report { open: 1, ..report(12.0, 12.5, 0) });
    assert_eq!(collector.load().peek(12).stable, 6.0);
    assert!(!collector.is_idle());
}

#[test]
fn a_request_that_waits_counts_for_requests_a_second_too() {
    let mut collector = collector(Metric::Rps);
    let waiting = Report { arrived: 0, waiting: 1, ..report(11.0, 12.0, 1) };
    collector.report(&pod("a"), &waiting);
    assert!(collector.load().peek(12).stable > 0.0);
}

#[test]
fn arrivals_count_for_requests_a_second() {
    let mut collector = collector(Metric::Rps);
    collector.report(&pod("a"), &Report { arrived: 40, ..report(11.0, 12.0, 1) });
    collector.report(&pod("b"), &Report { arrived: 2, ..report(11.0, 12.0, 1) });
    assert_eq!(collector.load().peek(12).stable, 42.0);
}

#[test]
fn it_is_idle_when_nobody_has_anything_open() {
    let mut collector = collector(Metric::Concurrency);
    let forwarded = Report { open: 3, ..report(11.0, 12.0, 0) };
    collector.report(&pod("a"), &forwarded);
    collector.report(&pod("b"), &report(11.0, 12.0, 1));
    collector.left(&pod("b"), at(12.5));
    assert!(!collector.is_idle());
    collector.report(&pod("a"), &report(12.0, 13.0, 0));
    assert_eq!((collector.is_idle(), collector.idle_since()), (true, Some(at(13.0))));
    assert!(collector.reporters.is_empty(), "nothing is remembered of the idle");
}

#[test]
fn requests_that_wait_for_pods_on_their_way_are_left_out_and_new_ones_are_not() {
    let activator = Reporter::Activator("a".into());
    let mut collector = collector(Metric::Concurrency);
    collector.expect_pods(Some(Duration::from_secs(1)));
    for second in 0..10_u32 {
        let waiting = 20 * (second + 1);
        let (from, to) = (100.0 + f64::from(second), 101.0 + f64::from(second));
        collector.report(&activator, &Report { waiting, ..report(from, to, waiting) });
    }
    // All of 200 were there for the whole second: 160 and then 180 of them had waited for longer than a second.
    assert_eq!(collector.load().peek(110).panic, 30.0);
    let lined_up = collector.lined_up(at(110.0));
    assert_eq!((lined_up, collector.in_flight_but(lined_up)), (180, 20));
    collector.expect_pods(None);
    assert_eq!(collector.lined_up(at(110.0)), 0);
}

#[test]
fn a_request_that_moved_to_a_pod_between_two_reports_is_in_flight_once() {
    let mut collector = collector(Metric::Concurrency);
    collector.report(&Reporter::Activator("a".into()), &report(11.0, 11.1, 200));
    collector.report(&pod("a"), &report(11.0, 12.0, 200));
    assert_eq!((collector.sum().in_flight, collector.in_flight_but(0)), (400, 200));
}

#[test]
fn a_request_of_ten_microseconds_is_load() {
    let mut collector = collector(Metric::Concurrency);
    collector.load_mut().silence_is_zero_from(10);
    collector.load_mut().averages(80);
    collector.report(&pod("a"), &Report { concurrency_ns: 10_000, peak: 1, arrived: 1, ..report(80.5, 81.0, 0) });
    assert!(collector.load_mut().averages(140).stable > 0.0);
}
