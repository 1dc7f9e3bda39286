//! Whatever is said, in whatever pieces it arrives, is heard.

use std::time::Duration;

use config::link::{Decoder, Down, Encoder, Reporter, Up};
use config::{Latency, Pod, PodId, PodState, Report, Time, WorkloadId, bounds};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::any;

/// Feeds `bytes` in pieces whose lengths come from `lengths`, over and over, and gives all that `next` makes of it.
fn hear<T>(bytes: &[u8], lengths: &[usize], mut next: impl FnMut(&mut Decoder) -> Option<T>) -> Vec<T> {
    let (mut decoder, mut heard, mut rest) = (Decoder::new(), Vec::new(), bytes);
    for &length in lengths.iter().cycle() {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        decoder.feed(piece);
        while let Some(frame) = next(&mut decoder) {
            heard.push(frame);
        }
        rest = after;
        if rest.is_empty() {
            return heard;
        }
    }
    heard
}

proptest! {
    #[test]
    fn up(frames in vec(any::up(), 0..40), lengths in vec(1usize..100, 1..20)) {
        let (mut encoder, mut bytes) = (Encoder::new(), Vec::new());
        for frame in &frames {
            encoder.up(frame, &mut bytes).unwrap();
        }
        prop_assert_eq!(hear(&bytes, &lengths, |decoder| decoder.next_up().unwrap()), frames);
    }

    #[test]
    fn down(frames in vec(any::down(), 0..20), lengths in vec(1usize..100, 1..20)) {
        let (mut encoder, mut bytes) = (Encoder::new(), Vec::new());
        for frame in &frames {
            encoder.down(frame, &mut bytes).unwrap();
        }
        prop_assert_eq!(hear(&bytes, &lengths, |decoder| decoder.next_down().unwrap()), frames);
    }
}

fn hello() -> (Up, Reporter, WorkloadId) {
    let (reporter, workload) = (Reporter::Pod(PodId::new("web-6d4b75cb6d-hk4bp")), "default/web".parse().unwrap());
    let address = ([10, 0, 0, 7], 8012).into();
    let at = Time::from_nanos(1_750_000_000_000_000_000);
    let own = Some(WorkloadId::clone(&workload));
    let hello = Up::Hello { reporter: reporter.clone(), incarnation: 7, workload: own, address, at, token: None };
    (hello, reporter, workload)
}

#[test]
fn a_pods_report_names_nobody_and_another_workload_is_named_once() {
    let (hello, reporter, own) = hello();
    let mut encoder = Encoder::new();
    let mut length = |workload: &WorkloadId| {
        let (mut bytes, report) = (Vec::new(), Report { seq: 1, arrived: 1, ..Report::default() });
        encoder.up(&hello, &mut Vec::new()).unwrap();
        let frame = Up::Report { reporter: reporter.clone(), workload: workload.clone(), report };
        encoder.up(&frame, &mut bytes).unwrap();
        bytes.len()
    };
    let other = WorkloadId::new("default", "Deployment", "a-name-that-takes-its-place");
    let (own, named, again) = (length(&own), length(&other), length(&other));
    assert!(own <= 12, "{own} bytes");
    assert!(named > own + 27, "{named} bytes");
    assert_eq!(again, own + 2, "a number takes the place of the name");
}

#[test]
fn ten_seconds_of_latency_take_a_few_hundred_bytes_and_more_than_any_reader_takes_is_not_written() {
    let (_, reporter, workload) = hello();
    let length = |durations: u32| {
        let millis = |number: u32| (Duration::from_millis(10) * number, 1_000);
        let latency = Latency { answered: (0..durations).map(millis).collect(), ..Latency::default() };
        let frame = Up::Latency { reporter: reporter.clone(), workload: workload.clone(), latency };
        let mut bytes = Vec::new();
        Encoder::new().up(&frame, &mut bytes).map(|()| bytes.len())
    };
    let usual = length(50).unwrap();
    assert!(usual <= 400, "{usual} bytes");
    let (fullest, most) = (length(bounds::LATENCY_BUCKETS as u32).unwrap(), 8 * bounds::LATENCY_BUCKETS);
    assert!(fullest <= most, "{fullest} bytes");
    assert!(length(bounds::LATENCY_BUCKETS as u32 + 1).is_err());
}

#[test]
fn very_many_pods_go_in_several_frames() {
    let workload: WorkloadId = "default/web".parse().unwrap();
    let pod = |number: usize| Pod {
        id: PodId::new(&format!("web-6d4b75cb6d-{number:05}")),
        workload: workload.clone(),
        address: ([10, 0, 0, 7], 8012).into(),
        state: PodState::Ready,
        has_queue_proxy: true,
        created: Time::ZERO,
    };
    let all: Vec<Pod> = (0..30_000).map(pod).collect();
    let frame = Down::Pods { workload: workload.clone(), pods: all.clone(), failure: None, at: Time::ZERO };
    let (mut bytes, mut decoder) = (Vec::new(), Decoder::new());
    Encoder::new().down(&frame, &mut bytes).unwrap();
    assert!(bytes.len() > bounds::LINK_FRAME_BYTES);
    decoder.feed(&bytes);
    let mut heard = Vec::new();
    while let Some(Down::Pods { pods, .. }) = decoder.next_down().unwrap() {
        heard.extend(pods);
    }
    assert_eq!(heard, all);
}

#[test]
fn what_no_reader_would_take_is_not_written() {
    let workload = WorkloadId::new("default", "Deployment", "w".repeat(bounds::LINK_FRAME_BYTES));
    let (mut encoder, mut bytes) = (Encoder::new(), Vec::new());
    assert!(encoder.down(&Down::WorkloadGone { workload: workload.clone() }, &mut bytes).is_err());
    let reporter = Reporter::Activator("a".into());
    let report = |workload| Up::Report { reporter: reporter.clone(), workload, report: Report::default() };
    assert!(encoder.up(&report(workload), &mut bytes).is_err());
    assert!(bytes.is_empty());
    let other = report("default/web".parse().unwrap());
    encoder.up(&other, &mut bytes).unwrap();
    let mut decoder = Decoder::new();
    decoder.feed(&bytes);
    assert_eq!(decoder.next_up(), Ok(Some(other)), "and what comes after it is");
}
