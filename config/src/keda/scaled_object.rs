//! A ScaledObject: a workload that is scaled on what triggers count.

use std::time::Duration;

use serde_json::Value;

use super::fields::{COUNT, needed, seconds, warn_of_unknown};
use super::{Behavior, Fallback, Modifiers, Replicas, Steps, Switches, Trigger};
use crate::WorkloadId;
use crate::defaults::triggers as defaults;
use crate::duration::GoDuration;
use crate::node::Node;
use crate::problem::{Findings, Problems, Warning};

/// A `ScaledObject` of `keda.sh/v1alpha1`, after defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaledObject {
    /// Its namespace, which is also that of what it scales.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `scaleTargetRef`.
    pub target: ScaleTarget,
    /// `pollingInterval` (30 s); at least 1 s.
    pub polling_interval: Duration,
    /// `initialCooldownPeriod` (0 s): how long after its creation nothing goes to zero that was never active.
    pub initial_cooldown: Duration,
    /// `cooldownPeriod` (300 s): how long after the last activity the last pods go.
    pub cooldown: Duration,
    /// `idleReplicaCount`, `minReplicaCount`, `maxReplicaCount`.
    pub replicas: Replicas,
    /// `triggers`; never empty.
    pub triggers: Vec<Trigger>,
    /// `fallback`.
    pub fallback: Option<Fallback>,
    /// `advanced.restoreToOriginalReplicaCount` (false): whether the workload gets back as many pods as it had once the
    /// object is gone.
    pub restore_original: bool,
    /// `advanced.horizontalPodAutoscalerConfig.behavior`.
    pub behavior: Option<Behavior>,
    /// `advanced.scalingModifiers`.
    pub modifiers: Option<Modifiers>,
    /// What its annotations switch.
    pub switches: Switches,
    /// How the number of pods changes, as our annotations have it.
    pub steps: Steps,
}

/// What a ScaledObject scales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleTarget {
    /// Which workload: `name` and `kind` (Deployment).
    pub workload: WorkloadId,
    /// `apiVersion` (apps/v1).
    pub api_version: String,
    /// `envSourceContainerName`: whose variables `…FromEnv` names; else those of the first container.
    pub env_container: Option<String>,
}

const FIELDS: [&str; 10] = [
    "scaleTargetRef",
    "pollingInterval",
    "initialCooldownPeriod",
    "cooldownPeriod",
    "idleReplicaCount",
    "minReplicaCount",
    "maxReplicaCount",
    "advanced",
    "triggers",
    "fallback",
];

/// What KEDA's webhook allows: the name becomes the value of a label.
const NAME_BYTES: usize = 63;

impl ScaledObject {
    /// Reads a ScaledObject as an apiserver serves it.
    ///
    /// # Errors
    /// Every problem of the object, with its name but no file.
    pub fn on_cluster(object: &Value) -> Result<(ScaledObject, Vec<Warning>), Problems> {
        let root = Node::root(object);
        let (namespace, name, mut found) = super::identity(&root, "ScaledObject");
        let read = ScaledObject::read(&root, namespace, name, &mut found);
        found.finish(read)
    }

    /// Reads the object at `root`. What is wrong goes to `found`, and the default takes its place.
    pub(crate) fn read(root: &Node<'_>, namespace: String, name: String, found: &mut Findings) -> ScaledObject {
        let spec = root.at("spec");
        if !spec.exists() {
            found.refuse(spec.path(), "is missing");
        }
        if name.len() > NAME_BYTES {
            found.wrong("metadata.name", &name, format!("is longer than {NAME_BYTES} characters"));
        }
        warn_of_unknown(&spec, &FIELDS, found);
        let triggers = Trigger::read_all(&spec, found);
        let advanced = Advanced::read(&spec.at("advanced"), &triggers, found);
        let replicas = Replicas::read(&spec, found);
        refuse_nothing_that_wakes(&triggers, &replicas, found);
        ScaledObject {
            target: ScaleTarget::read(&spec.at("scaleTargetRef"), &namespace, found),
            polling_interval: polling_interval(&spec, &triggers, found),
            initial_cooldown: seconds(&spec.at("initialCooldownPeriod"), COUNT, found)
                .unwrap_or(defaults::INITIAL_COOLDOWN),
            cooldown: seconds(&spec.at("cooldownPeriod"), COUNT, found).unwrap_or(defaults::COOLDOWN),
            replicas,
            fallback: Fallback::read(&spec.at("fallback"), &triggers, advanced.modifiers.as_ref(), found),
            restore_original: advanced.restore_original,
            behavior: advanced.behavior,
            modifiers: advanced.modifiers,
            switches: Switches::read(root, found),
            steps: Steps::read(root, found),
            triggers,
            namespace,
            name,
        }
    }
}

