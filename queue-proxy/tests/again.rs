//! A request that no app can have seen goes to another pod as it came.

#![allow(clippy::unwrap_used, reason = "a test may panic, also where it is not a test function")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use config::{Protocol, Serving};
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response};
use hyper::body::Incoming;
use queue_proxy::net::Network;
use queue_proxy::{Body, Cause, Connections, Deadlines, Handler, NotForwarded, Peer, Recipient, Upstream, offer};
use support::{Pod, app_address, echo, full, post, text};
use tokio_tungstenite::tungstenite::Message;

/// Tries a pod that is gone, then one that lives.
#[derive(Clone)]
struct Twice {
    gone: Arc<Upstream>,
    alive: Arc<Upstream>,
}

impl Handler for Twice {
    type Guard = &'static str;

    async fn handle(&self, request: Request<Incoming>, _peer: &Peer) -> Response<Body<&'static str>> {
        let request = request.map(Into::into);
        let first = offer(&self.gone, request, Recipient::App, "guard", Deadlines::default()).await;
        let NotForwarded { guard, cause, request } = first.unwrap_err();
        assert_eq!((guard, cause), ("guard", Cause::Unreachable));
        offer(&self.alive, *request.unwrap(), Recipient::App, guard, Deadlines::default()).await.unwrap()
    }
}

/// Serves [`Twice`] in front of the app of `pod`, in place of the pod's own front.
async fn in_front_of(pod: &mut Pod, protocol: Protocol) {
    let upstream = |address| Upstream::new(Network::Memory(pod.network.clone()), address, protocol, 0);
    let gone = SocketAddr::from(([127, 0, 0, 1], 1));
    let twice = Twice { gone: upstream(gone), alive: upstream(app_address()) };
    let mut listener = pod.network.listen(support::front_address());
    let connections = Connections::default();
    tokio::spawn(async move {
        while let Some(stream) = listener.recv().await {
            tokio::spawn(connections.serve_memory(stream, twice.clone()));
        }
    });
}

#[tokio::test(start_paused = true)]
async fn with_its_body_and_its_host() {
    for protocol in [Protocol::Http1, Protocol::H2c] {
        let mut pod = Pod::with_app(&Serving::default(), echo);
        in_front_of(&mut pod, protocol).await;
        let seen = text(pod.send(post("/path", "body")).await).await.unwrap();
        let expected = match protocol {
            Protocol::Http1 => "POST /path HTTP/1.1\ncontent-length: 4\nhost: hello.localhost\n\nbody",
            Protocol::H2c => "POST http://hello.localhost/path HTTP/2.0\ncontent-length: 4\n\nbody",
        };
        assert_eq!(seen, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn with_its_grpc_authority() {
    let mut pod = Pod::with_app(&Serving::default(), echo);
    in_front_of(&mut pod, Protocol::Http1).await;
    let request =
        Request::post("http://orders.localhost/s/m").header("content-type", "application/grpc").body(full("ask"));
    let response = pod.http2().await.send_request(request.unwrap()).await.unwrap();
    assert!(text(response).await.unwrap().starts_with("POST http://orders.localhost/s/m HTTP/2.0\n"));
}

#[tokio::test(start_paused = true)]
async fn with_its_upgrade() {
    let mut pod = Pod::with_raw_app(&Serving::default(), |stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let message = socket.next().await.unwrap().unwrap();
        socket.send(message).await.unwrap();
    });
    in_front_of(&mut pod, Protocol::Http1).await;
    let stream = pod.connect().await;
    let (mut socket, _) = tokio_tungstenite::client_async("ws://hello.localhost/", stream).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
}
