//! What the cluster may withhold: rights, and trust in the webhook.

use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Method, Request};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::api::{CLUSTER_ROLES, SECRETS, WEBHOOKS};
use super::app::App;
use super::leader::next_leader;
use super::system::{SYSTEM, System};
use super::wrong::{Told, event};
use crate::client;
use crate::scrape::{Scraper, metric};

/// What is withheld is missed by then, and back in use this long after it was given back.
const SOON: Duration = Duration::from_secs(10);

/// Carries out `story` while a ClusterRole lacks the rules about this resource, which are then given back whatever came of it.
async fn without_rules<T>(
    system: &System,
    role: &str,
    resource: &str,
    story: impl AsyncFnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let seen = system.api.get(CLUSTER_ROLES, "", role).await?;
    let rules = seen["rules"].as_array().context("a role without rules")?;
    let is_about =
        |rule: &&Value| rule["resources"].as_array().is_some_and(|all| all.iter().any(|one| one == resource));
    let left: Value = rules.iter().filter(|rule| !is_about(rule)).cloned().collect();
    ensure!(left != seen["rules"], "{role} has no rule about {resource}");
    system.api.merge(CLUSTER_ROLES, "", role, &json!({ "rules": left })).await?;
    let told = story().await;
    system.api.merge(CLUSTER_ROLES, "", role, &json!({ "rules": seen["rules"] })).await?;
    told.with_context(|| format!("while {role} has no rights to {resource}"))
}

/// Held requests wait for a right that is given back.
pub(super) async fn right_to_scale(system: &System, namespace: &str) -> anyhow::Result<Told> {
    let app = App::new(&system.api, namespace, "unscaled");
    app.start().await?;
    let address = app.address().await?;
    let failed = async || -> anyhow::Result<f64> {
        let text = Scraper::new(system.leader().await?.admin).text("/metrics").await?;
        Ok(metric(&text, "rouse_kube_writes_total{what=\"scale\",result=\"failed\"}").unwrap_or(0.0))
    };
    let before = failed().await?;
    let story = async || {
        let asked = tokio::spawn(client::get(address, "bench", "/"));
        Ok((asked, event(system, namespace, "unscaled", "cannot patch resource \"deployments/scale\"").await?))
    };
    let (asked, (reason, message)) = without_rules(system, "rouse-autoscaler", "deployments/scale", story).await?;
    let back = Instant::now();
    let answer = timeout(Duration::from_secs(60), asked).await.context("the held request hangs")???;
    ensure!(answer.status == 200, "the held request ended with {} {:?}", answer.status, answer.reason);
    let (took, failures) = (Instant::now() - back, failed().await? - before);
    ensure!(failures > 0.0, "no failed write is counted");
    println!(
        "  right to scale: {failures} writes failed; the request was held, and answered {} ms after the right came back",
        took.as_millis()
    );
    app.remove().await?;
    Ok(Told { what: "missing right to scale", reason, message })
}

/// An autoscaler that starts without the right to see pods says which, and works as soon as it has it.
pub(super) async fn right_to_watch(system: &System, namespace: &str) -> anyhow::Result<Told> {
    let app = App::new(&system.api, namespace, "unseen").with("min-scale", "1").with("target-burst-capacity", "-1");
    app.start().await?;
    app.until_ready(1, 60).await?;
    let story = async || {
        let holder = system.holder().await?;
        system.end(&system.leader().await?).await?;
        next_leader(system, &holder).await?;
        let counted = async || {
            let Ok(leader) = system.leader().await else { return false };
            let text = Scraper::new(leader.admin).text("/metrics").await.unwrap_or_default();
            metric(&text, "rouse_kube_watch_errors_total{what=\"pods\"}").is_some_and(|errors| errors > 0.0)
        };
        system.api.until("the metric counts the watch that fails", 30, counted).await?;
        let answer = client::get(app.address().await?, "bench", "/").await?;
        ensure!(answer.status == 200, "what runs is not served: {}", answer.status);
        let log = format!("/api/v1/namespaces/{SYSTEM}/pods/{}/log", system.leader().await?.pod);
        let log = system.api.text(Request::get(log).body(Vec::new())?).await?;
        let line = log.lines().find(|line| line.contains("pods cannot be watched: grant list and watch on pods"));
        Ok(line.context("the log does not say what to grant")?.to_owned())
    };
    let message = without_rules(system, "rouse-autoscaler", "pods", story).await?;
    let woken = App::new(&system.api, namespace, "seen-again");
    woken.start().await?;
    let answer = timeout(Duration::from_secs(60), client::get(woken.address().await?, "bench", "/")).await??;
    ensure!(answer.status == 200, "it does not see pods again: {}", answer.status);
    system.settled().await?;
    woken.remove().await?;
    app.remove().await?;
    Ok(Told { what: "missing right to watch pods", reason: "(log)".to_owned(), message })
}

