//! What users get wrong, and the whole message that they see.

use config::manifest;
use proptest::prelude::*;

/// What is said about `text`, a line each.
fn problems(text: &str) -> Vec<String> {
    problems_of(&[("hello.yaml", text)])
}

fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let problems = manifest::read(&files).expect_err("a bad manifest is refused");
    problems.to_string().lines().map(str::to_owned).collect()
}

/// A Deployment with these annotations, one per line.
fn annotated(annotations: &str) -> String {
    let annotations = annotations.lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: hello\n  annotations:\n{annotations}spec:\n  \
         template:\n    metadata: {{ labels: {{ app: hello }} }}\n    spec: {{ containers: [{{ command: [run] }}] }}\n"
    )
}

fn service(name: &str, spec: &str) -> String {
    format!("---\napiVersion: v1\nkind: Service\nmetadata: {{ name: {name} }}\nspec: {{ {spec} }}\n")
}

fn container(container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: hello }}\nspec: {{ template: {{ spec: {{ \
         containers: [{{ {container} }}] }} }} }}\n"
    )
}

#[test]
fn every_wrong_annotation_is_reported_at_once() {
    let text = annotated(
        "rouse.dev/timeout: 5 minutes\nrouse.dev/container-concurency: \"1\"\nrouse.dev/mode: fast\n\
         autoscaling.knative.dev/min-scale: \"-1\"\nautoscaling.knative.dev/window: 1s\n\
         autoscaling.knative.dev/target: NaN\nserving.knative.dev/progress-deadline: 0s",
    );
    assert_eq!(
        problems(&text),
        [
            "hello.yaml: Deployment default/hello: rouse.dev/container-concurency: is not a word of Rouse; did you \
             mean rouse.dev/container-concurrency?",
            "hello.yaml: Deployment default/hello: rouse.dev/timeout: \"5 minutes\" is not a duration: write it as Go \
             does, 300s or 5m",
            "hello.yaml: Deployment default/hello: autoscaling.knative.dev/min-scale: \"-1\" is out of range: it must \
             be a whole number, 0 or more",
            "hello.yaml: Deployment default/hello: autoscaling.knative.dev/window: \"1s\" is out of range: it must be \
             from 6s to 1h0m0s",
            "hello.yaml: Deployment default/hello: serving.knative.dev/progress-deadline: \"0s\" must be more than 0s",
            "hello.yaml: Deployment default/hello: rouse.dev/mode: \"fast\" is not a mode: it must be default or \
             knative",
            "hello.yaml: Deployment default/hello: autoscaling.knative.dev/target: \"NaN\" is not a finite number",
        ]
    );
}

#[test]
fn one_label_without_the_other_is_told() {
    let labelled = |workload: &str, template: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{ name: hello, labels: {{ {workload} }} }}\nspec:\n  \
             template:\n    metadata: {{ labels: {{ {template} }} }}\n    spec: {{ containers: [{{ command: [run] }}] }}\n"
        )
    };
    assert_eq!(
        problems(&labelled("rouse.dev/scale: 'true'", "rouse.dev/inject: 'false'")),
        [
            "hello.yaml: Deployment default/hello: rouse.dev/scale: needs the label rouse.dev/inject: \"true\" on the pod \
          template"
        ]
    );
    assert_eq!(
        problems(&labelled("", "rouse.dev/inject: 'true'")),
        ["hello.yaml: Deployment default/hello: rouse.dev/inject: needs the label rouse.dev/scale: \"true\" on the \
          workload"]
    );
}

#[test]
fn scaling_on_cpu_says_what_to_use_instead() {
    assert_eq!(
        problems(&annotated("autoscaling.knative.dev/metric: cpu")),
        [
            "hello.yaml: Deployment default/hello: autoscaling.knative.dev/metric: \"cpu\" is not measured: Rouse scales \
          on requests: use metric concurrency or rps with a target, or leave the workload to a \
          HorizontalPodAutoscaler without Rouse"
        ]
    );
}

#[test]
fn an_annotation_that_is_no_string_is_refused_as_kubernetes_does() {
    assert_eq!(
        problems(&annotated("autoscaling.knative.dev/target: 10")),
        [
            "hello.yaml: Deployment default/hello: metadata.annotations.autoscaling.knative.dev/target: is not a string: \
          write it in quotes"
        ]
    );
}

#[test]
fn a_pod_without_a_command_cannot_run_on_one_machine() {
    assert_eq!(
        problems(&container("image: example.com/hello")),
        ["hello.yaml: Deployment default/hello: spec.template.spec.containers[0].command: is missing: image is not \
          run on one machine; give a command"]
    );
}

