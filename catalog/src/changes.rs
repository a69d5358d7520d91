//! What happened to the things of a catalog between two versions, each with both of its sides.
//!
//! Where [`crate::diff`] says what people would notice, this hands out the records themselves, for whoever has
//! to tell others of them. It looks only at keys that are known to differ.

use std::collections::{BTreeMap, BTreeSet};

use versioning::{Batch, KeyRange, Mutation, Space, View};

use crate::keys::{self, MetaKey};
use crate::model::{Database, DatabaseId, Function, Partition, Table, TableId};
use crate::records::Record;
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
        added: Vec<Partition>,
        /// Before and after.
        altered: Vec<(Partition, Partition)>,
        dropped: Vec<Partition>,
    },
}

impl Change {
    /// Takes a change apart into those that are stored one by one: a function that is replaced goes and comes, a
    /// piece has either added, altered or dropped partitions, and no more than `partitions_max` of them, nor more added
    /// or altered ones than weigh `weight_max` together, unless it is a single one.
    pub fn pieces(
        self,
        partitions_max: usize,
        weight_max: usize,
        weigh: impl Fn(&Partition) -> usize,
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
                let added = chunks(added, partitions_max, weight_max, &weigh);
                let added = added.map(|some| piece(some, Vec::new(), Vec::new()));
                let both = |(before, after): &(Partition, Partition)| weigh(before) + weigh(after);
                let altered = chunks(altered, partitions_max, weight_max, both);
                let altered = altered.map(|some| piece(Vec::new(), some, Vec::new()));
                let dropped = chunks(dropped, partitions_max, usize::MAX, |_| 0);
                let dropped = dropped.map(|some| piece(Vec::new(), Vec::new(), some));
                added.chain(altered).chain(dropped).collect()
            }
            whole => vec![whole],
        }
    }

    /// Returns of how many things that are told of one by one a piece is: each altered partition is one.
    pub fn told(&self) -> usize {
        match self {
            Change::Partitions { altered, .. } => altered.len().max(1),
            _ => 1,
        }
    }

    /// Takes a piece apart into as many as [`Change::told`] says.
    pub fn one_by_one(self) -> Vec<Change> {
        match self {
            Change::Partitions { table, altered, .. } if altered.len() > 1 => {
                let alone = |one| Change::Partitions {
                    table: table.clone(),
                    added: Vec::new(),
                    altered: vec![one],
                    dropped: Vec::new(),
                };
                altered.into_iter().map(alone).collect()
            }
            whole => vec![whole],
        }
    }
}

/// Parts items into runs, none of which is empty.
fn chunks<T>(
    items: Vec<T>,
    max: usize,
    weight_max: usize,
    weigh: impl Fn(&T) -> usize,
) -> impl Iterator<Item = Vec<T>> {
    let mut items = items.into_iter().peekable();
    std::iter::from_fn(move || {
        let (mut some, mut weight) = (Vec::new(), 0_usize);
        while let Some(item) = items.next_if(|item| {
            weight = weight.saturating_add(weigh(item));
            some.is_empty() || (some.len() < max && weight <= weight_max)
        }) {
            some.push(item);
        }
        (!some.is_empty()).then_some(some)
    })
}

/// Keys whose values differ, perhaps.
#[derive(Debug, Default)]
struct Keys {
    databases: BTreeSet<String>,
    tables: BTreeSet<TableId>,
    functions: BTreeSet<(DatabaseId, String)>,
    partitions: BTreeMap<TableId, BTreeSet<String>>,
    /// Tables with more partitions that differ than are looked at.
    crowded: BTreeSet<TableId>,
}

impl Keys {
    fn add_at_most(&mut self, space: Space, key: &[u8], partitions_max: usize) {
        let table = (space == Space::Parts)
            .then(|| keys::decode_partition(key))
            .flatten();
        match table {
            Some((table, _)) if self.crowded.contains(&table) => {}
            Some((table, _))
                if self
                    .partitions
                    .get(&table)
                    .is_some_and(|of| of.len() >= partitions_max) =>
            {
                self.partitions.remove(&table);
                self.crowded.insert(table);
                self.tables.insert(table);
            }
            _ => self.add(space, key),
        }
    }

