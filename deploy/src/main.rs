//! The `rouse` command.
//!
//! Exit codes: 0 all is well, 1 something failed while running, 2 the flags or files are wrong.

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use config::WorkloadId;
use deploy::ask::{self, Output};
use deploy::log::{self, LogFormat};
use deploy::run::{self, RunOptions};
use deploy::{files, pod, sample};

/// Gives freed memory back, unlike the system's allocator: after a burst of requests Rouse is small again.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Wakes HTTP services from zero and keeps just as many pods as their traffic needs.
#[derive(Parser)]
#[command(name = "rouse", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the workloads of manifests on this machine, each pod a process
    Run {
        /// Manifest files (YAML); together they are one set
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where the gateway listens; it routes by Host
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Where /healthz, /metrics and /v1/workloads are served
        #[arg(long, default_value = "127.0.0.1:8090")]
        admin: SocketAddr,
        /// How log lines are written
        #[arg(long, default_value = "text")]
        log_format: LogFormat,
    },
    /// Say everything that is wrong with manifests, and run nothing
    Check {
        /// Manifest files (YAML); together they are one set
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// A line for each workload of a running instance
    Status {
        #[command(flatten)]
        ask: Ask,
    },
    /// Why a workload of a running instance has the pods it has
    Explain {
        /// NAME, NAMESPACE/NAME or NAMESPACE/KIND/NAME
        workload: WorkloadId,
        #[command(flatten)]
        ask: Ask,
    },
    /// A small app to try things with
    Sample(sample::Options),
    /// What each pod on one machine runs under (`rouse run` starts it)
    #[command(hide = true)]
    Pod(pod::Options),
}

/// The command line of `rouse pod`, alone.
#[derive(Parser)]
struct PodOnly {
    #[command(flatten)]
    options: pod::Options,
}

#[derive(clap::Args)]
struct Ask {
    /// The instance's admin address
    #[arg(long, default_value = "127.0.0.1:8090")]
    admin: SocketAddr,
    /// How to print the answer
    #[arg(short, long, default_value = "table")]
    output: Output,
}

fn main() -> ExitCode {
    // Every wake goes through `rouse pod`: it does not wait for the whole command line to be built.
    if std::env::args_os().nth(1).is_some_and(|word| word == "pod") {
        return pod::run(&PodOnly::parse_from(std::env::args_os().skip(1)).options);
    }
    match Options::parse().command {
        Command::Run { files, listen, admin, log_format } => {
            log::start(log_format);
            run(&RunOptions { files, listen, admin })
        }
        Command::Check { files } => check(&files),
        Command::Status { ask } => print(block_on(ask::status(ask.admin, ask.output))),
        Command::Explain { workload, ask } => print(block_on(ask::explain(ask.admin, &workload, ask.output))),
        Command::Sample(options) => sample::run(options),
        Command::Pod(options) => pod::run(&options),
    }
}

fn run(options: &RunOptions) -> ExitCode {
    match run::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(run::RunError::BadInput(error)) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
        Err(run::RunError::Failed(error)) => {
            eprintln!("rouse: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check(paths: &[PathBuf]) -> ExitCode {
    match files::read(paths) {
        Ok(manifests) => {
            for warning in &manifests.warnings {
                println!("warning: {warning}");
            }
            if manifests.workloads.is_empty() {
                println!("warning: {}", files::NOTHING_TO_SERVE);
            }
            for declared in &manifests.workloads {
                println!("{}: ok, at {}", declared.source, declared.workload.hosts.join(", "));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}

fn print(answer: anyhow::Result<String>) -> ExitCode {
    match answer {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rouse: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
