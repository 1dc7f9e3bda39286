//! Workloads and pods as they come and go, and the one write of a wake.

use config::{Platform, PlatformError, PlatformEvent};
use deploy::kubernetes::platform::Reach;
use http::Method;
use serde_json::json;

use crate::apiserver::Apiserver;
use crate::cluster::{Cluster, DEPLOYMENTS, HELLO, PODS, hello, known, pod, workload};

#[tokio::test(start_paused = true)]
async fn a_wake_is_exactly_one_patch() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 0));
    let mut cluster = Cluster::new(apiserver).await;
    assert_eq!(cluster.said().await, ["hello has 0"]);
    assert_eq!(cluster.apiserver.writes(), []);

    cluster.platform.scale(&hello(), 1).await.unwrap();
    let writes = cluster.apiserver.writes();
    let [write] = &writes[..] else { panic!("{writes:?}") };
    assert_eq!(
        (&write.method, write.path.as_str()),
        (&Method::PATCH, "/apis/apps/v1/namespaces/shop/deployments/hello/scale")
    );
    assert_eq!(
        (write.query.as_str(), write.content_type.as_str()),
        ("fieldManager=rouse", "application/json-patch+json")
    );
    assert_eq!(
        write.body,
        json!([
            { "op": "test", "path": "/spec/replicas", "value": null },
            { "op": "add", "path": "/spec/replicas", "value": 1 },
        ])
    );

    cluster.apiserver.put(&format!("{PODS}/hello-1"), pod("hello", None));
    assert_eq!(cluster.said().await, ["hello-1 of hello is Starting at 0.0.0.0:0"], "our own write is no news");
    cluster.apiserver.put(&format!("{PODS}/hello-1"), {
        let mut ready = pod("hello", Some("10.0.0.7"));
        ready["metadata"]["uid"] =
            cluster.apiserver.get(&format!("{PODS}/hello-1")).unwrap()["metadata"]["uid"].clone();
        ready
    });
    assert_eq!(cluster.said().await, ["hello-1 of hello is Ready at 10.0.0.7:8012"]);

    cluster.platform.scale(&hello(), 1).await.unwrap();
    assert_eq!(cluster.scales(), [], "nothing is written when nothing changed");
    cluster.platform.scale(&hello(), 0).await.unwrap();
    assert_eq!(
        cluster.scales()[0].1,
        json!([
            { "op": "test", "path": "/spec/replicas", "value": 1 },
            { "op": "replace", "path": "/spec/replicas", "value": 0 },
        ])
    );
    cluster.apiserver.change(&format!("{PODS}/hello-1"), |pod| {
        pod["metadata"]["deletionTimestamp"] = "2026-01-02T03:05:05Z".into();
    });
    cluster.apiserver.change(&format!("{PODS}/hello-1"), |pod| pod["status"]["conditions"] = json!([]));
    cluster.apiserver.delete(&format!("{PODS}/hello-1"));
    assert_eq!(
        cluster.said().await,
        ["hello-1 of hello is Draining at 10.0.0.7:8012", "hello-1 of hello is Gone at 10.0.0.7:8012"]
    );
}

