//! What listeners hand requests to.

use std::future::Future;
use std::sync::Arc;

use config::WorkloadId;
use http::{Request, Response};
use hyper::body::Incoming;
use queue_proxy::{Body, Handler, Peer};

use crate::activator::Activator;
use crate::board::Admission;
use crate::serve::serve;

/// Serves all workloads, told apart by the request's host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gateway {
    activator: Arc<Activator>,
}

/// Serves one workload, whatever the host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Door {
    activator: Arc<Activator>,
    workload: WorkloadId,
}

impl Gateway {
    pub(crate) fn new(activator: Arc<Activator>) -> Gateway {
        Gateway { activator }
    }
}

impl Door {
    pub(crate) fn new(activator: Arc<Activator>, workload: WorkloadId) -> Door {
        Door { activator, workload }
    }
}

impl Handler for Gateway {
    type Guard = Admission;

    fn handle(
        &self,
        request: Request<Incoming>,
        _peer: &Peer,
    ) -> impl Future<Output = Response<Body<Admission>>> + Send {
        serve(self.activator.routes().by_host(&request), request)
    }
}

impl Handler for Door {
    type Guard = Admission;

    fn handle(
        &self,
        request: Request<Incoming>,
        _peer: &Peer,
    ) -> impl Future<Output = Response<Body<Admission>>> + Send {
        serve(self.activator.routes().by_id(&self.workload), request)
    }
}
