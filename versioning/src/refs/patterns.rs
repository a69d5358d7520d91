//! Rules of a repository: for all branches whose names match a pattern, and for all of it.

use std::collections::BTreeMap;
use std::fmt;

use super::{BranchRecord, Protection};
use crate::{Error, RepositoryName, Result};

/// How many patterns a repository has rules for at the most.
pub const PATTERNS_MAX: usize = 200;

/// Stands for names of branches: `*` for any text, `?` for any letter, all else for itself.
///
/// Always 1 to 128 bytes of what names of refs are made of, `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// Returns `text` as a pattern.
    ///
    /// # Errors
    /// [`Error::Name`] if no branch could have such a name.
    pub fn parse(text: &str) -> Result<Pattern> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'*' | b'?');
        match (1..=128).contains(&text.len()) && text.bytes().all(fits) {
            true => Ok(Pattern(text.to_owned())),
            false => Err(Error::Name {
                what: "pattern",
                name: text.to_owned(),
                rule: "1 to 128 of A-Z, a-z, 0-9, '.', '_' and '-', with * for any text and ? for any letter",
            }),
        }
    }

    /// Returns the pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it stands for a name.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut of) = (0, 0);
        // where to go on when the text that the last `*` stands for turns out to be longer
        let mut longer = None;
        while of < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    longer = Some((at + 1, of + 1));
                    at += 1;
                }
                Some(byte) if *byte == b'?' || *byte == name[of] => (at, of) = (at + 1, of + 1),
                _ => match longer {
                    Some((behind, next)) => {
                        longer = Some((behind, next + 1));
                        (at, of) = (behind, next);
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long a branch lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expiry {
    /// Since it was made.
    pub ttl_us: Option<u64>,
    /// Since it was written to last, or its head moved.
    pub idle_us: Option<u64>,
}

impl Expiry {
    /// Returns whether it lives for ever.
    pub fn is_never(self) -> bool {
        self == Expiry::default()
    }

    /// Returns the shorter of both times of each kind.
    #[must_use]
    pub fn or_sooner(self, other: Expiry) -> Expiry {
        let sooner = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Expiry {
            ttl_us: sooner(self.ttl_us, other.ttl_us),
            idle_us: sooner(self.idle_us, other.idle_us),
        }
    }

    /// Returns when a branch is over.
    pub fn due_us(self, branch: &BranchRecord) -> Option<u64> {
        let old = self.ttl_us.map(|ttl| branch.created_us.saturating_add(ttl));
        let idle = self.idle_us.map(|idle| branch.touched_us.saturating_add(idle));
        old.into_iter().chain(idle).min()
    }
}

/// What holds for the branches that a pattern stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Holds for branches made before as for those made later.
    pub protection: Option<Protection>,
    /// Given to branches when they are made.
    pub expiry: Expiry,
}

/// The rules of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepositoryRules {
    /// Whether nothing in it is written any more.
    pub read_only: bool,
    pub patterns: BTreeMap<Pattern, Rule>,
}

impl RepositoryRules {
    /// Fails if nothing in the repository, which has the given name, is written any more.
    ///
    /// # Errors
    /// [`Error::RepositoryReadOnly`].
    pub fn check_open(&self, repository: &RepositoryName) -> Result<()> {
        super::rules::check_open(repository.as_str(), self)
    }

