//! Partitions that clients of HCatalog marked: that a load of one is done, so that others can go on.
//!
//! A mark is of a table by its id, on a branch by its incarnation: what is made anew under an old name has none. Marks
//! are kept for a week, and no more than [`MARKS_MAX`] of a repository.

use std::collections::BTreeMap;

use bytes::Bytes;
use catalog::model::TableId;
use versioning::codec::DecodeError;
use versioning::state::{Changes, Stateful};

use super::record::SEPARATOR;

/// How long a mark is kept. The original forgets them as it is told to, which is never by default.
const KEPT_S: i32 = 7 * 24 * 3_600;
/// How many marks are kept of a repository; the oldest are forgotten.
pub(crate) const MARKS_MAX: usize = 10_000;
const FORMAT: &str = "2";

/// The marks of partitions of a repository, by the keys of their records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks(BTreeMap<String, Made>);

/// When a mark was made, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Made {
    /// Seconds since the Unix epoch.
    at_s: i32,
    /// When the partition had been created; `None` if it was not there yet.
    partition_s: Option<i32>,
}

/// A partition and an event that it can be marked for.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    /// The incarnation of the branch.
    pub(crate) branch: [u8; 16],
    pub(crate) table: TableId,
    /// The partition's name; it need not be there.
    pub(crate) partition: String,
    /// When the partition was created, if it is there.
    pub(crate) partition_s: Option<i32>,
    pub(crate) event: i32,
}

impl Mark {
    fn key(&self) -> String {
        let branch = u128::from_be_bytes(self.branch);
        let parts = [
            format!("{branch:032x}"),
            self.table.to_string(),
            self.partition.clone(),
            self.event.to_string(),
        ];
        parts.join(SEPARATOR)
    }
}

impl Made {
    fn encode(self) -> Bytes {
        let partition = self.partition_s.map_or_else(String::new, |s| s.to_string());
        Bytes::from(format!("{FORMAT} {} {partition}", self.at_s))
    }

    /// Reads a record. Those of the first form named branches and tables, and are as old as can be.
    fn decode(bytes: &[u8]) -> Result<Made, DecodeError> {
        let bad = || DecodeError::Canonical("no mark of a partition");
        let text = str::from_utf8(bytes).map_err(|_| DecodeError::Utf8)?;
        let parts: Vec<&str> = text.split(' ').collect();
        match parts.as_slice() {
            ["1"] => Ok(Made::default()),
            [FORMAT, at_s, partition_s] => Ok(Made {
                at_s: at_s.parse().map_err(|_| bad())?,
                partition_s: match *partition_s {
                    "" => None,
                    text => Some(text.parse().map_err(|_| bad())?),
                },
            }),
            _ => Err(bad()),
        }
    }
}

impl Stateful for Marks {
    const NAMESPACE: &'static str = "hive-marks";

    fn apply(&mut self, key: &str, value: Option<&Bytes>) -> Result<(), DecodeError> {
        match value {
            Some(value) => self.0.insert(key.to_owned(), Made::decode(value)?),
            None => self.0.remove(key),
        };
        Ok(())
    }
}

impl Marks {
    /// Marks a partition, and forgets marks that are too old or too many.
    pub(crate) fn mark(&self, mark: &Mark, now_s: i32) -> Changes {
        let key = mark.key();
        let mut others: Vec<(&String, &Made)> = self.0.iter().filter(|(other, _)| **other != key).collect();
        others.sort_by_key(|(_, made)| made.at_s);
        let too_many = (others.len() + 1).saturating_sub(MARKS_MAX);
        let forgotten = others.into_iter().enumerate();
        let forgotten = forgotten.filter(|(place, (_, made))| *place < too_many || made.is_old(now_s));
        let mut changes: Changes = forgotten.map(|(_, (key, _))| (key.clone(), None)).collect();
        let made = Made {
            at_s: now_s,
            partition_s: mark.partition_s,
        };
        changes.push((key, Some(made.encode())));
        changes
    }

    /// Returns whether a partition is marked, and is the one that was.
    pub(crate) fn has(&self, mark: &Mark, now_s: i32) -> bool {
        let made = self.0.get(&mark.key());
        made.is_some_and(|made| {
            let is_same = made.partition_s.is_none() || made.partition_s == mark.partition_s;
            is_same && !made.is_old(now_s)
        })
    }
}

impl Made {
    fn is_old(&self, now_s: i32) -> bool {
        self.at_s < now_s.saturating_sub(KEPT_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i32 = 1_700_000_000;

    fn mark(partition: &str, partition_s: Option<i32>) -> Mark {
        Mark {
            branch: [7; 16],
            table: TableId::default(),
            partition: partition.to_owned(),
            partition_s,
            event: 1,
        }
    }

    fn take_in(marks: &mut Marks, changes: Changes) {
        for (key, value) in changes {
            marks.apply(&key, value.as_ref()).unwrap();
        }
    }

    #[test]
    fn a_mark_is_of_one_partition_and_ends() {
        // the partition when it was marked, when it is asked for, and after how many seconds
        for (then, now, after_s, expected) in [
            (Some(5), Some(5), 0, true),
            (Some(5), Some(6), 0, false),
            (Some(5), None, 0, false),
            (None, None, 0, true),
            (None, Some(6), 0, true),
            (Some(5), Some(5), KEPT_S, true),
            (Some(5), Some(5), KEPT_S + 1, false),
        ] {
            let mut marks = Marks::default();
            let changes = marks.mark(&mark("d=1", then), NOW_S);
            take_in(&mut marks, changes);
            let found = marks.has(&mark("d=1", now), NOW_S + after_s);
            assert_eq!(found, expected, "{then:?} {now:?} {after_s}");
        }
    }

    #[test]
    fn marks_are_bounded() {
        let mut marks = Marks::default();
        marks
            .apply("main\u{1}db\u{1}t\u{1}d=1\u{1}1", Some(&Bytes::from_static(b"1")))
            .unwrap();
        for n in 0..=MARKS_MAX {
            let at_s = NOW_S + i32::try_from(n).unwrap() / 100;
            let made = Made {
                at_s,
                partition_s: None,
            };
            marks.0.insert(mark(&format!("d={n:05}"), None).key(), made);
        }
        let changes = marks.mark(&mark("d=x", None), NOW_S + 200);
        take_in(&mut marks, changes);
        assert_eq!(marks.0.len(), MARKS_MAX);
        assert!(marks.has(&mark("d=x", None), NOW_S + 200));
        assert!(
            !marks.has(&mark("d=00000", None), NOW_S + 200),
            "the oldest goes first"
        );
        let changes = marks.mark(&mark("d=y", None), NOW_S + 2 * KEPT_S);
        take_in(&mut marks, changes);
        assert_eq!(marks.0.len(), 1, "what is old goes with the next mark");
    }
}
