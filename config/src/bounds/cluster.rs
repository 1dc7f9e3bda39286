//! What bounds Rouse on Kubernetes: what it asks of an apiserver, remembers of a cluster, and waits for.

use std::time::Duration;

/// Services that are looked at, and perhaps written, at once: the apiserver answers a write in a few milliseconds, and the
/// limit of writes is reached long before.
pub const ROUTE_JOBS: usize = 32;

/// How often it is looked whether Kubernetes leads a Service that is given back, or whether there is a pod for it.
pub const RELEASE_LOOK: Duration = Duration::from_millis(250);

/// How long a Service that is given back waits for pods of a workload that is not there any more.
pub const RELEASE_PATIENCE: Duration = Duration::from_secs(60);

/// How long a workload whose label was taken off may take to have a ready pod, and after that its Services to be given back:
/// each as long as Knative lets a pod take to start. Requests for it are held or served meanwhile.
pub const KUBE_LEAVE: Duration = Duration::from_secs(600);

/// How often it is looked whether a workload that waits for a pod before it leaves is still there, for it is watched no more.
pub const KUBE_LEAVE_LOOK: Duration = Duration::from_secs(5);

/// Workloads that are looked for at once because a watch shows them no more: a namespace of thousands may go at once, and the
/// apiserver answers each within milliseconds.
pub const KUBE_LEAVE_LOOKS: usize = 32;

/// EndpointSlices of one Service, family and purpose: a hundred thousand endpoints.
pub const SLICES: usize = 1_000;

/// Writes to the apiserver a second in the long run (`--kube-api-qps`): a fifth of what client-go's largest users set, and
/// enough to wake twenty workloads a second with a route and an event each.
pub const KUBE_API_QPS: f64 = 50.0;

/// Writes to the apiserver at once (`--kube-api-burst`): the wakes of a hundred workloads need not wait.
pub const KUBE_API_BURST: u32 = 100;

/// How long the apiserver may take to answer a write: longer than it waits for webhooks, and no call is waited for for ever.
pub const KUBE_WRITE_TIME: Duration = Duration::from_secs(30);

/// Writes that wait for the apiserver: a few for each of ten thousand workloads.
pub const KUBE_WRITES_WAITING: usize = 32_768;

/// How long a token may be valid for, and how long a pod that is gone is remembered: its token verifies for as long. Kubernetes
/// gives out tokens for an hour unless it is asked for others.
pub const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// How far clocks that date tokens may be from ours: as much as Kubernetes itself allows.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(60);

/// How long after a cluster was asked for the keys of its tokens it is not asked again, whatever token comes.
pub const TOKEN_KEYS_PAUSE: Duration = Duration::from_secs(10);

/// The same while it has not answered yet: nobody is let in before.
pub const TOKEN_KEYS_FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How old the keys of a cluster's tokens may be before it is asked again: one that was withdrawn verifies for as long.
pub const TOKEN_KEYS_FRESH: Duration = Duration::from_secs(3600);

/// How long a cluster may take to tell its keys; whoever shows a token waits for it.
pub const TOKEN_KEYS_TIME: Duration = Duration::from_secs(5);

/// Keys of one cluster: those of its apiservers, old and new.
pub const TOKEN_KEYS: usize = 64;

/// Pods that are gone and remembered, so that their tokens are not believed: those of an hour in which eighteen go a second.
pub const GONE_PODS: usize = 65_536;

/// How long the Lease lasts by which one autoscaler decides, unless a flag says otherwise: as that of Kubernetes' own
/// controllers.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);

/// How long it may last: a Lease says whole seconds, and nobody wants to be without an autoscaler for longer.
pub const LEASE_DURATIONS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);

/// How long an autoscaler that ends may take to give its Lease up; the others wait until it is over otherwise.
pub const LEASE_RELEASE: Duration = Duration::from_secs(1);

/// Pause before the slice that leads Links to the autoscaler that decides is written again, or watched again, after that
/// failed: it is one, and reporters wait for it.
pub const LINK_SLICE_AGAIN: Duration = Duration::from_secs(1);

/// How long an apiserver may take to tell of that slice, or to write it, before it is asked again.
pub const LINK_SLICE_READ: Duration = Duration::from_secs(5);

/// Things told of objects that wait to become events: a burst of a thousand workloads. More are dropped and counted.
pub const KUBE_TOLD: usize = 1_024;

/// Route calls that wait to be taken up; those who call wait when there are more.
pub const KUBE_ROUTE_CALLS: usize = 1_024;

/// Workloads that are to be woken because a Service of theirs is to be given back; who is not among them is said again.
pub const KUBE_ROUTE_WAKES: usize = 1_024;

/// Objects in one page of a list: as many as client-go asks for; of ten thousand workloads one page at a time is in memory.
pub const KUBE_PAGE: u32 = 500;

/// First pause before a watch that broke is tried again; doubles up to [`KUBE_RETRY_SLOWEST`].
pub const KUBE_RETRY_FIRST: Duration = Duration::from_millis(100);

/// Longest pause before a watch that broke is tried again: late by at most this once the apiserver is back.
pub const KUBE_RETRY_SLOWEST: Duration = Duration::from_secs(5);

/// How long what a list does not name right after a gap in a watch counts as being there.
pub const KUBE_GAP: Duration = Duration::from_secs(10);

/// How far apart somebody else's changes of a workload's scale may be to count as going on.
pub const KUBE_FOREIGN_WITHIN: Duration = Duration::from_secs(600);

/// How long after a call of ours its driver is told nothing that others did: by then it has heard how the call ended.
pub const KUBE_QUIET: Duration = Duration::from_secs(1);

