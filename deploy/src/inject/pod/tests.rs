//! Whole pods, as apiservers show them to webhooks, before and after.

use std::time::Duration;

use config::ProbeKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::inject::settings::Resources;
use crate::link::ReporterIdentity;

fn pod_1_20() -> Value {
    serde_json::from_str(include_str!("fixtures/1.20.json")).unwrap()
}

fn pod_1_33() -> Value {
    serde_json::from_str(include_str!("fixtures/1.33.json")).unwrap()
}

fn settings(sidecar: Sidecar) -> Injection {
    Injection {
        image: "example.local/queue-proxy:1".to_owned(),
        sidecar,
        autoscaler: "rouse-autoscaler.rouse-system.svc:8091".to_owned(),
        authority: "-----BEGIN CERTIFICATE-----\n".to_owned(),
        identity: ReporterIdentity::Token,
        drain_quiet: Duration::from_secs(10),
        resources: Resources::default(),
    }
}

fn classic() -> Injection {
    settings(Sidecar::Classic)
}

/// The pod after the patch, and the warnings.
fn injected(pod: &Value, settings: &Injection) -> (Value, Vec<String>) {
    let injected = inject(pod, "default", settings).unwrap();
    let mut after = pod.clone();
    json_patch::patch(&mut after, &injected.patch).unwrap();
    (after, injected.warnings.iter().map(ToString::to_string).collect())
}

fn refused(pod: &Value) -> Vec<String> {
    let problems = inject(pod, "default", &classic()).unwrap_err();
    problems.0.iter().map(ToString::to_string).collect()
}

/// The environment as the container sees it, once the kubelet has filled in what it knows.
fn environment(container: &Value) -> Vec<(String, String)> {
    let known = |field: &str| match field {
        "metadata.namespace" => "default",
        "metadata.name" => "web-1",
        "metadata.uid" => "uid-1",
        "status.podIP" => "fd00::7",
        other => panic!("{other}"),
    };
    let read = |variable: &Value| {
        let value = match variable.pointer("/valueFrom/fieldRef/fieldPath") {
            Some(field) => known(field.as_str().unwrap()).to_owned(),
            None => variable["value"].as_str().unwrap().replace("$$", "$"),
        };
        let value = value.replace("$(SERVING_POD)", "web-1").replace("$(ROUSE_POD_UID)", "uid-1");
        (variable["name"].as_str().unwrap().to_owned(), value)
    };
    container["env"].as_array().unwrap().iter().map(read).collect()
}

#[test]
fn a_pod_gets_a_queue_proxy_that_its_readiness_probe_moves_to() {
    let before = pod_1_20();
    let (after, warnings) = injected(&before, &classic());
    assert_eq!(warnings, [""; 0]);
    let [app, sidecar] = after["spec"]["containers"].as_array().unwrap().as_slice() else { panic!("{after:#}") };

    // All else is as it was.
    let mut expected = before.clone();
    let changed = &mut expected["spec"]["containers"][0];
    changed.as_object_mut().unwrap().remove("readinessProbe").unwrap();
    changed["lifecycle"] = json!({"preStop": {"httpGet": {"path": "/wait-for-drain", "port": 8022, "scheme": "HTTP"}}});
    assert_eq!(*app, *changed);
    expected["spec"]["containers"].as_array_mut().unwrap().push(sidecar.clone());
    let token = json!({"audience": "rouse", "expirationSeconds": 3600, "path": "token"});
    let volume = json!({"name": "rouse-token", "projected": {"sources": [{"serviceAccountToken": token}]}});
    expected["spec"]["volumes"].as_array_mut().unwrap().push(volume);
    expected["spec"]["terminationGracePeriodSeconds"] = json!(60 + 10 + 5);
    assert_eq!(after, expected);

    assert_eq!(sidecar["image"], "example.local/queue-proxy:1");
    assert_eq!(sidecar["command"], json!(["/usr/local/bin/queue-proxy"]));
    assert_eq!(
        sidecar["volumeMounts"],
        json!([{"name": "rouse-token", "mountPath": "/var/run/rouse", "readOnly": true}])
    );
    let ports: Vec<_> = sidecar["ports"].as_array().unwrap().iter().map(|port| &port["containerPort"]).collect();
    assert_eq!(ports, [8012, 8022, 9091]);
    assert_eq!(sidecar["readinessProbe"]["httpGet"]["port"], 8012);
    assert!(sidecar.get("restartPolicy").is_none() && sidecar.get("lifecycle").is_none());
}

