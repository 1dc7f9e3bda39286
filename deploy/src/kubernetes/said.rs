//! What an apiserver said, in its own words.

use std::fmt;

/// An error of the client as people read it: the apiserver's message, which names verb, resource and who asked, and its
/// status. (The client's own form repeats it with all of its fields.)
#[derive(Debug)]
pub(crate) struct Said<'a>(pub(crate) &'a kube::Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            kube::Error::Api(status) => write!(f, "{} ({})", status.message, status.code),
            other => write!(f, "{other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_apiservers_words_and_once() {
        let message = "pods is forbidden: User \"x\" cannot list resource \"pods\"";
        let status =
            Status { code: 403, message: message.to_owned(), reason: "Forbidden".to_owned(), ..Status::default() };
        assert_eq!(Said(&kube::Error::Api(Box::new(status))).to_string(), format!("{message} (403)"));
    }
}
