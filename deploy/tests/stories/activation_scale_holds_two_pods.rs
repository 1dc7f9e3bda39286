//! activation-scale 2, as `knative-service.yaml` has it: two pods at once, two while requests come, then none.

use config::{BurstCapacity, PodState, Policy, Route, Serving};
use deploy::memory::{App, Call, Start, Wish};

use crate::system::{MS, System, hello};

fn system() -> System {
    let burst_capacity = BurstCapacity::Of(10.0);
    let policy = Policy { total: 10.0, target: 7.0, activation_scale: 2, burst_capacity, ..Policy::default() };
    System::of_one(policy, Serving::default(), App::sleeping(Start::ListensAfter(20 * MS), 5 * MS))
}

#[tokio::test(start_paused = true)]
async fn the_first_request_asks_for_two_pods_in_one_call() {
    let system = system();
    system.until_second(3.3).await;
    assert_eq!(system.get("/").await.unwrap().status, 200);
    assert_eq!(system.scales(), [2]);
    system.until_second(3.4).await;
    assert_eq!(system.pods(PodState::Ready).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_each_half_window_keeps_two_pods_and_silence_leaves_none() {
    let system = system();
    // Three windows of 60 s, a request each half.
    for number in 0..=6 {
        let at = 3.3 + 30.0 * f64::from(number);
        system.until_second(at).await;
        assert_eq!(system.get("/").await.unwrap().status, 200);
        // Every decision until the next request: ticks are on even seconds, and a little.
        for tick in 0..15 {
            system.until_second(at.floor() + 1.1 + 2.0 * f64::from(tick)).await;
            let newest = &system.explain().decisions[0].decision;
            assert!(newest.desired >= 2, "{}: {newest:?}", system.now());
            assert!(newest.reasons.iter().any(|reason| reason.rule == "activation-scale"), "{newest:?}");
        }
    }
    assert_eq!((system.scales(), system.pods(PodState::Ready).len()), (vec![2], 2));

    // The last request was at 183.3 s: its window is empty by 244 s. The tick then takes one pod (max-scale-down-rate is
    // 2) or, with the load gone, turns clients away; 30 s of grace later there is none.
    system.until_second(400.0).await;
    assert_eq!(system.scales(), [2, 1, 0], "as in Knative the way leads through one");
    let calls = system.platform.calls();
    let Some(Call { at, workload, wish: Wish::Scale(0) }) = calls.last() else { panic!("{calls:?}") };
    assert_eq!(*workload, hello());
    assert!((273.0..280.0).contains(&at.as_secs_f64()), "asleep at {at}");
    assert_eq!(system.explain().route, Route::Activator);
    assert_eq!(system.pods(PodState::Gone).len(), 2);
    system.assert_nothing_is_counted();
}
