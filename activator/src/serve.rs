//! The way of one request: hold, hand over, and try again where that is safe.

use std::sync::Arc;

use config::bounds;
use http::header::UPGRADE;
use http::{Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use queue_proxy::headers::narrow_upgrade;
use queue_proxy::{Body, Cause, Deadlines, Form, NotForwarded, Outgoing, Refusal, let_go, offer};
use tokio::time::Instant;

use crate::board::{Admission, Arrival, Board, Held};
use crate::hold::HoldError;

const UNKNOWN_HOST: Refusal = Refusal::now(StatusCode::NOT_FOUND, "unknown-host", "no service has this host");

/// Answers a request for `board`'s workload; none is a host that nobody knows.
///
/// Dropping the future, as happens when the client leaves, gives back at once whatever place or slot it has.
// Not an `async fn`: that would keep the request twice, as its argument and as its variable.
pub(crate) fn serve(
    board: Option<Arc<Board>>,
    mut request: Request<Incoming>,
) -> impl Future<Output = Response<Body<Admission>>> + Send {
    let form = Form::of(request.headers());
    let bytes = bytes_while_held(&request);
    async move {
        let arrived = board.ok_or(UNKNOWN_HOST).and_then(|board| {
            if request.headers().contains_key(UPGRADE) {
                board.with(|state| _ = narrow_upgrade(request.headers_mut(), &state.upgrades));
            }
            // Here and not before, so that a future that is never polled was never there.
            board.arrive(Instant::now(), request.uri().path(), bytes).map_err(HoldError::refusal)
        });
        let (arrival, deadlines) = match arrived {
            Ok(arrived) => arrived,
            Err(refusal) => return let_go(request, refusal.answer(form)),
        };
        let (admission, was_held) = match arrival {
            Arrival::Admitted(admission) => (admission, false),
            Arrival::Ignored => return let_go(request, ignored()),
            Arrival::Held(place) => match place.wait(deadlines.response_start()).await {
                Ok(admission) => (admission, true),
                Err(error) => return let_go(request, error.refusal().answer(form)),
            },
        };
        // Boxed, because it needs far more room than waiting does, and thousands may wait.
        Box::pin(hand_over(request, bytes, admission, was_held, deadlines)).await
    }
}

/// Forwards to the pod of `admission`, and to others as long as the app cannot have seen the request.
async fn hand_over(
    request: Request<Incoming>,
    bytes: usize,
    mut admission: Admission,
    was_held: bool,
    deadlines: Deadlines,
) -> Response<Body<Admission>> {
    let form = Form::of(request.headers());
    let mut held = was_held.then(|| admission.held());
    let mut request = request.map(Outgoing::from);
    let mut tries = 1;
    loop {
        let member = Arc::clone(admission.member());
        let given = Instant::now();
        let clock = admission.clock();
        let offered = offer(member.upstream(), request, member.recipient(), admission, deadlines).await;
        let NotForwarded { guard, cause, request: unseen } = match offered {
            Ok(mut response) => {
                held.iter().for_each(Held::tell);
                if let Some(admission) = response.body_mut().guard_mut() {
                    admission.answers();
                }
                let now = Instant::now();
                member.answered(clock.time_of(now), now.duration_since(given), response.status());
                return response;
            }
            Err(not_forwarded) => not_forwarded,
        };
        let Some(unseen) = unseen else {
            return if guard.is_counted() { cause.refusal().answer(form) } else { ignored() };
        };
        request = *unseen;
        if !guard.is_counted() {
            return let_go(request, ignored());
        }
        // A pod that has no slot did nothing wrong: only the hold's end limits how often it is asked.
        if cause != Cause::Refused && tries == bounds::FORWARD_TRIES {
            return let_go(request, cause.refusal().answer(form));
        }
        tries += u32::from(cause != Cause::Refused);
        let again = match Board::again(guard, bytes, cause) {
            Ok(place) => place.wait(deadlines.response_start()).await,
            Err(error) => Err(error),
        };
        admission = match again {
            Ok(admission) => admission,
            Err(error) => return let_go(request, error.refusal().answer(form)),
        };
        held = Some(admission.held());
    }
}

/// The answer to a request that is no load, for which no pod is there.
fn ignored() -> Response<Body<Admission>> {
    Response::new(Body::full("ignored"))
}

/// What a request's body may occupy while nobody reads it: all of it, up to what its connection buffers unasked.
fn bytes_while_held(request: &Request<Incoming>) -> usize {
    let most = match request.version() {
        Version::HTTP_2 => bounds::H2_STREAM_WINDOW as usize,
        _ => bounds::HEADER_BYTES,
    };
    let size = request.body().size_hint().upper();
    size.and_then(|size| usize::try_from(size).ok()).map_or(most, |size| size.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what `make` returns, without a request to make it of.
    fn size_of_future<F, R>(_: F) -> usize
    where
        F: Fn(Option<Arc<Board>>, Request<Incoming>) -> R,
    {
        size_of::<R>()
    }

    #[test]
    fn a_request_that_waits_needs_little_memory() {
        let request = size_of::<Request<Incoming>>();
        let size = size_of_future(serve);
        assert!(size <= 720, "{size} bytes, {request} of which are the request");
    }
}
