//! Frames onto the wire.

use std::time::Duration;

use prost::Message;

use super::convert::{mode_number, nanos, speaker, state_number};
use super::names::{Given, Name, Number, Own, short};
use super::{Down, Reporter, Up, wire};
use crate::{Failure, Pod, PodId, PodState, Time, WorkloadId, bounds};

/// Writes the frames of one direction of one stream: it remembers what it has declared there, so that a new stream
/// needs a new encoder.
#[derive(Debug, Default)]
pub struct Encoder {
    names: Given,
}

/// A frame is longer than [`bounds::LINK_FRAME_BYTES`], the names in it than [`bounds::LINK_NAME_BYTES`], or a histogram
/// than [`bounds::LATENCY_BUCKETS`], which no reader takes; nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes, more than any reader takes")]
pub struct TooLong(usize);

impl Encoder {
    /// For a stream on which nothing was said.
    pub fn new() -> Encoder {
        Encoder::default()
    }

    /// Appends `frame`, and what must be declared before it, to `out`.
    ///
    /// # Errors
    /// [`TooLong`] when names in it are longer than [`bounds::LINK_NAME_BYTES`], or a histogram than
    /// [`bounds::LATENCY_BUCKETS`].
    pub fn up(&mut self, frame: &Up, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let kind = match frame {
            Up::Hello { reporter, incarnation, workload, address, at, token } => {
                short(reporter, workload.as_ref()).map_err(TooLong)?;
                self.names.own = Some(Own { reporter: reporter.clone(), workload: workload.clone() });
                let (pod, activator) = speaker(reporter);
                wire::UpKind::Hello(wire::Hello {
                    pod,
                    activator,
                    incarnation: *incarnation,
                    workload: workload.as_ref().map(wire::Workload::of),
                    address: address.to_string(),
                    at: at.as_nanos(),
                    token: token.as_ref().map(|token| token.secret().to_owned()),
                })
            }
            Up::State { pod, state } => wire::UpKind::State(self.state(pod, *state)),
            Up::Heartbeat { at } => wire::UpKind::Heartbeat(wire::Heartbeat { at: at.as_nanos() }),
            Up::Report { reporter, workload, report } => {
                let number = self.number((reporter.clone(), workload.clone()), out)?;
                wire::UpKind::Report(wire::Report::of(number, report))
            }
            Up::Left { reporter, workload } => {
                let number = self.number((reporter.clone(), workload.clone()), out)?;
                self.names.forget(number);
                wire::UpKind::Left(wire::Left { number })
            }
            Up::Door { workload, port, error } => wire::UpKind::Door(wire::DoorSaid {
                workload: Some(wire::Workload::of(workload)),
                port: u32::from(*port),
                error: error.clone(),
            }),
            Up::Leaving => wire::UpKind::Leaving(wire::Empty {}),
            Up::Latency { reporter, workload, latency } => {
                let buckets = latency.answered.len().max(latency.held.len());
                if buckets > bounds::LATENCY_BUCKETS {
                    return Err(TooLong(buckets * size_of::<(Duration, u64)>()));
                }
                let number = self.number((reporter.clone(), workload.clone()), out)?;
                wire::UpKind::Latency(wire::Latency::of(number, latency))
            }
            Up::Woke { reporter, workload, held_at, released_at, requests, first_byte } => {
                let number = self.number((reporter.clone(), workload.clone()), out)?;
                wire::UpKind::Woke(wire::Woke {
                    number,
                    held_at: held_at.as_nanos(),
                    released_at: released_at.as_nanos(),
                    requests: *requests,
                    first_byte: first_byte.map(Time::as_nanos),
                })
            }
        };
        write(&wire::UpFrame { kind: Some(kind) }, out)
    }

