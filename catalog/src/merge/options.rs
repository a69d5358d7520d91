//! What the one who merges says beforehand: how strict to be, which side to take where, and single decisions.

use std::collections::BTreeMap;
use std::fmt;

use versioning::merge::Strictness;

use super::conflict::{ConflictId, ConflictKind, Scope};
use crate::names;
use crate::types::{ColumnType, check_type};

/// How a merge decides what its rules leave open. The default decides nothing.
///
/// A conflict is decided by its decision, else by the last strategy that matches it, else by the profile; by none of
/// them if the kind is unsafe and not forced, or if the conflict cannot be decided that way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `None` is the standard one, or what the branch asks for that is merged into.
    pub profile: Option<Profile>,
    /// The last that matches a conflict counts: what is more particular comes later.
    pub strategies: Vec<Strategy>,
    pub decisions: BTreeMap<ConflictId, Choice>,
    /// Whether conflicts may be decided after which a table may be unreadable ([`ConflictKind::is_unsafe`]).
    pub force_unsafe: bool,
    /// Whether files that both sides added to one table or partition land together.
    pub append_union: bool,
    /// Whether the change of a single commit is brought or taken back: files that it only added, or only removed, come
    /// to whatever ours has beside them.
    pub is_pick: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            profile: None,
            strategies: Vec::new(),
            decisions: BTreeMap::new(),
            force_unsafe: false,
            append_union: true,
            is_pick: false,
        }
    }
}

/// How much is left to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Profile {
    /// Comments, and the order of columns that are found by name, are those of ours where both sides changed them.
    Lenient,
    #[default]
    Standard,
    /// A partition that both sides touched is a conflict, unless they did the same.
    StrictPartition,
    /// A table that both sides touched, in itself or beneath, is a conflict, unless they did the same.
    StrictTable,
}

impl Profile {
    /// All profiles, the most lenient first.
    pub const ALL: [Profile; 4] = [
        Profile::Lenient,
        Profile::Standard,
        Profile::StrictPartition,
        Profile::StrictTable,
    ];

    /// Returns the word for it, such as `strict-table`.
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::Lenient => "lenient",
            Profile::Standard => "standard",
            Profile::StrictPartition => "strict-partition",
            Profile::StrictTable => "strict-table",
        }
    }

    /// Returns the profile as the store knows it: an order.
    pub fn strictness(self) -> Strictness {
        Strictness(self as u8)
    }

    /// Returns the profile of a strictness; one that a later skep knows is the strictest.
    pub fn of(strictness: Strictness) -> Profile {
        let known = Profile::ALL.get(usize::from(strictness.0)).copied();
        known.unwrap_or(Profile::StrictTable)
    }

    /// Returns the profile that a word means.
    pub fn parse(text: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.as_str() == text)
    }
}

/// One of the two sides of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    Ours,
    Theirs,
}

/// Which side is taken where, without a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategy {
    /// `None` means all kinds.
    pub kind: Option<ConflictKind>,
    /// The tables, as `database.table` with `*` for any text and `?` for any letter; `None` means all, and what
    /// belongs to no table as well.
    pub tables: Option<String>,
    pub side: Side,
}

/// A decision of one conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    Ours,
    Theirs,
    /// What was there before both sides.
    Base,
    /// A text instead.
    Value(String),
}

impl From<Side> for Choice {
    fn from(side: Side) -> Choice {
        match side {
            Side::Ours => Choice::Ours,
            Side::Theirs => Choice::Theirs,
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Choice::Ours => "ours",
            Choice::Theirs => "theirs",
            Choice::Base => "base",
            Choice::Value(text) => text,
        })
    }
}

/// What a text has to be that is given as a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expected {
    /// Any text.
    Text,
    /// A type of a column.
    Type,
    /// A name of a column.
    Column,
}

impl Expected {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Expected::Text => "text",
            Expected::Type => "type",
            Expected::Column => "column",
        }
    }

    /// Returns what a word means.
    pub(crate) fn parse(text: &str) -> Option<Expected> {
        [Expected::Text, Expected::Type, Expected::Column]
            .into_iter()
            .find(|expected| expected.as_str() == text)
    }

    /// Returns the text as it is stored; else what it has to be.
    pub(crate) fn read(self, text: &str) -> Result<String, &'static str> {
        match self {
            Expected::Text => Ok(text.to_owned()),
            Expected::Type => {
                let is_type = check_type(text).is_ok() && ColumnType::parse(text).is_ok();
                is_type
                    .then(|| text.to_owned())
                    .ok_or("a type, such as bigint or array<string>")
            }
            Expected::Column => names::object_name("column", text)
                .map_err(|_| "the name of a column, of letters, digits and underscores"),
        }
    }
}

