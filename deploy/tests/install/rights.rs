//! What each process does, and what none may do: judged by the manifests here, by an apiserver in `bench cluster`.

/// What somebody may want to do.
pub(crate) struct Asked {
    /// With a space between them.
    pub(crate) verbs: &'static str,
    /// `deployments.apps/scale`, `pods`, or a path.
    pub(crate) what: &'static str,
    /// `NAMESPACE/NAME`; each may be left out.
    pub(crate) which: &'static str,
}

/// `verbs` on `what`, of these.
pub(crate) const fn to(verbs: &'static str, what: &'static str, which: &'static str) -> Asked {
    Asked { verbs, what, which }
}

/// What the autoscaler does.
pub(crate) const AUTOSCALER: &[Asked] = &[
    // Workloads: watch, scale, write annotations, end back-offs.
    to("list watch patch", "deployments.apps", "shop/web"),
    to("list watch patch", "statefulsets.apps", "shop/db"),
    to("get patch", "deployments.apps/scale", "shop/web"),
    to("get patch", "statefulsets.apps/scale", "shop/db"),
    to("list patch", "replicasets.apps", "shop/web-1"),
    to("list watch", "horizontalpodautoscalers.autoscaling", ""),
    // Pods.
    to("list watch", "pods", ""),
    // The route, and where Links lead.
    to("list watch patch", "services", "shop/web"),
    to("list watch create patch delete", "endpointslices.discovery.k8s.io", "shop/web-rouse"),
    to("list watch create update", "endpointslices.discovery.k8s.io", "rouse-system/rouse-autoscaler"),
    // What people read, and what controllers say.
    to("list watch create patch", "events", "shop/web.1"),
    // Settings, authority, Lease, keys of tokens.
    to("list watch", "configmaps", "rouse-system/config-autoscaler"),
    to("create get patch", "configmaps", "rouse-system/rouse-ca"),
    to("create get", "secrets", "rouse-system/rouse-ca"),
    to("create get list watch update", "leases.coordination.k8s.io", "rouse-system/rouse-autoscaler"),
    // Evictions.
    to("list watch create patch delete", "poddisruptionbudgets.policy", "shop/web"),
    to("get", "/openid/v1/jwks", ""),
    to("get", "/.well-known/openid-configuration", ""),
];

/// What the autoscaler does besides with `--knative-services`.
pub(crate) const KNATIVE_SERVICES: &[Asked] = &[
    to("list watch", "customresourcedefinitions.apiextensions.k8s.io", "/services.serving.knative.dev"),
    to("get list watch", "services.serving.knative.dev", "shop/web"),
    to("patch", "services.serving.knative.dev/status", "shop/web"),
    to("update", "services.serving.knative.dev/finalizers", "shop/web"),
    to("get", "deployments.apps", "shop/web"),
    to("get", "services", "shop/web"),
    // Of these the apiserver asks without a name.
    to("create", "deployments.apps", "shop/"),
    to("create", "services", "shop/"),
];

/// What the autoscaler does besides with `--keda-objects --trigger-secrets=bank`.
pub(crate) const KEDA: &[Asked] = &[
    to("list watch", "scaledobjects.keda.sh", "shop/web"),
    to("list watch", "triggerauthentications.keda.sh", "shop/redis"),
    to("list watch", "clustertriggerauthentications.keda.sh", "/redis"),
    to("patch", "scaledobjects.keda.sh/status", "shop/web"),
    to("list watch", "scaledjobs.keda.sh", "shop/report"),
    to("patch", "scaledjobs.keda.sh/status", "shop/report"),
    to("update", "scaledjobs.keda.sh/finalizers", "shop/report"),
    to("list watch create delete", "jobs.batch", "shop/"),
    to("get", "apiservices.apiregistration.k8s.io", "/v1beta1.external.metrics.k8s.io"),
    to("list", "leases.coordination.k8s.io", "keda/operator.keda.sh"),
    to("get", "secrets", "bank/password"),
    to("get", "configmaps", "bank/settings"),
];

/// What nobody may do of KEDA's objects, even then.
pub(crate) const BEYOND_KEDA: &[Asked] = &[
    to("list watch", "secrets", "bank/"),
    to("patch update delete", "scaledobjects.keda.sh", "shop/web"),
    to("create patch update delete", "scaledjobs.keda.sh", "shop/report"),
    to("create delete", "cronjobs.batch", "shop/"),
    to("get update", "leases.coordination.k8s.io", "keda/operator.keda.sh"),
    to("patch delete", "apiservices.apiregistration.k8s.io", "/v1beta1.external.metrics.k8s.io"),
    to("get", "apiservices.apiregistration.k8s.io", "/v1beta1.metrics.k8s.io"),
];

/// What the injector does.
pub(crate) const INJECTOR: &[Asked] = &[
    to("create get", "secrets", "rouse-system/rouse-ca"),
    to("create get patch", "configmaps", "rouse-system/rouse-ca"),
    to("get list watch patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "/rouse-injector"),
];

/// What none of us may do.
pub(crate) const NOBODY: &[Asked] = &[
    to("get", "secrets", "shop/password"),
    to("list", "secrets", ""),
    to("list", "secrets", "rouse-system/"),
    to("get", "secrets", "rouse-system/other"),
    to("update patch delete", "secrets", "rouse-system/rouse-ca"),
    to("create", "secrets", "shop/"),
    to("get", "configmaps", "shop/settings"),
    to("create", "pods", "shop/"),
    to("delete", "pods", "shop/web-1"),
    to("create", "pods/exec", "shop/web-1"),
    to("get", "pods/log", "shop/web-1"),
    to("patch", "pods", "shop/web-1"),
    to("create", "deployments.apps", "shop/"),
    to("delete", "deployments.apps", "shop/web"),
    to("delete", "services", "shop/web"),
    to("create", "services", "shop/"),
    to("get list create update patch delete", "endpoints", "shop/web"),
    to("update", "leases.coordination.k8s.io", "kube-system/kube-scheduler"),
    to("get list watch patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "/other"),
    to("create", "mutatingwebhookconfigurations.admissionregistration.k8s.io", ""),
    to("patch", "clusterroles.rbac.authorization.k8s.io", "/rouse-autoscaler"),
    to("create", "serviceaccounts/token", "shop/default"),
    to("patch", "nodes", "/node-1"),
    to("get", "nodes/proxy", "/node-1"),
    to("patch", "rollouts.argoproj.io/scale", "shop/web"),
    to("patch update", "jobs.batch", "shop/report-1"),
    to("get", "/metrics", ""),
];
