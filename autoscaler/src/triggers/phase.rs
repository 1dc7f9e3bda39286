//! Whether there are pods at all: activation, idling, cooldowns. KEDA's `RequestScale`, but that nothing is decided for
//! want of data.

use std::time::Duration;

use config::Time;
use config::keda::{Replicas, Switches};

/// What is wrong with the triggers of an object; the worst of them counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nothing, or a fallback stands in for what is.
    #[default]
    None,
    /// A source has no data.
    NoData,
    /// A source fails, and a fallback is configured, which will take effect.
    Covered,
    /// A source fails, and nothing will stand in for it.
    Failing,
}

/// How long an object without activity keeps its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// After it was active.
    pub cooldown: Duration,
    /// After it was created, if it was never active.
    pub initial: Duration,
}

/// What there is to look at.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// The bounds.
    pub replicas: Replicas,
    /// How many pods are asked for.
    pub current: u32,
    /// Whether any trigger is active.
    pub active: bool,
    /// Whether there is less to do than makes a trigger active, and pods stay for it (`rouse.dev/drain-backlog`).
    pub backlog: bool,
    /// What is wrong with them.
    pub trouble: Trouble,
    /// How long pods are kept.
    pub waits: Waits,
    /// When the object was created.
    pub created: Time,
    /// When it was active last; none if never.
    pub last_active: Option<Time>,
    /// What annotations forbid or force.
    pub switches: Switches,
}

/// Where an object is between asleep and awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is to wake, with so many pods.
    Wake(u32),
    /// It is awake: how many pods is a matter of steps.
    Awake,
    /// No trigger is active, but it stays as it is.
    Held(Hold),
    /// No trigger is active; for so long the pods stay.
    Cooling(Duration),
    /// It is to fall asleep, with so many pods left.
    Sleep(u32),
    /// It has fewer pods than it is to have without activity.
    Raise(u32),
    /// It is asleep, and nothing calls for it.
    Asleep,
}

/// Why an object stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A source has no data.
    NoData,
    /// A source fails.
    Failing,
    /// Something is left to do.
    Backlog,
    /// `paused-scale-in`.
    PausedIn,
    /// `paused-scale-out`.
    PausedOut,
}

/// The `Ready` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// All is well, or will be covered.
    True,
    /// Some triggers fail, others are active.
    Partial,
    /// Triggers fail, and nothing stands in for them.
    Failing,
}

/// The `Active` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// A trigger is active.
    True,
    /// None is.
    False,
    /// None is, and the cooldown runs.
    Cooldown,
}

/// Where an object stands, and what its status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where it is.
    pub phase: Phase,
    /// Whether it works.
    pub ready: Ready,
    /// Whether it is active.
    pub active: Active,
    /// Whether this counts as activity, from which the cooldown runs anew.
    pub refreshes: bool,
}

impl Ready {
    /// The condition's status and reason, as KEDA words them.
    pub fn condition(self) -> (&'static str, &'static str) {
        match self {
            Ready::True => ("True", "ScaledObjectReady"),
            Ready::Partial => ("Unknown", "PartialTriggerError"),
            Ready::Failing => ("False", "TriggerError"),
        }
    }
}

impl Active {
    /// The condition's status and reason, as KEDA words them.
    pub fn condition(self) -> (&'static str, &'static str) {
        match self {
            Active::True => ("True", "ScalerActive"),
            Active::False => ("False", "ScalerNotActive"),
            Active::Cooldown => ("False", "ScalerCooldown"),
        }
    }
}

/// Where an object stands at `now`.
pub fn standing(scene: &Scene, now: Time) -> Standing {
    if scene.active || scene.switches.force_activation { active(scene) } else { inactive(scene, now) }
}

fn active(scene: &Scene) -> Standing {
    let Scene { replicas, current, .. } = *scene;
    let fails = matches!(scene.trouble, Trouble::Covered | Trouble::Failing);
    let is_asleep = current == 0 || (replicas.idle.is_some() && current < replicas.min);
    let phase = match is_asleep {
        true if scene.switches.paused_out => Phase::Held(Hold::PausedOut),
        true => Phase::Wake(replicas.while_active()),
        false => Phase::Awake,
    };
    let ready = if fails && !is_asleep { Ready::Partial } else { Ready::True };
    Standing { phase, ready, active: Active::True, refreshes: !matches!(phase, Phase::Held(_)) }
}

