//! Request bodies on their way to an app, and how they can be sent again.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use config::bounds;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::time::{Sleep, sleep};

/// The body of a request on its way to an app.
#[derive(Debug)]
pub struct Outgoing(Kind);

#[derive(Debug)]
enum Kind {
    Empty,
    /// Passed on as it comes.
    Straight(Incoming),
    Turn(Box<Turn>),
}

/// One try to send a body that may be sent again.
#[derive(Debug)]
struct Turn {
    replay: Arc<Replay>,
    number: u32,
    /// While the body waits to be asked for.
    patience: Option<Pin<Box<Sleep>>>,
}

/// What is needed to send a body again. There is one turn at a time: the next one ends the one before.
#[derive(Debug)]
pub(crate) struct Replay(Mutex<State>);

#[derive(Debug)]
struct State {
    incoming: Incoming,
    /// How long the whole body is, if that is known.
    length: Option<u64>,
    /// What has passed, if it is kept: at most [`bounds::REPLAY_BYTES`].
    kept: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// How many of `kept` (and of trailers, which come last) have been sent in this turn, and how many bytes.
    at: usize,
    passed: u64,
    turn: u32,
    stage: Stage,
    ended: bool,
    /// Who polls it.
    waker: Option<Waker>,
}

/// What becomes of bytes that pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// They are kept.
    Keeps,
    /// None may pass before somebody asks for them.
    Waits,
    /// They are gone: the body cannot be sent again.
    Flows,
}

/// Why a body cannot be sent on.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The client broke off.
    #[error("the client's request broke off")]
    Client(#[from] hyper::Error),
    /// It goes to another pod.
    #[error("the request goes to another pod")]
    TakenOver,
}

/// A body that can be turned into one on its way, and back.
pub(crate) trait Leaves: Sized + Send {
    fn leave(self) -> Outgoing;
    /// `outgoing` is what [`Leaves::leave`] returned.
    fn come_back(outgoing: Outgoing) -> Self;
}

impl Leaves for Outgoing {
    fn leave(self) -> Outgoing {
        self
    }

    fn come_back(outgoing: Outgoing) -> Outgoing {
        outgoing
    }
}

impl Leaves for Incoming {
    #[inline]
    fn leave(self) -> Outgoing {
        Outgoing::from(self)
    }

    fn come_back(outgoing: Outgoing) -> Incoming {
        match outgoing.0 {
            Kind::Straight(incoming) => incoming,
            Kind::Empty | Kind::Turn(_) => unreachable!("it left as it came"),
        }
    }
}

impl From<Incoming> for Outgoing {
    #[inline]
    fn from(incoming: Incoming) -> Outgoing {
        Outgoing(Kind::Straight(incoming))
    }
}

impl Outgoing {
    /// No bytes.
    pub(crate) fn empty() -> Outgoing {
        Outgoing(Kind::Empty)
    }

    /// Keeps what passes from now on, so that it can be sent again.
    pub(crate) fn keep(&mut self) -> Arc<Replay> {
        self.begin(Stage::Keeps).0
    }

    /// Lets nothing pass before [`Replay::ask`] is called with the number of the turn, which is returned, or for
    /// [`bounds::CONTINUE_WAIT`].
    pub(crate) fn wait(&mut self) -> (Arc<Replay>, u32) {
        self.begin(Stage::Waits)
    }

    /// Lets all pass at once, whether or not somebody asks for it: it will not be sent again.
    pub(crate) fn flow(&mut self) {
        if let Kind::Turn(turn) = &mut self.0 {
            turn.patience = None;
            turn.replay.ask(turn.number);
            turn.replay.flow();
        }
    }

    fn begin(&mut self, stage: Stage) -> (Arc<Replay>, u32) {
        if let Kind::Straight(_) = self.0
            && let Kind::Straight(incoming) = std::mem::replace(&mut self.0, Kind::Empty)
        {
            let replay = Arc::new(Replay::new(incoming, stage));
            self.0 = Kind::Turn(Box::new(Turn { replay, number: 0, patience: None }));
        }
        match &self.0 {
            Kind::Turn(turn) => {
                let mut state = turn.replay.0.lock();
                if state.stage != Stage::Flows {
                    state.stage = stage;
                }
                drop(state);
                (Arc::clone(&turn.replay), turn.number)
            }
            Kind::Empty | Kind::Straight(_) => unreachable!("an empty body is not kept, and another has its turn now"),
        }
    }
}

