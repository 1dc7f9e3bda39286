//! `scalingModifiers.formula`: one number of all triggers' numbers.
//!
//! The part of expr-lang (which KEDA uses) that makes numbers of numbers: arithmetic, comparisons, `and or not`, `?:`,
//! `??`, lists, `round`, `abs`, …, and what puts lists together: `sum`, `mean`, `median`, `min`, `max`, and with a
//! predicate in which `#` is each member, `count`, `any`, `all`, `none`, `one`, `filter`, `map`. Text is parsed once,
//! into a tree of bounded depth, and evaluated in a bounded number of steps.

mod evaluate;
mod function;
mod lexer;
mod parser;
mod tree;

pub use self::evaluate::EvaluateError;
pub use self::parser::ParseError;
use self::tree::Node;

/// A formula that can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    root: Node,
}

impl Formula {
    /// Parses `text`, in which the triggers have these `names`; and evaluates it once, with −1 for each trigger, as
    /// KEDA does, so that what cannot work is said at once.
    ///
    /// # Errors
    /// The text is no formula, names no trigger, or adds up what cannot be added up.
    pub fn parse(text: &str, names: &[&str]) -> Result<Formula, FormulaError> {
        let root = parser::parse(text, names)?;
        let formula = Formula { root };
        let dummies = vec![Some(-1.0); names.len()];
        match formula.evaluate(&dummies) {
            Ok(_) | Err(EvaluateError::NotFinite | EvaluateError::Empty(_)) => Ok(formula),
            Err(problem) => Err(problem.into()),
        }
    }

    /// The number that comes of the triggers' `values`, in the order of their names; none where a trigger is `nil`.
    /// None if the whole is `nil`.
    ///
    /// # Errors
    /// It adds up what cannot be added up, or the outcome is not a finite number.
    pub fn evaluate(&self, values: &[Option<f64>]) -> Result<Option<f64>, EvaluateError> {
        evaluate::number(&self.root, values)
    }
}

