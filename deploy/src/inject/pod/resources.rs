//! What the queue-proxy of a pod may use: as the pod says in Knative's words, else as the injector was told.

use std::str::FromStr;

use config::Findings;
use config::annotations::Annotations;
use serde_json::{Map, Value, json};

use super::shape::Used;
use crate::inject::quantity::Quantity;
use crate::inject::settings::{Resources, Share};

/// The space of Knative's annotations about the queue-proxy's resources.
const SPACE: &str = "queue.sidecar.serving.knative.dev/";

/// So much of what the app has, in percent.
const PERCENTAGE: [&str; 2] = ["resource-percentage", "resourcePercentage"];

const MI: f64 = 1024.0 * 1024.0;

/// A resource, with the least and the most that a percentage of the app's makes (Knative's), as request and as limit.
struct Kind {
    name: &'static str,
    of: fn(f64) -> Quantity,
    scaled: Option<[(f64, f64); 2]>,
}

const KINDS: [Kind; 3] = [
    Kind { name: "cpu", of: Quantity::of_cores, scaled: Some([(0.025, 0.1), (0.04, 0.5)]) },
    Kind { name: "memory", of: Quantity::of_bytes, scaled: Some([(50.0 * MI, 200.0 * MI), (200.0 * MI, 500.0 * MI)]) },
    Kind { name: "ephemeral-storage", of: Quantity::of_bytes, scaled: None },
];

/// The `resources` of the queue-proxy, beside an app that uses `app`.
pub(super) fn wanted(annotations: &Annotations, app: &Used, defaults: &Resources, found: &mut Findings) -> Value {
    check_words(annotations, found);
    let percentage = PERCENTAGE.iter().find_map(|word| percentage(annotations, word, found));
    let [mut requests, mut limits] = [Map::new(), Map::new()];
    for kind in &KINDS {
        let default = match kind.name {
            "cpu" => &defaults.cpu,
            "memory" => &defaults.memory,
            _ => &defaults.ephemeral_storage,
        };
        let share = kind.share(annotations, app, percentage, default, found);
        for (amounts, amount) in [(&mut requests, share.request), (&mut limits, share.limit)] {
            amounts.extend(amount.map(|amount| (kind.name.to_owned(), json!(amount.to_string()))));
        }
    }
    let mut resources = Map::new();
    for (name, amounts) in [("requests", requests), ("limits", limits)] {
        if !amounts.is_empty() {
            resources.insert(name.to_owned(), Value::Object(amounts));
        }
    }
    Value::Object(resources)
}

impl Kind {
    /// What is written over a percentage over what is usual. A request is never more than its limit: what is written makes
    /// what is not give way.
    fn share(
        &self,
        annotations: &Annotations,
        app: &Used,
        percentage: Option<f64>,
        default: &Share,
        found: &mut Findings,
    ) -> Share {
        let key = |what: &str| format!("{SPACE}{}-resource-{what}", self.name);
        let written = ["request", "limit"].map(|what| amount(annotations, &key(what), found));
        let [scaled_request, scaled_limit] = self.scaled(app, percentage);
        let request = written[0].clone().or(scaled_request).or_else(|| default.request.clone());
        let limit = written[1].clone().or(scaled_limit).or_else(|| default.limit.clone());
        let (Some(most), Some(asked)) = (&limit, &request) else { return Share { request, limit } };
        if asked.value() <= most.value() {
            return Share { request, limit };
        }
        match &written {
            [Some(_), Some(_)] => {
                found.wrong(&key("request"), &asked.to_string(), format!("is more than {} ({most})", key("limit")));
                Share { request, limit }
            }
            [Some(_), None] => Share { limit: request.clone(), request },
            _ => Share { request: limit.clone(), limit },
        }
    }

    fn scaled(&self, app: &Used, percentage: Option<f64>) -> [Option<Quantity>; 2] {
        let (Some(percentage), Some([request, limit])) = (percentage, self.scaled) else { return [None, None] };
        [(&app.requests, request), (&app.limits, limit)].map(|(used, (least, most))| {
            let used = Quantity::from_str(used.get(self.name)?.as_str()?).ok()?;
            Some((self.of)((used.value() * percentage / 100.0).clamp(least, most)))
        })
    }
}

fn amount(annotations: &Annotations, key: &str, found: &mut Findings) -> Option<Quantity> {
    let text = annotations.get(key)?;
    text.parse().map_err(|error| found.wrong(key, text, format!("{error}"))).ok()
}

fn percentage(annotations: &Annotations, word: &str, found: &mut Findings) -> Option<f64> {
    let key = format!("{SPACE}{word}");
    let text = annotations.get(&key)?;
    let percentage = text.parse().ok().filter(|percentage| (0.1..=100.0).contains(percentage));
    if percentage.is_none() {
        found.wrong(&key, text, "is out of range: it must be a number from 0.1 to 100");
    }
    percentage
}

