//! Which table, and which partition, a file belongs to, told by its path.
//!
//! Nothing stored leads from a path to a table. What is known are the places of the tables that changed; of
//! others the path itself is a guess, for most tables lie under their own names; and where that is not
//! enough, all tables are looked at, once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use versioning::{KeyRange, Space};

use super::generic::Three;
use crate::location::{Location, Place};
use crate::model::{Database, DatabaseId, Table, TableFormat, TableId, TableKind};
use crate::names::Pattern;
use crate::snapshot::{OpenTable, Snapshot};
use crate::{Result, keys};

/// A table's or a partition's data: what is merged as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Unit {
    pub(crate) table: TableId,
    /// `None` for the table as a whole, and for what lies in its folder, but in that of no partition.
    pub(crate) partition: Option<String>,
}

/// What a folder belongs to.
#[derive(Debug, Clone)]
struct Territory {
    unit: Unit,
    /// How the names of the folders of partitions begin, level by level: `dt=`; none where the folder is one unit.
    levels: Vec<String>,
}

/// The folders that are known to belong to tables.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    territories: HashMap<String, Territory>,
    guessed: HashSet<String>,
    knows_all: bool,
    /// Tables in whose folder another one lies in another version: those that have it, with the others.
    displaced: BTreeSet<(TableId, TableId)>,
}

/// One version of the catalog with its databases at hand.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) snapshot: Snapshot,
    pub(crate) databases: BTreeMap<DatabaseId, Database>,
    /// The databases, by the folders in which their tables lie by default.
    folders: HashMap<String, BTreeSet<DatabaseId>>,
}

impl Three<Version> {
    /// Returns a database as conflicts name it: as ours has it, else theirs, else the base.
    pub(crate) fn database(&self, id: DatabaseId) -> Option<&Database> {
        let versions = [&self.ours, &self.theirs, &self.base];
        versions
            .into_iter()
            .find_map(|version| version.databases.get(&id))
    }
}

impl Version {
    /// Reads the databases, of which there are few.
    pub(crate) async fn read(snapshot: Snapshot) -> Result<Version> {
        let mut databases = BTreeMap::new();
        for name in snapshot.databases(&Pattern::all()).await? {
            if let Some(database) = snapshot.find_database(&name).await? {
                databases.insert(database.id, database);
            }
        }
        let mut folders: HashMap<String, BTreeSet<DatabaseId>> = HashMap::new();
        for database in databases.values() {
            let bases = [database.place(), database.table_base(&TableKind::Managed)];
            for folder in bases.iter().filter_map(Place::object_prefix) {
                folders.entry(folder).or_default().insert(database.id);
            }
        }
        Ok(Version {
            snapshot,
            databases,
            folders,
        })
    }

    /// Returns a table with its database; one that has lost its database gets one without a name.
    pub(crate) fn open(&self, table: Table) -> OpenTable {
        let lost = || Database {
            id: table.database,
            name: format!("({})", table.database),
            ..Database::default()
        };
        let database = self.databases.get(&table.database).cloned().unwrap_or_else(lost);
        OpenTable { database, table }
    }
}

impl Owners {
    /// Learns where a table and those of its partitions lie that do not lie in its folder.
    pub(crate) async fn learn(&mut self, snapshot: &Snapshot, open: &OpenTable) -> Result<()> {
        let is_whole = TableFormat::of(open) != TableFormat::Hive || !open.is_partitioned();
        let levels: Vec<String> = open
            .keys()
            .iter()
            .map(|key| format!("{}=", crate::names::escape(&key.name)))
            .collect();
        let levels = if is_whole { Vec::new() } else { levels };
        for place in places(open) {
            self.claim(&place, open.id, None, levels.clone());
        }
        if is_whole {
            return Ok(());
        }
        // partitions that lie apart are counted by the weights of their tree
        let all = KeyRange::prefix(keys::partitions(open.id));
        if snapshot.view().totals(Space::Parts, all).await?.weight == 0 {
            return Ok(());
        }
        let mut scan = snapshot.partitions(open.id);
        while let Some(partition) = scan.next().await? {
            if let Some(location @ Location::Rel(_)) = partition.location()? {
                let place = open.partition_place(partition.name, &location);
                self.claim(&place, open.id, Some(partition.name), Vec::new());
            }
        }
        Ok(())
    }

    fn claim(&mut self, place: &Place, table: TableId, partition: Option<&str>, levels: Vec<String>) {
        let Some(prefix) = place.object_prefix() else {
            return;
        };
        let unit = Unit {
            table,
            partition: partition.map(str::to_owned),
        };
        let before = self.territories.insert(prefix, Territory { unit, levels });
        if let Some(before) = before.filter(|before| before.unit.table != table) {
            self.displaced.insert((table, before.unit.table));
        }
    }

