//! A platform that refuses is asked again, and who waits is answered once it works.

use config::{PodState, Policy, Serving};
use deploy::memory::{App, Start, Wish};
use tokio::time::sleep;

use crate::system::{MS, SECOND, System};

#[tokio::test(start_paused = true)]
async fn a_refused_scale_is_asked_for_again_until_the_held_request_is_answered() {
    let app = App::sleeping(Start::ListensAfter(20 * MS), 5 * MS);
    let system = System::of_one(Policy::default(), Serving::default(), app);
    sleep(MS).await;
    system.platform.refuse(Some("out of order"));
    let answer = system.get("/");
    sleep(5 * SECOND).await;
    let refused = system.scales();
    assert!(refused.len() >= 5 && refused.iter().all(|&pods| pods == 1), "{refused:?}");
    assert_eq!((system.snapshot().held, system.pods(PodState::Starting).len()), (1, 0));
    let tries: Vec<_> = system.platform.calls().into_iter().filter(|call| call.wish == Wish::Scale(1)).collect();
    let pauses: Vec<_> = tries.windows(2).map(|pair| pair[1].at.since(pair[0].at)).collect();
    assert!(pauses.windows(2).all(|pair| pair[0] < pair[1]), "with back-off: {pauses:?}");

    system.platform.refuse(None);
    assert_eq!(answer.await.unwrap().status, 200);
    assert_eq!(system.scales().len(), refused.len() + 1, "one call sufficed");
    system.assert_nothing_is_counted();
}

#[tokio::test(start_paused = true)]
async fn a_refused_end_is_asked_for_again_too() {
    let app = App::sleeping(Start::ListensAfter(20 * MS), 5 * MS);
    let system = System::of_one(Policy::default(), Serving::default(), app);
    assert_eq!(system.get("/").await.unwrap().status, 200);
    system.platform.refuse(Some("out of order"));
    sleep(200 * SECOND).await;
    assert_eq!(system.pods(PodState::Ready).len(), 1);
    system.platform.refuse(None);
    sleep(60 * SECOND).await;
    assert_eq!((system.scales().last(), system.pods(PodState::Gone).len()), (Some(&0), 1));
}
