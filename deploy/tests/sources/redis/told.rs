//! What Redis tells unasked.

use std::time::Duration;

use deploy::sources::Edge;
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use super::Redis;
use crate::opened::{opened, pool, trigger};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_is_added_is_told_and_told_again_after_a_restart() {
    let Some(redis) = Redis::new(&["--notify-keyspace-events", "KA"]) else { return };
    let running = redis.start().await;
    let metadata = [("address", &*redis.address()), ("listName", "jobs"), ("keyspaceNotifications", "true")];
    let source = opened(&trigger("redis", &metadata, &[]), &pool());
    let mut edges = source.edges().expect("it was asked for");
    let mut next = async || timeout(PATIENCE, edges.next()).await.expect("in time");
    assert_eq!(next().await, Some(Edge::Read), "for what came before");
    redis.does("RPUSH jobs a");
    assert_eq!(next().await, Some(Edge::Read));
    redis.does("LPOP jobs");
    redis.does("RPUSH others a");
    drop(running);
    let _running = redis.start().await;
    assert_eq!(next().await, Some(Edge::Read), "for what came meanwhile; taking and other keys are no news");
    redis.does("LPUSH jobs a");
    assert_eq!(next().await, Some(Edge::Read));
}

#[tokio::test]
async fn a_server_that_tells_nobody_is_only_polled() {
    let Some(redis) = Redis::new(&[]) else { return };
    let _running = redis.start().await;
    let metadata = [("address", &*redis.address()), ("listName", "jobs"), ("keyspaceNotifications", "true")];
    let source = opened(&trigger("redis", &metadata, &[]), &pool());
    let mut edges = source.edges().expect("it was asked for");
    tokio::select! {
        edge = edges.next() => panic!("{edge:?}"),
        () = sleep(Duration::from_millis(500)) => {}
    }
    // Who sets it later is heard.
    redis.does("CONFIG SET notify-keyspace-events Kl");
    assert_eq!(timeout(PATIENCE, edges.next()).await.expect("in time"), Some(Edge::Read));
    let unasked = opened(&trigger("redis", &metadata[..2], &[]), &pool());
    assert!(unasked.edges().is_none());
}
