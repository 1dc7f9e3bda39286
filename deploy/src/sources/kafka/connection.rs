//! One connection to one broker: a question, an answer.

use bytes::Bytes;
use config::bounds;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::Trouble;
use super::codec::{Garbled, Reader, Writer};
use super::messages::Question;
use crate::sources::stream::{Stream, broke, connect};

/// A connection that is logged in, if one logs in here.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// Numbers questions, so that an answer to another is noticed.
    asked: i32,
}

impl Connection {
    /// Connects, by TLS if there is `tls`.
    pub(super) async fn open(host: &str, port: u16, tls: Option<&TlsConnector>) -> Result<Connection, Trouble> {
        Ok(Connection { stream: connect(host, port, tls).await?, asked: 0 })
    }

    /// Asks, and waits for the answer. After an error, or when this is dropped halfway, the connection is of no use.
    pub(super) async fn ask<Q: Question>(&mut self, question: &Q) -> Result<Q::Answer, Trouble> {
        self.asked = self.asked.wrapping_add(1);
        let (kind, version) = Q::KIND;
        let mut writer = Writer::default();
        writer.i16(kind);
        writer.i16(version);
        writer.i32(self.asked);
        writer.text("rouse");
        question.write(&mut writer);
        self.stream.write_all(&writer.finish()).await.map_err(broke)?;
        self.stream.flush().await.map_err(broke)?;
        let mut reader = Reader::new(self.frame().await?);
        if reader.i32().map_err(garbled)? != self.asked {
            return Err(garbled(Garbled));
        }
        Q::read(&mut reader).map_err(garbled)
    }

    async fn frame(&mut self) -> Result<Bytes, Trouble> {
        let length = self.stream.read_i32().await.map_err(broke)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= bounds::KAFKA_ANSWER_BYTES);
        let length = length.ok_or_else(|| garbled(Garbled))?;
        let mut frame = Vec::new(); // it grows with what really comes
        let read = (&mut self.stream).take(length as u64).read_to_end(&mut frame).await.map_err(broke)?;
        if read < length {
            return Err(broke(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(frame.into())
    }
}

fn garbled(garbled: Garbled) -> Trouble {
    Trouble::Server(garbled.to_string())
}
