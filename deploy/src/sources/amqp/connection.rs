//! One connection to RabbitMQ, with one channel in it: a question, an answer.

use bytes::Bytes;
use config::bounds;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::frame::{self, Garbled, Method, Name, Writer};
use super::{Address, Trouble};
use crate::sources::stream::{Stream, broke, connect};

/// A connection that is logged in.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// Whether channel 1 is open: the server closes it when it refuses a question.
    has_channel: bool,
}

impl Connection {
    pub(super) async fn open(address: &Address, tls: Option<&TlsConnector>) -> Result<Connection, Trouble> {
        let stream = connect(address.host.trim_matches(['[', ']']), address.port, tls).await?;
        let mut connection = Connection { stream, has_channel: false };
        connection.log_in(address).await?;
        Ok(connection)
    }

    async fn log_in(&mut self, address: &Address) -> Result<(), Trouble> {
        self.stream.write_all(frame::GREETING).await.map_err(broke)?;
        self.expect(frame::START).await?;
        let login = format!("\0{}\0{}", address.user.expose(), address.password.expose());
        let says = Writer::new(0, frame::START_OK).long(&frame::properties()).text("PLAIN").long(login.as_bytes());
        self.say(says.text("en_US")).await?;
        let mut tune = self.expect(frame::TUNE).await?;
        let (channels, length) = (tune.u16().map_err(garbled)?, tune.u32().map_err(garbled)?);
        let most = bounds::AMQP_FRAME_BYTES as u32;
        let length = if length == 0 { most } else { length.min(most) };
        // No heartbeats: a connection that has died is noticed by the next question.
        self.say(Writer::new(0, frame::TUNE_OK).u16(channels).u32(length).u16(0)).await?;
        self.say(Writer::new(0, frame::OPEN).text(&address.vhost).text("").u8(0)).await?;
        self.expect(frame::OPEN_OK).await.map(|_| ())
    }

    /// How many messages of `queue` are ready. After trouble with the server, or when this is dropped halfway, the
    /// connection is of no use.
    pub(super) async fn ready(&mut self, queue: &str) -> Result<u64, Trouble> {
        if !self.has_channel {
            self.say(Writer::new(1, frame::CHANNEL_OPEN).text("")).await?;
            self.expect(frame::CHANNEL_OPEN_OK).await?;
            self.has_channel = true;
        }
        const PASSIVE: u8 = 1;
        self.say(Writer::new(1, frame::DECLARE).u16(0).text(queue).u8(PASSIVE).long(b"")).await?;
        let mut declared = self.expect(frame::DECLARE_OK).await?;
        declared.text().map_err(garbled)?;
        declared.u32().map(u64::from).map_err(garbled)
    }

    async fn say(&mut self, method: Writer) -> Result<(), Trouble> {
        self.stream.write_all(&method.finish()).await.map_err(broke)?;
        self.stream.flush().await.map_err(broke)
    }

    /// The next method, which must be that one.
    async fn expect(&mut self, name: Name) -> Result<Method, Trouble> {
        let mut method = loop {
            if let Some(method) = self.next().await? {
                break method;
            }
        };
        match method.name {
            _ if method.name == name => Ok(method),
            frame::CHANNEL_CLOSE => {
                let (_, why) = reason(&mut method)?;
                self.has_channel = false;
                self.say(Writer::new(1, frame::CHANNEL_CLOSE_OK)).await?;
                Err(Trouble::Question(why))
            }
            frame::CLOSE => {
                let (code, why) = reason(&mut method)?;
                self.say(Writer::new(0, frame::CLOSE_OK)).await?;
                const REFUSED: [u16; 2] = [403, 530]; // the login; the virtual host
                Err(if REFUSED.contains(&code) { Trouble::Question(why) } else { Trouble::Server(why) })
            }
            _ => Err(garbled(Garbled)),
        }
    }

    async fn next(&mut self) -> Result<Option<Method>, Trouble> {
        let mut head = [0; frame::HEAD];
        self.stream.read_exact(&mut head).await.map_err(broke)?;
        let [kind, _, _, length @ ..] = head;
        let length = u32::from_be_bytes(length) as usize;
        if length > bounds::AMQP_FRAME_BYTES {
            return Err(garbled(Garbled));
        }
        let mut rest = vec![0; length + 1];
        self.stream.read_exact(&mut rest).await.map_err(broke)?;
        Method::read(kind, Bytes::from(rest)).map_err(garbled)
    }
}

/// Why the server closes something: a number, and words.
fn reason(method: &mut Method) -> Result<(u16, String), Trouble> {
    Ok((method.u16().map_err(garbled)?, method.text().map_err(garbled)?))
}

fn garbled(garbled: Garbled) -> Trouble {
    Trouble::Server(garbled.to_string())
}
