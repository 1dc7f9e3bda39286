//! nginx as an ingress, keep-alive on: one before the cluster IP, one that uses the slices' addresses itself.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::sleep;

use super::app::App;
use super::judge::Kills;
use super::system::System;
use crate::load::{Clients, Load};
use crate::town::{Aim, Routes};

/// A running nginx.
struct Nginx {
    child: Child,
    directory: PathBuf,
    listen: SocketAddr,
    upstream: Vec<SocketAddr>,
}

impl Nginx {
    async fn start(name: &str, upstream: Vec<SocketAddr>) -> anyhow::Result<Nginx> {
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let directory = std::env::temp_dir().join(format!("rouse-bench-nginx-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        write(&directory, listen, &upstream)?;
        let child = Command::new("nginx")
            .args(["-p", directory.to_str().context("no text")?, "-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .spawn()
            .context("nginx")?;
        sleep(Duration::from_millis(300)).await;
        Ok(Nginx { child, directory, listen, upstream })
    }

    /// Uses these upstreams from now on, as an ingress controller does when slices change.
    fn follow(&mut self, upstream: Vec<SocketAddr>) -> anyhow::Result<()> {
        if upstream.is_empty() || upstream == self.upstream {
            return Ok(());
        }
        write(&self.directory, self.listen, &upstream)?;
        self.upstream = upstream;
        self.signal(Signal::HUP)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        Ok(kill_process(pid.context("nginx has ended")?, signal)?)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.signal(Signal::TERM)); // its workers end with it, as they would not if it was killed
        drop(std::fs::remove_dir_all(&self.directory)); // a directory in the temporary one
    }
}

fn write(directory: &std::path::Path, listen: SocketAddr, upstream: &[SocketAddr]) -> anyhow::Result<()> {
    let servers: String = upstream.iter().map(|server| format!("    server {server};\n")).collect();
    let text = format!(
        "daemon off;\nworker_processes 1;\npid nginx.pid;\nevents {{ worker_connections 512; }}\nhttp {{\n  access_log off;\n  \
         upstream app {{\n{servers}    keepalive 16;\n  }}\n  server {{\n    listen {listen};\n    location / {{\n      proxy_pass \
         http://app;\n      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_set_header Host $host;\n    \
         proxy_read_timeout 120s;\n    }}\n  }}\n}}\n"
    );
    std::fs::write(directory.join("nginx.conf"), text).context("nginx.conf")
}

/// Cycles from zero to pods and back, with both.
pub(super) async fn run(system: &System, namespace: &str, cycles: usize) -> anyhow::Result<()> {
    let app = App::new(&system.api, namespace, "behind-nginx")
        .with("window", "6s")
        .with("rouse.dev/scale-to-zero-grace-period", "2s")
        .with("target", "10")
        .with("target-burst-capacity", "5");
    app.start().await?;
    let cluster_ip = app.address().await?;
    let before = Nginx::start("ip", vec![cluster_ip]).await?;
    let mut direct = Nginx::start("slices", app.endpoints().await).await?;
    let routes = Routes { activators: vec![before.listen, direct.listen], ..Routes::default() };
    let (_keep, routes) = watch::channel(routes);
    let mut load = Load::new(routes);
    let kind = Clients {
        count: 4,
        aim: Aim::Activators,
        path: "/echo?sleep=5ms",
        keep_alive: false, // an nginx that is told to read its file again closes what its clients keep
        pause: Duration::from_millis(30),
        ..Clients::default()
    };
    load.add(&kind);
    let follows = async {
        loop {
            direct.follow(app.endpoints().await)?;
            sleep(Duration::from_millis(100)).await;
        }
        #[allow(unreachable_code, reason = "names the type of the error")]
        anyhow::Ok(())
    };
    let turns = async {
        for _ in 0..cycles {
            load.go();
            sleep(Duration::from_secs(8)).await;
            load.pause();
            app.api
                .until("behind-nginx is asleep", 150, async || app.pods().await.is_ok_and(|pods| pods.is_empty()))
                .await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        ended = follows => ended?,
        ended = turns => ended?,
    }
    let tally = load.stop().await;
    Kills::default().judge(&tally).tell(&format!("nginx before the cluster IP and on the slices, {cycles} cycles"))?;
    ensure!(before.upstream.len() == 1, "one upstream");
    app.remove().await
}
