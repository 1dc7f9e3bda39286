//! The `rouse` command.
//!
//! Exit codes: 0 all is well, 1 something failed while running, 2 the flags or files are wrong.

#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use config::{WorkloadId, bounds};
use deploy::activate::{self, ActivatorOptions};
use deploy::ask::{self, Instance, Output};
use deploy::autoscale::{self, AutoscalerOptions, ClusterOptions, IdentityFlag, PlatformFlag};
use deploy::install::{self, InstallFlags, ManifestsFlags, UninstallFlags};
use deploy::kubernetes::discovery::KindName;
use deploy::kubernetes::lease::LeaseTimes;
use deploy::kubernetes::names;
use deploy::log::{self, LogFormat};
use deploy::process::RunError;
use deploy::run::{self, RunOptions};
use deploy::spans::Endpoint;
use deploy::{files, flag, inject, pod, sample};

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
        ask: Ask,
    },
    /// Why a workload of a running instance has the pods it has
    Explain {
        /// NAME, NAMESPACE/NAME or NAMESPACE/KIND/NAME
        workload: WorkloadId,
        #[command(flatten)]
        ask: Ask,
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

#[derive(clap::Args)]
struct Autoscaler {
    /// Where pods live: kubernetes, or static:FILE, where FILE lists workloads and pods
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
    #[command(flatten)]
    cluster: ClusterFlags,
    /// How log lines are written
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
}

/// What matters with `--platform kubernetes` only.
#[derive(clap::Args)]
struct ClusterFlags {
    /// The namespace where Rouse is installed
    #[arg(long, env = "NAMESPACE", default_value = names::NAMESPACE)]
    namespace: String,
    /// The name of this process among autoscalers: its pod's
    #[arg(long, env = "POD_NAME", default_value = names::AUTOSCALER)]
    pod_name: String,
    /// The address of its pod, to which the Service rouse-autoscaler leads while this one decides
    #[arg(long, env = "POD_IP")]
    pod_ip: Option<IpAddr>,
    /// A kind with a scale subresource to scale besides Deployments and StatefulSets: rollouts.argoproj.io
    #[arg(long = "kind", value_name = "KIND.GROUP")]
    kinds: Vec<KindName>,
    /// Serve Knative's Service objects, if their definition on the cluster is ours
    #[arg(long)]
    knative_services: bool,
    /// How long the Lease lasts by which one autoscaler decides
    #[arg(long, default_value = "15s")]
    lease_duration: LeaseTimes,
    /// Writes to the apiserver a second in the long run
    #[arg(long, default_value_t = bounds::KUBE_API_QPS)]
    kube_api_qps: f64,
    /// Writes to the apiserver at once
    #[arg(long, default_value_t = bounds::KUBE_API_BURST)]
    kube_api_burst: u32,
    /// How long no pod may have seen a request past the activators until it is believed that there are no more
    #[arg(long, default_value = "5s", value_parser = flag::duration)]
    route_settle: Duration,
    /// How long the certificate is good for that the cluster's authority signs for the port for Links
    #[arg(long, default_value = "720h", value_parser = flag::duration)]
    certificate_lifetime: Duration,
}

impl From<ClusterFlags> for ClusterOptions {
    fn from(flags: ClusterFlags) -> ClusterOptions {
        ClusterOptions {
            namespace: flags.namespace,
            pod_name: flags.pod_name,
            pod_ip: flags.pod_ip,
            kinds: flags.kinds,
            knative_services: flags.knative_services,
            lease: flags.lease_duration,
            qps: flags.kube_api_qps,
            burst: flags.kube_api_burst,
            route_settle: flags.route_settle,
            certificate_lifetime: flags.certificate_lifetime,
        }
    }
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

fn autoscale(flags: Autoscaler) -> Result<(), RunError> {
    log::start(flags.log_format);
    let Autoscaler { platform, wishes, listen, admin, link_cert, link_key, .. } = flags;
    let (tls, cluster) = (link_cert.zip(link_key), flags.cluster.into());
    let (reporter_identity, sync_after) = (flags.reporter_identity, flags.sync_after);
    autoscale::run(&AutoscalerOptions { platform, wishes, listen, admin, tls, reporter_identity, cluster, sync_after })
}

fn activate(flags: ActivatorFlags) -> Result<(), RunError> {
    log::start(flags.log_format);
    let ActivatorFlags { autoscaler, listen, admin, pod_ip, name, link_ca, link_token, drain_quiet, .. } = flags;
    activate::run(&ActivatorOptions { autoscaler, listen, admin, pod_ip, name, link_ca, link_token, drain_quiet })
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
                println!("{}: ok, at {}", declared.source, declared.workload.hosts.join(", "));
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
