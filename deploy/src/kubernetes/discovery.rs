//! What the cluster serves: in which versions what Rouse uses, and the kinds that it scales. Read once, at the start.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::Client;
use kube::core::ApiResource;

use super::scaled_kind::ScaledKind;

/// What the cluster serves of what Rouse uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovered {
    /// EndpointSlices: `discovery.k8s.io/v1`, before 1.21 `v1beta1`.
    pub endpoint_slices: ApiResource,
    /// PodDisruptionBudgets: `policy/v1`, before 1.21 `v1beta1`.
    pub disruption_budgets: ApiResource,
    /// HorizontalPodAutoscalers, with which Rouse must not fight.
    pub pod_autoscalers: ApiResource,
    /// The kinds that are scaled, each with a scale subresource; no two have the same [`ApiResource::kind`].
    pub kinds: Vec<ApiResource>,
}

/// Why it is not known what the cluster serves, or why that does not suffice.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The apiserver does not say.
    #[error("the apiserver does not say what it serves ({path})")]
    Silent {
        /// What it was asked for.
        path: String,
        /// What came of it.
        source: Box<kube::Error>,
    },
    /// It serves too little: all that is missing, a line each.
    #[error("{}", .0.join("\n"))]
    Missing(Vec<String>),
}

impl Discovered {
    /// Asks the apiserver. `listed` are the kinds to scale besides Deployments and StatefulSets.
    ///
    /// # Errors
    /// When it does not answer, or serves too little; all that is missing is named.
    pub async fn read(client: &Client, listed: &[ScaledKind]) -> Result<Discovered, DiscoveryError> {
        let silent = |path: &str, error| DiscoveryError::Silent { path: path.to_owned(), source: Box::new(error) };
        let groups = client.list_api_groups().await.map_err(|error| silent("/apis", error))?;
        let mut served = Served::default();
        for group in groups.groups {
            if !NEEDED.iter().any(|needed| needed.group == group.name) && !listed.iter().any(|k| k.group == group.name)
            {
                continue;
            }
            let preferred = group.preferred_version.map(|version| version.version);
            let versions = group.versions.into_iter().map(|version| version.version);
            let others = versions.filter(|version| preferred.as_ref() != Some(version)).collect::<Vec<_>>();
            for version in preferred.into_iter().chain(others) {
                let group_version = format!("{}/{version}", group.name);
                let resources = client.list_api_group_resources(&group_version).await;
                let resources = resources.map_err(|error| silent(&format!("/apis/{group_version}"), error))?.resources;
                served.0.entry(group.name.clone()).or_default().push(Version { name: version, resources });
            }
        }
        served.discover(listed)
    }

    /// The kind that workloads call `word`, if it is scaled.
    pub fn kind(&self, word: &str) -> Option<&ApiResource> {
        self.kinds.iter().find(|kind| kind.kind == word)
    }
}

/// Something that Rouse uses in every cluster.
struct Needed {
    group: &'static str,
    /// The best first.
    versions: &'static [&'static str],
    plural: &'static str,
    scaled: bool,
}

const NEEDED: [Needed; 5] = [
    Needed { group: "apps", versions: &["v1"], plural: "deployments", scaled: true },
    Needed { group: "apps", versions: &["v1"], plural: "statefulsets", scaled: true },
    Needed { group: "discovery.k8s.io", versions: &["v1", "v1beta1"], plural: "endpointslices", scaled: false },
    Needed { group: "policy", versions: &["v1", "v1beta1"], plural: "poddisruptionbudgets", scaled: false },
    Needed { group: "autoscaling", versions: &["v1"], plural: "horizontalpodautoscalers", scaled: false },
];

/// The groups that matter, each with its versions, the preferred one first.
#[derive(Debug, Default)]
struct Served(BTreeMap<String, Vec<Version>>);

#[derive(Debug)]
struct Version {
    name: String,
    resources: Vec<APIResource>,
}

impl Version {
    fn has_scale(&self, plural: &str) -> bool {
        let scale = format!("{plural}/scale");
        self.resources.iter().any(|resource| resource.name == scale)
    }

    fn resource(&self, group: &str, resource: &APIResource) -> ApiResource {
        ApiResource {
            group: group.to_owned(),
            version: self.name.clone(),
            api_version: format!("{group}/{}", self.name),
            kind: resource.kind.clone(),
            plural: resource.name.clone(),
        }
    }
}

impl Served {
    fn discover(&self, listed: &[ScaledKind]) -> Result<Discovered, DiscoveryError> {
        let mut missing = Vec::new();
        let mut found = Vec::new();
        for needed in &NEEDED {
            match self.needed(needed) {
                Ok(resource) => found.push(resource),
                Err(why) => missing.push(why),
            }
        }
        let mut more: Vec<ApiResource> = Vec::new();
        for name in listed {
            match self.listed(name) {
                // One that is named twice, or is scaled anyway.
                Ok(kind) if found.iter().chain(&more).any(|known| *known == kind) => {}
                Ok(kind) => match found.iter().chain(&more).find(|known| known.kind == kind.kind) {
                    Some(known) => missing.push(format!(
                        "{name} is of the kind {}, as {}.{} is: workloads of both would have the same names",
                        kind.kind, known.plural, known.group
                    )),
                    None => more.push(kind),
                },
                Err(why) => missing.push(why),
            }
        }
        match <[ApiResource; NEEDED.len()]>::try_from(found) {
            Ok([deployments, stateful_sets, endpoint_slices, disruption_budgets, pod_autoscalers])
                if missing.is_empty() =>
            {
                let kinds = [deployments, stateful_sets].into_iter().chain(more).collect();
                Ok(Discovered { endpoint_slices, disruption_budgets, pod_autoscalers, kinds })
            }
            _ => Err(DiscoveryError::Missing(missing)),
        }
    }

