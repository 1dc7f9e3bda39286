//! Durations as Go writes them: `300ms`, `1.5h`, `1h30m`.
//!
//! Knative's annotations and ConfigMaps hold durations in this form, so they are read and printed exactly as Go's
//! `time` package does: nanoseconds in 64 bits with a sign, fractions cut off below a nanosecond.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of time with a sign, in whole nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

impl GoDuration {
    /// No time at all.
    pub const ZERO: GoDuration = GoDuration(0);
    /// The longest duration: 292 years.
    pub const MAX: GoDuration = GoDuration(i64::MAX);
    /// One second.
    pub const SECOND: GoDuration = GoDuration(1_000_000_000);
    /// One hour.
    pub const HOUR: GoDuration = GoDuration::from_secs(3600);

    /// `seconds` seconds; the longest duration (292 years) if that is more.
    pub const fn from_secs(seconds: i64) -> GoDuration {
        GoDuration(seconds.saturating_mul(Self::SECOND.0))
    }

    /// `nanos` nanoseconds.
    pub const fn from_nanos(nanos: i64) -> GoDuration {
        GoDuration(nanos)
    }

    /// Nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// As a duration without a sign; none if it is negative.
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_nanos)
    }
}

impl From<Duration> for GoDuration {
    /// The longest duration (292 years) if it is longer.
    fn from(duration: Duration) -> GoDuration {
        GoDuration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

/// The text is not a duration as Go writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a duration: write it as Go does, 300s or 5m")]
pub struct NotADuration;

impl FromStr for GoDuration {
    type Err = NotADuration;

    /// Reads a sign, then numbers each with a unit (`ns`, `us` or `µs`, `ms`, `s`, `m`, `h`); only `0` needs none.
    fn from_str(text: &str) -> Result<GoDuration, NotADuration> {
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(GoDuration::ZERO);
        }
        if rest.is_empty() {
            return Err(NotADuration);
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (nanos, after) = term(rest)?;
            total = total.checked_add(nanos).ok_or(NotADuration)?;
            rest = after;
        }
        let signed = if negative { -i128::from(total) } else { i128::from(total) };
        i64::try_from(signed).map(GoDuration).map_err(|_| NotADuration)
    }
}

/// Reads one number with its unit from the front of `text`: its nanoseconds, and what follows.
fn term(text: &str) -> Result<(u64, &str), NotADuration> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(NotADuration);
    }
    let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(NotADuration),
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| NotADuration)? };
    let nanos = whole.checked_mul(unit).and_then(|nanos| nanos.checked_add(part_of(unit, fraction)));
    Ok((nanos.ok_or(NotADuration)?, rest))
}

/// Nanoseconds in `0.fraction` of `unit`, in floating point as Go computes it.
fn part_of(unit: u64, fraction: &str) -> u64 {
    // Digits beyond what 63 bits hold are too small to matter; Go drops them too.
    let mut digits: u64 = 0;
    let mut scale = 1.0;
    for digit in fraction.bytes().map(|byte| u64::from(byte - b'0')) {
        match digits.checked_mul(10).and_then(|digits| digits.checked_add(digit)) {
            Some(more) if more <= 1 << 63 => digits = more,
            _ => break,
        }
        scale *= 10.0;
    }
    (digits as f64 * (unit as f64 / scale)) as u64
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

impl fmt::Display for GoDuration {
    /// As Go prints it: `1h0m0s`, `1m1.984s`, `1.5ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let nanos = self.0.unsigned_abs();
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => decimal(f, nanos, 1_000).and_then(|()| f.write_str("µs")),
            1_000_000..1_000_000_000 => decimal(f, nanos, 1_000_000).and_then(|()| f.write_str("ms")),
            _ => {
                let minutes = nanos / 60_000_000_000;
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                decimal(f, nanos % 60_000_000_000, 1_000_000_000).and_then(|()| f.write_str("s"))
            }
        }
    }
}

/// Writes `nanos / unit` in full, without trailing zeros; `unit` is a power of ten.
fn decimal(f: &mut fmt::Formatter<'_>, nanos: u64, unit: u64) -> fmt::Result {
    write!(f, "{}", nanos / unit)?;
    let fraction = nanos % unit;
    if fraction == 0 {
        return Ok(());
    }
    let width = unit.ilog10() as usize;
    f.write_str(".")?;
    f.write_str(format!("{fraction:0width$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> Option<i64> {
        text.parse().ok().map(GoDuration::as_nanos)
    }

    #[test]
    fn what_go_reads_is_read() {
        let second = 1_000_000_000;
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("+5s", 5 * second),
            ("-1m23s", -83 * second),
            ("1h30m", 5400 * second),
            ("1.5h", 5400 * second),
            (".5s", second / 2),
            ("5.s", 5 * second),
            ("300ms", 300_000_000),
            ("1us", 1_000),
            ("1\u{b5}s", 1_000),
            ("1\u{3bc}s", 1_000),
            ("1.5ns", 1),
            ("21m31s", 1291 * second),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("0.3333333333333333333h", 1_200 * second),
            ("0.9223372036854775807h", 3_320_413_933_267),
        ] {
            assert_eq!(nanos(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in ["", "-", "+", "60", "5 minutes", "s", ".s", "1d", "1h 30m", "--1s", "1S", "1e3s", "∞"] {
            assert_eq!(nanos(text), None, "{text}");
        }
        for too_long in ["9223372036854775808ns", "-9223372036854775809ns", "2562048h", "99999999999999999999s"] {
            assert_eq!(nanos(too_long), None, "{too_long}");
        }
    }

    #[test]
    fn it_prints_as_go_prints() {
        for (text, printed) in [
            ("0", "0s"),
            ("1h", "1h0m0s"),
            ("90s", "1m30s"),
            ("61984ms", "1m1.984s"),
            ("-83s", "-1m23s"),
            ("1500us", "1.5ms"),
            ("1001ns", "1.001µs"),
            ("7ns", "7ns"),
            ("60m", "1h0m0s"),
        ] {
            assert_eq!(text.parse::<GoDuration>().map(|d| d.to_string()), Ok(printed.to_owned()));
        }
    }

    #[test]
    fn a_negative_duration_has_no_unsigned_form() {
        assert_eq!(GoDuration::from_secs(-1).to_std(), None);
        assert_eq!(GoDuration::HOUR.to_std(), Some(Duration::from_secs(3600)));
        assert_eq!(GoDuration::from(Duration::MAX).as_nanos(), i64::MAX);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(n: i64) {
            let duration = GoDuration::from_nanos(n);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn small_durations_read_back_the_same(n in -10_000_000_000_i64..10_000_000_000) {
            let duration = GoDuration::from_nanos(n);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "[-+0-9.hmsnuµ ]{0,24}") {
            if let Ok(duration) = text.parse::<GoDuration>() {
                prop_assert_eq!(duration.to_string().parse(), Ok(duration));
            }
        }
    }
}
