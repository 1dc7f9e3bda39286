//! What Rouse answers as an external scaler.

use futures_core::Stream;
use futures_util::stream;
use http::{Request, Response};
use hyper::body::Incoming;
use tonic::Status;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;
use tower::service_fn;

use autoscaler::RequestsNow;
use config::bounds;

use super::Counted;
use super::asked::{Asked, Metric};
use super::messages::{self as say, GetMetrics, IsActive, MetricSpecs, MetricValue, MetricValues, ScaledObjectRef};

/// Who answers.
#[derive(Clone)]
pub(super) struct Answers(pub(super) Counted);

impl Answers {
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
        Ok(tonic::Response::new(IsActive { result: self.requests(&asked)?.busy }))
    }

    async fn metrics(&self, asked: GetMetrics) -> Result<tonic::Response<MetricValues>, Status> {
        let asked = read(&asked.object.unwrap_or_default())?;
        let requests = self.requests(&asked)?;
        let count = match asked.metric {
            Metric::Concurrency => requests.concurrency,
            Metric::Queue => requests.queue,
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
        let activity = self.0.follow(&asked.workload).ok_or_else(|| unknown(&asked))?;
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

    /// What is open. Silence of those who may have something is no zero, by which pods would be taken away.
    fn requests(&self, asked: &Asked) -> Result<RequestsNow, Status> {
        let requests = self.0.requests(&asked.workload).ok_or_else(|| unknown(asked))?;
        if requests.busy || requests.is_whole {
            return Ok(requests);
        }
        Err(Status::unavailable(format!("not all who may have requests of {} have spoken yet", asked.workload)))
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