#[test]
fn a_wrong_type_names_the_field() {
    assert_eq!(
        problems(&container("command: run, ports: [{ containerPort: http }], readinessProbe: { periodSeconds: -1 }")),
        [
            "hello.yaml: Deployment default/hello: spec.template.spec.containers[0].command: \"run\" is not a list",
            "hello.yaml: Deployment default/hello: spec.template.spec.containers[0].command: is missing: image is not \
             run on one machine; give a command",
            "hello.yaml: Deployment default/hello: spec.template.spec.containers[0].ports[0].containerPort: \"http\" \
             is not a port from 1 to 65535",
            "hello.yaml: Deployment default/hello: spec.template.spec.containers[0].readinessProbe.periodSeconds: -1 \
             is not a whole number, 0 or more",
        ]
    );
}

#[test]
fn a_variable_that_cannot_be_resolved_says_why() {
    let text = container(
        "command: [run], env: [{ name: A, valueFrom: { secretKeyRef: { name: login, key: user } } }, { name: B, \
         valueFrom: { configMapKeyRef: { name: settings, key: b } } }, { name: C, valueFrom: { fieldRef: { \
         fieldPath: spec.nodeName } } }, { name: D, valueFrom: { resourceFieldRef: {} } }]",
    );
    let data = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { a: x }\n---\napiVersion: \
                v1\nkind: Secret\nmetadata: { name: other }\ndata: { password: hunter2 }\n";
    assert_eq!(
        problems_of(&[("hello.yaml", &text), ("data.yaml", data)]),
        [
            "data.yaml: Secret default/other: data.password: is not base64: plain text belongs under stringData",
            "hello.yaml: Deployment default/hello: spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef: \
             Secret default/login is in none of the files",
            "hello.yaml: Deployment default/hello: spec.template.spec.containers[0].env[1].valueFrom.configMapKeyRef.\
             key: \"b\" is no key of ConfigMap default/settings",
            "hello.yaml: Deployment default/hello: spec.template.spec.containers[0].env[2].valueFrom.fieldRef.\
             fieldPath: \"spec.nodeName\" is not known on one machine: give a value",
            "hello.yaml: Deployment default/hello: spec.template.spec.containers[0].env[3].valueFrom: is not read: \
             give a value, a secretKeyRef or a configMapKeyRef",
        ]
    );
}

#[test]
fn two_workloads_on_one_host_are_refused() {
    let other = annotated("rouse.dev/hosts: shop.example.com").replace("name: hello", "name: other");
    assert_eq!(
        problems_of(&[("a.yaml", &annotated("rouse.dev/hosts: shop.example.com")), ("b.yaml", &other)]),
        ["b.yaml: Deployment default/other: host: \"shop.example.com\" is also that of a.yaml: Deployment \
          default/hello: a host leads to one workload"]
    );
}

#[test]
fn a_workload_declared_twice_is_refused() {
    let hello = container("command: [run]");
    assert_eq!(
        problems_of(&[("a.yaml", &hello), ("b.yaml", &hello)]),
        ["b.yaml: Deployment default/hello: is declared twice: also in a.yaml"]
    );
}

#[test]
fn a_service_must_lead_to_pods_of_one_workload() {
    let hello = annotated("rouse.dev/mode: default");
    let both = hello.clone() + "---\n" + &hello.replace("Deployment", "StatefulSet");
    let about = |service: &str| problems(&(both.clone() + service));
    assert_eq!(
        about(&service("web", "selector: { app: hello }, ports: [{ port: 80 }]"))[0],
        "hello.yaml: Service default/web: spec.selector: matches default/Deployment/hello and \
         default/StatefulSet/hello: narrow it, or name one in rouse.dev/workload"
    );
    let of_one = |spec: &str| problems(&(hello.clone() + &service("web", spec)));
    assert_eq!(
        of_one("selector: { app: hello }, clusterIP: None"),
        ["hello.yaml: Service default/web: spec.clusterIP: \"None\" is not served: clients of a headless Service go \
          past Rouse"]
    );
    assert_eq!(
        of_one("selector: { app: hello }, ports: [{ name: a, port: 1 }, { name: b, port: 2 }]"),
        [
            "hello.yaml: Service default/web: spec.ports: one port is served, and none is named http…, h2c or grpc…: say \
          which in rouse.dev/port"
        ]
    );
    let annotated_service = |annotations: &str| {
        let service = service("web", "ports: [{ port: 80 }]");
        problems(
            &(hello.clone() + &service.replace("name: web", &format!("name: web, annotations: {{ {annotations} }}"))),
        )
    };
    assert_eq!(
        annotated_service("rouse.dev/workload: helo"),
        ["hello.yaml: Service default/web: rouse.dev/workload: \"helo\" is no workload in namespace default of these \
          files"]
    );
    assert_eq!(
        annotated_service("rouse.dev/workload: hello, rouse.dev/port: http"),
        ["hello.yaml: Service default/web: rouse.dev/port: \"http\" is neither the name nor the number of a port of \
          this Service"]
    );
}

