//! Tokens that are not to be believed.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use config::link::Reporter;
use http::Method;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Target;
use super::port::{Port, Speaker};
use crate::cluster::api::{Api, PODS};
use crate::cluster::app::App;
use crate::cluster::system::System;

/// The audience that Rouse's tokens are for.
const AUDIENCE: &str = "rouse";

/// How long ours are valid, in seconds: the least that an apiserver gives.
const SECONDS: u64 = 600;

/// A token of the account `default` for that audience, bound to a pod or to none.
async fn token(
    api: &Api,
    namespace: &str,
    audience: &str,
    seconds: u64,
    pod: Option<&Target>,
) -> anyhow::Result<String> {
    let bound = pod.map(|pod| json!({ "kind": "Pod", "apiVersion": "v1", "name": pod.name, "uid": pod.uid }));
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": { "audiences": [audience], "expirationSeconds": seconds, "boundObjectRef": bound },
    });
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default/token");
    let answer = api.call(Method::POST, &path, Some(("application/json", &request))).await?;
    answer["status"]["token"].as_str().map(str::to_owned).context("the apiserver gives no token")
}

/// A token as its pod's queue-proxy shows it.
pub(super) async fn good(api: &Api, pod: &Target) -> anyhow::Result<String> {
    token(api, &pod.namespace, AUDIENCE, SECONDS, Some(pod)).await
}

/// The same token, signed by the cluster's `key` (RSA, PEM) when its time was over.
fn expired(token: &str, key: &Path) -> anyhow::Result<String> {
    let [header, claims, _] = token.split('.').collect::<Vec<_>>()[..] else { bail!("it is no token") };
    let mut claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
    let hour_ago = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() - 3_600;
    for (claim, at) in [("iat", hour_ago - SECONDS), ("nbf", hour_ago - SECONDS), ("exp", hour_ago)] {
        claims[claim] = at.into();
    }
    let pem = std::fs::read(key).with_context(|| format!("cannot read {}", key.display()))?;
    let pair = match PrivateKeyDer::from_pem_slice(&pem)? {
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        _ => bail!("{} is no RSA key", key.display()),
    };
    let pair = pair.ok().with_context(|| format!("{} is no RSA key", key.display()))?;
    let message = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; pair.public().modulus_len()];
    let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature);
    ensure!(signed.is_ok(), "the key does not sign");
    Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// The same token with another signature.
fn forged(token: &str) -> anyhow::Result<String> {
    let (message, signature) = token.rsplit_once('.').context("it is no token")?;
    let mut signature = BASE64_URL_SAFE_NO_PAD.decode(signature)?;
    signature[0] ^= 1;
    Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// Each is refused, and counted by its reason; the right one is served.
pub(super) async fn run(system: &System, [honest, lying, doomed]: [&App; 3], key: Option<&Path>) -> anyhow::Result<()> {
    let api = &system.api;
    let port = Port::of_leader(system).await?;
    let (pod, other, gone) = (Target::of(honest).await?, Target::of(lying).await?, Target::of(doomed).await?);
    let right = good(api, &pod).await?;
    let speaker = |token: &str| Speaker::pod(pod.id(), Some(token));
    port.open(&speaker(&right))?.welcome().await.context("the right token")?;
    println!("  its own token: served");

    let elsewhere = token(api, &pod.namespace, "elsewhere", SECONDS, Some(&pod)).await?;
    let unbound = token(api, &pod.namespace, AUDIENCE, SECONDS, None).await?;
    let lasting = token(api, &pod.namespace, AUDIENCE, 86_400, Some(&pod)).await?;
    let dead = good(api, &gone).await?;
    api.delete(PODS, &gone.namespace, &gone.name, Some(0)).await?;
    let is_gone = async || api.get(PODS, &gone.namespace, &gone.name).await.is_err();
    api.until("the pod is gone", 30, is_gone).await?;
    sleep(Duration::from_secs(1)).await; // the autoscaler hears of it, too
    let stranger = Speaker { reporter: Reporter::Activator("stranger".into()), ..speaker(&right) };
    let mut cases = vec![
        ("no token", Speaker::pod(pod.id(), None), "no-token"),
        ("no token at all", speaker("anything"), "malformed"),
        ("a token that was tampered with", speaker(&forged(&right)?), "signature"),
        ("a token for another audience", speaker(&elsewhere), "audience"),
        ("a token that is bound to no pod", speaker(&unbound), "no-pod"),
        ("a token that outlives the memory of its pod", speaker(&lasting), "lives-too-long"),
        ("the token of another pod", Speaker::pod(other.id(), Some(&right)), "other-pod"),
        ("the token of a deleted pod", Speaker::pod(gone.id(), Some(&dead)), "gone"),
        ("a pod that says it is an activator", stranger, "no-activator"),
        (
            "a pod that says it is of another workload",
            Speaker { workload: Some(other.workload.clone()), ..speaker(&right) },
            "other-workload",
        ),
    ];
    match key {
        Some(key) => cases.push(("a token that has expired", speaker(&expired(&right, key)?), "expired")),
        None => {
            println!("  a token that has expired: NOT TRIED, none can be made without --sa-key; a unit test has it")
        }
    }
    for (what, speaker, reason) in &cases {
        port.refuses(what, speaker, reason).await?;
    }
    port.refuses_plain(&speaker(&right)).await?;
    println!("security: 1 token served, {} refused, each counted by its reason", cases.len());
    Ok(())
}
