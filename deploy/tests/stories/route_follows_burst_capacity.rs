//! The activator leaves the path while the pods could take the burst as well, and comes back when they could not.

use config::{BurstCapacity, Policy, Route, Serving};
use deploy::memory::{App, Start, Wish};
use tokio::time::sleep;

use crate::system::{MS, SECOND, System};

fn routes(system: &System) -> Vec<Route> {
    let calls = system.platform.calls().into_iter();
    calls.filter_map(|call| if let Wish::Route(route) = call.wish { Some(route) } else { None }).collect()
}

/// One pod that carries ten, in front of which five more must fit.
fn system(burst_capacity: BurstCapacity) -> System {
    let policy = Policy { total: 10.0, target: 7.0, max_scale: 1, burst_capacity, ..Policy::default() };
    System::of_one(policy, Serving::default(), App::sleeping(Start::ListensAfter(20 * MS), 30 * SECOND))
}

#[tokio::test(start_paused = true)]
async fn the_route_turns_to_the_pods_when_the_burst_fits_and_back_when_it_does_not() {
    let system = system(BurstCapacity::Of(5.0));
    let one = system.get("/");
    sleep(12 * SECOND).await; // a panic window of room, and the ticks around it
    assert_eq!(routes(&system), [Route::Activator, Route::Pods], "1 of 10 in flight: 5 more fit");
    let more: Vec<_> = (0..8).map(|_| system.get("/")).collect();
    sleep(15 * SECOND).await;
    assert_eq!(routes(&system), [Route::Activator, Route::Pods, Route::Activator], "9 of 10 in flight: 5 more do not");
    for answer in more.into_iter().chain([one]) {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    let last = system.get("/");
    sleep(20 * SECOND).await;
    assert_eq!(routes(&system)[3..], [Route::Pods]);
    last.await.unwrap();
    sleep(200 * SECOND).await;
    assert_eq!(routes(&system)[4..], [Route::Activator], "on the way to zero");
    assert_eq!(system.scales(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn with_an_unlimited_burst_the_activator_never_leaves() {
    let system = system(BurstCapacity::Unlimited);
    system.get("/").await.unwrap();
    sleep(200 * SECOND).await;
    assert_eq!((routes(&system), system.scales()), (vec![Route::Activator], vec![1, 0]));
}

#[tokio::test(start_paused = true)]
async fn with_no_burst_it_leaves_as_soon_as_a_pod_is_ready() {
    let system = system(BurstCapacity::Of(0.0));
    let held = system.get("/");
    sleep(5 * SECOND).await;
    assert_eq!(routes(&system), [Route::Activator, Route::Pods]);
    held.await.unwrap();
}
