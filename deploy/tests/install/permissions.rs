//! What each process may do, and what it may not, as the apiserver would judge by the roles that are installed.

use serde_json::Value;

use crate::printed::objects;

/// What somebody may want to do.
struct Asked {
    /// With a space between them.
    verbs: &'static str,
    /// `deployments.apps/scale`, `pods`, or a path.
    what: &'static str,
    /// `NAMESPACE/NAME`; each may be left out.
    which: &'static str,
}

const fn to(verbs: &'static str, what: &'static str, which: &'static str) -> Asked {
    Asked { verbs, what, which }
}

const AUTOSCALER: &[Asked] = &[
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

const INJECTOR: &[Asked] = &[
    to("create get", "secrets", "rouse-system/rouse-ca"),
    to("create get patch", "configmaps", "rouse-system/rouse-ca"),
    to("get list watch patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "/rouse-injector"),
];

/// What none of us may do.
const NOBODY: &[Asked] = &[
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
    to("get", "/metrics", ""),
];

#[test]
fn each_may_do_what_it_does() {
    let roles = Roles::of(&[]);
    for (name, all) in [("rouse-autoscaler", AUTOSCALER), ("rouse-injector", INJECTOR)] {
        for asked in all {
            assert_eq!(roles.allowed(name, asked), asked.verbs, "{name}: {} {}", asked.what, asked.which);
        }
    }
}

#[test]
fn none_may_do_what_it_does_not() {
    let roles = Roles::of(&[]);
    for asked in NOBODY {
        for name in ["rouse-autoscaler", "rouse-activator", "rouse-injector"] {
            assert_eq!(roles.allowed(name, asked), "", "{name}: {} {}", asked.what, asked.which);
        }
    }
    for asked in AUTOSCALER.iter().chain(INJECTOR) {
        assert_eq!(roles.allowed("rouse-activator", asked), "", "an activator: {}", asked.what);
    }
    for asked in AUTOSCALER.iter().filter(|asked| !asked.which.starts_with("rouse-system/")) {
        assert_eq!(roles.allowed("rouse-injector", asked), "", "an injector: {}", asked.what);
    }
}

#[test]
fn nothing_is_granted_that_is_not_listed_here() {
    for (name, granted) in &Roles::of(&[]).rules {
        let listed = if name == "rouse-autoscaler" { AUTOSCALER } else { INJECTOR };
        for (verb, what) in granted.each() {
            let is = |asked: &Asked| asked.what == what && asked.verbs.split(' ').any(|listed| listed == verb);
            assert!(listed.iter().any(|asked| is(asked) && granted.allows(verb, asked)), "{name} may {verb} {what}");
        }
    }
}

#[test]
fn another_kind_is_granted_by_its_name() {
    let roles = Roles::of(&["--kind=rollouts.argoproj.io"]);
    let rollouts = to("list watch patch", "rollouts.argoproj.io", "shop/web");
    let scales = to("get patch", "rollouts.argoproj.io/scale", "shop/web");
    for asked in [&rollouts, &scales] {
        assert_eq!(roles.allowed("rouse-autoscaler", asked), asked.verbs, "{}", asked.what);
        assert_eq!(roles.allowed("rouse-injector", asked), "", "{}", asked.what);
    }
    assert_eq!(roles.allowed("rouse-autoscaler", &to("delete", "rollouts.argoproj.io", "shop/web")), "");
}

/// Every rule that is installed, and whom it is bound to.
struct Roles {
    rules: Vec<(String, Rule)>,
}

/// Each rule of the role that `binding` binds, for each whom it is bound to.
fn bound(objects: &[Value], binding: &Value) -> Vec<(String, Rule)> {
    let namespace = binding["metadata"]["namespace"].as_str();
    let is_its_role = |object: &&Value| {
        object["kind"] == binding["roleRef"]["kind"]
            && object["metadata"]["name"] == binding["roleRef"]["name"]
            && object["metadata"]["namespace"].as_str() == namespace
    };
    let role = objects.iter().find(is_its_role).expect("its role");
    let mut all = Vec::new();
    for subject in binding["subjects"].as_array().into_iter().flatten() {
        assert_eq!((&subject["kind"], &subject["namespace"]), (&"ServiceAccount".into(), &"rouse-system".into()));
        let name = subject["name"].as_str().expect("a name");
        let rules = role["rules"].as_array().into_iter().flatten();
        all.extend(
            rules.map(|rule| (name.to_owned(), Rule { namespace: namespace.map(str::to_owned), rule: rule.clone() })),
        );
    }
    all
}

/// A rule, everywhere or in one namespace.
struct Rule {
    namespace: Option<String>,
    rule: Value,
}

impl Roles {
    fn of(flags: &[&str]) -> Roles {
        let objects = objects(flags);
        let bindings = objects.iter().filter(|object| !object["roleRef"].is_null());
        Roles { rules: bindings.flat_map(|binding| bound(&objects, binding)).collect() }
    }

    /// Those of the verbs that `name` may.
    fn allowed(&self, name: &str, asked: &Asked) -> String {
        let may = |verb: &&str| self.rules.iter().any(|(subject, rule)| subject == name && rule.allows(verb, asked));
        asked.verbs.split(' ').filter(may).collect::<Vec<_>>().join(" ")
    }
}

impl Rule {
    fn all(&self, key: &str) -> Vec<&str> {
        self.rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Each verb with each thing that it grants, written as in [`Asked`].
    fn each(&self) -> Vec<(&str, String)> {
        let qualified = |resource: &str, group: &str| {
            let (resource, sub) = resource.split_once('/').map_or((resource, ""), |(resource, sub)| (resource, sub));
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            let sub = if sub.is_empty() { String::new() } else { format!("/{sub}") };
            format!("{resource}{group}{sub}")
        };
        let mut what: Vec<String> = self.all("nonResourceURLs").into_iter().map(str::to_owned).collect();
        for group in self.all("apiGroups") {
            what.extend(self.all("resources").into_iter().map(|resource| qualified(resource, group)));
        }
        self.all("verbs").into_iter().flat_map(|verb| what.iter().map(move |what| (verb, what.clone()))).collect()
    }

    fn allows(&self, verb: &str, asked: &Asked) -> bool {
        let (namespace, name) = asked.which.split_once('/').unwrap_or(("", ""));
        let names = self.all("resourceNames");
        self.each().iter().any(|(granted, what)| *granted == verb && what == asked.what)
            && (names.is_empty() || names.contains(&name))
            && self.namespace.as_ref().is_none_or(|only| only == namespace)
    }
}
