//! What is no Link is refused, and takes neither the process nor its memory.

use std::time::Duration;

use config::link::{Decoder, Encoder, Reporter, Up, WireError};
use config::{Latency, PodId, Time, WorkloadId, bounds};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::any;

/// Reads all that can be read; the first error, if there is one.
fn exhaust(bytes: &[u8]) -> [Option<WireError>; 2] {
    let (mut up, mut down) = (Decoder::new(), Decoder::new());
    up.feed(bytes);
    down.feed(bytes);
    let up = loop {
        match up.next_up() {
            Ok(Some(_)) => {}
            outcome => break outcome.err(),
        }
    };
    let down = loop {
        match down.next_down() {
            Ok(Some(_)) => {}
            outcome => break outcome.err(),
        }
    };
    [up, down]
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..300)) {
        exhaust(&bytes);
    }

    #[test]
    fn any_bytes_in_frames_are_survived(frames in vec(vec(any::<u8>(), 0..60), 0..10)) {
        let framed: Vec<u8> = frames
            .iter()
            .flat_map(|frame| [&(frame.len() as u32).to_be_bytes()[..], frame].concat())
            .collect();
        exhaust(&framed);
    }

    /// Real frames with some bytes changed come closest to being read.
    #[test]
    fn changed_frames_are_survived(
        frames in vec(any::up(), 1..10),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let (mut encoder, mut bytes) = (Encoder::new(), Vec::new());
        frames.iter().for_each(|frame| encoder.up(frame, &mut bytes).unwrap());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        exhaust(&bytes);
    }
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_is_there() {
    let mut decoder = Decoder::new();
    decoder.feed(&(bounds::LINK_FRAME_BYTES as u32 + 1).to_be_bytes());
    let too_long = Err(WireError::TooLong(bounds::LINK_FRAME_BYTES as u64 + 1));
    assert_eq!(decoder.next_up(), too_long);
    decoder.feed(&[0, 0, 0, 0]);
    assert_eq!(decoder.next_up(), too_long, "what broke stays broken");
}

#[test]
fn a_text_that_says_it_is_longer_than_its_frame_is_refused() {
    // Hello, whose first text claims four gigabytes.
    let frame = [0, 0, 0, 8, 0x0a, 6, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(exhaust(&frame), [Some(WireError::Malformed); 2]);
}

/// A `Latency` of number 0 with so many durations of zero and one count.
fn latency_of(durations: usize) -> Vec<u8> {
    let field = |tag: u8, bytes: Vec<u8>| {
        let mut field = vec![tag << 3 | 2];
        prost::encode_length_delimiter(bytes.len(), &mut field).unwrap();
        field.extend(bytes);
        field
    };
    let histogram = [field(1, vec![0; durations]), field(2, vec![5])].concat();
    let frame = field(7, field(2, histogram));
    [&(frame.len() as u32).to_be_bytes()[..], &frame].concat()
}

#[test]
fn a_histogram_that_is_too_long_is_skipped_and_one_that_is_uneven_counts_as_far_as_it_goes() {
    let (reporter, workload) = (Reporter::Pod(PodId::new("p")), "default/web".parse::<WorkloadId>().unwrap());
    let address = ([10, 0, 0, 7], 80).into();
    let own = Some(workload.clone());
    let hello =
        Up::Hello { reporter: reporter.clone(), incarnation: 1, workload: own, address, at: Time::ZERO, token: None };
    let (mut decoder, mut bytes) = (Decoder::new(), Vec::new());
    Encoder::new().up(&hello, &mut bytes).unwrap();
    bytes.extend(latency_of(bounds::LATENCY_BUCKETS + 1));
    bytes.extend(latency_of(bounds::LINK_FRAME_BYTES - 100));
    bytes.extend(latency_of(bounds::LATENCY_BUCKETS));
    decoder.feed(&bytes);
    assert_eq!(decoder.next_up(), Ok(Some(hello)));
    let latency = Latency { answered: vec![(Duration::ZERO, 5)], ..Latency::default() };
    assert_eq!(decoder.next_up(), Ok(Some(Up::Latency { reporter, workload, latency })));
    assert_eq!(decoder.next_up(), Ok(None));
}

#[test]
fn a_report_of_a_number_that_nobody_declared_is_refused() {
    let (mut encoder, mut decoder, mut bytes) = (Encoder::new(), Decoder::new(), Vec::new());
    let (reporter, workload) = (Reporter::Activator("a".into()), "default/web".parse().unwrap());
    let left = Up::Left { reporter, workload };
    encoder.up(&left, &mut bytes).unwrap();
    let last = bytes.len() - 8; // a Left is eight bytes
    assert_eq!(bytes[last..], [0, 0, 0, 4, 0x32, 2, 8, 1]);
    decoder.feed(&bytes);
    assert_eq!(decoder.next_up(), Ok(Some(left)));
    decoder.feed(&bytes[last..]);
    assert_eq!(decoder.next_up(), Err(WireError::Undeclared(1)), "after the last word nothing stands for it");
}

/// A Hello with a token of so many bytes.
fn hello_with_token(bytes: usize) -> Vec<u8> {
    let mut hello = Vec::new();
    for (tag, text) in [(1, "p".to_owned()), (5, "10.0.0.7:80".to_owned()), (7, "s".repeat(bytes))] {
        prost::encoding::string::encode(tag, &text, &mut hello);
    }
    let mut frame = Vec::new();
    prost::encoding::bytes::encode(1, &hello, &mut frame);
    [&(frame.len() as u32).to_be_bytes()[..], &frame].concat()
}

#[test]
fn a_token_that_is_too_long_is_refused_and_none_is_ever_printed() {
    let bytes = bounds::LINK_TOKEN_BYTES;
    let mut decoder = Decoder::new();
    decoder.feed(&hello_with_token(bytes));
    let hello = decoder.next_up().unwrap().expect("a Hello");
    assert!(matches!(&hello, Up::Hello { token: Some(token), .. } if token.secret().len() == bytes));
    assert!(!format!("{hello:?}").contains("sss"), "{hello:?}");
    assert_eq!(exhaust(&hello_with_token(bytes + 1))[0], Some(WireError::LongToken(bytes + 1)));
}
