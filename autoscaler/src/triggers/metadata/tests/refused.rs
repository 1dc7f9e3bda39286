//! What is wrong: the whole messages.

use super::*;

#[test]
fn what_is_wrong_is_told_with_what_is_allowed() {
    let list = [("address", "r:1"), ("listName", "l")];
    let kafka = [("bootstrapServers", "k:1"), ("consumerGroup", "g")];
    let cron = [("timezone", "Etc/UTC"), ("start", "0 8 * * *"), ("end", "0 9 * * *"), ("desiredReplicas", "1")];
    let rabbit = [("host", "amqp://r"), ("queueName", "q")];
    let extension = |key: &str| {
        format!(
            "metadata.oauthExtensions: {key:?} cannot be said beside the token: a key has letters only and is not auth, a \
             value is printable (RFC 7628)"
        )
    };
    for (kind, metadata, expected) in [
        (
            "rediss",
            vec![],
            vec![format!(
                "type: \"rediss\" is not served: it must be one of {}; did you mean redis?",
                KINDS.join(", ")
            )],
        ),
        (
            "redis",
            and(&list, &[("listLength", "010")]),
            vec!["metadata.listLength: \"010\" is not a whole number".into()],
        ),
        (
            "redis",
            and(&list, &[("listLength", "0")]),
            vec!["metadata.listLength: \"0\" is out of range: it must be a whole number, 1 or more".into()],
        ),
        (
            "redis",
            and(&list[1..], &[("adress", "r:1")]),
            vec![
            "metadata.address: is missing (it may also be in the TriggerAuthentication); \"adress\" is given, did you \
             mean it?".into(),
        ],
        ),
        (
            "redis",
            and(&list[1..], &[("addressFromEnv", "REDIS")]),
            vec!["metadata.addressFromEnv: \"REDIS\" is no variable of the container".into()],
        ),
        (
            "redis",
            and(&list, &[("enableTLS", "yes")]),
            vec!["metadata.enableTLS: \"yes\" is neither true nor false".into()],
        ),
        ("prometheus", PROMETHEUS[..2].to_vec(), vec!["metadata.threshold: is missing".into()]),
        (
            "prometheus",
            and(&PROMETHEUS, &[("timeout", "-1")]),
            vec!["metadata.timeout: \"-1\" is not a duration: write 3s or 500ms, or a number of milliseconds".into()],
        ),
        (
            "prometheus",
            and(&PROMETHEUS, &[("authModes", "bearer,basic")]),
            vec!["metadata.authModes: \"bearer,basic\" has both basic and bearer: there is one header for them".into()],
        ),
        (
            "prometheus",
            and(&PROMETHEUS, &[("authModes", "bearer")]),
            vec!["metadata.bearerToken: is missing: it belongs into the TriggerAuthentication".into()],
        ),
        (
            "prometheus",
            and(&PROMETHEUS, &[("customHeaders", "Token hunter2")]),
            vec!["metadata.customHeaders: is not a list of pairs: part 1 is none; write name=value,name=value".into()],
        ),
        (
            "rabbitmq",
            and(&rabbit, &[("mode", "MessageRate"), ("value", "1")]),
            vec!["metadata.mode: needs the protocol http: over AMQP there is only the number of ready messages".into()],
        ),
        (
            "rabbitmq",
            and(&rabbit, &[("value", "1")]),
            vec!["metadata.mode: is missing: value needs it; write QueueLength for messages".into()],
        ),
        (
            "rabbitmq",
            and(&rabbit, &[("protocol", "http")]),
            vec!["metadata.protocol: is another than that of host, which begins with amqp://".into()],
        ),
        (
            "kafka",
            and(&kafka, &[("lagThreshold", "0")]),
            vec!["metadata.lagThreshold: \"0\" is out of range: it must be a whole number, 1 or more".into()],
        ),
        (
            "kafka",
            and(&kafka, &[("topic", "t"), ("allowIdleConsumers", "true"), ("limitToPartitionsWithLag", "true")]),
            vec!["metadata.limitToPartitionsWithLag: excludes allowIdleConsumers".into()],
        ),
        (
            "kafka",
            and(&kafka, &[("ensureEvenDistributionOfPartitions", "true")]),
            vec!["metadata.topic: is missing: ensureEvenDistributionOfPartitions needs it".into()],
        ),
        (
            "kafka",
            and(&kafka, &[("sasl", "gssapi")]),
            vec![
                "metadata.sasl: is not served: it must be one of plaintext, scram_sha256, scram_sha512, oauthbearer"
                    .into(),
            ],
        ),
        (
            "kafka",
            and(
                &kafka,
                &[
                    ("sasl", "oauthbearer"),
                    ("oauthTokenEndpointUri", "https://example.com/token"),
                    ("oauthExtensions", "auth=Bearer hunter2,fine=yes,pool-id=hunter3,pool=\u{1}"),
                ],
            ),
            vec![
                extension("auth"),
                extension("pool-id"),
                extension("pool"),
                "metadata.username: is missing (it may also be in the TriggerAuthentication)".into(),
                "metadata.password: is missing: it belongs into the TriggerAuthentication".into(),
            ],
        ),
        (
            "postgresql",
            vec![("query", "SELECT 1"), ("targetQueryValue", "0")],
            vec![
            "metadata.connection: is missing: it belongs into the TriggerAuthentication or connectionFromEnv; or write \
             host, port, userName, dbName and sslmode".into(),
            "metadata.targetQueryValue: \"0\" is out of range: it must be more than 0".into(),
        ],
        ),
        (
            "gcp-storage",
            vec![("bucketName", "b")],
            vec![
            "metadata.credentialsFromEnv: is missing: put GoogleApplicationCredentials into the TriggerAuthentication, \
             or write credentialsFromEnv".into(),
        ],
        ),
        (
            "cron",
            and(&cron[..2], &[("end", "0 8 * * *"), ("desiredReplicas", "2.0")]),
            vec![
                "metadata.end: is the same time as start".into(),
                "metadata.desiredReplicas: \"2.0\" is not a whole number".into(),
            ],
        ),
        ("cron", and(&cron[1..], &[]), vec!["metadata.timezone: is missing".into()]),
        (
            "external",
            vec![("scalerAddress", "http://s:1/")],
            vec!["metadata.scalerAddress: \"http://s:1/\" is not an address: write host:port".into()],
        ),
        (
            "cpu",
            vec![("type", "Utilization"), ("value", "60")],
            vec!["metadata.type: is no longer a parameter: write metricType beside type".into()],
        ),
    ] {
        assert_eq!(read(kind, &metadata).expect_err(kind), expected, "{kind}");
    }
}

#[test]
fn what_comes_from_elsewhere_is_never_shown() {
    let list = [("address", "r:1"), ("listName", "l"), ("usernameFromEnv", "WHO")];
    let shown = |auth: Pairs<'_>| read_with("redis", &list, auth, &[("WHO", "me")]).expect_err("wrong").join("\n");
    assert_eq!(
        shown(&[("tls", "hunter2")]),
        "authenticationRef: tls: is not allowed: it must be one of enable, disable"
    );
}

#[test]
fn messages_say_where_the_trigger_is_written() {
    let (metadata, none) = (BTreeMap::new(), BTreeMap::new());
    let parameters =
        Parameters::new(&metadata, &none, &none).of("a.yaml", "ScaledObject default/a", "spec.triggers[1]");
    assert_eq!(
        TriggerKind::parse("external", parameters).unwrap_err().to_string(),
        "a.yaml: ScaledObject default/a: spec.triggers[1].metadata.scalerAddress: is missing"
    );
}
