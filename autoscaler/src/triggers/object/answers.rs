//! What readings come to: proposals, activity, trouble.

use super::reasons::{Trail, Why};
use super::rules::{Composite, Rules};
use crate::triggers::fallback::{StandIn, metric, stand_in};
use crate::triggers::hpa::{Pods, Target, propose};
use crate::triggers::modifiers::EvaluateError;
use crate::triggers::phase::Trouble;
use crate::triggers::{Milli, Reading};

/// What the formula is called where triggers have their names.
const FORMULA: &str = "formula";

/// What all triggers say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answers {
    /// How many pods each asks for; none where that is not known.
    pub(super) proposals: Vec<Option<u32>>,
    /// Whether any is active.
    pub(super) active: bool,
    /// Whether any counts more than nothing, and too little to be active.
    pub(super) backlog: bool,
    /// The worst that is wrong.
    pub(super) trouble: Trouble,
    /// Whether a fallback stands in for one.
    pub(super) fell_back: bool,
}

/// What one trigger says.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// A number, in the trigger's unit.
    Value(f64, bool),
    /// A fallback of so many pods.
    Fallback(u32),
    /// Nothing, which the formula may replace.
    Nil,
    /// Nothing is known.
    Unknown(Trouble),
}

impl Answer {
    fn value(self) -> Option<f64> {
        if let Answer::Value(value, _) = self { Some(value) } else { None }
    }

    fn fallback(self) -> Option<u32> {
        if let Answer::Fallback(replicas) = self { Some(replicas) } else { None }
    }

    fn trouble(self) -> Option<Trouble> {
        if let Answer::Unknown(trouble) = self { Some(trouble) } else { None }
    }
}

impl Answers {
    fn unknown(&mut self, trouble: Trouble) {
        self.proposals.push(None);
        self.trouble = self.trouble.max(trouble);
    }

    /// A number asks for `pods`.
    fn counted(&mut self, value: f64, pods: u32, active: bool) {
        self.backlog |= value > 0.0 && !active;
        self.proposed(pods, active);
    }

    fn proposed(&mut self, pods: u32, active: bool) {
        self.proposals.push(Some(pods));
        self.active |= active;
    }
}

/// What `readings` come to, while `failures` in a row are known of each trigger.
pub(super) fn answers(rules: &Rules, readings: &[Reading], failures: &[u32], pods: Pods, trail: &mut Trail) -> Answers {
    let mut given = Vec::with_capacity(rules.triggers.len());
    for (index, (trigger, failures)) in rules.triggers.iter().zip(failures).enumerate() {
        let reading = readings.get(index).unwrap_or(&Reading::NoData);
        match reading {
            Reading::Failed(what) => trail.push(pods.asked, Why::Failed { trigger: &trigger.name, what }),
            Reading::NoData => trail.push(pods.asked, Why::NoData { trigger: &trigger.name }),
            Reading::Value { .. } => {}
        }
        given.push(answer(rules, reading, *failures, pods));
    }
    match &rules.composite {
        Some(composite) => of_formula(rules, composite, &given, pods, trail),
        None => of_triggers(rules, &given, pods, trail),
    }
}

fn answer(rules: &Rules, reading: &Reading, failures: u32, pods: Pods) -> Answer {
    if let Reading::Value { metric, active } = *reading {
        return Answer::Value(metric, active);
    }
    let stand_in = rules.fallback.map_or(StandIn::None, |fallback| stand_in(&fallback, failures, pods.asked));
    match stand_in {
        StandIn::Replicas(replicas) => Answer::Fallback(replicas),
        StandIn::Nil => Answer::Nil,
        StandIn::None => Answer::Unknown(match reading {
            Reading::Failed(_) if rules.fallback.is_some() => Trouble::Covered,
            Reading::Failed(_) => Trouble::Failing,
            Reading::NoData | Reading::Value { .. } => Trouble::NoData,
        }),
    }
}

fn of_triggers(rules: &Rules, given: &[Answer], pods: Pods, trail: &mut Trail) -> Answers {
    let mut all = Answers::default();
    for (trigger, answer) in rules.triggers.iter().zip(given) {
        match *answer {
            Answer::Value(value, active) => {
                let proposed = propose(Milli::rounded(value), trigger.target, pods, rules.tolerance());
                trail.push(proposed, Why::Trigger { name: &trigger.name, value, target: trigger.target });
                all.counted(value, proposed, active);
            }
            Answer::Fallback(replicas) => fall_back(&mut all, rules, replicas, trigger.target, pods, trail),
            // Without a formula there is nothing that could replace it.
            Answer::Nil => all.unknown(Trouble::Covered),
            Answer::Unknown(trouble) => all.unknown(trouble),
        }
    }
    all
}

fn of_formula(rules: &Rules, composite: &Composite, given: &[Answer], pods: Pods, trail: &mut Trail) -> Answers {
    let mut all = Answers::default();
    if let Some(replicas) = given.iter().find_map(|answer| answer.fallback()) {
        fall_back(&mut all, rules, replicas, composite.target, pods, trail);
        return all;
    }
    if let Some(worst) = given.iter().filter_map(|answer| answer.trouble()).max() {
        all.unknown(worst);
        return all;
    }
    let values: Vec<_> = given.iter().map(|answer| answer.value()).collect();
    match (composite.formula.evaluate(&values), rules.fallback) {
        (Ok(Some(value)), _) => {
            let proposed = propose(Milli::truncated(value), composite.target, pods, rules.tolerance());
            trail.push(proposed, Why::Formula { value, target: composite.target });
            all.counted(value, proposed, value > composite.activation);
        }
        (Ok(None), Some(fallback)) => fall_back(&mut all, rules, fallback.replicas, composite.target, pods, trail),
        (Ok(None), None) => {
            trail.push(pods.asked, Why::Failed { trigger: FORMULA, what: "it is nil, and there is no fallback" });
            all.unknown(Trouble::Failing);
        }
        (Err(EvaluateError::NotFinite), _) => {
            trail.push(pods.asked, Why::NoData { trigger: FORMULA });
            all.unknown(Trouble::NoData);
        }
        (Err(problem), _) => {
            trail.push(pods.asked, Why::Failed { trigger: FORMULA, what: &problem.to_string() });
            all.unknown(Trouble::Failing);
        }
    }
    all
}

/// A fallback asks for `replicas`, by a metric as a trigger would.
fn fall_back(all: &mut Answers, rules: &Rules, replicas: u32, target: Target, pods: Pods, trail: &mut Trail) {
    all.fell_back = true;
    let Some(usage) = metric(replicas, target, pods.ready) else {
        // A total cannot be divided among no pods; but they may be called for.
        all.unknown(Trouble::Covered);
        all.active |= replicas > 0;
        return;
    };
    let proposed = propose(usage, target, pods, rules.tolerance());
    trail.push(proposed, Why::Fallback { replicas });
    all.proposed(proposed, replicas > 0);
}
