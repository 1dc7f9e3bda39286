//! A trigger as users write it, and the source that comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use autoscaler::triggers::Reading;
use autoscaler::triggers::metadata::{Parameters, TriggerKind};
use config::keda::Secret;
use deploy::sources::{Look, Object, OpenError, Pool, PoolSettings, Source, open};
use tokio::time::sleep;

/// A trigger of that type, with metadata and the parameters of a TriggerAuthentication.
pub(crate) fn trigger(kind: &str, metadata: &[(&str, &str)], auth: &[(&str, &str)]) -> TriggerKind {
    let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let auth: BTreeMap<_, _> = auth.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    let env = BTreeMap::new();
    let parsed = TriggerKind::parse(kind, Parameters::new(&metadata, &auth, &env));
    parsed.unwrap_or_else(|problems| panic!("{problems}")).0
}

pub(crate) fn pool() -> Arc<Pool> {
    Pool::new(PoolSettings::default())
}

pub(crate) fn try_opened(trigger: &TriggerKind, pool: &Arc<Pool>) -> Result<Box<dyn Source>, OpenError> {
    let interval = Duration::from_secs(30);
    open(trigger, &Object { namespace: "shop".to_owned(), name: "worker".to_owned(), interval }, pool)
}

/// The source of a trigger in a pool.
pub(crate) fn opened(trigger: &TriggerKind, pool: &Arc<Pool>) -> Box<dyn Source> {
    try_opened(trigger, pool).unwrap_or_else(|error| panic!("{error}"))
}

/// Now, and no answer from before.
pub(crate) fn look() -> Look {
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Look { at: at.as_secs() as i64, age: Duration::ZERO }
}

pub(crate) async fn read(source: &dyn Source) -> Reading {
    source.read(look()).await.reading
}

pub(crate) fn value(metric: f64, active: bool) -> Reading {
    Reading::Value { metric, active }
}

/// What went wrong.
pub(crate) async fn trouble(source: &dyn Source) -> String {
    match read(source).await {
        Reading::Failed(trouble) => trouble,
        other => panic!("{other:?} is no failure"),
    }
}

/// Reads until it says `expected`: servers take a moment, and are left alone for one after they failed.
pub(crate) async fn until(source: &dyn Source, expected: &Reading) {
    let mut last = Reading::NoData;
    for _ in 0..600 {
        last = read(source).await;
        if last == *expected {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("{last:?} is not {expected:?}, for a minute");
}
