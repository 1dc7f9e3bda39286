//! `external` and `external-push`: whoever speaks KEDA's gRPC.

mod client;
mod pushed;

use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::external::{answered, number};
use autoscaler::triggers::metadata;
use config::bounds;
use config::defaults::triggers::SOURCE_TIMEOUT;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use tokio::time::Instant;

use self::client::Client;
use super::{Answer, Edge, Key, Look, Object, OpenError, Pool, Server, Source, Trouble, trust};
use crate::external::messages::{GetMetrics, MetricSpec, ScaledObjectRef};

#[derive(Debug)]
pub(super) struct External {
    client: Arc<Client>,
    server: Arc<Server>,
    object: Told,
    push: bool,
    key: Key,
}

/// What the scaler is told with every call. It holds secrets.
#[derive(Clone)]
struct Told(ScaledObjectRef);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.0.namespace, self.0.name)
    }
}

impl External {
    pub(super) fn open(trigger: &metadata::External, object: &Object, pool: &Pool) -> Result<External, OpenError> {
        let tls = trigger.tls.as_ref();
        let of_tls = tls.map_or(Key::new(["plain"]), trust::key);
        let at = Key::new(["external", &trigger.address]).with([of_tls]);
        let client = pool.share(at, || Client::new(&trigger.address, tls))?;
        let server = pool.server(&trigger.address)?;
        let metadata = trigger.metadata.iter();
        let key = at.with([&object.namespace, &object.name]);
        let key = key.with(metadata.clone().flat_map(|(name, value)| [name.as_str(), value.expose()]));
        let told = ScaledObjectRef {
            name: object.name.clone(),
            namespace: object.namespace.clone(),
            metadata: metadata.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
        };
        Ok(External { client, server, object: Told(told), push: trigger.push, key })
    }

    /// All metrics that the scaler names as one: the one that asks for most pods, in the unit of the first.
    async fn ask(&self) -> Result<Answer, Trouble> {
        let object = &self.object.0;
        let specs = self.client.specs(object.clone()).await?;
        if specs.is_empty() || specs.len() > bounds::EXTERNAL_METRICS {
            let most = bounds::EXTERNAL_METRICS;
            return Err(Trouble::Question(format!("names {} metrics: there must be 1 to {most}", specs.len())));
        }
        let unit = target(&specs[0])?;
        let mut metric = f64::NAN; // max() takes the other
        for spec in specs {
            let (target, name) = (target(&spec)?, spec.name);
            let asks = GetMetrics { object: Some(object.clone()), name: name.clone() };
            let values = self.client.values(asks).await?;
            let value = values.iter().find(|value| value.name == name).or(values.first());
            let value = value.ok_or_else(|| Trouble::Question(format!("says nothing of its metric {name:?}")))?;
            metric = metric.max(number(value.value, value.value_float) * unit / target);
        }
        let active = self.client.is_active(object.clone()).await?;
        Ok(Answer { reading: answered(metric, active), target: Some(unit) })
    }
}

fn target(spec: &MetricSpec) -> Result<f64, Trouble> {
    let target = number(spec.target, spec.target_float);
    let problem = || format!("aims at {target} of its metric {:?}: it must be more than 0", spec.name);
    if target.is_finite() && target > 0.0 { Ok(target) } else { Err(Trouble::Question(problem())) }
}

impl Source for External {
    fn read(&self, _look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let answer = self.server.read(Instant::now() + SOURCE_TIMEOUT, self.ask()).await;
            answer.unwrap_or_else(|trouble| Reading::Failed(trouble).into())
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(&self.server)
    }

    fn edges(&self) -> Option<BoxStream<'static, Edge>> {
        let told = self.object.0.clone();
        self.push.then(|| pushed::edges(self.client.clone(), self.server.name().to_owned(), told))
    }
}
