//! What may have changed, by the keys that were written or that differ.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bytes::Bytes;
use versioning::tree::Change;
use versioning::{Batch, KeyRange, Mutation, Space, Value, View};

use crate::Result;
use crate::keys::{self, MetaKey, StatsKey};
use crate::model::{ConstraintKind, DatabaseId, TableId};
use crate::snapshot::Snapshot;

/// How many partitions, and how many statistics, are looked at one by one, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookedAt {
    /// Of one table.
    pub of_table: usize,
    /// Of all tables, partitions and statistics together.
    pub of_all: usize,
}

/// The values of a partition.
#[derive(Debug)]
pub(super) enum Sides {
    /// They are still to be read.
    Unread,
    /// As they were met along with the key.
    Met {
        before: Option<Value>,
        after: Option<Value>,
    },
}

/// Keys whose values differ, perhaps.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) databases: BTreeSet<String>,
    pub(super) tables: BTreeSet<TableId>,
    pub(super) functions: BTreeSet<(DatabaseId, String)>,
    pub(super) constraints: BTreeSet<(TableId, ConstraintKind, String)>,
    pub(super) partitions: BTreeMap<TableId, BTreeMap<String, Sides>>,
    /// By partition, which is `None` for the table as a whole, and engine.
    pub(super) statistics: BTreeMap<TableId, BTreeSet<(Option<String>, String)>>,
    /// Tables with more partitions or statistics that differ than are looked at.
    pub(super) crowded: BTreeSet<TableId>,
    /// How many partitions and statistics were added one by one and are still there.
    counted: usize,
}

impl Keys {
    /// As [`Keys::add`], but of a table of which too many keys of one space differ none of them is looked at, nor of one
    /// that comes when there are enough of others.
    pub(super) fn add_at_most(&mut self, space: Space, change: Change, max: LookedAt) {
        let Change { key, before, after } = change;
        let table = match space {
            Space::Parts => keys::decode_partition(&key).map(|(table, _)| table),
            Space::Stats => StatsKey::decode(&key).map(|key| key.table),
            Space::Meta | Space::Objects => None,
        };
        let Some(table) = table else {
            return self.add(space, &key, Sides::Unread);
        };
        if self.crowded.contains(&table) {
            return;
        }
        let known = match space {
            Space::Parts => self.partitions.get(&table).map_or(0, BTreeMap::len),
            _ => self.statistics.get(&table).map_or(0, BTreeSet::len),
        };
        if known < max.of_table && self.counted < max.of_all {
            self.counted += 1;
            let sides = match space {
                Space::Parts => Sides::Met {
                    before: before.map(apart),
                    after: after.map(apart),
                },
                _ => Sides::Unread,
            };
            return self.add(space, &key, sides);
        }
        match space {
            Space::Parts => drop(self.partitions.remove(&table)),
            _ => drop(self.statistics.remove(&table)),
        }
        self.counted -= known;
        self.crowded.insert(table);
        self.tables.insert(table);
    }

    fn add(&mut self, space: Space, key: &[u8], sides: Sides) {
        match space {
            Space::Meta => match MetaKey::decode(key) {
                Some(MetaKey::Database(name)) => drop(self.databases.insert(name.to_owned())),
                Some(MetaKey::Table(id)) => drop(self.tables.insert(id)),
                Some(MetaKey::Function(id, name)) => drop(self.functions.insert((id, name.to_owned()))),
                Some(MetaKey::Constraint(id, kind, name)) => {
                    self.constraints.insert((id, kind, name.to_owned()));
                }
                // told of by nobody: entries repeat what tables say, and no event speaks of registered schemas
                Some(MetaKey::Entry(..) | MetaKey::Registry(_)) | None => {}
            },
            Space::Parts => {
                if let Some((table, name)) = keys::decode_partition(key) {
                    let of = self.partitions.entry(table).or_default();
                    of.insert(name.to_owned(), sides);
                }
            }
            Space::Stats => {
                if let Some(key) = StatsKey::decode(key) {
                    let of = self.statistics.entry(key.table).or_default();
                    of.insert((key.partition.map(str::to_owned), key.engine.to_owned()));
                }
            }
            Space::Objects => {}
        }
    }