    /// Returns the tables that lie, or lay, where this one does.
    pub(crate) fn displaced_by(&self, table: TableId) -> impl Iterator<Item = TableId> + '_ {
        let of_table = (table, TableId::default())..;
        let displaced = self
            .displaced
            .range(of_table)
            .take_while(move |(by, _)| *by == table);
        displaced.map(|(_, other)| *other)
    }

    /// Returns what a file belongs to, as far as is known, and its path there.
    pub(crate) fn find<'a>(&self, path: &'a str) -> Option<(Unit, &'a str)> {
        let folders = path.char_indices().rev().filter(|(_, c)| *c == '/');
        for (end, _) in folders {
            if let Some(territory) = self.territories.get(&path[..=end]) {
                return Some(territory.divide(&path[end + 1..]));
            }
        }
        None
    }

    /// Returns the tables in whose folders a path lies, as far as is known.
    pub(crate) fn around(&self, path: &str) -> impl Iterator<Item = TableId> {
        let folders = path.match_indices('/').map(|(end, _)| &path[..=end]);
        folders.filter_map(|folder| self.territories.get(folder).map(|of| of.unit.table))
    }

    /// Returns what a file belongs to, guessing by its path where nothing is known.
    pub(crate) async fn find_or_guess<'a>(
        &mut self,
        version: &Version,
        path: &'a str,
    ) -> Result<Option<(Unit, &'a str)>> {
        if let Some(found) = self.find(path) {
            return Ok(Some(found));
        }
        if !self.knows_all && self.guess(version, path).await? {
            return Ok(self.find(path));
        }
        Ok(None)
    }

    /// Looks for a table of the name that stands in the path behind the folder of a database.
    async fn guess(&mut self, version: &Version, path: &str) -> Result<bool> {
        let mut has_learned = false;
        for (end, _) in path.match_indices('/') {
            let (prefix, rest) = path.split_at(end + 1);
            let (Some(ids), Some((name, _))) = (version.folders.get(prefix), rest.split_once('/')) else {
                continue;
            };
            if !self.guessed.insert(format!("{prefix}{name}")) {
                continue;
            }
            for database in ids.iter().filter_map(|id| version.databases.get(id)) {
                let open = version.snapshot.find_table(&database.name, name).await?;
                if let Some(open) = open.filter(|open| places(open).any(|place| lies_below(path, &place))) {
                    self.learn(&version.snapshot, &open).await?;
                    has_learned = true;
                }
            }
        }
        Ok(has_learned)
    }

    /// Learns the places of all tables. Those that were known stay as they are.
    pub(crate) async fn learn_all(&mut self, version: &Version) -> Result<()> {
        if self.knows_all {
            return Ok(());
        }
        self.knows_all = true;
        let known = std::mem::take(&mut self.territories);
        for database in version.databases.values() {
            for (_, entry) in version.snapshot.tables(database.id, &Pattern::all()).await? {
                if let Some(table) = version.snapshot.find_table_by_id(entry.id).await? {
                    self.learn(&version.snapshot, &version.open(table)).await?;
                }
            }
        }
        self.territories.extend(known);
        Ok(())
    }
}

impl Territory {
    /// Returns the unit that `rest`, a path below the folder, belongs to.
    fn divide<'a>(&self, rest: &'a str) -> (Unit, &'a str) {
        let mut end = 0;
        for level in &self.levels {
            let folder = rest[end..].find('/').filter(|_| rest[end..].starts_with(level));
            let Some(len) = folder else {
                return (self.unit.clone(), rest);
            };
            end += len + 1;
        }
        if end == 0 {
            return (self.unit.clone(), rest);
        }
        let unit = Unit {
            table: self.unit.table,
            partition: Some(rest[..end - 1].to_owned()),
        };
        (unit, &rest[end..])
    }
}

/// Returns the places of a table's own data.
fn places(open: &OpenTable) -> impl Iterator<Item = Place> {
    let base = open.is_partitioned().then(|| open.partition_base());
    [open.place(), open.data_place(), base].into_iter().flatten()
}

fn lies_below(path: &str, place: &Place) -> bool {
    place
        .object_prefix()
        .is_some_and(|prefix| path.starts_with(&prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners() -> Owners {
        let mut owners = Owners::default();
        let (t, u) = (TableId([1; 16]), TableId([2; 16]));
        let place = |path: &str| Place::Path(path.to_owned());
        owners.claim(&place("s.db/t"), t, None, vec!["dt=".into(), "h=".into()]);
        owners.claim(&place("s.db/t/special"), t, Some("dt=1/h=9"), Vec::new());
        owners.claim(&place("s.db/u"), u, None, Vec::new());
        owners
    }

    #[test]
    fn paths_tell_tables_and_partitions() {
        for (path, expected) in [
            ("s.db/t/dt=1/h=2/f", Some((1, Some("dt=1/h=2"), "f"))),
            ("s.db/t/dt=1/h=2/sub/f", Some((1, Some("dt=1/h=2"), "sub/f"))),
            ("s.db/t/dt=1/f", Some((1, None, "dt=1/f"))),
            ("s.db/t/_SUCCESS", Some((1, None, "_SUCCESS"))),
            ("s.db/t/special/f", Some((1, Some("dt=1/h=9"), "f"))),
            ("s.db/u/a/b", Some((2, None, "a/b"))),
            ("s.db/t2/f", None),
            ("f", None),
        ] {
            let owners = owners();
            let found = owners.find(path);
            let found = found.as_ref();
            let found = found.map(|(unit, rest)| (unit.table.0[0], unit.partition.as_deref(), *rest));
            assert_eq!(found, expected, "{path}");
        }
    }
}