#[test]
fn a_knative_service_obeys_knatives_rules() {
    let text = "
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: hello
  annotations: { autoscaling.knative.dev/target: '10' }
spec:
  template:
    spec:
      containerConcurrency: 1001
      timeoutSeconds: 601
      idleTimeoutSeconds: 602
      containers: [{ command: [run] }]
";
    let in_pod = |rest: &str| format!("hello.yaml: Knative Service default/hello: spec.template.spec.{rest}");
    assert_eq!(
        problems(text),
        [
            "hello.yaml: Knative Service default/hello: autoscaling.knative.dev/target: belongs in \
             spec.template.metadata.annotations of a Knative Service"
                .to_owned(),
            in_pod(
                "timeoutSeconds: 601 is more than max-revision-timeout-seconds of the ConfigMap config-defaults, 600"
            ),
            in_pod(
                "idleTimeoutSeconds: 602 is more than max-revision-timeout-seconds of the ConfigMap config-defaults, 600"
            ),
            in_pod(
                "containerConcurrency: 1001 is more than container-concurrency-max-limit of the ConfigMap \
                 config-defaults, 1000"
            ),
            in_pod("idleTimeoutSeconds: \"602\" is longer than the timeout of the whole request, 10m1s"),
        ]
    );
}

#[test]
fn a_cluster_wide_default_that_is_wrong_is_refused() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: config-autoscaler }\ndata: { stable-window: 5s }\n";
    assert_eq!(
        problems(text),
        ["hello.yaml: ConfigMap default/config-autoscaler: stable-window: \"5s\" is out of range: it must be from 6s \
          to 1h0m0s"]
    );
}

#[test]
fn cluster_wide_defaults_have_one_place() {
    let config = |namespace: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: config-defaults, namespace: {namespace} }}\n")
    };
    assert_eq!(
        problems_of(&[("a.yaml", &config("one")), ("b.yaml", &config("two"))]),
        ["b.yaml: ConfigMap two/config-defaults: is in a.yaml too, in namespace one: cluster-wide defaults have one \
          place"]
    );
}

#[test]
fn what_is_no_manifest_is_refused() {
    assert_eq!(
        problems("kind: Deployment\n"),
        ["hello.yaml: document 1: is not an object of Kubernetes: it has no apiVersion or no kind"]
    );
    assert_eq!(
        problems("apiVersion: apps/v1\nkind: Deployment\nspec: {}\n"),
        ["hello.yaml: document 1: metadata.name: is missing: every Deployment needs one"]
    );
    assert_eq!(
        problems("apiVersion: v1\nkind: Secret\nmetadata: { name: My_Secret }\n"),
        ["hello.yaml: document 1: metadata.name: \"My_Secret\" is not a name: write it in lower-case letters, digits \
          and hyphens"]
    );
    assert_eq!(
        problems("apiVersion: v1\nkind: ConfigMap\ndata: {}\ndata: {}\n"),
        ["hello.yaml: is not valid YAML: duplicate mapping key `data` is not allowed here at line 4, column 1"]
    );
    assert_eq!(problems("a: [1, 2\n"), ["hello.yaml: is not valid YAML: unclosed bracket '[' at line 1, column 4"]);
}

#[test]
fn a_file_that_is_too_large_is_not_even_parsed() {
    let text = "#".repeat(config::bounds::MANIFEST_BYTES + 1);
    assert_eq!(problems(&text), ["hello.yaml: has 16777217 bytes, more than 16777216"]);
}

#[test]
fn aliases_that_grow_without_end_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    let said = problems(&text);
    assert!(said[0].starts_with("hello.yaml: is not valid YAML: "), "{said:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_mutilated_manifest_is_read_or_refused_by_its_name(
        from in 0_usize..400,
        length in 0_usize..40,
        garbage in "[a-z0-9:{}\\[\\]&*\n\" -]{0,8}",
    ) {
        let mut text = annotated("rouse.dev/timeout: 10s") + &service("web", "selector: { app: hello }, ports: [{ port: 80 }]");
        let from = from.min(text.len());
        let to = (from + length).min(text.len());
        text.replace_range(from..to, &garbage);
        if let Err(problems) = manifest::read(&[("hello.yaml".to_owned(), text)]) {
            prop_assert!(!problems.0.is_empty());
            for problem in problems.0 {
                prop_assert!(problem.to_string().starts_with("hello.yaml: "), "{}", problem);
            }
        }
    }
}
