//! The autoscaler of a cluster: of several, the one that holds the Lease decides.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use config::{WorkloadId, bounds};
use queue_proxy::Clock;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::info;

use super::core::Core;
use super::{AutoscalerOptions, ClusterOptions};
use crate::external::Port;
use crate::kubernetes::authority::Authority;
use crate::kubernetes::client;
use crate::kubernetes::discovery::Discovered;
use crate::kubernetes::disruption::Disruptions;
use crate::kubernetes::endpoint::LinkEndpoint;
use crate::kubernetes::events::Recorder;
use crate::kubernetes::fronts::RoutedFronts;
use crate::kubernetes::identity::Verifier;
use crate::kubernetes::keda::{self, KedaParts};
use crate::kubernetes::knative;
use crate::kubernetes::lease::Lease;
use crate::kubernetes::names;
use crate::kubernetes::own_pods;
use crate::kubernetes::platform::{KubernetesParts, KubernetesPlatform};
use crate::kubernetes::route::{Router, RouterParts};
use crate::kubernetes::route_calls::RouteCalls;
use crate::kubernetes::told::Teller;
use crate::kubernetes::writes::Writes;
use crate::link::{Identity, OwnPods, ReporterIdentity};
use crate::narrate::Narrator;
use crate::process::{RunError, Signals, bind, raise_file_limit};
use crate::triggers::Counted;
use crate::{exposition, jobs};

/// Waits for the Lease, and decides for as long as it is held.
pub(super) async fn serve(options: &AutoscalerOptions) -> Result<(), RunError> {
    raise_file_limit();
    let cluster = &options.cluster;
    let mut signals = Signals::new()?;
    let reporters = bind(options.listen, "the port for Links", "choose another with --listen")?;
    let asking = bind(options.admin, "the admin port", "choose another with --admin")?;
    let scaler = options.external_scaler.map(Port::bind).transpose()?;
    let metrics = exposition::start()?;
    let client = client::connect().await.context("no cluster: neither in a pod, nor does KUBECONFIG name one")?;
    let writes = Writes::new(client, cluster.kube_api_qps, cluster.kube_api_burst);
    let discovered = Discovered::read(writes.client(), &cluster.kinds).await;
    let discovered = Arc::new(discovered.context("the cluster does not serve what is needed")?);
    let tls = tls(options, &writes).await?;
    // Before the Lease is held: nothing that takes long may come between that and keeping it.
    let mut tasks = JoinSet::new();
    let identity = identity(options, &writes, &mut tasks).await;

    let core = Core::new(options.sync_after);
    core.answer(&mut tasks, asking, metrics);
    let mut lease = Lease::new(writes.clone(), &cluster.namespace, cluster.pod_name.as_str(), cluster.lease_duration);
    info!("waiting for the Lease");
    tokio::select! {
        () = lease.acquire() => {}
        () = signals.first() => return Ok(()),
    }
    let leading = Leading { options, writes, discovered, scaler };
    leading.start(&mut tasks, core, reporters, (tls, identity));
    let ended = tokio::select! {
        () = lease.keep() => Err(RunError::Failed(anyhow!("the Lease is lost: another decides"))),
        () = signals.first() => Ok(()),
        // None of them ends by itself.
        Some(ended) = tasks.join_next() => Err(RunError::Failed(anyhow!("a part of it ended: {ended:?}"))),
    };
    tasks.shutdown().await; // nothing is written any more once the Lease is given up
    lease.release().await;
    info!("ended");
    ended
}

/// Certificate and key of the files that were named, else by the authority of the cluster.
async fn tls(options: &AutoscalerOptions, writes: &Writes) -> anyhow::Result<Option<TlsAcceptor>> {
    if let Some((certificate, key)) = options.link_files() {
        return crate::link::tls::read(certificate, key).map(Some);
    }
    let namespace = &options.cluster.namespace;
    let authority = Authority::ensure(writes, namespace).await.context("no certificate authority")?;
    let service = format!("{}.{namespace}.svc", names::AUTOSCALER);
    let own = authority.server_config(&[service], options.cluster.certificate_lifetime, "h2");
    Ok(Some(TlsAcceptor::from(own.context("no certificate for the port for Links")?)))
}

/// The one that decides.
struct Leading<'a> {
    options: &'a AutoscalerOptions,
    writes: Writes,
    discovered: Arc<Discovered>,
    /// Where KEDA asks.
    scaler: Option<Port>,
}

