//! `metrics-api`: a number that an API says, or each endpoint of a Service.

use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::metrics_api::Place;
use autoscaler::triggers::metadata;
use config::bounds;
use futures_core::future::BoxFuture;
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::http::{Address, Asker, Credentials, Question};
use super::{Answer, Key, Look, OpenError, Pool, Server, Slot, Source};

#[derive(Debug)]
pub(super) struct MetricsApi {
    trigger: metadata::MetricsApi,
    place: Place,
    asker: Asker,
    pool: Arc<Pool>,
    key: Key,
    slot: Arc<Slot<f64>>,
}

impl MetricsApi {
    pub(super) fn open(trigger: &metadata::MetricsApi, pool: &Arc<Pool>) -> Result<MetricsApi, OpenError> {
        let place = Place::new(trigger.format, &trigger.value_location);
        let place = place.map_err(|why| OpenError::parameter("valueLocation", why.to_string()))?;
        let credentials = Credentials::new(&trigger.http.auth)?;
        let asker = Asker::new(("url", &trigger.url), &trigger.http.tls, credentials, trigger.http.timeout, pool)?;
        let what = format!("{:?} {:?}", trigger.format, trigger.endpoints);
        let key = asker.key().with([trigger.url.expose(), &trigger.value_location, &what]);
        let slot = pool.slot(key)?;
        Ok(MetricsApi { trigger: trigger.clone(), place, asker, pool: pool.clone(), key, slot })
    }

    async fn number(&self, asker: &Asker, deadline: Instant) -> Result<f64, String> {
        let question = Question { most: bounds::SOURCE_ANSWER_BYTES, ..Question::default() };
        let page = asker.ask(question, deadline).await?;
        self.place.answer(page.status, &page.body)
    }

    /// The number of all endpoints of the Service in the URL. One that cannot be asked is left out, as in KEDA.
    async fn together(&self, how: metadata::Aggregation, deadline: Instant) -> Result<f64, String> {
        let address = self.asker.address();
        let found = (self.pool.settings().endpoints)(address.host().to_owned(), address.port());
        let found = tokio::time::timeout_at(deadline, found).await;
        let found = found.map_err(|_| format!("{}: its endpoints are not known in time", address.server()))??;
        if found.len() > bounds::SOURCE_ENDPOINTS {
            let most = bounds::SOURCE_ENDPOINTS;
            return Err(format!("{}: it has {} endpoints, more than {most}", address.server(), found.len()));
        }
        let numbers = found.into_iter().filter_map(|host| address.at(host)).map(|at| self.at(at, deadline));
        let numbers: Vec<_> = stream::iter(numbers).buffered(bounds::SOURCE_READS).collect().await;
        how.together(&numbers)
    }

    async fn at(&self, endpoint: Address, deadline: Instant) -> Result<f64, String> {
        let asker = self.asker.elsewhere(endpoint, &self.trigger.http.tls, &self.pool);
        self.number(&asker.map_err(|error| error.to_string())?, deadline).await
    }
}

impl Source for MetricsApi {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let deadline = self.asker.deadline();
            let ask = async {
                match self.trigger.endpoints {
                    None => self.number(&self.asker, deadline).await,
                    Some(how) => self.together(how, deadline).await,
                }
            };
            let number = self.slot.read(look, deadline, ask).await;
            number.map_or_else(Reading::Failed, |number| Reading::above(number, self.trigger.activation)).into()
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(self.asker.server())
    }
}
