//! Manifest files from disk.

use std::fs::{self, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use config::bounds;
use config::manifest::Manifests;
use config::problem::{Problem, Problems};
use tokio::time::sleep;

use crate::triggers;

/// What to say when the files are right and there is no workload in them.
pub const NOTHING_TO_SERVE: &str = "the files declare no workload: nothing to serve";

/// Reads `paths` as one set of manifests. A directory stands for the `.yaml` and `.yml` files in it.
///
/// # Errors
/// Every problem of every file, one that cannot be read included.
pub fn read(paths: &[PathBuf]) -> Result<Manifests, Problems> {
    triggers::read(&load(paths)?)
}

/// Names and texts of all files.
fn load(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Problems> {
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    let mut wrong = |path: &Path, message: String| {
        let file = path.display().to_string();
        unreadable.push(Problem { file, object: String::new(), key: String::new(), value: None, message });
    };
    for path in paths {
        match files_of(path) {
            Ok(found) => {
                for path in found {
                    match fs::read_to_string(&path) {
                        Ok(text) => files.push((path.display().to_string(), text)),
                        Err(error) => wrong(&path, format!("cannot be read: {error}")),
                    }
                }
            }
            Err(error) => wrong(path, format!("cannot be read: {error}")),
        }
    }
    if unreadable.is_empty() { Ok(files) } else { Err(Problems(unreadable)) }
}

/// The path itself, or the manifests of a directory by name. Hidden files are editors' own.
fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let is_hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_manifest = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_manifest && !is_hidden && !file.is_dir() {
            files.push(file);
        }
        if files.len() > bounds::MANIFEST_FILES {
            return Err(io::Error::other(format!("it has more than {} manifests", bounds::MANIFEST_FILES)));
        }
    }
    files.sort();
    Ok(files)
}

/// Waits for edits of files.
#[derive(Debug)]
pub struct Watch {
    paths: Vec<PathBuf>,
    /// How the files looked when they were last read.
    read: Stamp,
    /// What was in them; none if they could not be read.
    content: Option<u64>,
    hasher: RandomState,
}

/// All that tells without reading whether a file was written or replaced; none where there is no file.
type Stamp = Vec<(PathBuf, Option<[i128; 4]>)>;

impl Watch {
    /// Reads `paths` as [`read`] does, to wait for edits from there on.
    ///
    /// # Errors
    /// Every problem of every file, one that cannot be read included.
    pub fn begin(paths: Vec<PathBuf>) -> Result<(Manifests, Watch), Problems> {
        let files = load(&paths)?;
        let manifests = triggers::read(&files)?;
        let hasher = RandomState::new();
        let content = Some(hasher.hash_one(files));
        // How they looked before they were read nobody knows: the first look reads them again.
        Ok((manifests, Watch { paths, read: Stamp::new(), content, hasher }))
    }

    /// Resolves when what is in the files has changed and stays for a moment: an editor that writes in steps is done. An
    /// edit that is being read when this is dropped goes unseen.
    ///
    /// # Errors
    /// Every problem of what is in them now; each is told once.
    pub async fn edited(&mut self) -> Result<Manifests, Problems> {
        let mut seen = self.read.clone();
        loop {
            sleep(bounds::EDIT_POLL).await;
            let now = stamp(&self.paths);
            if now == self.read || now != seen {
                seen = now;
                continue;
            }
            self.read = now;
            let files = load(&self.paths);
            let content = files.as_ref().ok().map(|files| self.hasher.hash_one(files));
            if self.content == content {
                continue;
            }
            self.content = content;
            let files = files?;
            let reading = tokio::task::spawn_blocking(move || triggers::read(&files));
            return reading.await.expect("reading manifests does not panic and is not aborted");
        }
    }
}

fn stamp(paths: &[PathBuf]) -> Stamp {
    let look = |file: PathBuf| {
        let seen = fs::metadata(&file).ok().map(|metadata| look_of(&metadata));
        (file, seen)
    };
    let files = paths.iter().flat_map(|path| files_of(path).unwrap_or_else(|_| vec![path.clone()]));
    files.map(look).collect()
}

fn look_of(metadata: &Metadata) -> [i128; 4] {
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    [
        metadata.len().into(),
        metadata.ino().into(),
        nanos(metadata.mtime(), metadata.mtime_nsec()),
        nanos(metadata.ctime(), metadata.ctime_nsec()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::time::advance;

    const HELLO: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: hello }\nspec: { template: { spec: \
                         { containers: [{ command: [sleep] }] } } }\n";

    /// A directory of one test, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("rouse-files-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn names(manifests: &Manifests) -> Vec<&str> {
        manifests.workloads.iter().map(|declared| declared.workload.id.name()).collect()
    }

    #[test]
    fn a_directory_stands_for_its_manifests_by_name() {
        let folder = Folder::new("directory");
        folder.write("b.yaml", &HELLO.replace("hello", "second"));
        folder.write("a.yml", HELLO);
        folder.write(".a.yml", "{ an editor's");
        folder.write("notes.txt", "{ no manifest");
        assert_eq!(names(&read(std::slice::from_ref(&folder.0)).unwrap()), ["hello", "second"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_in_steps_is_read_when_it_stays() {
        let folder = Folder::new("steps");
        let file = folder.write("app.yaml", HELLO);
        let (_, mut watch) = Watch::begin(vec![file]).unwrap();
        let mut edited = Box::pin(watch.edited());
        let mut step = async |text: &str| {
            folder.write("app.yaml", text);
            advance(bounds::EDIT_POLL).await;
            edited.as_mut().now_or_never()
        };
        for n in 1..10 {
            let half = format!("{HELLO}{}", "#".repeat(n));
            assert!(step(&half).await.is_none(), "it is being written");
        }
        let whole = HELLO.replace("hello", "whole");
        assert!(step(&whole).await.is_none(), "not seen twice yet");
        assert_eq!(names(&edited.await.unwrap()), ["whole"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_edit_is_told_once_and_its_repair_is_read() {
        let folder = Folder::new("broken");
        let file = folder.write("app.yaml", HELLO);
        let (_, mut watch) = Watch::begin(vec![file.clone()]).unwrap();
        fs::remove_file(&file).unwrap();
        let gone = watch.edited().await.unwrap_err().to_string();
        assert!(gone.ends_with("app.yaml: cannot be read: No such file or directory (os error 2)"), "{gone}");
        folder.write("new.yaml", "kind: {");
        fs::rename(folder.0.join("new.yaml"), &file).unwrap();
        assert!(watch.edited().await.is_err());
        assert!(tokio::time::timeout(Duration::from_secs(60), watch.edited()).await.is_err(), "it is told once");
        folder.write("app.yaml", HELLO);
        assert_eq!(names(&watch.edited().await.unwrap()), ["hello"]);
    }
}
