//! Where spans go.

use crate::rouse::{Ended, Folder};

/// What `rouse run` says to `--otlp-endpoint URL`, before it looks at anything else.
#[track_caller]
fn refuses(url: &str, said: &str) {
    let ended = Folder::new().rouse(&["run", "--otlp-endpoint", url, "app.yaml"]);
    let said = format!(
        "error: invalid value '{url}' for '--otlp-endpoint <URL>': {said}\n\nFor more information, try '--help'.\n"
    );
    assert_eq!(ended, Ended { code: Some(2), out: String::new(), err: said });
}

#[cfg(not(feature = "otel"))]
#[test]
fn a_rouse_that_sends_no_spans_says_so() {
    refuses("http://127.0.0.1:4318", "this rouse was built without the feature otel");
}

#[cfg(feature = "otel")]
#[test]
fn an_endpoint_that_is_not_spoken_is_refused() {
    refuses("https://far.example", "only http: have a collector on this machine send on what is to go far");
    refuses("localhost:4318", "write http://HOST:PORT");
}
