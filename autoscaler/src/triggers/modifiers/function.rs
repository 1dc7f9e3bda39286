//! The functions of formulas, by name.

/// Of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Simple {
    Abs,
    Ceil,
    Floor,
    Round,
    Int,
    Float,
    /// Of one list.
    Len,
}

/// Of a list, or of several numbers or lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    Sum,
    Mean,
    Median,
    Min,
    Max,
}

/// Of a list and something about each of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Count,
    Any,
    All,
    None,
    One,
    Filter,
    Map,
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Simple(Simple),
    Fold(Fold),
    Member(Member),
}

/// All of them, by name.
const FUNCTIONS: [(&str, Function); 20] = [
    ("abs", Function::Simple(Simple::Abs)),
    ("all", Function::Member(Member::All)),
    ("any", Function::Member(Member::Any)),
    ("avg", Function::Fold(Fold::Mean)),
    ("ceil", Function::Simple(Simple::Ceil)),
    ("count", Function::Member(Member::Count)),
    ("filter", Function::Member(Member::Filter)),
    ("float", Function::Simple(Simple::Float)),
    ("floor", Function::Simple(Simple::Floor)),
    ("int", Function::Simple(Simple::Int)),
    ("len", Function::Simple(Simple::Len)),
    ("map", Function::Member(Member::Map)),
    ("max", Function::Fold(Fold::Max)),
    ("mean", Function::Fold(Fold::Mean)),
    ("median", Function::Fold(Fold::Median)),
    ("min", Function::Fold(Fold::Min)),
    ("none", Function::Member(Member::None)),
    ("one", Function::Member(Member::One)),
    ("round", Function::Simple(Simple::Round)),
    ("sum", Function::Fold(Fold::Sum)),
];

impl Function {
    /// The function of that name.
    pub(super) fn read(name: &str) -> Option<Function> {
        FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// All names, for those who wrote another.
    pub(super) fn names() -> String {
        FUNCTIONS.map(|(name, _)| name).join(", ")
    }
}

impl Fold {
    /// Of `numbers`; none of none, but for the sum.
    pub(super) fn of(self, mut numbers: Vec<f64>) -> Option<f64> {
        let count = numbers.len();
        let sum = || numbers.iter().sum::<f64>();
        match self {
            Fold::Sum => Some(sum()),
            _ if count == 0 => None,
            Fold::Mean => Some(sum() / count as f64),
            Fold::Min => numbers.into_iter().reduce(f64::min),
            Fold::Max => numbers.into_iter().reduce(f64::max),
            Fold::Median => {
                numbers.sort_unstable_by(f64::total_cmp);
                let half = count / 2;
                let upper = numbers[half];
                Some(if count % 2 == 1 { upper } else { (numbers[half - 1] + upper) / 2.0 })
            }
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Fold::Sum => "sum",
            Fold::Mean => "mean",
            Fold::Median => "median",
            Fold::Min => "min",
            Fold::Max => "max",
        }
    }
}
