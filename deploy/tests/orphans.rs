//! What a killed shim leaves behind ends all the same. In a process of its own, for the whole process adopts.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use config::manifest::{Declared, Template};
use config::{Platform, Pod, PodState, Policy, Serving, Workload};
use deploy::local::{LocalPlatform, LocalSettings, adopt_orphans};
use queue_proxy::{Clock, Front};
use rustix::process::{Pid, Signal, getppid, kill_process, test_kill_process};
use tokio::sync::mpsc;
use tokio::time::timeout;

#[tokio::test]
async fn an_app_does_not_outlive_its_shim() {
    adopt_orphans().unwrap();
    // As in Kubernetes, two dollars stand for one.
    let script = "setsid sleep 600 & echo $PPID $$$$ $!; exec rouse sample";
    let template = Template { command: ["sh", "-c", script].map(str::to_owned).to_vec(), ..Template::default() };
    let id = "hello".parse().unwrap();
    let (policy, serving) = (Policy::default(), Serving::default());
    let workload = Workload { id, policy, serving, hosts: Vec::new() };
    let id = workload.id.clone();
    let declared = Declared { workload, template, ports: Vec::new(), worker: false, source: "a test".to_owned() };

    let (states, mut state) = mpsc::channel(16);
    let on_pod = Box::new(move |pod: &Pod, _: &Arc<Front>| states.try_send(pod.state).unwrap());
    let (lines, mut line) = mpsc::channel(16);
    let mut settings = LocalSettings::new(PathBuf::from(env!("CARGO_BIN_EXE_rouse")), Clock::start(), on_pod);
    settings.on_line = Box::new(move |_, line| lines.try_send(line.to_owned()).unwrap());
    let platform = LocalPlatform::new(settings, vec![declared]);
    platform.scale(&id, 1).await.unwrap();

    let until = async |state: &mut mpsc::Receiver<PodState>, wanted| {
        let seen = async { while state.recv().await != Some(wanted) {} };
        timeout(Duration::from_secs(10), seen).await.expect("the pod gets there");
    };
    until(&mut state, PodState::Ready).await;
    let pids: Vec<Pid> =
        line.recv().await.unwrap().split(' ').filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect();
    let [shim, app, daemon] = pids[..] else { panic!("{pids:?}") };
    assert_ne!(Some(shim), getppid());
    kill_process(shim, Signal::KILL).unwrap();
    until(&mut state, PodState::Gone).await;
    assert!(test_kill_process(app).is_err() && test_kill_process(daemon).is_err());
    platform.shutdown().await;
}