#[tokio::test(start_paused = true)]
async fn workloads_come_before_their_pods_and_pods_go_before_their_workloads() {
    let apiserver = Apiserver::default();
    // More than a page of each.
    for n in 0..700 {
        apiserver.put(&format!("{DEPLOYMENTS}/app-{n}"), known(&format!("app-{n}"), 1));
        apiserver.put(&format!("{PODS}/app-{n}-x"), pod(&format!("app-{n}"), Some("10.0.0.7")));
    }
    let unlabelled = |mut object: serde_json::Value| {
        object["metadata"]["labels"] = json!({ "app": "app-1" });
        object
    };
    apiserver.put(&format!("{DEPLOYMENTS}/other"), unlabelled(known("other", 3)));
    apiserver.put(&format!("{PODS}/other-x"), unlabelled(pod("app-1", Some("10.0.0.8"))));
    let mut cluster = Cluster::new(apiserver).await;
    let said = cluster.said().await;
    assert_eq!(said.len(), 1_400);
    assert!(said[..700].iter().all(|said| said.ends_with(" has 1")), "{said:?}");
    assert!(said[700..].iter().all(|said| said.ends_with("is Ready at 10.0.0.7:8012")), "{said:?}");

    cluster.apiserver.delete(&format!("{DEPLOYMENTS}/app-7"));
    assert_eq!(cluster.said().await, ["app-7-x of app-7 is Gone at 10.0.0.7:8012", "app-7 is gone"]);
    assert!(matches!(
        cluster.platform.scale(&"shop/app-7".parse().unwrap(), 1).await,
        Err(PlatformError::UnknownWorkload(_))
    ));
    // Without the label it is somebody else's.
    cluster.apiserver.change(&format!("{DEPLOYMENTS}/app-8"), |app| app["metadata"]["labels"] = json!({}));
    let said = cluster.said().await;
    assert_eq!(said, ["app-8 has 1", "app-8-x of app-8 is Gone at 10.0.0.7:8012", "app-8 is gone"], "it was paused");
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_leaves_at_zero_gets_back_what_it_had() {
    let apiserver = Apiserver::default();
    let mut asleep = known("hello", 0);
    asleep["metadata"]["annotations"]["rouse.dev/original-replicas"] = "3".into();
    apiserver.put(HELLO, asleep.clone());
    apiserver.put(&format!("{DEPLOYMENTS}/gone"), asleep.clone());
    apiserver.put(&format!("{DEPLOYMENTS}/runs"), known("runs", 2));
    let mut cluster = Cluster::new(apiserver).await;
    cluster.said().await;
    for name in ["hello", "runs"] {
        cluster.apiserver.change(&format!("{DEPLOYMENTS}/{name}"), |app| app["metadata"]["labels"] = json!({}));
    }
    cluster.apiserver.delete(&format!("{DEPLOYMENTS}/gone"));
    let mut said = cluster.said().await;
    said.sort();
    assert_eq!(said, ["gone is gone", "hello has 0", "runs has 2"], "those that are there are paused");
    let scales = cluster.scales();
    assert_eq!(scales.len(), 1, "{scales:?}");
    assert_eq!((scales[0].0.as_str(), &scales[0].1[1]["value"]), (&*format!("{HELLO}/scale"), &json!(3)));
    for name in ["hello", "runs"] {
        cluster.apiserver.put(&format!("{PODS}/{name}-1"), pod(name, Some("10.0.0.7")));
        let said = cluster.said().await;
        assert_eq!(said.last(), Some(&format!("{name} is gone")), "it has a pod");
    }
    assert_eq!(cluster.scales(), []);
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_no_autoscaler_had_is_adopted_and_marked_once() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, workload("hello", 2));
    let mut cluster = Cluster::new(apiserver).await;
    assert_eq!(cluster.said().await, ["hello is adopted with 2"]);
    let marks = |cluster: &Cluster| -> Vec<_> {
        let writes = cluster.apiserver.writes().into_iter();
        writes.map(|write| (write.path, write.body["metadata"]["annotations"].clone())).collect()
    };
    assert_eq!(marks(&cluster), [(HELLO.to_owned(), json!({ "rouse.dev/original-replicas": "2" }))]);
    cluster.apiserver.put(&format!("{PODS}/hello-1"), pod("hello", Some("10.0.0.7")));
    cluster.settle().await;
    assert_eq!(marks(&cluster), [(HELLO.to_owned(), json!({ "rouse.dev/initialized": "true" }))]);
    cluster.apiserver.put(&format!("{PODS}/hello-2"), pod("hello", Some("10.0.0.8")));
    cluster.wait(600.0).await;
    assert_eq!(marks(&cluster), [], "once in its life");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_found_asleep_or_running_is_marked_by_one_write() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, workload("hello", 0));
    apiserver.put(&format!("{DEPLOYMENTS}/runs"), workload("runs", 1));
    apiserver.put(&format!("{PODS}/runs-1"), pod("runs", Some("10.0.0.7")));
    apiserver.fail("PATCH /apis/apps/v1/namespaces/shop/deployments/runs", 500);
    let mut cluster = Cluster::new(apiserver).await;
    let bodies = |cluster: &Cluster| -> Vec<_> {
        cluster.apiserver.writes().into_iter().map(|write| write.body["metadata"]["annotations"].clone()).collect()
    };
    let marks = |original: &str| json!({ "rouse.dev/original-replicas": original, "rouse.dev/initialized": "true" });
    let first = bodies(&cluster);
    assert!(first.len() == 2 && first.contains(&marks("0")) && first.contains(&marks("1")), "{first:?}");
    cluster.apiserver.mend();
    cluster.wait(11.0).await;
    assert_eq!(bodies(&cluster), [marks("1")], "what failed is tried again, and nothing else");
}

#[tokio::test(start_paused = true)]
async fn services_bring_hosts_and_settings_apply_at_once() {
    let apiserver = Apiserver::default();
    apiserver.put(HELLO, known("hello", 0));
    let mut cluster = Cluster::new(apiserver).await;
    cluster.said().await;
    let hosts = vec!["hello.shop.svc".to_owned()];
    cluster.platform.set_reach(&hello(), Reach { hosts, protocol: None });
    cluster.settle().await;
    cluster.apiserver.settle_annotation(HELLO, "autoscaling.knative.dev/min-scale", "2");
    let events = cluster.events().await;
    let workloads: Vec<_> = events
        .iter()
        .map(|event| match event {
            PlatformEvent::Workload(workload, 0) => (workload.hosts.clone(), workload.policy.min_scale),
            other => panic!("{other:?}"),
        })
        .collect();
    let host = || vec!["hello.shop.svc".to_owned()];
    assert_eq!(workloads.last(), Some(&(host(), 2)));
    assert_eq!(workloads.len(), 2);
}

impl Apiserver {
    /// Sets an annotation.
    pub(crate) fn settle_annotation(&self, path: &str, key: &str, value: &str) {
        self.change(path, |object| object["metadata"]["annotations"][key] = value.into());
    }
}
