//! How KEDA words what its users see of either kind.

/// How one kind is worded, and counted.
pub(super) struct Words {
    /// As what writes of its status are counted.
    pub(super) written_as: &'static str,
    /// What the conditions say.
    pub(super) ready: &'static str,
    pub(super) failing: &'static str,
    pub(super) partly: &'static str,
    pub(super) paused: &'static str,
    pub(super) unpaused: &'static str,
    /// Why they say so, and of what they are news.
    pub(super) ready_reason: &'static str,
    pub(super) refused_reason: &'static str,
    pub(super) paused_reason: &'static str,
    pub(super) unpaused_reason: &'static str,
    pub(super) activated: &'static str,
    pub(super) deactivated: &'static str,
    /// Its conditions beside `Ready`.
    pub(super) others: &'static [&'static str],
}

/// A ScaledObject's.
pub(super) const SCALED_OBJECT: Words = Words {
    written_as: "scaled-object-status",
    ready: "ScaledObject is defined correctly and is ready for scaling",
    failing: "Triggers defined in ScaledObject are not working correctly",
    partly: "Some triggers defined in ScaledObject are not working correctly",
    paused: "ScaledObject is paused",
    unpaused: "pause annotation removed for ScaledObject",
    ready_reason: "ScaledObjectReady",
    refused_reason: "ScaledObjectCheckFailed",
    paused_reason: "ScaledObjectPaused",
    unpaused_reason: "ScaledObjectUnpaused",
    activated: "KEDAScaleTargetActivated",
    deactivated: "KEDAScaleTargetDeactivated",
    others: &["Active", "Fallback", "Paused"],
};

/// A ScaledJob's.
pub(super) const SCALED_JOB: Words = Words {
    written_as: "scaled-job-status",
    ready: "ScaledJob is defined correctly and is ready to scaling",
    failing: "Triggers defined in ScaledJob are not working correctly",
    partly: "Some triggers defined in ScaledJob are not working correctly",
    paused: "ScaledJob is paused",
    unpaused: "pause annotation removed for ScaledJob",
    ready_reason: "ScaledJobReady",
    refused_reason: "ScaledJobCheckFailed",
    paused_reason: "ScaledJobPaused",
    unpaused_reason: "ScaledJobUnpaused",
    activated: "ScaledJobActive",
    deactivated: "ScaledJobInactive",
    others: &["Active", "Paused"],
};
