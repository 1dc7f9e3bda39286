//! The answers that Rouse gives itself: every refusal has a status, a reason in one word and a form the client reads.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::Body;

/// Names the reason of a refusal in one word.
pub const REASON: HeaderName = HeaderName::from_static("rouse-reason");

/// Why a request is not served by an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status; gRPC clients get the matching gRPC status instead.
    pub status: StatusCode,
    /// One word that never changes: metrics and clients tell refusals apart by it.
    pub reason: &'static str,
    /// What people read.
    pub text: &'static str,
    /// Seconds after which it is worth another try, if it is at all.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// The line in front of the pod is full. The text is Knative's.
    pub const QUEUE_FULL: Refusal =
        Refusal::later(StatusCode::SERVICE_UNAVAILABLE, "queue-full", "pending request queue full");
    /// The pod has no slot for a request that an activator would rather have back than see wait.
    pub const POD_BUSY: Refusal = Refusal::later(StatusCode::SERVICE_UNAVAILABLE, "pod-busy", "no slot is free");
    /// The response did not start in time. The text is Knative's.
    pub const REQUEST_TIMEOUT: Refusal =
        Refusal::now(StatusCode::GATEWAY_TIMEOUT, "request-timeout", "request timeout");
    /// No connection to the app could be opened.
    pub const APP_UNREACHABLE: Refusal =
        Refusal::now(StatusCode::BAD_GATEWAY, "app-unreachable", "the app does not take connections");
    /// The app closed the connection instead of answering, or its answer was not HTTP.
    pub const APP_BROKE_OFF: Refusal =
        Refusal::now(StatusCode::BAD_GATEWAY, "app-broke-off", "the app broke the connection off");

    /// A refusal that another try would not change.
    pub const fn now(status: StatusCode, reason: &'static str, text: &'static str) -> Refusal {
        Refusal { status, reason, text, retry_after: None }
    }

    /// A refusal that may be over in a second.
    pub const fn later(status: StatusCode, reason: &'static str, text: &'static str) -> Refusal {
        Refusal { status, reason, text, retry_after: Some(1) }
    }

    /// The request breaks the rules of HTTP in a way that an app must not see.
    pub const fn bad_request(text: &'static str) -> Refusal {
        Refusal::now(StatusCode::BAD_REQUEST, "bad-request", text)
    }

    /// The answer to a request that spoke `form`.
    pub fn answer<G>(&self, form: Form) -> Response<Body<G>> {
        let mut response = match form {
            Form::Plain => self.plain(),
            Form::Grpc => self.grpc(),
        };
        let headers = response.headers_mut();
        headers.insert(REASON, HeaderValue::from_static(self.reason));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn plain<G>(&self) -> Response<Body<G>> {
        let mut response = Response::new(Body::full(self.text));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }

    /// Trailers only: the status in the headers, and no body.
    fn grpc<G>(&self) -> Response<Body<G>> {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(grpc_status(self.status)));
        headers.insert("grpc-message", HeaderValue::from_static(self.text));
        response
    }
}

/// What a client can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Status and text.
    Plain,
    /// gRPC: a status in the trailers.
    Grpc,
}

impl Form {
    /// What the client that sent `headers` can read.
    #[inline]
    pub fn of(headers: &HeaderMap) -> Form {
        match headers.get(CONTENT_TYPE) {
            Some(kind) if kind.as_bytes().starts_with(b"application/grpc") => Form::Grpc,
            _ => Form::Plain,
        }
    }
}

/// The gRPC status for an HTTP status: DEADLINE_EXCEEDED for 504, and else what gRPC's own table of HTTP statuses says.
fn grpc_status(status: StatusCode) -> u16 {
    match status {
        StatusCode::GATEWAY_TIMEOUT => 4,
        StatusCode::BAD_REQUEST => 13,
        StatusCode::NOT_FOUND => 12,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => 14,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;

    #[test]
    fn a_full_line_says_so_and_asks_to_come_back() {
        let response = Refusal::QUEUE_FULL.answer::<()>(Form::Plain);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["rouse-reason"], "queue-full");
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.body().size_hint().exact(), Some("pending request queue full".len() as u64));
    }

    #[test]
    fn grpc_clients_get_trailers_only() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc+proto"));
        let statuses = [(Refusal::QUEUE_FULL, "14"), (Refusal::REQUEST_TIMEOUT, "4"), (Refusal::APP_UNREACHABLE, "14")];
        for (refusal, status) in statuses {
            let response = refusal.answer::<()>(Form::of(&headers));
            assert_eq!(
                (response.status(), &response.headers()["grpc-status"]),
                (StatusCode::OK, &HeaderValue::from_static(status))
            );
            assert!(response.body().is_end_stream());
        }
    }
}
