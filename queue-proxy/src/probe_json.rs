//! `SERVING_READINESS_PROBE`: a Kubernetes probe as JSON, of which only what a queue-proxy can try matters.

use std::time::Duration;

use config::{Probe, ProbeKind};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    http_get: Option<HttpGet>,
    tcp_socket: Option<TcpSocket>,
    grpc: Option<Grpc>,
    exec: Option<Exec>,
    #[serde(default)]
    initial_delay_seconds: u64,
    #[serde(default)]
    period_seconds: u64,
    #[serde(default)]
    timeout_seconds: u64,
    #[serde(default)]
    success_threshold: u32,
    #[serde(default)]
    failure_threshold: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpGet {
    #[serde(default)]
    path: String,
    port: Option<Port>,
    #[serde(default)]
    http_headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct TcpSocket {
    port: Option<Port>,
}

#[derive(Deserialize)]
struct Grpc {
    port: Option<Port>,
    service: Option<String>,
}

#[derive(Deserialize)]
struct Exec {
    #[serde(default)]
    command: Vec<String>,
}

/// A number or a name; a name is the app's own port, since that is the only one that has one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Name(String),
}

/// Why the text is no probe.
#[derive(Debug, thiserror::Error)]
pub enum ProbeJsonError {
    /// Not JSON, or not of a probe's shape.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// None of the four kinds, or several.
    #[error("one of httpGet, tcpSocket, grpc and exec is needed")]
    Kind,
}

/// Reads a probe.
///
/// # Errors
/// [`ProbeJsonError`] when it is none.
pub fn parse(text: &str) -> Result<Probe, ProbeJsonError> {
    let json: Json = serde_json::from_str(text)?;
    let kind = match (json.http_get, json.tcp_socket, json.grpc, json.exec) {
        (Some(http), None, None, None) => ProbeKind::Http {
            path: http.path,
            port: number(http.port),
            headers: http.http_headers.into_iter().map(|header| (header.name, header.value)).collect(),
        },
        (None, Some(tcp), None, None) => ProbeKind::Tcp { port: number(tcp.port) },
        (None, None, Some(grpc), None) => {
            ProbeKind::Grpc { port: number(grpc.port), service: grpc.service.unwrap_or_default() }
        }
        (None, None, None, Some(exec)) => ProbeKind::Exec { command: exec.command },
        _ => return Err(ProbeJsonError::Kind),
    };
    Ok(Probe {
        kind,
        period: Duration::from_secs(json.period_seconds),
        timeout: Duration::from_secs(json.timeout_seconds.max(1)),
        success_threshold: json.success_threshold.max(1),
        failure_threshold: if json.failure_threshold == 0 { 3 } else { json.failure_threshold },
        initial_delay: Duration::from_secs(json.initial_delay_seconds),
    })
}

/// 0 is what Knative writes for the app's own port.
fn number(port: Option<Port>) -> Option<u16> {
    match port {
        Some(Port::Number(number)) if number > 0 => Some(number),
        Some(Port::Number(_)) | None => None,
        Some(Port::Name(name)) => name.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_probe_with_headers() {
        let probe = parse(
            r#"{"httpGet":{"path":"/ready","port":0,"scheme":"HTTP","httpHeaders":[{"name":"X","value":"y"}]},
                "periodSeconds":5,"failureThreshold":2}"#,
        )
        .unwrap();
        let headers = vec![("X".to_owned(), "y".to_owned())];
        assert_eq!(probe.kind, ProbeKind::Http { path: "/ready".to_owned(), port: None, headers });
        assert_eq!((probe.period.as_secs(), probe.timeout.as_secs(), probe.failure_threshold), (5, 1, 2));
    }

    #[test]
    fn a_grpc_probe_needs_no_service() {
        let probe = parse(r#"{"grpc":{"port":9000,"service":null}}"#).unwrap();
        assert_eq!(probe.kind, ProbeKind::Grpc { port: Some(9000), service: String::new() });
    }

    #[test]
    fn a_probe_of_no_kind_is_none() {
        assert!(matches!(parse("{}"), Err(ProbeJsonError::Kind)));
        assert!(matches!(parse("[]"), Err(ProbeJsonError::Json(_))));
    }
}
