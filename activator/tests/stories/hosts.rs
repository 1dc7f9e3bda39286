//! A shared port tells workloads apart by host; a workload's own port takes any.

use std::time::Duration;

use config::{Policy, Serving, Workload};
use http::header::HOST;

use crate::support::{Stage, get};

#[tokio::test(start_paused = true)]
async fn an_unknown_host_is_not_found_once_there_are_two_workloads() {
    let stage = Stage::new(0);
    stage.start_pod("one");
    let mut anywhere = get(Duration::ZERO, 0);
    anywhere.headers_mut().insert(HOST, "elsewhere.example".parse().unwrap());
    assert_eq!(stage.send(anywhere.clone()).await.unwrap().status, 200, "it can only mean the one there is");
    stage.activator.set_workload(&Workload {
        id: "other".parse().unwrap(),
        policy: Policy::default(),
        serving: Serving::default(),
        hosts: vec!["other.localhost".to_owned()],
    });
    let answer = stage.send(anywhere.clone()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.reason()), (404, Some("unknown-host")));
    assert_eq!(stage.get(Duration::ZERO).await.unwrap().status, 200);
    let own_port = stage.activator.door(&stage.id);
    assert_eq!(stage.send_to(own_port, anywhere).await.unwrap().status, 200);
}