#[test]
fn the_queue_proxy_understands_all_that_it_is_told() {
    let (after, _) = injected(&pod_1_20(), &classic());
    let mut environment = environment(&after["spec"]["containers"][1]);
    // What the autoscaler is shown is not the queue-proxy's business here.
    environment
        .retain(|(name, _)| !matches!(name.as_str(), "ROUSE_POD_UID" | "ROUSE_LINK_CA_PEM" | "ROUSE_LINK_TOKEN"));
    environment.push(("ROUSE_WORKLOAD".to_owned(), "web".to_owned()));
    let read = queue_proxy::settings::Settings::read(environment).unwrap();
    assert_eq!((read.listen.to_string(), read.app.to_string()), ("[::]:8012".to_owned(), "127.0.0.1:3000".to_owned()));
    assert_eq!((read.admin.port(), read.metrics.port()), (8022, 9091));
    assert_eq!((read.serving.container_concurrency, read.serving.timeout.as_secs()), (10, 60));
    assert_eq!(read.drain_quiet, Duration::from_secs(10));
    let probe = read.serving.readiness.unwrap();
    let kind = ProbeKind::Http { path: "/ready?who=$(me)".to_owned(), port: Some(3000), headers: vec![] };
    assert_eq!((probe.kind, probe.period.as_secs()), (kind, 10));
    let to = read.autoscaler.unwrap();
    assert_eq!((to.pod.as_str(), to.server.as_str()), ("web-1.uid-1", "rouse-autoscaler.rouse-system.svc:8091"));
    assert_eq!(to.address.to_string(), "[fd00::7]:8012");
}

