//! The `rouse` command.
//!
//! Exit codes: 0 all is well, 1 something failed while running, 2 the flags or files are wrong.

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use config::WorkloadId;
use deploy::activate::{self, ActivatorOptions};
use deploy::ask::{self, AskOptions};
use deploy::autoscale::{self, AutoscalerOptions};
use deploy::install::{self, InstallFlags, ManifestsFlags, UninstallFlags};
use deploy::process::RunError;
use deploy::run::{self, RunOptions};
use deploy::{files, inject, pod, sample};

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
    Run(RunOptions),
    /// Decide how many pods workloads need, by what activators and queue-proxies report
    Autoscaler(AutoscalerOptions),
    /// Hold and balance requests, as the autoscaler says
    Activator(ActivatorOptions),
    /// Give pods on Kubernetes their queue-proxies
    Injector(inject::Options),
    /// Say everything that is wrong with manifests, and run nothing
    Check {
        /// Manifest files (YAML); together they are one set
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// A line for each workload of a running instance
    Status {
        #[command(flatten)]
        ask: AskOptions,
    },
    /// Why a workload of a running instance has the pods it has
    Explain {
        /// NAME, NAMESPACE/NAME or NAMESPACE/KIND/NAME; the kind may be ScaledJob
        workload: WorkloadId,
        #[command(flatten)]
        ask: AskOptions,
    },
    /// Print everything that Rouse consists of on Kubernetes, as YAML
    Manifests(ManifestsFlags),
    /// Install Rouse on Kubernetes, or bring it to this version
    Install(InstallFlags),
    /// Give all workloads back to Kubernetes, and remove Rouse
    Uninstall(UninstallFlags),
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

fn main() -> ExitCode {
    // Every wake goes through `rouse pod`: it does not wait for the whole command line to be built.
    if std::env::args_os().nth(1).is_some_and(|word| word == "pod") {
        return pod::run(&PodOnly::parse_from(std::env::args_os().skip(1)).options);
    }
    match Options::parse().command {
        Command::Run(options) => ended(run::run(&options)),
        Command::Autoscaler(options) => ended(autoscale::run(&options)),
        Command::Activator(options) => ended(activate::run(&options)),
        Command::Injector(options) => ended(inject::run(&options)),
        Command::Check { files } => check(&files),
        Command::Status { ask } => print(block_on(ask::status(&ask.instance(), ask.output))),
        Command::Explain { workload, ask } => print(block_on(ask::explain(&ask.instance(), &workload, ask.output))),
        Command::Manifests(flags) => print(install::yaml(&install::manifests(&flags.settings())).map_err(Into::into)),
        Command::Install(flags) => told(block_on(enter(&flags))),
        Command::Uninstall(flags) => told(block_on(leave(&flags))),
        Command::Sample(options) => sample::run(options),
        Command::Pod(options) => pod::run(&options),
    }
}

async fn enter(flags: &InstallFlags) -> anyhow::Result<()> {
    let client = install::connect(flags.target.context.as_deref()).await?;
    install::install(client, flags.settings(), flags.target.how, &mut |line| println!("{line}")).await
}

async fn leave(flags: &UninstallFlags) -> anyhow::Result<()> {
    let client = install::connect(flags.target.context.as_deref()).await?;
    let UninstallFlags { namespace, target, leaving } = flags;
    install::uninstall(client, namespace, *leaving, target.how, &mut |line| println!("{line}")).await
}

fn told(done: anyhow::Result<()>) -> ExitCode {
    ended(done.map_err(RunError::Failed))
}

fn ended(ended: Result<(), RunError>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunError::BadInput(error)) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
        Err(RunError::Failed(error)) => {
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
            if manifests.workloads.is_empty() && manifests.scaled_jobs.is_empty() {
                println!("warning: {}", files::NOTHING_TO_SERVE);
            }
            for declared in &manifests.workloads {
                match declared.worker {
                    true => println!("{}: ok, for triggers only: no Service is its", declared.source),
                    false => println!("{}: ok, at {}", declared.source, declared.workload.hosts.join(", ")),
                }
            }
            let objects = manifests.scaled_objects.iter().map(|declared| (&declared.place, &declared.object.triggers));
            let jobs = manifests.scaled_jobs.iter().map(|declared| (&declared.place, &declared.job.triggers));
            for ((file, object), triggers) in objects.chain(jobs) {
                let kinds: Vec<&str> = triggers.iter().map(|trigger| trigger.kind.as_str()).collect();
                println!("{file}: {object}: ok, on {}", kinds.join(", "));
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
