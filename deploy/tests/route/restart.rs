use config::Route;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cluster::{Cluster, spec};
use crate::town::{SECOND, Town, a_moment, id};

#[tokio::test(start_paused = true)]
async fn a_new_autoscaler_goes_on_with_what_is_there_and_writes_nothing() {
    let cluster = Cluster::new("v1");
    ["a", "b", "c"].iter().for_each(|name| cluster.serve(name));
    let mut town = Town::start(cluster.clone(), &["a", "b", "c"]);
    let _activators = (town.activator("x", [10, 0, 0, 1], true), town.activator("y", [10, 0, 0, 2], true));
    let _pods = (town.pod("b", "b-1", [10, 1, 0, 1]), town.pod("b", "b-2", [10, 1, 0, 2]));
    a_moment().await;
    town.router().route(&id("b"), Route::Pods).await.unwrap();
    // Ports are given in the order in which Services are met; whatever that was, it stays.
    let seen = || ["a", "b", "c"].map(|name| cluster.slice(&format!("{name}-rouse-4-0")).unwrap());
    let before = seen();
    cluster.written();
    town.restart().await;
    sleep(SECOND).await;
    town.router().route(&id("b"), Route::Pods).await.unwrap();
    town.router().route(&id("a"), Route::Activator).await.unwrap();
    sleep(60 * SECOND).await;
    assert_eq!((cluster.written(), seen()), (vec![], before.clone()));
    assert!(["x", "y"].iter().all(|name| {
        ["a", "b", "c"].iter().zip(&before).all(|(workload, slice)| {
            let port = slice["metadata"]["annotations"]["rouse.dev/door"].as_str().unwrap().parse().unwrap();
            town.hub().has_door(name, &id(workload), port)
        })
    }));
    // A new one gets a port of its own.
    town.add("d");
    cluster.serve("d");
    a_moment().await;
    assert_eq!(cluster.leads_to("d-rouse-4-0").0, 10_003);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_back_is_led_to_no_more_once_all_had_time_to() {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let mut town = Town::start(cluster.clone(), &["hello"]);
    let (_a, b) = (town.activator("a", [10, 0, 0, 1], true), town.activator("b", [10, 0, 0, 2], true));
    a_moment().await;
    cluster.written();
    drop(b); // together with the autoscaler
    town.restart().await;
    sleep(9 * SECOND).await;
    assert!(cluster.written().is_empty());
    sleep(2 * SECOND).await;
    assert_eq!(cluster.written(), ["PATCH hello-rouse-4-0"]);
    assert_eq!(cluster.leads_to("hello-rouse-4-0").1, ["10.0.0.1"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_all_has_been_heard_of() {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let mut town = Town::start(cluster.clone(), &["hello"]);
    let _a = town.activator("a", [10, 0, 0, 1], true);
    a_moment().await;
    cluster.written();
    // While nobody is there the annotation goes, and so does the key of another's Service.
    let mut service = cluster.service("hello").unwrap();
    service["metadata"]["annotations"] = Value::Null;
    cluster.edit(service, |_| {});
    cluster.set_service("other", json!({}), {
        let mut spec = spec("other");
        spec["selector"]["rouse.dev/route"] = json!("managed");
        spec
    });
    town.restart().await;
    let _pod = town.pod("hello", "x", [10, 1, 0, 1]);
    cluster.fill("hello", &["10.1.0.1"]);
    sleep(SECOND).await;
    let mut written = cluster.written();
    written.sort();
    assert_eq!(written, ["DELETE hello-rouse-4-0", "PATCH hello", "PATCH other"]);
    assert!(!cluster.has_key("hello") && !cluster.has_key("other"));
}

#[tokio::test(start_paused = true)]
async fn slices_of_services_that_went_meanwhile_are_left_to_kubernetes() {
    let cluster = Cluster::new("v1");
    let all = ["a", "b", "c"];
    all.iter().for_each(|name| cluster.serve(name));
    let mut town = Town::start(cluster.clone(), &all);
    let _activator = town.activator("x", [10, 0, 0, 1], true);
    a_moment().await;
    cluster.written();
    // As a namespace goes: the Services first, and what belongs to them when Kubernetes comes to it.
    ["a", "b"].iter().for_each(|name| cluster.delete_service(name));
    let (gets, lists) = (cluster.gets(), cluster.lists());
    town.restart().await;
    sleep(60 * SECOND).await;
    assert_eq!(cluster.written(), [""; 0]);
    assert_eq!(
        (cluster.gets() - gets, cluster.lists() - lists),
        (2, 2),
        "each was asked for once, and nothing behind it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_workload_cannot_be_read_yet_stays_for_as_long_as_it_leads_to_somebody() {
    let cluster = Cluster::new("v1");
    cluster.serve("hello");
    let mut town = Town::start(cluster.clone(), &["hello"]);
    let activator = town.activator("a", [10, 0, 0, 1], true);
    a_moment().await;
    cluster.written();
    let before = cluster.slice("hello-rouse-4-0");
    town.restart_without_knowing("hello").await;
    sleep(60 * SECOND).await;
    assert_eq!((cluster.written(), cluster.slice("hello-rouse-4-0")), (vec![], before));
    assert!(cluster.has_key("hello") && town.told().is_empty());
    drop(activator);
    sleep(5 * SECOND).await;
    assert_eq!(cluster.written(), ["PATCH hello"], "whatever pods there are, they are more than nobody");
    assert!(!cluster.has_key("hello"));
}
