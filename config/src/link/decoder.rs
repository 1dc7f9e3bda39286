//! Frames off the wire.

use std::time::Duration;

use prost::Message;

use super::convert::{mode, reporter, state};
use super::names::{Own, Told};
use super::wire::{DownFrame, DownKind, UpFrame, UpKind};
use super::{Down, Reporter, Token, TokenError, Up, WireError, wire};
use crate::{PodId, Time, bounds};

/// Bytes of a frame's length.
const PREFIX: usize = 4;

/// Reads the frames of one direction of one stream, whatever pieces they come in.
///
/// Frames, and parts of frames, that have no meaning here are skipped: a newer version sent them. Between calls it keeps
/// what was fed and not yet taken: less than one frame if frames are taken until there is none after each piece.
#[derive(Debug, Default)]
pub struct Decoder {
    fed: Vec<u8>,
    /// Up to where `fed` was taken.
    taken: usize,
    names: Told,
    broken: Option<WireError>,
}

impl Decoder {
    /// For a stream on which nothing was said.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Takes in the next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.fed.drain(..self.taken);
            self.taken = 0;
        }
        self.fed.extend_from_slice(bytes);
    }

    /// The next frame from a reporter, if it has come in full. A report allocates nothing.
    ///
    /// # Errors
    /// When this is no Link; from then on always.
    pub fn next_up(&mut self) -> Result<Option<Up>, WireError> {
        self.next(|names, frame| match UpFrame::decode(frame).map_err(|_| WireError::Malformed)?.kind {
            Some(kind) => up(names, kind),
            None => Ok(None),
        })
    }

    /// The next frame from the autoscaler, if it has come in full.
    ///
    /// # Errors
    /// When this is no Link; from then on always.
    pub fn next_down(&mut self) -> Result<Option<Down>, WireError> {
        self.next(|_, frame| Ok(DownFrame::decode(frame).map_err(|_| WireError::Malformed)?.kind.and_then(down)))
    }

    /// The next frame of which `read` makes something.
    fn next<T>(
        &mut self,
        read: impl Fn(&mut Told, &[u8]) -> Result<Option<T>, WireError>,
    ) -> Result<Option<T>, WireError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let mut step = || {
            let waiting = &self.fed[self.taken..];
            let Some((prefix, rest)) = waiting.split_first_chunk::<PREFIX>() else { return Ok(None) };
            let length = u32::from_be_bytes(*prefix) as usize;
            if length > bounds::LINK_FRAME_BYTES {
                return Err(WireError::TooLong(length as u64));
            }
            let Some(frame) = rest.get(..length) else { return Ok(None) };
            self.taken += PREFIX + length;
            read(&mut self.names, frame).map(Some)
        };
        loop {
            match step() {
                Ok(Some(Some(frame))) => return Ok(Some(frame)),
                Ok(Some(None)) => {}
                Ok(None) => {
                    self.tidy();
                    return Ok(None);
                }
                Err(error) => {
                    *self = Decoder { broken: Some(error), ..Decoder::default() };
                    return Err(error);
                }
            }
        }
    }

    /// Gives memory back that only a large frame needed.
    fn tidy(&mut self) {
        if self.taken == self.fed.len() {
            self.taken = 0;
            self.fed.clear();
            self.fed.shrink_to(bounds::LINK_KEPT_BYTES);
        }
    }
}

