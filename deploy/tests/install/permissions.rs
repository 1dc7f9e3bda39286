//! What each process may do, and what it may not, as the apiserver would judge by the roles that are installed.

use serde_json::Value;

use crate::printed::objects;
use crate::rights::{AUTOSCALER, Asked, BEYOND_KEDA, INJECTOR, KEDA, KNATIVE_SERVICES, NOBODY, to};

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
fn what_knative_services_need_is_granted_with_them_only() {
    let (without, with) = (Roles::of(&[]), Roles::of(&["--knative-services"]));
    for asked in KNATIVE_SERVICES {
        assert_eq!(without.allowed("rouse-autoscaler", asked), "", "{}", asked.what);
        assert_eq!(with.allowed("rouse-autoscaler", asked), asked.verbs, "{}", asked.what);
        assert_eq!(with.allowed("rouse-injector", asked), "", "{}", asked.what);
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

#[test]
fn of_kedas_objects_only_the_status_and_jobs_are_written_and_secrets_are_read_where_that_is_listed() {
    let roles = Roles::of(&["--keda-objects", "--trigger-secrets=bank,desk"]);
    for asked in KEDA {
        assert_eq!(roles.allowed("rouse-autoscaler", asked), asked.verbs, "{} {}", asked.what, asked.which);
        assert_eq!(roles.allowed("rouse-injector", asked), "", "{} {}", asked.what, asked.which);
        assert_eq!(Roles::of(&[]).allowed("rouse-autoscaler", asked), "", "{} {}", asked.what, asked.which);
    }
    for asked in NOBODY.iter().chain(BEYOND_KEDA) {
        assert_eq!(roles.allowed("rouse-autoscaler", asked), "", "{} {}", asked.what, asked.which);
    }
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
