//! What a report costs on the wire: `cargo run --release -p config --example link_cost`.

#![allow(clippy::print_stdout, reason = "it is what it is for")]
#![allow(clippy::unwrap_used, reason = "a measurement may panic")]
#![allow(clippy::disallowed_types, reason = "real time is what is measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use config::link::{Decoder, Encoder, Reporter, Up};
use config::{PodId, Report, Time, WorkloadId};

/// Frames that arrive in one piece: one second of a pod, or many workloads of an activator.
const PIECES: [usize; 2] = [1, 200];
const PIECES_READ: usize = 20_000;

fn main() {
    let reporter = Reporter::Pod(PodId::new("web-6d4b75cb6d-hk4bp"));
    let own: WorkloadId = "default/web".parse().unwrap();
    let from = Time::from_nanos(1_750_000_000_000_000_000);
    let hello = Up::Hello {
        reporter: reporter.clone(),
        incarnation: 7,
        workload: Some(own.clone()),
        address: ([10, 0, 0, 7], 8012).into(),
        at: from,
        token: None,
    };
    let report = Report {
        seq: 1_000,
        from,
        to: from + Duration::from_secs(1),
        concurrency_ns: 7_300_000_000,
        arrived: 812,
        peak: 11,
        in_flight: 8,
        waiting: 1,
        open: 8,
        direct_connections: 3,
        direct: 2,
    };
    for (whose, workload) in
        [("its own workload", own.clone()), ("a numbered workload", "default/other".parse().unwrap())]
    {
        let frame = Up::Report { reporter: reporter.clone(), workload, report };
        for reports in PIECES {
            measure(whose, &hello, &frame, reports);
        }
    }
}

fn measure(whose: &str, hello: &Up, frame: &Up, reports: usize) {
    let (mut encoder, mut decoder, mut bytes) = (Encoder::new(), Decoder::new(), Vec::new());
    for first in [hello, frame] {
        encoder.up(first, &mut bytes).unwrap();
    }
    decoder.feed(&bytes);
    while decoder.next_up().unwrap().is_some() {}

    let start = Instant::now();
    for _ in 0..PIECES_READ {
        bytes.clear();
        for _ in 0..reports {
            encoder.up(black_box(frame), &mut bytes).unwrap();
        }
    }
    let written = start.elapsed();
    let start = Instant::now();
    for _ in 0..PIECES_READ {
        decoder.feed(&bytes);
        while let Some(frame) = decoder.next_up().unwrap() {
            black_box(frame);
        }
    }
    let read = start.elapsed();
    let each = |all: Duration| all.as_nanos() / (PIECES_READ * reports) as u128;
    let (length, written, read) = (bytes.len() / reports, each(written), each(read));
    println!("{whose}, {reports} in a piece: {length} bytes, written in {written} ns, read in {read} ns");
}
