//! Clients, each with a connection of its own.

use std::future::Future;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use crate::system::System;

/// What a client got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl System {
    /// A connection to the gateway.
    pub(crate) fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        tokio::spawn(self.connections.serve_memory(theirs, self.activator().gateway()));
        ours
    }

    /// Asks `hello` for `path`. To abort the task is to leave: the connection closes.
    pub(crate) fn get(&self, path: &str) -> JoinHandle<Answer> {
        tokio::spawn(self.asking("hello.localhost", path))
    }

    /// The whole conversation of one client, up to the last byte of the answer.
    pub(crate) fn asking(&self, host: &str, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        let stream = self.connect();
        let request = Request::get(path).header("host", host).body(Empty::<Bytes>::new()).expect("a request");
        async move {
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (mut sender, connection) = handshake.expect("a connection opens");
            let answer = async {
                let (parts, body) = sender.send_request(request).await.expect("a response comes").into_parts();
                let body = body.collect().await.expect("the response is whole").to_bytes();
                Answer { status: parts.status, headers: parts.headers, body }
            };
            tokio::select! {
                answer = answer => answer,
                // How it ended, the answer tells.
                () = async { drop(connection.await); std::future::pending().await } => unreachable!(),
            }
        }
    }
}
