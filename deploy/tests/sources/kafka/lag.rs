//! How far a group is behind, by each setting.

use std::time::Duration;

use autoscaler::triggers::Reading;
use deploy::sources::Look;

use super::Tansu;
use super::client::Client;
use crate::delay::Delay;
use crate::opened::{read, trouble, until, value};

#[tokio::test]
async fn lag_is_what_was_written_and_not_committed() {
    let Some(tansu) = Tansu::new() else { return };
    let _running = tansu.start().await;
    let mut client = Client::to(tansu.port).await;
    client.create("orders", 3).await;
    client.produce("orders", 0, 20).await;
    client.produce("orders", 1, 4).await;
    let lag = |more: &[(&str, &str)]| tansu.source(tansu.port, &[&[("topic", "orders")], more].concat(), &[]);

    // Nothing is committed yet.
    assert_eq!(read(&*lag(&[])).await, value(3.0, true), "one a partition, so that somebody commits");
    assert_eq!(read(&*lag(&[("offsetResetPolicy", "earliest")])).await, value(24.0, true));
    assert_eq!(read(&*lag(&[("scaleToZeroOnInvalidOffset", "true")])).await, value(0.0, false));

    client.commit("orders", 0, 2).await;
    client.commit("orders", 1, 4).await;
    client.commit("orders", 2, 0).await;
    assert_eq!(read(&*lag(&[])).await, value(18.0, true));
    assert_eq!(read(&*lag(&[("activationLagThreshold", "18")])).await, value(18.0, false));
    assert_eq!(read(&*lag(&[("partitionLimitation", "1-2")])).await, value(0.0, false));
    assert_eq!(read(&*lag(&[("partitionLimitation", "0,2")])).await, value(18.0, true));

    // Caps.
    let caps = |more: &[(&str, &str)]| lag(&[&[("lagThreshold", "2")], more].concat());
    assert_eq!(read(&*caps(&[])).await, value(6.0, true), "a pod a partition");
    assert_eq!(read(&*caps(&[("limitToPartitionsWithLag", "true")])).await, value(2.0, true));
    assert_eq!(read(&*caps(&[("allowIdleConsumers", "true")])).await, value(18.0, true));
    let even = [("ensureEvenDistributionOfPartitions", "true"), ("partitionLimitation", "0")];
    assert_eq!(read(&*caps(&even)).await, value(2.0, true));

    let unknown = tansu.source(tansu.port, &[("topic", "nowhere")], &[]);
    assert!(trouble(&*unknown).await.contains("topic nowhere: there is no such topic"));
}

#[tokio::test]
async fn lag_that_does_not_move_keeps_pods_and_asks_for_none() {
    let Some(tansu) = Tansu::new() else { return };
    let _running = tansu.start().await;
    let mut client = Client::to(tansu.port).await;
    client.create("orders", 2).await;
    client.produce("orders", 0, 9).await;
    client.produce("orders", 1, 9).await;
    client.commit("orders", 0, 1).await;
    client.commit("orders", 1, 1).await;
    let source = tansu.source(tansu.port, &[("topic", "orders"), ("excludePersistentLag", "true")], &[]);
    let at = async |at| source.read(Look { at, age: Duration::ZERO }).await.reading;
    assert_eq!(at(100).await, value(16.0, true));
    assert_eq!(at(115).await, value(16.0, true), "half a polling interval says nothing");
    client.commit("orders", 0, 3).await;
    assert_eq!(at(130).await, value(6.0, true), "the other has not moved");
    assert_eq!(at(160).await, value(0.0, true));
}

#[tokio::test]
async fn one_that_hangs_or_is_stopped_fails_and_one_that_is_back_is_read() {
    let Some(tansu) = Tansu::new() else { return };
    let running = tansu.start().await;
    let fill = async || {
        let mut client = Client::to(tansu.port).await;
        client.create("orders", 1).await;
        client.produce("orders", 0, 3).await;
        client.commit("orders", 0, 1).await;
    };
    fill().await;
    let delay = Delay::before(tansu.port).await;
    let slow = tansu.source(delay.port(), &[("topic", "orders")], &[]);
    let source = tansu.source(tansu.port, &[("topic", "orders")], &[]);
    assert_eq!(read(&*slow).await, value(2.0, true));
    delay.by(Duration::from_secs(60));
    assert!(trouble(&*slow).await.ends_with("no answer in time"));
    delay.by(Duration::ZERO);
    until(&*slow, &value(2.0, true)).await;

    assert_eq!(read(&*source).await, value(2.0, true));
    drop(running);
    assert!(matches!(read(&*source).await, Reading::Failed(_)));
    let _running = tansu.start().await;
    fill().await;
    until(&*source, &value(2.0, true)).await;
}