/// The formula cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FormulaError {
    /// It cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It cannot be evaluated.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn eval(text: &str, values: [Option<f64>; 3]) -> Result<Option<f64>, EvaluateError> {
        Formula::parse(text, &NAMES).unwrap_or_else(|problem| panic!("{text}: {problem}")).evaluate(&values)
    }

    #[test]
    fn what_people_write() {
        let values = [Some(2.0), Some(5.0), Some(9.0)];
        for (text, number) in [
            ("a + b * c", 47.0),
            ("(a + b) / 2", 3.5),
            ("a ** 2 ** 3", 256.0),
            ("-a ** 2", -4.0),
            ("2 ^ 3", 8.0),
            ("c % 4", 1.0),
            ("a > 1 ? b : c", 5.0),
            ("a > 3 ? b : c > 8 ? 1 : 2", 1.0),
            ("a > 1 && not (b == 5) || c != 9 ? 1 : 0", 0.0),
            ("a ?? b + 1", 3.0),
            ("avg([a, b, c, 4])", 5.0),
            ("max(a, b, c) - min([a, b])", 7.0),
            ("median([a, b, c]) + sum([a, b])", 12.0),
            ("count([a, b, c], {# > 2}) > 1 ? 5 : 0", 5.0),
            ("count([a, b, c], # > 2)", 2.0),
            ("sum(map(filter([a, b, c], {# > 2}), {# * 10}))", 140.0),
            ("any([a, b], {# > 4}) and all([a, b], # > 1) and none([a], # > 4) and one([a, b], # > 4) ? 1 : 0", 1.0),
            ("len([a, b])", 2.0),
            ("round(2.5) + floor(2.9) + ceil(2.1) + abs(-1)", 9.0),
            ("int(2.9) + float(1)", 3.0),
            ("[a, b][1] + [c][0]", 14.0),
            (".5e1 + 1_000", 1005.0),
        ] {
            assert_eq!(eval(text, values), Ok(Some(number)), "{text}");
        }
    }

    #[test]
    fn a_trigger_that_is_nil_is_replaced_or_spoils_the_whole() {
        let nil = [None, Some(5.0), None];
        assert_eq!(eval("a ?? b", nil), Ok(Some(5.0)));
        assert_eq!(eval("a ?? c", nil), Ok(None));
        assert_eq!(eval("a == nil ? 1 : 2", nil), Ok(Some(1.0)));
        assert_eq!(eval("a + b", nil), Err(EvaluateError::NotNumbers("+", "nil")));
    }

    #[test]
    fn division_by_nothing_is_not_a_number_to_scale_on() {
        assert_eq!(eval("b / a", [Some(0.0), Some(1.0), None]), Err(EvaluateError::NotFinite));
        assert_eq!(eval("a % a", [Some(0.0), None, None]), Err(EvaluateError::NotFinite));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, message) in [
            ("a + d", "\"d\" is no trigger's name: they are a, b, c"),
            ("a +", "ends where a value should stand"),
            ("a b", "\"b\" stands where the formula should end"),
            ("(a", "ends where \")\" should stand"),
            ("a ? b", "ends where \":\" should stand"),
            ("a $ b", "'$' means nothing in a formula"),
            ("1.2.3", "\"1.2.3\" is not a number"),
            (
                "quux(a)",
                "\"quux\" is no function: they are abs, all, any, avg, ceil, count, filter, float, floor, int, \
             len, map, max, mean, median, min, none, one, round, sum",
            ),
            ("count([a])", "count takes a list and a condition on its members, as in count([a, b], # > 1)"),
            ("abs(a, b)", "abs takes one value"),
            ("#", "\"#\" stands outside of a condition on a list's members"),
            ("a > 1", "the outcome is true or false, not a number: write … ? 1 : 0"),
            ("[a]", "the outcome is a list, not a number"),
            ("a + (b > 1)", "+ takes numbers: it was given true or false"),
            ("a ? 1 : 0", "a condition must be true or false: it is a number"),
            ("", "ends where a value should stand"),
        ] {
            let problem = Formula::parse(text, &NAMES).unwrap_err().to_string();
            assert_eq!(problem, message, "{text}");
        }
    }

    #[test]
    fn depth_length_and_steps_have_bounds() {
        let deep = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(matches!(Formula::parse(&deep, &[]), Err(FormulaError::Parse(ParseError::TooLong))));
        let nested = format!("{}1{}", "(".repeat(1_000), ")".repeat(1_000));
        assert!(matches!(Formula::parse(&nested, &[]), Err(FormulaError::Parse(ParseError::TooDeep))));
        let minus = format!("{}1", "-".repeat(1_000));
        assert!(matches!(Formula::parse(&minus, &[]), Err(FormulaError::Parse(ParseError::TooDeep))));
        let row = vec!["1"; 1_000].join("+");
        assert_eq!(Formula::parse(&row, &[]), Err(FormulaError::Evaluate(EvaluateError::TooDeep)));
        let list = format!("[{}]", vec!["1"; 300].join(","));
        let multiplied = format!("sum(map({list}, sum(map({list}, sum(map({list}, #))))))");
        assert_eq!(Formula::parse(&multiplied, &[]), Err(FormulaError::Evaluate(EvaluateError::TooManySteps)));
    }

    proptest! {
        /// Whatever is written, and whatever the triggers say: an answer or an error.
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,48}") {
            if let Err(problem) = Formula::parse(&text, &NAMES) {
                prop_assert!(!problem.to_string().is_empty());
            }
        }

        #[test]
        fn no_sequence_of_words_breaks_it(
            words in prop::collection::vec(prop::sample::select(vec![
                "a", "b", "1", "0", "nil", "true", "(", ")", "[", "]", "{", "}", ",", "#", "?", ":", "??", "+", "-", "*",
                "/", "%", "**", ">", "==", "!", "and", "or", "not", "sum", "count", "max", "map", "filter", "median",
            ]), 0..24),
            values in [prop::option::of(any::<f64>()), prop::option::of(any::<f64>()), prop::option::of(any::<f64>())],
        ) {
            if let Ok(formula) = Formula::parse(&words.join(" "), &NAMES)
                && let Ok(Some(number)) = formula.evaluate(&values)
            {
                prop_assert!(number.is_finite());
            }
        }
    }
}