/// How long what a cluster says of a pod that cannot start must last to be believed: preemption finds room within seconds,
/// and a controller's word may be of the pods before. Nor is earlier told that a workload is missing: it comes by another
/// watch, or stands further down in the manifest, than whoever names it.
pub const KUBE_PATIENCE: Duration = Duration::from_secs(10);

/// How long a workload may have no pod that it is to have before events are asked why, where only they tell: its
/// controller creates one within this, or says that it cannot.
pub const KUBE_LACKS: Duration = Duration::from_secs(2);

/// How often the controller of a workload whose pods no webhook admits is made to try again: its own back-off grows to
/// minutes, and a first wake is to come within ten seconds of the webhook's return.
pub const KUBE_NUDGE: Duration = Duration::from_secs(5);

/// How much earlier than it happened something may bear a stamp of the cluster: whole seconds, and clocks that differ.
pub const KUBE_STAMP: Duration = Duration::from_secs(5);

/// Pods that nobody scales of which is remembered that they are to be told, or were.
pub const KUBE_STRAYS: usize = 1_024;

/// Events of which is remembered how often they were told: a few for each of hundreds of workloads with news at once.
pub const KUBE_EVENTS_KEPT: usize = 1_024;

/// How long after it was told last something told again is the same event.
pub const KUBE_EVENT_KEPT: Duration = Duration::from_secs(600);

/// How long an event that is told again waits before its count is written: what flaps costs a write in this time.
pub const KUBE_EVENT_AGAIN: Duration = Duration::from_secs(10);

/// Events of one object at once; then one more each [`KUBE_EVENT_OF_ONE_EVERY`]. A wake, its steps up and the way back to
/// sleep fit.
pub const KUBE_EVENTS_OF_ONE: u32 = 20;

/// How often an object that has had its share gets another event.
pub const KUBE_EVENT_OF_ONE_EVERY: Duration = Duration::from_secs(15);

/// Events at once, of all objects; then one more each [`KUBE_EVENT_EVERY`].
pub const KUBE_EVENTS_AT_ONCE: u32 = 200;

/// How often there is another event when all have had their share: a tenth of the writes that we may send.
pub const KUBE_EVENT_EVERY: Duration = Duration::from_millis(200);

/// Bytes of an event's message: more is refused by Kubernetes.
pub const KUBE_EVENT_MESSAGE: usize = 1_024;

/// Characters of an object's name in the name of its event; what comes behind makes it no longer than a name may be.
pub const KUBE_EVENT_NAME: usize = 230;

/// How long the authority that signs for our own servers is good: longer than a cluster lasts.
pub const AUTHORITY_LIFETIME: Duration = Duration::from_secs(3650 * 24 * 3600);

/// How often the authority is looked for and made: who finds that another made it takes that one.
pub const AUTHORITY_TRIES: u32 = 5;

/// How long before they are made certificates are good already: clocks of a cluster's machines differ by less.
pub const CERTIFICATE_SKEW: Duration = Duration::from_secs(3600);

/// How long the injector may take to answer the apiserver, which waits as long.
pub const REVIEW_TIME: Duration = Duration::from_secs(2);

/// Bytes of what the apiserver asks: no object is larger than 3 MiB.
pub const REVIEW_BYTES: usize = 3 << 20;

/// Questions of the apiserver that are read at once: each takes microseconds once it is there, and together they stay
/// below 100 MiB.
pub const REVIEWS_AT_ONCE: usize = 32;

/// Connections to the injector: a few of each apiserver, and nobody else has a reason to call.
pub const REVIEW_CONNECTIONS: usize = 1_024;

/// How long a connection to the injector may be idle: longer than an apiserver keeps one (90 s), so that it is not closed
/// at the moment it is used.
pub const REVIEW_IDLE: Duration = Duration::from_secs(120);

/// How long an injector that was told to end answers new connections: by then the apiserver calls another.
pub const REVIEW_LEAVE: Duration = Duration::from_secs(5);

/// How often `rouse uninstall` writes a scale anew because somebody else has written it meanwhile.
pub const UNINSTALL_SCALE_TRIES: u32 = 5;

/// How often `rouse install` and `uninstall` look whether what they wait for is so: nobody notices it, and it is no load.
pub const INSTALL_LOOKS: Duration = Duration::from_millis(200);

/// How often they tell what they wait for: before whoever watches wonders whether they hang.
pub const INSTALL_TELLS: Duration = Duration::from_secs(5);

/// How often they change a namespace that is being deleted, so that Kubernetes looks whether it can go: by itself it does
/// so when half of the time has passed that its pods may take to end.
pub const INSTALL_NUDGE: Duration = Duration::from_secs(5);

/// Objects in one answer when `rouse install` and `uninstall` list them: kubectl's.
pub const INSTALL_LIST_PAGE: u32 = 500;

/// Longest pause before a workload that could not be marked as adopted is tried again: the right to do so may be missing for
/// days.
pub const KUBE_MARK_SLOWEST: Duration = Duration::from_secs(600);

/// First pause before an object that could not be brought to what it should be is tried again, if nothing happens to it
/// before; doubles up to [`KUBE_AGAIN_SLOWEST`].
pub const KUBE_AGAIN_FIRST: Duration = Duration::from_secs(1);

/// Longest pause before that: twelve requests an hour for an object that somebody has to repair.
pub const KUBE_AGAIN_SLOWEST: Duration = Duration::from_secs(300);

/// How long one object may take to be brought to what it should be, writes that wait included, before others have their
/// turn: three times as long as the apiserver waits for a webhook.
pub const KUBE_UPKEEP_TIME: Duration = Duration::from_secs(30);
