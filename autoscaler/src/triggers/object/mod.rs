//! One ScaledObject: what its triggers read in; how many pods, when to look again, and why, out.

mod answers;
mod reasons;
mod rules;

use std::time::Duration;

use config::keda::{Switches, ToZero};
use config::{Reason, Time};

use self::answers::{Answers, answers};
pub use self::reasons::RULES;
use self::reasons::{Trail, Why};
pub use self::rules::{Composite, Rules, Steps, Trigger};
use super::hpa::{Hpa, Pods, Settings, Target, combine};
use super::phase::{Active, Phase, Ready, Scene, Standing, Waits, standing};
use super::{Milli, Reading};

/// One ScaledObject over time.
///
/// At [`Object::next`] whoever drives it reads all its triggers, and gives it the readings: one [`Object::round`]. What
/// a source pushes in between may [wake](Object::pushed) it at once.
#[derive(Debug)]
pub struct Object {
    rules: Rules,
    hpa: Hpa,
    /// Failures in a row of each trigger. In memory only: nothing is written for one.
    failures: Vec<u32>,
    created: Time,
    last_active: Option<Time>,
    /// A point of the grid on which its polls are.
    grid: Time,
    /// When the polling interval is over.
    poll_due: Time,
    /// When the next step between one pod and many may be taken.
    step_due: Time,
    /// When to look again.
    next: Time,
    /// What the triggers asked for last.
    wanted: Option<u32>,
    /// What they said last.
    answers: Answers,
}

/// What there is beside the triggers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// The pods that there are.
    pub pods: Pods,
    /// What annotations forbid or force.
    pub switches: Switches,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How many pods there should be.
    pub desired: u32,
    /// Where the object is between asleep and awake; none while it is paused.
    pub phase: Option<Phase>,
    /// Its `Ready` condition.
    pub ready: Ready,
    /// Its `Active` condition.
    pub active: Active,
    /// Its `Fallback` condition: whether a fallback stands in for a trigger.
    pub fallback: bool,
    /// When to look again.
    pub next: Time,
    /// The steps that led there, in order.
    pub reasons: Vec<Reason>,
}

impl Object {
    /// An object first seen at `now`, which counts as activity: finding it lowers nothing before a cooldown has passed.
    pub fn new(rules: Rules, now: Time) -> Object {
        Object {
            hpa: Hpa::default(),
            failures: vec![0; rules.triggers.len()],
            created: now,
            last_active: None,
            grid: now,
            poll_due: now,
            step_due: now,
            next: now,
            wanted: None,
            answers: Answers::default(),
            rules,
        }
    }

    /// Puts its polls at `phase` and so many polling intervals, for an object that is new or has new rules: those with the
    /// same phase are read together, and others, though they were seen at once, are not. Where one's interval is a multiple
    /// of another's, so are its polls. The first look is at once all the same, and no poll: it counts no failures.
    pub fn set_phase(&mut self, phase: Duration) {
        let polling = self.rules.polling.as_nanos().max(1);
        self.grid = Time::from_nanos(u64::try_from(phase.as_nanos() % polling).unwrap_or(0));
        self.poll_due = self.poll_after(self.next);
    }

    /// When the first poll after `now` is.
    pub fn poll_after(&self, now: Time) -> Time {
        following(self.grid, self.rules.polling, now)
    }

    /// When its triggers are to be read.
    pub fn next(&self) -> Time {
        self.next
    }

    /// When it was active last; none if it has not been since it was first seen.
    pub fn last_active(&self) -> Option<Time> {
        self.last_active
    }

    /// What its trigger number `index` is compared with, from now on: an external scaler says so itself.
    pub fn set_target(&mut self, index: usize, number: f64) {
        if let Some(trigger) = self.rules.triggers.get_mut(index).filter(|_| number.is_finite() && number > 0.0) {
            trigger.target = match trigger.target {
                Target::Average(_) => Target::Average(Milli::target(number)),
                Target::Value(_) => Target::Value(Milli::target(number)),
            };
        }
    }

