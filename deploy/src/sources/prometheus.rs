//! `prometheus`: one query, at an instant or over a range.

use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::prometheus::{instant, instant_query, range, range_query};
use autoscaler::triggers::metadata;
use config::bounds;
use futures_core::future::BoxFuture;

use super::http::{Asker, Credentials, Page, Question};
use super::{Answer, Key, Look, OpenError, Pool, Server, Slot, Source};

#[derive(Debug)]
pub(super) struct Prometheus {
    trigger: metadata::Prometheus,
    asker: Asker,
    key: Key,
    asked: Asked,
}

/// What triggers with the same key share.
#[derive(Debug)]
enum Asked {
    /// The answer, a few lines, whatever each of them makes of it.
    Instant(Arc<Slot<Page>>),
    /// What became of it, for a range is long.
    Range(metadata::Range, Arc<Slot<Reading>>),
}

impl Prometheus {
    pub(super) fn open(trigger: &metadata::Prometheus, pool: &Pool) -> Result<Prometheus, OpenError> {
        let mut credentials = Credentials::new(&trigger.http.auth)?;
        for (name, value) in &trigger.headers {
            credentials.header("customHeaders", name, value)?;
        }
        let server = ("serverAddress", &trigger.server);
        let asker = Asker::new(server, &trigger.http.tls, credentials, trigger.http.timeout, pool)?;
        let key =
            asker.key().with([instant_query(&trigger.query, 0, trigger.namespace.as_deref(), &trigger.parameters)]);
        let (key, asked) = match trigger.range {
            None => (key, Asked::Instant(pool.slot(key)?)),
            Some(range) => {
                let key = key.with([format!("{range:?} {:?} {}", trigger.nulls, trigger.activation)]);
                (key, Asked::Range(range, pool.slot(key)?))
            }
        };
        Ok(Prometheus { trigger: trigger.clone(), asker, key, asked })
    }

    async fn reading(&self, look: Look) -> Result<Reading, String> {
        let metadata::Prometheus { query, namespace, parameters, nulls, activation, .. } = &self.trigger;
        let namespace = namespace.as_deref();
        let deadline = self.asker.deadline();
        match &self.asked {
            Asked::Instant(slot) => {
                let path = instant_query(query, look.at, namespace, parameters);
                let question = Question { path, most: bounds::SOURCE_NUMBER_BYTES, ..Question::default() };
                let page = slot.read(look, deadline, self.asker.ask(question, deadline)).await?;
                Ok(instant(page.status, &page.body, *nulls, *activation))
            }
            Asked::Range(over, slot) => {
                let path = range_query(query, look.at, (over.seconds, over.step), namespace, parameters);
                let question = Question { path, most: bounds::SOURCE_ANSWER_BYTES, ..Question::default() };
                let ask = async {
                    let page = self.asker.ask(question, deadline).await?;
                    Ok(range(page.status, &page.body, over.smoothing, *nulls, *activation))
                };
                slot.read(look, deadline, ask).await
            }
        }
    }
}

impl Source for Prometheus {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move { self.reading(look).await.unwrap_or_else(Reading::Failed).into() })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(self.asker.server())
    }
}
