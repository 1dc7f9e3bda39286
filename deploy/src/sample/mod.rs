//! `rouse sample`: a small HTTP app to try things with.
//!
//! It speaks HTTP/1.1 and HTTP/2 without TLS on one port, does what a request's query asks for, counts what it has in
//! flight (`/stats`) and remembers whose requests it served (`/ids`), so that limits, losses and doubles can be seen from
//! the app's side. It shares no code with what it tests.

mod answer;
mod body;
mod query;
mod serve;
mod served;
mod stats;
mod websocket;

use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use stats::Stats;

/// A small HTTP app to try things with.
///
/// Any path takes ?sleep=100ms, ?cpu=20ms (of one core) and ?bytes=1MB. /echo gives back headers and body as they come;
/// all else reads the body first and says what it was (body-length, body-checksum: FNV-1a, 64 bits).
/// /stream?every=100ms&count=10 sends a chunk at a time, /ws is a WebSocket echo, /fail?status=500 fails, /crash ends
/// the process. A request may bring an id (?id= or X-Request-Id): /stats says how many requests it has, had and served,
/// and which ids more than once; /ids lists the ids of those that came in whole.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Address to listen at; in a pod that others reach, 0.0.0.0.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Port to listen on.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    port: u16,
    /// Name to answer with.
    #[arg(long, env = "K_SERVICE", default_value = "sample")]
    name: String,
    /// Wait this long before listening.
    #[arg(long, value_parser = crate::flag::duration, default_value = "0s", value_name = "DURATION")]
    start: Duration,
    /// Take this long for every request, besides what it asks for.
    #[arg(long, value_parser = crate::flag::duration, default_value = "0s", value_name = "DURATION")]
    takes: Duration,
    /// Wait this long after SIGTERM before ending, serving meanwhile.
    #[arg(long, value_parser = crate::flag::duration, default_value = "0s", value_name = "DURATION")]
    stop: Duration,
}

/// Serves until SIGTERM or SIGINT, then finishes what is in flight.
pub fn run(options: Options) -> ExitCode {
    // One thread, as most small apps have: CPU that requests burn is one core's, whatever their number.
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(listen(options)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rouse sample: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn listen(options: Options) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Even a sleep of zero would cost up to a millisecond of the wake.
    if !options.start.is_zero() {
        tokio::select! {
            () = sleep(options.start) => {}
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
    let listener = TcpListener::bind((options.address, options.port)).await?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let stopped = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        sleep(options.stop).await;
        stopping.cancel();
    };
    let served = serve::serve(listener, Arc::new(Stats::new(options.name, options.takes)), stop);
    tokio::join!(served, stopped);
    Ok(())
}
