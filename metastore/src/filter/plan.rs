//! How to walk over the partitions of a table so that a filter sees no more of them than it must.

use std::borrow::Cow;

use catalog::names::{DEFAULT_PARTITION, escape, unescape};

use super::Key;
use super::ast::Expression;
use super::bound::{Test, Verdict};
use super::ranges::{Place, Ranges};

/// A plan for a forward walk over partition names.
///
/// Start at [`Plan::start`]; ask [`Plan::step`] about each name, and for a [`Step::Look`], ask
/// [`Plan::takes`] about the partition's values.
#[derive(Debug, Clone)]
pub struct Plan {
    levels: Vec<Level>,
    /// `None` takes everything.
    filter: Option<Expression<Test>>,
}

/// What is known about one partition key.
#[derive(Debug, Clone)]
struct Level {
    /// `key=`, as it stands in names.
    prefix: String,
    ranges: Ranges,
    /// Whether knowing this key's value can decide.
    decisive: bool,
}

/// What to do at a partition's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Look at the values.
    Look,
    /// Go to the next name.
    Next,
    /// Go to the first name at or after this one, which lies ahead.
    Seek(Vec<u8>),
    /// Nothing that follows can be taken.
    End,
}

impl Plan {
    /// Plans a walk that takes every partition.
    pub fn all(keys: &[Key]) -> Plan {
        let level = |key: &Key| Level {
            prefix: prefix(key),
            ranges: Ranges::all(),
            decisive: false,
        };
        Plan {
            levels: keys.iter().map(level).collect(),
            filter: None,
        }
    }

    pub(super) fn new(keys: &[Key], filter: Expression<Test>) -> Plan {
        let level = |(index, key): (usize, &Key)| Level {
            prefix: prefix(key),
            ranges: filter.ranges(index),
            decisive: filter.mentions(index),
        };
        Plan {
            levels: keys.iter().enumerate().map(level).collect(),
            filter: Some(filter),
        }
    }

    /// Returns whether every partition is taken.
    pub fn takes_all(&self) -> bool {
        self.filter.is_none()
    }

    /// Returns how many conditions may have to be judged at one name, at most: once for each key that it tells, and
    /// once more for the values.
    pub(crate) fn terms_a_row(&self) -> usize {
        let mut terms = 0;
        if let Some(filter) = &self.filter {
            filter.visit(&mut |test| terms += test.terms());
        }
        terms.saturating_mul(self.levels.len() + 1)
    }

    /// Returns the first name to look at; `None` if nothing can be taken.
    pub fn start(&self) -> Option<Vec<u8>> {
        if self.levels.iter().any(|level| level.ranges.is_empty()) {
            return None;
        }
        let mut start = Vec::new();
        if let Some(level) = self.levels.first()
            && let Place::Before(first) = level.ranges.place(b"")
        {
            start.extend_from_slice(level.prefix.as_bytes());
            start.extend_from_slice(first);
        }
        Some(start)
    }

    /// Returns what to do at a partition's name.
    pub fn step(&self, name: &[u8]) -> Step {
        let Some(filter) = &self.filter else {
            return Step::Look;
        };
        let mut known: Vec<Option<Cow<'_, str>>> = Vec::with_capacity(self.levels.len());
        // the beginning of this key's part of the name
        let mut at = 0;
        for (i, level) in self.levels.iter().enumerate() {
            // a name of another shape: the values decide
            let Some(rest) = name[at..].strip_prefix(level.prefix.as_bytes()) else {
                return Step::Look;
            };
            let value_at = at + level.prefix.len();
            match level.ranges.place(rest) {
                Place::Inside => {}
                Place::Before(next) => return Step::Seek([&name[..value_at], next].concat()),
                Place::Behind => return leave(&name[..at]),
            }
            let last = i + 1 == self.levels.len();
            let len = rest.iter().position(|b| *b == b'/');
            if len.is_none() != last {
                return Step::Look;
            }
            let end = value_at + len.unwrap_or(rest.len());
            known.push(named_value(&name[value_at..end]));
            at = (end + 1).min(name.len());
            if level.decisive && !last && judge(filter, &known) == Verdict::No {
                return leave(&name[..at]);
            }
        }
        if judge(filter, &known) == Verdict::No {
            Step::Next
        } else {
            Step::Look
        }
    }

    /// Returns whether something is taken of which these values are known; what is not known meets nothing.
    pub(crate) fn takes_known(&self, values: &[Option<&str>]) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.judge(values) == Verdict::Yes)
    }

    /// Returns whether a partition with these values is taken.
    pub fn takes<S: AsRef<str>>(&self, values: &[S]) -> bool {
        let values: Vec<_> = values.iter().map(|value| Some(value.as_ref())).collect();
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.judge(&values) == Verdict::Yes)
    }
}

fn prefix(key: &Key) -> String {
    format!("{}=", escape(&key.name))
}

/// Returns the step behind all names that begin with `parent`, which is empty or ends with `/`.
fn leave(parent: &[u8]) -> Step {
    match parent.split_last() {
        Some((slash, rest)) => Step::Seek([rest, &[slash + 1]].concat()),
        None => Step::End,
    }
}

/// Returns the value that stands in a name; `None` for the default partition, as which empty ones stand too.
fn named_value(text: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(text).ok()?;
    (text != DEFAULT_PARTITION).then(|| unescape(text))
}

fn judge(filter: &Expression<Test>, known: &[Option<Cow<'_, str>>]) -> Verdict {
    let values: Vec<_> = known.iter().map(Option::as_deref).collect();
    filter.judge(&values)
}