impl Leading<'_> {
    fn start(
        self,
        tasks: &mut JoinSet<()>,
        core: Core,
        reporters: TcpListener,
        trust: (Option<TlsAcceptor>, Identity),
    ) {
        let Leading { options, writes, discovered, scaler } = self;
        let (cluster, clock, jobs) = (&options.cluster, core.clock, core.jobs.clone());
        let (teller, told) = Teller::channel();
        let (routes, calls) = RouteCalls::channel();
        let (wakes, woken) = mpsc::channel(bounds::KUBE_ROUTE_WAKES);
        let router = Router::new(RouterParts {
            writes: writes.clone(),
            slices: discovered.endpoint_slices.clone(),
            hub: Arc::clone(&core.hub),
            teller: teller.clone(),
            wakes,
            clock,
            settle: cluster.route_settle,
        });
        let disruptions = Arc::new(Disruptions::new(writes.clone(), discovered.disruption_budgets.clone()));
        let knative = watch::Sender::new(knative::Settings::default());
        let knative_settings = cluster.knative_services.then(|| knative.subscribe());
        let counted = Counted::default();
        let keepers = cluster.keda_objects.then(|| core.keepers().counted(counted.clone()));
        let platform = KubernetesPlatform::new(KubernetesParts {
            writes: writes.clone(),
            discovered: Arc::clone(&discovered),
            namespace: cluster.namespace.clone(),
            clock,
            routes,
            router: Some(Arc::clone(&router)),
            knative,
            disruptions: Arc::clone(&disruptions),
            teller: teller.clone(),
            wakes: core.hub.wakes(),
            counted,
        });
        let fronts = Arc::new(RoutedFronts { hub: Arc::clone(&core.hub), router: Arc::clone(&router) });
        let narrator = Narrator::new(core.hub.wakes()).with_teller(teller.clone());
        let name = cluster.pod_name.clone();
        tasks.spawn(Recorder::new(writes.clone(), Arc::clone(&platform), clock, told, name).run());
        core.answer_keda(tasks, scaler);
        core.start(tasks, (&platform, fronts), narrator, reporters, trust);
        tasks.spawn(follow_reach(Arc::clone(&router), Arc::clone(&platform)));
        if let Some(keepers) = keepers {
            let parts = keda_parts(cluster, (&writes, &discovered), &platform, (clock, teller), jobs);
            tasks.spawn(async move { match keda::run(parts, keepers).await {} });
        }
        tasks.spawn(wake_for_release(woken, platform));
        tasks.spawn(async move { match disruptions.run().await {} });
        if let Some(settings) = knative_settings {
            let writes = writes.clone();
            tasks.spawn(async move { match knative::run(writes, settings).await {} });
        }
        tasks.spawn(Arc::clone(&router).carry_out(calls));
        tasks.spawn(router.run());
        tasks.spawn(lead_here(options.clone(), writes, Arc::clone(&discovered)));
    }
}

/// Leads those who connect to the autoscaler to this one, if it knows where it is.
async fn lead_here(options: AutoscalerOptions, writes: Writes, discovered: Arc<Discovered>) {
    let ClusterOptions { namespace, pod_ip, .. } = &options.cluster;
    let Some(address) = *pod_ip else { return std::future::pending().await };
    let endpoint = LinkEndpoint::new(writes, namespace, &discovered.endpoint_slices.version, address);
    match options.external_scaler {
        Some(_) => endpoint.with_scaler().keep().await,
        None => endpoint.keep().await,
    }
}

/// What serving KEDA's objects takes.
fn keda_parts(
    cluster: &ClusterOptions,
    (writes, discovered): (&Writes, &Arc<Discovered>),
    platform: &Arc<KubernetesPlatform>,
    (clock, teller): (Clock, Teller),
    jobs: jobs::Told,
) -> KedaParts {
    KedaParts {
        writes: writes.clone(),
        discovered: Arc::clone(discovered),
        platform: Arc::clone(platform),
        clock,
        teller,
        namespace: cluster.namespace.clone(),
        secrets: cluster.trigger_secrets.clone(),
        jobs,
    }
}

async fn identity(options: &AutoscalerOptions, writes: &Writes, tasks: &mut JoinSet<()>) -> Identity {
    let (client, namespace) = (writes.client().clone(), options.cluster.namespace.clone());
    match options.reporter_identity {
        ReporterIdentity::None => Identity::None,
        ReporterIdentity::Address => {
            let own = OwnPods::default();
            let kept = own.clone();
            tasks.spawn(async move { own_pods::follow(client, &namespace, kept).await });
            Identity::Address(own)
        }
        ReporterIdentity::Token => {
            let verifier = Verifier::new(client);
            verifier.prepare().await;
            Identity::Token { verifier, namespace: namespace.into() }
        }
    }
}

/// Hosts and protocols of workloads, as their Services have them.
async fn follow_reach(router: Arc<Router>, platform: Arc<KubernetesPlatform>) {
    let mut changed = router.follow_reach();
    loop {
        for id in changed.next().await {
            platform.set_reach(&id, router.reach(&id));
        }
    }
}

/// A workload that sleeps gets a pod before its Service is given back.
async fn wake_for_release(mut woken: mpsc::Receiver<WorkloadId>, platform: Arc<KubernetesPlatform>) {
    while let Some(id) = woken.recv().await {
        if let Err(error) = platform.wake(&id).await {
            tracing::warn!("cannot wake {id}, whose Service is to be given back: {error}");
        }
    }
}
