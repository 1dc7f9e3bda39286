//! From words to a tree.

use config::bounds;

use super::function::{Function, Member, Simple};
use super::lexer::{Token, tokens};
use super::tree::{Binary, Node, Numeric, Unary};

/// The text is not a formula.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// It is too long.
    #[error("is longer than {} bytes", bounds::FORMULA_BYTES)]
    TooLong,
    /// Too much lies within each other.
    #[error("is nested deeper than {}", bounds::FORMULA_DEPTH)]
    TooDeep,
    /// A letter that stands nowhere.
    #[error("{0:?} means nothing in a formula")]
    Letter(char),
    /// A number that is none.
    #[error("{0:?} is not a number")]
    Number(String),
    /// Something else should stand there.
    #[error("{0:?} stands where {1}")]
    Misplaced(String, String),
    /// It ends too early.
    #[error("ends where {0} should stand")]
    Ends(String),
    /// A name that no trigger has.
    #[error("{0:?} is no trigger's name: they are {1}")]
    NoTrigger(String, String),
    /// A function that does not exist.
    #[error("{0:?} is no function: they are {1}")]
    NoFunction(String, String),
    /// A function was given too little or too much.
    #[error("{0} takes {1}")]
    Arguments(String, String),
    /// `#` without a list.
    #[error("\"#\" stands outside of a condition on a list's members")]
    NoMember,
}

/// Parses `text`, in which the triggers have these `names`.
pub(super) fn parse(text: &str, names: &[&str]) -> Result<Node, ParseError> {
    if text.len() > bounds::FORMULA_BYTES {
        return Err(ParseError::TooLong);
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, names, depth: 0, lists: 0 };
    let root = parser.expression()?;
    match parser.tokens.first() {
        None => Ok(root),
        Some(token) => Err(ParseError::Misplaced(token.text(), "the formula should end".to_owned())),
    }
}

struct Parser<'a, 'n> {
    tokens: &'a [Token<'a>],
    names: &'n [&'n str],
    depth: usize,
    /// How many lists' members `#` could mean.
    lists: usize,
}

