//! `redis` and `redis-streams` against Redis (Debian's package): one server, a cluster, and one that a sentinel knows.

mod cluster;
mod one;
mod sentinel;
mod told;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use deploy::sources::{Pool, Source};
use redis::{Client, Cmd, Connection, FromRedisValue, Value};

use crate::opened::{opened, trigger};
use crate::process::{Scratch, Server, found, free_port, listening};

/// A Redis, which may be stopped and started again.
struct Redis {
    binary: PathBuf,
    scratch: Scratch,
    port: u16,
    arguments: Vec<String>,
}

impl Redis {
    /// None if it is not installed.
    fn new(arguments: &[&str]) -> Option<Redis> {
        let binary = found("redis-server", "ROUSE_REDIS")?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Some(Redis { binary, scratch: Scratch::new("redis"), port: free_port(), arguments })
    }

    async fn start(&self) -> Server {
        let directory = self.scratch.path();
        let server = Server::start(
            Command::new(&self.binary)
                .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
                .arg(directory)
                .args(&self.arguments),
        );
        listening(self.port).await;
        server
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A client that tests have for themselves.
    fn connection(&self) -> Connection {
        Client::open(format!("redis://{}/", self.address())).unwrap().get_connection().unwrap()
    }

    /// Does `RPUSH a b`.
    fn does(&self, command: &str) -> Value {
        does(&mut self.connection(), command)
    }
}

fn does<T: FromRedisValue>(connection: &mut Connection, command: &str) -> T {
    let mut words = command.split(' ');
    let mut asked = Cmd::new();
    words.by_ref().for_each(|word| {
        asked.arg(word);
    });
    asked.query(connection).unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// A list, at that address.
fn list(address: &str, key: &str, pool: &Arc<Pool>) -> Box<dyn Source> {
    opened(&trigger("redis", &[("address", address), ("listName", key)], &[]), pool)
}
