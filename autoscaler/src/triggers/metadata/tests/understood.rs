//! What is right, or at least understood.

use std::time::Duration;

use super::*;

#[test]
fn prometheus_has_kedas_defaults() {
    let TriggerKind::Prometheus(read) = fine("prometheus", &PROMETHEUS, &[], &[]) else { panic!() };
    assert_eq!((read.server.expose(), read.query.as_str(), read.target), ("http://prom:9090/mimir", "up", 100.0));
    assert_eq!((read.activation, read.namespace, read.nulls, read.range), (0.0, None, Nulls::NoData, None));
    assert_eq!((read.http.timeout, read.http.auth), (Duration::from_secs(3), vec![]));
}

#[test]
fn prometheus_takes_what_a_tutorial_writes_and_says_what_is_right() {
    let metadata = [
        ("PROMETHEUS_SERVER", "http://prom:9090"),
        ("metricName", "http_requests_total"),
        ("query", "up"),
        ("threshold", "100"),
        ("queryTimeout", "5s"),
        ("queryInterval", "30s"),
        ("treshold", "1"),
    ];
    let (read, warnings) = read("prometheus", &metadata).unwrap();
    let TriggerKind::Prometheus(read) = read else { panic!() };
    assert_eq!((read.server.expose(), read.http.timeout), ("http://prom:9090", Duration::from_secs(5)));
    assert_eq!(
        warnings,
        [
            "metadata.PROMETHEUS_SERVER: is not KEDA's name, but understood: write serverAddress",
            "metadata.queryTimeout: is not KEDA's name, but understood: write timeout",
            "metadata.treshold: is not a parameter of this trigger and is ignored; did you mean threshold?",
            "metadata.metricName: is deprecated and has no effect: remove it",
        ]
    );
}

#[test]
fn the_variable_of_a_tutorial_names_the_server() {
    let (read, warnings) =
        read_with("prometheus", &PROMETHEUS[1..], &[], &[("PROMETHEUS_SERVER", "http://p:1")]).unwrap();
    let TriggerKind::Prometheus(read) = read else { panic!() };
    assert_eq!(read.server.expose(), "http://p:1");
    assert_eq!(
        warnings,
        ["metadata.serverAddress: is missing, and taken of the variable PROMETHEUS_SERVER: write it here"]
    );
}

#[test]
fn a_range_has_steps_in_it() {
    let range = |more: Pairs<'_>| match read("prometheus", &and(&PROMETHEUS, more)) {
        Ok((TriggerKind::Prometheus(read), _)) => Ok(read.range),
        Ok(_) => panic!(),
        Err(lines) => Err(lines),
    };
    let five_minutes = Range { seconds: 300, step: 15, smoothing: Smoothing::Average };
    assert_eq!(range(&[("rangeWindow", "5m")]), Ok(Some(five_minutes)));
    let by_max = Range { seconds: 60, step: 5, smoothing: Smoothing::Max };
    assert_eq!(range(&[("rangeWindow", "1m"), ("rangeStep", "5s"), ("rangeAggregation", "max")]), Ok(Some(by_max)));
    for (more, message) in [
        (
            &[("rangeWindow", "10s")][..],
            "metadata.rangeWindow: is 10 s with a step of 15 s: there must be 1 to 11000 steps in it",
        ),
        (&[("rangeStep", "5s")], "metadata.rangeStep: needs rangeWindow"),
        (
            &[("rangeWindow", "1500")],
            "metadata.rangeWindow: \"1500\" is out of range: it must be whole seconds, at least 1s",
        ),
    ] {
        assert_eq!(range(more), Err(vec![message.to_owned()]));
    }
}

#[test]
fn one_says_who_one_is_by_what_the_authentication_holds() {
    let auth = [("bearerToken", "hunter2"), ("cert", "C"), ("key", "K"), ("ca", "A")];
    let metadata = and(&PROMETHEUS, &[("authModes", "bearer, tls")]);
    let TriggerKind::Prometheus(read) = fine("prometheus", &metadata, &auth, &[]) else { panic!() };
    assert_eq!(read.http.auth, [HttpAuth::Bearer(Secret::new("hunter2"))]);
    assert!(read.http.tls.ca.is_some() && read.http.tls.client.is_some());
    assert!(!format!("{read:?}").contains("hunter2"));

    let metadata = [("url", "http://api"), ("valueLocation", "x"), ("targetValue", "1"), ("authMode", "apiKey")];
    let TriggerKind::MetricsApi(read) = fine("metrics-api", &metadata, &[("apiKey", "k")], &[]) else { panic!() };
    assert_eq!(read.http.auth, [HttpAuth::Header { name: "X-API-KEY".into(), value: Secret::new("k") }]);
}

