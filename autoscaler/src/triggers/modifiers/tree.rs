//! A formula as a tree.

use super::function::{Fold, Member, Simple};

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Number(f64),
    Bool(bool),
    Nil,
    /// The trigger at that place in the list of names.
    Trigger(usize),
    /// `#`: the member at hand of the innermost list.
    Member,
    List(Vec<Node>),
    Index(Box<Node>, Box<Node>),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    Choice(Box<[Node; 3]>),
    Simple(Simple, Box<Node>),
    Fold(Fold, Vec<Node>),
    Each(Member, Box<[Node; 2]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Minus,
    Plus,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    /// `??`
    Else,
    Equal,
    NotEqual,
    /// Of two numbers.
    Numeric(Numeric),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numeric {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

/// Every operator of two, as it is written, with how tightly it binds: expr-lang's numbers.
const BINARIES: [(&str, Binary, u32); 18] = [
    ("||", Binary::Or, 10),
    ("or", Binary::Or, 10),
    ("&&", Binary::And, 15),
    ("and", Binary::And, 15),
    ("==", Binary::Equal, 20),
    ("!=", Binary::NotEqual, 20),
    ("<", Binary::Numeric(Numeric::Less), 20),
    ("<=", Binary::Numeric(Numeric::LessOrEqual), 20),
    (">", Binary::Numeric(Numeric::Greater), 20),
    (">=", Binary::Numeric(Numeric::GreaterOrEqual), 20),
    ("+", Binary::Numeric(Numeric::Add), 30),
    ("-", Binary::Numeric(Numeric::Subtract), 30),
    ("*", Binary::Numeric(Numeric::Multiply), 60),
    ("/", Binary::Numeric(Numeric::Divide), 60),
    ("%", Binary::Numeric(Numeric::Remainder), 60),
    ("**", Binary::Numeric(Numeric::Power), 100),
    ("^", Binary::Numeric(Numeric::Power), 100),
    ("??", Binary::Else, 500),
];

impl Binary {
    /// The operator that `text` is, and how tightly it binds.
    pub(super) fn read(text: &str) -> Option<(Binary, u32)> {
        BINARIES.iter().find(|(symbol, ..)| *symbol == text).map(|(_, binary, precedence)| (*binary, *precedence))
    }
}

impl Numeric {
    /// As it is written.
    pub(super) fn symbol(self) -> &'static str {
        BINARIES.iter().find(|(_, binary, _)| *binary == Binary::Numeric(self)).map_or("", |(symbol, ..)| symbol)
    }
}

impl Unary {
    /// How tightly it binds: expr-lang's numbers.
    pub(super) fn precedence(self) -> u32 {
        match self {
            Unary::Not => 50,
            Unary::Minus | Unary::Plus => 90,
        }
    }
}
