//! One link, as long as it lives: what the reporter says.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use activator::Wake;
use config::bounds;
use config::link::{Decoder, Reporter, Up, WireError};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use metrics::counter;
use queue_proxy::Clock;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::Heard;
use super::hub::{Hello, Hub, Seat};
use super::identity::Identity;
use super::outlet::Outlet;
use super::skew::Skew;
use super::unwelcome::Unwelcome;
use crate::exposition;

/// How long a reporter may say nothing. Also how long a connection may take to say its first word.
pub(crate) const SILENCE: Duration = bounds::LINK_HEARTBEAT.saturating_mul(bounds::LINK_DEAD_AFTER);

/// Reads what a reporter says and passes it on.
#[derive(Debug)]
pub(crate) struct Session {
    hub: Arc<Hub>,
    clock: Clock,
    frames: mpsc::Sender<Heard>,
    caller: Caller,
    outlet: Arc<Outlet>,
    decoder: Decoder,
    skew: Skew,
    seat: Option<Seat>,
}

/// Who is at the other end, as far as that is known before it speaks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// How it shows who it is.
    pub(crate) identity: Identity,
    /// Where it connects from.
    pub(crate) peer: IpAddr,
}

/// Why a link is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Over {
    #[error("the reporter closed it")]
    Closed,
    #[error("it broke")]
    Broken(#[source] hyper::Error),
    #[error("the reporter was silent for too long")]
    Silent,
    #[error("what came is no Link")]
    NotALink(#[from] WireError),
    #[error("its first word was not who speaks, or its second was")]
    Unintroduced,
    #[error("it is not served")]
    Unwelcome(Reporter, #[source] Unwelcome),
    #[error("it was ended here")]
    Ended,
    #[error("the autoscaler ends")]
    NobodyListens,
}

impl Session {
    pub(crate) fn new(
        hub: Arc<Hub>,
        clock: Clock,
        frames: mpsc::Sender<Heard>,
        caller: Caller,
        outlet: Arc<Outlet>,
    ) -> Session {
        Session { hub, clock, frames, caller, outlet, decoder: Decoder::new(), skew: Skew::default(), seat: None }
    }

    /// Reads until the link is over. While the driver is behind, nothing is read.
    pub(crate) async fn read(&mut self, mut said: Incoming) -> Over {
        let mut last = Instant::now();
        let mut silence = std::pin::pin!(sleep_until(last + SILENCE));
        loop {
            let frame = tokio::select! {
                biased; // a link that was ended here takes in no more
                () = self.outlet.over() => return self.ended(),
                () = self.outlet.room() => {
                    if let Some(seat) = &self.seat {
                        self.hub.fill(seat);
                    }
                    continue;
                }
                frame = said.frame() => frame,
                () = &mut silence => {
                    // Moved once it is due rather than with each frame.
                    if last + SILENCE <= Instant::now() {
                        return Over::Silent;
                    }
                    silence.as_mut().reset(last + SILENCE);
                    continue;
                }
            };
            last = Instant::now();
            let taken = match frame {
                None => return Over::Closed,
                Some(Err(error)) => return Over::Broken(error),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.take(&bytes).await,
                    Err(_trailers) => Ok(()),
                },
            };
            if let Err(over) = taken {
                return over;
            }
        }
    }

    /// The link was ended here.
    fn ended(&self) -> Over {
        let Some(Seat { reporter, .. }) = &self.seat else { return Over::Ended };
        let why = self.hub.unwelcome(reporter);
        why.map_or(Over::Ended, |why| Over::Unwelcome(reporter.clone(), why))
    }

    /// Takes in the next bytes of the stream; what was reported in them is acknowledged.
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.decoder.feed(bytes);
        let mut reported = 0;
        while let Some(frame) = self.decoder.next_up()? {
            reported += usize::from(matches!(frame, Up::Report { .. }));
            self.hear(frame).await?;
        }
        if let Some(seat) = self.seat.as_ref().filter(|_| reported > 0) {
            self.outlet.ack(*seat.last_seq.lock(), reported);
        }
        Ok(())
    }

    async fn hear(&mut self, frame: Up) -> Result<(), Over> {
        match (frame, &self.seat) {
            (hello @ Up::Hello { .. }, None) => self.welcome(hello).await,
            (Up::Hello { .. }, Some(_)) | (_, None) => Err(Over::Unintroduced),
            (Up::Heartbeat { at }, Some(_)) => {
                self.skew.hear(at, self.clock.now());
                Ok(())
            }
            (Up::State { pod, state }, Some(seat)) => {
                if seat.reporter == Reporter::Pod(pod.clone()) && self.hub.say(seat, state) {
                    self.pass(Heard::Pod(pod)).await?;
                }
                Ok(())
            }
            (Up::Report { reporter, workload, mut report }, Some(seat)) => {
                let now = self.clock.now();
                // Room first: one that was taken in and then not passed on, because the link ended while the driver was
                // behind, would be dropped when it comes again.
                let room = self.frames.reserve().await.map_err(|_| Over::NobodyListens)?;
                let counts = seat.takes(report.seq) && seat.is_own(&reporter, &workload);
                if counts && self.skew.place(&mut report, now) {
                    if report.direct > 0 {
                        seat.note_direct(report.to);
                    }
                    room.send(Heard::Up(Up::Report { reporter, workload, report }));
                } else {
                    counter!(exposition::REPORTS_DROPPED).increment(1);
                }
                Ok(())
            }
            (Up::Left { reporter, workload }, Some(seat)) => {
                if seat.is_own(&reporter, &workload) && seat.counts.load(Ordering::Relaxed) {
                    self.pass(Heard::Up(Up::Left { reporter, workload })).await?;
                }
                Ok(())
            }
            (Up::Door { workload, port, error }, Some(seat)) => {
                self.hub.door_said(seat, &workload, port, error.as_deref());
                Ok(())
            }
            (Up::Leaving, Some(seat)) => {
                self.hub.leaves(seat);
                Ok(())
            }
            (Up::Latency { reporter, workload, latency }, Some(seat)) => {
                if seat.is_own(&reporter, &workload) && seat.counts.load(Ordering::Relaxed) {
                    self.pass(Heard::Up(Up::Latency { reporter, workload, latency })).await?;
                }
                Ok(())
            }
            (woke @ Up::Woke { .. }, Some(seat)) => self.hear_wake(seat, woke).await,
        }
    }

    async fn hear_wake(&self, seat: &Seat, woke: Up) -> Result<(), Over> {
        match self.place_wake(seat, woke) {
            Some(wake) => self.pass(Heard::Woke(wake)).await?,
            None => counter!(exposition::REPORTS_DROPPED).increment(1),
        }
        Ok(())
    }

    /// A wake as an activator said it, on our clock; none if it is not to be believed.
    fn place_wake(&self, seat: &Seat, said: Up) -> Option<Wake> {
        let Up::Woke { reporter, workload, held_at, released_at, requests, first_byte } = said else { return None };
        if !seat.is_own(&reporter, &workload) || !matches!(reporter, Reporter::Activator(_)) {
            return None;
        }
        let here = self.clock.now();
        let place = |time| self.skew.place_time(time, here);
        let (held_at, released_at) = (place(held_at)?, place(released_at)?);
        let first_byte = match first_byte {
            Some(time) => OnceLock::from(place(time)?),
            None => OnceLock::new(),
        };
        Some(Wake { workload, held_at, released_at, requests: requests as usize, first_byte: Arc::new(first_byte) })
    }

    /// Gives a reporter its seat if it is who it says.
    async fn welcome(&mut self, hello: Up) -> Result<(), Over> {
        let Up::Hello { reporter, incarnation, workload, address, at, token } = hello else {
            return Err(Over::Unintroduced);
        };
        self.skew.hear(at, self.clock.now());
        let unwelcome = |why| Over::Unwelcome(reporter.clone(), why);
        let Caller { identity, peer } = &self.caller;
        let proof = identity.ask(&reporter, token.as_ref(), *peer).await.map_err(unwelcome)?;
        let address = identity.address(&reporter, address, *peer);
        let hello = Hello { reporter: reporter.clone(), incarnation, workload, address, proof };
        let seat = self.hub.open(hello, &self.outlet).map_err(unwelcome)?;
        let workload = seat.workload.clone();
        self.seat = Some(seat);
        // The token is nobody's business from here on.
        let hello = Up::Hello { reporter: reporter.clone(), incarnation, workload, address, at, token: None };
        self.pass(Heard::Up(hello)).await?;
        match reporter {
            Reporter::Pod(id) => self.pass(Heard::Pod(id)).await,
            Reporter::Activator(_) => Ok(()),
        }
    }

    async fn pass(&self, heard: Heard) -> Result<(), Over> {
        self.frames.send(heard).await.map_err(|_| Over::NobodyListens)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(seat) = &self.seat {
            self.hub.close(seat);
        }
    }
}