    fn add(&mut self, space: Space, key: &[u8]) {
        match space {
            Space::Meta => match MetaKey::decode(key) {
                Some(MetaKey::Database(name)) => drop(self.databases.insert(name.to_owned())),
                Some(MetaKey::Table(id)) => drop(self.tables.insert(id)),
                Some(MetaKey::Function(id, name)) => drop(self.functions.insert((id, name.to_owned()))),
                // told of by nobody: entries repeat what tables say, and no event speaks of the others yet
                Some(MetaKey::Entry(..) | MetaKey::Constraint(..) | MetaKey::Registry(_)) | None => {}
            },
            Space::Parts => {
                if let Some((table, name)) = keys::decode_partition(key) {
                    self.partitions.entry(table).or_default().insert(name.to_owned());
                }
            }
            Space::Stats | Space::Objects => {}
        }
    }

    /// Adds the keys below a prefix that `view` holds.
    async fn add_below(&mut self, view: &View, space: Space, prefix: &[u8]) -> Result<()> {
        let mut scan = view.scan(space, KeyRange::prefix(prefix.to_vec()));
        while let Some(entry) = scan.next().await? {
            self.add(space, entry.key);
        }
        Ok(())
    }
}

/// Returns what a draft has changed since `before`, on which it began; most of it, by what the caller knows, in
/// the database `near`, which is looked at first.
///
/// # Errors
/// Those of reading.
pub async fn of_draft(before: &Snapshot, draft: &Draft, near: &str) -> Result<Vec<Change>> {
    let keys = keys_of(before, draft.batch()).await?;
    Walk::new(before, draft.snapshot(), keys, near).run().await
}

async fn keys_of(before: &Snapshot, batch: &Batch) -> Result<Keys> {
    let mut keys = Keys::default();
    let mut emptied: Vec<TableId> = Vec::new();
    for mutation in &batch.mutations {
        match mutation {
            Mutation::Put { space, key, .. } | Mutation::Delete { space, key } => keys.add(*space, key),
            Mutation::DeletePrefix { space, prefix } => match space {
                Space::Meta => keys.add_below(before.view(), *space, prefix).await?,
                Space::Parts => emptied.extend(keys::decode_partition(prefix).map(|(id, _)| id)),
                Space::Stats | Space::Objects => {}
            },
        }
    }
    // the partitions of a table that goes are not told one by one
    emptied.retain(|id| !keys.tables.contains(id));
    for id in emptied {
        keys.add_below(before.view(), Space::Parts, &keys::partitions(id))
            .await?;
    }
    Ok(keys)
}

/// Returns what differs between two settled views of one repository
/// ([`versioning::Repository::settled`]). Its cost follows the difference. Of a table in which more than
/// `partitions_max` partitions differ only the table itself is handed out, changed or not.
///
/// # Errors
/// Those of reading.
pub async fn between(before: &Snapshot, after: &Snapshot, partitions_max: usize) -> Result<Vec<Change>> {
    let mut keys = Keys::default();
    for space in [Space::Meta, Space::Parts] {
        let mut diff = before.view().diff(after.view(), space, &KeyRange::all());
        while let Some(change) = diff.next().await? {
            keys.add_at_most(space, &change.key, partitions_max);
        }
    }
    Walk::new(before, after, keys, "").run().await
}

struct Walk<'a> {
    before: &'a Snapshot,
    after: &'a Snapshot,
    keys: Keys,
    near: &'a str,
    known: BTreeMap<(bool, DatabaseId), Option<Database>>,
}

