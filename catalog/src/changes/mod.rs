//! What happened to the things of a catalog between two versions, each with both of its sides.
//!
//! Where [`crate::diff`] says what people would notice, this hands out the records themselves, for whoever has
//! to tell others of them. It looks only at keys that are known to differ.

mod details;
mod keys;
mod partition;
mod walk;

use versioning::{KeyRange, Space};

use self::keys::Keys;
pub use self::keys::LookedAt;
pub use self::partition::StoredPartition;
use self::walk::Walk;
use crate::codec::encode_statistics;
use crate::model::{ColumnStatistics, Constraint, Database, Function, TableStatistics};
use crate::snapshot::{OpenTable, Snapshot};
use crate::{Draft, Result};

/// What happened to one thing, or to partitions of one table. A side is `None` where it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "looked at once, where it is returned")]
pub enum Change {
    Database {
        before: Option<Database>,
        after: Option<Database>,
    },
    Table {
        before: Option<OpenTable>,
        after: Option<OpenTable>,
    },
    Function {
        /// The name of its database.
        database: String,
        before: Option<Function>,
        after: Option<Function>,
    },
    /// Partitions of a table that was there before and still is.
    Partitions {
        table: OpenTable,
        added: Vec<StoredPartition>,
        /// Before and after.
        altered: Vec<(StoredPartition, StoredPartition)>,
        dropped: Vec<StoredPartition>,
    },
    Constraints(ChangedConstraints),
    Statistics(ChangedStatistics),
}

/// Constraints of a table that come or go. What is dropped is of the table as it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedConstraints {
    pub table: OpenTable,
    /// All of one kind.
    pub added: Vec<AddedConstraint>,
    /// Their names.
    pub dropped: Vec<String>,
}

/// A constraint that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedConstraint {
    pub constraint: Constraint,
    /// What a foreign key points at.
    pub parent: Option<OpenTable>,
}

/// What engines know, or know no longer, of columns of a table and of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedStatistics {
    pub table: OpenTable,
    pub of: Vec<StatisticsOf>,
}

/// What one engine knows, or knows no longer, of columns of a table or of one of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsOf {
    /// `None` for the table as a whole.
    pub partition: Option<StoredPartition>,
    pub engine: String,
    /// What is new, in the order of columns' ids.
    pub set: Vec<ColumnStatistics>,
    /// The names of columns of which nothing is known any more.
    pub removed: Vec<String>,
}

impl Change {
    /// Takes a change apart into those that are stored one by one: a function that is replaced goes and comes, and
    /// each constraint that is dropped stands alone, as each column does of which nothing is known any more. A piece
    /// has either added, altered or dropped partitions, and no more than `partitions_max` of them, nor more added or
    /// altered ones than weigh `weight_max` together, unless it is a single one.
    pub fn pieces(
        self,
        partitions_max: usize,
        weight_max: usize,
        mut weigh: impl FnMut(&StoredPartition) -> usize,
    ) -> Vec<Change> {
        match self {
            Change::Function {
                database,
                before: Some(before),
                after: Some(after),
            } => {
                let piece = |before, after| Change::Function {
                    database: database.clone(),
                    before,
                    after,
                };
                vec![piece(Some(before), None), piece(None, Some(after))]
            }
            Change::Partitions {
                table,
                added,
                altered,
                dropped,
            } => {
                let piece = |added, altered, dropped| Change::Partitions {
                    table: table.clone(),
                    added,
                    altered,
                    dropped,
                };
                let added = chunks(added, partitions_max, weight_max, &mut weigh);
                let added = added.into_iter().map(|some| piece(some, Vec::new(), Vec::new()));
                let both =
                    |(before, after): &(StoredPartition, StoredPartition)| weigh(before) + weigh(after);
                let altered = chunks(altered, partitions_max, weight_max, both);
                let altered = altered
                    .into_iter()
                    .map(|some| piece(Vec::new(), some, Vec::new()));
                let dropped = chunks(dropped, partitions_max, usize::MAX, |_| 0);
                let dropped = dropped
                    .into_iter()
                    .map(|some| piece(Vec::new(), Vec::new(), some));
                added.chain(altered).chain(dropped).collect()
            }
            Change::Constraints(changed) => changed.pieces(),
            Change::Statistics(changed) => changed.pieces(partitions_max, weight_max, weigh),
            whole => vec![whole],
        }
    }

