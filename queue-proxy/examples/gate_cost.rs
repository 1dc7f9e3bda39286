//! What admission and release cost, counting included: `cargo run --release -p queue-proxy --example gate_cost`.

#![expect(clippy::disallowed_types, reason = "it measures the machine: virtual time would measure nothing")]
#![expect(clippy::print_stdout, reason = "it has nothing else to say it with")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use queue_proxy::{Clock, Gate};

const TIMES: u32 = 5_000_000;

fn nanoseconds(gate: &Arc<Gate>, threads: u32) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..TIMES / threads {
                    drop(black_box(gate.try_admit()));
                }
            });
        }
    });
    start.elapsed().as_nanos() as f64 / f64::from(TIMES)
}

fn main() {
    for slots in [0, 100] {
        let gate = Gate::new(slots, Clock::start());
        for threads in [1, 2] {
            println!("{slots} slots, {threads} threads: {:.1} ns", nanoseconds(&gate, threads));
        }
    }
}
