//! How long clients waited for answers, and how long they were held, is known to who asks, for about a minute.

use autoscaler::latency::Quantiles;
use config::link::Up;
use config::{Policy, Serving};
use deploy::memory::{App, Start};

use crate::system::{MS, SECOND, System};

#[tokio::test(start_paused = true)]
async fn explain_tells_what_clients_saw_and_how_long_they_were_held() {
    let app = App::sleeping(Start::ListensAfter(2 * SECOND), 50 * MS);
    let system = System::of_one(Policy::default(), Serving::default(), app);
    let woken = system.get("/");
    assert_eq!(woken.await.unwrap().status, 200);
    for _ in 0..199 {
        assert_eq!(system.get("/").await.unwrap().status, 200);
    }
    tokio::time::sleep(10 * SECOND).await;
    let latency = system.explain().latency;
    let Some(Quantiles { requests: 200, p50_seconds, p99_seconds, .. }) = latency.answered else {
        panic!("{latency:?}")
    };
    assert!((0.05..0.06).contains(&p50_seconds) && (0.05..0.06).contains(&p99_seconds), "{latency:?}");
    let Some(Quantiles { requests: 1, p50_seconds, .. }) = latency.held else { panic!("{latency:?}") };
    assert!((2.0..2.3).contains(&p50_seconds), "{latency:?}");

    // It cost a frame for each ten seconds, and an idle workload says nothing.
    let told = |system: &System| system.frames().iter().filter(|frame| matches!(frame, Up::Latency { .. })).count();
    let seconds = system.now().second() as usize;
    assert!((1..=seconds.div_ceil(10)).contains(&told(&system)), "{} in {seconds} s", told(&system));
    let before = told(&system);
    tokio::time::sleep(100 * SECOND).await;
    assert_eq!(told(&system), before);
    assert_eq!(system.explain().latency.answered, None, "what is that old is of no interest");
}
