//! A kind that is scaled besides Deployments and StatefulSets, as flags name it.

use std::fmt;
use std::str::FromStr;

/// A kind with a scale subresource, `RESOURCE.GROUP` (`rollouts.argoproj.io`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScaledKind {
    /// Its plural: `rollouts`.
    pub resource: String,
    /// Its group: `argoproj.io`.
    pub group: String,
}

/// The text is not `RESOURCE.GROUP`.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a kind: write RESOURCE.GROUP, with the plural, as in rollouts.argoproj.io")]
pub struct NotAKind(String);

impl FromStr for ScaledKind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<ScaledKind, NotAKind> {
        let plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        match text.split_once('.') {
            Some((resource, group)) if plain(resource) && group.split('.').all(plain) => {
                Ok(ScaledKind { resource: resource.to_owned(), group: group.to_owned() })
            }
            _ => Err(NotAKind(text.to_owned())),
        }
    }
}

impl fmt::Display for ScaledKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.resource, self.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_a_plural_and_a_group() {
        let kind: ScaledKind = "rollouts.argoproj.io".parse().unwrap();
        assert_eq!((kind.resource.as_str(), kind.group.as_str()), ("rollouts", "argoproj.io"));
        assert_eq!(kind.to_string(), "rollouts.argoproj.io");
        for text in ["rollouts", "Rollout.argoproj.io", "rollouts.", ".argoproj.io", "*.argoproj.io", "a..b"] {
            assert!(text.parse::<ScaledKind>().is_err(), "{text}");
        }
    }
}
