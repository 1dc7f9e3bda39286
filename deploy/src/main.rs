//! The `rouse` command.
//!
//! Exit codes: 0 all is well, 1 something failed while running, 2 the flags or files are wrong.

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use config::WorkloadId;
use deploy::activate::{self, ActivatorOptions};
use deploy::ask::{self, Instance, Output};
use deploy::autoscale::{self, AutoscalerOptions, IdentityFlag, PlatformFlag};
use deploy::log::{self, LogFormat};
use deploy::process::RunError;
use deploy::run::{self, RunOptions};
use deploy::spans::Endpoint;
use deploy::{files, flag, pod, sample};

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
        /// Where spans of wakes and of changes of scale go, by OTLP over HTTP: http://HOST:PORT
        #[arg(long, value_name = "URL")]
        #[cfg_attr(feature = "otel", arg(env = "OTEL_EXPORTER_OTLP_ENDPOINT"))]
        #[cfg_attr(not(feature = "otel"), arg(hide = true))]
        otlp_endpoint: Option<Endpoint>,
        /// How log lines are written
        #[arg(long, default_value = "text")]
        log_format: LogFormat,
    },
    /// Decide how many pods workloads need, by what activators and queue-proxies report
    Autoscaler(Autoscaler),
    /// Hold and balance requests, as the autoscaler says
    Activator(ActivatorFlags),
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
struct Autoscaler {
    /// Where pods live: static:FILE, where FILE lists workloads and pods
    #[arg(long)]
    platform: PlatformFlag,
    /// Where the pods that are wanted are written, as JSON
    #[arg(long)]
    wishes: Option<PathBuf>,
    /// Where activators and queue-proxies connect
    #[arg(long, default_value = "127.0.0.1:8091")]
    listen: SocketAddr,
    /// Where /healthz, /readyz, /metrics and /v1/workloads are served
    #[arg(long, default_value = "127.0.0.1:8092")]
    admin: SocketAddr,
    /// The certificate (PEM) of the port that they connect to; without it that port is plain
    #[arg(long, requires = "link_key")]
    link_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, requires = "link_cert")]
    link_key: Option<PathBuf>,
    /// How they show who they are
    #[arg(long, default_value = "none")]
    reporter_identity: IdentityFlag,
    /// How long after its start nothing is taken for gone that has not spoken yet
    #[arg(long, default_value = "10s", value_parser = flag::duration)]
    sync_after: Duration,
    /// How log lines are written
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
}

#[derive(clap::Args)]
struct ActivatorFlags {
    /// Where the autoscaler listens for it: HOST:PORT
    #[arg(long)]
    autoscaler: String,
    /// Where the gateway listens; it routes by Host
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where /healthz, /readyz, /metrics and /v1/workloads are served
    #[arg(long, default_value = "127.0.0.1:8093")]
    admin: SocketAddr,
    /// The address at which clients reach it, where that is not the one it listens at
    #[arg(long, env = "ROUSE_POD_IP")]
    pod_ip: Option<IpAddr>,
    /// Its name, which no other activator has
    #[arg(long)]
    name: String,
    /// Who signs the autoscaler's certificate (PEM); without it the Link is plain
    #[arg(long)]
    link_ca: Option<PathBuf>,
    /// The file of the token that shows the autoscaler who this is; read each time that it connects
    #[arg(long, requires = "link_ca")]
    link_token: Option<PathBuf>,
    /// How long it serves on after the last new connection once it is told to end
    #[arg(long, default_value = "10s", value_parser = flag::duration)]
    drain_quiet: Duration,
    /// How log lines are written
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
}

#[derive(clap::Args)]
struct Ask {
    /// The instance's admin address
    #[arg(long, default_value = "127.0.0.1:8090")]
    admin: SocketAddr,
    /// Ask the autoscaler of the cluster that KUBECONFIG names instead
    #[arg(long, conflicts_with = "admin")]
    cluster: bool,
    /// The namespace where it is installed
    #[arg(long, default_value = deploy::kubernetes::names::NAMESPACE, requires = "cluster")]
    namespace: String,
    /// How to print the answer
    #[arg(short, long, default_value = "table")]
    output: Output,
}

impl Ask {
    fn instance(&self) -> Instance {
        match self.cluster {
            true => Instance::Cluster { namespace: self.namespace.clone() },
            false => Instance::At(self.admin),
        }
    }
}

fn main() -> ExitCode {
    // Every wake goes through `rouse pod`: it does not wait for the whole command line to be built.
    if std::env::args_os().nth(1).is_some_and(|word| word == "pod") {
        return pod::run(&PodOnly::parse_from(std::env::args_os().skip(1)).options);
    }
    match Options::parse().command {
        Command::Run { files, listen, admin, otlp_endpoint, log_format } => {
            log::start(log_format);
            ended(run::run(&RunOptions { files, listen, admin, otlp_endpoint }))
        }
        Command::Autoscaler(flags) => ended(autoscale(flags)),
        Command::Activator(flags) => ended(activate(flags)),
        Command::Check { files } => check(&files),
        Command::Status { ask } => print(block_on(ask::status(&ask.instance(), ask.output))),
        Command::Explain { workload, ask } => print(block_on(ask::explain(&ask.instance(), &workload, ask.output))),
        Command::Sample(options) => sample::run(options),
        Command::Pod(options) => pod::run(&options),
    }
}

fn autoscale(flags: Autoscaler) -> Result<(), RunError> {
    log::start(flags.log_format);
    let Autoscaler { platform, wishes, listen, admin, link_cert, link_key, reporter_identity, sync_after, .. } = flags;
    let tls = link_cert.zip(link_key);
    autoscale::run(&AutoscalerOptions { platform, wishes, listen, admin, tls, reporter_identity, sync_after })
}

fn activate(flags: ActivatorFlags) -> Result<(), RunError> {
    log::start(flags.log_format);
    let ActivatorFlags { autoscaler, listen, admin, pod_ip, name, link_ca, link_token, drain_quiet, .. } = flags;
    activate::run(&ActivatorOptions { autoscaler, listen, admin, pod_ip, name, link_ca, link_token, drain_quiet })
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
