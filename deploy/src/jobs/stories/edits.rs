//! What becomes of Jobs when their ScaledJob is edited.

use serde_json::json;

use super::world::{World, seconds};

#[tokio::test(start_paused = true)]
async fn an_edit_ends_the_jobs_of_what_was_there_before() {
    let mut world = World::new();
    world.pods.live(100);
    world.serve(&json!({})).value(3.0);
    seconds(1).await;
    assert_eq!(world.pods.alive(), 3);
    let says = world.serve(&json!({ "maxReplicaCount": 2 }));
    says.value(3.0);
    seconds(1).await;
    assert_eq!((world.pods.alive(), world.pods.count()), (2, 5), "by the new most");
    assert_eq!(world.jobs("running").len(), 2, "what was deleted is not shown");
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_the_new_ones_wait_until_nothing_of_the_old_is_left() {
    let mut world = World::new();
    world.pods.live(100);
    world.pods.stubborn();
    world.serve(&json!({})).value(3.0);
    seconds(1).await;
    let says = world.serve(&json!({ "rollout": { "propagationPolicy": "foreground" } }));
    says.value(3.0);
    seconds(4).await;
    assert_eq!((world.pods.alive(), world.pods.count()), (3, 3));
    seconds(10).await;
    assert_eq!((world.pods.alive(), world.pods.count()), (3, 6));
}

#[tokio::test(start_paused = true)]
async fn a_gradual_rollout_lets_them_go_on() {
    let mut world = World::new();
    world.pods.live(100);
    world.serve(&json!({ "rollout": { "strategy": "gradual" } })).value(3.0);
    seconds(1).await;
    let says = world.serve(&json!({ "rollout": { "strategy": "gradual" }, "maxReplicaCount": 4 }));
    says.value(9.0);
    seconds(1).await;
    assert_eq!((world.pods.alive(), world.pods.count()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn while_it_is_paused_nothing_begins_and_what_runs_goes_on() {
    let mut world = World::new();
    world.serve(&json!({})).value(2.0);
    seconds(1).await;
    let says = world.serve_with(&json!({}), true);
    says.value(9.0);
    seconds(60).await;
    assert_eq!((world.pods.count(), world.jobs("complete").len(), world.told().paused), (2, 2, true));
    let says = world.serve(&json!({}));
    says.value(1.0);
    seconds(1).await;
    assert_eq!((world.pods.count(), world.told().paused), (3, false), "at once");
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_something_else_changes_nothing_and_what_is_removed_ends() {
    let mut world = World::new();
    world.pods.live(100);
    world.serve(&json!({})).value(2.0);
    seconds(1).await;
    world.serve(&json!({})).value(2.0);
    seconds(1).await;
    assert_eq!(world.pods.begun(), [0, 0]);
    assert_eq!(world.keepers.set(Vec::new()), 1);
    seconds(1).await;
    assert_eq!(world.pods.alive(), 0);
    assert!(world.keepers.told().all(config::Time::ZERO).is_empty());
}
