//! Serves objects of one kind: looks at those that changed, and tells what became of them.

use std::convert::Infallible;
use std::sync::Arc;

use config::bounds;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;

use super::desk::Desk;
use super::run::KedaParts;
use super::serves::{Heard, Serves};
use super::trouble::Trouble;
use crate::kubernetes::watched::Place;
use crate::sources::Pool;

/// Keeps them served.
pub(super) struct Controller<'a, S> {
    pub(super) desk: Desk<'a>,
    pub(super) serves: S,
}

impl<S: Serves> Controller<'_, S> {
    pub(super) fn new<'a>(parts: &'a KedaParts, pool: &Arc<Pool>, serves: S) -> Controller<'a, S> {
        Controller { desk: Desk::new(parts, S::kind(), pool), serves }
    }

    /// Does so for as long as it is polled.
    pub(super) async fn run(&mut self) -> Infallible {
        let mut news = Box::pin(self.desk.news());
        loop {
            // Nothing is refused for want of an object that a list has yet to name.
            let knows_all = self.desk.knows_all() && self.serves.knows_all();
            let desk = &mut self.desk;
            tokio::select! {
                biased;
                Some(news) = news.next() => desk.take(news, S::used),
                heard = self.serves.news() => self.heard(heard),
                place = desk.agenda.next(), if knows_all => self.see_to(place).await,
                place = desk.failing.next() => self.still_fails(place),
                Some(wrote) = desk.writing.join_next() => {
                    if let Ok(wrote) = wrote {
                        self.wrote(wrote);
                    }
                }
                place = desk.statuses.next(), if knows_all && desk.writing.len() < bounds::KEDA_STATUS_WRITES => {
                    self.tell(place);
                }
            }
        }
    }

    /// Serves none any more.
    pub(super) async fn stop(self) {
        self.serves.stop(self.desk).await;
    }

    fn heard(&mut self, Heard { tell, look }: Heard) {
        for place in tell {
            if self.serves.errors(&place).is_some() && self.serves.uses_others(&place) {
                self.desk.look_again(&place);
            }
            self.tell_soon(&place);
        }
        for place in look {
            self.desk.agenda.add(place);
        }
    }

    /// Credentials of triggers that fail are read again for as long as that lasts.
    fn still_fails(&mut self, place: Place) {
        if self.serves.errors(&place).is_some() {
            self.desk.look_again(&place);
            self.desk.agenda.add(place);
        }
    }

    /// Looks at what is at `place`, and again later where that failed.
    async fn see_to(&mut self, place: Place) {
        let object = self.desk.objects.get(&place).cloned();
        let Some(object) = object.filter(|object| object["metadata"]["deletionTimestamp"].is_null()) else {
            self.gone(&place).await;
            return self.desk.agenda.done(&place);
        };
        let kind = &self.desk.kind.kind.clone();
        let went = timeout(bounds::KUBE_UPKEEP_TIME, self.serves.serve(&mut self.desk, &place, &object)).await;
        match went {
            Ok(Ok(())) => {
                self.desk.refused.remove(&place);
                self.desk.agenda.done(&place);
            }
            Ok(Err(Trouble::Refused(why))) => {
                self.refuse(&place, why);
                self.desk.agenda.done(&place);
            }
            Ok(Err(Trouble::Lacks(why))) => {
                self.refuse(&place, why);
                self.desk.agenda.failed(place.clone());
            }
            Ok(Err(Trouble::Kube(error))) => {
                tracing::warn!(%error, "{kind} {place} cannot be looked at");
                return self.desk.agenda.failed(place);
            }
            Err(_) => {
                tracing::warn!("{kind} {place} cannot be looked at: the apiserver does not answer");
                return self.desk.agenda.failed(place);
            }
        }
        self.tell_soon(&place);
    }

    fn refuse(&mut self, place: &Place, why: String) {
        if self.desk.refused.get(place) != Some(&why) {
            tracing::warn!("{} {place} is not served as it is: {why}", self.desk.kind.kind);
            self.desk.refused.insert(place.clone(), why);
        }
    }

    async fn gone(&mut self, place: &Place) {
        self.desk.failing.never(place);
        self.serves.unserve(&mut self.desk, place).await;
        self.desk.refused.remove(place);
        self.desk.written.remove(place);
        self.desk.statuses.never(place);
    }
}

/// By which events find it.
pub(super) fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}
