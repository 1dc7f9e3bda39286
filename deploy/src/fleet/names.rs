//! Names of pods: `hello-7kq2x`.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use config::PodId;

/// As Kubernetes' own: no vowels (no words), nothing that looks like something else.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// 27⁵ endings.
const ENDINGS: u64 = 14_348_907;

/// Has no factor in common with [`ENDINGS`], so that stepping by it meets every ending before one comes again.
const STEP: u64 = 8_867_512;

/// Gives out names that differ from each other, and most likely from those of an earlier run.
#[derive(Debug)]
pub(crate) struct Names(AtomicU64);

impl Default for Names {
    fn default() -> Names {
        Names(AtomicU64::new(RandomState::new().hash_one(()) % ENDINGS))
    }
}

impl Names {
    /// A name for a new pod of `workload`.
    pub(crate) fn next(&self, workload: &str) -> PodId {
        // Relaxed: only that no two get the same matters.
        let mut ending = self.0.fetch_add(STEP, Relaxed) % ENDINGS;
        let mut name = format!("{workload}-");
        for _ in 0..5 {
            name.push(char::from(LETTERS[(ending % 27) as usize]));
            ending /= 27;
        }
        PodId::new(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_is_given_twice() {
        let names = Names::default();
        let given: HashSet<_> = (0..100_000).map(|_| names.next("hello")).collect();
        assert_eq!(given.len(), 100_000);
        assert!(given.iter().all(|name| name.as_str().len() == "hello-".len() + 5));
    }
}
