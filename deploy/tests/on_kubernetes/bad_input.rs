//! What is wrong in the cluster is told, with the object, the reason and the message; and stops nothing that was right.

use serde_json::json;

use crate::apiserver::Apiserver;
use crate::cluster::{CONFIG, Cluster, DEPLOYMENTS, HELLO, PODS, known, pod, workload};

fn told(about: &str, reason: &'static str, message: &str) -> (String, &'static str, String) {
    (about.to_owned(), reason, message.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_bad_annotation_leaves_the_last_good_settings_and_one_that_never_was_good_is_not_scaled() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 1));
    let mut broken = workload("broken", 1);
    broken["metadata"]["annotations"] = json!({ "rouse.dev/timout": "1s", "rouse.dev/mode": "fast" });
    apiserver.put(&format!("{DEPLOYMENTS}/broken"), broken);
    apiserver.put(&format!("{PODS}/broken-1"), pod("broken", Some("10.0.0.9")));
    let mut cluster = Cluster::new(apiserver).await;
    assert_eq!(cluster.said().await, ["hello has 1"], "nothing is said of the other, nor of its pod");
    assert_eq!(
        cluster.told().await,
        [told(
            "shop/Deployment/broken",
            "BadAnnotation",
            "rouse.dev/timout: is not a word of Rouse; did you mean rouse.dev/timeout?; rouse.dev/mode: \"fast\" is not a \
             mode: it must be default or knative; it is not scaled"
        )]
    );
    assert_eq!(cluster.apiserver.writes(), [], "and nothing is written on it");

    cluster.apiserver.settle_annotation(HELLO, "autoscaling.knative.dev/window", "1s");
    assert_eq!(cluster.said().await, [""; 0]);
    assert_eq!(
        cluster.told().await,
        [told(
            "shop/Deployment/hello",
            "BadAnnotation",
            "autoscaling.knative.dev/window: \"1s\" is out of range: it must be from 6s to 1h0m0s; the last good settings \
             stay"
        )]
    );
    cluster.apiserver.change(HELLO, |hello| hello["status"]["observedGeneration"] = 3.into());
    assert_eq!(cluster.told().await, [], "told once");

    cluster.apiserver.change(&format!("{DEPLOYMENTS}/broken"), |broken| {
        broken["metadata"]["annotations"] = json!({ "rouse.dev/timeout": "1s" });
    });
    assert_eq!(
        cluster.said().await,
        ["broken is adopted with 1", "broken-1 of broken is Ready at 10.0.0.9:8012"],
        "once it is right it is scaled"
    );
}

