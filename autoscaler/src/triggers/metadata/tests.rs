//! What people write, what it means, and the whole message where it means nothing.

mod anything;
mod refused;
mod understood;

use std::collections::BTreeMap;

use config::keda::Secret;

use super::*;

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// What is read of a trigger with these parameters; the lines of its problems otherwise.
fn read_with(
    kind: &str,
    metadata: Pairs<'_>,
    auth: Pairs<'_>,
    env: Pairs<'_>,
) -> Result<(TriggerKind, Vec<String>), Vec<String>> {
    let metadata = metadata.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let secrets = |pairs: Pairs<'_>| -> BTreeMap<String, Secret> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), Secret::new(*text))).collect()
    };
    let (auth, env) = (secrets(auth), secrets(env));
    TriggerKind::parse(kind, Parameters::new(&metadata, &auth, &env))
        .map(|(read, warnings)| (read, warnings.iter().map(ToString::to_string).collect()))
        .map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
}

fn read(kind: &str, metadata: Pairs<'_>) -> Result<(TriggerKind, Vec<String>), Vec<String>> {
    read_with(kind, metadata, &[], &[])
}

fn fine(kind: &str, metadata: Pairs<'_>, auth: Pairs<'_>, env: Pairs<'_>) -> TriggerKind {
    let (read, warnings) = read_with(kind, metadata, auth, env).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    read
}

const PROMETHEUS: [(&str, &str); 3] =
    [("serverAddress", "http://prom:9090/mimir"), ("query", "up"), ("threshold", "100")];

fn and<'a>(some: Pairs<'a>, more: Pairs<'a>) -> Vec<(&'a str, &'a str)> {
    some.iter().chain(more).copied().collect()
}
