//! Sets of key ranges that hold every partition which a condition can accept.
//!
//! A range is over what stands behind `key=` in a partition's name: the escaped value, and behind it, for
//! all keys but the last, `/` and the rest. Sets are always wide enough; they may be too wide.
//!
//! Two things make text order and name order differ. Escaping: `:` stands as `%3A` and so before `2`. And
//! the `/` behind a value: `a-b/` stands before `a/`, although `a` is less than `a-b`.

use catalog::names::{DEFAULT_PARTITION, escape};

use super::value::Time;

/// Sorted, disjoint, half-open ranges; an end of `None` is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range>);

type Range = (Vec<u8>, Option<Vec<u8>>);

/// How much of a bound is looked at: a longer one only gives a wider range.
const BOUND_CHARS_MAX: usize = 64;

impl Ranges {
    /// Returns the set of everything.
    pub(super) fn all() -> Ranges {
        Ranges(vec![(Vec::new(), None)])
    }

    /// Returns the empty set.
    pub(super) fn none() -> Ranges {
        Ranges(Vec::new())
    }

    /// Returns whether nothing is in the set.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the set of one value.
    pub(super) fn point(value: &str) -> Ranges {
        let mut alone = escape(value).into_owned().into_bytes();
        let mut group = alone.clone();
        group.push(b'/');
        let group_end = after_group(&alone);
        let start = alone.clone();
        alone.push(0);
        Ranges::of(vec![(start, Some(alone)), (group, Some(group_end))])
    }

    /// Returns the set of the values that begin with `prefix`.
    pub(super) fn prefix(prefix: &str) -> Ranges {
        Ranges::of(vec![prefix_range(escape(prefix).into_owned().into_bytes())])
    }

    /// Returns the set of the texts at or above `low`.
    pub(super) fn at_least(low: &str) -> Ranges {
        let plain = plain_beginning(low);
        let mut ranges = vec![(plain.as_bytes().to_vec(), None)];
        ranges.extend(escaped_after(plain));
        Ranges::of(ranges)
    }

    /// Returns the set of the texts at or below `high`.
    pub(super) fn at_most(high: &str) -> Ranges {
        let plain = plain_beginning(high);
        let end = if plain.len() == high.len() {
            Some(after_group(plain.as_bytes()))
        } else {
            prefix_range(plain.as_bytes().to_vec()).1
        };
        let mut ranges = vec![(Vec::new(), end)];
        ranges.extend(escaped_after(plain));
        // shorter values whose '/' stands above what follows them here
        for (i, _) in plain.bytes().enumerate().filter(|(i, b)| *i > 0 && *b < b'/') {
            let shorter = &plain.as_bytes()[..i];
            ranges.push(([shorter, b"/"].concat(), Some(after_group(shorter))));
        }
        Ranges::of(ranges)
    }

    /// Returns the set of the spellings of an integer: leading zeros and a `+` may stand before it.
    pub(super) fn integer(number: i64) -> Ranges {
        let spelled = ["0", "-0", "+"].map(|prefix| Ranges(vec![prefix_range(prefix.into())]));
        spelled
            .into_iter()
            .fold(Ranges::point(&number.to_string()), |all, more| all.or(&more))
    }

    /// Returns the set of the spellings of a date: zeros may be left out.
    pub(super) fn date(date: Time) -> Ranges {
        let Time { year, month, day, .. } = date;
        let spellings = [
            format!("{year:04}-{month:02}-{day:02}"),
            format!("{year:04}-{month}-{day:02}"),
            format!("{year:04}-{month:02}-{day}"),
            format!("{year:04}-{month}-{day}"),
        ];
        spellings.iter().fold(Ranges::none(), |all, spelling| {
            let midnight =
                Ranges::prefix(&format!("{spelling} ")).or(&Ranges::prefix(&format!("{spelling}T")));
            all.or(&Ranges::point(spelling)).or(&midnight)
        })
    }

    /// Returns the set of the years from `low` to `high`. Below the year, spellings differ too much.
    pub(super) fn years(low: u16, high: u16) -> Ranges {
        let end = prefix_range(format!("{high:04}-").into_bytes()).1;
        Ranges::of(vec![(format!("{low:04}-").into_bytes(), end)])
    }

    /// Returns this set and the partition for values that cannot stand in a name.
    ///
    /// An empty value is named as the default partition is, so the name does not tell the value.
    pub(super) fn and_unnamed(self) -> Ranges {
        self.or(&Ranges::point(DEFAULT_PARTITION))
    }

    /// Returns what is in either set.
    pub(super) fn or(mut self, other: &Ranges) -> Ranges {
        self.0.extend(other.0.iter().cloned());
        Ranges::of(self.0)
    }

    /// Returns what is in one of many sets.
    pub(super) fn any(sets: impl IntoIterator<Item = Ranges>) -> Ranges {
        Ranges::of(sets.into_iter().flat_map(|set| set.0).collect())
    }

