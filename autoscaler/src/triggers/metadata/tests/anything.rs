//! Anything at all.

use proptest::prelude::*;

use super::*;

/// Names that triggers know, some of them with values that they know.
fn parameters() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let names = prop::sample::select(
        &[
            "address",
            "addresses",
            "hosts",
            "ports",
            "host",
            "port",
            "listName",
            "stream",
            "consumerGroup",
            "lagCount",
            "serverAddress",
            "query",
            "threshold",
            "timeout",
            "authModes",
            "rangeWindow",
            "customHeaders",
            "connection",
            "connectionFromEnv",
            "targetQueryValue",
            "hostFromEnv",
            "queueName",
            "mode",
            "value",
            "queueLength",
            "bootstrapServers",
            "topic",
            "partitionLimitation",
            "sasl",
            "oauthExtensions",
            "bucketName",
            "credentialsFromEnvFile",
            "index",
            "params",
            "parameters",
            "valueLocation",
            "targetValue",
            "timezone",
            "start",
            "end",
            "desiredReplicas",
            "url",
            "format",
            "scalerAddress",
            "tls",
            "username",
            "password",
        ][..],
    );
    let values = prop_oneof![
        "\\PC{0,16}",
        prop::sample::select(
            &["1", "true", "http://h", "amqp://h", "a:1", "1-4,8", "a=b,c=d", "bearer", "X", "{}"][..]
        )
        .prop_map(str::to_owned),
    ];
    prop::collection::vec((names, values), 0..12)
}

proptest! {
    #[test]
    fn no_parameters_break_a_trigger(
        kind in prop::sample::select(&KINDS[..]),
        metadata in parameters(),
        auth in parameters(),
        env in prop::collection::btree_map("[A-Z]", "\\PC{0,8}", 0..3),
    ) {
        let metadata: BTreeMap<String, String> = metadata.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        let auth: BTreeMap<String, Secret> =
            auth.into_iter().map(|(name, text)| (name.to_owned(), Secret::new(format!("hunter2{text}")))).collect();
        let env = env.into_iter().map(|(name, text)| (name, Secret::new(text))).collect();
        match TriggerKind::parse(kind, Parameters::new(&metadata, &auth, &env)) {
            Ok((read, _)) => prop_assert!(read.target().is_none_or(|target| target > 0.0)),
            Err(problems) => {
                prop_assert!(!problems.0.is_empty());
                prop_assert!(!problems.to_string().contains("hunter2"));
            }
        }
    }
}
