//! What is kept of a request to send it once more.

use std::sync::Arc;

use config::{Protocol, bounds};
use http::header::{EXPECT, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body::Body as _;

use crate::Refusal;
use crate::answer::REASON;
use crate::forward::{Cause, Recipient};
use crate::headers::{MAY_REFUSE, REFUSED};
use crate::replay::{Outgoing, Replay};

/// A copy of a request that the other side may turn down after it was sent: a queue-proxy that has no slot, or a server
/// that refuses an HTTP/2 stream.
#[derive(Debug)]
pub(crate) struct Spare {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// None if there is no body.
    replay: Option<Arc<Replay>>,
}

impl Spare {
    /// Copies what is needed, and marks the request for its recipient. None if it will not be sent twice.
    pub(crate) fn of(request: &mut Request<Outgoing>, protocol: Protocol, recipient: Recipient) -> Option<Spare> {
        if recipient == Recipient::App && protocol == Protocol::Http1 {
            request.body_mut().flow();
            return None;
        }
        let is_small = request.body().is_end_stream()
            || request.body().size_hint().exact().is_some_and(|size| size <= bounds::REPLAY_BYTES as u64);
        let can_wait = protocol == Protocol::Http1 && recipient == Recipient::Pod;
        let spare = (is_small || can_wait).then(|| Spare::copy(request));
        let spare = spare.map(|spare| if is_small { spare.keeping(request) } else { spare.waiting(request) });
        if spare.is_none() {
            request.body_mut().flow();
        }
        if recipient == Recipient::Pod {
            let mark = if spare.is_some() { "1" } else { "0" };
            request.headers_mut().insert(MAY_REFUSE, HeaderValue::from_static(mark));
        }
        spare
    }

    fn copy(request: &Request<Outgoing>) -> Spare {
        Spare {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            replay: None,
        }
    }

    /// The body is kept as it passes.
    fn keeping(mut self, request: &mut Request<Outgoing>) -> Spare {
        if !request.body().is_end_stream() {
            self.replay = Some(request.body_mut().keep());
        }
        self
    }

    /// The body waits until the pod asks for it.
    fn waiting(mut self, request: &mut Request<Outgoing>) -> Spare {
        let (replay, turn) = request.body_mut().wait();
        self.replay = Some(Arc::clone(&replay));
        request.headers_mut().insert(EXPECT, HeaderValue::from_static("100-continue"));
        hyper::ext::on_informational(request, move |response| {
            if response.status() == StatusCode::CONTINUE {
                replay.ask(turn);
            }
        });
        self
    }

    /// Why the pod gave the request back, if `response` says that it did and it can be sent again.
    pub(crate) fn refused<B>(&self, recipient: Recipient, response: &Response<B>) -> Option<Cause> {
        let is_refusal = recipient == Recipient::Pod
            && response.status() == StatusCode::SERVICE_UNAVAILABLE
            && response.headers().contains_key(REFUSED)
            && self.replay.as_ref().is_none_or(|replay| replay.can_go_again());
        is_refusal.then(|| match response.headers().get(REASON) {
            Some(reason) if reason == Refusal::APP_UNREACHABLE.reason => Cause::Unreachable,
            Some(reason) if reason == Refusal::APP_BROKE_OFF.reason => Cause::BrokeOff,
            _ => Cause::Refused,
        })
    }

    /// Whether the body has been sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.replay.as_ref().is_none_or(|replay| replay.is_sent())
    }

    /// The response has begun: the request is not sent again.
    pub(crate) fn settle(&self) {
        self.replay.iter().for_each(|replay| replay.flow());
    }

    /// The request once more; none if its body can no longer be had.
    pub(crate) fn request(self) -> Option<Request<Outgoing>> {
        let body = match self.replay {
            Some(replay) => replay.again()?,
            None => Outgoing::empty(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        Some(request)
    }
}