    /// Appends `frame` to `out`; `Pods` of very many pods as several.
    ///
    /// # Errors
    /// [`TooLong`] when what a user wrote (host names, paths, headers) fills a megabyte.
    pub fn down(&mut self, frame: &Down, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let kind = match frame {
            Down::Welcome { incarnation, heartbeat } => {
                wire::DownKind::Welcome(wire::Welcome { incarnation: *incarnation, heartbeat: Some(nanos(*heartbeat)) })
            }
            Down::Heartbeat => wire::DownKind::Heartbeat(wire::Empty {}),
            Down::Ack { seq } => wire::DownKind::Ack(wire::Ack { seq: *seq }),
            Down::Settings { workload, serving, watermark } => wire::DownKind::Settings(wire::Settings {
                workload: Some(wire::Workload::of(workload)),
                serving: Some(wire::Serving::of(serving)),
                watermark: *watermark,
            }),
            Down::Leave { pod } => wire::DownKind::Leave(wire::Leave { pod: pod.as_str().to_owned() }),
            Down::Workload { workload, serving, mode, hosts } => wire::DownKind::Served(wire::Served {
                workload: Some(wire::Workload::of(workload)),
                serving: Some(wire::Serving::of(serving)),
                mode: mode_number(*mode),
                hosts: hosts.clone(),
            }),
            Down::WorkloadGone { workload } => {
                wire::DownKind::Gone(wire::Gone { workload: Some(wire::Workload::of(workload)) })
            }
            Down::Stays { workload } => {
                wire::DownKind::Stays(wire::Stays { workload: Some(wire::Workload::of(workload)) })
            }
            Down::Synced => wire::DownKind::Synced(wire::Empty {}),
            Down::Pods { workload, pods, failure, at } => {
                return self::pods(workload, pods, failure.as_ref(), *at, out);
            }
            Down::Door { workload, port } => wire::DownKind::Door(wire::Door::of(workload, *port)),
        };
        write(&wire::DownFrame { kind: Some(kind) }, out)
    }

    fn state(&self, pod: &PodId, state: PodState) -> wire::State {
        let is_own = self.names.own.as_ref().is_some_and(|own| matches!(&own.reporter, Reporter::Pod(id) if id == pod));
        wire::State { pod: (!is_own).then(|| pod.as_str().to_owned()), state: state_number(state) }
    }

    /// The number of `name`, declared if it was not yet.
    fn number(&mut self, name: Name, out: &mut Vec<u8>) -> Result<u32, TooLong> {
        let number = match self.names.number(name.clone()) {
            Number::Known(number) => return Ok(number),
            Number::New(number) => number,
        };
        let (reporter, workload) = name;
        if let Err(bytes) = short(&reporter, Some(&workload)) {
            self.names.forget(number);
            return Err(TooLong(bytes));
        }
        let is_own = self.names.own.as_ref().is_some_and(|own| own.reporter == reporter);
        let (pod, activator) = if is_own { (None, None) } else { speaker(&reporter) };
        let name = wire::Name { number, workload: Some(wire::Workload::of(&workload)), pod, activator };
        let written = write(&wire::UpFrame { kind: Some(wire::UpKind::Name(name)) }, out);
        if written.is_err() {
            self.names.forget(number);
        }
        written.map(|()| number)
    }
}

fn pods(
    workload: &WorkloadId,
    pods: &[Pod],
    failure: Option<&Failure>,
    at: Time,
    out: &mut Vec<u8>,
) -> Result<(), TooLong> {
    let frame = |pods: &[Pod]| wire::Pods {
        workload: Some(wire::Workload::of(workload)),
        pods: pods.iter().map(|pod| wire::Pod::of(pod, workload)).collect(),
        failure: failure.map(wire::Failure::of),
        at: at.as_nanos(),
    };
    let mut write_some = |some| write(&wire::DownFrame { kind: Some(wire::DownKind::Pods(frame(some))) }, out);
    if pods.is_empty() {
        return write_some(pods);
    }
    pods.chunks(bounds::LINK_PODS_A_FRAME).try_for_each(write_some)
}

fn write(frame: &impl Message, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let length = frame.encoded_len();
    match u32::try_from(length) {
        Ok(prefix) if length <= bounds::LINK_FRAME_BYTES => out.extend_from_slice(&prefix.to_be_bytes()),
        _ => return Err(TooLong(length)),
    }
    frame.encode(out).expect("a Vec takes all that is written to it");
    Ok(())
}
