//! Runs a real `rouse` and measures it: counts that must hold, and times that are printed.
//!
//! Every part starts the `rouse` that was built beside it, on free ports of the loopback interface, with manifests of
//! its own. A count that does not hold (an error, a limit passed, a process left behind) is exit code 1; times are
//! printed, never judged.

#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

mod activation;
mod client;
mod flood;
mod memory;
mod server;
mod trickle;
mod wakes;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "bench", about = "Measures a real `rouse` on the loopback interface")]
struct Options {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Wakes: one after the other beside the bare command's exec→listen, then all at once
    Wakes {
        /// How many workloads
        #[arg(long, default_value_t = 100)]
        count: usize,
    },
    /// 1,000 requests at once, each on its own connection, at zero pods that take one request at a time
    Flood {
        /// How many requests
        #[arg(long, default_value_t = 1000)]
        count: usize,
    },
    /// A Poisson trickle through every state on the way to zero and back: sent = answered 200
    Trickle {
        /// Returns to zero to see
        #[arg(long, default_value_t = 10)]
        returns: usize,
        /// Seconds after which to stop all the same
        #[arg(long = "for", default_value_t = 1800)]
        seconds: u64,
        /// Mean seconds between two requests
        #[arg(long, default_value_t = 8.0)]
        gap: f64,
        /// Seed of the arrivals
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Memory a held request costs, over HTTP/1 connections and HTTP/2 streams, and of an idle `rouse`
    Memory {
        /// How many requests to hold
        #[arg(long, default_value_t = 10_000)]
        count: usize,
        /// Seconds to wait after the last request before the idle figure is read
        #[arg(long, default_value_t = 60)]
        idle: u64,
    },
    /// knative-service.yaml: two pods from the first request to the last, then none
    Activation {
        /// The stable window, in seconds (the file says 60)
        #[arg(long, default_value_t = 60)]
        window: u64,
    },
}

fn main() -> ExitCode {
    match measure(Options::parse().part) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(part: Part) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match part {
            Part::Wakes { count } => wakes::run(count).await,
            Part::Flood { count } => flood::run(count).await,
            Part::Trickle { returns, seconds, gap, seed } => {
                trickle::run(returns, Duration::from_secs(seconds), gap, seed).await
            }
            Part::Memory { count, idle } => memory::run(count, Duration::from_secs(idle)).await,
            Part::Activation { window } => activation::run(window).await,
        }
    })
}

/// The value below which `share` of the sorted `values` lie.
fn quantile(values: &[Duration], share: f64) -> Duration {
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len());
    values[at - 1]
}

/// Milliseconds, for printing.
fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