    /// Returns what is in both sets.
    pub(super) fn and(&self, other: &Ranges) -> Ranges {
        let mut both = Vec::new();
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            let start = a.0.clone().max(b.0.clone());
            let a_ends_first = ends_before(&a.1, &b.1);
            let end = if a_ends_first { &a.1 } else { &b.1 };
            if end.as_ref().is_none_or(|end| start < *end) {
                both.push((start, end.clone()));
            }
            if a_ends_first { i += 1 } else { j += 1 }
        }
        Ranges(both)
    }

    /// Returns where to go on from `rest`: there, if it is in the set; else at the next range, if any.
    pub(super) fn place(&self, rest: &[u8]) -> Place<'_> {
        // the first range that ends behind `rest`
        let at = self
            .0
            .partition_point(|(_, end)| end.as_ref().is_some_and(|end| end.as_slice() <= rest));
        match self.0.get(at) {
            Some((start, _)) if start.as_slice() <= rest => Place::Inside,
            Some((start, _)) => Place::Before(start),
            None => Place::Behind,
        }
    }

    fn of(mut ranges: Vec<Range>) -> Ranges {
        ranges.sort();
        let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if last.1.as_ref().is_none_or(|end| start <= *end) => {
                    if ends_before(&last.1, &end) {
                        last.1 = end;
                    }
                }
                _ => merged.push((start, end)),
            }
        }
        Ranges(merged)
    }
}

/// Where a position lies relative to a set of ranges.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Inside,
    /// Between ranges; the next one starts here.
    Before(&'a [u8]),
    Behind,
}

fn ends_before(a: &Option<Vec<u8>>, b: &Option<Vec<u8>>) -> bool {
    match (a, b) {
        (_, None) => a.is_some(),
        (None, Some(_)) => false,
        (Some(a), Some(b)) => a < b,
    }
}

/// Returns the first key behind all partitions with this value, whatever follows it.
fn after_group(value: &[u8]) -> Vec<u8> {
    [value, &[b'/' + 1]].concat()
}

fn prefix_range(prefix: Vec<u8>) -> Range {
    let end = prefix.iter().rposition(|b| *b != 0xff).map(|last| {
        let mut end = prefix[..=last].to_vec();
        end[last] += 1;
        end
    });
    (prefix, end)
}

/// Returns the beginning of `text` that stands in names as it is.
fn plain_beginning(text: &str) -> &str {
    let end = text
        .char_indices()
        .take(BOUND_CHARS_MAX)
        .take_while(|(i, c)| escape(&text[*i..*i + c.len_utf8()]).len() == c.len_utf8())
        .last()
        .map_or(0, |(i, c)| i + c.len_utf8());
    &text[..end]
}

/// Returns the ranges of the names that agree with `plain` up to some place and go on with an escape.
fn escaped_after(plain: &str) -> impl Iterator<Item = Range> {
    plain
        .char_indices()
        .map(|(i, _)| prefix_range([&plain.as_bytes()[..i], b"%"].concat()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What stands behind `key=` for a value, as the last key and with another key behind it.
    fn rests(value: &str) -> [Vec<u8>; 2] {
        let name = escape(value).into_owned();
        [name.clone().into_bytes(), format!("{name}/hour=1").into_bytes()]
    }

    fn holds(ranges: &Ranges, value: &str) -> bool {
        rests(value)
            .iter()
            .all(|rest| ranges.place(rest) == Place::Inside)
    }

    #[test]
    fn sets_are_tight_where_it_matters() {
        let point = Ranges::point("2026-01-02");
        assert!(holds(&point, "2026-01-02"));
        for other in ["2026-01-01", "2026-01-03", "2026-01-02-", "2026-01-02a", "2026"] {
            assert!(!holds(&point, other), "{other}");
        }
        assert!(!holds(&Ranges::at_least("2026-06"), "2026-05-31"));
        assert!(!holds(&Ranges::at_most("2026-06"), "2026-07-01"));
        assert!(!holds(&Ranges::years(2026, 2026), "2025-12-31"));
        assert!(holds(
            &Ranges::date(Time::read("2026-01-02").unwrap()),
            "2026-1-2"
        ));
        assert!(holds(&Ranges::integer(7), "007") && !holds(&Ranges::integer(7), "70"));
    }

    #[test]
    fn places_are_found() {
        let set = Ranges::point("b").or(&Ranges::point("d"));
        assert_eq!(set.place(b"a"), Place::Before(b"b"));
        assert_eq!(set.place(b"b/x"), Place::Inside);
        assert_eq!(set.place(b"c"), Place::Before(b"d"));
        assert_eq!(set.place(b"e"), Place::Behind);
    }

    /// Texts of all characters, and of those few whose order is what makes it hard.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ -~é\u{1}]{0,4}", "[-a/:0]{0,4}"]
    }

    proptest! {
        #[test]
        fn text_ranges_lose_nothing(
            value in text(), bound in text(), other in text()
        ) {
            prop_assume!(!value.is_empty());
            let above = value.as_bytes() >= bound.as_bytes();
            let below = value.as_bytes() <= other.as_bytes();
            if above {
                prop_assert!(holds(&Ranges::at_least(&bound), &value));
            }
            if below {
                prop_assert!(holds(&Ranges::at_most(&other), &value));
            }
            if above && below {
                prop_assert!(holds(&Ranges::at_least(&bound).and(&Ranges::at_most(&other)), &value));
            }
            if above || below {
                prop_assert!(holds(&Ranges::at_least(&bound).or(&Ranges::at_most(&other)), &value));
            }
            if value.starts_with(&bound) {
                prop_assert!(holds(&Ranges::prefix(&bound), &value));
            }
            prop_assert!(holds(&Ranges::point(&value), &value));
        }
    }
}