impl<'a> Parser<'a, '_> {
    /// `condition ? one : other`, or what binds tighter.
    fn expression(&mut self) -> Result<Node, ParseError> {
        self.deeper(|parser| {
            let condition = parser.operand(0)?;
            if !parser.take("?") {
                return Ok(condition);
            }
            let one = parser.expression()?;
            parser.expect(":")?;
            let other = parser.expression()?;
            Ok(Node::Choice(Box::new([condition, one, other])))
        })
    }

    /// Operators that bind at least as tightly as `least`, and what stands between them.
    fn operand(&mut self, least: u32) -> Result<Node, ParseError> {
        let mut left = self.unary()?;
        while let Some((operator, precedence)) = self.operator().filter(|(_, precedence)| *precedence >= least) {
            self.next();
            // 2 ** 3 ** 2 is 2 ** (3 ** 2); everything else is taken from the left.
            let right = precedence + u32::from(operator != Binary::Numeric(Numeric::Power));
            let right = self.deeper(|parser| parser.operand(right))?;
            left = Node::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operator(&self) -> Option<(Binary, u32)> {
        match self.tokens.first()? {
            Token::Sign(text) | Token::Name(text) => Binary::read(text),
            Token::Number(_) => None,
        }
    }

    fn unary(&mut self) -> Result<Node, ParseError> {
        let unary = match self.tokens.first() {
            Some(Token::Sign("-")) => Unary::Minus,
            Some(Token::Sign("+")) => Unary::Plus,
            Some(Token::Sign("!") | Token::Name("not")) => Unary::Not,
            _ => return self.indexed(),
        };
        self.next();
        let operand = self.deeper(|parser| parser.operand(unary.precedence()))?;
        Ok(Node::Unary(unary, Box::new(operand)))
    }

    /// A value, and indices into it.
    fn indexed(&mut self) -> Result<Node, ParseError> {
        let mut value = self.value()?;
        while self.take("[") {
            let index = self.expression()?;
            self.expect("]")?;
            value = Node::Index(Box::new(value), Box::new(index));
        }
        Ok(value)
    }

    fn value(&mut self) -> Result<Node, ParseError> {
        match self.next() {
            Some(Token::Number(number)) => Ok(Node::Number(number)),
            Some(Token::Name("true")) => Ok(Node::Bool(true)),
            Some(Token::Name("false")) => Ok(Node::Bool(false)),
            Some(Token::Name("nil")) => Ok(Node::Nil),
            Some(Token::Name(name)) if self.take("(") => self.call(name),
            Some(Token::Name(name)) => self.trigger(name),
            Some(Token::Sign("#")) if self.lists > 0 => Ok(Node::Member),
            Some(Token::Sign("#")) => Err(ParseError::NoMember),
            Some(Token::Sign("(")) => {
                let inside = self.expression()?;
                self.expect(")")?;
                Ok(inside)
            }
            Some(Token::Sign("[")) => self.until("]").map(Node::List),
            Some(other) => Err(ParseError::Misplaced(other.text(), "a value should stand".to_owned())),
            None => Err(ParseError::Ends("a value".to_owned())),
        }
    }

    fn trigger(&self, name: &str) -> Result<Node, ParseError> {
        let index = self.names.iter().position(|known| *known == name);
        index.map(Node::Trigger).ok_or_else(|| {
            let named: Vec<&str> = self.names.iter().copied().filter(|name| !name.is_empty()).collect();
            ParseError::NoTrigger(name.to_owned(), named.join(", "))
        })
    }

    /// What a function is given, and the bracket after it.
    fn call(&mut self, name: &str) -> Result<Node, ParseError> {
        let Some(function) = Function::read(name) else {
            return Err(ParseError::NoFunction(name.to_owned(), Function::names()));
        };
        match function {
            Function::Member(member) => self.each(name, member),
            Function::Fold(fold) => self.until(")").map(|given| Node::Fold(fold, given)),
            Function::Simple(simple) => {
                let given: Result<[Node; 1], _> = self.until(")")?.try_into();
                let what = if simple == Simple::Len { "one list" } else { "one value" };
                let [given] = given.map_err(|_| ParseError::Arguments(name.to_owned(), what.to_owned()))?;
                Ok(Node::Simple(simple, Box::new(given)))
            }
        }
    }

    /// A list, and something about each of its members, in braces or not.
    fn each(&mut self, name: &str, member: Member) -> Result<Node, ParseError> {
        let list = self.expression()?;
        if !self.take(",") {
            let what = format!("a list and a condition on its members, as in {name}([a, b], # > 1)");
            return Err(ParseError::Arguments(name.to_owned(), what));
        }
        let braces = self.take("{");
        self.lists += 1;
        let about = self.expression();
        self.lists -= 1;
        if braces {
            self.expect("}")?;
        }
        self.expect(")")?;
        Ok(Node::Each(member, Box::new([list, about?])))
    }

    /// Values with commas between them, up to `end`.
    fn until(&mut self, end: &'static str) -> Result<Vec<Node>, ParseError> {
        let mut all = Vec::new();
        while !self.take(end) {
            if !all.is_empty() {
                self.expect(",")?;
            }
            all.push(self.expression()?);
        }
        Ok(all)
    }

    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> Result<Node, ParseError>) -> Result<Node, ParseError> {
        if self.depth >= bounds::FORMULA_DEPTH {
            return Err(ParseError::TooDeep);
        }
        self.depth += 1;
        let node = parse(self);
        self.depth -= 1;
        node
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(*first)
    }

    fn take(&mut self, sign: &str) -> bool {
        let taken = matches!(self.tokens.first(), Some(Token::Sign(next)) if *next == sign);
        if taken {
            self.next();
        }
        taken
    }

    fn expect(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.take(sign) {
            return Ok(());
        }
        let wanted = format!("{sign:?}");
        Err(match self.tokens.first() {
            Some(other) => ParseError::Misplaced(other.text(), format!("{wanted} should stand")),
            None => ParseError::Ends(wanted),
        })
    }
}
