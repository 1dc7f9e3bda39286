//! How an activator leaves without failing anyone.

use std::time::Duration;

use config::bounds;
use tokio::time::{Instant, sleep};

use super::clients::Clients;

/// Looks at whether clients still come, in this part of the time that none may have come for.
const LOOKS: u32 = 20;

/// Turns clients away with their next response, also those who still come, and returns when none has come for `quiet`:
/// by then everyone knows that this activator is going. Whoever merely looks whether the port is open does so for ever,
/// and is not waited for longer than [`bounds::LEAVE_QUIET`].
pub(super) async fn quiet(clients: &Clients, quiet: Duration) {
    clients.turn_all_away();
    let start = Instant::now();
    let most = start + quiet.max(bounds::LEAVE_QUIET);
    let (mut accepted, mut since) = (clients.accepted(), start);
    loop {
        sleep(quiet / LOOKS).await;
        let now = Instant::now();
        if now >= most {
            return;
        }
        if clients.accepted() != accepted {
            (accepted, since) = (clients.accepted(), now);
        } else if now >= since + quiet {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_looks_for_ever_whether_the_port_is_open_keeps_nobody() {
        let clients = Clients::new();
        let start = Instant::now();
        let looks = async {
            loop {
                sleep(Duration::from_secs(5)).await;
                let (_ours, theirs) = tokio::io::duplex(64);
                drop(clients.gateway().serve_memory(theirs, Nobody));
            }
        };
        tokio::select! {
            () = quiet(&clients, Duration::from_secs(10)) => {}
            () = looks => {}
        }
        let took = Instant::now() - start;
        assert!((bounds::LEAVE_QUIET..bounds::LEAVE_QUIET + Duration::from_secs(1)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_quiet_after_the_last_client() {
        let clients = Clients::new();
        let start = Instant::now();
        let come = async {
            sleep(Duration::from_secs(7)).await;
            let (_ours, theirs) = tokio::io::duplex(64);
            drop(clients.gateway().serve_memory(theirs, Nobody));
        };
        tokio::join!(quiet(&clients, Duration::from_secs(10)), come);
        let took = Instant::now() - start;
        assert!((17.0..=18.0).contains(&took.as_secs_f64()), "{took:?}");
    }

    #[derive(Clone)]
    struct Nobody;

    impl queue_proxy::Handler for Nobody {
        type Guard = ();

        async fn handle(
            &self,
            _request: http::Request<hyper::body::Incoming>,
            _peer: &queue_proxy::Peer,
        ) -> http::Response<queue_proxy::Body<()>> {
            http::Response::new(queue_proxy::Body::full(""))
        }
    }
}
