//! Prometheus' text format: the first sample of a name whose labels hold what was asked for.

/// Which sample: `name{label="value",…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    name: String,
    labels: Vec<(String, String)>,
}

/// The text does not select a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not select a sample: write name or name{{label=\"value\"}}")]
pub struct BadSelector;

impl std::str::FromStr for Selector {
    type Err = BadSelector;

    fn from_str(text: &str) -> Result<Selector, BadSelector> {
        match series(text.trim()) {
            Some((name, labels, "")) => Ok(Selector { name: name.to_owned(), labels }),
            _ => Err(BadSelector),
        }
    }
}

impl Selector {
    /// The value of the first sample of that name that has at least these labels; none if there is none.
    pub fn sample(&self, exposition: &str) -> Option<f64> {
        exposition.lines().map(str::trim).filter(|line| line.starts_with(&self.name)).find_map(|line| {
            let (name, labels, rest) = series(line)?;
            let chosen = name == self.name && self.labels.iter().all(|label| labels.contains(label));
            if chosen { rest.split_whitespace().next()?.parse().ok() } else { None }
        })
    }
}

/// What stands in front of a line, and what follows: a name and its labels.
type Series<'a> = (&'a str, Vec<(String, String)>, &'a str);

/// Reads `name{label="value",…}` off the front of `text`.
fn series(text: &str) -> Option<Series<'_>> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut labels = Vec::new();
    let Some(inside) = rest.strip_prefix('{') else { return Some((name, labels, rest)) };
    rest = inside.trim_start();
    while !rest.starts_with('}') {
        let (label, value) = rest.split_once('=')?;
        let (value, after) = quoted(value.trim_start())?;
        labels.push((label.trim().to_owned(), value));
        let after = after.trim_start();
        rest = after.strip_prefix(',').map_or(after, str::trim_start);
        if !(after.starts_with(',') || rest.starts_with('}')) {
            return None;
        }
    }
    Some((name, labels, &rest[1..]))
}

/// Reads a text in quotes off the front, in which a backslash escapes.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut letters = inside.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &inside[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                letter => value.push(letter),
            },
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = r#"
# HELP jobs How many
# TYPE jobs gauge
jobs_total 9
jobs{queue="a\"b, c",} 1 1700000000
jobs{queue="x",zone="1"} 2.5
jobs{queue="x",zone="2"} 3
"#;

    #[test]
    fn the_first_that_has_the_labels() {
        let sample = |text: &str| text.parse::<Selector>().unwrap().sample(PAGE);
        assert_eq!(sample("jobs"), Some(1.0));
        assert_eq!(sample(r#"jobs{queue="x"}"#), Some(2.5));
        assert_eq!(sample(r#"jobs{ zone = "2" , queue="x" }"#), Some(3.0));
        assert_eq!(sample(r#"jobs{queue="a\"b, c"}"#), Some(1.0));
        assert_eq!(sample(r#"jobs{queue="y"}"#), None);
    }

    #[test]
    fn half_a_selector_is_none() {
        for text in ["", "1", "{}", "a{", "a{b}", "a{b=\"c\"", "a{b=\"c\"d=\"e\"}", "a b"] {
            assert_eq!(text.parse::<Selector>(), Err(BadSelector), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[a{}=\",\\\\ 1é]{0,24}") {
            let all = Selector { name: "a".into(), labels: Vec::new() };
            prop_assert!(all.sample(&text).is_none() || text.contains('a'));
            prop_assert!(text.parse::<Selector>().is_err() || text.contains('a'));
        }
    }
}