#[tokio::test(start_paused = true)]
async fn one_label_without_the_other_is_told_whichever_it_is() {
    let apiserver = Apiserver::default();
    let mut half = workload("half", 1);
    half["spec"]["template"]["metadata"]["labels"] = json!({ "app": "half" });
    apiserver.put(&format!("{DEPLOYMENTS}/half"), half);
    for n in 0..3 {
        apiserver.put(&format!("{PODS}/stray-{n}"), pod("stray", Some("10.0.0.9")));
    }
    let mut cluster = Cluster::new(apiserver).await;
    assert_eq!(
        cluster.told().await,
        [told(
            "shop/Deployment/half",
            "BadAnnotation",
            "rouse.dev/scale: needs the label rouse.dev/inject: \"true\" on the pod template; it is not scaled"
        )]
    );
    cluster.wait(10.0).await;
    assert_eq!(
        cluster.told().await,
        [told(
            "ReplicaSet stray-7d4",
            "NoWorkload",
            "its pods carry the label rouse.dev/inject, but no workload with the label rouse.dev/scale selects them: nobody \
             scales or wakes it"
        )]
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_workloads_that_select_a_pod_the_first_by_name_has_it() {
    let apiserver = Apiserver::default();
    let mut twin = known("twin", 1);
    twin["spec"]["selector"] = json!({ "matchLabels": { "app": "hello" } });
    apiserver.put(&format!("{DEPLOYMENTS}/twin"), twin);
    apiserver.put(&format!("{PODS}/hello-1"), pod("hello", Some("10.0.0.7")));
    let mut cluster = Cluster::new(apiserver).await;
    assert_eq!(cluster.said().await, ["twin has 1", "hello-1 of twin is Ready at 10.0.0.7:8012"]);
    cluster.apiserver.put(HELLO, known("hello", 1));
    assert_eq!(
        cluster.said().await,
        ["hello has 1", "hello-1 of twin is Gone at 10.0.0.7:8012", "hello-1 of hello is Ready at 10.0.0.7:8012"]
    );
    let message = "its selector matches the pod hello-1 too, which counts as one of Deployment hello: give each workload \
                   labels of its own";
    assert_eq!(cluster.told().await, [told("shop/Deployment/twin", "SelectorOverlap", message)]);
    cluster.apiserver.put(&format!("{PODS}/hello-2"), pod("hello", Some("10.0.0.8")));
    assert_eq!(cluster.told().await, [], "once for the two of them");
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_later_is_told_although_the_pod_stays_where_it_is() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 1));
    apiserver.put(&format!("{PODS}/hello-1"), pod("hello", Some("10.0.0.7")));
    let mut cluster = Cluster::new(apiserver).await;
    cluster.said().await;
    let mut twin = known("twin", 0);
    twin["spec"]["selector"] = json!({ "matchLabels": { "app": "hello" } });
    cluster.apiserver.put(&format!("{DEPLOYMENTS}/twin"), twin);
    assert_eq!(cluster.said().await, ["twin has 0"]);
    let told: Vec<_> = cluster.told().await.into_iter().map(|(about, reason, _)| (about, reason)).collect();
    assert_eq!(told, [("shop/Deployment/twin".to_owned(), "SelectorOverlap")]);
}

#[tokio::test(start_paused = true)]
async fn the_config_map_applies_live_and_a_bad_one_changes_nothing() {
    let apiserver = Apiserver::default();
    apiserver.put(CONFIG, json!({ "metadata": {}, "data": { "min-scale": "2" } }));
    apiserver.put(HELLO, known("hello", 1));
    let mut cluster = Cluster::new(apiserver).await;
    let min_scale = |events: Vec<config::PlatformEvent>| -> Vec<u32> {
        let workloads = events.into_iter().map(|event| match event {
            config::PlatformEvent::Workload(workload, _) => workload.policy.min_scale,
            other => panic!("{other:?}"),
        });
        workloads.collect()
    };
    assert_eq!(min_scale(cluster.events().await), [2], "read by the right defaults from the first");
    cluster.apiserver.change(CONFIG, |map| map["data"] = json!({ "min-scale": "3" }));
    assert_eq!(min_scale(cluster.events().await), [3]);
    cluster.apiserver.change(CONFIG, |map| map["data"] = json!({ "min-scale": "lots" }));
    assert_eq!(min_scale(cluster.events().await), [0; 0]);
    assert_eq!(
        cluster.told().await,
        [told(
            "ConfigMap config-autoscaler",
            "BadSetting",
            "min-scale: \"lots\" is not a whole number, 0 or more; what held before still does"
        )]
    );
    cluster.apiserver.delete(CONFIG);
    assert_eq!(min_scale(cluster.events().await), [0], "Knative's defaults hold again");
}

#[tokio::test(start_paused = true)]
async fn missing_rights_stop_what_they_are_for_and_nothing_else() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 1));
    apiserver.put("/apis/apps/v1/namespaces/shop/statefulsets/db", known("db", 1));
    apiserver.fail("GET /apis/apps/v1/statefulsets", 403);
    apiserver.fail("GET /apis/autoscaling/v1/horizontalpodautoscalers", 403);
    let mut cluster = Cluster::new(apiserver).await;
    assert_eq!(cluster.said().await, ["hello has 1"]);
    cluster.apiserver.mend();
    cluster.wait(6.0).await;
    assert_eq!(cluster.said().await, ["db has 1"], "as soon as they are granted");
}
