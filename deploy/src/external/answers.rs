//! What Rouse answers as an external scaler.

use futures_core::Stream;
use futures_util::stream;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::timeout;
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
        let requests = self.requests(&asked)?;
        // Whatever is measured: no pod is taken away from a request.
        known(&asked, requests.busy || requests.is_whole)?;
        Ok(tonic::Response::new(IsActive { result: requests.busy }))
    }

    async fn metrics(&self, asked: GetMetrics) -> Result<tonic::Response<MetricValues>, Status> {
        let asked = read(&asked.object.unwrap_or_default())?;
        let requests = self.requests(&asked)?;
        // A part of the sum would take pods away as well as none.
        known(&asked, requests.is_whole)?;
        let count = match asked.metric {
            Metric::Concurrency => requests.concurrency,
            Metric::Queue => requests.queue,
        };
        let value = i64::try_from(count).unwrap_or(i64::MAX);
        let value = MetricValue { name: asked.metric.name().to_owned(), value, value_float: count as f64 };
        Ok(tonic::Response::new(MetricValues { values: vec![value] }))
    }

    /// How it is now, and then each change; that there is nothing to do only once that is known.
    async fn edges(
        &self,
        object: ScaledObjectRef,
    ) -> Result<tonic::Response<impl Stream<Item = Result<IsActive, Status>> + use<>>, Status> {
        let asked = read(&object)?;
        let activity = self.0.follow(&asked.workload).ok_or_else(|| unknown(&asked))?;
        let (counted, workload) = (self.0.clone(), asked.workload);
        let is_whole = move || counted.requests(&workload).is_some_and(|requests| requests.is_whole);
        let frames = stream::unfold((activity, None, is_whole), async |(mut activity, told, is_whole)| {
            let result = loop {
                let now = *activity.borrow_and_update();
                if told == Some(now) {
                    activity.changed().await.ok()?;
                } else if now || is_whole() {
                    break now;
                } else if let Ok(changed) = timeout(bounds::SCALER_LOOK, activity.changed()).await {
                    changed.ok()?;
                }
            };
            Some((Ok(IsActive { result }), (activity, Some(result), is_whole)))
        });
        Ok(tonic::Response::new(frames))
    }

    fn requests(&self, asked: &Asked) -> Result<RequestsNow, Status> {
        self.0.requests(&asked.workload).ok_or_else(|| unknown(asked))
    }
}

/// Silence of those who may have something is no zero, by which pods would be taken away.
fn known(asked: &Asked, is_known: bool) -> Result<(), Status> {
    let unknown = || format!("not all who may have requests of {} have spoken yet", asked.workload);
    is_known.then_some(()).ok_or_else(|| Status::unavailable(unknown()))
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::time::Duration;

    use autoscaler::{Engine, EngineSettings, Reporters, StartAs};
    use config::link::{Reporter, Up};
    use config::{Policy, Report, Serving, Workload, WorkloadId};
    use futures_util::StreamExt;
    use parking_lot::Mutex;
    use queue_proxy::Clock;
    use tokio::time::sleep;
    use tonic::Code;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn object() -> ScaledObjectRef {
        ScaledObjectRef { name: "hello".to_owned(), namespace: "shop".to_owned(), ..ScaledObjectRef::default() }
    }

    fn concurrency() -> GetMetrics {
        GetMetrics { object: Some(object()), ..GetMetrics::default() }
    }

    /// Of an autoscaler that begins, to which one activator has come, with as many requests.
    fn restarted(open: u32) -> Answers {
        let clock = Clock::start();
        let (tick_offset, start, reporters) = (Duration::ZERO, StartAs::Zero, Reporters::Linked);
        let mut engine = Engine::new(EngineSettings { tick_offset, start, reporters });
        let id = WorkloadId::new("shop", "Deployment", "hello");
        let policy = Policy { stable_window: WINDOW, ..Policy::default() };
        let now = clock.now();
        engine.workload(now, &Workload { id: id.clone(), policy, serving: Serving::default(), hosts: Vec::new() }, 0);
        let reporter = Reporter::Activator("activator-1".into());
        let address = ([127, 0, 0, 1], 1).into();
        engine.up(
            now,
            Up::Hello { reporter: reporter.clone(), incarnation: 1, workload: None, address, at: now, token: None },
        );
        if open > 0 {
            let report = Report { from: now, to: now, in_flight: open, open, ..Report::default() };
            engine.up(now, Up::Report { reporter, workload: id, report });
        }
        Answers(Counted::new(Arc::new(Mutex::new(engine)), clock))
    }

    #[tokio::test(start_paused = true)]
    async fn that_there_is_nothing_to_do_is_said_once_all_may_have_come() {
        let answers = restarted(0);
        assert_eq!(answers.is_active(object()).await.unwrap_err().code(), Code::Unavailable);
        let mut frames = pin!(answers.edges(object()).await.unwrap().into_inner());
        assert!(timeout(WINDOW / 2, frames.next()).await.is_err(), "another activator may have a request");
        let told = timeout(WINDOW, frames.next()).await.expect("it is known").unwrap().unwrap();
        assert!(!told.result);
        assert!(!answers.is_active(object()).await.unwrap().into_inner().result);
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_of_the_sum_is_something_to_do_and_no_number() {
        let answers = restarted(50);
        assert!(answers.is_active(object()).await.unwrap().into_inner().result);
        let mut frames = pin!(answers.edges(object()).await.unwrap().into_inner());
        assert!(frames.next().await.unwrap().unwrap().result);
        assert_eq!(answers.metrics(concurrency()).await.unwrap_err().code(), Code::Unavailable);
        sleep(WINDOW).await;
        let told = answers.metrics(concurrency()).await.unwrap().into_inner();
        assert_eq!(told.values[0].value, 50);
    }
}
