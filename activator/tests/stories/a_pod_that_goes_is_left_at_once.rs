//! A pod that goes is left at once by an activator that hears of it: the pod waits for that, since it cannot know on which of
//! its connections a request is coming.

use std::time::Duration;

use config::PodState;
use http::StatusCode;
use tokio::time::sleep;

use crate::support::Stage;

#[tokio::test(start_paused = true)]
async fn connections_to_it_that_are_idle_close_and_those_in_use_end_well() {
    let stage = Stage::new(0);
    let mut remote = stage.remote_pod("one");
    stage.activator.set_remote_pod(&remote.pod);
    let get = async |takes| stage.get(Duration::from_millis(takes)).await.expect("it ends").status;
    let both = tokio::join!(get(10), get(1_000));
    assert_eq!((both.0, both.1), (StatusCode::OK, StatusCode::OK));
    assert!(remote.connections.direct().activators > 0, "they are kept for the next");

    let (long, ()) = tokio::join!(get(1_000), async {
        sleep(Duration::from_millis(100)).await;
        remote.pod.state = PodState::Draining;
        stage.activator.set_remote_pod(&remote.pod);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(remote.connections.direct().activators, 1, "only the one in use");
        // As the pod says when it drains.
        remote.connections.turn_all_away();
    });
    assert_eq!(long, StatusCode::OK);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(remote.connections.direct().activators, 0);
}
