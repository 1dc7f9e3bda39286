//! A thousand requests at once find no pod, and each pod may have one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use config::PodId;
use deploy::memory::{App, Start};
use http::Response;
use http_body_util::Full;
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::system::{MS, System, one_at_a_time};

/// Of one pod's app.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    now: u32,
    most: u32,
    all: u32,
}

#[tokio::test(start_paused = true)]
async fn a_thousand_at_once_are_all_answered_and_no_app_sees_two() {
    let seen: Arc<Mutex<BTreeMap<PodId, Seen>>> = Arc::default();
    let app = {
        let seen = Arc::clone(&seen);
        App::new(Start::ListensAfter(30 * MS), move |request| {
            let (pod, seen) = (request.extensions().get::<PodId>().expect("the pod").clone(), Arc::clone(&seen));
            async move {
                {
                    let mut seen = seen.lock();
                    let seen = seen.entry(pod.clone()).or_default();
                    *seen = Seen { now: seen.now + 1, most: seen.most.max(seen.now + 1), all: seen.all + 1 };
                }
                sleep(20 * MS).await;
                seen.lock().get_mut(&pod).expect("it came").now -= 1;
                Response::new(Full::<Bytes>::from("done"))
            }
        })
    };
    let (policy, serving) = one_at_a_time();
    let system = System::of_one(policy, serving, app);
    let sent: Vec<_> = (0..1_000).map(|_| system.get("/")).collect();
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    let seen = seen.lock().clone();
    assert!(seen.values().all(|seen| seen.most == 1), "{seen:?}");
    assert_eq!(seen.values().map(|seen| seen.all).sum::<u32>(), 1_000);
    assert_eq!(seen.len(), 8, "all that max-scale allows had a part");
    assert_eq!(system.scales().iter().max(), Some(&8));
    system.assert_nothing_is_counted();
}