    /// Other rules, from now on, and polls from now on as well. What is remembered stays, but for the failures of triggers,
    /// if those changed.
    pub fn replace_rules(&mut self, rules: Rules, now: Time) {
        if rules.triggers != self.rules.triggers {
            self.failures = vec![0; rules.triggers.len()];
        }
        self.rules = rules;
        (self.grid, self.poll_due, self.step_due, self.next) = (now, now, now, now);
    }

    /// Decides on what all triggers said, in their order. A reading that is missing is one without data.
    pub fn round(&mut self, readings: &[Reading], seen: &Seen, now: Time) -> Verdict {
        self.hpa.saw(seen.pods.asked, self.rules.behavior.as_ref(), now);
        if seen.switches.paused {
            return self.paused(seen, now);
        }
        self.count_failures(readings, now);
        let mut trail = Trail::default();
        let answers = answers(&self.rules, readings, &self.failures, seen.pods, &mut trail);
        let verdict = self.decide(&answers, seen, trail, now);
        self.answers = answers;
        verdict
    }

    /// A source pushed that there is something to do: wakes at once what sleeps, and counts as activity.
    pub fn pushed(&mut self, seen: &Seen, now: Time) -> Verdict {
        self.hpa.saw(seen.pods.asked, self.rules.behavior.as_ref(), now);
        if seen.switches.paused {
            return self.paused(seen, now);
        }
        let mut trail = Trail::default();
        trail.push(seen.pods.asked, Why::Pushed);
        // It says nothing about how many pods, nor whether anything else is wrong.
        let answers = Answers { active: true, proposals: Vec::new(), ..self.answers.clone() };
        self.decide(&answers, seen, trail, now)
    }

    fn decide(&mut self, answers: &Answers, seen: &Seen, mut trail: Trail, now: Time) -> Verdict {
        let current = seen.pods.asked;
        let standing = standing(&self.scene(answers, seen), now);
        if standing.refreshes {
            self.last_active = Some(now);
        }
        let desired = self.desired(standing.phase, answers, seen, &mut trail, now);
        let desired = within_pause(desired, current, seen.switches, &mut trail);
        self.wanted = Some(desired);
        if desired == 0 && current == 0 {
            self.hpa.forget_recommendations();
        }
        self.hpa.asked(desired, now);
        self.next = self.when_next(standing.phase, desired, now);
        self.verdict(desired, Some(standing), answers.fell_back, trail)
    }

    /// How many pods the triggers ask for.
    fn desired(&mut self, phase: Phase, answers: &Answers, seen: &Seen, trail: &mut Trail, now: Time) -> u32 {
        let current = seen.pods.asked;
        let pods = match phase {
            Phase::Wake(pods) => {
                // The first step comes with the next round: a backlog need not wait for a whole period.
                self.step_due = now;
                pods
            }
            Phase::Raise(pods) => pods,
            Phase::Sleep(floor) => {
                let limits = self.rules.behavior.as_ref().filter(|_| self.rules.steps.to_zero == ToZero::ByPolicies);
                self.hpa.toward(limits, current, floor, now)
            }
            Phase::Asleep => current,
            Phase::Awake | Phase::Cooling(_) | Phase::Held(_) if current == 0 => 0,
            Phase::Awake | Phase::Cooling(_) | Phase::Held(_) => self.step(answers, current, trail, now),
        };
        trail.phase(phase, pods);
        pods
    }

    /// A step between one pod and many, if it is time for one.
    fn step(&mut self, answers: &Answers, current: u32, trail: &mut Trail, now: Time) -> u32 {
        let bounds = self.rules.replicas;
        let floor = if answers.active { bounds.while_active() } else { bounds.while_idle() };
        let last = self.wanted.unwrap_or(current).max(floor).min(bounds.max);
        if now < self.step_due || answers.proposals.is_empty() {
            trail.push(last, Why::NotYet { seconds: self.step_due.since(now).as_secs() });
            return last;
        }
        self.step_due = now + self.rules.steps.period;
        let combined = combine(current, answers.proposals.iter().copied());
        let settings = Settings {
            min: bounds.while_active(),
            max: bounds.max,
            behavior: self.rules.behavior.as_ref(),
            down_window: self.rules.steps.down_window,
        };
        if answers.proposals.len() > 1 {
            trail.push(combined.pods, Why::Largest);
        }
        if combined.held {
            // Not what there is, which others may have asked for: what was wanted when that was known.
            trail.push(last, Why::Missing);
            return last;
        }
        let step = self.hpa.step(&settings, current, combined.pods, now);
        trail.step(combined.pods, step, &settings);
        step.pods
    }