#[test]
fn a_native_sidecar_comes_before_all_others_and_hears_by_itself_that_the_pod_ends() {
    let (after, warnings) = injected(&pod_1_33(), &settings(Sidecar::Native));
    let names = |list: &str| -> Vec<_> {
        after["spec"][list].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
    };
    assert_eq!(names("initContainers"), ["queue-proxy", "migrate", "logs"]);
    assert_eq!(names("containers"), ["shop"]);
    assert_eq!(names("volumes"), ["data", "kube-api-access-9v6wz", "rouse-token"]);
    let sidecar = &after["spec"]["initContainers"][0];
    assert_eq!(sidecar["restartPolicy"], "Always");
    assert_eq!(sidecar["lifecycle"]["preStop"]["httpGet"]["path"], "/wait-for-drain");
    let resources = json!({"requests": {"cpu": "50m", "memory": "20Mi"}, "limits": {"memory": "128Mi"}});
    assert_eq!(sidecar["resources"], resources);
    let env = environment(sidecar);
    let value = |name: &str| env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!((value("USER_PORT"), value("ROUSE_USER_PROTOCOL")), (Some("50051"), Some("h2c")));
    assert!(value("SERVING_READINESS_PROBE").is_some_and(|probe| probe.contains(r#""grpc":{"port":50051"#)));

    // Its own hook and its longer grace stay, the first with a remark.
    assert_eq!(after["spec"]["containers"][0]["lifecycle"], pod_1_33()["spec"]["containers"][0]["lifecycle"]);
    assert_eq!(after["spec"]["terminationGracePeriodSeconds"], 600);
    assert_eq!(
        warnings,
        [
            "Pod default/shop-0: spec.containers[0].lifecycle.preStop: is kept: after it the app is told to end though it \
          may have requests, unless the hook waits for http://127.0.0.1:8022/wait-for-drain"
        ]
    );
}

#[test]
fn a_pod_that_has_it_is_left_alone() {
    for pod in [pod_1_20(), pod_1_33()] {
        for sidecar in [Sidecar::Classic, Sidecar::Native] {
            let (after, warnings) = injected(&pod, &settings(sidecar));
            // Whatever the setting is by now.
            for setting in [Sidecar::Classic, Sidecar::Native] {
                let again = inject(&after, "default", &settings(setting)).unwrap();
                assert_eq!(again.patch, Patch::default());
                assert_eq!(again.warnings.len(), warnings.len());
            }
        }
    }
}

#[test]
fn what_is_missing_of_it_is_added_and_what_was_changed_of_it_stays() {
    let (complete, _) = injected(&pod_1_20(), &classic());
    let mut partial = complete.clone();
    let spec = &mut partial["spec"];
    spec["volumes"].as_array_mut().unwrap().pop();
    let sidecar = &mut spec["containers"][1];
    sidecar["env"].as_array_mut().unwrap().retain(|variable| variable["name"] != "USER_PORT");
    sidecar.as_object_mut().unwrap().remove("securityContext");
    sidecar["image"] = json!("example.local/queue-proxy:2");
    let (after, _) = injected(&partial, &classic());
    let mut expected = complete;
    expected["spec"]["containers"][1]["image"] = json!("example.local/queue-proxy:2");
    let last = |pod: &mut Value| {
        let env = pod["spec"]["containers"][1]["env"].as_array_mut().unwrap();
        env.sort_by_key(|variable| variable["name"].to_string());
    };
    let mut after = after;
    [&mut after, &mut expected].into_iter().for_each(last);
    assert_eq!(after, expected);
}

#[test]
fn pods_without_the_label_are_left_alone() {
    for label in [json!(null), json!({}), json!({"rouse.dev/inject": "false"})] {
        let mut pod = pod_1_20();
        pod["metadata"]["labels"] = label;
        assert_eq!(inject(&pod, "default", &classic()), Ok(Injected::default()));
    }
}

#[test]
fn an_app_without_a_port_is_told_one_and_a_probe_that_only_a_kubelet_can_try_stays() {
    let mut pod = pod_1_20();
    let app = &mut pod["spec"]["containers"][0];
    app.as_object_mut().unwrap().remove("ports");
    app["readinessProbe"] = json!({"exec": {"command": ["ready"]}});
    let (after, _) = injected(&pod, &classic());
    let app = &after["spec"]["containers"][0];
    assert_eq!(app["env"], json!([{"name": "PORT", "value": "8080"}]));
    assert_eq!(app["readinessProbe"], json!({"exec": {"command": ["ready"]}}));
    let env = environment(&after["spec"]["containers"][1]);
    assert!(env.iter().all(|(name, _)| name != "SERVING_READINESS_PROBE"));
}

#[test]
fn known_by_its_address_a_pod_mounts_nothing() {
    let settings = Injection { identity: ReporterIdentity::Address, ..classic() };
    let (after, _) = injected(&pod_1_20(), &settings);
    assert_eq!(after["spec"]["volumes"], pod_1_20()["spec"]["volumes"]);
    let sidecar = &after["spec"]["containers"][1];
    assert!(sidecar.get("volumeMounts").is_none());
    assert!(environment(sidecar).iter().all(|(name, _)| name != "ROUSE_LINK_TOKEN"));
}

#[test]
fn a_pod_may_take_as_long_to_end_as_its_requests_may_take() {
    let grace = |own, timeout| ending::grace(own, Duration::from_secs_f64(timeout), Duration::from_secs(10));
    assert_eq!(grace(None, 300.0), 315);
    assert_eq!(grace(Some(30), 1.5), 30);
    assert_eq!(grace(Some(10), 1.5), 17);
    assert_eq!(grace(Some(600), 300.0), 600);
    assert_eq!(ending::grace(Some(-1), Duration::MAX, Duration::MAX), i64::MAX);
}

#[test]
fn everything_that_speaks_against_a_pod_is_said_at_once() {
    let mut pod = pod_1_20();
    pod["metadata"]["annotations"] = json!({
        "rouse.dev/timeout": "5 minutes",
        "rouse.dev/timout": "1s",
        "autoscaling.knative.dev/target": "0",
        "queue.sidecar.serving.knative.dev/cpu-resource-request": "much",
    });
    pod["metadata"]["ownerReferences"][0]["kind"] = json!("Job");
    pod["spec"]["hostNetwork"] = json!(true);
    pod["spec"]["restartPolicy"] = json!("OnFailure");
    pod["spec"]["containers"][0]["ports"] = json!([{"containerPort": 8012}]);
    let said = refused(&pod);
    let about: Vec<_> = said.iter().map(|line| line.strip_prefix("Pod default/web-6d4cf56db6-…: ").unwrap()).collect();
    assert_eq!(
        about,
        [
            "metadata.ownerReferences[0].kind: \"Job\" runs to its end, which requests do not decide: take the label \
             rouse.dev/inject off its template",
            "spec.hostNetwork: \"true\" puts the ports of all pods of a node in one place, where a queue-proxy's are \
             taken by the first: it must be false",
            "spec.restartPolicy: \"OnFailure\" is for pods that run to their end: it must be Always",
            "spec.containers[0].ports[0].containerPort: \"8012\" is the queue-proxy's, as are [8012, 8022, 9091]: listen \
             on another",
            "rouse.dev/timout: is not a word of Rouse; did you mean rouse.dev/timeout?",
            "rouse.dev/timeout: \"5 minutes\" is not a duration: write it as Go does, 300s or 5m",
            "autoscaling.knative.dev/target: \"0\" is too small: it must be 0.01 or more",
            "queue.sidecar.serving.knative.dev/cpu-resource-request: \"much\" is not a quantity: write it as Kubernetes \
             does, 100m, 0.5 or 64Mi",
        ]
    );
}

#[test]
fn names_and_ports_of_ours_that_are_not_ours_are_refused() {
    let mut pod = pod_1_33();
    pod["spec"]["initContainers"][1]["ports"][0]["containerPort"] = json!(9091);
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "queue-proxy", "image": "knative"}));
    pod["spec"]["volumes"][0]["name"] = json!("rouse-token");
    pod["spec"]["os"] = json!({"name": "windows"});
    pod["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("1");
    let said = refused(&pod).join("\n");
    for about in [
        "spec.initContainers[1].ports[0].containerPort: \"9091\" is the queue-proxy's",
        "spec.containers[1].name: \"queue-proxy\" is what the container is called that is injected",
        "spec.volumes[0].name: \"rouse-token\" is what the volume is called that is injected",
        "spec.os.name: \"windows\" has no queue-proxy",
        "metadata.annotations[kubernetes.io/config.mirror]: marks a static pod",
    ] {
        assert!(said.contains(about), "{about}\nis not in\n{said}");
    }
}

#[test]
fn what_may_not_be_meant_is_remarked_on() {
    let mut pod = pod_1_20();
    pod["spec"]["dnsPolicy"] = json!("Default");
    pod["spec"]["containers"][0]["ports"][0]["hostPort"] = json!(80);
    let (_, warnings) = injected(&pod, &classic());
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let with_address = Injection { autoscaler: "10.0.0.1:8091".to_owned(), ..classic() };
    assert_eq!(injected(&pod, &with_address).1.len(), 1, "an address needs no names");
}

#[test]
fn what_is_no_pod_is_refused() {
    for (pod, about) in [
        (json!(null), "is no pod"),
        (json!([1]), "is no pod"),
        (json!({"spec": {"containers": "none"}}), "is no pod"),
        (json!({"metadata": {"labels": {"rouse.dev/inject": "true"}}}), "spec.containers: is empty"),
    ] {
        let said = refused(&pod);
        assert!(said[0].contains(about), "{said:?}");
    }
}

/// Any JSON, small enough to be read.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z/$().-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z.]{1,10}", inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// The paths of everything in a document.
fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| paths(value, &format!("{path}/{}", escaped(name)), all));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| paths(item, &format!("{path}/{n}"), all)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn no_pod_however_strange_does_harm(
        which in any::<bool>(),
        native in any::<bool>(),
        already in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 0..4),
    ) {
        let settings = settings(if native { Sidecar::Native } else { Sidecar::Classic });
        let mut pod = if which { pod_1_20() } else { pod_1_33() };
        if already {
            pod = injected(&pod, &settings).0;
        }
        for (at, value) in changes {
            let mut all = Vec::new();
            paths(&pod, "", &mut all);
            *pod.pointer_mut(at.get(&all[..]).as_str()).unwrap() = value;
        }
        if let Ok(first) = inject(&pod, "default", &settings) {
            let mut after = pod.clone();
            json_patch::patch(&mut after, &first.patch).unwrap();
            let second = inject(&after, "default", &settings);
            prop_assert_eq!(second.map(|second| second.patch), Ok(Patch::default()), "after {:#}", after);
        }
    }
}
