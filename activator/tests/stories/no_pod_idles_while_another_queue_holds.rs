//! Two activators and direct clients share two pods: none starves, and no pod idles while somebody's queue holds.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use config::Time;
use queue_proxy::Handler;

use crate::support::{Stage, get};

const BUSY: Duration = Duration::from_secs(20);

/// Clients that ask `handler` again and again until `is_over`, pausing in between; how many answers they got.
fn ask<H: Handler>(stage: &Arc<Stage>, handler: &H, clients: u64, is_over: &Arc<AtomicBool>) -> Arc<AtomicU32> {
    let served = Arc::new(AtomicU32::new(0));
    for client in 0..clients {
        let (stage, handler) = (Arc::clone(stage), handler.clone());
        let (served, is_over) = (Arc::clone(&served), Arc::clone(is_over));
        tokio::spawn(async move {
            for round in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let time = Duration::from_millis(10 + 7 * ((client + round) % 5));
                let answer = stage.send_to(handler.clone(), get(time, 0)).await.unwrap();
                assert_eq!(answer.status, 200, "none is lost");
                served.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis((client * 13 + round * 5) % 60)).await;
            }
        });
    }
    served
}

#[tokio::test(start_paused = true)]
async fn for_more_than_a_tenth_of_a_second() {
    let stage = Arc::new(Stage::new(1));
    let other = stage.another_activator("activator-1");
    let pods = [stage.remote_pod("one"), stage.remote_pod("two")];
    for pod in &pods {
        stage.activator.set_remote_pod(&pod.pod);
        other.set_remote_pod(&pod.pod);
    }
    let fronts = pods.each_ref().map(|pod| pod.front.clone().expect("it has a front"));
    let is_over = Arc::default();
    let served = [
        ask(&stage, &stage.activator.gateway(), 4, &is_over),
        ask(&stage, &other.gateway(), 2, &is_over),
        ask(&stage, &fronts[0], 1, &is_over),
        ask(&stage, &fronts[1], 1, &is_over),
    ];
    let (mut idle_since, mut worst): ([Option<Time>; 2], Duration) = ([None; 2], Duration::ZERO);
    let end = stage.now() + BUSY;
    while stage.now() < end {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let held = stage.snapshot().held + other.snapshot(&stage.id).expect("it is known").held;
        for (front, since) in fronts.iter().zip(&mut idle_since) {
            let is_idle = held > 0 && front.gate().inside() == (0, 0);
            *since = is_idle.then(|| since.unwrap_or(stage.now()));
            worst = worst.max(since.map_or(Duration::ZERO, |since| stage.now().since(since)));
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let served = served.map(|served| served.load(Ordering::Relaxed));
    println!("longest idle while somebody waits: {worst:?}; served {served:?}");
    assert!(worst <= Duration::from_millis(100), "{worst:?}");
    assert!(served.iter().all(|&served| served >= 100), "nobody starves: {served:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((stage.snapshot().open, other.snapshot(&stage.id).expect("it is known").open), (0, 0));
    assert!(pods.iter().all(|pod| pod.app.most_in_flight.load(Ordering::Relaxed) == 1));
}
