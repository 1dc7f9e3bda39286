//! One version apart: what one side does not know is skipped, what it does not say has its default.

use std::time::Duration;

use config::link::{Decoder, Down, Encoder, Reporter, Up};
use config::{Failure, Latency, PodId, PodState, Report, Serving, Time, Upgrades, WorkloadId, bounds};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::{Message, Oneof};

use crate::any;

/// A frame of a kind that is not known: field 99, with text.
const UNKNOWN_FRAME: [u8; 10] = [0, 0, 0, 6, 0x9a, 0x06, 3, b'n', b'e', b'w'];

/// Puts an unknown field behind what each frame has, and an unknown frame before it.
fn newer(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    while let Some((prefix, after)) = rest.split_first_chunk::<4>() {
        let (frame, after) = after.split_at(u32::from_be_bytes(*prefix) as usize);
        out.extend(UNKNOWN_FRAME);
        out.extend((frame.len() as u32 + 6).to_be_bytes());
        out.extend(frame);
        out.extend(&UNKNOWN_FRAME[4..]);
        rest = after;
    }
    out
}

proptest! {
    #[test]
    fn a_newer_reporter_is_heard(frames in vec(any::up(), 0..20)) {
        let (mut encoder, mut bytes, mut decoder) = (Encoder::new(), Vec::new(), Decoder::new());
        frames.iter().for_each(|frame| encoder.up(frame, &mut bytes).unwrap());
        decoder.feed(&newer(&bytes));
        let heard: Vec<Up> = std::iter::from_fn(|| decoder.next_up().unwrap()).collect();
        prop_assert_eq!(heard, frames);
    }

    #[test]
    fn a_newer_autoscaler_is_heard(frames in vec(any::down(), 0..20)) {
        let (mut encoder, mut bytes, mut decoder) = (Encoder::new(), Vec::new(), Decoder::new());
        frames.iter().for_each(|frame| encoder.down(frame, &mut bytes).unwrap());
        decoder.feed(&newer(&bytes));
        let heard: Vec<Down> = std::iter::from_fn(|| decoder.next_down().unwrap()).collect();
        prop_assert_eq!(heard, frames);
    }
}

/// Messages of another version, as far as they matter here: with fields that we do not have, and without some of ours.
mod other {
    use super::*;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Frame {
        #[prost(oneof = "Kind", tags = "1, 2, 4, 5")]
        pub(super) kind: Option<Kind>,
    }

    #[derive(Clone, PartialEq, Oneof)]
    pub(super) enum Kind {
        #[prost(message, tag = "1")]
        Hello(Words),
        #[prost(message, tag = "2")]
        State(Words),
        #[prost(message, tag = "4")]
        Named(Words),
        #[prost(message, tag = "5")]
        Words(Words),
    }

    /// Text where we have text, a number where we have one, and something new.
    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Words {
        #[prost(string, optional, tag = "1")]
        pub(super) first: Option<String>,
        #[prost(uint32, optional, tag = "2")]
        pub(super) second: Option<u32>,
        #[prost(string, optional, tag = "5")]
        pub(super) fifth: Option<String>,
        #[prost(string, repeated, tag = "77")]
        pub(super) new: Vec<String>,
    }

    pub(super) fn frame(kind: Kind) -> Vec<u8> {
        let frame = Frame { kind: Some(kind) }.encode_to_vec();
        [&(frame.len() as u32).to_be_bytes()[..], &frame].concat()
    }
}

use other::{Kind, Words, frame};

fn words(first: &str, fifth: Option<&str>) -> Words {
    let new = vec!["new".to_owned(); 3];
    Words { first: Some(first.to_owned()), second: None, fifth: fifth.map(str::to_owned), new }
}

#[test]
fn an_older_reporter_says_less() {
    let mut decoder = Decoder::new();
    decoder.feed(&frame(Kind::Hello(words("p", Some("10.0.0.7:80")))));
    let hello = Up::Hello {
        reporter: Reporter::Pod(PodId::new("p")),
        incarnation: 0,
        workload: None,
        address: ([10, 0, 0, 7], 80).into(),
        at: Time::ZERO,
        token: None,
    };
    assert_eq!(decoder.next_up(), Ok(Some(hello)));
    // Without a name for who is ready it is the one that speaks.
    decoder.feed(&frame(Kind::State(Words { second: Some(2), ..Words::default() })));
    assert_eq!(decoder.next_up(), Ok(Some(Up::State { pod: PodId::new("p"), state: PodState::Ready })));
}

