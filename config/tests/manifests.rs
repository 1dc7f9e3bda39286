//! Ordinary manifests, and the workloads that they become.

use std::time::Duration;

use config::manifest::{self, Declared, Manifests};
use config::{BurstCapacity, Mode, ProbeKind, Protocol};

fn read(files: &[&str]) -> Manifests {
    let files: Vec<_> = files.iter().enumerate().map(|(n, text)| (format!("{n}.yaml"), (*text).to_owned())).collect();
    manifest::read(&files).unwrap_or_else(|problems| panic!("{problems}"))
}

fn only(files: &[&str]) -> Declared {
    let Manifests { mut workloads, warnings, .. } = read(files);
    assert_eq!(warnings, []);
    assert_eq!(workloads.len(), 1);
    workloads.remove(0)
}

const HELLO: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello
  annotations:
    autoscaling.knative.dev/window: 6s
    autoscaling.knative.dev/max-scale: "8"
    rouse.dev/scale-to-zero-grace-period: 1s
    rouse.dev/container-concurrency: "1"
    rouse.dev/timeout: 1m
    rouse.dev/hosts: Shop.example.com
  labels: { rouse.dev/scale: "true" }
spec:
  replicas: 0
  selector: { matchLabels: { app: hello } }
  template:
    metadata:
      labels: { app: hello, rouse.dev/inject: "true" }
    spec:
      terminationGracePeriodSeconds: 7
      containers:
        - name: app
          image: example.com/hello
          command: [rouse, sample]
          args: ["--listen", ":$(PORT)"]
          workingDir: /srv
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 2 }
---
apiVersion: v1
kind: Service
metadata: { name: hello }
spec:
  selector: { app: hello }
  ports: [{ name: http, port: 80, targetPort: http }]
"#;

#[test]
fn a_deployment_and_its_service_become_one_workload() {
    let declared = only(&[HELLO]);
    assert_eq!(declared.source, "0.yaml: Deployment default/hello");
    assert_eq!(declared.template.command, ["rouse", "sample", "--listen", ":$(PORT)"]);
    assert_eq!(declared.template.working_dir.as_deref(), Some("/srv".as_ref()));
    assert_eq!(declared.template.with_port(20_000).command[3], ":20000");
    assert_eq!((declared.ports[0].name.as_deref(), declared.ports[0].port), (Some("http"), 80));

    let workload = &declared.workload;
    assert_eq!(workload.id.to_string(), "default/Deployment/hello");
    assert_eq!(
        workload.hosts,
        [
            "hello.default",
            "hello.default.localhost",
            "hello.default.svc",
            "hello.default.svc.cluster.local",
            "hello.localhost",
            "shop.example.com",
        ]
    );
    assert_eq!(workload.policy.stable_window, Duration::from_secs(6));
    assert_eq!(workload.policy.grace_period, Duration::from_secs(1));
    assert_eq!((workload.policy.max_scale, workload.policy.total, workload.policy.target), (8, 1.0, 0.7));
    assert_eq!(workload.serving.container_concurrency, 1);
    assert_eq!(workload.serving.timeout, Duration::from_secs(60));
    assert_eq!(workload.serving.response_start_timeout, Duration::from_secs(60));
    assert_eq!(workload.serving.termination_grace, Duration::from_secs(7));
    assert_eq!(workload.serving.protocol, Protocol::Http1);
    let probe = workload.serving.readiness.as_ref().expect("a probe");
    assert_eq!(probe.kind, ProbeKind::Http { path: "/ready".into(), port: None, headers: vec![] });
    assert_eq!(probe.period, Duration::from_secs(2));
}

