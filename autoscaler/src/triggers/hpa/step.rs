//! What is left of a proposal: stabilized, limited by policies, within bounds.

use std::time::Duration;

use config::Time;
use config::keda::{Amount, Behavior, Rules, ScalingPolicy, Select};

use super::events::Events;
use super::recommended::{End, Recommended};

/// Without `behavior`, as many pods may come at once in any case.
const LEGACY_LEAST_UP: u32 = 4;

/// Without `behavior`, so many times the pods that there are may come at once.
const LEGACY_UP: u32 = 2;

/// What an object says about its steps.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The fewest pods; at least 1, for zero is no matter of steps.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// `behavior`; without it Kubernetes goes by other rules.
    pub behavior: Option<&'a Behavior>,
    /// Without `behavior`, for how long the largest recommendation counts.
    pub down_window: Duration,
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// After stabilization; what was proposed, where the present number is out of bounds and nothing else counts.
    pub stabilized: u32,
    /// After everything: how many pods there should be.
    pub pods: u32,
}

/// The memory of one object's steps.
#[derive(Clone, Debug)]
pub struct Hpa {
    least: Recommended,
    largest: Recommended,
    ups: Events,
    downs: Events,
    /// How many pods there were when it last looked.
    known: Option<u32>,
    /// What was asked for last, and when: a change to that number was made then.
    asked: Option<(u32, Time)>,
}

impl Default for Hpa {
    fn default() -> Hpa {
        Hpa {
            least: Recommended::new(End::Least),
            largest: Recommended::new(End::Largest),
            ups: Events::default(),
            downs: Events::default(),
            known: None,
            asked: None,
        }
    }
}

impl Hpa {
    /// There are `pods` now. Whoever changed their number, the change counts for the policies: at the time at which it
    /// was asked for, if it was asked for here.
    pub fn saw(&mut self, pods: u32, behavior: Option<&Behavior>, now: Time) {
        let before = self.known.replace(pods);
        let asked = self.asked.take_if(|(asked, _)| *asked == pods);
        if before != Some(pods) {
            self.asked = None; // somebody else's change came first: a later one is not of then
        }
        let (Some(before), Some(behavior)) = (before, behavior) else { return };
        let at = asked.map_or(now, |(_, at)| at);
        let longest = longest_period(behavior);
        if pods > before {
            self.ups.record(pods - before, at, longest);
        } else if pods < before {
            self.downs.record(before - pods, at, longest);
        }
    }

    /// So many pods are asked for.
    pub fn asked(&mut self, pods: u32, now: Time) {
        self.asked = match self.asked {
            _ if self.known == Some(pods) => None,
            // What was asked for before keeps its time until it is true.
            Some((asked, at)) if asked == pods => Some((asked, at)),
            _ => Some((pods, now)),
        };
    }

    /// There are no pods: what was recommended before belongs to a load that is over. (Kubernetes remembers it, so that
    /// a workload that wakes within the window gets its old number of pods at once.)
    pub fn forget_recommendations(&mut self) {
        (self.least, self.largest) = (Recommended::new(End::Least), Recommended::new(End::Largest));
    }

    /// How many of the `proposed` pods there should be, when there are `current`.
    pub fn step(&mut self, settings: &Settings<'_>, current: u32, proposed: u32, now: Time) -> Step {
        let outside = match current {
            0 => Some(0), // no matter of steps
            _ if current > settings.max => Some(settings.max),
            _ if current < settings.min => Some(settings.min),
            _ => None,
        };
        if let Some(pods) = outside {
            return Step { stabilized: proposed, pods };
        }
        if self.largest.is_empty() {
            // What was found counts as recommended: a first look lowers nothing.
            let windows = settings.windows();
            self.least.record(current, now, windows.0);
            self.largest.record(current, now, windows.1);
        }
        let stabilized = self.stabilize(settings, current, proposed, now);
        let most = self.most(settings, current, now).min(settings.max);
        let fewest = self.fewest(settings.behavior, current, now).max(settings.min);
        let pods = if stabilized > current {
            stabilized.min(most)
        } else if stabilized < current {
            stabilized.max(fewest)
        } else {
            current
        };
        Step { stabilized, pods }
    }

    /// How many pods there should be on the way to `floor`, by which nothing is needed any more: the policies hold,
    /// windows and bounds are over.
    pub fn toward(&self, behavior: Option<&Behavior>, current: u32, floor: u32, now: Time) -> u32 {
        self.fewest(behavior, current, now).clamp(floor.min(current), current)
    }

    fn stabilize(&mut self, settings: &Settings<'_>, current: u32, proposed: u32, now: Time) -> u32 {
        let (up_window, down_window) = settings.windows();
        let largest = self.largest.with(proposed, now, down_window);
        let least = self.least.with(proposed, now, up_window);
        self.largest.record(proposed, now, down_window);
        self.least.record(proposed, now, up_window);
        match settings.behavior {
            None => largest,
            // What is proposed is among both: the least is never above the largest.
            Some(_) => current.clamp(least, largest),
        }
    }

