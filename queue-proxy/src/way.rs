//! How a request has come.

use http::header::HeaderMap;

use crate::Peer;
use crate::headers::MAY_REFUSE;

/// The way a request has come, and so how it is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From a client: it waits in the line.
    Direct,
    /// From an activator that cannot have it back: it waits in the same line.
    Forwarded,
    /// From an activator that would rather have it back than see it wait for long.
    MayRefuse,
    /// It is no load: it never waits, and says nothing about who uses this pod.
    Ignored,
}

impl Way {
    /// Tells the way by what marks it, and takes the mark off.
    #[inline]
    pub(crate) fn of(headers: &mut HeaderMap, peer: &Peer, is_ignored: bool) -> Way {
        let mark = headers.remove(MAY_REFUSE);
        if is_ignored {
            return Way::Ignored;
        }
        let Some(mark) = mark else {
            peer.note_direct();
            return Way::Direct;
        };
        peer.note_activator();
        if mark == "1" { Way::MayRefuse } else { Way::Forwarded }
    }
}
