//! Which activators stand in front of a workload.

use std::collections::BTreeSet;
use std::net::IpAddr;

use config::{Policy, WorkloadId};

use super::hash::hash;
use crate::link::ActivatorSeen;

/// How many activators a workload with `ready` pods needs: Knative's number, rounded up to a power of two, so that it
/// seldom changes while pods come and go.
pub(super) fn needed(policy: &Policy, ready: u32) -> usize {
    autoscaler::scale::activators(policy, ready).next_power_of_two() as usize
}

/// The addresses of `most` of `there`, or of all if there are no more.
///
/// By rendezvous hashing: each workload ranks all activators in an order of its own, so that who comes or goes changes
/// at most one place of each workload, and workloads are spread evenly.
pub(super) fn choose<'a>(
    workload: &WorkloadId,
    there: impl Iterator<Item = &'a ActivatorSeen>,
    most: usize,
) -> BTreeSet<IpAddr> {
    let key = workload.to_string();
    let rank = |name: &str| hash(key.bytes().chain([0]).chain(name.bytes()));
    let mut ranked: Vec<_> = there.map(|activator| (rank(&activator.name), &activator.name, activator.ip)).collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked.into_iter().take(most).map(|(.., ip)| ip).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use config::BurstCapacity;

    use super::*;

    fn activators(count: u8) -> Vec<ActivatorSeen> {
        let activator = |number| ActivatorSeen {
            name: format!("rouse-activator-7c9d8-{number:02}").into(),
            ip: [10, 0, 0, number].into(),
            is_leaving: false,
        };
        (0..count).map(activator).collect()
    }

    fn workloads() -> impl Iterator<Item = WorkloadId> {
        (0..1_000).map(|number| WorkloadId::new("shop", "Deployment", format!("hello-{number}")))
    }

    #[test]
    fn as_many_as_capacity_needs_and_two_at_least() {
        let policy = Policy { burst_capacity: BurstCapacity::Of(211.0), total: 100.0, ..Policy::default() };
        let all: Vec<_> = [0, 1, 5, 6, 20].iter().map(|&ready| needed(&policy, ready)).collect();
        assert_eq!(all, [4, 4, 8, 16, 32]);
        assert_eq!(needed(&Policy { burst_capacity: BurstCapacity::Of(0.0), ..policy }, 0), 2);
    }

    #[test]
    fn workloads_are_spread_evenly() {
        let all = activators(10);
        let mut times: BTreeMap<IpAddr, u32> = BTreeMap::new();
        for ip in workloads().flat_map(|workload| choose(&workload, all.iter(), 2)) {
            *times.entry(ip).or_default() += 1;
        }
        assert_eq!(times.len(), 10);
        assert!(times.values().all(|times| (150..250).contains(times)), "{times:?}");
    }

    #[test]
    fn who_comes_or_goes_takes_or_leaves_one_place_and_moves_nobody_else() {
        let all = activators(10);
        let mut moved = 0;
        for workload in workloads() {
            let before = choose(&workload, all.iter(), 4);
            let after = choose(&workload, all[1..].iter(), 4);
            let stayed = before.intersection(&after).count();
            assert_eq!(stayed, if before.contains(&all[0].ip) { 3 } else { 4 });
            moved += u32::from(before != after);
        }
        assert!((300..500).contains(&moved), "4 in 10: {moved}");
    }

    #[test]
    fn there_may_be_fewer_than_are_needed() {
        let workload = workloads().next().unwrap();
        assert_eq!(choose(&workload, activators(1).iter(), 4).len(), 1);
        assert_eq!(choose(&workload, [].iter(), 4).len(), 0);
    }
}
