//! What is said on one stream, in both directions, until it ends.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use config::bounds;
use config::link::{Decoder, Down, Encoder, Up};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::{LinkError, Opened, open, request};
use super::{LinkSettings, Shared};

/// How long an autoscaler may be silent before it has named a heartbeat of its own.
const PATIENCE: Duration = bounds::LINK_HEARTBEAT.saturating_mul(bounds::LINK_DEAD_AFTER);

/// One stream, from the request on.
struct Talk<'a> {
    shared: &'a Shared,
    down: &'a mpsc::Sender<Down>,
    encoder: Encoder,
    decoder: Decoder,
    /// What arrived and is not yet taken; until it is, nothing more is read.
    arrived: Option<Down>,
    heartbeat: Duration,
    /// When something was last read, and last written.
    heard: Instant,
    said: Instant,
    /// None once everything was said for good.
    frames: Option<mpsc::Sender<Bytes>>,
}

/// What happened on the stream.
enum Turn {
    /// The autoscaler sent this; nothing more is an end.
    Read(Option<Bytes>),
    /// There is room for what arrived; none if nobody wants it any more.
    Take(bool),
    /// There is room to write.
    Write,
    /// There is more to say, or nothing ever again.
    Changed,
}

/// Opens a stream and keeps it until it ends; `Ok` when all was said for good and the autoscaler has heard it.
pub(super) async fn talk(
    settings: &LinkSettings,
    incarnation: u64,
    shared: &Shared,
    down: &mpsc::Sender<Down>,
) -> Result<(), LinkError> {
    let opened = timeout(PATIENCE, open(settings)).await.map_err(|_| LinkError::Silent)??;
    let Opened { mut requests, connection, tasks: _tasks } = opened;
    let (request, frames) = request(settings)?;
    shared.outbox.lock().connected();
    let now = Instant::now();
    let mut talk = Talk {
        shared,
        down,
        encoder: Encoder::new(),
        decoder: Decoder::new(),
        arrived: None,
        heartbeat: bounds::LINK_HEARTBEAT,
        heard: now,
        said: now,
        frames: Some(frames),
    };
    talk.hello(settings, incarnation)?;
    let response = requests.send_request(request);
    let said = async {
        let response = timeout(PATIENCE, response).await.map_err(|_| LinkError::Silent)??;
        talk.run(response).await
    };
    tokio::select! {
        biased; // what was said to the end is worth more than how the connection ended
        outcome = said => outcome,
        // It must be polled for anything to move; that it ends without an error is told to the stream.
        Err(error) = connection => Err(error.into()),
    }
}

