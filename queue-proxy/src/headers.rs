//! What may pass from a connection to the next: request hygiene.
//!
//! hyper lets through, or repairs without a word, several requests that two servers could read differently (a missing
//! or doubled Host, `Content-Length` twice, other transfer codings). [`admit`] refuses or repairs them, so that behind
//! it every request has one form, whichever HTTP version it came by:
//! - the URI is a path and query; `Host` is there exactly once;
//! - no hop-by-hop header is left, save `Upgrade` with `Connection: upgrade`, of which [`narrow_upgrade`] leaves what a
//!   workload allows.

use config::Upgrades;
use http::header::{
    self, CONNECTION, CONTENT_LENGTH, COOKIE, Entry, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE, USER_AGENT,
};
use http::uri::{PathAndQuery, Uri};
use http::{Method, Request, StatusCode, Version};
use hyper::body::Incoming;

use crate::answer::Refusal;
use crate::forwarded;

/// Marks a request that an activator sends. `1`: a pod may refuse it rather than let it wait for long; any other value:
/// it must not. Never passed on to an app, and of no use to clients.
pub const MAY_REFUSE: HeaderName = HeaderName::from_static("rouse-may-refuse");

/// Marks a 503 by which a pod gives a request back that it has not admitted and its app has not seen: the activator
/// offers it again. Never passed on.
pub const REFUSED: HeaderName = HeaderName::from_static("rouse-refused");

/// Names the probe that a request is; its value names who is to answer (`queue`: the queue-proxy). Knative's.
pub const NETWORK_PROBE: HeaderName = HeaderName::from_static("k-network-probe");

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const PROXY_REQUEST: HeaderName = HeaderName::from_static("k-proxy-request");

/// Whether a kubelet or an activator asks how the pod is.
pub(crate) fn is_probe(headers: &HeaderMap) -> bool {
    headers.contains_key(NETWORK_PROBE)
        || headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"kube-probe/"))
}

/// What one look over all headers found.
#[derive(Default)]
struct Found {
    hosts: u8,
    lengths: u8,
    codings: u8,
    cookies: u8,
    /// Any header that must not pass.
    hops: bool,
    connection: bool,
    upgrade: bool,
    te: bool,
    forwarded: bool,
}

impl Found {
    #[inline]
    fn look(headers: &HeaderMap) -> Found {
        let mut found = Found::default();
        for name in headers.keys() {
            match name.as_str() {
                "host" => found.hosts = count(headers, name),
                "content-length" => found.lengths = count(headers, name),
                "cookie" => found.cookies = count(headers, name),
                "transfer-encoding" => found.codings = count(headers, name),
                "connection" => found.connection = true,
                "upgrade" => found.upgrade = true,
                "te" => found.te = true,
                "x-forwarded-for" | "x-forwarded-host" | "x-forwarded-proto" => found.forwarded = true,
                "keep-alive" | "proxy-connection" | "http2-settings" | "k-proxy-request" | "rouse-refused" => {
                    found.hops = true;
                }
                _ => {}
            }
        }
        found
    }
}

fn count(headers: &HeaderMap, name: &HeaderName) -> u8 {
    headers.get_all(name).iter().take(usize::from(u8::MAX)).count() as u8
}

/// Brings a request into the one form that the rest of Rouse works with.
///
/// # Errors
/// The refusal to answer with when the request must not pass.
pub fn admit(request: &mut Request<Incoming>) -> Result<(), Refusal> {
    if *request.method() == Method::CONNECT {
        return Err(Refusal::now(StatusCode::METHOD_NOT_ALLOWED, "bad-request", "CONNECT is not served"));
    }
    let found = Found::look(request.headers());
    admit_host(request, &found)?;
    if found.codings > 0 {
        admit_coding(request.headers_mut(), &found)?;
    }
    if found.lengths > 1 {
        // hyper has checked that all are equal.
        dedupe(request.headers_mut(), CONTENT_LENGTH);
    }
    if found.cookies > 1 {
        join_cookies(request.headers_mut());
    }
    if found.hops || found.connection || found.upgrade || found.te {
        strip_request(request.headers_mut(), &found);
    }
    if found.forwarded {
        forwarded::add(request.headers_mut());
    }
    Ok(())
}

