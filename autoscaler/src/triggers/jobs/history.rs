//! `successfulJobsHistoryLimit`, `failedJobsHistoryLimit`: which Jobs that ended are kept to be looked at.

use config::Time;

/// A Job that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended<N> {
    /// Its name.
    pub name: N,
    /// When.
    pub at: Time,
    /// Whether it failed.
    pub failed: bool,
}

/// The names of those to delete, oldest first, so that at most `successful` and `failed` of each kind are kept: those
/// that ended last.
pub fn surplus<N: Ord + Copy>(jobs: &[Ended<N>], successful: u32, failed: u32) -> Vec<N> {
    let of = |failed: bool, keep: u32| {
        let mut kind: Vec<_> = jobs.iter().filter(|job| job.failed == failed).map(|job| (job.at, job.name)).collect();
        kind.sort_unstable();
        kind.truncate(kind.len().saturating_sub(keep as usize));
        kind
    };
    let mut all = of(false, successful);
    all.extend(of(true, failed));
    all.sort_unstable();
    all.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_beyond_each_limit_go() {
        let ended = |name, second, failed| Ended { name, at: Time::from_secs_f64(second), failed };
        let jobs = [
            ended("c", 3.0, false),
            ended("a", 1.0, false),
            ended("x", 2.0, true),
            ended("b", 2.5, false),
            ended("y", 4.0, true),
        ];
        assert_eq!(surplus(&jobs, 1, 1), ["a", "x", "b"]);
        assert_eq!(surplus(&jobs, 100, 0), ["x", "y"]);
        assert_eq!(surplus(&jobs, 100, 100), [""; 0]);
    }
}
