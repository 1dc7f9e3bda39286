use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    Settings::read(variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
}

#[test]
fn two_ports_are_enough() {
    let settings = read(&[("QUEUE_SERVING_PORT", "8012"), ("USER_PORT", "8080")]).unwrap();
    assert_eq!(settings.listen.to_string(), "0.0.0.0:8012");
    assert_eq!(settings.app.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.serving, Serving::default());
}

#[test]
fn upgrades_are_listed_as_in_the_annotation() {
    let settings = read(&[("QUEUE_SERVING_PORT", "1"), ("USER_PORT", "2"), ("ROUSE_UPGRADES", "spdy/3.1, tcp")]);
    assert_eq!(settings.unwrap().serving.upgrades.listed(), ["spdy/3.1", "tcp"]);
}

#[test]
fn knatives_environment_is_understood() {
    let settings = read(&[
        ("QUEUE_SERVING_PORT", "8012"),
        ("QUEUE_SERVING_TLS_PORT", "8112"),
        ("USER_PORT", "8080"),
        ("CONTAINER_CONCURRENCY", "10"),
        ("REVISION_TIMEOUT_SECONDS", "60"),
        ("REVISION_RESPONSE_START_TIMEOUT_SECONDS", "0"),
        ("REVISION_IDLE_TIMEOUT_SECONDS", "5"),
        ("SERVING_LOGGING_CONFIG", ""),
        ("SERVING_LOGGING_LEVEL", "error"),
        ("SERVING_READINESS_PROBE", r#"{"tcpSocket":{"port":8080,"host":"127.0.0.1"},"successThreshold":1}"#),
    ])
    .unwrap();
    let serving = &settings.serving;
    assert_eq!((serving.container_concurrency, serving.timeout.as_secs()), (10, 60));
    assert_eq!((serving.response_start_timeout.as_secs(), serving.idle_timeout.as_secs()), (60, 5));
    assert!(serving.readiness.is_some());
    assert_eq!(settings.level, Level::ERROR);
}

#[test]
fn a_pod_that_reports_says_who_it_is() {
    let reports = |more: &[(&str, &str)]| {
        let pod = [("QUEUE_SERVING_PORT", "8012"), ("USER_PORT", "8080"), ("ROUSE_AUTOSCALER", "rouse:9000")];
        read(&[&pod[..], more].concat()).map(|settings| settings.autoscaler.unwrap())
    };
    let problems = reports(&[("ROUSE_POD_ADDRESS", "here")]).unwrap_err();
    let about = |name: &str| problems.iter().any(|problem| problem.starts_with(name));
    assert!(["ROUSE_WORKLOAD: req", "ROUSE_POD: req", "ROUSE_POD_ADDRESS=here"].into_iter().all(about), "{problems:?}");
    assert!(reports(&[("ROUSE_AUTOSCALER", "rouse"), ("ROUSE_WORKLOAD", "w"), ("ROUSE_POD", "p")]).is_err());
    assert!(reports(&[("ROUSE_WORKLOAD", "a/b/c/d"), ("ROUSE_POD", "p")]).is_err());

    let told = reports(&[("ROUSE_WORKLOAD", "default/web"), ("SERVING_POD", "web-1")]).unwrap();
    let workload = told.workload.expect("it was said").to_string();
    assert_eq!((workload.as_str(), told.pod.as_str()), ("default/Deployment/web", "web-1"));
    assert_eq!((told.address.to_string().as_str(), told.trust), ("0.0.0.0:8012", None));

    let names = [("ROUSE_WORKLOAD", "web"), ("SERVING_POD", "web-1"), ("ROUSE_POD", "uid-1")];
    let address = |text| reports(&[&names[..], &[("ROUSE_POD_ADDRESS", text)]].concat()).unwrap();
    assert_eq!(address("10.0.0.7").address.to_string(), "10.0.0.7:8012");
    assert_eq!(address("10.0.0.7:80").address.to_string(), "10.0.0.7:80");
    assert_eq!(address("::1").pod.as_str(), "uid-1");
    assert_eq!(address("fd00::7").address.to_string(), "[fd00::7]:8012");
    assert_eq!(address("[fd00::7]:80").address.to_string(), "[fd00::7]:80");
}

#[test]
fn a_pod_with_a_token_need_not_know_its_workload_and_shows_it_to_nobody_it_cannot_trust() {
    let reports = |more: &[(&str, &str)]| {
        let pod = [("QUEUE_SERVING_PORT", "8012"), ("USER_PORT", "8080"), ("ROUSE_AUTOSCALER", "rouse:9000")];
        let names = [("ROUSE_POD", "web-1.7f"), ("ROUSE_POD_UID", "7f"), ("ROUSE_LINK_TOKEN", "/token")];
        read(&[&pod[..], &names, more].concat()).map(|settings| settings.autoscaler.unwrap())
    };
    let by_pem = reports(&[("ROUSE_LINK_CA_PEM", "-----BEGIN")]).unwrap();
    assert_eq!((by_pem.workload, by_pem.pod.as_str()), (None, "web-1.7f"));
    let token = Some("/token".into());
    assert_eq!(by_pem.trust, Some(Trust { authorities: Authorities::Pem("-----BEGIN".to_owned()), token }));
    let by_file = reports(&[("ROUSE_LINK_CA", "/ca.pem"), ("ROUSE_WORKLOAD", "web")]).unwrap();
    assert_eq!(by_file.workload, Some("web".parse().unwrap()));
    assert_eq!(by_file.trust.unwrap().authorities, Authorities::File("/ca.pem".into()));

    let known_by_address = [("ROUSE_LINK_TOKEN", ""), ("ROUSE_LINK_CA_PEM", "-----BEGIN")];
    assert_eq!(reports(&known_by_address).unwrap().workload, None);

    let only_problem = |more: &[(&str, &str)]| <[String; 1]>::try_from(reports(more).unwrap_err()).unwrap();
    assert!(only_problem(&[])[0].starts_with("ROUSE_LINK_TOKEN: a token is sent over TLS only"));
    let both = [("ROUSE_LINK_CA", "/ca.pem"), ("ROUSE_LINK_CA_PEM", "-----BEGIN")];
    assert_eq!(only_problem(&both), ["ROUSE_LINK_CA_PEM: only without ROUSE_LINK_CA"]);
}

#[test]
fn where_the_pod_has_an_address_of_ipv6_it_listens_there() {
    let listen = |more: &[(&str, &str)]| {
        let settings = read(&[&[("QUEUE_SERVING_PORT", "8012"), ("USER_PORT", "8080")], more].concat()).unwrap();
        [settings.listen, settings.admin, settings.metrics, settings.app].map(|address| address.to_string())
    };
    let pod = ("ROUSE_POD_ADDRESS", "fd00::7");
    assert_eq!(listen(&[pod]), ["[::]:8012", "[::]:8022", "[::]:9091", "127.0.0.1:8080"]);
    assert_eq!(listen(&[pod, ("ROUSE_LISTEN_ADDRESS", "127.0.0.1")])[0], "127.0.0.1:8012");
    assert_eq!(listen(&[("ROUSE_POD_ADDRESS", "10.0.0.7")])[0], "0.0.0.0:8012");
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = read(&[
        ("USER_PORT", "http"),
        ("CONTAINER_CONCURRENCY", "9999999"),
        ("REVISION_TIMEOUT_SECONDS", "-1"),
        ("SERVING_READINESS_PROBE", "{"),
        ("ROUSE_UPGRADES", "tcp, h2c"),
        ("ROUSE_DRAIN_QUITE", "1"),
    ])
    .unwrap_err();
    let about = |name: &str| problems.iter().filter(|problem| problem.starts_with(name)).count();
    let names = [
        "QUEUE_SERVING_PORT: required",
        "USER_PORT=http",
        "CONTAINER_CONCURRENCY=9999999: at most",
        "REVISION_TIMEOUT_SECONDS",
        "SERVING_READINESS_PROBE",
        "ROUSE_UPGRADES=tcp, h2c: has h2c, which is never tunnelled: write protocols other than h2c",
        "ROUSE_DRAIN_QUITE: unknown",
    ];
    assert_eq!(names.map(about), [1; 7], "{problems:#?}");
    assert_eq!(problems.len(), 7);
}

#[test]
fn where_services_are_that_are_called_like_us_is_no_setting() {
    let links = [
        ("ROUSE_SHOP_SERVICE_HOST", "10.96.0.1"),
        ("ROUSE_SHOP_SERVICE_PORT_HTTP", "80"),
        ("ROUSE_SHOP_PORT", "tcp://10.96.0.1:80"),
        ("ROUSE_SHOP_PORT_80_TCP_ADDR", "10.96.0.1"),
    ];
    let needed = [("QUEUE_SERVING_PORT", "8012"), ("USER_PORT", "8080")];
    let read = |more: &[(&str, &str)]| {
        Settings::read(needed.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    };
    assert!(read(&links).is_ok());
    assert_eq!(read(&[("ROUSE_DRIAN_QUIET", "1")]).unwrap_err(), ["ROUSE_DRIAN_QUIET: unknown"]);
}
