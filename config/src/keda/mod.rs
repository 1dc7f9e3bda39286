//! KEDA's objects, as its users write them: `keda.sh/v1alpha1`.
//!
//! [`ScaledObject`] and [`ScaledJob`] say what is scaled, between which bounds, and on which triggers;
//! [`TriggerAuthentication`] where the triggers' secrets are. All are read with KEDA's names, defaults and rules, and
//! where Rouse means something else by a field, a warning says so. Fields that nobody knows are warnings as well: the
//! objects are not ours. What a trigger's parameters mean is not looked at here (`autoscaler::triggers::metadata`).

mod authentication;
mod behavior;
mod fallback;
mod fields;
mod modifiers;
mod replicas;
mod scaled_job;
mod scaled_object;
mod secret;
mod steps;
mod strategy;
mod switches;
mod trigger;

pub use authentication::{EnvParameter, KeyParameter, TriggerAuthentication};
pub use behavior::{Amount, Behavior, Rules, ScalingPolicy, Select};
pub use fallback::{Fallback, FallbackBehavior};
pub use modifiers::Modifiers;
pub use replicas::Replicas;
pub use scaled_job::{JobTemplate, Rollout, ScaledJob};
pub use scaled_object::{ScaleTarget, ScaledObject};
pub use secret::Secret;
pub use steps::{Steps, ToZero};
pub use strategy::{Calculation, Deduction, ScalingStrategy, Strategy};
pub use switches::Switches;
pub use trigger::{AuthRef, MetricType, Trigger};

use crate::WorkloadId;
use crate::node::Node;
use crate::problem::Findings;

/// The group and version of all of them.
pub const API_VERSION: &str = "keda.sh/v1alpha1";

/// Namespace and name of an object of an apiserver, and findings about it.
fn identity(root: &Node<'_>, kind: &str) -> (String, String, Findings) {
    let metadata = root.at("metadata");
    let mut found = Findings::default();
    let namespace = metadata.at("namespace").text(&mut found).unwrap_or(WorkloadId::DEFAULT_NAMESPACE).to_owned();
    let name = fields::needed(&metadata.at("name"), &mut found);
    let mut named = Findings::about("", format!("{kind} {namespace}/{name}"));
    named.absorb(found);
    (namespace, name, named)
}
