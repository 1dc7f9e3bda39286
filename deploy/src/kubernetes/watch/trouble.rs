//! Watches that do not work: told once, with what to do about it, and again when it is over.

use std::collections::HashMap;

use kube::runtime::watcher::Error;
use tracing::{info, warn};

use crate::exposition;

/// Which watches do not work.
#[derive(Debug, Default)]
pub(in crate::kubernetes) struct Trouble(HashMap<String, String>);

impl Trouble {
    /// A watch of `what` (`deployments.apps`) had an error.
    pub(in crate::kubernetes) fn failed(&mut self, what: &str, error: &Error) {
        // The apiserver has forgotten where the watch was: it is told everything again, and that is that.
        if let Error::WatchError(status) = error
            && status.code == 410
        {
            return;
        }
        exposition::kube_watch_failed(what);
        let why = why(what, error);
        if self.0.get(what) != Some(&why) {
            warn!("{why}");
            self.0.insert(what.to_owned(), why);
        }
    }

    /// It works.
    pub(in crate::kubernetes) fn works(&mut self, what: &str) {
        if !self.0.is_empty() && self.0.remove(what).is_some() {
            info!("{what} are watched again");
        }
    }
}

/// What is wrong, and what to do about it.
fn why(what: &str, error: &Error) -> String {
    let status = match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status))
        | Error::WatchError(status) => Some(status),
        _ => None,
    };
    match status {
        Some(status) if status.code == 401 || status.code == 403 => {
            format!("{what} cannot be watched: grant list and watch on {what} ({})", status.message)
        }
        Some(status) => format!("{what} cannot be watched: {} ({})", status.message, status.code),
        None => format!("{what} cannot be watched: {}", chain(error)),
    }
}

/// The error and its causes. `kube` repeats some in the text of others.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn status(code: u16, message: &str) -> Box<Status> {
        Box::new(Status { code, message: message.to_owned(), ..Status::default() })
    }

    #[test]
    fn missing_rights_say_what_to_grant() {
        let message = "deployments.apps is forbidden: User \"x\" cannot list resource \"deployments\"";
        let error = Error::InitialListFailed(kube::Error::Api(status(403, message)));
        assert_eq!(
            why("deployments.apps", &error),
            format!("deployments.apps cannot be watched: grant list and watch on deployments.apps ({message})")
        );
    }

    #[test]
    fn a_gap_is_no_trouble() {
        let mut trouble = Trouble::default();
        trouble.failed("pods", &Error::WatchError(status(410, "too old resource version")));
        assert!(trouble.0.is_empty());
        trouble.failed("pods", &Error::WatchError(status(500, "etcd is away")));
        assert_eq!(trouble.0["pods"], "pods cannot be watched: etcd is away (500)");
        trouble.works("pods");
        assert!(trouble.0.is_empty());
    }
}
