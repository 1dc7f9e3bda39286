//! What a formula comes to.

use config::bounds;

use super::function::{Fold, Member, Simple};
use super::tree::{Binary, Node, Numeric, Unary};

/// The formula comes to nothing that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// An operator or function was given something else than numbers.
    #[error("{0} takes numbers: it was given {1}")]
    NotNumbers(&'static str, &'static str),
    /// What is indexed, counted or gone through is not a list.
    #[error("a list should stand where {0} stands")]
    NotAList(&'static str),
    /// A condition is neither true nor false.
    #[error("a condition must be true or false: it is {0}")]
    NotACondition(&'static str),
    /// The whole is not a number.
    #[error("the outcome is {0}")]
    NotANumber(&'static str),
    /// The whole is NaN or infinite.
    #[error("the outcome is not a finite number: something is divided by zero")]
    NotFinite,
    /// An index outside of the list.
    #[error("a list has no member at that index")]
    NoSuchMember,
    /// Nothing was given to a function that needs something.
    #[error("{0} was given nothing")]
    Empty(&'static str),
    /// Too much lies within each other, or stands in one row.
    #[error("has more than {} operators in one row or within each other", bounds::FORMULA_HEIGHT)]
    TooDeep,
    /// It takes too long.
    #[error("takes more than {} steps", bounds::FORMULA_STEPS)]
    TooManySteps,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(f64),
    Bool(bool),
    Nil,
    List(Vec<Value>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Number(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::Nil => "nil",
            Value::List(_) => "a list",
        }
    }

    fn number(&self, of: &'static str) -> Result<f64, EvaluateError> {
        match self {
            Value::Number(number) => Ok(*number),
            other => Err(EvaluateError::NotNumbers(of, other.kind())),
        }
    }

    fn condition(&self) -> Result<bool, EvaluateError> {
        match self {
            Value::Bool(is) => Ok(*is),
            other => Err(EvaluateError::NotACondition(other.kind())),
        }
    }

    fn list(self) -> Result<Vec<Value>, EvaluateError> {
        match self {
            Value::List(list) => Ok(list),
            other => Err(EvaluateError::NotAList(other.kind())),
        }
    }
}

/// The number that the tree comes to with these triggers' values; none if it is `nil`.
pub(super) fn number(root: &Node, triggers: &[Option<f64>]) -> Result<Option<f64>, EvaluateError> {
    match (Evaluation { triggers, members: Vec::new(), steps: 0, depth: 0 }).value(root)? {
        Value::Number(number) if number.is_finite() => Ok(Some(number)),
        Value::Number(_) => Err(EvaluateError::NotFinite),
        Value::Nil => Ok(None),
        Value::Bool(_) => Err(EvaluateError::NotANumber("true or false, not a number: write … ? 1 : 0")),
        Value::List(_) => Err(EvaluateError::NotANumber("a list, not a number")),
    }
}

impl Numeric {
    fn of(self, left: f64, right: f64) -> Value {
        match self {
            Numeric::Less => Value::Bool(left < right),
            Numeric::LessOrEqual => Value::Bool(left <= right),
            Numeric::Greater => Value::Bool(left > right),
            Numeric::GreaterOrEqual => Value::Bool(left >= right),
            Numeric::Add => Value::Number(left + right),
            Numeric::Subtract => Value::Number(left - right),
            Numeric::Multiply => Value::Number(left * right),
            Numeric::Divide => Value::Number(left / right),
            Numeric::Remainder => Value::Number(left % right),
            Numeric::Power => Value::Number(left.powf(right)),
        }
    }
}

struct Evaluation<'a> {
    triggers: &'a [Option<f64>],
    /// The members at hand of all lists that are gone through, the innermost last.
    members: Vec<Value>,
    steps: usize,
    depth: usize,
}

impl Evaluation<'_> {
    fn value(&mut self, node: &Node) -> Result<Value, EvaluateError> {
        self.steps += 1;
        self.depth += 1;
        let value = match () {
            () if self.steps > bounds::FORMULA_STEPS => Err(EvaluateError::TooManySteps),
            // A long sum is as deep as it is long.
            () if self.depth > bounds::FORMULA_HEIGHT => Err(EvaluateError::TooDeep),
            () => self.value_of(node),
        };
        self.depth -= 1;
        value
    }

    fn value_of(&mut self, node: &Node) -> Result<Value, EvaluateError> {
        Ok(match node {
            Node::Number(number) => Value::Number(*number),
            Node::Bool(is) => Value::Bool(*is),
            Node::Nil => Value::Nil,
            Node::Trigger(index) => self.triggers.get(*index).copied().flatten().map_or(Value::Nil, Value::Number),
            Node::Member => self.members.last().cloned().unwrap_or(Value::Nil),
            Node::List(nodes) => Value::List(nodes.iter().map(|node| self.value(node)).collect::<Result<_, _>>()?),
            Node::Index(list, index) => {
                let (mut list, index) = (self.value(list)?.list()?, self.value(index)?.number("an index")?);
                // A negative or broken index is none of a list's: cast, it is the wrong one.
                let place = (index >= 0.0 && index.fract() == 0.0).then_some(index as usize);
                let place = place.filter(|place| *place < list.len()).ok_or(EvaluateError::NoSuchMember)?;
                list.swap_remove(place)
            }
            Node::Unary(unary, node) => self.unary(*unary, node)?,
            Node::Binary(binary, left, right) => self.binary(*binary, left, right)?,
            Node::Choice(nodes) => {
                let [condition, one, other] = &**nodes;
                if self.value(condition)?.condition()? { self.value(one)? } else { self.value(other)? }
            }
            Node::Simple(simple, node) => self.simple(*simple, node)?,
            Node::Fold(fold, nodes) => self.fold(*fold, nodes)?,
            Node::Each(member, nodes) => self.each(*member, &nodes[0], &nodes[1])?,
        })
    }

    fn unary(&mut self, unary: Unary, node: &Node) -> Result<Value, EvaluateError> {
        let value = self.value(node)?;
        Ok(match unary {
            Unary::Not => Value::Bool(!value.condition()?),
            Unary::Minus => Value::Number(-value.number("-")?),
            Unary::Plus => Value::Number(value.number("+")?),
        })
    }

    fn binary(&mut self, binary: Binary, left: &Node, right: &Node) -> Result<Value, EvaluateError> {
        let left = self.value(left)?;
        // What stands on the right of the first three is looked at only if it matters.
        Ok(match binary {
            Binary::Or => Value::Bool(left.condition()? || self.value(right)?.condition()?),
            Binary::And => Value::Bool(left.condition()? && self.value(right)?.condition()?),
            Binary::Else if left == Value::Nil => self.value(right)?,
            Binary::Else => left,
            Binary::Equal => Value::Bool(left == self.value(right)?),
            Binary::NotEqual => Value::Bool(left != self.value(right)?),
            Binary::Numeric(numeric) => {
                let right = self.value(right)?;
                numeric.of(left.number(numeric.symbol())?, right.number(numeric.symbol())?)
            }
        })
    }

    fn simple(&mut self, simple: Simple, node: &Node) -> Result<Value, EvaluateError> {
        let value = self.value(node)?;
        let (name, of): (_, fn(f64) -> f64) = match simple {
            Simple::Len => return Ok(Value::Number(value.list()?.len() as f64)),
            Simple::Abs => ("abs", f64::abs),
            Simple::Ceil => ("ceil", f64::ceil),
            Simple::Floor => ("floor", f64::floor),
            Simple::Round => ("round", f64::round),
            Simple::Int => ("int", f64::trunc),
            Simple::Float => ("float", |number| number),
        };
        Ok(Value::Number(of(value.number(name)?)))
    }

    fn fold(&mut self, fold: Fold, nodes: &[Node]) -> Result<Value, EvaluateError> {
        let mut numbers = Vec::new();
        for node in nodes {
            match self.value(node)? {
                Value::List(list) => {
                    for value in &list {
                        numbers.push(value.number(fold.name())?);
                    }
                }
                value => numbers.push(value.number(fold.name())?),
            }
        }
        fold.of(numbers).map(Value::Number).ok_or(EvaluateError::Empty(fold.name()))
    }

    fn each(&mut self, member: Member, list: &Node, about: &Node) -> Result<Value, EvaluateError> {
        let list = self.value(list)?.list()?;
        let length = list.len();
        let (mut mapped, mut kept) = (Vec::new(), Vec::new());
        for value in list {
            self.members.push(value.clone());
            let outcome = self.value(about);
            self.members.pop();
            match member {
                Member::Map => mapped.push(outcome?),
                _ if outcome?.condition()? => kept.push(value),
                _ => {}
            }
        }
        Ok(match member {
            Member::Map => Value::List(mapped),
            Member::Filter => Value::List(kept),
            Member::Count => Value::Number(kept.len() as f64),
            Member::Any => Value::Bool(!kept.is_empty()),
            Member::All => Value::Bool(kept.len() == length),
            Member::None => Value::Bool(kept.is_empty()),
            Member::One => Value::Bool(kept.len() == 1),
        })
    }
}
