//! PostgreSQL: the first column of the first row.

use crate::triggers::Reading;

/// What the first column of the first row says, in text; none if there was no row or it was null. Both are failures: a
/// query that counts always yields a number.
pub fn first_cell(cell: Option<&str>, activation: f64) -> Reading {
    match cell.map(|text| (text, text.trim().parse())) {
        Some((_, Ok(value))) => Reading::above(value, activation),
        Some((text, Err(_))) => Reading::Failed(format!("the query yields {text:?}, not a number")),
        None => Reading::failed("the query yields no row, or null: make it yield one number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_fails_and_nan_is_no_data() {
        assert!(matches!(first_cell(None, 0.0), Reading::Failed(_)));
        assert_eq!(first_cell(Some("NaN"), 0.0), Reading::NoData);
        assert_eq!(first_cell(Some("3"), 3.0), Reading::Value { metric: 3.0, active: false });
    }
}
