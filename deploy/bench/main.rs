//! Runs a real `rouse` and measures it: counts that must hold, and times that are printed.
//!
//! Every part starts the `rouse` that was built beside it, on free ports of the loopback interface, with manifests of
//! its own. A count that does not hold (an error, a limit passed, a process left behind) is exit code 1; times are
//! printed, never judged.

#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

mod activation;
mod burst;
mod client;
mod cluster;
mod contracts;
mod flood;
mod kills;
mod load;
mod memory;
mod restart;
mod scale;
mod scrape;
mod served;
mod server;
mod slow_pod;
mod town;
mod trickle;
mod triggers;
mod usage;
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
    /// Two activators, direct clients and four pods under load: counts that must hold, at container-concurrency 1 and 10
    Contracts {
        /// How long, both together
        #[arg(long = "for", value_parser = deploy::flag::duration, default_value = "60s")]
        time: Duration,
    },
    /// From 5 to 200 requests in flight at two pods: how long until more pods are wished for
    Burst {
        /// How long, all four cases together
        #[arg(long = "for", value_parser = deploy::flag::duration, default_value = "2m")]
        time: Duration,
    },
    /// A pod that takes 100 ms beside one that takes 10: the share of requests that the slow one gets
    SlowPod {
        /// At most how long, all concurrencies together
        #[arg(long = "for", value_parser = deploy::flag::duration, default_value = "10m")]
        time: Duration,
        /// How many requests at each concurrency
        #[arg(long, default_value_t = 10_000)]
        count: u64,
    },
    /// Eight busy pods, and an autoscaler that is killed and started again: the fewest pods that it then wishes for
    Restart {
        /// How long, all kills together
        #[arg(long = "for", value_parser = deploy::flag::duration, default_value = "5m")]
        time: Duration,
        /// The stable window
        #[arg(long, value_parser = deploy::flag::duration, default_value = "60s")]
        window: Duration,
    },
    /// 10,000 workloads, idle and then with 50,000 pods that report each second: CPU, memory, reaction
    Scale(scale::Options),
    /// 1,000 ScaledObjects that ask Prometheus 50 queries, then with another server that hangs: reads, CPU, time to decide
    Triggers(triggers::Options),
    /// On the Kubernetes cluster that KUBECONFIG names, where Rouse is installed: every promise, one scenario each
    Cluster(cluster::Options),
    /// Steady load while processes end or are killed, pods are rolled, settings edited, and all goes to zero and back
    Kills {
        /// How long, all parts together
        #[arg(long = "for", value_parser = deploy::flag::duration, default_value = "10m")]
        time: Duration,
        /// Against which form of Rouse
        #[arg(long, default_value = "both")]
        against: kills::Against,
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
            Part::Contracts { time } => contracts::run(time).await,
            Part::Scale(options) => scale::run(options).await,
            Part::Triggers(options) => triggers::run(options).await,
            Part::Cluster(options) => cluster::run(options).await,
            Part::Kills { time, against } => kills::run(time, against).await,
            Part::Burst { time } => burst::run(time).await,
            Part::SlowPod { time, count } => slow_pod::run(time, count).await,
            Part::Restart { time, window } => restart::run(time, window).await,
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
