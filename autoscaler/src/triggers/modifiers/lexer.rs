//! A formula as a sequence of words.

use super::ParseError;

/// One word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(f64),
    /// A name; `and`, `or`, `not`, `nil`, `true`, `false` too.
    Name(&'a str),
    /// An operator, a bracket, a comma, `#`.
    Sign(&'a str),
}

impl<'a> Token<'a> {
    /// As it is written; a number without its exact form.
    pub(super) fn text(self) -> String {
        match self {
            Token::Number(number) => number.to_string(),
            Token::Name(text) | Token::Sign(text) => text.to_owned(),
        }
    }
}

/// Signs of two letters before those of one, of which they are made.
const SIGNS: [&str; 27] = [
    "**", "??", "&&", "||", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "^", "<", ">", "!", "?", ":", "(", ")",
    "[", "]", "{", "}", ",", "#",
];

/// Splits `text` into words.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if first.is_ascii_digit() || is_fraction(rest) {
            let length = number_length(rest);
            (number(&rest[..length])?, length)
        } else if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            (Token::Name(&rest[..length]), length)
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign)).ok_or(ParseError::Letter(first))?;
            (Token::Sign(sign), sign.len())
        };
        all.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(all)
}

fn is_fraction(text: &str) -> bool {
    text.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// How long the number is that `text` starts with, `1e-3` included.
fn number_length(text: &str) -> usize {
    let mut previous = ' ';
    let ends = |c: char| {
        let exponent = matches!(previous, 'e' | 'E') && matches!(c, '+' | '-');
        previous = c;
        !(c.is_ascii_digit() || matches!(c, '.' | '_' | 'e' | 'E') || exponent)
    };
    text.find(ends).unwrap_or(text.len())
}

fn number(text: &str) -> Result<Token<'_>, ParseError> {
    let digits = text.replace('_', "");
    digits.parse().map(Token::Number).map_err(|_| ParseError::Number(text.to_owned()))
}
