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
const INTERNAL_TARGET: usize = 256;
/// A node never gets larger than this many times its target, whatever its keys.
const CAP: usize = 4;

static TARGET_256: LazyLock<Vec<u64>> = LazyLock::new(|| read(include_bytes!("data/boundary_256.bin")));
static TARGET_512: LazyLock<Vec<u64>> = LazyLock::new(|| read(include_bytes!("data/boundary_512.bin")));

fn read(table: &[u8]) -> Vec<u64> {
    let (words, _) = table.as_chunks::<8>();
    words.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// The rule by which the nodes of a tree end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// The threshold for each load of a leaf, from 1; the last is the cap.
    leaf: &'static [u64],
    /// The same for internal nodes.
    internal: &'static [u64],
    /// Whether large values count more than once.
    by_size: bool,
}

impl Shape {
    pub(super) fn of(space: Space) -> Shape {
        let leaf = if space.leaf_target() == 512 {
            &TARGET_512
        } else {
            &TARGET_256
        };
        debug_assert_eq!(leaf.len(), CAP * space.leaf_target() as usize);
        debug_assert_eq!(TARGET_256.len(), CAP * INTERNAL_TARGET);
        Shape {
            leaf,
            internal: &TARGET_256,
            by_size: space == Space::Stats,
        }
    }

    /// Returns the load of an entry: what it counts towards the size of its leaf.
    ///
    /// Statistics differ much in size; there, and only there, the size of a value can move a boundary.
    pub(super) fn leaf_load(self, payload_len: usize) -> usize {
        match payload_len {
            1025.. if self.by_size => 8,
            513.. if self.by_size => 4,
            257.. if self.by_size => 2,
            _ => 1,
        }
    }

    /// Returns whether the entry with `key`, whose load is `load`, ends a node of `level` whose load was
    /// `before`.
    ///
    /// The threshold of an entry is the sum of those of the units that it fills. An internal node has at
    /// least two children unless it is the last of its level, so that each level is smaller than the one
    /// below.
    pub(super) fn ends(self, level: u8, key: &[u8], before: usize, load: usize) -> bool {
        let table = if level == 0 { self.leaf } else { self.internal };
        let after = before + load;
        if after >= table.len() {
            return true;
        }
        if level > 0 && before == 0 {
            return false;
        }
        let threshold = table[before..after]
            .iter()
            .fold(0u64, |sum, t| sum.saturating_add(*t));
        xxh3_64_with_seed(key, u64::from(level) + 1) < threshold
    }
}

#[cfg(test)]
impl Shape {
    /// Returns a shape with nodes of about four entries, so that small trees are high.
    pub(super) fn tiny(by_size: bool) -> Shape {
        static TARGET_4: LazyLock<Vec<u64>> = LazyLock::new(|| {
            let hazard = |w: i32| 1.0 - (-(f64::from(w).powi(4) - f64::from(w - 1).powi(4)) / 220.0).exp();
            (1..=4 * CAP as i32)
                .map(|w| (hazard(w) * 2f64.powi(64)) as u64)
                .collect()
        });
        Shape {
            leaf: &TARGET_4,
            internal: &TARGET_4,
            by_size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_those_of_the_format() {
        let hash = |table: &[u8]| blake3::hash(table).to_hex().to_string();
        let golden = [
            (
                hash(include_bytes!("data/boundary_256.bin")),
                "5aaebef51ecc5fd926dff754fef7038cdb4268982b29758cbb1b0980b927d969",
            ),
            (
                hash(include_bytes!("data/boundary_512.bin")),
                "54b1505103afc35c862a08a9fe70a55f4aa24383eb2a89d96d9afc8994662c1a",
            ),
        ];
        for (found, expected) in golden {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_tables_follow_their_formula() {
        for (table, target) in [(&TARGET_256, 256.0f64), (&TARGET_512, 512.0)] {
            let gamma = 0.906_402_477_055_477; // of 1.25
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
            let shape = Shape::of(space);
            let (mut before, mut sizes) = (0, Vec::new());
            for i in 0..400_000u32 {
                let load = if space == Space::Stats { 1 << (i % 4) } else { 1 };
                let ends = shape.ends(0, &i.to_be_bytes(), before, load);
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
        let shape = Shape::of(Space::Meta);
        for level in 0..3 {
            assert!((0..10u8).all(|key| shape.ends(level, &[key], 1023, 1)));
        }
        assert!(
            !(0..=255u8).any(|key| shape.ends(1, &[key], 0, 1)),
            "no internal node of one child"
        );
    }

    #[test]
    fn only_statistics_count_by_size() {
        let loads =
            |space| [0, 256, 257, 512, 513, 1024, 1025, 9000].map(|len| Shape::of(space).leaf_load(len));
        assert_eq!(loads(Space::Stats), [1, 1, 2, 2, 4, 4, 8, 8]);
        assert_eq!(loads(Space::Parts), [1; 8]);
    }
}