/// One Host, whichever way the request named it, and a URI that is only a path.
fn admit_host(request: &mut Request<Incoming>, found: &Found) -> Result<(), Refusal> {
    if found.hosts > 1 {
        return Err(Refusal::bad_request("more than one Host"));
    }
    if adopt_authority(request) {
        return Ok(());
    }
    if found.hosts == 1 {
        let host = &request.headers()[HOST];
        return if host.as_bytes().iter().all(|&byte| is_host_byte(byte)) {
            Ok(())
        } else {
            Err(Refusal::bad_request("Host is not a host"))
        };
    }
    if request.version() == Version::HTTP_10 {
        // HTTP/1.0 knows no Host; HTTP/1.1, by which it goes on, needs one, and it may be empty.
        request.headers_mut().insert(HOST, HeaderValue::from_static(""));
        return Ok(());
    }
    Err(Refusal::bad_request("no Host"))
}

/// What may be in `host[:port]`: no white space, and nothing that starts a path, a query or user information.
fn is_host_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b':' | b'_' | b'[' | b']' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// Moves an authority in the URI (`:authority` of HTTP/2, or an HTTP/1 target that is a whole URI) to Host, over which
/// it wins (RFC 9112, 3.2.2). Tells whether there was one.
pub(crate) fn adopt_authority<B>(request: &mut Request<B>) -> bool {
    let Some(authority) = request.uri().authority() else { return false };
    let host = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
    let host = HeaderValue::from_str(host).expect("an authority has only characters that a header may have");
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    request.headers_mut().insert(HOST, host);
    true
}

/// Only `chunked`, once: hyper undoes that one, and what reaches the app is framed anew.
fn admit_coding(headers: &mut HeaderMap, found: &Found) -> Result<(), Refusal> {
    let plain = found.codings == 1 && headers[TRANSFER_ENCODING].as_bytes().eq_ignore_ascii_case(b"chunked");
    if !plain {
        return Err(Refusal::now(
            StatusCode::NOT_IMPLEMENTED,
            "bad-request",
            "no transfer coding but chunked is served",
        ));
    }
    headers.remove(TRANSFER_ENCODING);
    Ok(())
}

fn dedupe(headers: &mut HeaderMap, name: HeaderName) {
    if let Entry::Occupied(mut entry) = headers.entry(name) {
        let first = entry.get().clone();
        entry.insert(first);
    }
}

/// HTTP/2 clients may split cookies over several headers; HTTP/1 knows one (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, cookie);
    }
}

fn strip_request(headers: &mut HeaderMap, found: &Found) {
    let is_upgrade = found.upgrade && tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"));
    let upgrade = if is_upgrade { headers.remove(UPGRADE) } else { None };
    let trailers = found.te && tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers"));
    strip_hops(headers);
    headers.remove(HTTP2_SETTINGS);
    headers.remove(PROXY_REQUEST);
    headers.remove(REFUSED);
    if let Some(upgrade) = upgrade {
        headers.insert(UPGRADE, upgrade);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Leaves the first protocol of those that a request would change to that `allowed` allows; without one it is a request
/// like any other. Tells whether there is one. Every request must pass here before it goes to an app.
#[inline]
pub fn narrow_upgrade(headers: &mut HeaderMap, allowed: &Upgrades) -> bool {
    headers.contains_key(UPGRADE) && narrow(headers, allowed)
}

#[cold]
fn narrow(headers: &mut HeaderMap, allowed: &Upgrades) -> bool {
    let chosen = tokens(headers, &UPGRADE).find(|protocol| allowed.allow(protocol));
    match chosen.and_then(|protocol| HeaderValue::from_str(protocol).ok()) {
        Some(chosen) => {
            headers.insert(UPGRADE, chosen);
            true
        }
        None => {
            headers.remove(UPGRADE);
            headers.remove(CONNECTION);
            false
        }
    }
}

/// Removes the hop-by-hop headers of a response (RFC 9110, 7.6.1), and those that only Rouse may say. hyper frames it
/// anew.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    let hops = headers.keys().any(|name| {
        matches!(
            name.as_str(),
            "connection"
                | "keep-alive"
                | "proxy-connection"
                | "transfer-encoding"
                | "upgrade"
                | "te"
                | "rouse-refused"
                | "rouse-may-refuse"
        )
    });
    if hops {
        strip_hops(headers);
        headers.remove(REFUSED);
        headers.remove(MAY_REFUSE);
    }
}

fn strip_hops(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = tokens(headers, &CONNECTION).filter_map(|token| token.parse().ok()).collect();
        for name in named {
            // These are no one's to drop: without them the message would mean something else.
            if name != HOST && name != CONTENT_LENGTH {
                headers.remove(name);
            }
        }
    }
    for name in [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE, header::TE] {
        headers.remove(name);
    }
}

/// The comma-separated words of all headers called `name`.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}
