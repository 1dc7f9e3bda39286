//! Paths of our own are the app's on the ports of traffic; the other ports serve no traffic.

use std::net::SocketAddr;

use anyhow::ensure;

use super::Target;
use super::doors::raw;
use crate::cluster::app::App;
use crate::cluster::system::System;

/// What our own ports serve.
const OURS: [&str; 5] = ["/metrics", "/healthz", "/readyz", "/wait-for-drain", "/v1/workloads"];

/// Whether that path is answered there by the app.
async fn is_answered_by(app: &App, to: SocketAddr, path: &str) -> anyhow::Result<bool> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", app.name);
    Ok(raw(to, &request).await?.text.contains(&format!("hello from {} ", app.name)))
}

/// `app` must run, with one pod.
pub(super) async fn run(system: &System, app: &App) -> anyhow::Result<()> {
    ensure!(is_answered_by(app, app.address().await?, "/").await?, "it does not run");
    app.until_ready(1, 30).await?; // a request is answered before Kubernetes has written down where the pod is
    let pod = Target::of(app).await?.address;
    let at = |port: u16| SocketAddr::new(pod, port);
    let mut served = 0;
    for place in [app.address().await?, at(8012)] {
        for path in OURS {
            ensure!(is_answered_by(app, place, path).await?, "{place}{path} does not reach the app");
            served += 1;
        }
    }
    ensure!(app.ready().await?.len() == 1, "a client had the pod drain");

    let mut apart = 0;
    let mut others =
        vec![(at(9091), vec!["/", "/echo", "/healthz", "/wait-for-drain"]), (at(8022), vec!["/", "/echo"])];
    let processes = [system.activators().await?, system.autoscalers().await?, system.injectors().await?];
    others.extend(processes.iter().flatten().map(|process| (process.admin, vec!["/", "/echo"])));
    for (place, paths) in others {
        for path in paths {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", app.name);
            let answer = raw(place, &request).await?;
            ensure!(answer.status == 404, "{place}{path}: {}", answer.text);
            apart += 1;
        }
    }
    println!(
        "security: {served} paths of our own are the app's where traffic is, {apart} requests elsewhere reached no app"
    );
    Ok(())
}
