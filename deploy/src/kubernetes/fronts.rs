//! Whom the driver tells on a cluster: those who are linked, and then who routes to them.

use std::sync::Arc;

use activator::Wake;
use config::link::Reporter;
use config::{Failure, Pod, PodId, Time, Workload, WorkloadId};

use super::route::Router;
use crate::fronts::Fronts;
use crate::link::Hub;

/// The hub, and the router, which asks the hub and so hears everything after it.
#[derive(Clone, Debug)]
pub struct RoutedFronts {
    /// Who is linked.
    pub hub: Arc<Hub>,
    /// Who routes.
    pub router: Arc<Router>,
}

impl Fronts for RoutedFronts {
    fn workload(&self, workload: &Arc<Workload>) {
        Fronts::workload(&*self.hub, workload);
        self.router.workload(workload);
    }

    fn workload_gone(&self, id: &WorkloadId) {
        self.router.workload_gone(id);
        Fronts::workload_gone(&*self.hub, id);
    }

    fn pod(&self, now: Time, pod: Pod) -> Option<Pod> {
        Fronts::pod(&*self.hub, now, pod)
    }

    fn believed(&self, id: &PodId) -> Option<Pod> {
        self.hub.believed(id)
    }

    fn is_linked(&self, reporter: &Reporter) -> bool {
        self.hub.is_linked(reporter)
    }

    fn failure(&self, now: Time, id: &WorkloadId, failure: Option<&Failure>) {
        self.hub.failure(now, id, failure);
    }

    fn watermark(&self, id: &WorkloadId, watermark: u32) {
        self.hub.watermark(id, watermark);
    }

    fn leave(&self, id: &WorkloadId) {
        self.hub.leave(id);
    }

    fn take_wakes(&self) -> Vec<Wake> {
        self.hub.take_wakes()
    }
}