impl Talk<'_> {
    /// The first words; they wait in the stream for the connection.
    fn hello(&mut self, settings: &LinkSettings, incarnation: u64) -> Result<(), LinkError> {
        let hello = Up::Hello {
            reporter: settings.reporter.clone(),
            incarnation,
            workload: settings.workload.clone(),
            address: settings.address,
            at: self.shared.clock.now(),
        };
        let mut out = Vec::new();
        self.encoder.up(&hello, &mut out)?;
        if let Some(frames) = &self.frames {
            frames.try_send(out.into()).expect("the first piece finds the stream empty");
        }
        Ok(())
    }

    async fn run(&mut self, response: Response<Incoming>) -> Result<(), LinkError> {
        if response.status() != StatusCode::OK {
            return Err(LinkError::Refused(response.status()));
        }
        let mut body = response.into_body();
        self.heard = Instant::now();
        loop {
            match self.turn(&mut body).await? {
                Turn::Read(Some(bytes)) => {
                    self.heard = Instant::now();
                    self.decoder.feed(&bytes);
                    self.arrived = self.next()?;
                }
                Turn::Read(None) if self.frames.is_none() => return Ok(()),
                Turn::Read(None) => return Err(LinkError::Ended),
                Turn::Take(is_wanted) => {
                    // While nobody took it nothing was read: that silence was ours.
                    self.heard = Instant::now();
                    match self.arrived.take() {
                        Some(frame) if is_wanted => drop(self.down.try_send(frame)),
                        _ => {}
                    }
                    self.arrived = self.next()?;
                }
                Turn::Write => self.write()?,
                Turn::Changed => {}
            }
        }
    }

    async fn turn(&mut self, body: &mut Incoming) -> Result<Turn, LinkError> {
        let is_finishing = self.shared.is_finishing.load(Ordering::Acquire);
        let (has_next, is_written) = {
            let outbox = self.shared.outbox.lock();
            (outbox.has_next(), outbox.is_written())
        };
        if is_finishing && is_written {
            self.frames = None;
        }
        let heartbeat_at = self.said + self.heartbeat;
        let wants_to_write = self.frames.is_some() && (has_next || heartbeat_at <= Instant::now());
        let writable = async {
            match &self.frames {
                // The permit is given back: nobody else writes.
                Some(frames) if wants_to_write => frames.reserve().await.is_ok(),
                _ => std::future::pending().await,
            }
        };
        let dead_at = self.heard + self.heartbeat * bounds::LINK_DEAD_AFTER;
        let read = pin!(body.frame());
        // In no order: neither much to read nor much to write may keep the other waiting.
        tokio::select! {
            frame = read, if self.arrived.is_none() => match frame {
                // Trailers say nothing.
                Some(frame) => Ok(Turn::Read(Some(frame?.into_data().unwrap_or_default()))),
                None => Ok(Turn::Read(None)),
            },
            room = self.down.reserve(), if self.arrived.is_some() && !is_finishing => Ok(Turn::Take(room.is_ok())),
            () = std::future::ready(()), if self.arrived.is_some() && is_finishing => Ok(Turn::Take(false)),
            is_open = writable => if is_open { Ok(Turn::Write) } else { Err(LinkError::Ended) },
            () = self.shared.changed.notified(), if !has_next || self.frames.is_none() => Ok(Turn::Changed),
            () = sleep_until(heartbeat_at), if self.frames.is_some() && !wants_to_write => Ok(Turn::Changed),
            () = sleep_until(dead_at), if self.arrived.is_none() => Err(LinkError::Silent),
        }
    }

    /// The next frame that is not for the Link itself.
    fn next(&mut self) -> Result<Option<Down>, LinkError> {
        while let Some(frame) = self.decoder.next_down()? {
            match frame {
                Down::Heartbeat => {}
                Down::Ack { seq } => self.shared.outbox.lock().acknowledged(seq),
                Down::Welcome { incarnation, heartbeat } => {
                    self.welcomed(incarnation, heartbeat);
                    return Ok(Some(frame));
                }
                frame => return Ok(Some(frame)),
            }
        }
        Ok(None)
    }

    fn welcomed(&mut self, incarnation: u64, heartbeat: Duration) {
        self.heartbeat = heartbeat.clamp(*bounds::LINK_HEARTBEATS.start(), *bounds::LINK_HEARTBEATS.end());
        self.shared.outbox.lock().welcomed(self.shared.clock.now(), incarnation);
        if !self.shared.is_connected.swap(true, Ordering::Relaxed) {
            self.shared.connects.fetch_add(1, Ordering::Relaxed);
            tracing::info!(incarnation, "The autoscaler listens");
        }
    }

    /// Writes what there is, or that there is nothing.
    fn write(&mut self) -> Result<(), LinkError> {
        let mut out = Vec::new();
        {
            let mut outbox = self.shared.outbox.lock();
            while out.len() < bounds::LINK_WRITE_BYTES
                && let Some(frame) = outbox.next()
            {
                // One that cannot be said is left out, or nothing after it ever would be.
                if let Err(error) = self.encoder.up(&frame, &mut out) {
                    tracing::warn!(%error, "A frame is not sent");
                }
            }
        }
        let now = Instant::now();
        if out.is_empty() && now >= self.said + self.heartbeat {
            let at = self.shared.clock.now();
            self.shared.outbox.lock().expire(at);
            self.encoder.up(&Up::Heartbeat { at }, &mut out)?;
        }
        if !out.is_empty() {
            self.said = now;
            let sent = self.frames.as_ref().map(|frames| frames.try_send(out.into()));
            // There was room: we are the only writer. It can only have been closed since.
            if let Some(Err(_)) = sent {
                return Err(LinkError::Ended);
            }
        }
        Ok(())
    }
}
