//! Idle workloads cost watches and nothing else.

use http::Method;

use crate::apiserver::Apiserver;
use crate::cluster::{Cluster, DEPLOYMENTS, known};

#[tokio::test(start_paused = true)]
async fn idle_workloads_write_nothing_and_read_only_watches() {
    let apiserver = Apiserver::default();
    for n in 0..300 {
        apiserver.put(&format!("{DEPLOYMENTS}/app-{n}"), known(&format!("app-{n}"), 0));
    }
    let mut cluster = Cluster::new(apiserver).await;
    assert_eq!(cluster.said().await.len(), 300);
    let first = cluster.apiserver.requests();
    assert!(first.iter().all(|asked| asked.method == Method::GET));
    assert!(first.iter().all(|asked| !asked.query.contains("sendInitialEvents")), "1.20 does not know it");
    cluster.wait(600.0).await;
    let asked = cluster.apiserver.requests();
    assert!(asked.iter().all(|asked| asked.query.contains("watch=true")), "{asked:?}");
    // Five watches, each opened again every five minutes.
    assert!(asked.len() <= 5 * 3, "{}", asked.len());
    assert_eq!((cluster.said().await, cluster.told().await), (vec![], vec![]));
}
