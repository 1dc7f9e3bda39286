//! Requests that are answered before anyone has read their body.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use config::bounds;
use http::header::EXPECT;
use http::{Request, Response, Version};
use http_body::Body as _;
use tokio::time::timeout;

use crate::Outgoing;
use crate::handler::close_after;

/// Lets go of a request whose answer is `response` and whose body nobody has read, or not all of it.
///
/// Over HTTP/1 what still comes of the body is read and forgotten, within [`bounds::UNREAD_BYTES`] and
/// [`bounds::UNREAD_TIME`]: a connection that closes upon bytes that nobody has read may lose its answer. After a small
/// body it is used again; after any other, and after one that waits for `100 Continue` and may never come, it closes, and
/// the answer says so. An HTTP/2 stream ends by itself.
///
/// To be called as the last thing before the response is returned: once an answer has begun, to read a body is no longer
/// to ask for it.
pub fn let_go<I: Into<Outgoing>, B>(request: Request<I>, mut response: Response<B>) -> Response<B> {
    let version = request.version();
    let expects = request.headers().contains_key(EXPECT);
    let mut body: Outgoing = request.into_body().into();
    if version >= Version::HTTP_2 || body.is_end_stream() {
        return response;
    }
    let is_small = body.size_hint().upper().is_some_and(|most| most <= bounds::REPLAY_BYTES as u64);
    if !is_small || expects {
        close_after(&mut response, version);
    }
    body.flow();
    let patience = if expects { bounds::UNREAD_FIRST } else { bounds::UNREAD_TIME };
    tokio::spawn(timeout(bounds::UNREAD_TIME, read(body, patience)));
    response
}

/// Reads a body to its end, unless it is too long, or has not begun after `patience`.
async fn read(mut body: Outgoing, mut patience: Duration) {
    let mut read = 0;
    while let Ok(Some(Ok(frame))) = timeout(patience, poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).await {
        patience = bounds::UNREAD_TIME;
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > bounds::UNREAD_BYTES {
            return;
        }
    }
}