impl ScaleTarget {
    fn read(node: &Node<'_>, namespace: &str, found: &mut Findings) -> ScaleTarget {
        warn_of_unknown(node, &["name", "kind", "apiVersion", "envSourceContainerName"], found);
        let name = needed(&node.at("name"), found);
        let mut or = |field: &str| node.at(field).text(found).filter(|text| !text.is_empty());
        let kind = or("kind").unwrap_or(WorkloadId::DEFAULT_KIND);
        ScaleTarget {
            workload: WorkloadId::new(namespace, kind, name),
            api_version: or("apiVersion").unwrap_or("apps/v1").to_owned(),
            env_container: or("envSourceContainerName").map(str::to_owned),
        }
    }
}

/// What is under `advanced`.
struct Advanced {
    restore_original: bool,
    behavior: Option<Behavior>,
    modifiers: Option<Modifiers>,
}

impl Advanced {
    fn read(node: &Node<'_>, triggers: &[Trigger], found: &mut Findings) -> Advanced {
        let hpa = node.at("horizontalPodAutoscalerConfig");
        let known = ["restoreToOriginalReplicaCount", "horizontalPodAutoscalerConfig", "scalingModifiers"];
        warn_of_unknown(node, &known, found);
        // Its `name` is that of an object which Rouse does not make.
        warn_of_unknown(&hpa, &["name", "behavior"], found);
        Advanced {
            restore_original: node.at("restoreToOriginalReplicaCount").switch(found).unwrap_or(false),
            behavior: Behavior::read(&hpa.at("behavior"), found),
            modifiers: Modifiers::read(&node.at("scalingModifiers"), triggers, found),
        }
    }
}

/// What pods use can be measured only while there are some.
fn refuse_nothing_that_wakes(triggers: &[Trigger], replicas: &Replicas, found: &mut Findings) {
    if !triggers.is_empty() && triggers.iter().all(Trigger::is_resource) && replicas.while_idle() == 0 {
        let message = "has only cpu and memory, which cannot wake a workload that has no pods: add another trigger, or \
                       set minReplicaCount to 1";
        found.refuse("spec.triggers", message);
    }
}

/// `pollingInterval`, or what a tutorial calls `queryInterval` and puts among the parameters of a trigger.
pub(super) fn polling_interval(spec: &Node<'_>, triggers: &[Trigger], found: &mut Findings) -> Duration {
    let written = seconds(&spec.at("pollingInterval"), 1..=*COUNT.end(), found);
    let mut interval = written;
    for (n, trigger) in triggers.iter().enumerate() {
        let Some(text) = trigger.metadata.get("queryInterval") else { continue };
        let key = format!("spec.triggers[{n}].metadata.queryInterval");
        let Some(wanted) = interval_in(text) else {
            found.wrong(&key, text, "is not an interval: write spec.pollingInterval, in whole seconds of at least 1");
            continue;
        };
        if interval.is_none_or(|interval| interval == wanted) {
            found.warn(&key, "is no parameter of KEDA: write spec.pollingInterval, as which it is taken");
            interval = Some(wanted);
        } else {
            found.warn(&key, "is ignored: spec.pollingInterval is the interval of all triggers, and is another");
        }
    }
    interval.unwrap_or(defaults::POLLING_INTERVAL)
}

/// A duration as Go writes it or a number of seconds; at least one second.
fn interval_in(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().ok().map(|seconds: u32| Duration::from_secs(u64::from(seconds)));
    let duration = || text.trim().parse::<GoDuration>().ok().and_then(GoDuration::to_std);
    seconds.or_else(duration).filter(|interval| *interval >= Duration::from_secs(1))
}
