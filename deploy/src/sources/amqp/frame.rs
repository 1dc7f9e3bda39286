//! AMQP 0-9-1's frames, and the methods in them that a passive declaration needs.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What comes first on a connection.
pub(super) const GREETING: &[u8; 8] = b"AMQP\x00\x00\x09\x01";

/// Type, channel and length of a frame's payload.
pub(super) const HEAD: usize = 7;

/// The byte after each payload.
const END: u8 = 0xCE;

/// Class and method.
pub(super) type Name = (u16, u16);

pub(super) const START: Name = (10, 10);
pub(super) const START_OK: Name = (10, 11);
pub(super) const TUNE: Name = (10, 30);
pub(super) const TUNE_OK: Name = (10, 31);
pub(super) const OPEN: Name = (10, 40);
pub(super) const OPEN_OK: Name = (10, 41);
pub(super) const CLOSE: Name = (10, 50);
pub(super) const CLOSE_OK: Name = (10, 51);
pub(super) const CHANNEL_OPEN: Name = (20, 10);
pub(super) const CHANNEL_OPEN_OK: Name = (20, 11);
pub(super) const CHANNEL_CLOSE: Name = (20, 40);
pub(super) const CHANNEL_CLOSE_OK: Name = (20, 41);
pub(super) const DECLARE: Name = (50, 10);
pub(super) const DECLARE_OK: Name = (50, 11);

/// What the server sent is not AMQP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an answer that is not AMQP's")]
pub(super) struct Garbled;

/// A method that the server sent; none, if it was another kind of frame: a heartbeat.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: Name,
    arguments: Bytes,
}

impl Method {
    /// Of a frame's type and what follows its head, the end included.
    pub(super) fn read(kind: u8, mut rest: Bytes) -> Result<Option<Method>, Garbled> {
        if rest.last() != Some(&END) {
            return Err(Garbled);
        }
        rest.truncate(rest.len() - 1);
        match kind {
            1 => {
                let class = rest.try_get_u16().map_err(|_| Garbled)?;
                let method = rest.try_get_u16().map_err(|_| Garbled)?;
                Ok(Some(Method { name: (class, method), arguments: rest }))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn u16(&mut self) -> Result<u16, Garbled> {
        self.arguments.try_get_u16().map_err(|_| Garbled)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Garbled> {
        self.arguments.try_get_u32().map_err(|_| Garbled)
    }

    /// A text of at most 255 bytes.
    pub(super) fn text(&mut self) -> Result<String, Garbled> {
        let length = self.arguments.try_get_u8().map_err(|_| Garbled)?;
        if usize::from(length) > self.arguments.len() {
            return Err(Garbled);
        }
        Ok(String::from_utf8_lossy(&self.arguments.split_to(length.into())).into_owned())
    }
}

/// A frame with one method.
#[derive(Debug)]
pub(super) struct Writer(BytesMut);

impl Writer {
    pub(super) fn new(channel: u16, (class, method): Name) -> Writer {
        let mut frame = BytesMut::new();
        frame.put_u8(1);
        frame.put_u16(channel);
        frame.put_u32(0); // the length, when it is known
        frame.put_u16(class);
        frame.put_u16(method);
        Writer(frame)
    }

    pub(super) fn u8(mut self, value: u8) -> Writer {
        self.0.put_u8(value);
        self
    }

    pub(super) fn u16(mut self, value: u16) -> Writer {
        self.0.put_u16(value);
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Writer {
        self.0.put_u32(value);
        self
    }

    /// A text, of at most 255 bytes: whoever makes one has looked.
    pub(super) fn text(mut self, text: &str) -> Writer {
        let text = &text.as_bytes()[..text.len().min(255)];
        self.0.put_u8(text.len() as u8);
        self.0.put_slice(text);
        self
    }

    /// A text of any length, or a table that is written already.
    pub(super) fn long(mut self, bytes: &[u8]) -> Writer {
        self.0.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX)); // a login is short
        self.0.put_slice(bytes);
        self
    }

    pub(super) fn finish(mut self) -> Bytes {
        let length = u32::try_from(self.0.len() - HEAD).unwrap_or(u32::MAX);
        self.0[3..HEAD].copy_from_slice(&length.to_be_bytes());
        self.0.put_u8(END);
        self.0.freeze()
    }
}

/// Who we are, as a table; and that we want to be told if a login is refused, rather than to be left waiting.
pub(super) fn properties() -> Bytes {
    let field = |table: &mut BytesMut, name: &str, kind: u8| {
        table.put_u8(name.len() as u8);
        table.put_slice(name.as_bytes());
        table.put_u8(kind);
    };
    let mut able = BytesMut::new();
    field(&mut able, "authentication_failure_close", b't');
    able.put_u8(1);
    let mut table = BytesMut::new();
    for name in ["product", "connection_name"] {
        field(&mut table, name, b'S');
        table.put_u32(5);
        table.put_slice(b"rouse");
    }
    field(&mut table, "capabilities", b'F');
    table.put_u32(able.len() as u32);
    table.put_slice(&able);
    table.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_reads_back() {
        let frame = Writer::new(1, DECLARE_OK).text("orders").u32(7).u32(0).finish();
        assert_eq!(frame[..HEAD], [1, 0, 1, 0, 0, 0, 19]);
        let mut method = Method::read(1, frame.slice(HEAD..)).unwrap().unwrap();
        assert_eq!(method.name, DECLARE_OK);
        assert_eq!((method.text(), method.u32(), method.u32()), (Ok("orders".to_owned()), Ok(7), Ok(0)));
        assert_eq!(method.u16(), Err(Garbled));
    }

    proptest! {
        #[test]
        fn no_frame_is_too_strange(kind: u8, rest in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some(mut method)) = Method::read(kind, rest.into()) {
                let _read = (method.text(), method.u16(), method.u32());
            }
        }
    }
}
