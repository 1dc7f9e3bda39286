//! Manifest files from disk.

use std::path::PathBuf;

use config::manifest::{self, Manifests};
use config::problem::{Problem, Problems};

/// What to say when the files are right and there is no workload in them.
pub const NOTHING_TO_SERVE: &str = "the files declare no workload: nothing to serve";

/// Reads `paths` as one set of manifests.
///
/// # Errors
/// Every problem of every file, one that cannot be read included.
pub fn read(paths: &[PathBuf]) -> Result<Manifests, Problems> {
    let mut files = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => files.push((name, text)),
            Err(error) => unreadable.push(Problem {
                file: name,
                object: String::new(),
                key: String::new(),
                value: None,
                message: format!("cannot be read: {error}"),
            }),
        }
    }
    if unreadable.is_empty() { manifest::read(&files) } else { Err(Problems(unreadable)) }
}
