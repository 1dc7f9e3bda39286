//! Requests that are answered before anyone has read their body.

use config::bounds;
use http::header::EXPECT;
use http::{Request, Response, Version};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::handler::close_after;

/// Lets go of a request that has its answer without having been read. On HTTP/1 its body lies between it and the next.
///
/// A small body that is on its way is read and forgotten: a connection that closes upon bytes that nobody has read may
/// lose its answer. After any other the connection closes, and the answer says so. A body that waits for `100 Continue` is
/// not read, for that would ask for it.
pub(crate) fn let_go<B>(request: Request<Incoming>, response: &mut Response<B>) {
    let version = request.version();
    let body = request.body();
    if version >= Version::HTTP_2 || body.is_end_stream() {
        return;
    }
    let is_small = body.size_hint().upper().is_some_and(|most| most <= bounds::REPLAY_BYTES as u64);
    if is_small && !request.headers().contains_key(EXPECT) {
        tokio::spawn(timeout(bounds::UNREAD_TIME, read(request.into_body())));
    } else {
        close_after(response, version);
    }
}

/// Reads a body to its end.
async fn read(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}