#[test]
fn a_knative_service_is_workload_and_address_at_once() {
    let declared = only(&[r#"
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: hello
  namespace: shop
  annotations: { rouse.dev/mode: knative }
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/target: "10"
        autoscaling.knative.dev/activation-scale: "2"
        autoscaling.knative.dev/target-burst-capacity: "10"
    spec:
      containerConcurrency: 20
      timeoutSeconds: 30
      responseStartTimeoutSeconds: 10
      idleTimeoutSeconds: 5
      containers:
        - command: [rouse, sample]
          args: [--name, $(K_REVISION)]
          ports: [{ name: h2c, containerPort: 8080 }]
          readinessProbe: { successThreshold: 1 }
"#]);
    let workload = &declared.workload;
    assert_eq!(workload.id.to_string(), "shop/Service/hello");
    assert_eq!(declared.source, "0.yaml: Knative Service shop/hello");
    assert_eq!(workload.policy.mode, Mode::Knative);
    assert_eq!((workload.policy.total, workload.policy.activation_scale), (10.0, 2));
    assert_eq!(workload.policy.burst_capacity, BurstCapacity::Of(10.0));
    let serving = &workload.serving;
    assert_eq!((serving.container_concurrency, serving.protocol), (20, Protocol::H2c));
    assert_eq!(serving.timeout, Duration::from_secs(30));
    assert_eq!(serving.response_start_timeout, Duration::from_secs(10));
    assert_eq!(serving.idle_timeout, Duration::from_secs(5));
    assert_eq!(serving.termination_grace, Duration::from_secs(30));
    assert_eq!(serving.readiness.as_ref().expect("a probe").kind, ProbeKind::Tcp { port: None });
    assert!(workload.hosts.contains(&"hello.localhost".to_owned()));
    assert!(workload.hosts.contains(&"hello.shop.svc.cluster.local".to_owned()));
    assert_eq!(declared.ports, []);

    let pod = declared.template.with_port(20_000);
    assert_eq!(pod.command, ["rouse", "sample", "--name", "hello-00001"]);
    let value = |name: &str| pod.env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(value("K_SERVICE"), Some("hello"));
    assert_eq!(value("K_CONFIGURATION"), Some("hello"));
    assert_eq!(value("PORT"), Some("20000"));
}

#[test]
fn variables_come_from_secrets_and_config_maps_of_any_file() {
    let declared = only(&[
        r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: shop }
spec:
  template:
    spec:
      containers:
        - command: [db, "$(URL)"]
          envFrom:
            - configMapRef: { name: settings }
              prefix: DB_
            - secretRef: { name: absent, optional: true }
          env:
            - { name: PASSWORD, valueFrom: { secretKeyRef: { name: login, key: password } } }
            - { name: URL, value: "db://$(DB_HOST):$(PORT)/$(PASSWORD)" }
            - { name: ABSENT, valueFrom: { configMapKeyRef: { name: settings, key: none, optional: true } } }
            - { name: NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
            - { name: EMPTY }
"#,
        r#"
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Secret
    metadata: { name: login, namespace: shop }
    data: { password: JChQT1JUKQ==, user: YQ== }
    stringData: { user: b }
  - apiVersion: v1
    kind: ConfigMap
    metadata: { name: settings, namespace: shop }
    data: { HOST: localhost }
"#,
    ]);
    let pod = declared.template.with_port(20_000);
    let env: Vec<(&str, &str)> = pod.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        env,
        [
            ("PORT", "20000"),
            ("DB_HOST", "localhost"),
            ("PASSWORD", "$(PORT)"),
            ("URL", "db://localhost:20000/$(PORT)"),
            ("NAMESPACE", "shop"),
            ("EMPTY", ""),
        ],
        "a secret is no template: what looks like a reference in it stays"
    );
    assert_eq!(pod.command[1], "db://localhost:20000/$(PORT)");
}

#[test]
fn cluster_wide_defaults_come_from_knatives_config_maps() {
    let declared = only(&[
        HELLO,
        r#"
apiVersion: v1
kind: ConfigMap
metadata: { name: config-autoscaler, namespace: knative-serving }
data: { scale-to-zero-pod-retention-period: 90s, activator-capacity: "50", stable-window: 30s }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: config-defaults, namespace: knative-serving }
data: { revision-timeout-seconds: "120", revision-idle-timeout-seconds: "20", revision-cpu-request: 100m }
"#,
    ]);
    let workload = &declared.workload;
    assert_eq!(workload.policy.retention, Duration::from_secs(90));
    assert_eq!(workload.policy.activator_capacity, 50.0);
    assert_eq!(workload.policy.stable_window, Duration::from_secs(6), "an annotation wins over the ConfigMap");
    assert_eq!(workload.serving.timeout, Duration::from_secs(60), "an annotation wins over the ConfigMap");
    assert_eq!(workload.serving.idle_timeout, Duration::from_secs(20));
}

fn deployment(name: &str, namespace: &str) -> String {
    format!(
        r"
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: {name}, namespace: {namespace} }}
spec:
  template:
    metadata: {{ labels: {{ app: {name}, tier: web }} }}
    spec: {{ containers: [{{ command: [run] }}] }}
"
    )
}

#[test]
fn an_annotation_wins_over_the_selector_and_names_the_served_port() {
    let service = r#"
apiVersion: v1
kind: Service
metadata:
  name: front
  annotations: { rouse.dev/workload: b, rouse.dev/port: "9000" }
spec:
  selector: { app: a, rouse.dev/route: managed }
  ports:
    - { name: http, port: 80 }
    - { name: api, port: 9000, appProtocol: kubernetes.io/h2c }
"#;
    let Manifests { workloads, warnings, .. } =
        read(&[&deployment("a", "default"), &deployment("b", "default"), service]);
    assert_eq!(warnings, []);
    let [a, b] = &workloads[..] else { panic!("two workloads") };
    assert_eq!((a.ports.len(), b.ports[0].port), (0, 9000));
    assert_eq!(b.workload.serving.protocol, Protocol::H2c);
    assert!(b.workload.hosts.contains(&"front.localhost".to_owned()));
    assert!(!b.workload.hosts.contains(&"b.localhost".to_owned()), "a workload with a Service is known by its name");
    assert!(a.workload.hosts.contains(&"a.localhost".to_owned()), "one without by its own");
}

#[test]
fn of_many_ports_the_one_named_for_http_is_served() {
    let service = r"
apiVersion: v1
kind: Service
metadata: { name: a }
spec:
  selector: { app: a }
  ports: [{ name: metrics, port: 9090 }, { name: grpc-api, port: 50051 }]
";
    let declared = only(&[&deployment("a", "default"), service]);
    assert_eq!((declared.ports.len(), declared.ports[0].port), (1, 50_051));
    assert_eq!(declared.workload.serving.protocol, Protocol::H2c);
}

#[test]
fn a_short_host_in_two_namespaces_leads_to_default_or_nowhere() {
    let hosts = |namespaces: [&str; 2]| {
        let Manifests { workloads, warnings, .. } =
            read(&[&deployment("a", namespaces[0]), &deployment("a", namespaces[1])]);
        let short: Vec<bool> =
            workloads.iter().map(|one| one.workload.hosts.contains(&"a.localhost".to_owned())).collect();
        (short, warnings.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(
        hosts(["shop", "default"]),
        (
            vec![false, true],
            vec!["a.localhost: is claimed in the namespaces default, shop: it leads to the one in default".to_owned()]
        )
    );
    assert_eq!(
        hosts(["shop", "blog"]),
        (vec![false, false], vec!["a.localhost: is claimed in the namespaces blog, shop: it leads nowhere".to_owned()])
    );
}
