//! Several endpoints of one Service as one number.

use crate::triggers::metadata::Aggregation;

impl Aggregation {
    /// The endpoints' `answers` as one number. Those that failed are left out of it, and of what an average is divided
    /// by.
    ///
    /// # Errors
    /// All failed, or there was none: what was wrong with the first.
    pub fn together(self, answers: &[Result<f64, String>]) -> Result<f64, String> {
        let values = || answers.iter().flatten().copied();
        let sum = || values().sum::<f64>();
        let together = match self {
            _ if values().next().is_none() => None,
            Aggregation::Average => Some(sum() / values().count() as f64),
            Aggregation::Sum => Some(sum()),
            Aggregation::Max => values().reduce(f64::max),
            Aggregation::Min => values().reduce(f64::min),
        };
        together.ok_or_else(|| match answers.first() {
            Some(Err(first)) => format!("all {} endpoints failed; the first: {first}", answers.len()),
            _ => "the Service has no endpoints".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_left_out() {
        let answers = [Ok(2.0), Err("no".to_owned()), Ok(4.0)];
        let of = |aggregation: Aggregation| aggregation.together(&answers).unwrap();
        assert_eq!(
            [Aggregation::Average, Aggregation::Sum, Aggregation::Max, Aggregation::Min].map(of),
            [3.0, 6.0, 4.0, 2.0]
        );
    }

    #[test]
    fn all_failed_or_none_is_there() {
        let failed = [Err("refused".to_owned()), Err("slow".to_owned())];
        assert_eq!(Aggregation::Sum.together(&failed).unwrap_err(), "all 2 endpoints failed; the first: refused");
        assert_eq!(Aggregation::Sum.together(&[]).unwrap_err(), "the Service has no endpoints");
    }
}
