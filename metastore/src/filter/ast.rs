//! The syntax tree of a filter, before its names are looked up.

/// A filter, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression<L> {
    /// All of them hold. Never directly within another `And`.
    And(Vec<Expression<L>>),
    /// One of them holds. Never directly within another `Or`.
    Or(Vec<Expression<L>>),
    Leaf(L),
}

impl<L> Expression<L> {
    /// Returns `parts` joined by `and`, flat.
    pub(super) fn and(parts: Vec<Expression<L>>) -> Expression<L> {
        Self::join(parts, |part| {
            if let Expression::And(inner) = part {
                Some(inner)
            } else {
                None
            }
        })
        .unwrap_or_else(Expression::And)
    }

    /// Returns `parts` joined by `or`, flat.
    pub(super) fn or(parts: Vec<Expression<L>>) -> Expression<L> {
        Self::join(parts, |part| {
            if let Expression::Or(inner) = part {
                Some(inner)
            } else {
                None
            }
        })
        .unwrap_or_else(Expression::Or)
    }

    /// Returns how deep `and` and `or` are nested.
    pub(super) fn depth(&self) -> usize {
        let mut deepest = 0;
        let mut open = vec![(self, 0)];
        while let Some((part, depth)) = open.pop() {
            deepest = deepest.max(depth);
            if let Expression::And(inner) | Expression::Or(inner) = part {
                open.extend(inner.iter().map(|part| (part, depth + 1)));
            }
        }
        deepest
    }

    /// Shows all leaves to `look`.
    pub(super) fn visit(&self, look: &mut impl FnMut(&L)) {
        match self {
            Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| part.visit(look)),
            Expression::Leaf(leaf) => look(leaf),
        }
    }

    /// Returns whether `test` holds for one of the leaves.
    pub(super) fn any(&self, test: fn(&L) -> bool) -> bool {
        match self {
            Expression::And(parts) | Expression::Or(parts) => parts.iter().any(|part| part.any(test)),
            Expression::Leaf(leaf) => test(leaf),
        }
    }

    /// Returns the only part as it is, or, as an error, all of them, with those opened that `inner` opens.
    fn join(
        mut parts: Vec<Expression<L>>,
        inner: fn(&mut Expression<L>) -> Option<&mut Vec<Expression<L>>>,
    ) -> Result<Expression<L>, Vec<Expression<L>>> {
        if parts.len() == 1 {
            return Ok(parts.swap_remove(0));
        }
        let mut flat = Vec::new();
        for mut part in parts {
            match inner(&mut part) {
                // the chain grows at its left end: keep its buffer
                Some(inner) if flat.is_empty() => flat = std::mem::take(inner),
                Some(inner) => flat.append(inner),
                None => flat.push(part),
            }
        }
        Err(flat)
    }
}

/// What is asked of one key, or of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leaf {
    Compare {
        key: String,
        operator: Operator,
        literal: Literal,
    },
    Like {
        key: String,
        negated: bool,
        pattern: String,
        reading: Reading,
    },
    Between {
        key: String,
        negated: bool,
        low: Literal,
        high: Literal,
    },
    In {
        keys: Vec<String>,
        negated: bool,
        rows: Vec<Vec<Literal>>,
    },
    /// The key has no value: it is that of the default partition, or cannot be read as the key's type.
    Null { key: String, negated: bool },
}

impl Leaf {
    /// Returns the names of the keys that it is about.
    pub(super) fn keys(&self) -> &[String] {
        match self {
            Leaf::Compare { key, .. }
            | Leaf::Like { key, .. }
            | Leaf::Between { key, .. }
            | Leaf::Null { key, .. } => std::slice::from_ref(key),
            Leaf::In { keys, .. } => keys,
        }
    }
}

/// How the pattern of a `like` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As either of the originals does: a client filters again what it gets.
    Either,
    /// As SQL says, and no further.
    Sql,
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// Returns the operator that says the same with the sides exchanged.
    pub(super) fn mirrored(self) -> Operator {
        match self {
            Operator::Less => Operator::Greater,
            Operator::LessOrEqual => Operator::GreaterOrEqual,
            Operator::Greater => Operator::Less,
            Operator::GreaterOrEqual => Operator::LessOrEqual,
            same @ (Operator::Equal | Operator::NotEqual) => same,
        }
    }

    /// Returns the operator that holds where this one does not.
    pub(super) fn negated(self) -> Operator {
        match self {
            Operator::Equal => Operator::NotEqual,
            Operator::NotEqual => Operator::Equal,
            Operator::Less => Operator::GreaterOrEqual,
            Operator::LessOrEqual => Operator::Greater,
            Operator::Greater => Operator::LessOrEqual,
            Operator::GreaterOrEqual => Operator::Less,
        }
    }
}

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Integer(i64),
    /// A quoted text, a bare date, or what stands behind `date` or `timestamp`: its type is that of the key.
    Text(String),
}
