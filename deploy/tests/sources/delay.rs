//! A proxy in front of a server that is slow, as told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// Forwards connections, and answers late.
#[derive(Debug)]
pub(crate) struct Delay {
    address: SocketAddr,
    milliseconds: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Delay {
    /// In front of `port` of this machine; not slow yet.
    pub(crate) async fn before(port: u16) -> Delay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let milliseconds = Arc::new(AtomicU64::new(0));
        let late = milliseconds.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, port, late.clone()));
            }
        });
        Delay { address, milliseconds, task: task.abort_handle() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on what the server says comes so much later.
    pub(crate) fn by(&self, late: Duration) {
        self.milliseconds.store(late.as_millis() as u64, Ordering::Relaxed);
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(client: TcpStream, port: u16, late: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let up = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(|_| ()) };
    let down = async {
        let mut piece = vec![0; 16 << 10];
        loop {
            let length = from_server.read(&mut piece).await?;
            if length == 0 {
                return std::io::Result::Ok(());
            }
            sleep(Duration::from_millis(late.load(Ordering::Relaxed))).await;
            to_client.write_all(&piece[..length]).await?;
        }
    };
    tokio::select! { _ = up => {}, _ = down => {} }
}