fn up(names: &mut Told, kind: UpKind) -> Result<Option<Up>, WireError> {
    let frame = match kind {
        UpKind::Hello(hello) => return self::hello(names, hello),
        UpKind::State(said) => {
            let own = || match &names.own.as_ref()?.reporter {
                Reporter::Pod(id) => Some(id.clone()),
                Reporter::Activator(_) => None,
            };
            let pod = said.pod.as_deref().map(PodId::new).or_else(own);
            return Ok(pod.zip(state(said.state)).map(|(pod, state)| Up::State { pod, state }));
        }
        UpKind::Heartbeat(heartbeat) => Up::Heartbeat { at: Time::from_nanos(heartbeat.at) },
        UpKind::Name(name) => {
            declare(names, name)?;
            return Ok(None);
        }
        UpKind::Report(said) => {
            let (reporter, workload) = names.name(said.number)?;
            Up::Report { reporter, workload, report: said.report() }
        }
        UpKind::Left(left) => {
            let (reporter, workload) = names.forget(left.number)?;
            Up::Left { reporter, workload }
        }
        UpKind::Door(said) => {
            let door = said.workload.map(wire::Workload::id).zip(u16::try_from(said.port).ok());
            return Ok(door.map(|(workload, port)| Up::Door { workload, port, error: said.error }));
        }
        UpKind::Leaving(_) => Up::Leaving,
        UpKind::Latency(said) => {
            let (reporter, workload) = names.name(said.number)?;
            return Ok(said.latency().map(|latency| Up::Latency { reporter, workload, latency }));
        }
        UpKind::Woke(said) => {
            let (reporter, workload) = names.name(said.number)?;
            let [held_at, released_at] = [said.held_at, said.released_at].map(Time::from_nanos);
            let first_byte = said.first_byte.map(Time::from_nanos);
            Up::Woke { reporter, workload, held_at, released_at, requests: said.requests, first_byte }
        }
    };
    Ok(Some(frame))
}

fn hello(names: &mut Told, hello: wire::Hello) -> Result<Option<Up>, WireError> {
    let reporter = reporter(hello.pod.as_deref(), hello.activator.as_deref());
    let Some((reporter, address)) = reporter.zip(hello.address.parse().ok()) else { return Ok(None) };
    let workload = hello.workload.map(wire::Workload::id);
    names.introduce(Own { reporter: reporter.clone(), workload: workload.clone() })?;
    let at = Time::from_nanos(hello.at);
    let token = match hello.token.as_deref().map(Token::new) {
        None | Some(Err(TokenError::Empty)) => None,
        Some(Err(TokenError::TooLong(bytes))) => return Err(WireError::LongToken(bytes)),
        Some(Ok(token)) => Some(token),
    };
    Ok(Some(Up::Hello { reporter, incarnation: hello.incarnation, workload, address, at, token }))
}

fn declare(names: &mut Told, name: wire::Name) -> Result<(), WireError> {
    let undeclared = WireError::Undeclared(name.number);
    let own = || names.own.as_ref().map(|own| own.reporter.clone());
    let reporter = reporter(name.pod.as_deref(), name.activator.as_deref()).or_else(own).ok_or(undeclared)?;
    let workload = name.workload.ok_or(undeclared)?.id();
    names.declare(name.number, (reporter, workload))
}

fn down(kind: DownKind) -> Option<Down> {
    Some(match kind {
        DownKind::Welcome(welcome) => Down::Welcome {
            incarnation: welcome.incarnation,
            heartbeat: welcome.heartbeat.map_or(bounds::LINK_HEARTBEAT, Duration::from_nanos),
        },
        DownKind::Heartbeat(_) => Down::Heartbeat,
        DownKind::Ack(ack) => Down::Ack { seq: ack.seq },
        DownKind::Settings(settings) => Down::Settings {
            workload: settings.workload?.id(),
            serving: settings.serving.unwrap_or_default().serving(),
            watermark: settings.watermark,
        },
        DownKind::Leave(leave) => Down::Leave { pod: PodId::new(&leave.pod) },
        DownKind::Served(served) => Down::Workload {
            workload: served.workload?.id(),
            serving: served.serving.unwrap_or_default().serving(),
            mode: mode(served.mode),
            hosts: served.hosts,
        },
        DownKind::Gone(gone) => Down::WorkloadGone { workload: gone.workload?.id() },
        DownKind::Stays(stays) => Down::Stays { workload: stays.workload?.id() },
        DownKind::Synced(_) => Down::Synced,
        DownKind::Pods(pods) => {
            let workload = pods.workload?.id();
            Down::Pods {
                pods: pods.pods.into_iter().filter_map(|pod| pod.pod(&workload)).collect(),
                failure: pods.failure.and_then(wire::Failure::failure),
                at: Time::from_nanos(pods.at),
                workload,
            }
        }
        DownKind::Door(door) => {
            let (workload, port) = door.door()?;
            Down::Door { workload, port }
        }
    })
}
