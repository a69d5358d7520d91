//! A filter bound to partition keys: typed conditions, and their judgement of values.

use super::FilterError;
use super::ast::{Expression, Leaf, Literal, Operator};
use super::like::Pattern;
use super::ranges::Ranges;
use super::value::{Kind, Typed};
use super::{Key, value};
use catalog::names::DEFAULT_PARTITION;

/// Looks up the names of a filter among `keys`.
pub(super) fn bind(expression: &Expression<Leaf>, keys: &[Key]) -> Result<Expression<Test>, FilterError> {
    let many = |parts: &[Expression<Leaf>]| {
        parts
            .iter()
            .map(|part| bind(part, keys))
            .collect::<Result<_, _>>()
    };
    Ok(match expression {
        Expression::And(parts) => Expression::And(many(parts)?),
        Expression::Or(parts) => Expression::Or(many(parts)?),
        Expression::Leaf(leaf) => Expression::Leaf(bind_leaf(leaf, keys)?),
    })
}

fn bind_leaf(leaf: &Leaf, keys: &[Key]) -> Result<Test, FilterError> {
    Ok(match leaf {
        Leaf::Compare {
            key,
            operator,
            literal,
        } => {
            let key = Column::find(key, keys)?;
            Test::Compare {
                literal: key.kind.literal(literal),
                key,
                operator: *operator,
            }
        }
        Leaf::Like {
            key,
            negated,
            pattern,
            reading,
        } => Test::Like {
            key: Column::find(key, keys)?,
            negated: *negated,
            pattern: Pattern::new(pattern, *reading),
        },
        Leaf::Null { key, negated } => Test::Null {
            key: Column::find(key, keys)?,
            negated: *negated,
        },
        Leaf::Between {
            key,
            negated,
            low,
            high,
        } => {
            let key = Column::find(key, keys)?;
            let bounds = key.kind.literal(low).zip(key.kind.literal(high));
            Test::Between {
                key,
                negated: *negated,
                bounds,
            }
        }
        Leaf::In {
            keys: names,
            negated,
            rows,
        } => {
            let columns = names
                .iter()
                .map(|name| Column::find(name, keys))
                .collect::<Result<Vec<_>, _>>()?;
            let rows = rows.iter().filter_map(|row| bind_row(row, &columns)).collect();
            Test::In {
                keys: columns,
                negated: *negated,
                rows,
            }
        }
    })
}

/// Returns a row of literals; `None` when one is not of its key's type, so that nothing equals the row.
fn bind_row(row: &[Literal], columns: &[Column]) -> Option<Vec<Typed>> {
    row.iter()
        .zip(columns)
        .map(|(literal, column)| column.kind.literal(literal))
        .collect()
}

/// A partition key, by position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    index: usize,
    kind: Kind,
}

impl Column {
    fn find(name: &str, keys: &[Key]) -> Result<Column, FilterError> {
        let index = keys.iter().position(|key| key.name == name);
        let index = index.ok_or_else(|| FilterError::UnknownKey(name.to_owned()))?;
        Ok(Column {
            index,
            kind: Kind::of(&keys[index].type_name),
        })
    }
}

/// A typed condition. What cannot be read as the key's type meets no condition, negated or not.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Compare {
        key: Column,
        operator: Operator,
        literal: Option<Typed>,
    },
    Like {
        key: Column,
        negated: bool,
        pattern: Pattern,
    },
    Between {
        key: Column,
        negated: bool,
        bounds: Option<(Typed, Typed)>,
    },
    In {
        keys: Vec<Column>,
        negated: bool,
        rows: Vec<Vec<Typed>>,
    },
    Null {
        key: Column,
        negated: bool,
    },
}

/// What is known of a condition when only some values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    No,
    Maybe,
    Yes,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Verdict {
        if holds { Verdict::Yes } else { Verdict::No }
    }
}

