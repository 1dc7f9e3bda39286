//! A server whose address a sentinel knows.

use std::process::Command;
use std::time::Duration;

use tokio::time::sleep;

use super::{Redis, does};
use crate::opened::{opened, pool, read, trigger, trouble, until, value};
use crate::process::{Scratch, Server, free_port, listening};

const MOMENT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn the_server_that_sentinels_name_is_read_and_its_successor_after_it() {
    let Some(first) = Redis::new(&["--requirepass", "hunter2"]) else { return };
    let follows = format!("127.0.0.1 {}", first.port);
    let second = ["--requirepass", "hunter2", "--masterauth", "hunter2", "--replicaof", &follows];
    let Some(second) = Redis::new(&second) else { return };
    let running = first.start().await;
    let _running = second.start().await;
    let (port, scratch) = (free_port(), Scratch::new("sentinel"));
    let config = format!(
        "port {port}\nbind 127.0.0.1\nrequirepass hunter3\nsentinel monitor jobs 127.0.0.1 {} 1\n\
         sentinel auth-pass jobs hunter2\nsentinel down-after-milliseconds jobs 500\nsentinel failover-timeout jobs 2000\n",
        first.port
    );
    let config = scratch.write("sentinel.conf", &config);
    let _sentinel =
        Server::start(Command::new(&first.binary).arg(config).arg("--sentinel").current_dir(scratch.path()));
    listening(port).await;

    let address = format!("127.0.0.1:{port}");
    let source = |master| {
        let metadata = [("addresses", &*address), ("sentinelMaster", master), ("listName", "jobs")];
        let auth = [("password", "hunter2"), ("sentinelPassword", "hunter3")];
        opened(&trigger("redis-sentinel", &metadata, &auth), &pool())
    };
    let push = |port: u16| {
        let client = redis::Client::open(format!("redis://:hunter2@127.0.0.1:{port}/")).unwrap();
        does::<i64>(&mut client.get_connection().unwrap(), "RPUSH jobs a b")
    };
    push(first.port);
    let jobs = source("jobs");
    assert_eq!(read(&*jobs).await, value(2.0, true));
    let unknown = trouble(&*source("other")).await;
    assert!(unknown.contains("no sentinel answers that it knows sentinelMaster"), "{unknown}");

    // The sentinel learns of the second from the first; then the first dies.
    let mut connection = redis::Client::open(format!("redis://:hunter3@{address}/")).unwrap().get_connection().unwrap();
    while does::<Vec<redis::Value>>(&mut connection, "SENTINEL replicas jobs").is_empty() {
        sleep(MOMENT).await;
    }
    let mut copy =
        redis::Client::open(format!("redis://:hunter2@{}/", second.address())).unwrap().get_connection().unwrap();
    while does::<i64>(&mut copy, "LLEN jobs") != 2 {
        sleep(MOMENT).await;
    }
    drop(running);
    until(&*jobs, &value(2.0, true)).await;
}
