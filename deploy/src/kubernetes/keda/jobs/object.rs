//! A Job as it is created for a ScaledJob: KEDA's, so that either finds what the other created.

use std::collections::BTreeMap;

use kube::core::ApiResource;
use serde_json::{Value, json};

use super::plan::{Owner, Plan};
use crate::kubernetes::keda::{GROUP_VERSION, scaled_jobs};
use crate::kubernetes::names::MANAGED_BY;

/// Label of each Job of a ScaledJob: the name of that.
pub(super) const SCALED_JOB_LABEL: &str = "scaledjob.keda.sh/name";

/// Annotation of each: the generation that its ScaledJob had then.
pub(super) const GENERATION: &str = "scaledjob.keda.sh/generation";

/// Annotation of a ScaledJob: its labels that Jobs do not take over, joined by commas.
const EXCLUDED_LABELS: &str = "scaledjob.keda.sh/job-excluded-labels";

/// How much of a ScaledJob's name begins that of a Job, which has a dash and five letters more and becomes a label.
const NAME_LENGTH: usize = 57;

/// Jobs.
pub(super) fn jobs() -> ApiResource {
    let (group, version, api_version) = ("batch".to_owned(), "v1".to_owned(), "batch/v1".to_owned());
    ApiResource { group, version, api_version, kind: "Job".to_owned(), plural: "jobs".to_owned() }
}

/// What the names of Jobs of `name` begin with.
pub(super) fn prefix(name: &str) -> &str {
    // Names are of letters, digits, dashes and dots: each is one byte.
    name.get(..NAME_LENGTH).unwrap_or(name)
}

/// The Job `name` of `plan`.
pub(super) fn job(plan: &Plan, name: &str) -> Value {
    let mut spec = plan.job.job.spec.clone();
    if let Some(pod) = spec.pointer_mut("/template/spec")
        && pod["restartPolicy"].as_str().is_none_or(str::is_empty)
    {
        // Pods of Jobs may not have what is the default of pods.
        pod["restartPolicy"] = "OnFailure".into();
    }
    let annotations = plan.owner.annotations.clone().unwrap_or_default();
    let generation = (GENERATION.to_owned(), plan.owner.generation.to_string());
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": plan.place.namespace,
            "labels": labels(&plan.place.name, &plan.owner),
            "annotations": annotations.into_iter().chain([generation]).collect::<BTreeMap<_, _>>(),
            "ownerReferences": [{
                "apiVersion": GROUP_VERSION, "kind": scaled_jobs().kind, "name": plan.place.name, "uid": plan.owner.uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    })
}

/// Those of its ScaledJob but for those that are excluded, and ours.
fn labels(name: &str, owner: &Owner) -> BTreeMap<String, String> {
    let excluded = owner.annotations.as_ref().and_then(|all| all.get(EXCLUDED_LABELS));
    let excluded: Vec<&str> = excluded.map(|text| text.split(',').map(str::trim).collect()).unwrap_or_default();
    let of_owner = owner.labels.iter().flatten().filter(|(label, _)| !excluded.contains(&label.as_str()));
    let mut labels: BTreeMap<String, String> = of_owner.map(|(label, value)| (label.clone(), value.clone())).collect();
    for (label, value) in [
        ("app.kubernetes.io/name", name),
        ("app.kubernetes.io/part-of", name),
        ("app.kubernetes.io/managed-by", MANAGED_BY),
        (SCALED_JOB_LABEL, name),
    ] {
        labels.insert(label.to_owned(), value.to_owned());
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_so_that_a_jobs_is_a_label() {
        let long = "a".repeat(70);
        assert_eq!((prefix("report"), prefix(&long).len() + "-7kq2x".len()), ("report", 63));
    }
}
