//! Triggers with what reads them, for ScaledObjects and ScaledJobs alike.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use autoscaler::triggers::metadata::TriggerKind;
use config::bounds;
use config::keda::Trigger;
use config::manifest::Given;
use config::{Findings, Problems, Warning};
use futures_core::stream::BoxStream;
use futures_util::future::join_all;
use futures_util::stream::{self, SelectAll};
use tokio::time::Instant;

use super::typed;
use crate::exposition;
use crate::exposition::keda::ScalerName;
use crate::sources::{self, Answer, Edge, Look, Pool, Source};

/// What reads a trigger that can be read.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) trigger: Trigger,
    /// What one pod should carry of it. An external scaler says it with its first answer: 1 until then.
    pub(crate) target: f64,
    pub(crate) source: Box<dyn Source>,
    /// What KEDA calls its metric, where it has a name for it.
    pub(crate) metric: Option<String>,
    /// The labels under which KEDA's metrics have it.
    pub(crate) labels: String,
    /// What is odd in its parameters.
    pub(crate) warnings: Vec<Warning>,
}

impl Opened {
    /// What people call the trigger: its name, or its kind.
    pub(crate) fn title(&self) -> &str {
        self.trigger.name.as_deref().unwrap_or(&self.trigger.kind)
    }
}

/// Under what KEDA's users have `trigger` among metrics, as that of `asker`, which is called `object`. What a scaler names
/// itself goes by its kind.
fn labels(trigger: &Trigger, (index, metric): (usize, Option<&str>), object: &str, asker: &sources::Object) -> String {
    let by_kind = format!("s{index}-{}", trigger.kind);
    let name = ScalerName {
        kind: &object.split(' ').next().unwrap_or_default().to_lowercase(),
        namespace: &asker.namespace,
        object: &asker.name,
        scaler: trigger.name.as_deref().unwrap_or(&trigger.kind),
        index,
        metric: metric.unwrap_or(&by_kind),
    };
    name.labels()
}

/// What reads `triggers` of the object at `place`, without those of which the check of the files has told: they are
/// measured nowhere, or nobody declares what they use. Connects to nothing.
pub(crate) fn open(
    triggers: &[Trigger],
    given: &Given,
    place: &(String, String),
    asker: &sources::Object,
    pool: &Arc<Pool>,
) -> Result<Vec<Opened>, Problems> {
    let (file, object) = place;
    let mut opened = Vec::new();
    for (n, trigger) in triggers.iter().enumerate() {
        let Some((kind, warnings)) = typed(trigger, given, n, file, object)? else { continue };
        if let TriggerKind::Resource(_) = kind {
            continue;
        }
        let source = sources::open(&kind, asker, pool)
            .map_err(|error| refusal(place, &format!("spec.triggers[{n}]"), error.to_string()))?;
        let (target, metric) = (kind.target().unwrap_or(1.0), kind.metric_name(n));
        let labels = labels(trigger, (n, metric.as_deref()), object, asker);
        opened.push(Opened { trigger: trigger.clone(), target, source, metric, labels, warnings });
    }
    Ok(opened)
}

/// Why the object at `place`, a file and its name there, cannot be served: because of what it has at `key`.
pub(super) fn refusal((file, object): &(String, String), key: &str, why: String) -> Problems {
    let mut found = Findings::about(file, object);
    found.refuse(key, why);
    Problems(found.problems)
}

/// Reads all of `sources` at the same time, and says how long the longest read took.
pub(crate) async fn read<'a>(sources: impl Iterator<Item = &'a dyn Source>) -> (Vec<Answer>, Duration) {
    let look = Look { at: unix_seconds(), age: bounds::TRIGGER_SHARED_AGE };
    let reads = sources.map(async |source| {
        let begun = Instant::now();
        let answer = source.read(look).await;
        let took = Instant::now() - begun;
        exposition::triggers::read(&answer.reading, took);
        (answer, took)
    });
    let answers = join_all(reads).await;
    let longest = answers.iter().map(|(_, took)| *took).max().unwrap_or_default();
    (answers.into_iter().map(|(answer, _)| answer).collect(), longest)
}

/// All that `sources` say unasked.
pub(crate) fn edges<'a>(sources: impl Iterator<Item = &'a dyn Source>) -> SelectAll<BoxStream<'static, Edge>> {
    stream::select_all(sources.filter_map(Source::edges))
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
