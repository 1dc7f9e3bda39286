//! How numbers and names are read and written.

use autoscaler::triggers::metadata::text;
use autoscaler::triggers::{Milli, names};
use serde::Deserialize;

use super::Outcome;

#[derive(Deserialize)]
pub(super) struct Valued {
    value: String,
}

pub(super) fn milli(vector: &Valued, out: &String) -> Outcome {
    let milli = Milli::rounded(vector.value.parse().expect("a readable vector"));
    assert_eq!(milli.thousandths().to_string(), *out);
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct Named {
    index: usize,
    name: String,
}

pub(super) fn index_strip(vector: &Named, out: &Option<String>) -> Outcome {
    assert_eq!(names::without_index(vector.index, &vector.name), out.as_deref());
    Outcome::Same
}

#[derive(Deserialize)]
pub(super) struct Text {
    s: String,
}

pub(super) fn boolean(vector: &Text, out: &Option<bool>) -> Outcome {
    assert_eq!(text::switch(&vector.s).ok(), *out);
    Outcome::Same
}

pub(super) fn integer(vector: &Text, out: &Option<i64>) -> Outcome {
    assert_eq!(text::whole(&vector.s).ok(), *out);
    Outcome::Same
}

pub(super) fn duration(vector: &Text, out: &Option<u128>) -> Outcome {
    assert_eq!(text::duration(&vector.s).ok().map(|time| time.as_millis()), *out);
    Outcome::Same
}
