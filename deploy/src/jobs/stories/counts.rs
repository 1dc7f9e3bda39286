//! How many Jobs begin, and when.

use config::bounds;
use serde_json::json;

use super::world::{World, seconds};
use crate::sources::Edge;

#[tokio::test(start_paused = true)]
async fn each_item_has_one_job_however_often_it_is_read() {
    let mut world = World::new();
    let says = world.serve(&json!({}));
    says.value(3.0);
    seconds(1).await;
    assert_eq!(world.pods.begun(), [0, 0, 0], "what waits is read at once");
    seconds(10).await;
    assert_eq!(world.pods.begun(), [0, 0, 0], "they still wait while they are worked on");
    assert_eq!(world.jobs("running").len(), 3);
    says.value(1.0);
    seconds(10).await;
    assert_eq!(world.jobs("complete").len(), 3);
    assert_eq!(world.pods.begun(), [0, 0, 0, 20], "the three are done, and one more has come");
    says.value(0.0);
    seconds(100).await;
    assert_eq!((world.pods.count(), world.pods.alive(), world.told().active), (4, 0, false));
}

#[tokio::test(start_paused = true)]
async fn strategies_differ_in_what_they_take_off() {
    let custom = json!({
        "strategy": "custom", "customScalingQueueLengthDeduction": 1, "customScalingRunningJobPercentage": "0.5",
    });
    // For four items, and then ten beside those that run; twelve at most.
    for (strategy, first, then) in [
        (json!({ "strategy": "default" }), 4, 10),
        (custom, 3, 11),
        (json!({ "strategy": "accurate" }), 4, 12),
        (json!({ "strategy": "eager" }), 4, 12),
    ] {
        let mut world = World::new();
        world.pods.live(100);
        let says = world.serve(&json!({ "maxReplicaCount": 12, "scalingStrategy": strategy }));
        says.value(4.0);
        seconds(1).await;
        assert_eq!(world.pods.count(), first, "{strategy}");
        says.value(10.0);
        seconds(10).await;
        assert_eq!(world.pods.count(), then, "{strategy}");
    }
}

#[tokio::test(start_paused = true)]
async fn there_are_never_more_than_the_most_nor_fewer_than_the_least() {
    let mut world = World::new();
    let says = world.serve(&json!({ "minReplicaCount": 2, "maxReplicaCount": 5 }));
    says.hangs();
    seconds(9).await;
    assert_eq!(world.pods.count(), 2, "whatever the triggers say");
    says.value(1000.0);
    for _ in 0..30 {
        seconds(4).await;
        assert!(world.pods.alive() <= 5);
    }
    says.value(0.0);
    seconds(60).await;
    assert!(world.pods.alive() <= 2 && world.pods.count() > 20);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_begins_nothing_and_ends_nothing() {
    let mut world = World::new();
    let says = world.serve(&json!({}));
    says.value(2.0);
    seconds(1).await;
    says.hangs();
    seconds(60).await;
    assert_eq!((world.pods.count(), world.jobs("complete").len()), (2, 2));
    assert!(world.told().triggers[0].error.is_some());
    says.value(f64::NAN);
    seconds(60).await;
    assert_eq!(world.pods.count(), 2);
    says.value(1.0);
    seconds(10).await;
    assert_eq!(world.pods.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_server_says_unasked_wakes_the_first_job_and_counts_no_item_twice() {
    let mut world = World::new();
    let says = world.serve(&json!({ "pollingInterval": 600, "scalingStrategy": { "strategy": "accurate" } }));
    seconds(5).await;
    says.value(1.0);
    says.edge(Edge::Read).await;
    seconds(1).await;
    assert_eq!(world.pods.begun(), [5]);
    says.edge(Edge::Read).await;
    seconds(1).await;
    assert_eq!(world.pods.begun(), [5], "the Job may not have taken its item yet");
    seconds(20).await;
    says.edge(Edge::Read).await;
    seconds(1).await;
    assert_eq!(world.pods.begun(), [5, 27], "the Job has ended, and there still is an item");
}

#[tokio::test(start_paused = true)]
async fn a_machine_runs_so_many_pods_and_no_more() {
    let mut world = World::new();
    let says =
        world.serve(&json!({ "maxReplicaCount": 3, "jobTargetRef": { "parallelism": 500, "completions": 500 } }));
    says.value(3.0);
    seconds(1).await;
    assert_eq!(world.pods.alive(), bounds::LOCAL_JOB_PODS);
    says.value(0.0);
    seconds(60).await;
    assert_eq!((world.pods.count(), world.jobs("complete").len()), (1500, 3));
}

#[tokio::test(start_paused = true)]
async fn metrics_have_what_its_triggers_read_for_as_long_as_it_is_served() {
    let mut world = World::new();
    let says = world.serve(&json!({}));
    says.value(3.0);
    seconds(11).await;
    says.hangs();
    seconds(30).await;
    let scalers = world.keepers.told().scalers();
    let [scaler] = &scalers[..] else { panic!("{scalers:?}") };
    assert_eq!((&*scaler.labels, scaler.value, scaler.active), ("scaledObject=\"worker\"", None, false));
    assert!((2..=3).contains(&scaler.errors), "{scaler:?}");
    let [job] = &world.keepers.told().errors()[..] else { panic!("one is served") };
    assert_eq!((job.name.as_str(), job.errors), ("worker", scaler.errors));
    world.serve(&json!({ "maxReplicaCount": 5 }));
    seconds(11).await;
    assert!(world.keepers.told().scalers()[0].errors >= scaler.errors, "an edit forgets nothing");
    world.keepers.set(Vec::new());
    seconds(60).await;
    assert_eq!(world.keepers.told().scalers(), []);
    assert_eq!(world.keepers.told().errors(), []);
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_is_told_with_why() {
    let mut world = World::new();
    let says = world.serve(&json!({ "scalingStrategy": { "strategy": "eager" }, "maxReplicaCount": 4 }));
    assert_eq!((world.told().strategy, world.told().decided), ("eager", None), "nothing was read yet");
    says.value(3.0);
    seconds(11).await;
    let decided = world.told().decided.expect("they were read twice");
    assert_eq!((decided.running, decided.pending, decided.wanted), (3, 0, 1));
    assert_eq!(decided.because, "3 waiting, for 3 Jobs; 3 running, 0 of them pending; at most 4");
}