    /// Returns of how many things that are told of one by one a piece is: each altered partition is one, and each that
    /// something else is known of.
    pub fn told(&self) -> usize {
        match self {
            Change::Partitions { altered, .. } => altered.len().max(1),
            Change::Statistics(changed) => changed.of.len().max(1),
            _ => 1,
        }
    }

    /// Takes a piece apart into as many as [`Change::told`] says, each made when it is asked for: each repeats the table.
    pub fn one_by_one(self) -> Box<dyn Iterator<Item = Change> + Send> {
        match self {
            Change::Partitions { table, altered, .. } if altered.len() > 1 => {
                Box::new(altered.into_iter().map(move |one| Change::Partitions {
                    table: table.clone(),
                    added: Vec::new(),
                    altered: vec![one],
                    dropped: Vec::new(),
                }))
            }
            Change::Statistics(ChangedStatistics { table, of }) if of.len() > 1 => {
                Box::new(of.into_iter().map(move |one| {
                    Change::Statistics(ChangedStatistics {
                        table: table.clone(),
                        of: vec![one],
                    })
                }))
            }
            whole => Box::new(std::iter::once(whole)),
        }
    }
}

impl ChangedConstraints {
    fn pieces(self) -> Vec<Change> {
        let piece = |added, dropped| {
            Change::Constraints(ChangedConstraints {
                table: self.table.clone(),
                added,
                dropped,
            })
        };
        let dropped = self.dropped.into_iter().map(|one| piece(Vec::new(), vec![one]));
        let mut pieces: Vec<Change> = dropped.collect();
        if !self.added.is_empty() {
            pieces.push(piece(self.added, Vec::new()));
        }
        pieces
    }
}

impl ChangedStatistics {
    fn pieces(
        self,
        max: usize,
        weight_max: usize,
        mut weigh: impl FnMut(&StoredPartition) -> usize,
    ) -> Vec<Change> {
        let weight = |one: &StatisticsOf| one.partition.as_ref().map_or(0, &mut weigh) + one.set_bytes();
        let of = self.of.into_iter().flat_map(StatisticsOf::pieces).collect();
        let piece = |of| ChangedStatistics {
            table: self.table.clone(),
            of,
        };
        let pieces = chunks(of, max, weight_max, weight);
        pieces.into_iter().map(piece).map(Change::Statistics).collect()
    }
}

impl StatisticsOf {
    fn pieces(self) -> Vec<StatisticsOf> {
        let piece = |set, removed| StatisticsOf {
            partition: self.partition.clone(),
            engine: self.engine.clone(),
            set,
            removed,
        };
        let removed = self.removed.into_iter().map(|one| piece(Vec::new(), vec![one]));
        let mut pieces: Vec<StatisticsOf> = removed.collect();
        if !self.set.is_empty() {
            pieces.push(piece(self.set, Vec::new()));
        }
        pieces
    }

    fn set_bytes(&self) -> usize {
        let set = TableStatistics {
            columns: self.set.clone(),
            ..TableStatistics::default()
        };
        encode_statistics(&set).len()
    }
}

/// Parts items into runs, none of which is empty.
fn chunks<T>(
    items: Vec<T>,
    max: usize,
    weight_max: usize,
    mut weigh: impl FnMut(&T) -> usize,
) -> Vec<Vec<T>> {
    let mut runs: Vec<Vec<T>> = Vec::new();
    let mut weight = 0_usize;
    for item in items {
        let own = weigh(&item);
        weight = weight.saturating_add(own);
        match runs.last_mut() {
            Some(run) if run.len() < max && weight <= weight_max => run.push(item),
            _ => {
                weight = own;
                runs.push(vec![item]);
            }
        }
    }
    runs
}

