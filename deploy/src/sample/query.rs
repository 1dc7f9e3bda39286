//! What the query of a request asks for.

/// The value of `key` in `query`. Nothing is decoded: durations and sizes need no escapes.
pub(super) fn value<'q>(query: &'q str, key: &str) -> Option<&'q str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// Reads `100`, `10kB`, `1MB`, `1GB` (powers of 1000) and `10KiB`, `1MiB`, `1GiB` (powers of 1024).
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text);
    let scale: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("{text:?} is not a size: write 100, 10kB, 1MB, 64KiB")),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is not a size: write 100, 10kB, 1MB, 64KiB"))?;
    number.checked_mul(scale).ok_or_else(|| format!("{text:?} is too much"))
}

fn number_and_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("1MB"), Ok(1_000_000));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("7"), Ok(7));
    }

    #[test]
    fn what_is_no_size_is_refused_and_named() {
        assert!(size("much").unwrap_err().contains("\"much\" is not a size"));
        assert!(size("99999999999GiB").unwrap_err().contains("too much"));
        assert!(size("1.5MB").unwrap_err().contains("not a size"));
    }

    #[test]
    fn the_first_of_equal_keys_counts() {
        assert_eq!(value("a=1&sleep=5ms&sleep=6ms", "sleep"), Some("5ms"));
        assert_eq!(value("sleepy=1", "sleep"), None);
    }
}
