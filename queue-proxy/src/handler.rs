//! What answers requests, and what all answers have in common.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;

use crate::answer::Form;
use crate::{Body, Peer, headers, let_go};

/// Answers requests.
pub trait Handler: Clone + Send + Sync + 'static {
    /// What lives until the last byte of a forwarded response.
    type Guard: Send + 'static;

    /// Answers `request`, which [`headers::admit`] has brought into its one form. The future is dropped when the client
    /// leaves.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> impl Future<Output = Response<Body<Self::Guard>>> + Send;
}

/// A connection that is served.
pub(crate) struct Connection<H> {
    pub(crate) peer: Peer,
    pub(crate) handler: H,
}

/// Not an async fn: it would keep room for its arguments and for what it moves them to.
pub(crate) fn answer<H: Handler>(
    connection: Arc<Connection<H>>,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Body<H::Guard>>, Infallible>> + Send {
    let version = request.version();
    let admitted = headers::admit(&mut request);
    async move {
        let mut response = match admitted {
            Ok(()) => connection.handler.handle(request, &connection.peer).await,
            Err(refusal) => {
                let mut response = refusal.answer(Form::of(request.headers()));
                close_after(&mut response, version);
                let_go(request, response)
            }
        };
        if version < Version::HTTP_2 {
            connection.peer.due().set(response.body().due());
        }
        if connection.peer.is_leaving() {
            close_after(&mut response, version);
        }
        Ok(response)
    }
}

/// Closes an HTTP/1 connection with this response.
pub(crate) fn close_after<B>(response: &mut Response<B>, version: Version) {
    if version < Version::HTTP_2 && response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
