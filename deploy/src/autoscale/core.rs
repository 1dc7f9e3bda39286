//! What decides, whatever the platform: the engine, who is linked, and the task that drives them.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use autoscaler::{Engine, EngineSettings, Reporters, StartAs};
use config::Platform;
use metrics_exporter_prometheus::PrometheusHandle;
use parking_lot::Mutex;
use queue_proxy::{Clock, Connections};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::admin::Admin;
use crate::drive::Driver;
use crate::external::{Counted, Port};
use crate::fronts::Fronts;
use crate::jobs;
use crate::link::{self, Heard, Hub, Identity, LinkServer};
use crate::narrate::Narrator;
use crate::process::listen;
use crate::triggers::{Keepers, Told};

/// How long after the whole second the engine ticks: the reports of that second, which reporters send within
/// [`config::bounds::LINK_SPREAD`] after it, are in by then.
const TICK_OFFSET: Duration = Duration::from_millis(50);

/// The parts, before they run.
pub(super) struct Core {
    pub(super) clock: Clock,
    pub(super) hub: Arc<Hub>,
    engine: Arc<Mutex<Engine>>,
    counted: Counted,
    triggers: Told,
    /// What is known of ScaledJobs.
    pub(super) jobs: jobs::Told,
    sender: mpsc::Sender<Heard>,
    frames: mpsc::Receiver<Heard>,
}

impl Core {
    /// Parts that know nothing yet; for `sync_after` from now on they take nothing for gone that has not spoken.
    pub(super) fn new(sync_after: Duration) -> Core {
        let clock = Clock::wall();
        let settings = EngineSettings { tick_offset: TICK_OFFSET, start: StartAs::Zero, reporters: Reporters::Linked };
        let engine = Arc::new(Mutex::new(Engine::new(settings)));
        let counted = Counted::new(Arc::clone(&engine), clock);
        let hub = Hub::new(clock, RandomState::new().hash_one(()), sync_after);
        let (sender, frames) = link::channel();
        Core { clock, hub, engine, counted, triggers: Told::default(), jobs: jobs::Told::default(), sender, frames }
    }

    /// Serves the admin port.
    pub(super) fn answer(&self, tasks: &mut JoinSet<()>, port: TcpListener, metrics: PrometheusHandle) {
        let admin = Admin::of_autoscaler(Arc::clone(&self.engine), Arc::clone(&self.hub), self.clock, metrics);
        tasks.spawn(listen(Connections::default(), port, admin.with_triggers(&self.triggers).with_jobs(&self.jobs)));
    }

    /// Answers KEDA, if there is a port for it.
    pub(super) fn answer_keda(&self, tasks: &mut JoinSet<()>, port: Option<Port>) {
        if let Some(port) = port {
            tasks.spawn(port.serve(self.counted.clone()));
        }
    }

    /// Who keeps what triggers ask for known; none are served yet.
    pub(super) fn keepers(&self) -> Keepers {
        Keepers::new(Arc::clone(&self.engine), self.sender.clone(), self.clock).telling(self.triggers.clone())
    }

    /// Serves reporters, and decides.
    pub(super) fn start<P: Platform, F: Fronts>(
        self,
        tasks: &mut JoinSet<()>,
        (platform, fronts): (&Arc<P>, Arc<F>),
        narrator: Narrator,
        reporters: TcpListener,
        (tls, identity): (Option<TlsAcceptor>, Identity),
    ) {
        let Core { clock, hub, engine, counted, sender, frames, .. } = self;
        let server = LinkServer::new(hub, clock, sender, tls, identity);
        let platform = Arc::clone(platform);
        let narrator = narrator.with_counted(counted);
        tasks.spawn(Driver { platform, engine, fronts, clock, frames, narrator }.run());
        tasks.spawn(Arc::clone(&server).tend());
        tasks.spawn(server.listen(reporters));
    }
}
