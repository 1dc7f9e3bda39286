//! Kafka's binary form, as its protocol guide has it: big-endian numbers, texts and lists with their lengths before them.
//!
//! Messages here are of versions that every broker from 1.0 to 4.x speaks, so that nothing need be agreed upon.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What a broker sent is not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an answer that is not Kafka's")]
pub(super) struct Garbled;

/// Reads an answer. Whatever is in it, no more is allocated than a few times its own length.
#[derive(Debug)]
pub(super) struct Reader(Bytes);

impl Reader {
    pub(super) fn new(frame: Bytes) -> Reader {
        Reader(frame)
    }

    pub(super) fn bool(&mut self) -> Result<bool, Garbled> {
        self.0.try_get_u8().map(|byte| byte != 0).map_err(|_| Garbled)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Garbled> {
        self.0.try_get_i16().map_err(|_| Garbled)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Garbled> {
        self.0.try_get_i32().map_err(|_| Garbled)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Garbled> {
        self.0.try_get_i64().map_err(|_| Garbled)
    }

    /// Text that may be missing.
    pub(super) fn nullable(&mut self) -> Result<Option<String>, Garbled> {
        let length = self.i16()?;
        if length == -1 {
            return Ok(None);
        }
        let bytes = self.take(usize::try_from(length).map_err(|_| Garbled)?)?;
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| Garbled)
    }

    pub(super) fn text(&mut self) -> Result<String, Garbled> {
        self.nullable()?.ok_or(Garbled)
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, Garbled> {
        let length = self.i32()?;
        self.take(usize::try_from(length).map_err(|_| Garbled)?)
    }

    /// A list, each item read by `item`; a missing one is empty.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Reader) -> Result<T, Garbled>,
    ) -> Result<Vec<T>, Garbled> {
        let length = self.i32()?.max(0);
        let mut all = Vec::new(); // it grows with what is really there
        for _ in 0..length {
            all.push(item(self)?);
        }
        Ok(all)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Garbled> {
        if length > self.0.len() {
            return Err(Garbled);
        }
        Ok(self.0.split_to(length))
    }
}

/// Writes a question.
#[derive(Debug, Default)]
pub(super) struct Writer(BytesMut);

impl Writer {
    /// With its length before it.
    pub(super) fn finish(self) -> Bytes {
        let mut frame = BytesMut::with_capacity(self.0.len() + 4);
        frame.put_i32(length(self.0.len()));
        frame.put(self.0);
        frame.freeze()
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.0.put_u8(value.into());
    }

    pub(super) fn i8(&mut self, value: i8) {
        self.0.put_i8(value);
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.0.put_i16(value);
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.0.put_i32(value);
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.0.put_i64(value);
    }

    /// Text, cut at the longest that there can be: no name is.
    pub(super) fn text(&mut self, text: &str) {
        let bytes = &text.as_bytes()[..text.len().min(i16::MAX as usize)];
        self.0.put_i16(i16::try_from(bytes.len()).unwrap_or(i16::MAX));
        self.0.put_slice(bytes);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.put_i32(length(bytes.len()));
        self.0.put_slice(bytes);
    }

    /// A list, each item written by `item`.
    pub(super) fn list<T>(&mut self, all: &[T], mut item: impl FnMut(&mut Writer, &T)) {
        self.0.put_i32(length(all.len()));
        all.iter().for_each(|one| item(self, one));
    }

    /// A list that is missing, which means all.
    pub(super) fn no_list(&mut self) {
        self.0.put_i32(-1);
    }
}

fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX) // bounds are far below
}
