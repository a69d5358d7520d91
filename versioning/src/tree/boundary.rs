//! Where nodes end: a rule of the key alone, so that the shape of a tree depends on its content alone.
//!
//! An entry ends its node when the hash of its key is below a threshold that grows with the load of the node.
//! The thresholds are the hazard of a Weibull distribution with shape 4, so sizes lie close around the
//! target: `T[w] = 2^64 * (1 - exp(-(w^4 - (w-1)^4) / L^4))`, with `L` such that the mean is the target.
//! They were computed once with 80 digits and are constants of the format; nothing here is a float.

use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::Space;

/// The target of internal nodes, in all spaces.
const INTERNAL_TARGET: u32 = 256;
/// A node never gets larger than this many times its target, whatever its keys.
const CAP: usize = 4;

static TARGET_256: LazyLock<Vec<u64>> = LazyLock::new(|| read(include_bytes!("data/boundary_256.bin")));
static TARGET_512: LazyLock<Vec<u64>> = LazyLock::new(|| read(include_bytes!("data/boundary_512.bin")));

fn read(table: &[u8]) -> Vec<u64> {
    let (words, _) = table.as_chunks::<8>();
    words.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// The rule for the nodes of one level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boundary {
    /// The threshold for each load, from 1; the last is the cap.
    table: &'static [u64],
    level: u8,
}

impl Boundary {
    pub(super) fn new(space: Space, level: u8) -> Boundary {
        let target = if level == 0 { space.leaf_target() } else { INTERNAL_TARGET };
        let table = if target == 512 { &TARGET_512 } else { &TARGET_256 };
        debug_assert_eq!(table.len(), CAP * target as usize);
        Boundary { table, level }
    }

    /// Returns whether the entry with `key`, whose load is `load`, ends a node whose load was `before`.
    ///
    /// The threshold of an entry is the sum of those of the units that it fills. An internal node has at
    /// least two children unless it is the last of its level, so that each level is smaller than the one
    /// below.
    pub(super) fn ends(self, key: &[u8], before: usize, load: usize) -> bool {
        let after = before + load;
        if after >= self.table.len() {
            return true;
        }
        if self.level > 0 && before == 0 {
            return false;
        }
        let threshold = self.table[before..after].iter().fold(0u64, |sum, t| sum.saturating_add(*t));
        xxh3_64_with_seed(key, u64::from(self.level) + 1) < threshold
    }
}

/// Returns the load of an entry: what it counts towards the size of its leaf.
///
/// Statistics differ much in size; there, and only there, the size of a value can move a boundary.
pub(super) fn leaf_load(space: Space, payload_len: usize) -> usize {
    match (space, payload_len) {
        (Space::Stats, 1025..) => 8,
        (Space::Stats, 513..) => 4,
        (Space::Stats, 257..) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_those_of_the_format() {
        let hash = |table: &[u8]| blake3::hash(table).to_hex().to_string();
        let golden = [
            (hash(include_bytes!("data/boundary_256.bin")), "5aaebef51ecc5fd926dff754fef7038cdb4268982b29758cbb1b0980b927d969"),
            (hash(include_bytes!("data/boundary_512.bin")), "54b1505103afc35c862a08a9fe70a55f4aa24383eb2a89d96d9afc8994662c1a"),
        ];
        for (found, expected) in golden {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_tables_follow_their_formula() {
        for (table, target) in [(&TARGET_256, 256.0f64), (&TARGET_512, 512.0)] {
            let gamma = 0.906_402_477_055_477_1; // of 1.25
            let scale = (target - 0.5) / gamma;
            let (cap, hazards) = table.split_last().unwrap();
            assert_eq!(*cap, u64::MAX);
            assert_eq!(hazards.len() + 1, CAP * target as usize);
            for (i, hazard) in hazards.iter().enumerate() {
                let power = |w: usize| (w as f64 / scale).powi(4);
                let expected = -(power(i) - power(i + 1)).exp_m1();
                let found = *hazard as f64 / 2f64.powi(64);
                assert!((found / expected - 1.0).abs() < 1e-7, "{i}: {found} {expected}");
            }
        }
    }

    #[test]
    fn sizes_lie_around_their_target() {
        for (space, target) in [(Space::Parts, 512), (Space::Objects, 256), (Space::Stats, 256)] {
            let rule = Boundary::new(space, 0);
            let (mut before, mut sizes) = (0, Vec::new());
            for i in 0..400_000u32 {
                let load = if space == Space::Stats { 1 << (i % 4) } else { 1 };
                let ends = rule.ends(&i.to_be_bytes(), before, load);
                before += load;
                if ends {
                    sizes.push(std::mem::take(&mut before));
                }
            }
            let mean = sizes.iter().sum::<usize>() / sizes.len();
            assert!(mean.abs_diff(target) < target / 20, "{mean}");
            assert!(*sizes.iter().max().unwrap() <= CAP * target);
        }
    }

    #[test]
    fn the_cap_needs_no_hash() {
        for level in 0..3 {
            let rule = Boundary::new(Space::Meta, level);
            assert!((0..10u8).all(|key| rule.ends(&[key], 1023, 1)));
        }
        assert!(!(0..=255u8).any(|key| Boundary::new(Space::Meta, 1).ends(&[key], 0, 1)));
    }
}