    /// Adds the keys below a prefix that `view` holds.
    async fn add_below(&mut self, view: &View, space: Space, prefix: &[u8]) -> Result<()> {
        let mut scan = view.scan(space, KeyRange::prefix(prefix.to_vec()));
        while let Some(entry) = scan.next().await? {
            self.add(space, entry.key, Sides::Unread);
        }
        Ok(())
    }
}

/// Returns a value that keeps no node in memory.
fn apart(value: Value) -> Value {
    Value {
        payload: Bytes::copy_from_slice(&value.payload),
        ..value
    }
}

/// Returns the keys that a batch on `before` writes. What goes along with its table or partition is left out.
pub(super) async fn of_batch(before: &Snapshot, batch: &Batch) -> Result<Keys> {
    let mut keys = Keys::default();
    let (mut emptied, mut forgotten) = (Vec::new(), Vec::new());
    for mutation in &batch.mutations {
        match mutation {
            Mutation::Put { space, key, .. } | Mutation::Delete { space, key } => {
                keys.add(*space, key, Sides::Unread);
            }
            Mutation::DeletePrefix { space, prefix } => match space {
                Space::Meta => keys.add_below(before.view(), *space, prefix).await?,
                Space::Parts => emptied.extend(keys::decode_partition(prefix).map(|(id, _)| id)),
                Space::Stats => forgotten.push(prefix),
                Space::Objects => {}
            },
        }
    }
    // the partitions of a table that goes are not told one by one
    emptied.retain(|id| !keys.tables.contains(id));
    for id in emptied {
        keys.add_below(before.view(), Space::Parts, &keys::partitions(id))
            .await?;
    }
    let gone = gone(batch);
    for prefix in forgotten {
        if !goes_along(prefix, &gone) {
            keys.add_below(before.view(), Space::Stats, prefix).await?;
        }
    }
    Ok(keys)
}

/// Returns the keys that are not there after a batch, of those that it names.
fn gone(batch: &Batch) -> HashSet<(Space, &[u8])> {
    let mut gone = HashSet::new();
    for mutation in &batch.mutations {
        match mutation {
            Mutation::Put { space, key, .. } => drop(gone.remove(&(*space, key.as_ref()))),
            Mutation::Delete { space, key } => drop(gone.insert((*space, key.as_ref()))),
            Mutation::DeletePrefix { .. } => {}
        }
    }
    gone
}

/// Returns whether statistics below a prefix are of a table or partition that goes, too.
fn goes_along(prefix: &[u8], gone: &HashSet<(Space, &[u8])>) -> bool {
    let Some((table, partition)) = keys::statistics_owner(prefix) else {
        return false;
    };
    let partition = partition.map(|name| keys::partition(table, name));
    gone.contains(&(Space::Meta, MetaKey::Table(table).encode().as_ref()))
        || partition.is_some_and(|key| gone.contains(&(Space::Parts, key.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many partitions of each table are looked at when so many differ, one table after the other.
    fn looked_at(differ: &[usize], max: LookedAt) -> Vec<usize> {
        let mut keys = Keys::default();
        let tables = (1..).map(|n| TableId([n; 16]));
        for (table, differ) in tables.clone().zip(differ) {
            for n in 0..*differ {
                let change = Change {
                    key: keys::partition(table, &format!("d={n}")),
                    before: None,
                    after: Some(Value::default()),
                };
                keys.add_at_most(Space::Parts, change, max);
            }
        }
        let crowded = |table: &TableId| keys.crowded.contains(table) && keys.tables.contains(table);
        let of = |table: TableId| match keys.partitions.get(&table) {
            Some(names) => names.len(),
            None => {
                assert!(crowded(&table), "{table:?}");
                0
            }
        };
        tables.take(differ.len()).map(of).collect()
    }

    #[test]
    fn a_table_of_which_much_differs_is_looked_at_as_a_whole() {
        let max = LookedAt {
            of_table: 3,
            of_all: 5,
        };
        for (differ, expected) in [
            (&[3, 2][..], &[3, 2][..]),
            (&[4, 3, 2], &[0, 3, 2]),
            (&[3, 3, 1], &[3, 0, 1]),
        ] {
            assert_eq!(looked_at(differ, max), expected, "{differ:?}");
        }
    }
}
