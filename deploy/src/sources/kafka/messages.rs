//! The questions that brokers are asked, and their answers.

use bytes::Bytes;

use super::codec::{Garbled, Reader, Writer};

/// One kind of question.
pub(super) trait Question {
    /// Kafka's number of it, and the version of its form.
    const KIND: (i16, i16);
    /// What is answered.
    type Answer;

    fn write(&self, writer: &mut Writer);
    fn read(reader: &mut Reader) -> Result<Self::Answer, Garbled>;
}

/// Some partitions of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partitions {
    pub(super) topic: String,
    pub(super) partitions: Vec<i32>,
}

/// `Metadata`: which partitions the topics have, and who leads them. Asking creates no topic.
pub(super) struct Metadata<'a> {
    pub(super) topics: &'a [String],
}

/// What `Metadata` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    pub(super) brokers: Vec<Address>,
    pub(super) topics: Vec<Topic>,
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) broker: i32,
    pub(super) host: String,
    pub(super) port: i32,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) error: i16,
    pub(super) name: String,
    pub(super) partitions: Vec<Partition>,
}

/// A partition and the broker that leads it; -1: nobody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) error: i16,
    pub(super) number: i32,
    pub(super) leader: i32,
}

impl Question for Metadata<'_> {
    const KIND: (i16, i16) = (3, 4);
    type Answer = Cluster;

    fn write(&self, writer: &mut Writer) {
        writer.list(self.topics, |writer, topic| writer.text(topic));
        writer.bool(false); // do not create it
    }

    fn read(reader: &mut Reader) -> Result<Cluster, Garbled> {
        reader.i32()?; // how long the answer was held back
        let brokers = reader.list(|reader| {
            let (broker, host, port) = (reader.i32()?, reader.text()?, reader.i32()?);
            reader.nullable()?; // rack
            Ok(Address { broker, host, port })
        })?;
        reader.nullable()?; // the cluster's name
        reader.i32()?; // its controller
        let topics = reader.list(|reader| {
            let (error, name, _is_internal) = (reader.i16()?, reader.text()?, reader.bool()?);
            let partitions = reader.list(|reader| {
                let (error, number, leader) = (reader.i16()?, reader.i32()?, reader.i32()?);
                reader.list(Reader::i32)?; // replicas
                reader.list(Reader::i32)?; // replicas in step
                Ok(Partition { error, number, leader })
            })?;
            Ok(Topic { error, name, partitions })
        })?;
        Ok(Cluster { brokers, topics })
    }
}

/// `FindCoordinator`: which broker keeps a group's offsets.
pub(super) struct FindCoordinator<'a> {
    pub(super) group: &'a str,
}

impl Question for FindCoordinator<'_> {
    const KIND: (i16, i16) = (10, 1);
    type Answer = (i16, Address);

    fn write(&self, writer: &mut Writer) {
        writer.text(self.group);
        writer.i8(0); // a group, not a transaction
    }

    fn read(reader: &mut Reader) -> Result<(i16, Address), Garbled> {
        reader.i32()?;
        let error = reader.i16()?;
        reader.nullable()?; // in words
        Ok((error, Address { broker: reader.i32()?, host: reader.text()?, port: reader.i32()? }))
    }
}

/// `OffsetFetch`: what a group has committed, in some partitions or in all that it has committed in.
pub(super) struct OffsetFetch<'a> {
    pub(super) group: &'a str,
    pub(super) of: Option<&'a [Partitions]>,
}

/// The offset of one partition; -1: there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) error: i16,
    pub(super) offset: i64,
}

impl Question for OffsetFetch<'_> {
    const KIND: (i16, i16) = (9, 2);
    type Answer = (i16, Vec<At>);

    fn write(&self, writer: &mut Writer) {
        writer.text(self.group);
        match self.of {
            None => writer.no_list(),
            Some(all) => writer.list(all, |writer, of| {
                writer.text(&of.topic);
                writer.list(&of.partitions, |writer, partition| writer.i32(*partition));
            }),
        }
    }

    fn read(reader: &mut Reader) -> Result<(i16, Vec<At>), Garbled> {
        let all = by_topic(reader, |reader| {
            let (partition, offset) = (reader.i32()?, reader.i64()?);
            reader.nullable()?; // what the group wrote beside it
            Ok((partition, reader.i16()?, offset))
        })?;
        Ok((reader.i16()?, all))
    }
}

/// `ListOffsets`: where partitions begin or end.
pub(super) struct ListOffsets<'a> {
    pub(super) of: &'a [Partitions],
    pub(super) end: End,
}

/// Which end of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The next offset that will be written.
    Latest,
    /// The first that is still kept.
    Earliest,
}

impl Question for ListOffsets<'_> {
    const KIND: (i16, i16) = (2, 1);
    type Answer = Vec<At>;

    fn write(&self, writer: &mut Writer) {
        writer.i32(-1); // we are no broker
        let at = match self.end {
            End::Latest => -1,
            End::Earliest => -2,
        };
        writer.list(self.of, |writer, of| {
            writer.text(&of.topic);
            writer.list(&of.partitions, |writer, partition| {
                writer.i32(*partition);
                writer.i64(at);
            });
        });
    }

    fn read(reader: &mut Reader) -> Result<Vec<At>, Garbled> {
        by_topic(reader, |reader| {
            let (partition, error) = (reader.i32()?, reader.i16()?);
            reader.i64()?; // a time, where one was asked for
            Ok((partition, error, reader.i64()?))
        })
    }
}

fn by_topic(
    reader: &mut Reader,
    mut one: impl FnMut(&mut Reader) -> Result<(i32, i16, i64), Garbled>,
) -> Result<Vec<At>, Garbled> {
    let topics = reader.list(|reader| {
        let topic = reader.text()?;
        reader.list(|reader| {
            let (partition, error, offset) = one(reader)?;
            Ok(At { topic: topic.clone(), partition, error, offset })
        })
    })?;
    Ok(topics.into_iter().flatten().collect())
}

/// `SaslHandshake`: by which mechanism one logs in. Answered with those that there are.
pub(super) struct SaslHandshake {
    pub(super) mechanism: &'static str,
}

impl Question for SaslHandshake {
    const KIND: (i16, i16) = (17, 1);
    type Answer = (i16, Vec<String>);

    fn write(&self, writer: &mut Writer) {
        writer.text(self.mechanism);
    }

    fn read(reader: &mut Reader) -> Result<(i16, Vec<String>), Garbled> {
        Ok((reader.i16()?, reader.list(Reader::text)?))
    }
}

/// `SaslAuthenticate`: one step of a mechanism.
pub(super) struct SaslAuthenticate {
    pub(super) says: Vec<u8>,
}

/// What the broker says to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SaslStep {
    pub(super) error: i16,
    pub(super) why: Option<String>,
    pub(super) says: Bytes,
}

impl Question for SaslAuthenticate {
    const KIND: (i16, i16) = (36, 0);
    type Answer = SaslStep;

    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.says);
    }

    fn read(reader: &mut Reader) -> Result<SaslStep, Garbled> {
        Ok(SaslStep { error: reader.i16()?, why: reader.nullable()?, says: reader.bytes()? })
    }
}

#[cfg(test)]
mod tests;