/// A word of this space that nobody knows is a remark: it is not ours.
fn check_words(annotations: &Annotations, found: &mut Findings) {
    let is_known = |word: &str| {
        let of = |kind: &Kind| {
            let ending = word.strip_prefix(kind.name);
            ending.is_some_and(|ending| matches!(ending, "-resource-request" | "-resource-limit"))
        };
        PERCENTAGE.contains(&word) || KINDS.iter().any(of)
    };
    for name in annotations.keys() {
        if name.strip_prefix(SPACE).is_some_and(|word| !is_known(word)) {
            found.warn(name, "is not a known annotation and is ignored");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The resources, problems and warnings of a pod whose app uses 2 processors and 1 GiB at least and at most.
    fn wanted(pairs: &[(&str, &str)]) -> (Value, Vec<String>) {
        let annotations = pairs.iter().map(|(word, text)| (format!("{SPACE}{word}"), (*text).to_owned())).collect();
        let amounts = || [("cpu", "2"), ("memory", "1Gi")].map(|(name, text)| (name.to_owned(), json!(text))).into();
        let app = Used { requests: amounts(), limits: amounts() };
        let mut found = Findings::default();
        let value = super::wanted(&annotations, &app, &Resources::default(), &mut found);
        let warnings = found.warnings.iter().map(ToString::to_string);
        (value, found.problems.iter().map(ToString::to_string).chain(warnings).collect())
    }

    #[test]
    fn a_pod_that_says_nothing_gets_what_is_usual() {
        let usual = json!({"requests": {"cpu": "25m", "memory": "20Mi"}, "limits": {"memory": "256Mi"}});
        assert_eq!(wanted(&[]), (usual, vec![]));
    }

    #[test]
    fn a_pod_says_what_it_wants_in_knatives_words() {
        let (value, said) = wanted(&[
            ("cpu-resource-request", "100m"),
            ("cpu-resource-limit", "1"),
            ("memory-resource-request", "64Mi"),
            ("memory-resource-limit", "128Mi"),
            ("ephemeral-storage-resource-request", "10Mi"),
            ("ephemeral-storage-resource-limit", "20Mi"),
        ]);
        let requests = json!({"cpu": "100m", "memory": "64Mi", "ephemeral-storage": "10Mi"});
        let limits = json!({"cpu": "1", "memory": "128Mi", "ephemeral-storage": "20Mi"});
        assert_eq!((value, said), (json!({"requests": requests, "limits": limits}), vec![]));
    }

    #[test]
    fn a_percentage_is_of_what_the_app_has_within_knatives_bounds() {
        let (value, said) = wanted(&[("resource-percentage", "4"), ("memory-resource-limit", "300Mi")]);
        // 80m of 2 processors both; 41 MiB of 1 GiB is less than the least, 50 MiB.
        let requests = json!({"cpu": "80m", "memory": (50 << 20).to_string()});
        let limits = json!({"cpu": "80m", "memory": "300Mi"});
        assert_eq!((value, said), (json!({"requests": requests, "limits": limits}), vec![]));
    }

    #[test]
    fn a_request_is_never_more_than_its_limit() {
        let (value, _) = wanted(&[("memory-resource-limit", "10Mi")]);
        assert_eq!(value["requests"]["memory"], "10Mi");
        let (value, _) = wanted(&[("memory-resource-request", "1Gi")]);
        assert_eq!(value["limits"]["memory"], "1Gi");
        let (_, said) = wanted(&[("cpu-resource-request", "2"), ("cpu-resource-limit", "1")]);
        assert_eq!(
            said,
            ["queue.sidecar.serving.knative.dev/cpu-resource-request: \"2\" is more than \
              queue.sidecar.serving.knative.dev/cpu-resource-limit (1)"]
        );
    }

    #[test]
    fn what_is_wrong_is_said_all_at_once() {
        let (_, said) = wanted(&[
            ("cpu-resource-request", "much"),
            ("resource-percentage", "0"),
            ("resourcePercentage", "NaN"),
            ("gpu-resource-limit", "1"),
        ]);
        assert_eq!(
            said,
            [
                "queue.sidecar.serving.knative.dev/resource-percentage: \"0\" is out of range: it must be a number from \
                 0.1 to 100",
                "queue.sidecar.serving.knative.dev/resourcePercentage: \"NaN\" is out of range: it must be a number from \
                 0.1 to 100",
                "queue.sidecar.serving.knative.dev/cpu-resource-request: \"much\" is not a quantity: write it as \
                 Kubernetes does, 100m, 0.5 or 64Mi",
                "queue.sidecar.serving.knative.dev/gpu-resource-limit: is not a known annotation and is ignored",
            ]
        );
    }
}
