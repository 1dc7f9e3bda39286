//! What Rouse answers as an external scaler.

use std::fmt;
use std::sync::Arc;

use config::{WorkloadId, bounds};
use futures_core::Stream;
use futures_util::stream;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::asked::{Asked, Metric};
use super::messages::{self as say, GetMetrics, IsActive, MetricSpecs, MetricValue, MetricValues, ScaledObjectRef};

/// What is counted of a workload now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests that wait for a pod.
    pub held: u64,
    /// Requests that wait or are in apps.
    pub open: u64,
}

/// Where the scaler has its answers from. Both are asked on the gRPC port's task and must not wait; none stands for a
/// workload that nobody knows.
#[derive(Clone)]
pub struct Queries {
    /// What is counted now.
    pub load: Query<Load>,
    /// Whether there is anything to do, told as it changes. It ends when the workload does.
    pub activity: Query<watch::Receiver<bool>>,
}

/// A question about one workload.
pub type Query<T> = Arc<dyn Fn(&WorkloadId) -> Option<T> + Send + Sync>;

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queries").finish_non_exhaustive()
    }
}

impl Queries {
    /// Answers one call.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        match request.uri().path() {
            say::IS_ACTIVE => {
                let ask = service_fn(|asked: tonic::Request<ScaledObjectRef>| self.is_active(asked.into_inner()));
                grpc::<IsActive, _>().unary(ask, request).await
            }
            say::GET_METRIC_SPEC => {
                let ask = service_fn(async |asked: tonic::Request<ScaledObjectRef>| specs(asked.get_ref()));
                grpc::<MetricSpecs, _>().unary(ask, request).await
            }
            say::GET_METRICS => {
                let ask = service_fn(|asked: tonic::Request<GetMetrics>| self.metrics(asked.into_inner()));
                grpc::<MetricValues, _>().unary(ask, request).await
            }
            say::STREAM_IS_ACTIVE => {
                let ask = service_fn(|asked: tonic::Request<ScaledObjectRef>| self.edges(asked.into_inner()));
                grpc::<IsActive, _>().server_streaming(ask, request).await
            }
            other => Status::unimplemented(format!("{other} is not served")).into_http(),
        }
    }

    async fn is_active(&self, object: ScaledObjectRef) -> Result<tonic::Response<IsActive>, Status> {
        let asked = read(&object)?;
        // Whatever is measured: no pod is taken away from a request.
        Ok(tonic::Response::new(IsActive { result: self.load(&asked)?.open > 0 }))
    }

    async fn metrics(&self, asked: GetMetrics) -> Result<tonic::Response<MetricValues>, Status> {
        let asked = read(&asked.object.unwrap_or_default())?;
        let load = self.load(&asked)?;
        let count = match asked.metric {
            Metric::Concurrency => load.open,
            Metric::Queue => load.held,
        };
        let value = i64::try_from(count).unwrap_or(i64::MAX);
        let value = MetricValue { name: asked.metric.name().to_owned(), value, value_float: count as f64 };
        Ok(tonic::Response::new(MetricValues { values: vec![value] }))
    }

    /// How it is now, and then each change.
    async fn edges(
        &self,
        object: ScaledObjectRef,
    ) -> Result<tonic::Response<impl Stream<Item = Result<IsActive, Status>> + use<>>, Status> {
        let asked = read(&object)?;
        let activity = (self.activity)(&asked.workload).ok_or_else(|| unknown(&asked))?;
        let frames = stream::unfold((activity, None), async |(mut activity, told)| {
            let result = loop {
                let now = *activity.borrow_and_update();
                if told != Some(now) {
                    break now;
                }
                activity.changed().await.ok()?;
            };
            Some((Ok(IsActive { result }), (activity, Some(result))))
        });
        Ok(tonic::Response::new(frames))
    }

    fn load(&self, asked: &Asked) -> Result<Load, Status> {
        (self.load)(&asked.workload).ok_or_else(|| unknown(asked))
    }
}

fn specs(object: &ScaledObjectRef) -> Result<tonic::Response<MetricSpecs>, Status> {
    Ok(tonic::Response::new(MetricSpecs { specs: vec![read(object)?.spec()] }))
}

fn read(object: &ScaledObjectRef) -> Result<Asked, Status> {
    Asked::read(object).map_err(Status::invalid_argument)
}

fn unknown(asked: &Asked) -> Status {
    Status::not_found(format!("{} is not scaled by Rouse: name it by workload and kind", asked.workload))
}

fn grpc<Said, Heard>() -> Grpc<ProstCodec<Said, Heard>>
where
    Said: prost::Message + 'static,
    Heard: prost::Message + Default + 'static,
{
    Grpc::new(ProstCodec::default()).max_decoding_message_size(bounds::GRPC_MESSAGE_BYTES)
}
