//! The platform hears nothing while there is nothing to say.

use std::time::Duration;

use config::{Policy, Serving};
use deploy::memory::{App, Start};
use tokio::time::{interval, sleep};

use crate::system::{MS, SECOND, System};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn system() -> System {
    System::of_one(Policy::default(), Serving::default(), App::sleeping(Start::ListensAfter(20 * MS), 300 * MS))
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_was_never_asked_costs_no_call_and_no_timer() {
    let system = system();
    sleep(MS).await;
    let first = system.platform.calls();
    assert_eq!(system.scales(), [0; 0], "only its route is settled: {first:?}");
    sleep(TEN_MINUTES).await;
    assert_eq!(system.platform.calls(), first);
    assert_eq!(system.next_deadline(), None);
    assert_eq!(system.frames(), []);
}

#[tokio::test(start_paused = true)]
async fn steady_load_costs_no_call_once_it_is_settled() {
    let system = system();
    let (mut beat, mut answers) = (interval(250 * MS), Vec::new());
    let mut settled = None;
    for beats in 0..2_880 {
        beat.tick().await;
        answers.push(system.get("/"));
        if beats == 480 {
            settled = Some(system.platform.calls());
        }
    }
    assert_eq!(Some(system.platform.calls()), settled, "ten minutes, 2,400 requests");
    assert_eq!(system.scales(), [1]);
    for answer in answers {
        assert_eq!(answer.await.unwrap().status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn back_at_zero_it_is_as_silent_as_before() {
    let system = system();
    sleep(SECOND).await;
    assert_eq!(system.get("/").await.unwrap().status, 200);
    sleep(300 * SECOND).await;
    assert_eq!(system.scales(), [1, 0]);
    let (calls, frames) = (system.platform.calls(), system.frames());
    sleep(TEN_MINUTES).await;
    assert_eq!(system.platform.calls(), calls);
    assert_eq!(system.frames(), frames);
    assert_eq!(system.next_deadline(), None);
}
