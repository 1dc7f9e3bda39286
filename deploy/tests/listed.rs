//! The static platform: pods as a file lists them, and wishes as a file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use config::{Platform, PlatformEvent, PodState, WorkloadId, bounds};
use deploy::listed::ListedPlatform;
use futures_util::{Stream, StreamExt};
use queue_proxy::Clock;
use tokio::task::JoinSet;
use tokio::time::timeout;

const HELLO: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: hello }\nspec: { template: { spec: { \
                     containers: [{ command: [run] }] } } }\n---\napiVersion: rouse.dev/v1\nkind: Pods\nworkload: \
                     hello\npods:\n";

/// A file that is edited, gone with the test.
struct Town {
    folder: PathBuf,
    platform: Arc<ListedPlatform>,
    _following: JoinSet<()>,
}

impl Town {
    fn open(pods: &str) -> Town {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("rouse-listed-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        Town::reopen(folder, pods)
    }

    fn reopen(folder: PathBuf, pods: &str) -> Town {
        std::fs::write(folder.join("town.yaml"), format!("{HELLO}{pods}")).expect("the folder is ours");
        let wishes = Some(folder.join("wishes.json"));
        let (platform, warnings) =
            ListedPlatform::open(folder.join("town.yaml"), wishes, Clock::wall()).expect("the file is right");
        assert_eq!(warnings, []);
        let mut following = JoinSet::new();
        following.spawn(Arc::clone(&platform).follow());
        Town { folder, platform, _following: following }
    }

    /// Replaces the file, as careful editors do.
    fn edit(&self, text: &str) {
        std::fs::write(self.folder.join("new"), text).expect("the folder is ours");
        std::fs::rename(self.folder.join("new"), self.folder.join("town.yaml")).expect("the folder is ours");
    }

    fn wishes(&self) -> String {
        std::fs::read_to_string(self.folder.join("wishes.json")).expect("wishes are written")
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn hello() -> WorkloadId {
    "hello".parse().expect("a name")
}

/// The next event in few words.
async fn next(events: &mut (impl Stream<Item = PlatformEvent> + Unpin)) -> String {
    let event = timeout(Duration::from_secs(30), events.next()).await.expect("something happens");
    match event.expect("the platform lives") {
        PlatformEvent::Workload(workload, pods) => format!("{} wants {pods}", workload.id.name()),
        PlatformEvent::Adopted(workload, _) => format!("{} is adopted", workload.id.name()),
        PlatformEvent::WorkloadGone(id) => format!("{} is gone", id.name()),
        PlatformEvent::Pod(pod) => format!("{} at {} is {:?}", pod.id, pod.address, pod.state),
        PlatformEvent::Failure(id, _) => format!("{} fails", id.name()),
    }
}

#[tokio::test]
async fn pods_come_and_go_as_the_file_is_edited() {
    let town =
        Town::open("- { name: a, address: '127.0.0.1:1' }\n- { name: b, address: '127.0.0.1:2', queueProxy: no }\n");
    let mut events = town.platform.events();
    assert_eq!(next(&mut events).await, "hello wants 2");
    assert_eq!(next(&mut events).await, format!("a at 127.0.0.1:1 is {:?}", PodState::Starting));
    assert_eq!(next(&mut events).await, format!("b at 127.0.0.1:2 is {:?}", PodState::Ready));
    town.edit(&format!("{HELLO}- {{ name: a, address: '127.0.0.1:1' }}\n- {{ name: c }}\n"));
    assert_eq!(next(&mut events).await, "b at 127.0.0.1:2 is Gone");
    assert_eq!(next(&mut events).await, "c at 0.0.0.0:0 is Starting");
    town.edit("");
    assert_eq!(next(&mut events).await, "a at 127.0.0.1:1 is Gone");
    assert_eq!(next(&mut events).await, "c at 0.0.0.0:0 is Gone");
    assert_eq!(next(&mut events).await, "hello is gone");
}

#[tokio::test]
async fn scaled_objects_and_jobs_of_the_file_are_told_to_be_ignored() {
    let town = Town::open("  []\n");
    let trigger = "triggers: [{ type: cron, metadata: { timezone: UTC, start: 0 8 * * *, end: 0 9 * * *, \
                   desiredReplicas: '2' } }]";
    let object = format!(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{ name: on-time }}\nspec: {{ scaleTargetRef: {{ \
         name: hello }}, {trigger} }}\n"
    );
    let job = format!(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledJob\nmetadata: {{ name: nightly, namespace: shop }}\nspec: {{ \
         jobTargetRef: {{ template: {{ spec: {{ containers: [{{ command: [run] }}], restartPolicy: Never }} }} }}, \
         {trigger} }}\n"
    );
    let file = town.folder.join("triggers.yaml");
    std::fs::write(&file, format!("{HELLO}  []\n---\n{object}---\n{job}")).expect("the folder is ours");
    let (_platform, warnings) = ListedPlatform::open(file.clone(), None, Clock::wall()).expect("the file is right");
    let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    let expected = ["ScaledObject default/on-time", "ScaledJob shop/nightly"].map(|object| {
        format!(
            "{}: {object}: is ignored: triggers are read by rouse run and on a cluster, not with --platform static:FILE",
            file.display()
        )
    });
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_broken_edit_is_refused_as_a_whole_and_what_was_listed_stays() {
    let town = Town::open("- { name: a, address: '127.0.0.1:1' }\n");
    let mut events = town.platform.events();
    assert_eq!(next(&mut events).await, "hello wants 1");
    assert_eq!(next(&mut events).await, "a at 127.0.0.1:1 is Starting");
    town.edit(&format!("{HELLO}- {{ name: b, address: '127.0.0.1:2' }}\n- {{ name: c, address: nowhere }}\n"));
    tokio::time::sleep(3 * bounds::FILE_POLL).await; // it is read meanwhile
    std::fs::remove_file(town.folder.join("town.yaml")).expect("it is there");
    tokio::time::sleep(3 * bounds::FILE_POLL).await;
    // Had either been taken, its events would come before these.
    town.edit(&format!("{HELLO}- {{ name: a, address: '127.0.0.1:1' }}\n- {{ name: d, address: '127.0.0.1:4' }}\n"));
    assert_eq!(next(&mut events).await, "d at 127.0.0.1:4 is Starting");
}

#[tokio::test]
async fn wishes_are_written_whole_and_a_restart_lowers_none() {
    let town = Town::open("- { name: a, address: '127.0.0.1:1' }\n");
    assert_eq!(town.wishes(), "{\n  \"default/Deployment/hello\": 1\n}\n");
    town.platform.scale(&hello(), 3).await.expect("it is written");
    assert_eq!(town.wishes(), "{\n  \"default/Deployment/hello\": 3\n}\n");
    assert!(town.platform.scale(&"other".parse().expect("a name"), 1).await.is_err());
    let again = Town::reopen(town.folder.clone(), "- { name: a, address: '127.0.0.1:1' }\n");
    assert_eq!(next(&mut again.platform.events()).await, "hello wants 3");
}

#[tokio::test]
async fn nothing_is_written_when_nothing_changed() {
    let town = Town::open("  []\n");
    std::fs::remove_file(town.folder.join("wishes.json")).expect("it was written");
    town.platform.scale(&hello(), 0).await.expect("nothing is to be written");
    assert!(!town.folder.join("wishes.json").exists());
    town.platform.scale(&hello(), 1).await.expect("it is written");
    assert!(town.wishes().contains(": 1"));
}
