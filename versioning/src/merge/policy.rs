//! What becomes of a judgement when the head moved meanwhile.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;

/// What is done with a candidate that passed its checks when the head is not where it was any more. In the order of
/// their strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Policy {
    /// Merged with the new head, it lands without being judged again if the head moved by nothing that the
    /// candidate changed or that the checks read.
    #[default]
    Disjoint,
    /// Merged with the new head, it is judged again.
    Rerun,
    /// It is given up.
    Fail,
}

impl Policy {
    /// All policies, in order.
    pub const ALL: [Policy; 3] = [Policy::Disjoint, Policy::Rerun, Policy::Fail];

    /// Returns the name by which programs know the policy.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Disjoint => "disjoint",
            Policy::Rerun => "rerun",
            Policy::Fail => "fail",
        }
    }

    /// Returns the policy of that name.
    pub fn parse(name: &str) -> Option<Policy> {
        Policy::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much a resolver leaves to people, in levels that only the resolver knows: the greater, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Strictness(pub u8);

/// How much a change touches or a check reads, in units that only the resolver knows: a table, say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// Anything, for all that is known.
    All,
    Units(BTreeSet<Bytes>),
}

impl Extent {
    /// Returns the extent of what touches nothing.
    pub fn none() -> Extent {
        Extent::Units(BTreeSet::new())
    }

    /// Returns whether the two have a unit in common; where one has none they never do.
    pub fn meets(&self, other: &Extent) -> bool {
        match (self, other) {
            (Extent::All, Extent::All) => true,
            (Extent::All, Extent::Units(units)) | (Extent::Units(units), Extent::All) => !units.is_empty(),
            (Extent::Units(a), Extent::Units(b)) => !a.is_disjoint(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(names: &[&'static str]) -> Extent {
        Extent::Units(
            names
                .iter()
                .map(|name| Bytes::from_static(name.as_bytes()))
                .collect(),
        )
    }

    #[test]
    fn extents_meet_where_they_have_a_unit_in_common() {
        for (a, b, meet) in [
            (units(&["t"]), units(&["t", "u"]), true),
            (units(&["t"]), units(&["u"]), false),
            (Extent::All, units(&["u"]), true),
            (Extent::All, Extent::All, true),
            (Extent::All, Extent::none(), false),
            (Extent::none(), units(&["u"]), false),
        ] {
            assert_eq!((a.meets(&b), b.meets(&a)), (meet, meet), "{a:?} {b:?}");
        }
    }

    #[test]
    fn policies_have_names_and_an_order() {
        for policy in Policy::ALL {
            assert_eq!(Policy::parse(policy.name()), Some(policy));
        }
        assert_eq!(Policy::parse("Rerun"), None);
        assert!(Policy::ALL.is_sorted());
    }
}
