//! The manifests in `deploy/examples/keda`: those of tutorials, and one for each trigger and strategy.

use std::collections::{BTreeMap, BTreeSet};

use autoscaler::triggers::metadata::KINDS;
use config::keda::Strategy;
use config::manifest::Manifests;

use super::check;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/keda");

/// What is odd in which example; in the others there is nothing.
const ODD: [(&str, &[&str]); 6] = [
    (
        "cpu.yaml",
        &["ScaledObject default/mill: spec.triggers[1]: cpu is not measured yet, and asks for no pods: the other \
           triggers decide"],
    ),
    (
        "elasticsearch.yaml",
        &[
            "ScaledObject default/indexer: spec.triggers[0].metadata.params: is not KEDA's name, but understood: write \
             parameters",
            "ScaledObject default/indexer: spec.triggers[0].metadata.threshold: is not KEDA's name, but understood: \
             write targetValue",
        ],
    ),
    (
        "gcp-storage.yaml",
        &["ScaledObject default/importer: spec.triggers[0].authenticationRef: GoogleApplicationCredentails: is not \
           KEDA's name, but understood: write GoogleApplicationCredentials"],
    ),
    (
        "tutorial-prometheus.yaml",
        &[
            "ScaledObject default/my-app: spec.triggers[0].metadata.queryInterval: is no parameter of KEDA: write \
             spec.pollingInterval, as which it is taken",
            "ScaledObject default/my-app: spec.triggers[0].metadata.PROMETHEUS_SERVER: is not KEDA's name, but \
             understood: write serverAddress",
            "ScaledObject default/my-app: spec.triggers[0].metadata.queryTimeout: is not KEDA's name, but understood: \
             write timeout",
            "ScaledObject default/my-app: spec.triggers[0].metadata.metricName: is deprecated and has no effect: remove \
             it",
        ],
    ),
    (
        "tutorial-scaledjob.yaml",
        &[
            "ScaledJob default/renderer: spec.scalingStrategy.customScalingRunningJobPercentage: \"50\" is taken as \
             percent: KEDA would multiply by it; write \"0.5\"",
            "ScaledJob default/renderer: spec.scalingStrategy.customScalingQueueLengthDeduction: 5 is taken as messages, \
             for customScalingRunningJobPercentage is in percent: KEDA takes it off the Jobs",
        ],
    ),
    (
        "tutorial-scaledobject.yaml",
        &["ScaledObject default/consumer: spec.idleReplicaCount: 1 is not less than minReplicaCount (0), which KEDA \
           refuses: it is read as minReplicaCount: 1; write that"],
    ),
];

fn examples() -> BTreeMap<String, (Manifests, Vec<String>)> {
    let files = std::fs::read_dir(FOLDER).expect("the folder").map(|entry| entry.expect("a file"));
    let each = files.map(|file| {
        let name = file.file_name().into_string().expect("a name");
        let text = std::fs::read_to_string(file.path()).expect("text");
        let read = check(&text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        (name, read)
    });
    each.collect()
}

#[test]
fn every_example_passes_and_says_what_is_odd_in_it() {
    let odd = BTreeMap::from(ODD);
    let examples = examples();
    assert!(ODD.iter().all(|(name, _)| examples.contains_key(*name)));
    for (name, (_, warnings)) in examples {
        assert_eq!(warnings, odd.get(name.as_str()).copied().unwrap_or_default(), "{name}");
    }
}

#[test]
fn all_of_them_pass_together_as_well() {
    let files = std::fs::read_dir(FOLDER).expect("the folder").map(|entry| entry.expect("a file").path());
    let files: Vec<_> =
        files.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("text"))).collect();
    let together = deploy::triggers::read(&files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let declared = |manifests: &Manifests| manifests.scaled_objects.len() + manifests.scaled_jobs.len();
    let each: usize = examples().values().map(|(manifests, _)| declared(manifests)).sum();
    assert_eq!(declared(&together), each);
}

#[test]
fn those_that_run_against_a_local_redis_pass_without_a_word() {
    for name in ["redis-jobs.yaml", "redis-worker.yaml"] {
        let text = std::fs::read_to_string(format!("{FOLDER}/../{name}")).expect("text");
        let (manifests, warnings) = check(&text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        assert_eq!((manifests.scaled_objects.len() + manifests.scaled_jobs.len(), warnings), (1, vec![]), "{name}");
    }
}

#[test]
fn there_is_one_for_each_trigger_and_each_strategy() {
    let examples = examples();
    let all = || examples.values().map(|(manifests, _)| manifests);
    let objects = all().flat_map(|manifests| &manifests.scaled_objects).flat_map(|declared| &declared.object.triggers);
    let jobs = all().flat_map(|manifests| &manifests.scaled_jobs).flat_map(|declared| &declared.job.triggers);
    let shown: BTreeSet<&str> = objects.chain(jobs).map(|trigger| trigger.kind.as_str()).collect();
    // Which server holds a list or stream is the same for both of them, and memory is read as cpu is.
    let alike = ["redis-cluster", "redis-sentinel", "redis-streams", "memory"];
    let missing: Vec<&str> = KINDS.into_iter().filter(|kind| !shown.contains(kind) && !alike.contains(kind)).collect();
    assert_eq!(missing, Vec::<&str>::new());

    let jobs = all().flat_map(|manifests| &manifests.scaled_jobs).map(|declared| declared.job.scaling.strategy);
    let strategies: Vec<Strategy> = jobs.collect();
    let has = |is: fn(&Strategy) -> bool| strategies.iter().any(is);
    assert!(has(|strategy| matches!(strategy, Strategy::Default)));
    assert!(has(|strategy| matches!(strategy, Strategy::Custom { .. })));
    assert!(has(|strategy| matches!(strategy, Strategy::Accurate)));
    assert!(has(|strategy| matches!(strategy, Strategy::Eager)));
}

#[test]
fn no_secret_of_theirs_is_shown() {
    for (name, (manifests, _)) in examples() {
        let shown = format!("{:?} {:?}", manifests.scaled_objects, manifests.scaled_jobs);
        assert!(!shown.contains("not-a-real-one"), "{name}");
    }
}