/// The certificate of Rouse's authority as it would be if its time were over.
async fn expired_authority(system: &System) -> anyhow::Result<String> {
    let secret = system.api.get(SECRETS, SYSTEM, "rouse-ca").await?;
    let key = secret["data"]["ca.key"].as_str().context("rouse-ca has no key")?;
    let key = KeyPair::from_pem(&String::from_utf8(BASE64_STANDARD.decode(key)?)?)?;
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Rouse authority");
    Ok(params.self_signed(&key)?.pem())
}

/// Replaces what the apiserver trusts the webhook by.
async fn trust(system: &System, bundle: &str) -> anyhow::Result<()> {
    let seen = system.api.get(WEBHOOKS, "", "rouse-injector").await?;
    let count = seen["webhooks"].as_array().map_or(0, Vec::len);
    let replace = |n| json!({ "op": "replace", "path": format!("/webhooks/{n}/clientConfig/caBundle"), "value": BASE64_STANDARD.encode(bundle) });
    let patch: Value = (0..count).map(replace).collect();
    let path = format!("/{}/{}/rouse-injector", WEBHOOKS.group, WEBHOOKS.plural);
    system.api.call(Method::PATCH, &path, Some(("application/json-patch+json", &patch))).await.map(drop)
}

/// Waits until the apiserver trusts the webhook by another bundle than that.
async fn until_renewed(system: &System, bundle: &str) -> anyhow::Result<()> {
    let old = BASE64_STANDARD.encode(bundle);
    let renewed = async || {
        let seen = system.api.get(WEBHOOKS, "", "rouse-injector").await.unwrap_or_default();
        seen["webhooks"].as_array().is_some_and(|all| all.iter().all(|one| one["clientConfig"]["caBundle"] != *old))
    };
    system.api.until("the injector has renewed what the apiserver trusts", 60, renewed).await
}

/// How often an apiserver did not trust the webhook.
async fn distrust(system: &System) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for process in system.injectors().await? {
        let text = Scraper::new(process.admin).text("/metrics").await?;
        sum += metric(&text, "rouse_webhook_not_trusted_total").unwrap_or(0.0);
    }
    Ok(sum)
}

/// Asks until it is served; how long that took.
async fn until_served(app: &App) -> anyhow::Result<Duration> {
    let (start, address) = (Instant::now(), app.address().await?);
    let served = async {
        while client::get(address, "bench", "/").await?.status != 200 {
            sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    timeout(Duration::from_secs(60), served).await.context("no pod was created")??;
    Ok(Instant::now() - start)
}

/// Replaced by an expired one, the webhook's certificate is renewed at once; while that is not allowed, users are told.
pub(super) async fn certificate(system: &System, namespace: &str) -> anyhow::Result<Told> {
    let app = |name: &str| App::new(&system.api, namespace, name);
    let (first, second) = (app("renewed"), app("untrusted"));
    first.start().await?;
    second.start().await?;
    let expired = expired_authority(system).await?;
    let start = Instant::now();
    trust(system, &expired).await?;
    until_renewed(system, &expired).await?;
    let renewed = Instant::now() - start;
    let served = until_served(&first).await?;
    println!(
        "  expired certificate: renewed after {} ms, a pod was created and served {} ms later",
        renewed.as_millis(),
        served.as_millis()
    );
    ensure!(renewed + served < SOON, "pods are not created within {SOON:?}");

    let before = distrust(system).await?;
    let story = async || {
        trust(system, &expired).await?;
        let answer = timeout(Duration::from_secs(60), client::get(second.address().await?, "bench", "/")).await??;
        let reason = answer.reason.unwrap_or_default();
        ensure!(
            answer.status == 503 && reason == "admission",
            "the held request ended with {} {reason:?}",
            answer.status
        );
        event(system, namespace, "untrusted", "certificate has expired").await
    };
    let (reason, message) = without_rules(system, "rouse-injector", "mutatingwebhookconfigurations", story).await?;
    let back = Instant::now();
    until_renewed(system, &expired).await?;
    let renewed = Instant::now() - back;
    let served = until_served(&second).await?;
    let counted = distrust(system).await? - before;
    ensure!(counted > 0.0, "no connection that was not trusted is counted");
    println!(
        "  expired certificate that may not be renewed: {counted} connections not trusted; renewed {} ms after it may be, served {} ms later",
        renewed.as_millis(),
        served.as_millis()
    );
    ensure!(renewed + served < SOON, "pods are not created within {SOON:?}");
    first.remove().await?;
    second.remove().await?;
    Ok(Told { what: "expired webhook certificate", reason, message })
}