    fn scene(&self, answers: &Answers, seen: &Seen) -> Scene {
        let Waits { cooldown, initial } = self.rules.waits;
        Scene {
            replicas: self.rules.replicas,
            current: seen.pods.asked,
            active: answers.active,
            backlog: answers.backlog && self.rules.steps.drain_backlog,
            trouble: answers.trouble,
            waits: Waits { cooldown, initial: initial.max(cooldown) },
            created: self.created,
            last_active: self.last_active,
            switches: seen.switches,
        }
    }

    /// Counts failures: once a polling interval, however often the sources are read in between, so that a threshold of
    /// failures is a time.
    fn count_failures(&mut self, readings: &[Reading], now: Time) {
        let is_poll = now >= self.poll_due;
        for (failures, reading) in self.failures.iter_mut().zip(readings) {
            match reading {
                Reading::Value { .. } => *failures = 0,
                Reading::Failed(_) if is_poll => *failures = failures.saturating_add(1),
                Reading::Failed(_) | Reading::NoData => {}
            }
        }
        if is_poll {
            self.poll_due = self.poll_after(now);
        }
    }

    fn paused(&mut self, seen: &Seen, now: Time) -> Verdict {
        let desired = seen.switches.paused_replicas.unwrap_or(seen.pods.asked);
        let mut trail = Trail::default();
        trail.push(desired, Why::Paused);
        (self.wanted, self.step_due) = (Some(desired), now);
        self.poll_due = self.poll_after(now);
        self.next = self.poll_due;
        self.verdict(desired, None, false, trail)
    }

    /// When to look again: at the next poll; while there are pods, at the next step as well; at the end of a cooldown.
    fn when_next(&self, phase: Phase, own: u32, now: Time) -> Time {
        let step = now + self.rules.steps.period;
        let poll = if self.poll_due > now { self.poll_due } else { self.poll_after(now) };
        match phase {
            Phase::Asleep => poll,
            Phase::Cooling(rest) => poll.min(self.step_due).min(now + rest),
            Phase::Awake | Phase::Held(_) if own > 0 && self.step_due > now => poll.min(self.step_due),
            Phase::Awake | Phase::Held(_) if own == 0 => poll,
            Phase::Sleep(floor) if own <= floor => poll,
            Phase::Wake(_) | Phase::Raise(_) | Phase::Sleep(_) | Phase::Awake | Phase::Held(_) => poll.min(step),
        }
    }

    fn verdict(&self, desired: u32, standing: Option<Standing>, fallback: bool, trail: Trail) -> Verdict {
        Verdict {
            desired,
            phase: standing.map(|standing| standing.phase),
            ready: standing.map_or(Ready::True, |standing| standing.ready),
            active: standing.map_or(Active::False, |standing| standing.active),
            fallback,
            next: self.next,
            reasons: trail.reasons(),
        }
    }
}

/// The first time after `now` that is `first`, or on the grid of `interval` that begins there: rounds that are late do not
/// shift it.
fn following(first: Time, interval: Duration, now: Time) -> Time {
    if first > now {
        return first;
    }
    let passed = now.since(first).as_nanos() / interval.as_nanos().max(1);
    let steps = u32::try_from(passed).unwrap_or(u32::MAX).saturating_add(1);
    let next = first + interval.saturating_mul(steps);
    if next > now { next } else { now + interval }
}

fn within_pause(own: u32, current: u32, switches: Switches, trail: &mut Trail) -> u32 {
    let allowed = match own {
        own if switches.paused_in && own < current => current,
        own if switches.paused_out && own > current => current,
        own => own,
    };
    if allowed != own {
        trail.push(allowed, Why::Paused);
    }
    allowed
}