/// The values of a partition's keys in their order, as far as they are known.
pub(super) type Values<'a> = [Option<&'a str>];

impl Expression<Test> {
    /// Judges values; missing ones at the end of the list are unknown too.
    pub(super) fn judge(&self, values: &Values<'_>) -> Verdict {
        match self {
            // the least of all, but the first `No` ends it
            Expression::And(parts) => {
                let mut verdict = Verdict::Yes;
                for part in parts {
                    verdict = verdict.min(part.judge(values));
                    if verdict == Verdict::No {
                        break;
                    }
                }
                verdict
            }
            Expression::Or(parts) => {
                let mut verdict = Verdict::No;
                for part in parts {
                    verdict = verdict.max(part.judge(values));
                    if verdict == Verdict::Yes {
                        break;
                    }
                }
                verdict
            }
            Expression::Leaf(test) => test.judge(values),
        }
    }

    /// Returns where the values of the key at `index` can lie.
    pub(super) fn ranges(&self, index: usize) -> Ranges {
        match self {
            Expression::And(parts) => parts
                .iter()
                .fold(Ranges::all(), |all, part| all.and(&part.ranges(index))),
            Expression::Or(parts) => Ranges::any(parts.iter().map(|part| part.ranges(index))),
            Expression::Leaf(test) => test.ranges(index),
        }
    }

    /// Returns whether the key at `index` is spoken of.
    pub(super) fn mentions(&self, index: usize) -> bool {
        match self {
            Expression::And(parts) | Expression::Or(parts) => parts.iter().any(|part| part.mentions(index)),
            Expression::Leaf(test) => test.keys().iter().any(|key| key.index == index),
        }
    }
}

impl Test {
    /// Returns how many comparisons it is, at most.
    pub(super) fn terms(&self) -> usize {
        match self {
            Test::In { keys, rows, .. } => rows.len().saturating_mul(keys.len()).max(1),
            Test::Compare { .. } | Test::Like { .. } | Test::Between { .. } | Test::Null { .. } => 1,
        }
    }

    fn keys(&self) -> &[Column] {
        match self {
            Test::Compare { key, .. }
            | Test::Like { key, .. }
            | Test::Between { key, .. }
            | Test::Null { key, .. } => std::slice::from_ref(key),
            Test::In { keys, .. } => keys,
        }
    }

    fn judge(&self, values: &Values<'_>) -> Verdict {
        if let Test::In { keys, negated, rows } = self {
            return judge_in(keys, *negated, rows, values);
        }
        let key = self.keys()[0];
        match values.get(key.index).copied().flatten() {
            Some(value) => Verdict::from(self.holds(key, value)),
            None => Verdict::Maybe,
        }
    }

    fn holds(&self, key: Column, value: &str) -> bool {
        match self {
            Test::Compare {
                operator, literal, ..
            } => literal
                .as_ref()
                .and_then(|literal| key.kind.compare(value, literal))
                .is_some_and(|ordering| operator.accepts(ordering)),
            Test::Like { negated, pattern, .. } => {
                (key.kind == Kind::Text || value != DEFAULT_PARTITION) && pattern.matches(value) != *negated
            }
            Test::Null { negated, .. } => is_null(key.kind, value) != *negated,
            Test::Between { negated, bounds, .. } => bounds
                .as_ref()
                .and_then(|(low, high)| {
                    Some(key.kind.compare(value, low)?.is_ge() && key.kind.compare(value, high)?.is_le())
                })
                .is_some_and(|inside| inside != *negated),
            Test::In { .. } => false,
        }
    }

