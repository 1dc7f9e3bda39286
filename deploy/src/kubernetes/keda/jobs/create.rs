//! Creates Jobs.

use std::sync::Arc;

use autoscaler::triggers::jobs::Observed;
use config::bounds;
use futures_util::future::join_all;
use kube::api::PostParams;
use kube::core::{DynamicObject, Request, Resource};
use serde::de::IgnoredAny;

use super::keeper::Around;
use super::object::{self, job, prefix};
use super::plan::Plan;
use crate::kubernetes::names::FIELD_MANAGER;
use crate::kubernetes::writes::{Urgency, WriteError};

/// Creates `wanted` Jobs, ever more at once: so that where none may be, that is one request. Ends early when `goes_on` says
/// so. The first is a wake if nothing works yet (`wakes`); the others must not keep writes of other workloads waiting. Says
/// how many there are, and why there are not more.
pub(super) async fn create(
    around: &Around,
    plan: &Arc<Plan>,
    observed: &mut Observed,
    wanted: usize,
    wakes: bool,
    goes_on: impl Fn() -> bool,
) -> (usize, Option<String>) {
    let (mut created, mut at_once, mut refusal) = (0, 1, None);
    while created < wanted && refusal.is_none() && goes_on() {
        let urgency = if wakes && created == 0 { Urgency::Wake } else { Urgency::Upkeep };
        let count = at_once.min(wanted - created);
        let names: Vec<String> =
            (0..count).map(|_| around.names.next(prefix(&plan.place.name)).as_str().to_owned()).collect();
        // Before they are sent: whatever is answered, they may be there.
        names.iter().for_each(|name| observed.created(name, around.clock.now()));
        let answers = join_all(names.iter().map(|name| create_one(around, plan, name, urgency))).await;
        for (name, answer) in names.iter().zip(answers) {
            match answer {
                Ok(()) => created += 1,
                Err(error) => {
                    if error.is_sure() {
                        observed.refused(name);
                    }
                    refusal = Some(error.to_string());
                }
            }
        }
        at_once = (2 * at_once).min(bounds::JOBS_CREATED_AT_ONCE);
    }
    (created, refusal)
}

async fn create_one(around: &Around, plan: &Plan, name: &str, urgency: Urgency) -> Result<(), WriteError> {
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let body = job(plan, name).to_string().into_bytes();
    let request = Request::new(DynamicObject::url_path(&object::jobs(), Some(&plan.place.namespace)))
        .create(&parameters, body)
        .map_err(kube::Error::BuildRequest)?;
    around.writes.send::<IgnoredAny>(urgency, "job", request).await.map(drop)
}
