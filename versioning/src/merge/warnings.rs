//! What a resolver merged by its rules and is wary of all the same.

use bytes::Bytes;

/// What is to be looked at after a merge: so many in all, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Warnings {
    /// How many there are; where a merge was made in steps, one that each step came upon may count twice.
    pub total: u64,
    /// The first, at most [`Warnings::KEPT_MAX`]: bytes of an upper room.
    pub first: Vec<Bytes>,
}

impl Warnings {
    /// How many are kept with a merge. Records of merges are in memory, and written anew at each sign of life.
    pub const KEPT_MAX: usize = 50;

    /// Returns warnings of which the first are kept.
    pub fn new(all: impl IntoIterator<Item = Bytes>) -> Warnings {
        let mut warnings = Warnings::default();
        for one in all {
            warnings.add(one);
        }
        warnings
    }

    /// Takes over those of another step of the same merge.
    pub(super) fn absorb(&mut self, other: Warnings) {
        let untold = other.total - other.first.len() as u64;
        for one in other.first {
            if !self.first.contains(&one) {
                self.add(one);
            }
        }
        self.total += untold;
    }

    fn add(&mut self, one: Bytes) {
        self.total += 1;
        if self.first.len() < Warnings::KEPT_MAX {
            self.first.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(range: std::ops::Range<u32>) -> Warnings {
        Warnings::new(range.map(|n| Bytes::from(n.to_string())))
    }

    #[test]
    fn the_first_are_kept_and_all_are_counted() {
        let many = warnings(0..60);
        assert_eq!((many.total, many.first.len()), (60, Warnings::KEPT_MAX));
        for (a, b, total, kept) in [(0..2, 1..3, 3, 3), (0..60, 0..60, 70, 50), (0..0, 0..60, 60, 50)] {
            let mut both = warnings(a.clone());
            both.absorb(warnings(b.clone()));
            assert_eq!((both.total, both.first.len()), (total, kept), "{a:?} {b:?}");
        }
    }
}
