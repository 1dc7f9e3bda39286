//! Which virtual host a URI means, and what of its path belongs to the API.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What may not stand in one segment of a path, as Go's `url.QueryEscape` has it but for the space.
const SEGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'/').add(b'%').add(b'?').add(b'#').add(b'&').add(b'+').add(b'"');

/// A virtual host, and the path in front of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vhost {
    /// The virtual host, escaped, with a slash before it: `/%2F`.
    pub vhost: String,
    /// The path in front of `/api`; empty, or with a slash before it.
    pub path: String,
}

/// Splits a URI's `path`, which may begin with a slash: its last segment is the virtual host (empty: the default one)
/// unless `name` says another.
pub fn vhost(path: &str, name: &str) -> Vhost {
    let path = path.trim_start_matches('/');
    let (before, last) = path.rsplit_once('/').unwrap_or(("", path));
    let vhost = match (name, last) {
        ("", "") => "/%2F".to_owned(),
        ("", last) => format!("/{last}"),
        (name, _) => format!("/{}", utf8_percent_encode(name, SEGMENT)),
    };
    Vhost { vhost, path: if before.is_empty() { String::new() } else { format!("/{before}") } }
}
