//! One authority for all, whoever comes first.

use deploy::kubernetes::authority::Authority;
use serde_json::{Value, json};

use crate::apiserver::{ApiServer, CONFIG_MAP, SECRET};

const NAMESPACE: &str = "rouse-system";

/// The certificate that everybody may read.
fn published(apiserver: &ApiServer) -> String {
    apiserver.object(CONFIG_MAP)["data"]["ca.crt"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn two_replicas_that_start_at_once_share_one_authority() {
    let apiserver = ApiServer::start_reading_together(2).await;
    let (one, other) = (apiserver.writes(), apiserver.writes());
    let (one, other) = tokio::join!(Authority::ensure(&one, NAMESPACE), Authority::ensure(&other, NAMESPACE));
    let (one, other) = (one.expect("an authority"), other.expect("the same"));
    assert_eq!(one.pem(), other.pem());
    assert_eq!(published(&apiserver), one.pem());
    let writes = apiserver.writes_seen();
    let secrets = writes.iter().filter(|write| write.ends_with("/secrets")).count();
    assert_eq!(secrets, 2, "each found none and tried; one was first: {writes:?}");
    assert!(one.server_config(&["rouse-injector.rouse-system.svc".to_owned()], DAY, "http/1.1").is_ok());

    let third = Authority::ensure(&apiserver.writes(), NAMESPACE).await.expect("the same");
    assert_eq!(third.pem(), one.pem());
    assert_eq!(apiserver.writes_seen(), [""; 0], "nothing is written when nothing changed");
}

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

#[tokio::test]
async fn what_everybody_reads_is_put_right() {
    let apiserver = ApiServer::start().await;
    let authority = Authority::ensure(&apiserver.writes(), NAMESPACE).await.expect("an authority");
    let labels = json!({"team": "a"});
    apiserver.put(CONFIG_MAP, json!({"metadata": {"name": "rouse-ca", "labels": labels}, "data": {"ca.crt": "wrong"}}));
    apiserver.writes_seen();
    Authority::ensure(&apiserver.writes(), NAMESPACE).await.expect("the same");
    assert_eq!(apiserver.writes_seen(), [format!("PATCH {CONFIG_MAP}")]);
    assert_eq!(published(&apiserver), authority.pem());
    assert_eq!(apiserver.object(CONFIG_MAP)["metadata"]["labels"], labels, "what others wrote stays");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let refused = async |apiserver: &ApiServer| {
        Authority::ensure(&apiserver.writes(), NAMESPACE).await.expect_err("no authority").to_string()
    };
    let apiserver = ApiServer::start().await;
    let secret = |data: Value| json!({"metadata": {"name": "rouse-ca"}, "data": data});
    apiserver.put(SECRET, secret(json!({"ca.crt": "eA=="})));
    assert_eq!(
        refused(&apiserver).await,
        "Secret rouse-system/rouse-ca: ca.key is missing; delete it for a new one, which pods that run now will not trust"
    );
    apiserver.put(SECRET, secret(json!({"ca.crt": "eA==", "ca.key": "eA=="})));
    assert!(refused(&apiserver).await.contains("ca.key is no private key in PEM form"));
    assert_eq!(apiserver.writes_seen(), [""; 0], "nothing is written over it");

    let apiserver = ApiServer::start().await;
    apiserver.forbid(SECRET);
    assert!(refused(&apiserver).await.starts_with("cannot read Secret rouse-system/rouse-ca: "));
    let apiserver = ApiServer::start().await;
    apiserver.forbid("/api/v1/namespaces/rouse-system/configmaps");
    assert!(refused(&apiserver).await.starts_with("cannot write ConfigMap rouse-system/rouse-ca: "));
}