    fn ranges(&self, index: usize) -> Ranges {
        let Some((i, column)) = self.keys().iter().enumerate().find(|(_, key)| key.index == index) else {
            return Ranges::all();
        };
        let kind = column.kind;
        let ranges = match self {
            Test::Compare { literal: None, .. } | Test::Between { bounds: None, .. } => Ranges::none(),
            Test::Compare {
                operator,
                literal: Some(literal),
                ..
            } => compared(*operator, literal),
            Test::Between { negated: true, .. }
            | Test::In { negated: true, .. }
            | Test::Like { negated: true, .. }
            | Test::Null { negated: true, .. } => Ranges::all(),
            Test::Null { .. } if kind == Kind::Text => Ranges::none(),
            Test::Null { .. } => Ranges::all(),
            Test::Between {
                bounds: Some((low, high)),
                ..
            } => compared(Operator::GreaterOrEqual, low).and(&compared(Operator::LessOrEqual, high)),
            Test::Like { pattern, .. } => Ranges::prefix(pattern.prefix()),
            Test::In { rows, .. } => Ranges::any(rows.iter().map(|row| compared(Operator::Equal, &row[i]))),
        };
        if kind == Kind::Text {
            ranges.and_unnamed()
        } else {
            ranges
        }
    }
}

impl Operator {
    fn accepts(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Operator::Equal => ordering.is_eq(),
            Operator::NotEqual => ordering.is_ne(),
            Operator::Less => ordering.is_lt(),
            Operator::LessOrEqual => ordering.is_le(),
            Operator::Greater => ordering.is_gt(),
            Operator::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Returns whether a value stands for none.
fn is_null(kind: Kind, value: &str) -> bool {
    value.is_empty() || value == DEFAULT_PARTITION || kind.read(value).is_none()
}

/// Judges whether the values of `keys` are one of `rows` (or, `negated`, none of them).
fn judge_in(keys: &[Column], negated: bool, rows: &[Vec<Typed>], values: &Values<'_>) -> Verdict {
    let values: Vec<_> = keys
        .iter()
        .map(|key| values.get(key.index).copied().flatten())
        .collect();
    let known = || {
        values
            .iter()
            .zip(keys)
            .filter_map(|(value, key)| value.map(|value| (value, key)))
    };
    if known().any(|(value, key)| key.kind.read(value).is_none()) {
        return Verdict::No;
    }
    let equal = |row: &Vec<Typed>| {
        values
            .iter()
            .zip(keys)
            .zip(row)
            .fold(Verdict::Yes, |verdict, ((value, key), literal)| {
                verdict.min(match value {
                    Some(value) => Verdict::from(key.kind.compare(value, literal).is_some_and(|o| o.is_eq())),
                    None => Verdict::Maybe,
                })
            })
    };
    let found = rows.iter().map(equal).max().unwrap_or(Verdict::No);
    match (found, negated) {
        (Verdict::Maybe, _) => Verdict::Maybe,
        (Verdict::No, true) if values.iter().any(Option::is_none) => Verdict::Maybe,
        (found, negated) => Verdict::from((found == Verdict::Yes) != negated),
    }
}

/// Returns where the values lie that compare to `literal` as `operator` says.
fn compared(operator: Operator, literal: &Typed) -> Ranges {
    match (operator, literal) {
        (Operator::NotEqual, _) => Ranges::all(),
        (Operator::Equal, Typed::Text(text)) => Ranges::point(text),
        (Operator::Greater | Operator::GreaterOrEqual, Typed::Text(text)) => Ranges::at_least(text),
        (Operator::Less | Operator::LessOrEqual, Typed::Text(text)) => Ranges::at_most(text),
        (Operator::Equal, Typed::Integer(number)) => Ranges::integer(*number),
        (Operator::Equal, Typed::Time(time)) => Ranges::date(*time),
        (Operator::Greater | Operator::GreaterOrEqual, Typed::Time(time)) => {
            Ranges::years(time.year, value::YEAR_MAX)
        }
        (Operator::Less | Operator::LessOrEqual, Typed::Time(time)) => Ranges::years(0, time.year),
        (_, Typed::Integer(_) | Typed::Decimal(_) | Typed::Double(_) | Typed::Boolean(_)) => Ranges::all(),
    }
}
