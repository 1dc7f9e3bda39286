//! Histograms as a process tells them.

use std::time::Duration;

/// How many took at most how long, each bucket with those before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// The histogram `name` without labels in a page of metrics; an empty one if it is not there.
    pub(super) fn of(page: &str, name: &str) -> Histogram {
        let bucket = |line: &str| {
            let (bound, count) = line.strip_prefix(name)?.strip_prefix("_bucket{le=\"")?.split_once("\"}")?;
            Some((bound.parse().ok()?, count.trim().parse().ok()?))
        };
        Histogram(page.lines().filter_map(bucket).collect())
    }

    /// What came to it since `before`.
    pub(super) fn since(&self, before: &Histogram) -> Histogram {
        let earlier = |bound| before.0.iter().find(|(known, _)| *known == bound).map_or(0.0, |(_, count)| *count);
        Histogram(self.0.iter().map(|(bound, count)| (*bound, count - earlier(*bound))).collect())
    }

    pub(super) fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// What `share` of all took at most, as if they lay evenly in their bucket.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let wanted = self.count() * share;
        let (mut from, mut below) = (0.0, 0.0);
        for (to, count) in &self.0 {
            if *count >= wanted && *count > below {
                let within = (wanted - below) / (count - below);
                // The last bucket has no end.
                let to = if to.is_finite() { *to } else { from };
                return Duration::from_secs_f64(from + (to - from) * within);
            }
            (from, below) = (*to, *count);
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_its_bucket_and_what_was_before_does_not_count() {
        let page = |counts: [u32; 3]| {
            let [a, b, c] = counts;
            format!(
                "x_bucket{{le=\"0.1\"}} {a}\nx_bucket{{le=\"0.2\"}} {b}\nx_bucket{{le=\"+Inf\"}} {c}\nx_count {c}\nxy_bucket{{le=\"9\"}} 7\n"
            )
        };
        let of = |counts| Histogram::of(&page(counts), "x");
        let all = of([50, 100, 100]);
        assert_eq!(
            (all.count(), all.quantile(0.5), all.quantile(0.75)),
            (100.0, Duration::from_millis(100), Duration::from_millis(150))
        );
        let later = of([50, 200, 200]).since(&all);
        assert_eq!((later.count(), later.quantile(0.5)), (100.0, Duration::from_millis(150)));
        assert_eq!(of([0, 0, 1]).quantile(0.99), Duration::from_millis(200), "no less than that");
        assert_eq!(Histogram::default().quantile(0.99), Duration::ZERO);
    }
}
