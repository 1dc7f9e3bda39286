//! A directory of our own, for as long as we run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::file::Files;
use super::ports;

/// Set, it keeps the directory in any case.
const KEEP: &str = "BENCH_KEEP";

/// Lines of each log that are shown.
const LINES: usize = 12;

/// A directory that goes when this is dropped, unless somebody was told where the logs are.
pub(crate) struct Scratch {
    path: PathBuf,
    keep: AtomicBool,
}

impl Scratch {
    pub(crate) fn new() -> anyhow::Result<Scratch> {
        let unique = ports::address()?.port();
        let path = std::env::temp_dir().join(format!("rouse-town-{}-{unique}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        let keep = AtomicBool::new(std::env::var_os(KEEP).is_some());
        Ok(Scratch { path, keep })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn files(&self) -> Files {
        Files::in_directory(&self.path)
    }

    /// The end of what each process printed, pods left out; the directory with all of it is kept.
    pub(crate) fn logs(&self) -> String {
        self.keep.store(true, Ordering::Relaxed);
        let mut text = format!("all logs are in {}\n", self.path.display());
        for entry in std::fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("pod-") || !name.ends_with(".log") {
                continue;
            }
            let log = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            text.push_str(&format!("{name}:\n  {}\n", lines[lines.len().saturating_sub(LINES)..].join("\n  ")));
        }
        text
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep.load(Ordering::Relaxed) {
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}
