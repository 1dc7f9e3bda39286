//! The body of a request, as the app sees it.

use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// What a body was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Bytes.
    len: u64,
    checksum: Checksum,
}

/// FNV-1a with 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): a few lines for whoever checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Checksum(u64);

impl Checksum {
    const EMPTY: Checksum = Checksum(0xcbf2_9ce4_8422_2325);

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl Seen {
    /// Says in the answer what was seen.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        headers.insert("body-length", self.len.into());
        if let Ok(checksum) = HeaderValue::from_str(&format!("{:016x}", self.checksum.0)) {
            headers.insert("body-checksum", checksum);
        }
    }
}

/// Reads the body to its end.
///
/// # Errors
/// When it is cut.
pub(super) async fn read(mut body: Incoming) -> Result<Seen, hyper::Error> {
    let mut seen = Seen { len: 0, checksum: Checksum::EMPTY };
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            seen.len += data.len() as u64;
            seen.checksum.add(&data);
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_what_others_call_fnv_1a() {
        let of = |text: &str| {
            let mut checksum = Checksum::EMPTY;
            checksum.add(text.as_bytes());
            checksum.0
        };
        // From the test vectors of FNV's authors.
        assert_eq!((of(""), of("a"), of("foobar")), (0xcbf29ce484222325, 0xaf63dc4c8601ec8c, 0x85944171f73967e8));
    }
}