/// Returns what a draft has changed since `before`, on which it began; most of it, by what the caller knows, in
/// the database `near`, which is looked at first.
///
/// # Errors
/// Those of reading.
pub async fn of_draft(before: &Snapshot, draft: &Draft, near: &str) -> Result<Vec<Change>> {
    let keys = keys::of_batch(before, draft.batch()).await?;
    Walk::new(before, draft.snapshot(), keys, near).run().await
}

/// Returns what differs between two settled views of one repository
/// ([`versioning::Repository::settled`]). Its cost follows the difference. Of a table of which more partitions differ
/// than `max` says only the table itself is handed out, changed or not; and so is one of which that many differ in what
/// is known of their columns, without those statistics.
///
/// # Errors
/// Those of reading.
pub async fn between(before: &Snapshot, after: &Snapshot, max: LookedAt) -> Result<Vec<Change>> {
    let mut keys = Keys::default();
    for space in [Space::Meta, Space::Parts, Space::Stats] {
        let mut diff = before.view().diff(after.view(), space, &KeyRange::all());
        while let Some(change) = diff.next().await? {
            keys.add_at_most(space, change, max);
        }
    }
    Walk::new(before, after, keys, "").run().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BooleanStatistics, ColumnId, Partition, StatisticsData, Table};

    #[test]
    fn runs_end_by_number_and_by_weight() {
        for (weights, max, weight_max, expected) in [
            (&[1, 1, 1, 1, 1][..], 2, 9, "[[1, 1], [1, 1], [1]]"),
            (&[4, 4, 4], 9, 8, "[[4, 4], [4]]"),
            (&[4, 5, 4], 9, 8, "[[4], [5], [4]]"),
            (&[20, 1, 20, 1], 9, 8, "[[20], [1], [20], [1]]"),
            (&[], 9, 8, "[]"),
        ] {
            let runs = chunks(weights.to_vec(), max, weight_max, |weight| *weight);
            assert_eq!(format!("{runs:?}"), expected, "{weights:?} {max} {weight_max}");
        }
    }

    #[test]
    fn what_is_known_of_partitions_is_told_in_runs() {
        let known = |partition: &str, removed: &[&str]| StatisticsOf {
            partition: Some(StoredPartition::of(&Partition {
                name: partition.to_owned(),
                ..Partition::default()
            })),
            engine: "hive".into(),
            set: vec![ColumnStatistics {
                column: ColumnId(1),
                type_name: "boolean".into(),
                analyzed_s: None,
                data: StatisticsData::Boolean(BooleanStatistics::default()),
            }],
            removed: removed.iter().map(|&name| name.to_owned()).collect(),
        };
        let changed = Change::Statistics(ChangedStatistics {
            table: OpenTable {
                database: Database::default(),
                table: Table::default(),
            },
            of: vec![known("d=1", &[]), known("d=2", &["a", "b"])],
        });
        let spell = |change: Change| match change {
            Change::Statistics(ChangedStatistics { of, .. }) => {
                let spell = |one: &StatisticsOf| {
                    let name = one.partition.as_ref().unwrap().name();
                    format!("{name} +{} -{}", one.set.len(), one.removed.join(","))
                };
                of.iter().map(spell).collect::<Vec<_>>().join("; ")
            }
            other => panic!("{other:?}"),
        };
        let pieces = changed.clone().pieces(3, usize::MAX, |_| 1);
        assert_eq!(pieces.iter().map(Change::told).collect::<Vec<_>>(), [3, 1]);
        let alone: Vec<_> = pieces
            .into_iter()
            .flat_map(Change::one_by_one)
            .map(spell)
            .collect();
        assert_eq!(alone, ["d=1 +1 -", "d=2 +0 -a", "d=2 +0 -b", "d=2 +1 -"]);
        // what is set has a weight beside that of its partition
        assert_eq!(changed.pieces(9, 1, |_| 0).len(), 4);
    }
}
