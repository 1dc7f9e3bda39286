//! `rabbitmq` over HTTP: what the management plugin says of queues.

use std::sync::Arc;

use autoscaler::triggers::Reading;
use autoscaler::triggers::measure::rabbitmq::{Queue, every_match, one_queue, vhost};
use autoscaler::triggers::metadata;
use config::bounds;
use futures_core::future::BoxFuture;

use super::http::{Address, Asker, Credentials, Question, escaped};
use super::{Answer, Key, Look, OpenError, Pool, Server, Slot, Source};

#[derive(Debug)]
pub(super) struct RabbitmqHttp {
    trigger: metadata::Rabbitmq,
    asker: Asker,
    path: String,
    key: Key,
    slot: Arc<Slot<Queue>>,
}

impl RabbitmqHttp {
    pub(super) fn open(trigger: &metadata::Rabbitmq, pool: &Pool) -> Result<RabbitmqHttp, OpenError> {
        let (address, login) = Address::read(trigger.host.expose()).map_err(|why| OpenError::parameter("host", why))?;
        let at = vhost(&address.path, trigger.vhost.as_deref().unwrap_or_default());
        let login = trigger.login.clone().or(login);
        let credentials = Credentials::default().or_login(login)?;
        let tls = trigger.tls.clone().unwrap_or_default();
        let asker = Asker::at(address.below(at.path), &tls, credentials, trigger.timeout, pool)?;
        let path = path(trigger, &at.vhost);
        let more = format!("{:?} {}", trigger.regex, trigger.ready_only);
        let key = asker.key().with([&path, &more]);
        let slot = pool.slot(key)?;
        Ok(RabbitmqHttp { trigger: trigger.clone(), asker, path, key, slot })
    }

    async fn ask(&self, deadline: tokio::time::Instant) -> Result<Queue, String> {
        let most = bounds::SOURCE_ANSWER_BYTES;
        let question = Question { path: self.path.clone(), most, ..Question::default() };
        let page = self.asker.ask(question, deadline).await?;
        let mut queues = match self.trigger.regex {
            None => vec![one_queue(page.status, &page.body)?],
            Some(_) => every_match(page.status, &page.body)?,
        };
        if self.trigger.ready_only {
            queues.iter_mut().for_each(|queue| queue.messages = queue.ready);
        }
        let (operation, _) = self.trigger.regex.unwrap_or_default();
        Ok(operation.together(&queues))
    }
}

/// Path and query below the API's address.
fn path(trigger: &metadata::Rabbitmq, vhost: &str) -> String {
    let queue = escaped(&trigger.queue);
    match trigger.regex {
        None => format!("/api/queues{vhost}/{queue}"),
        Some((_, page)) => {
            format!("/api/queues{vhost}?page=1&use_regex=true&pagination=false&name={queue}&page_size={page}")
        }
    }
}

impl Source for RabbitmqHttp {
    fn read(&self, look: Look) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let deadline = self.asker.deadline();
            let queue = self.slot.read(look, deadline, self.ask(deadline)).await;
            let metadata::Rabbitmq { mode, activation, .. } = self.trigger;
            queue.map_or_else(Reading::Failed, |queue| mode.reading(queue, activation)).into()
        })
    }

    fn key(&self) -> &Key {
        &self.key
    }

    fn server(&self) -> Option<&Arc<Server>> {
        Some(self.asker.server())
    }
}
