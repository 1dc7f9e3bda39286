//! One value as a user wrote it: its type and range. An error is the rest of a sentence that begins with the value.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::duration::GoDuration;
use crate::{BurstCapacity, number};

/// What is wrong with a value and what is allowed.
pub(crate) type Refused = String;

/// A whole number within `range`.
pub(crate) fn whole(text: &str, range: RangeInclusive<u32>) -> Result<u32, Refused> {
    let allowed = || match (*range.start(), *range.end()) {
        (start, end) if end == i32::MAX as u32 => format!("a whole number, {start} or more"),
        (start, end) => format!("a whole number from {start} to {end}"),
    };
    let value = number::whole(text).ok_or_else(|| format!("is not {}", allowed()))?;
    let value = u32::try_from(value).ok().filter(|value| range.contains(value));
    value.ok_or_else(|| format!("is out of range: it must be {}", allowed()))
}

/// Any number, `NaN` and `Inf` included.
pub(crate) fn float(text: &str) -> Result<f64, Refused> {
    number::float(text).ok_or_else(|| "is not a number".to_owned())
}

/// A number that is neither `NaN` nor `Inf`.
pub(crate) fn finite(text: &str) -> Result<f64, Refused> {
    float(text)?;
    number::float(text).filter(|value| value.is_finite()).ok_or_else(|| "is not a finite number".to_owned())
}

/// `value`, unless it lies outside of `range`. `NaN` lies nowhere and passes, as it does in Knative.
pub(crate) fn within(value: f64, range: RangeInclusive<f64>) -> Result<f64, Refused> {
    if value < *range.start() || value > *range.end() {
        return Err(format!("is out of range: it must be from {} to {}", range.start(), range.end()));
    }
    Ok(value)
}

/// `value`, unless it is less than `least`. `NaN` passes, as it does in Knative.
pub(crate) fn at_least(value: f64, least: f64) -> Result<f64, Refused> {
    if value < least { Err(format!("is too small: it must be {least} or more")) } else { Ok(value) }
}

/// `value` as a burst capacity: −1 or not negative.
pub(crate) fn burst_capacity(value: f64) -> Result<BurstCapacity, Refused> {
    if value == -1.0 {
        return Ok(BurstCapacity::Unlimited);
    }
    if value < 0.0 {
        return Err("is out of range: it must be 0 or more, or -1 for no limit".to_owned());
    }
    Ok(BurstCapacity::Of(value))
}

/// A switch.
pub(crate) fn switch(text: &str) -> Result<bool, Refused> {
    number::boolean(text).ok_or_else(|| "is neither true nor false".to_owned())
}

/// A duration within `range`.
pub(crate) fn duration(text: &str, range: RangeInclusive<GoDuration>) -> Result<Duration, Refused> {
    let value: GoDuration = text.parse().map_err(|error| format!("{error}"))?;
    if !range.contains(&value) {
        return Err(match (*range.start(), *range.end()) {
            (GoDuration::ZERO, GoDuration::MAX) => "must not be negative".to_owned(),
            (start, GoDuration::MAX) if start.as_nanos() == 1 => "must be more than 0s".to_owned(),
            (start, end) => format!("is out of range: it must be from {start} to {end}"),
        });
    }
    value.to_std().ok_or_else(|| "must not be negative".to_owned())
}

/// A duration of whole seconds within `range`.
pub(crate) fn seconds(text: &str, range: RangeInclusive<GoDuration>) -> Result<Duration, Refused> {
    let value = duration(text, range)?;
    if value.subsec_nanos() != 0 {
        return Err("is too precise: it must be whole seconds".to_owned());
    }
    Ok(value)
}

/// More than zero.
pub(crate) const POSITIVE: RangeInclusive<GoDuration> = GoDuration::from_nanos(1)..=GoDuration::MAX;

/// Zero or more.
pub(crate) const NOT_NEGATIVE: RangeInclusive<GoDuration> = GoDuration::ZERO..=GoDuration::MAX;

/// The word of `known` that `word` is most likely a misspelling of.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        // A third of the letters wrong is a misspelling; more is another word.
        .filter(|(distance, candidate)| *distance <= candidate.len().max(6) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_says_what_is_allowed() {
        assert_eq!(whole("+3", 0..=10), Ok(3));
        assert_eq!(whole("x", 0..=10), Err("is not a whole number from 0 to 10".into()));
        assert_eq!(whole("11", 0..=10), Err("is out of range: it must be a whole number from 0 to 10".into()));
        assert_eq!(
            whole("-1", 2..=i32::MAX as u32),
            Err("is out of range: it must be a whole number, 2 or more".into())
        );
    }

    #[test]
    fn nan_passes_a_range_but_is_not_finite() {
        assert!(within(f64::NAN, 1.0..=100.0).is_ok_and(f64::is_nan));
        assert_eq!(finite("NaN"), Err("is not a finite number".into()));
        assert_eq!(finite("1e3"), Ok(1000.0));
        assert_eq!(finite("many"), Err("is not a number".into()));
    }

    #[test]
    fn burst_capacity_is_minus_one_or_not_negative() {
        assert_eq!(burst_capacity(-1.0), Ok(BurstCapacity::Unlimited));
        assert_eq!(burst_capacity(0.0), Ok(BurstCapacity::Of(0.0)));
        assert!(burst_capacity(-0.5).is_err());
    }

    #[test]
    fn a_duration_says_what_is_allowed() {
        assert_eq!(seconds("1m", NOT_NEGATIVE), Ok(Duration::from_secs(60)));
        assert_eq!(seconds("1500ms", NOT_NEGATIVE), Err("is too precise: it must be whole seconds".into()));
        assert_eq!(duration("0", POSITIVE), Err("must be more than 0s".into()));
        assert_eq!(duration("-1s", NOT_NEGATIVE), Err("must not be negative".into()));
        let hour = GoDuration::ZERO..=GoDuration::HOUR;
        assert_eq!(duration("2h", hour), Err("is out of range: it must be from 0s to 1h0m0s".into()));
    }

    #[test]
    fn a_misspelling_finds_its_word_and_another_word_none() {
        let known = ["min-scale", "max-scale", "timeout"];
        assert_eq!(did_you_mean("mim-scale", known), Some("min-scale"));
        assert_eq!(did_you_mean("timeuot", known), Some("timeout"));
        assert_eq!(did_you_mean("activator", known), None);
    }
}