fn inactive(scene: &Scene, now: Time) -> Standing {
    let phase = inactive_phase(scene, now);
    Standing {
        phase,
        ready: if scene.trouble == Trouble::Failing { Ready::Failing } else { Ready::True },
        active: if matches!(phase, Phase::Cooling(_)) { Active::Cooldown } else { Active::False },
        // Who is at the last of it has the cooldown to end.
        refreshes: phase == Phase::Held(Hold::Backlog),
    }
}

fn inactive_phase(scene: &Scene, now: Time) -> Phase {
    let Scene { replicas, current, switches, .. } = *scene;
    match scene.trouble {
        Trouble::None => {}
        Trouble::NoData => return Phase::Held(Hold::NoData),
        Trouble::Covered | Trouble::Failing => return Phase::Held(Hold::Failing),
    }
    let floor = replicas.while_idle();
    let may_sleep = replicas.idle.is_some() || replicas.min == 0;
    if may_sleep && current > floor {
        let rest = until_sleep(scene).since(now);
        return match rest {
            _ if switches.paused_in => Phase::Held(Hold::PausedIn),
            _ if scene.backlog => Phase::Held(Hold::Backlog),
            Duration::ZERO => Phase::Sleep(floor),
            rest => Phase::Cooling(rest),
        };
    }
    match current {
        _ if current < floor && switches.paused_out => Phase::Held(Hold::PausedOut),
        _ if current < floor => Phase::Raise(floor),
        _ if may_sleep => Phase::Asleep,
        _ => Phase::Awake,
    }
}

/// Until when pods are kept without activity.
fn until_sleep(scene: &Scene) -> Time {
    match scene.last_active {
        None => scene.created + scene.waits.initial,
        Some(at) => at + scene.waits.cooldown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(replicas: Replicas, current: u32) -> Scene {
        Scene {
            replicas,
            current,
            active: false,
            backlog: false,
            trouble: Trouble::None,
            waits: Waits { cooldown: Duration::from_secs(300), initial: Duration::ZERO },
            created: Time::ZERO,
            last_active: Some(Time::ZERO),
            switches: Switches::default(),
        }
    }

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    #[test]
    fn a_cooldown_is_over_at_its_end() {
        let scene = scene(Replicas::default(), 3);
        assert_eq!(standing(&scene, at(299.0)).phase, Phase::Cooling(Duration::from_secs(1)));
        assert_eq!(standing(&scene, at(300.0)).phase, Phase::Sleep(0));
    }

    #[test]
    fn without_data_nothing_falls_asleep() {
        for trouble in [Trouble::NoData, Trouble::Covered, Trouble::Failing] {
            let scene = Scene { trouble, ..scene(Replicas::default(), 3) };
            assert!(matches!(standing(&scene, at(1e6)).phase, Phase::Held(_)));
        }
    }

    #[test]
    fn a_backlog_keeps_who_is_awake_and_wakes_nobody() {
        let of = |current| standing(&Scene { backlog: true, ..scene(Replicas::default(), current) }, at(1e6));
        assert_eq!(
            [0, 1, 3].map(|current| of(current).phase).map(|phase| phase == Phase::Held(Hold::Backlog)),
            [false, true, true]
        );
        assert_eq!([0, 3].map(|current| of(current).refreshes), [false, true]);
        assert_eq!(of(3).active, Active::False);
    }

    #[test]
    fn idle_pods_are_a_floor_that_holds() {
        let replicas = Replicas { idle: Some(1), min: 3, max: 10 };
        let of = |current| standing(&scene(replicas, current), at(1e6)).phase;
        assert_eq!([0, 1, 2].map(of), [Phase::Raise(1), Phase::Asleep, Phase::Sleep(1)]);
        let active = Scene { active: true, ..scene(replicas, 1) };
        assert_eq!(standing(&active, at(1e6)).phase, Phase::Wake(3));
    }

    #[test]
    fn with_a_least_number_nothing_sleeps() {
        let replicas = Replicas { idle: None, min: 2, max: 10 };
        let of = |current| standing(&scene(replicas, current), at(1e6)).phase;
        assert_eq!([1, 2, 5].map(of), [Phase::Raise(2), Phase::Awake, Phase::Awake]);
    }
}