#[test]
fn redis_of_the_tutorial_is_read() {
    let metadata =
        [("address", "redis:6379"), ("listName", "jobs"), ("listLength", "5"), ("activationListLength", "5")];
    let TriggerKind::Redis(read) = fine("redis", &metadata, &[("password", "p")], &[]) else { panic!() };
    assert_eq!(
        read,
        Redis {
            server: RedisServer::Single("redis:6379".into()),
            username: None,
            password: Some(Secret::new("p")),
            database: 0,
            tls: None,
            key: "jobs".into(),
            count: Count::Items,
            target: 5,
            activation: 5,
            notifications: false,
        }
    );
}

#[test]
fn what_tells_of_changes_is_asked_to() {
    let metadata = [("address", "redis:6379"), ("listName", "jobs"), ("keyspaceNotifications", "true")];
    let TriggerKind::Redis(redis) = fine("redis", &metadata, &[], &[]) else { panic!() };
    assert!(redis.notifications);
    let metadata = [("query", "SELECT 1"), ("targetQueryValue", "5"), ("notifyChannel", "jobs")];
    let auth = [("connection", "postgres://db/jobs")];
    let TriggerKind::Postgresql(postgresql) = fine("postgresql", &metadata, &auth, &[]) else { panic!() };
    assert_eq!(postgresql.notify_channel.as_deref(), Some("jobs"));
}

#[test]
fn a_secret_in_plain_sight_is_taken_and_not_shown() {
    let metadata = [("address", "r:1"), ("listName", "l"), ("password", "hunter2")];
    let (read, warnings) = read("redis", &metadata).unwrap();
    assert!(!format!("{read:?}").contains("hunter2"));
    assert_eq!(
        warnings,
        ["metadata.password: is a secret in plain sight: put it into a TriggerAuthentication, or use passwordFromEnv"]
    );
}

#[test]
fn clusters_and_sentinels_have_several_addresses() {
    let hosts = [("hosts", "a, b"), ("ports", "1,2"), ("listName", "jobs")];
    let TriggerKind::Redis(read) = fine("redis-cluster", &hosts, &[], &[]) else { panic!() };
    assert_eq!(read.server, RedisServer::Cluster(vec!["a:1".into(), "b:2".into()]));
    let metadata = [("addresses", "a:1,b:2"), ("sentinelMaster", "m"), ("stream", "s"), ("consumerGroup", "g")];
    let TriggerKind::Redis(read) = fine("redis-sentinel-streams", &metadata, &[], &[]) else { panic!() };
    assert!(matches!(read.server, RedisServer::Sentinel { master, .. } if master == "m"));
    assert_eq!((read.count, read.target), (Count::Pending { group: "g".into() }, 5));
}

#[test]
fn what_is_counted_of_a_stream_is_kedas_choice() {
    let count = |more: Pairs<'_>| {
        let metadata = and(&[("address", "r:1"), ("stream", "s")], more);
        let (read, warnings) = read("redis-streams", &metadata).unwrap();
        let TriggerKind::Redis(read) = read else { panic!() };
        (read.count, read.target, read.activation, warnings)
    };
    let group = || "g".to_owned();
    assert_eq!(count(&[]), (Count::Length, 5, 0, vec![]));
    assert_eq!(count(&[("streamLength", "7")]), (Count::Length, 7, 0, vec![]));
    let lag = [("consumerGroup", "g"), ("lagCount", "9"), ("activationLagCount", "3")];
    assert_eq!(count(&lag), (Count::Lag { group: group() }, 9, 3, vec![]));
    let both = [("consumerGroup", "g"), ("pendingEntriesCount", "2"), ("streamLength", "7")];
    assert_eq!(
        count(&both),
        (
            Count::Pending { group: group() },
            2,
            0,
            vec!["metadata.streamLength: has no effect: pendingEntriesCount is what counts".to_owned()]
        )
    );
}

#[test]
fn postgresql_connects_by_a_text_or_by_its_parts() {
    let metadata = [("connectionFromEnv", "AIRFLOW"), ("query", "SELECT 1"), ("targetQueryValue", "1")];
    let TriggerKind::Postgresql(read) = fine("postgresql", &metadata, &[], &[("AIRFLOW", "postgres://u:p@h/d")]) else {
        panic!()
    };
    assert_eq!(read.connection, Connection::Text(Secret::new("postgres://u:p@h/d")));
    let parts = [
        ("host", "h"),
        ("port", "5432"),
        ("userName", "me"),
        ("dbName", "d"),
        ("sslmode", "disable"),
        ("query", "SELECT 1"),
        ("targetQueryValue", "2.5"),
    ];
    let TriggerKind::Postgresql(read) = fine("postgresql", &parts, &[("password", "a b")], &[]) else { panic!() };
    assert_eq!(read.connection.to_text().expose(), "host=h port=5432 user=me dbname=d sslmode=disable password='a b'");
}

