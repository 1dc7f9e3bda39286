//! A file that somebody edits.

use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use config::bounds;
use config::manifest::Manifests;
use config::problem::{Findings, Problem, Problems};
use tokio::time::sleep;

use crate::triggers;

/// The text of the file, up to a little more than is accepted.
pub(super) fn read(path: &Path) -> Result<String, Problems> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(bounds::MANIFEST_BYTES as u64 + 1).read_to_string(&mut text));
    read.map_err(|error| {
        Problems(vec![Problem {
            file: path.display().to_string(),
            object: String::new(),
            key: String::new(),
            value: None,
            message: format!("cannot be read: {error}"),
        }])
    })?;
    Ok(text)
}

/// What the text declares, with a warning for each object whose triggers nobody reads here.
pub(super) fn parse(path: &Path, text: String) -> Result<Manifests, Problems> {
    let mut manifests = triggers::read(&[(path.display().to_string(), text)])?;
    let objects = manifests.scaled_objects.iter().map(|declared| &declared.place);
    let jobs = manifests.scaled_jobs.iter().map(|declared| &declared.place);
    for (file, object) in objects.chain(jobs) {
        let mut here = Findings::about(file, object);
        here.warn("", "is ignored: triggers are read by rouse run and on a cluster, not with --platform static:FILE");
        manifests.warnings.extend(here.warnings);
    }
    Ok(manifests)
}

/// Tells texts apart.
pub(super) type Digest = u64;

pub(super) fn digest(text: &str) -> Digest {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What became of a file.
#[derive(Debug)]
pub(super) enum Edit {
    /// Nothing, or it was the same as before.
    None,
    Right(Box<Manifests>, Digest),
    Wrong(Problems, Digest),
}

impl Edit {
    /// Reads the file again, whose text was `last`.
    pub(super) fn read(path: &Path, last: Digest) -> Edit {
        let text = match read(path) {
            Ok(text) => text,
            Err(problems) => {
                // Told once: nothing has this digest.
                let gone = digest(&problems.to_string());
                return if gone == last { Edit::None } else { Edit::Wrong(problems, gone) };
            }
        };
        let digest = digest(&text);
        if digest == last {
            return Edit::None;
        }
        match parse(path, text) {
            Ok(manifests) => Edit::Right(Box::new(manifests), digest),
            Err(problems) => Edit::Wrong(problems, digest),
        }
    }
}

/// Notices changes of a file, by its writing or by another being moved in its place: at once where the operating system
/// tells, and within [`bounds::FILE_POLL`] elsewhere.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    notices: Option<notices::Notices>,
    last: Option<Stamp>,
    /// What was seen last, if that is not `last`: still being written, perhaps.
    fresh: Option<Stamp>,
}

/// What changes with a file.
type Stamp = (u64, u64, i64, i64);

impl Watched {
    pub(super) fn new(path: &Path) -> Watched {
        // First the notices, then the stamp: nothing falls between.
        let notices =
            notices::Notices::of(path).map_err(|error| tracing::debug!("no notices of changes: {error}")).ok();
        Watched { path: path.to_owned(), notices, last: stamp(path), fresh: None }
    }

    /// Resolves when the file may have changed.
    pub(super) async fn changed(&mut self) {
        loop {
            let noticed = async {
                match &self.notices {
                    Some(notices) => notices.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = noticed => {
                    self.last = stamp(&self.path);
                    return;
                }
                () = sleep(bounds::FILE_POLL) => {}
            }
            let now = stamp(&self.path);
            if now == self.last {
                self.fresh = None;
            } else if now == self.fresh {
                // It has been like this for a while: whoever wrote it has finished.
                self.last = now;
                return;
            } else {
                self.fresh = now;
            }
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = |metadata: Metadata| (metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec());
    std::fs::metadata(path).map(of).ok()
}

#[cfg(target_os = "linux")]
mod notices {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use rustix::fs::inotify;
    use tokio::io::unix::AsyncFd;

    /// What the operating system says of one file.
    #[derive(Debug)]
    pub(super) struct Notices {
        queue: AsyncFd<OwnedFd>,
        name: Vec<u8>,
    }

    impl Notices {
        /// Of the file at `path`, whether it is there or not: its directory is watched, for files are replaced.
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, for the sake of types that lie about their descriptor"
        )]
        pub(super) fn of(path: &Path) -> io::Result<Notices> {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.as_bytes().to_owned();
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let queue = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
            inotify::add_watch(&queue, directory, inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::MOVED_TO)?;
            Ok(Notices { queue: AsyncFd::new(queue)?, name })
        }

        /// Resolves when the file was written or replaced. Cancel-safe.
        pub(super) async fn next(&self) {
            loop {
                let Ok(mut ready) = self.queue.readable().await else { return std::future::pending().await };
                let mut buffer = [MaybeUninit::uninit(); 4096];
                let mut events = inotify::Reader::new(self.queue.get_ref(), &mut buffer);
                let mut is_ours = false;
                while let Ok(event) = events.next() {
                    is_ours |= event.file_name().is_some_and(|name| name.to_bytes() == self.name);
                }
                ready.clear_ready();
                if is_ours {
                    return;
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod notices {
    use std::io;
    use std::path::Path;

    /// Nobody says.
    #[derive(Debug)]
    pub(super) struct Notices;

    impl Notices {
        pub(super) fn of(_path: &Path) -> io::Result<Notices> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) async fn next(&self) {
            std::future::pending().await
        }
    }
}