    /// The most pods that the rules allow now; no fewer than there are.
    fn most(&self, settings: &Settings<'_>, current: u32, now: Time) -> u32 {
        let Some(behavior) = settings.behavior else {
            return current.saturating_mul(LEGACY_UP).max(LEGACY_LEAST_UP);
        };
        let limit = |policy: &ScalingPolicy| {
            let start = self.at_period_start(policy, current, now);
            match policy.amount {
                Amount::Pods(pods) => start.saturating_add(pods),
                Amount::Percent(percent) => (f64::from(start) * (1.0 + f64::from(percent) / 100.0)).ceil() as u32,
            }
        };
        let limits = behavior.up.policies.iter().map(limit);
        let allowed = match behavior.up.select {
            Select::Max => limits.max(),
            Select::Min => limits.min(),
            Select::Disabled => None,
        };
        allowed.unwrap_or(current).max(current)
    }

    /// The fewest pods that the rules allow now; no more than there are.
    fn fewest(&self, behavior: Option<&Behavior>, current: u32, now: Time) -> u32 {
        let Some(behavior) = behavior else { return 0 };
        let limit = |policy: &ScalingPolicy| {
            let start = self.at_period_start(policy, current, now);
            match policy.amount {
                Amount::Pods(pods) => start.saturating_sub(pods),
                // What is left is cut off, not rounded.
                Amount::Percent(percent) => (f64::from(start) * (1.0 - f64::from(percent) / 100.0)) as u32,
            }
        };
        let limits = behavior.down.policies.iter().map(limit);
        let allowed = match behavior.down.select {
            Select::Max => limits.min(),
            Select::Min => limits.max(),
            Select::Disabled => None,
        };
        allowed.unwrap_or(current).min(current)
    }

    /// How many pods there were when the policy's period began.
    fn at_period_start(&self, policy: &ScalingPolicy, current: u32, now: Time) -> u32 {
        let (came, went) = (self.ups.within(policy.period, now), self.downs.within(policy.period, now));
        current.saturating_add(went).saturating_sub(came)
    }
}

impl Settings<'_> {
    /// The windows of both directions: up, down.
    fn windows(&self) -> (Duration, Duration) {
        match self.behavior {
            // Without behavior what is exactly as old as the window counts, in Kubernetes; with it, it does not.
            None => (Duration::ZERO, self.down_window.saturating_add(Duration::from_nanos(1))),
            Some(behavior) => (behavior.up.stabilization, behavior.down.stabilization),
        }
    }
}

fn longest_period(behavior: &Behavior) -> Duration {
    let periods = |rules: &Rules| rules.policies.iter().map(|policy| policy.period).max().unwrap_or_default();
    periods(&behavior.up).max(periods(&behavior.down))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_secs_f64(seconds)
    }

    fn halves_a_minute() -> Behavior {
        let mut behavior = Behavior::default();
        let policy = ScalingPolicy { amount: Amount::Percent(50), period: Duration::from_secs(60) };
        behavior.down.policies = vec![policy];
        behavior
    }

    #[test]
    fn policies_hold_down_to_zero() {
        let behavior = halves_a_minute();
        let (mut hpa, mut pods, mut trace) = (Hpa::default(), 5, Vec::new());
        for second in 0..240 {
            let now = at(f64::from(second));
            hpa.saw(pods, Some(&behavior), now);
            let next = hpa.toward(Some(&behavior), pods, 0, now);
            hpa.asked(next, now);
            if next != pods {
                trace.push((second, next));
            }
            pods = next;
        }
        assert_eq!(trace, [(0, 2), (60, 1), (120, 0)]);
    }

    #[test]
    fn a_change_counts_from_when_it_was_asked_for() {
        let behavior = halves_a_minute();
        let mut hpa = Hpa::default();
        hpa.saw(8, Some(&behavior), at(0.0));
        hpa.asked(4, at(0.0));
        hpa.saw(8, Some(&behavior), at(5.0)); // the platform is slow
        hpa.asked(4, at(5.0));
        hpa.saw(4, Some(&behavior), at(10.0));
        assert_eq!(hpa.toward(Some(&behavior), 4, 0, at(59.0)), 4);
        assert_eq!(hpa.toward(Some(&behavior), 4, 0, at(60.0)), 2);
    }

    #[test]
    fn a_first_look_lowers_nothing_for_a_window() {
        let settings = Settings { min: 1, max: 10, behavior: None, down_window: Duration::from_secs(300) };
        let mut hpa = Hpa::default();
        assert_eq!(hpa.step(&settings, 8, 1, at(0.0)).pods, 8);
        assert_eq!(hpa.step(&settings, 8, 1, at(300.0)).pods, 8);
        assert_eq!(hpa.step(&settings, 8, 1, at(301.0)).pods, 1);
    }
}