#[test]
fn an_older_autoscaler_skips_how_long_requests_took_and_how_a_workload_woke() {
    let (reporter, workload) = (Reporter::Activator("a".into()), "default/web".parse::<WorkloadId>().unwrap());
    let latency = Latency { answered: vec![(Duration::from_millis(20), 7)], held: vec![(Duration::from_secs(1), 1)] };
    let (mut encoder, mut name) = (Encoder::new(), Vec::new());
    let report = Up::Report { reporter: reporter.clone(), workload: workload.clone(), report: Report::default() };
    encoder.up(&report, &mut name).unwrap();
    let [held_at, released_at] = [10.0, 12.0].map(Time::from_secs_f64);
    let (requests, first_byte) = (3, Some(released_at));
    let (to, id) = (reporter.clone(), workload.clone());
    let woke = Up::Woke { reporter: to, workload: id, held_at, released_at, requests, first_byte };
    for frame in [Up::Latency { reporter, workload, latency }, woke] {
        let mut said = Vec::new();
        encoder.up(&frame, &mut said).unwrap();
        let (prefix, frame) = said.split_first_chunk::<4>().unwrap();
        assert_eq!(u32::from_be_bytes(*prefix) as usize, frame.len(), "it is one frame, and its workload has a number");
        assert_eq!(other::Frame::decode(frame), Ok(other::Frame { kind: None }));
    }
}

#[test]
fn what_has_no_meaning_here_is_skipped() {
    let mut decoder = Decoder::new();
    // Who speaks is neither a pod nor an activator; the address is none; the state is one that does not exist yet.
    let nobody = Words { first: None, ..words("", Some("10.0.0.7:80")) };
    decoder.feed(&frame(Kind::Hello(nobody)));
    decoder.feed(&frame(Kind::Hello(words("p", Some("elsewhere")))));
    decoder.feed(&frame(Kind::State(Words { second: Some(9), ..words("p", None) })));
    assert_eq!(decoder.next_up(), Ok(None));
}

#[test]
fn a_door_on_a_port_that_there_is_not_is_skipped() {
    // Three bytes of the last port, of which the highest is changed.
    let beyond = |mut bytes: Vec<u8>| {
        assert_eq!(bytes.split_off(bytes.len() - 3), [0xff, 0xff, 3]);
        bytes.extend([0xff, 0xff, 7]);
        bytes
    };
    let (mut up, mut down, mut decoder) = (Vec::new(), Vec::new(), Decoder::new());
    let workload: WorkloadId = "default/web".parse().unwrap();
    let said = Up::Door { workload: workload.clone(), port: u16::MAX, error: None };
    Encoder::new().up(&said, &mut up).unwrap();
    decoder.feed(&beyond(up));
    assert_eq!(decoder.next_up(), Ok(None));
    Encoder::new().down(&Down::Door { workload, port: Some(u16::MAX) }, &mut down).unwrap();
    decoder.feed(&beyond(down));
    assert_eq!(decoder.next_down(), Ok(None));
}

/// An older autoscaler's frame: `tag` of a message with a workload only.
fn only_a_workload(tag: u8) -> Vec<u8> {
    let gone = Down::WorkloadGone { workload: "default/web".parse().unwrap() };
    let mut bytes = Vec::new();
    Encoder::new().down(&gone, &mut bytes).unwrap();
    assert_eq!(bytes[4], 7 << 3 | 2, "the tag of the only field in the frame");
    bytes[4] = tag << 3 | 2;
    bytes
}