impl Replay {
    fn new(incoming: Incoming, stage: Stage) -> Replay {
        let length = incoming.size_hint().exact();
        Replay(Mutex::new(State {
            incoming,
            length,
            kept: VecDeque::new(),
            trailers: None,
            at: 0,
            passed: 0,
            turn: 0,
            stage,
            ended: false,
            waker: None,
        }))
    }

    /// Somebody wants the body of this turn.
    pub(crate) fn ask(&self, turn: u32) {
        let mut state = self.0.lock();
        if state.turn == turn && state.stage == Stage::Waits {
            state.stage = Stage::Flows;
            let waker = state.waker.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// Forgets what has passed: the body will not be sent again. One that waits to be asked for goes on waiting.
    pub(crate) fn flow(&self) {
        let mut state = self.0.lock();
        if state.stage == Stage::Keeps {
            state.stage = Stage::Flows;
            let passed = state.at.min(state.kept.len());
            state.kept.drain(..passed);
            state.at -= passed;
        }
    }

    /// Whether all of it has been sent in this turn.
    pub(crate) fn is_sent(&self) -> bool {
        self.0.lock().is_sent()
    }

    /// Whether it can be sent again.
    pub(crate) fn can_go_again(&self) -> bool {
        self.0.lock().stage != Stage::Flows
    }

    /// The body once more, from its beginning; the turn before ends. None if it can no longer be sent again.
    pub(crate) fn again(self: &Arc<Replay>) -> Option<Outgoing> {
        let mut state = self.0.lock();
        if state.stage == Stage::Flows {
            return None;
        }
        state.turn += 1;
        (state.at, state.passed) = (0, 0);
        let (number, waker) = (state.turn, state.waker.take());
        drop(state);
        waker.into_iter().for_each(Waker::wake); // so that it sees that its turn is over
        Some(Outgoing(Kind::Turn(Box::new(Turn { replay: Arc::clone(self), number, patience: None }))))
    }
}

impl State {
    fn is_sent(&self) -> bool {
        let frames = self.kept.len() + usize::from(self.trailers.is_some());
        self.at == frames && (self.ended || self.incoming.is_end_stream())
    }

    /// The next frame: of what is kept, else of what comes.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, OutgoingError>>> {
        if let Some(bytes) = self.kept.get(self.at).cloned() {
            self.advance(&bytes);
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if self.ended {
            let trailers = if self.is_sent() { None } else { self.trailers.clone() };
            self.at += usize::from(trailers.is_some());
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => {
                self.ended = true;
                return Poll::Ready(None);
            }
            Poll::Pending => {
                self.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
        };
        if self.stage == Stage::Keeps {
            match (frame.data_ref(), frame.trailers_ref()) {
                (Some(bytes), _) => {
                    let bytes = bytes.clone();
                    self.kept.push_back(bytes.clone());
                    self.advance(&bytes);
                }
                (_, Some(trailers)) => {
                    self.trailers = Some(trailers.clone());
                    self.at += 1;
                    self.ended = true;
                }
                (None, None) => {}
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    /// One more of `kept` has been sent.
    fn advance(&mut self, bytes: &Bytes) {
        self.passed += bytes.len() as u64;
        if self.stage == Stage::Keeps {
            self.at += 1;
        } else {
            self.kept.pop_front();
        }
    }
}

impl Turn {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, OutgoingError>>> {
        let mut state = self.replay.0.lock();
        if state.turn != self.number {
            return Poll::Ready(Some(Err(OutgoingError::TakenOver)));
        }
        if state.stage == Stage::Waits {
            let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(bounds::CONTINUE_WAIT)));
            if patience.as_mut().poll(cx).is_pending() {
                state.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            state.stage = Stage::Flows;
        }
        self.patience = None;
        state.poll_frame(cx)
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = OutgoingError;

    #[inline]
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, OutgoingError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Straight(incoming) => Pin::new(incoming).poll_frame(cx).map_err(OutgoingError::Client),
            Kind::Turn(turn) => turn.poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Straight(incoming) => incoming.is_end_stream(),
            Kind::Turn(turn) => turn.replay.is_sent(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Straight(incoming) => incoming.size_hint(),
            Kind::Turn(turn) => {
                let state = turn.replay.0.lock();
                let left = state.length.map(|length| length.saturating_sub(state.passed));
                left.map_or_else(SizeHint::default, SizeHint::with_exact)
            }
        }
    }
}
