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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use config::keda::ScaledJob;
    use futures_util::future::join3;
    use queue_proxy::Clock;
    use serde_json::{Value, json};

    use super::*;
    use crate::fleet::Names;
    use crate::kubernetes::keda::jobs::plan::{Owner, called};
    use crate::kubernetes::keda::jobs::told::Told;
    use crate::kubernetes::mock::Apiserver;
    use crate::kubernetes::told::Teller;
    use crate::kubernetes::watched::Place;
    use crate::kubernetes::writes::Writes;

    /// What may be written ten times a second, and not at once.
    async fn around(apiserver: &Apiserver) -> Around {
        let writes = Writes::new(apiserver.client("rouse"), 10.0, 1);
        write(&writes, Urgency::News, "/api/v1/namespaces/shop/events/first").await;
        apiserver.take_written();
        Around {
            writes,
            teller: Teller::channel().0,
            clock: Clock::start(),
            names: Names::default(),
            pods: Arc::default(),
            told: Told::default(),
            shown: crate::jobs::Told::default(),
        }
    }

    fn plan() -> Arc<Plan> {
        let spec = json!({ "jobTargetRef": { "template": { "spec": { "containers": [{ "name": "app" }] } } },
            "triggers": [{ "type": "cron", "metadata": {
                "timezone": "UTC", "start": "0 0 1 1 *", "end": "59 23 31 12 *", "desiredReplicas": "3" } }] });
        let object = json!({ "metadata": { "namespace": "shop", "name": "report" }, "spec": spec });
        let (job, _) = ScaledJob::on_cluster(&object).expect("a good ScaledJob");
        let place = Place { namespace: "shop".to_owned(), name: "report".to_owned() };
        let name = called(&place);
        Arc::new(Plan { place, name, job, owner: Arc::new(Owner::default()), triggers: Vec::new() })
    }

    async fn write(writes: &Writes, urgency: Urgency, path: &str) {
        let request = http::Request::patch(path).body(b"{}".to_vec()).expect("a request");
        writes.send::<Value>(urgency, "other", request).await.expect("it may be written");
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_backlog_only_the_first_goes_before_routes_and_scales_and_only_if_nothing_works_yet() {
        for (wakes, order) in [
            (true, ["jobs", "endpointslices", "deployments", "jobs", "jobs", "jobs"]),
            (false, ["endpointslices", "deployments", "jobs", "jobs", "jobs", "jobs"]),
        ] {
            let apiserver = Apiserver::new();
            let (around, plan, mut observed) = (around(&apiserver).await, plan(), Observed::default());
            let route =
                write(&around.writes, Urgency::Route, "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/a");
            let scale = write(&around.writes, Urgency::Scale, "/apis/apps/v1/namespaces/shop/deployments/a");
            let ((created, refusal), ..) =
                join3(create(&around, &plan, &mut observed, 4, wakes, || true), route, scale).await;
            assert_eq!((created, refusal), (4, None));
            let written = apiserver.take_written();
            let plurals = written.iter().map(|(what, _)| what.split('/').nth(6).expect("a path of objects"));
            let plurals: Vec<&str> = plurals.map(|plural| plural.split(' ').next().unwrap_or_default()).collect();
            assert_eq!(plurals, order);
        }
    }
}
