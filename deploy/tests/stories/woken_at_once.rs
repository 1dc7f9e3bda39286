//! A hundred workloads are woken at the same moment.

use activator::HoldLimits;
use config::{Policy, Serving};
use deploy::memory::{App, Start, Wish};

use crate::system::{MS, SECOND, System, workload};

#[tokio::test(start_paused = true)]
async fn a_hundred_workloads_wake_at_once_without_an_error() {
    let names: Vec<String> = (0..100).map(|number| format!("hello-{number}")).collect();
    let app = || App::sleeping(Start::ListensAfter(50 * MS), 5 * MS);
    let workloads = names.iter().map(|name| (workload(name, Policy::default(), Serving::default()), app()));
    let system = System::new(HoldLimits::default(), workloads.collect());
    tokio::time::sleep(5 * SECOND).await;
    let asked = system.now();
    let sent: Vec<_> =
        names.iter().map(|name| tokio::spawn(system.asking(&format!("{name}.localhost"), "/"))).collect();
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    let took = system.now().since(asked);
    assert!(took < 200 * MS, "the last was answered after {took:?}");
    let mut woken: Vec<_> = system
        .platform
        .calls()
        .into_iter()
        .filter_map(|call| (call.wish == Wish::Scale(1)).then_some(call.workload))
        .collect();
    woken.sort_unstable();
    woken.dedup();
    assert_eq!(woken.len(), 100);
    assert!(names.iter().all(|name| woken.contains(&name.parse().unwrap())));
}
