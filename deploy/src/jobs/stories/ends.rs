//! How Jobs end.

use serde_json::json;
use tokio::time::Instant;

use super::world::{World, seconds};

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_after_longer_and_longer_pauses_until_the_limit() {
    let mut world = World::new();
    world.pods.live(1);
    world.pods.fail(true);
    let says = world.serve(&json!({ "jobTargetRef": { "backoffLimit": 2 } }));
    says.value(1.0);
    seconds(5).await;
    assert_eq!(world.jobs("pending").len(), 1, "no pod of it runs while it pauses");
    seconds(25).await;
    says.value(0.0);
    seconds(60).await;
    assert_eq!(world.pods.begun(), [0, 11, 32]);
    let failed = world.jobs("failed");
    let why = failed[0].failure.as_deref().expect("why");
    assert_eq!(why, format!("{}-3: exit code 1: no (failure 3 of 2)", failed[0].name));
    assert!((failed[0].seconds - 33.0).abs() < 0.1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_too_long_is_told_to_end_and_then_killed() {
    let mut world = World::new();
    world.pods.live(1_000);
    let says = world.serve(&json!({ "jobTargetRef": { "activeDeadlineSeconds": 30 } }));
    says.value(1.0);
    seconds(1).await;
    says.value(0.0);
    seconds(28).await;
    assert_eq!(world.pods.alive(), 1);
    seconds(2).await;
    assert_eq!(world.pods.alive(), 0);
    let why = world.jobs("failed").remove(0).failure.expect("why");
    assert_eq!(why, "it took longer than activeDeadlineSeconds (30s)");

    world.pods.stubborn();
    says.value(1.0);
    seconds(10).await;
    says.value(0.0);
    seconds(30).await;
    assert_eq!((world.pods.alive(), world.jobs("failed").len()), (1, 1), "it has its grace");
    seconds(6).await;
    assert_eq!((world.pods.alive(), world.jobs("failed").len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn completions_are_worked_off_so_many_at_once() {
    let mut world = World::new();
    let says = world.serve(&json!({ "jobTargetRef": { "parallelism": 2, "completions": 3 } }));
    says.value(1.0);
    seconds(1).await;
    says.value(0.0);
    assert_eq!((world.pods.alive(), world.jobs("running").len()), (2, 1));
    seconds(60).await;
    assert_eq!(world.pods.begun(), [0, 0, 15]);
    assert_eq!(world.jobs("complete").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_jobs_that_ended_as_many_are_remembered_as_are_to_be() {
    let mut world = World::new();
    world.pods.live(1);
    let limits = json!({
        "successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1, "jobTargetRef": { "backoffLimit": 0 },
    });
    let says = world.serve(&limits);
    says.value(4.0);
    seconds(5).await;
    assert_eq!((world.jobs("complete").len(), world.jobs("failed").len()), (2, 0));
    world.pods.fail(true);
    seconds(10).await;
    says.value(0.0);
    seconds(10).await;
    assert_eq!(world.pods.count(), 8);
    assert_eq!((world.jobs("complete").len(), world.jobs("failed").len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_rouse_ends_all_jobs_and_does_not_wait_for_a_source() {
    let mut world = World::new();
    world.pods.live(1_000);
    world.pods.stubborn();
    let says = world.serve(&json!({}));
    says.value(3.0);
    seconds(9).await;
    says.hangs();
    seconds(2).await;
    let begun = Instant::now();
    world.keepers.stop().await;
    assert_eq!(((Instant::now() - begun).as_secs(), world.pods.alive()), (super::world::GRACE.as_secs(), 0));
}
