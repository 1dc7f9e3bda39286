//! Which pod a request goes to.

use config::Mode;

/// How a pod is picked among those that can take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The first one with a free slot: packs requests, so that the last pods fall idle and can go.
    FirstAvailable,
    /// The less loaded of two random ones: close to the best spread, without looking at all pods.
    PowerOfTwoChoices,
    /// One after the other.
    RoundRobin,
}

impl Balance {
    /// Knative's choice by container-concurrency (`newRevisionThrottler`): 0 is power of two choices, 1 to 3 first
    /// available, above round robin. Rouse's own mode takes power of two choices for all, because the others give as
    /// much to a slow pod as to a fast one.
    pub fn of(container_concurrency: u32, mode: Mode) -> Balance {
        match (container_concurrency, mode) {
            (0, _) | (_, Mode::Default) => Balance::PowerOfTwoChoices,
            (1..=3, Mode::Knative) => Balance::FirstAvailable,
            (_, Mode::Knative) => Balance::RoundRobin,
        }
    }
}

/// What a pod carries, to compare it with others by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burden {
    /// Requests of this activator in it.
    pub(crate) in_flight: u32,
    /// Seconds that one takes there, if that is known.
    pub(crate) expected: Option<f64>,
}

impl Burden {
    /// Whether the next request is better off with `self`: in flight, itself included, times what each takes. A pod of
    /// which nothing is known is compared by what is in flight alone, so that a new one is not flooded; of equals it is
    /// the better one, so that it becomes known.
    pub(crate) fn is_lighter(&self, other: &Burden) -> bool {
        let (Some(mine), Some(theirs)) = (self.expected, other.expected) else {
            let rank = |burden: &Burden| (burden.in_flight, burden.expected.is_some());
            return rank(self) < rank(other);
        };
        let weight = |in_flight: u32, seconds: f64| (f64::from(in_flight) + 1.0) * seconds;
        let (mine, theirs) = (weight(self.in_flight, mine), weight(other.in_flight, theirs));
        mine < theirs || mine == theirs && self.in_flight < other.in_flight
    }
}

/// Picks pods, one for each request.
#[derive(Debug)]
pub struct Picker {
    balance: Balance,
    /// Round robin: the pod to try first.
    next: usize,
    random: Random,
}

impl Picker {
    /// A picker whose random choices follow from `seed`.
    pub fn new(balance: Balance, seed: u64) -> Picker {
        Picker { balance, next: 0, random: Random::new(seed) }
    }

    /// Picks differently from now on.
    pub fn set_balance(&mut self, balance: Balance) {
        self.balance = balance;
    }

    /// The number of the pod, of `pods`, that the next request goes to; none when all are full. `load` says what
    /// the pod carries, or none if it can take no more.
    pub fn pick<L: PartialOrd>(&mut self, pods: usize, load: impl Fn(usize) -> Option<L>) -> Option<usize> {
        self.pick_by(pods, load, |one, other| one < other)
    }

    /// [`Picker::pick`], of loads of which `is_lighter` says whether the first is less than the second.
    pub(crate) fn pick_by<L>(
        &mut self,
        pods: usize,
        load: impl Fn(usize) -> Option<L>,
        is_lighter: impl Fn(&L, &L) -> bool,
    ) -> Option<usize> {
        let first_from = |start: usize| (0..pods).map(|at| (start + at) % pods).find(|&pod| load(pod).is_some());
        match self.balance {
            Balance::FirstAvailable => first_from(0),
            Balance::RoundRobin => {
                let pod = first_from(if self.next < pods { self.next } else { 0 });
                // Knative starts again at the first pod when the list got shorter, found or not.
                self.next = pod.map_or(if self.next < pods { self.next } else { 0 }, |pod| pod + 1);
                pod
            }
            Balance::PowerOfTwoChoices => {
                if pods < 2 {
                    return first_from(0);
                }
                let one = self.random.below(pods);
                let other = (one + 1 + self.random.below(pods - 1)) % pods;
                // Of equals the older one: the others fall idle, and can go.
                let (one, other) = (one.min(other), one.max(other));
                match (load(one), load(other)) {
                    (Some(a), Some(b)) if is_lighter(&b, &a) => Some(other),
                    (Some(_), _) => Some(one),
                    (None, Some(_)) => Some(other),
                    (None, None) => first_from(one),
                }
            }
        }
    }

    /// A random number in `from..to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.random.next() % (to - from).max(1)
    }
}

/// xorshift64*: a few instructions, good enough to spread load, no source of secrets.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed | 1) // zero would stay zero
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_pods_is_no_pick() {
        for balance in [Balance::FirstAvailable, Balance::PowerOfTwoChoices, Balance::RoundRobin] {
            assert_eq!(Picker::new(balance, 1).pick(0, |_| Some(0)), None);
        }
    }

    #[test]
    fn two_choices_keep_loads_close() {
        let mut picker = Picker::new(Balance::PowerOfTwoChoices, 7);
        let mut load = [0u32; 50];
        for _ in 0..5_000 {
            let pod = picker.pick(50, |pod| Some(load[pod])).unwrap();
            load[pod] += 1;
        }
        let (least, most) = (load.iter().min().unwrap(), load.iter().max().unwrap());
        assert!(most - least <= 10, "{least}..{most}");
    }

    proptest! {
        /// Whatever the policy: a pod is found exactly if one is free, and it is a free one.
        #[test]
        fn a_free_pod_is_found_if_there_is_one(
            free in prop::collection::vec(any::<bool>(), 0..20), seed: u64, picks in 1usize..10,
        ) {
            for balance in [Balance::FirstAvailable, Balance::PowerOfTwoChoices, Balance::RoundRobin] {
                let mut picker = Picker::new(balance, seed);
                for _ in 0..picks {
                    match picker.pick(free.len(), |pod| free[pod].then_some(1)) {
                        Some(pod) => prop_assert!(free[pod]),
                        None => prop_assert!(!free.contains(&true)),
                    }
                }
            }
        }
    }
}