impl Options {
    /// Returns the profile that counts.
    pub(crate) fn profile(&self) -> Profile {
        self.profile.unwrap_or_default()
    }

    /// Returns whether nothing is decided beforehand.
    pub(crate) fn decides_nothing(&self) -> bool {
        self.decisions.is_empty() && self.strategies.is_empty()
    }

    /// Returns the side that strategies and profile take in a conflict.
    pub(crate) fn side_for(&self, kind: ConflictKind, scope: &Scope) -> Option<Side> {
        let matching = self.strategies.iter().rev().find(|one| one.matches(kind, scope));
        matching
            .map(|strategy| strategy.side)
            .or_else(|| self.profile().side_for(kind))
    }
}

impl Profile {
    fn side_for(self, kind: ConflictKind) -> Option<Side> {
        let is_light = matches!(kind, ConflictKind::CommentBoth | ConflictKind::ColumnOrder);
        (self == Profile::Lenient && is_light).then_some(Side::Ours)
    }
}

impl Strategy {
    fn matches(&self, kind: ConflictKind, scope: &Scope) -> bool {
        if self.kind.is_some_and(|wanted| wanted != kind) {
            return false;
        }
        match (&self.tables, &scope.database, &scope.table) {
            (None, ..) => true,
            (Some(glob), Some(database), Some(table)) => is_like(glob, &format!("{database}.{table}")),
            _ => false,
        }
    }
}

/// Returns whether a text is as a glob says, in which `*` is any text and `?` any letter; case does not matter.
fn is_like(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (
        glob.to_lowercase().chars().collect(),
        text.to_lowercase().chars().collect(),
    );
    // after a mismatch the last star takes one letter more
    let (mut g, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (g, t) = (g + 1, t + 1),
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (g, t) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_matched_to_the_end() {
        for (glob, text, expected) in [
            ("sales.orders", "sales.orders", true),
            ("Sales.*", "sales.orders", true),
            ("*.orders", "sales.orders", true),
            ("*.o?d*s", "sales.orders", true),
            ("*a*a*", "banana", true),
            ("*a*a*a*a*", "banana", false),
            ("sales.order", "sales.orders", false),
            ("sales.orders?", "sales.orders", false),
            ("", "", true),
            ("**", "", true),
            ("?", "", false),
        ] {
            assert_eq!(is_like(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn the_last_strategy_that_matches_counts() {
        let strategy = |kind, tables: Option<&str>, side| Strategy {
            kind,
            tables: tables.map(str::to_owned),
            side,
        };
        let options = Options {
            profile: Some(Profile::Lenient),
            strategies: vec![
                strategy(Some(ConflictKind::ParamBoth), None, Side::Ours),
                strategy(None, Some("sales.*"), Side::Theirs),
                strategy(Some(ConflictKind::ParamBoth), Some("sales.raw"), Side::Ours),
            ],
            ..Options::default()
        };
        let (param, comment) = (ConflictKind::ParamBoth, ConflictKind::CommentBoth);
        for (kind, scope, expected) in [
            (param, Scope::table("web", "t"), Some(Side::Ours)),
            (param, Scope::table("sales", "t"), Some(Side::Theirs)),
            (param, Scope::table("sales", "raw"), Some(Side::Ours)),
            (comment, Scope::table("sales", "raw"), Some(Side::Theirs)),
            (comment, Scope::table("web", "t"), Some(Side::Ours)),
            (param, Scope::database("sales"), Some(Side::Ours)),
            (ConflictKind::FieldBoth, Scope::database("sales"), None),
        ] {
            assert_eq!(options.side_for(kind, &scope), expected, "{kind} {scope:?}");
        }
    }

    #[test]
    fn profiles_are_parsed_by_their_words() {
        for profile in Profile::ALL {
            assert_eq!(Profile::parse(profile.as_str()), Some(profile));
            assert_eq!(Profile::of(profile.strictness()), profile);
        }
        assert_eq!(Profile::parse("strict"), None);
        assert!(Profile::ALL.map(Profile::strictness).is_sorted());
        assert_eq!(Profile::of(Strictness(9)), Profile::StrictTable);
    }
}