#[test]
fn an_older_autoscaler_says_less() {
    let workload: WorkloadId = "default/web".parse().unwrap();
    let mut decoder = Decoder::new();
    decoder.feed(&only_a_workload(4));
    let settings = Down::Settings { workload: workload.clone(), serving: Serving::default(), watermark: 0 };
    assert_eq!(decoder.next_down(), Ok(Some(settings)));
    decoder.feed(&only_a_workload(9));
    assert_eq!(decoder.next_down(), Ok(Some(Down::Pods { workload, pods: Vec::new(), failure: None, at: Time::ZERO })));
    // Welcome, empty.
    decoder.feed(&[0, 0, 0, 2, 1 << 3 | 2, 0]);
    let heartbeat = bounds::LINK_HEARTBEAT;
    assert!(heartbeat > Duration::ZERO);
    assert_eq!(decoder.next_down(), Ok(Some(Down::Welcome { incarnation: 0, heartbeat })));
}

/// `Settings` with the one thing that is new: upgrades, field 9 of `Serving`, which is field 2.
#[test]
fn upgrades_are_said_where_an_older_pod_hears_nothing_and_h2c_is_not_heard() {
    let workload: WorkloadId = "default/web".parse().unwrap();
    let upgrades = || Upgrades::among(["tcp".to_owned()]);
    let serving = Serving { upgrades: upgrades(), ..Serving::default() };
    let (mut said, mut without) = (Vec::new(), Vec::new());
    Encoder::new().down(&settings(&workload, serving.clone()), &mut said).unwrap();
    Encoder::new().down(&settings(&workload, Serving::default()), &mut without).unwrap();
    let field = [9 << 3 | 2, 3, b't', b'c', b'p'];
    let at = said.windows(field.len()).position(|bytes| bytes == field).expect("it is said");
    let rest = [&said[..at], &said[at + field.len()..]].concat();
    assert_eq!(rest.len(), without.len(), "nothing else is new");

    said[at + 2..][..3].copy_from_slice(b"h2c");
    let mut decoder = Decoder::new();
    decoder.feed(&said);
    assert_eq!(decoder.next_down(), Ok(Some(settings(&workload, Serving::default()))));
}

fn settings(workload: &WorkloadId, serving: Serving) -> Down {
    Down::Settings { workload: workload.clone(), serving, watermark: 0 }
}

#[test]
fn a_newer_autoscalers_reason_for_a_failure_is_none_here() {
    let workload: WorkloadId = "default/web".parse().unwrap();
    let failure = Some(Failure::Admission { detail: "a webhook does not answer".to_owned() });
    let told = Down::Pods { workload: workload.clone(), pods: Vec::new(), failure, at: Time::ZERO };
    let (mut bytes, mut decoder) = (Vec::new(), Decoder::new());
    Encoder::new().down(&told, &mut bytes).unwrap();
    decoder.feed(&bytes);
    assert_eq!(decoder.next_down(), Ok(Some(told)));
    let word = bytes.windows(9).position(|bytes| bytes == b"admission").expect("it is named by its word");
    bytes[word..word + 9].copy_from_slice(b"abduction");
    decoder.feed(&bytes);
    assert_eq!(decoder.next_down(), Ok(Some(Down::Pods { workload, pods: Vec::new(), failure: None, at: Time::ZERO })));
}

#[test]
fn a_report_that_says_nothing_is_of_the_reporters_own_workload() {
    let mut decoder = Decoder::new();
    let mut bytes = Vec::new();
    let reporter = Reporter::Pod(PodId::new("p"));
    let workload: WorkloadId = "default/web".parse().unwrap();
    let hello = Up::Hello {
        reporter: reporter.clone(),
        incarnation: 1,
        workload: Some(workload.clone()),
        address: ([10, 0, 0, 7], 80).into(),
        at: Time::ZERO,
        token: None,
    };
    Encoder::new().up(&hello, &mut bytes).unwrap();
    decoder.feed(&bytes);
    decoder.feed(&frame(Kind::Words(Words { new: vec!["new".to_owned()], ..Words::default() })));
    assert_eq!(decoder.next_up(), Ok(Some(hello)));
    let report = Up::Report { reporter, workload, report: Report::default() };
    assert_eq!(decoder.next_up(), Ok(Some(report)));
    // A name for nothing is no name.
    decoder.feed(&frame(Kind::Named(Words::default())));
    assert_eq!(decoder.next_up(), Err(config::link::WireError::Undeclared(0)));
}
