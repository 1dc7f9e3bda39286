//! Why an object is not served as it is.

use config::{Problem, Problems};

/// Why one is not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// It has to be changed, and then it is looked at again.
    #[error("{0}")]
    Refused(String),
    /// Something that it uses has to be there, or to be another; nobody tells when that is so.
    #[error("{0}")]
    Lacks(String),
    /// The apiserver did not answer.
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

impl From<Problems> for Trouble {
    fn from(problems: Problems) -> Trouble {
        Trouble::Refused(said(problems.0.iter()))
    }
}

/// All that is wrong or odd, in one line: of the object itself without its name, which whoever reads it sees beside it.
pub(super) fn said<'a>(problems: impl Iterator<Item = &'a Problem>) -> String {
    let is_it = |object: &str| object.starts_with("ScaledObject ") || object.starts_with("ScaledJob ");
    let all = problems.map(|problem| {
        let object = if is_it(&problem.object) { String::new() } else { problem.object.clone() };
        Problem { object, ..problem.clone() }.to_string()
    });
    all.collect::<Vec<_>>().join("; ")
}