impl<'a> Walk<'a> {
    fn new(before: &'a Snapshot, after: &'a Snapshot, keys: Keys, near: &'a str) -> Walk<'a> {
        Walk {
            before,
            after,
            keys,
            near,
            known: BTreeMap::new(),
        }
    }

    /// Looks at everything: what is made comes before what stands in it, and what goes comes after.
    async fn run(mut self) -> Result<Vec<Change>> {
        let databases = self.databases().await?;
        let gone = |change: &Change| matches!(change, Change::Database { after: None, .. });
        let (dropped, mut changes): (Vec<_>, Vec<_>) = databases.into_iter().partition(gone);
        changes.extend(self.tables().await?);
        changes.extend(self.partitions().await?);
        changes.extend(self.functions().await?);
        let of_dropped = |database: &str| {
            dropped.iter().any(|change| {
                matches!(change, Change::Database { before: Some(gone), .. } if gone.name == database)
            })
        };
        // what goes with its database is not told one by one
        changes.retain(|change| match change {
            Change::Table {
                before: Some(it),
                after: None,
            } => !of_dropped(&it.database.name),
            Change::Function {
                database,
                after: None,
                ..
            } => !of_dropped(database),
            _ => true,
        });
        changes.extend(dropped);
        Ok(changes)
    }

    async fn pair<T: Record + PartialEq>(&self, key: &[u8]) -> Result<Option<(Option<T>, Option<T>)>> {
        let before: Option<T> = self.before.get(key).await?;
        let after: Option<T> = self.after.get(key).await?;
        Ok((before != after).then_some((before, after)))
    }

    async fn databases(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for name in std::mem::take(&mut self.keys.databases) {
            if let Some((before, after)) = self.pair::<Database>(&MetaKey::Database(&name).encode()).await? {
                for (is_after, database) in [(false, &before), (true, &after)] {
                    if let Some(database) = database {
                        self.known.insert((is_after, database.id), Some(database.clone()));
                    }
                }
                changes.push(Change::Database { before, after });
            }
        }
        Ok(changes)
    }

    async fn database(&mut self, is_after: bool, id: DatabaseId) -> Result<Option<Database>> {
        if let Some(known) = self.known.get(&(is_after, id)) {
            return Ok(known.clone());
        }
        let snapshot = if is_after { self.after } else { self.before };
        let near = snapshot.find_database(self.near).await?;
        let found = match near.filter(|database| database.id == id) {
            Some(found) => Some(found),
            None => snapshot.find_database_by_id(id).await?,
        };
        self.known.insert((is_after, id), found.clone());
        Ok(found)
    }

    async fn open(&mut self, is_after: bool, table: Option<Table>) -> Result<Option<OpenTable>> {
        let Some(table) = table else { return Ok(None) };
        let database = self.database(is_after, table.database).await?;
        Ok(database.map(|database| OpenTable { database, table }))
    }

    async fn tables(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for id in std::mem::take(&mut self.keys.tables) {
            let key = MetaKey::Table(id).encode();
            let (before, after) = match self.pair::<Table>(&key).await? {
                Some(pair) => pair,
                None if self.keys.crowded.contains(&id) => {
                    let table: Option<Table> = self.after.get(&key).await?;
                    (table.clone(), table)
                }
                None => continue,
            };
            if after.is_none() {
                self.keys.partitions.remove(&id);
            }
            let (before, after) = (self.open(false, before).await?, self.open(true, after).await?);
            changes.push(Change::Table { before, after });
        }
        Ok(changes)
    }

    async fn functions(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (id, name) in std::mem::take(&mut self.keys.functions) {
            let Some((before, after)) = self
                .pair::<Function>(&MetaKey::Function(id, &name).encode())
                .await?
            else {
                continue;
            };
            let database = match self.database(true, id).await? {
                Some(database) => Some(database),
                None => self.database(false, id).await?,
            };
            if let Some(Database { name: database, .. }) = database {
                changes.push(Change::Function {
                    database,
                    before,
                    after,
                });
            }
        }
        Ok(changes)
    }

    async fn partitions(&mut self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (id, names) in std::mem::take(&mut self.keys.partitions) {
            let table = self.after.find_table_by_id(id).await?;
            let Some(table) = self.open(true, table).await? else {
                continue;
            };
            let (mut added, mut altered, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
            for name in names {
                match self.pair::<Partition>(&keys::partition(id, &name)).await? {
                    Some((None, Some(after))) => added.push(after),
                    Some((Some(before), Some(after))) => altered.push((before, after)),
                    Some((Some(before), None)) => dropped.push(before),
                    Some((None, None)) | None => {}
                }
            }
            if !(added.is_empty() && altered.is_empty() && dropped.is_empty()) {
                changes.push(Change::Partitions {
                    table,
                    added,
                    altered,
                    dropped,
                });
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_by_number_and_by_weight() {
        for (weights, max, weight_max, expected) in [
            (&[1, 1, 1, 1, 1][..], 2, 9, "[[1, 1], [1, 1], [1]]"),
            (&[4, 4, 4], 9, 8, "[[4, 4], [4]]"),
            (&[4, 5, 4], 9, 8, "[[4], [5], [4]]"),
            (&[20, 1, 20, 1], 9, 8, "[[20], [1], [20], [1]]"),
            (&[], 9, 8, "[]"),
        ] {
            let runs: Vec<_> = chunks(weights.to_vec(), max, weight_max, |weight| *weight).collect();
            assert_eq!(format!("{runs:?}"), expected, "{weights:?} {max} {weight_max}");
        }
    }
}
