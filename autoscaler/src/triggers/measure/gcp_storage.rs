//! Google Cloud Storage: how many objects a bucket holds.

use crate::triggers::Reading;

/// Counts objects page by page, up to a number of them.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    objects: u64,
    most: u64,
}

impl Count {
    /// Counts up to `most` (`maxBucketItemsToScan`).
    pub fn up_to(most: u64) -> Count {
        Count { objects: 0, most }
    }

    /// Takes in the sizes of one page's objects. Empty ones are placeholders of folders, and do not count. Returns
    /// whether another page is wanted.
    pub fn page(&mut self, sizes: impl IntoIterator<Item = u64>) -> bool {
        let left = self.most.saturating_sub(self.objects);
        self.objects += sizes.into_iter().filter(|&size| size > 0).take(left as usize).count() as u64;
        self.objects < self.most
    }

    /// What was counted; active above `activation`.
    pub fn reading(self, activation: f64) -> Reading {
        Reading::above(self.objects as f64, activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_do_not_count_and_enough_is_enough() {
        let mut count = Count::up_to(3);
        assert!(count.page([0, 5, 0, 7]));
        assert!(!count.page([1, 1, 1]));
        assert_eq!(count.reading(2.0), Reading::Value { metric: 3.0, active: true });
    }
}
