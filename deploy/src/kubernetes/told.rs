//! What is told of objects of the cluster, on its way to whoever makes events of it.

use config::{WorkloadId, bounds};
use tokio::sync::mpsc;

/// Something to tell of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Which object.
    pub about: About,
    /// Whether somebody should look at it.
    pub tone: Tone,
    /// What kind of thing it is, in one word that never changes: `Woke`, `BadAnnotation`.
    pub reason: &'static str,
    /// What there is to say, in a sentence.
    pub message: String,
}

/// The object that something is told of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum About {
    /// A workload.
    Workload(WorkloadId),
    /// Any object.
    Object(ObjectRef),
}

/// Names an object of the cluster, as events do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `apps/v1`
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID, by which `kubectl describe` finds its events; may be empty.
    pub uid: String,
}

/// Whether somebody should look at what is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// All is as it should be.
    Normal,
    /// Something is wrong or odd.
    Warning,
}

/// To whom it is told. Never waits: what nobody takes in time is dropped. Cheap to clone; the default tells nobody.
#[derive(Clone, Debug, Default)]
pub struct Teller(Option<mpsc::Sender<Told>>);

impl Teller {
    /// A teller, and where what it tells comes out.
    pub fn channel() -> (Teller, mpsc::Receiver<Told>) {
        let (sender, receiver) = mpsc::channel(bounds::KUBE_TOLD);
        (Teller(Some(sender)), receiver)
    }

    /// Whether anybody hears it.
    pub fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// Tells it, unless too much waits to be told already.
    pub fn tell(&self, told: Told) {
        if let Some(sender) = &self.0
            && sender.try_send(told).is_err()
        {
            crate::exposition::kube_told_dropped();
        }
    }

    /// Tells that something of a workload is as it should be.
    pub fn news(&self, workload: &WorkloadId, reason: &'static str, message: String) {
        self.tell(Told { about: About::Workload(workload.clone()), tone: Tone::Normal, reason, message });
    }

    /// Tells that something of a workload is wrong or odd.
    pub fn warn(&self, workload: &WorkloadId, reason: &'static str, message: String) {
        self.tell(Told { about: About::Workload(workload.clone()), tone: Tone::Warning, reason, message });
    }
}
