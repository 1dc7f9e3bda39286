//! Of each wake it is known where its time went.

use std::time::Duration;

use config::{PodState, Policy, Serving};
use deploy::memory::{App, Start};
use deploy::wakes::Phase;

use crate::system::{MS, SECOND, System, hello};

#[tokio::test(start_paused = true)]
async fn the_phases_of_a_wake_add_up_to_what_its_client_waited() {
    let app = App::sleeping(Start::ListensAfter(200 * MS), 50 * MS);
    let system = System::of_one(Policy::default(), Serving::default(), app);
    let asked = tokio::time::Instant::now();
    assert_eq!(system.get("/").await.unwrap().status, 200);
    let waited = tokio::time::Instant::now() - asked;

    let wakes = system.platform.wakes().of(&hello());
    assert_eq!(wakes.len(), 1);
    let woken = &wakes[0];
    assert!(woken.took() <= waited && waited - woken.took() <= 5 * MS, "{:?} of {waited:?}", woken.took());
    let took: Vec<(Phase, Duration)> = woken.phases().map(|(phase, from, to)| (phase, to.since(from))).collect();
    let within_one_process =
        [Phase::Decided, Phase::Asked, Phase::Started, Phase::Ready, Phase::HandedOver, Phase::FirstByte];
    assert_eq!(took.iter().map(|(phase, _)| *phase).collect::<Vec<_>>(), within_one_process);
    let of = |wanted| took.iter().find(|(phase, _)| *phase == wanted).map_or(Duration::ZERO, |(_, took)| *took);
    assert!(of(Phase::Ready) >= 200 * MS && of(Phase::Ready) <= 260 * MS, "{took:?}");
    assert!(of(Phase::FirstByte) >= 50 * MS && of(Phase::FirstByte) <= 55 * MS, "{took:?}");
    assert_eq!(woken.pod(), system.pods(PodState::Ready).first().map(|(pod, _)| pod));

    // It sleeps, and wakes again.
    tokio::time::sleep(200 * SECOND).await;
    assert_eq!(system.pods(PodState::Ready).len(), 0);
    assert_eq!(system.get("/").await.unwrap().status, 200);
    assert_eq!(system.get("/").await.unwrap().status, 200, "not a wake");
    let wakes = system.platform.wakes().of(&hello());
    assert_eq!(wakes.len(), 2);
    assert!(wakes[0].seen > wakes[1].seen && wakes[0].phases().count() == 6, "the newest first, and whole");
}