    fn needed(&self, needed: &Needed) -> Result<ApiResource, String> {
        let Needed { group, versions, plural, scaled } = needed;
        let served = self.0.get(*group).map(Vec::as_slice).unwrap_or_default();
        for version in versions.iter().filter_map(|name| served.iter().find(|version| version.name == *name)) {
            if let Some(resource) = version.resources.iter().find(|resource| resource.name == *plural) {
                return match *scaled && !version.has_scale(plural) {
                    true => Err(format!("{plural}.{group} has no scale subresource")),
                    false => Ok(version.resource(group, resource)),
                };
            }
        }
        Err(format!("the apiserver serves no {plural} in {group}/{}", versions.join(&format!(" or {group}/"))))
    }

    fn listed(&self, name: &ScaledKind) -> Result<ApiResource, String> {
        let Some(versions) = self.0.get(&name.group) else {
            return Err(format!("{name}: the apiserver serves no group {}", name.group));
        };
        let is_meant = |resource: &&APIResource| resource.name == name.resource;
        let found = versions.iter().find_map(|version| Some((version, version.resources.iter().find(is_meant)?)));
        match found {
            None => Err(format!("{name}: the group {} has no resource {:?}", name.group, name.resource)),
            Some((_, resource)) if !resource.namespaced => {
                Err(format!("{name} has no namespaces: it cannot be scaled"))
            }
            Some((version, resource)) if !version.has_scale(&resource.name) => {
                Err(format!("{name} has no scale subresource in {}: it cannot be scaled", version.name))
            }
            Some((version, resource)) => Ok(version.resource(&name.group, resource)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str, kind: &str) -> APIResource {
        APIResource { name: name.to_owned(), kind: kind.to_owned(), namespaced: true, ..APIResource::default() }
    }

    fn version(name: &str, resources: &[(&str, &str)]) -> Version {
        let resources = resources.iter().map(|(name, kind)| resource(name, kind)).collect();
        Version { name: name.to_owned(), resources }
    }

    const APPS: [(&str, &str); 6] = [
        ("deployments", "Deployment"),
        ("deployments/scale", "Scale"),
        ("deployments/status", "Deployment"),
        ("statefulsets", "StatefulSet"),
        ("statefulsets/scale", "Scale"),
        ("replicasets", "ReplicaSet"),
    ];

    fn cluster(beta: bool) -> Served {
        let newest = if beta { "v1beta1" } else { "v1" };
        Served(BTreeMap::from([
            ("apps".to_owned(), vec![version("v1", &APPS)]),
            ("discovery.k8s.io".to_owned(), vec![version(newest, &[("endpointslices", "EndpointSlice")])]),
            ("policy".to_owned(), vec![version(newest, &[("poddisruptionbudgets", "PodDisruptionBudget")])]),
            (
                "autoscaling".to_owned(),
                vec![
                    version("v2beta2", &[("horizontalpodautoscalers", "HorizontalPodAutoscaler")]),
                    version("v1", &[("horizontalpodautoscalers", "HorizontalPodAutoscaler")]),
                ],
            ),
            (
                "argoproj.io".to_owned(),
                vec![version("v1alpha1", &[("rollouts", "Rollout"), ("rollouts/scale", "Scale"), ("runs", "Run")])],
            ),
        ]))
    }

    fn names(texts: &[&str]) -> Vec<ScaledKind> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_best_version_served_is_used() {
        let old = cluster(true).discover(&[]).unwrap();
        let versions = [&old.endpoint_slices, &old.disruption_budgets, &old.pod_autoscalers].map(|r| &*r.api_version);
        assert_eq!(versions, ["discovery.k8s.io/v1beta1", "policy/v1beta1", "autoscaling/v1"]);
        let new = cluster(false).discover(&names(&["rollouts.argoproj.io", "rollouts.argoproj.io"])).unwrap();
        assert_eq!(new.endpoint_slices.api_version, "discovery.k8s.io/v1");
        let kinds: Vec<_> = new.kinds.iter().map(|kind| (&*kind.kind, &*kind.api_version)).collect();
        assert_eq!(kinds, [("Deployment", "apps/v1"), ("StatefulSet", "apps/v1"), ("Rollout", "argoproj.io/v1alpha1")]);
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let mut served = cluster(false);
        served.0.remove("policy");
        served.0.insert("apps".to_owned(), vec![version("v1", &APPS[..4])]);
        let listed = names(&["runs.argoproj.io", "things.argoproj.io", "rollouts.example.com"]);
        let error = served.discover(&listed).unwrap_err().to_string();
        assert_eq!(
            error.lines().collect::<Vec<_>>(),
            [
                "statefulsets.apps has no scale subresource",
                "the apiserver serves no poddisruptionbudgets in policy/v1 or policy/v1beta1",
                "runs.argoproj.io has no scale subresource in v1alpha1: it cannot be scaled",
                "things.argoproj.io: the group argoproj.io has no resource \"things\"",
                "rollouts.example.com: the apiserver serves no group example.com",
            ]
        );
    }

    #[test]
    fn two_kinds_of_one_name_are_refused() {
        let mut served = cluster(false);
        let twin = version("v1", &[("deployments", "Deployment"), ("deployments/scale", "Scale")]);
        served.0.insert("example.com".to_owned(), vec![twin]);
        let error = served.discover(&names(&["deployments.example.com", "deployments.apps"])).unwrap_err().to_string();
        assert!(
            error.starts_with("deployments.example.com is of the kind Deployment, as deployments.apps is"),
            "{error}"
        );
    }
}