#[test]
fn rabbitmq_goes_by_its_uri() {
    let metadata = [("hostFromEnv", "HOST"), ("queueName", "q"), ("mode", "QueueLength"), ("value", "50")];
    let TriggerKind::Rabbitmq(by_amqp) = fine("rabbitmq", &metadata, &[], &[("HOST", "amqp://u:hunter2@r:5672/v")])
    else {
        panic!()
    };
    assert_eq!((by_amqp.protocol, by_amqp.mode, by_amqp.target), (Protocol::Amqp, Mode::QueueLength, 50.0));
    assert!(!format!("{by_amqp:?}").contains("hunter2"));

    let older = [("host", "http://r:15672"), ("queueName", "^q"), ("queueLength", "7"), ("useRegex", "true")];
    let (read, warnings) = read("rabbitmq", &older).unwrap();
    let TriggerKind::Rabbitmq(read) = read else { panic!() };
    assert_eq!((read.protocol, read.target, read.regex), (Protocol::Http, 7.0, Some((Operation::Sum, 100))));
    assert_eq!(warnings, ["metadata.queueLength: is deprecated: write mode: QueueLength and value"]);
}

#[test]
fn kafka_has_kedas_defaults() {
    let metadata =
        [("bootstrapServers", "a:9092, b:9092"), ("consumerGroup", "g"), ("topic", "t"), ("version", "1.0.0")];
    let TriggerKind::Kafka(read) = fine("kafka", &metadata, &[], &[]) else { panic!() };
    assert_eq!((read.servers, read.target, read.activation), (vec!["a:9092".to_owned(), "b:9092".to_owned()], 10, 0));
    assert_eq!((read.offset_reset, read.cap, read.partitions), (OffsetReset::Latest, Cap::Partitions, None));
    assert_eq!((read.tls, read.sasl), (None, None));

    let auth = [("sasl", "scram_sha512"), ("username", "u"), ("password", "hunter2"), ("tls", "enable")];
    let TriggerKind::Kafka(read) = fine("kafka", &metadata, &auth, &[]) else { panic!() };
    assert_eq!(read.sasl.map(|sasl| sasl.mechanism), Some(SaslMechanism::ScramSha512));
    assert_eq!(read.tls, Some(Tls::default()));
}

#[test]
fn elasticsearch_of_the_tutorial_is_read_and_told_its_names() {
    let metadata = [
        ("addresses", "http://e:9200"),
        ("username", "elastic"),
        ("index", "a; b"),
        ("searchTemplateName", "t"),
        ("params", "{\"n\": 1, \"word\": \"x\"}"),
        ("valueLocation", "hits.total.value"),
        ("threshold", "10"),
    ];
    let (read, warnings) = read_with("elasticsearch", &metadata, &[("password", "p")], &[]).unwrap();
    let TriggerKind::Elasticsearch(read) = read else { panic!() };
    let parameters = vec![("n".to_owned(), "1".to_owned()), ("word".to_owned(), "x".to_owned())];
    assert_eq!(read.search, Search::Template { name: "t".into(), parameters });
    assert_eq!((read.target, read.indexes, read.nulls), (10.0, vec!["a".into(), "b".into()], Nulls::Failure));
    assert_eq!(
        warnings,
        [
            "metadata.params: is not KEDA's name, but understood: write parameters",
            "metadata.threshold: is not KEDA's name, but understood: write targetValue",
        ]
    );
}

#[test]
fn the_misspelling_of_a_tutorial_is_understood() {
    let auth = [("GoogleApplicationCredentails", "{}")];
    let (read, warnings) = read_with("gcp-storage", &[("bucketName", "b")], &auth, &[]).unwrap();
    let TriggerKind::GcpStorage(read) = read else { panic!() };
    assert_eq!((read.target, read.activation, read.most), (100, 0, 1000));
    assert_eq!(
        warnings,
        ["authenticationRef: GoogleApplicationCredentails: is not KEDA's name, but understood: write \
          GoogleApplicationCredentials"]
    );
}

#[test]
fn an_external_scaler_is_told_all_of_its_metadata() {
    let metadata = [("scalerAddress", "s:9090"), ("topicFromEnv", "TOPIC"), ("metricName", "m"), ("anything", "x")];
    let TriggerKind::External(read) = fine("external-push", &metadata, &[], &[("TOPIC", "t")]) else { panic!() };
    let told: Vec<(&str, &str)> = read.metadata.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    let expected = [("anything", "x"), ("metricName", "m"), ("scalerAddress", "s:9090"), ("topicFromEnv", "t")];
    assert_eq!((read.push, told), (true, expected.to_vec()));
}
