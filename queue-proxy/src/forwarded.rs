//! `Forwarded` (RFC 7239) out of the older `X-Forwarded-*`, as Knative's queue-proxy makes it.

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Adds `Forwarded` where there is none but there are the headers that it replaces. Host and protocol are those that
/// the first proxy saw, so they stand beside the first address.
pub(crate) fn add(headers: &mut HeaderMap) {
    if headers.contains_key(FORWARDED) {
        return;
    }
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").trim();
    let forwarded = compose(text(&FOR), text(&HOST), text(&PROTO));
    if let Ok(value) = HeaderValue::try_from(forwarded)
        && !value.is_empty()
    {
        headers.insert(FORWARDED, value);
    }
}

fn compose(addresses: &str, host: &str, proto: &str) -> String {
    let mut addresses = addresses.split(',').map(str::trim).filter(|address| !address.is_empty()).map(node);
    let first = addresses.next().map(|node| format!("for={node}"));
    let host = (!host.is_empty()).then(|| format!("host={host}"));
    let proto = (!proto.is_empty()).then(|| format!("proto={proto}"));
    let first = [first, host, proto].into_iter().flatten().collect::<Vec<_>>().join(";");
    let others = addresses.map(|node| format!("for={node}"));
    std::iter::once(first).chain(others).collect::<Vec<_>>().join(", ")
}

/// An IPv6 address is bracketed, and then has to be quoted.
fn node(address: &str) -> String {
    if address.contains(':') && !address.starts_with(['[', '"']) {
        format!("\"[{address}]\"")
    } else {
        address.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Case {
        x_forwarded_for: String,
        x_forwarded_host: String,
        x_forwarded_proto: String,
        forwarded: String,
        expect_forwarded: String,
    }

    #[test]
    fn it_is_what_knative_makes() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../config/tests/vectors/knative.json")).unwrap();
        let cases = vectors["groups"]["forwarded_shim"]["vectors"].clone();
        let cases: Vec<Case> = serde_json::from_value(cases).unwrap();
        for case in &cases {
            let mut headers = HeaderMap::new();
            let given = [
                (FOR, &case.x_forwarded_for),
                (HOST, &case.x_forwarded_host),
                (PROTO, &case.x_forwarded_proto),
                (FORWARDED, &case.forwarded),
            ];
            for (name, value) in given {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            add(&mut headers);
            let made = headers.get(FORWARDED).map_or("", |value| value.to_str().unwrap());
            assert_eq!(made, case.expect_forwarded);
        }
        println!("forwarded_shim: {0}/{0} vectors", cases.len());
        assert!(!cases.is_empty());
    }
}