    /// Returns the rules for branches of a name, with their patterns.
    pub fn matching<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Pattern, &'a Rule)> {
        self.patterns
            .iter()
            .filter(move |(pattern, _)| pattern.matches(name))
    }

    /// Returns what a branch has to obey: its own protection and that of all rules for its name, of which the
    /// strictest counts in each respect.
    pub fn binding(&self, branch: &BranchRecord) -> Option<Protection> {
        let mut binding = branch.protection.clone();
        if branch.name.is_shared() {
            return binding;
        }
        for (_, rule) in self.matching(branch.name.as_str()) {
            if let Some(more) = &rule.protection {
                binding.get_or_insert_default().add(more);
            }
        }
        binding
    }

    /// Returns how long a new branch lives that asks for `own`.
    pub fn expiry_of(&self, name: &str, own: Expiry) -> Expiry {
        let rules = self.matching(name).map(|(_, rule)| rule.expiry);
        rules.fold(own, Expiry::or_sooner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::{Policy, Strictness};
    use crate::refs::conformance::branch;

    #[test]
    fn patterns_stand_for_names() {
        for (pattern, names, others) in [
            ("main", &["main"][..], &["main2", "Main", "mai"][..]),
            (
                "release-*",
                &["release-", "release-1.0"],
                &["release", "a-release-1"],
            ),
            ("*", &["a", "release-1"], &[]),
            ("v?.?", &["v1.0"], &["v1.10", "v.0"]),
            ("*-a*b", &["x-ab", "x-a-ab", "-aab"], &["x-a", "xab", "x-abc"]),
            ("a**", &["a", "ab"], &["b"]),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            for (names, expected) in [(names, true), (others, false)] {
                for name in names {
                    assert_eq!(pattern.matches(name), expected, "{pattern} {name}");
                }
            }
        }
        for bad in ["", "release/*", "a b", "[ab]", &"a".repeat(129)] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_stricter_counts() {
        let protection = |checks: &[&str], policy, strictness: Option<u8>| Protection {
            required_checks: checks.iter().map(ToString::to_string).collect(),
            policy,
            strictness: strictness.map(Strictness),
        };
        let rule = |text: &str, protection| {
            let (pattern, expiry) = (Pattern::parse(text).unwrap(), Expiry::default());
            (pattern, Rule { protection, expiry })
        };
        let rules = RepositoryRules {
            patterns: BTreeMap::from([
                rule("*", None),
                rule("m*", Some(protection(&["b", "c"], Policy::Fail, None))),
                rule("main", Some(protection(&["c"], Policy::Rerun, Some(2)))),
                rule("other", Some(protection(&["d"], Policy::Fail, Some(3)))),
            ]),
            ..RepositoryRules::default()
        };
        let mut main = branch("main", 1);
        let by_rules = protection(&["b", "c"], Policy::Fail, Some(2));
        assert_eq!(rules.binding(&main), Some(by_rules));
        main.protection = Some(protection(&["a", "b"], Policy::Disjoint, Some(1)));
        let all = protection(&["a", "b", "c"], Policy::Fail, Some(2));
        assert_eq!(rules.binding(&main), Some(all));
        assert_eq!(rules.binding(&branch("etl", 2)), None);
        main.name = crate::RefName::shared();
        assert_eq!(
            rules.binding(&main),
            main.protection,
            "no rule is about what no client can name"
        );
    }

    #[test]
    fn what_is_sooner_counts() {
        let expiry = |ttl_us, idle_us| Expiry { ttl_us, idle_us };
        let rule = |expiry| Rule {
            expiry,
            ..Rule::default()
        };
        let rules = RepositoryRules {
            patterns: BTreeMap::from([
                (Pattern::parse("tmp-*").unwrap(), rule(expiry(Some(5), None))),
                (Pattern::parse("*").unwrap(), rule(expiry(Some(9), Some(4)))),
            ]),
            ..RepositoryRules::default()
        };
        let of = |name: &str, own| rules.expiry_of(name, own);
        assert_eq!(of("tmp-1", Expiry::default()), expiry(Some(5), Some(4)));
        assert_eq!(of("tmp-1", expiry(Some(3), Some(6))), expiry(Some(3), Some(4)));
        assert_eq!(of("etl", Expiry::default()), expiry(Some(9), Some(4)));
        let mut etl = branch("etl", 1);
        (etl.created_us, etl.touched_us) = (100, 102);
        assert_eq!(expiry(None, None).due_us(&etl), None);
        assert_eq!(expiry(Some(5), None).due_us(&etl), Some(105));
        assert_eq!(expiry(Some(5), Some(2)).due_us(&etl), Some(104));
        assert_eq!(expiry(Some(u64::MAX), None).due_us(&etl), Some(u64::MAX));
    }
}
