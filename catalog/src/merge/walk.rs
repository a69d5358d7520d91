//! The walk over what two sides changed: everything that the rules look at, by entity. It holds no rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use bytes::Bytes;
use versioning::merge::{Change3, Sides};
use versioning::{KeyRange, Space, Value, View};

use super::common;
use super::database;
use super::generic::Three;
use super::iceberg::History;
use super::objects::FileChange;
use super::owner::Version;
use crate::keys::{self, MetaKey, StatsKey};
use crate::model::{Constraint, ConstraintKind, Database, DatabaseId, Function, Table, TableId};
use crate::records::{Record, Records, SharedCache};
use crate::snapshot::{OpenTable, Snapshot};
use crate::{Error, Result};

/// A record in three versions, with the bytes of theirs, which can be taken as they are.
#[derive(Debug, Clone)]
pub(crate) struct Changed<T> {
    pub(crate) versions: Three<Option<T>>,
    pub(crate) theirs_value: Option<Value>,
}

/// The raw values of a record in three versions.
pub(crate) type Raw = Three<Option<Value>>;

/// A partition or statistics of a table: the partition's name, if any, and for statistics the engine.
pub(crate) type PartitionKey = (TableId, String);
pub(crate) type StatisticsKey = (TableId, Option<String>, String);

/// A constraint of a table, by its kind and name.
pub(crate) type ConstraintKey = (TableId, ConstraintKind, String);

/// What two sides changed.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) versions: Three<Version>,
    pub(crate) databases: BTreeMap<String, Changed<Database>>,
    pub(crate) tables: BTreeMap<TableId, Changed<Table>>,
    pub(crate) functions: BTreeMap<(DatabaseId, String), Changed<Function>>,
    pub(crate) constraints: BTreeMap<ConstraintKey, Changed<Constraint>>,
    /// The entries of tables in lists, as theirs wrote them.
    pub(crate) entries: HashMap<Bytes, Value>,
    /// Changes of the schema registry.
    pub(crate) registry: Vec<Change3>,
    /// Records that this version cannot tell.
    pub(crate) unknown: Vec<(Space, Change3)>,
    pub(crate) partitions: BTreeMap<PartitionKey, Raw>,
    pub(crate) statistics: BTreeMap<StatisticsKey, Raw>,
    pub(crate) files: Vec<FileChange>,
    /// Tables that each side created, and that are one: what theirs is called in ours, and what they agree on.
    pub(crate) unified: BTreeMap<TableId, TableId>,
    pub(crate) common: BTreeMap<TableId, Table>,
    /// What the metadata says of Iceberg tables that both sides changed.
    pub(crate) histories: BTreeMap<TableId, History>,
    /// As `unified`, of databases.
    pub(crate) unified_databases: BTreeMap<DatabaseId, DatabaseId>,
    /// What theirs removed as a whole, unopposed: prefixes of keys.
    pub(crate) removed: Vec<(Space, Bytes)>,
    /// What need not be looked at: removed by one side, and left alone by the other.
    passed: Vec<(Space, Bytes)>,
}

impl Walk {
    /// Walks over all that the sides changed; with `passes`, but for what lies beneath a table that one side dropped and
    /// the other left alone there: it goes, unless it may be decided otherwise.
    pub(crate) async fn run(sides: &Sides, cache: &SharedCache, passes: bool) -> Result<Walk> {
        let version = |view: &View| Version::read(Snapshot::new(view.clone(), cache.clone()));
        let versions = Three::new(
            version(&sides.base).await?,
            version(&sides.ours).await?,
            version(&sides.theirs).await?,
        );
        let mut walk = Walk {
            versions,
            databases: BTreeMap::new(),
            tables: BTreeMap::new(),
            functions: BTreeMap::new(),
            constraints: BTreeMap::new(),
            entries: HashMap::new(),
            registry: Vec::new(),
            unknown: Vec::new(),
            partitions: BTreeMap::new(),
            statistics: BTreeMap::new(),
            files: Vec::new(),
            unified: BTreeMap::new(),
            common: BTreeMap::new(),
            histories: BTreeMap::new(),
            unified_databases: BTreeMap::new(),
            removed: Vec::new(),
            passed: Vec::new(),
        };
        walk.catalog(sides).await?;
        walk.unify();
        if passes {
            walk.pass_dropped_tables(sides).await?;
        }
        for space in [Space::Parts, Space::Stats, Space::Objects] {
            for range in walk.ranges(space) {
                let mut changes = sides.changes(space, &range);
                while let Some(change) = changes.next().await? {
                    walk.beneath(space, change);
                }
            }
        }
        Ok(walk)
    }

    /// Returns the records of each version: what is staged has its blobs in memory, where only its own view finds them.
    pub(crate) fn records(&self) -> Three<&Records> {
        self.versions.as_ref().map(|version| version.snapshot.records())
    }

    async fn catalog(&mut self, sides: &Sides) -> Result<()> {
        let versions = self.versions.clone();
        let records = versions.as_ref().map(|version| version.snapshot.records());
        let mut changes = sides.changes(Space::Meta, &KeyRange::all());
        while let Some(change) = changes.next().await? {
            let key = change.key.clone();
            match MetaKey::decode(&key) {
                Some(MetaKey::Database(name)) => {
                    self.databases
                        .insert(name.to_owned(), load(records, change).await?);
                }
                Some(MetaKey::Table(id)) => {
                    self.tables.insert(id, load(records, change).await?);
                }
                Some(MetaKey::Function(database, name)) => {
                    let place = (database, name.to_owned());
                    self.functions.insert(place, load(records, change).await?);
                }
                Some(MetaKey::Constraint(table, kind, name)) => {
                    let place = (table, kind, name.to_owned());
                    self.constraints.insert(place, load(records, change).await?);
                }
                Some(MetaKey::Entry(..)) => {
                    self.entries.extend(change.theirs.map(|value| (key, value)));
                }
                Some(MetaKey::Registry(_)) => self.registry.push(change),
                None => self.unknown.push((Space::Meta, change)),
            }
        }
        Ok(())
    }

    fn beneath(&mut self, space: Space, change: Change3) {
        let id = |id: TableId| self.unified.get(&id).copied().unwrap_or(id);
        match space {
            Space::Parts => match keys::decode_partition(&change.key) {
                Some((table, name)) => {
                    let place = self.partitions.entry((id(table), name.to_owned()));
                    place.or_default().absorb(change.into());
                }
                None => self.unknown.push((space, change)),
            },
            Space::Stats => match StatsKey::decode(&change.key) {
                Some(key) => {
                    let partition = key.partition.map(str::to_owned);
                    let place = (id(key.table), partition, key.engine.to_owned());
                    self.statistics.entry(place).or_default().absorb(change.into());
                }
                None => self.unknown.push((space, change)),
            },
            _ => match String::from_utf8(change.key.to_vec()) {
                Ok(path) => self.files.push(FileChange::new(path, change.into())),
                Err(_) => self.unknown.push((space, change)),
            },
        }
    }

    /// Finds databases and tables that each side created for itself, and that are one.
    fn unify(&mut self) {
        for changed in self.databases.values() {
            let Three { base, ours, theirs } = changed.versions.as_ref();
            let (Some(ours), Some(theirs)) = (ours, theirs) else {
                continue;
            };
            let is_new = |id: DatabaseId| base.as_ref().is_none_or(|base| base.id != id);
            if ours.id != theirs.id
                && is_new(ours.id)
                && is_new(theirs.id)
                && database::common(ours, theirs).is_some()
            {
                self.unified_databases.insert(theirs.id, ours.id);
            }
        }
        for (theirs, ours) in self.unified_databases.clone() {
            self.move_into(theirs, ours);
        }
        let created: Vec<&Three<Option<Table>>> = self
            .tables
            .values()
            .map(|changed| &changed.versions)
            .filter(|versions| {
                versions.base.is_none() && versions.ours.is_none() != versions.theirs.is_none()
            })
            .collect();
        let by_ours: HashMap<(DatabaseId, &str), &Table> = created
            .iter()
            .filter_map(|versions| versions.ours.as_ref())
            .map(|table| ((table.database, table.name.as_str()), table))
            .collect();
        let twins: Vec<(Table, Table)> = created
            .iter()
            .filter_map(|versions| versions.theirs.as_ref())
            .filter_map(|theirs| {
                let ours = by_ours.get(&(theirs.database, theirs.name.as_str()))?;
                Some((Table::clone(ours), theirs.clone()))
            })
            .collect();
        for (ours, theirs) in twins {
            self.unify_tables(&ours, theirs);
        }
        self.unify_constraints();
    }

    /// Gives what theirs says of its own version of a table to ours.
    fn unify_constraints(&mut self) {
        for ((table, kind, name), mut changed) in std::mem::take(&mut self.constraints) {
            let other = self.unified.get(&table).copied();
            if let Some(reference) = changed
                .versions
                .theirs
                .as_mut()
                .and_then(|it| it.reference.as_mut())
                && let Some(id) = self.unified.get(&reference.table)
            {
                reference.table = *id;
                changed.theirs_value = None;
            }
            let place = (other.unwrap_or(table), kind, name);
            let merged = self.constraints.entry(place).or_insert_with(|| Changed {
                versions: Three::default(),
                theirs_value: None,
            });
            merged.versions.base = merged.versions.base.take().or(changed.versions.base);
            merged.versions.ours = merged.versions.ours.take().or(changed.versions.ours);
            merged.versions.theirs = merged.versions.theirs.take().or(changed.versions.theirs);
            merged.theirs_value = merged.theirs_value.take().or(changed.theirs_value);
        }
    }

    /// Gives what theirs created in its own version of a database to ours.
    fn move_into(&mut self, theirs: DatabaseId, ours: DatabaseId) {
        if let Some(database) = self.versions.theirs.databases.get(&theirs).cloned() {
            self.versions.theirs.databases.insert(ours, database);
        }
        for changed in self.tables.values_mut() {
            if let Some(table) = changed
                .versions
                .theirs
                .as_mut()
                .filter(|table| table.database == theirs)
            {
                table.database = ours;
                changed.theirs_value = None;
            }
        }
        let moved: Vec<_> = self
            .functions
            .keys()
            .filter(|(database, _)| *database == theirs)
            .cloned()
            .collect();
        for key in moved {
            if let Some(mut function) = self.functions.remove(&key) {
                let place = self.functions.entry((ours, key.1));
                let place = place.or_insert_with(|| Changed {
                    versions: Three::default(),
                    theirs_value: None,
                });
                place.versions.theirs = function.versions.theirs.take();
                place.theirs_value = function.theirs_value.take();
            }
        }
    }

    fn unify_tables(&mut self, ours: &Table, mut theirs: Table) {
        let (id, other) = (ours.id, theirs.id);
        theirs.id = id;
        let open = |version: &Version, table: &Table| version.open(table.clone());
        let pair: (OpenTable, OpenTable) = (
            open(&self.versions.ours, ours),
            open(&self.versions.theirs, &theirs),
        );
        let Some(common) = common::of(&pair.0, &pair.1) else {
            return;
        };
        self.tables.remove(&other);
        // the entry of theirs says another id
        self.entries
            .remove(&MetaKey::Entry(ours.database, &ours.name).encode());
        if let Some(changed) = self.tables.get_mut(&id) {
            changed.versions.theirs = Some(theirs);
        }
        self.unified.insert(other, id);
        self.common.insert(id, common);
    }

    /// Passes over what lies beneath a table that one side dropped and the other left alone, however much it is.
    async fn pass_dropped_tables(&mut self, sides: &Sides) -> Result<()> {
        let dropped: Vec<(bool, OpenTable)> = self
            .tables
            .values()
            .filter_map(|changed| {
                let Three { base, ours, theirs } = changed.versions.as_ref();
                let base = base.clone().filter(|_| ours.is_none() != theirs.is_none())?;
                Some((theirs.is_none(), self.versions.base.open(base)))
            })
            .collect();
        for (by_theirs, open) in dropped {
            let folder = open.data_place().and_then(|place| place.object_prefix());
            let mut prefixes = vec![
                (Space::Parts, keys::partitions(open.id)),
                (Space::Stats, keys::statistics(open.id)),
            ];
            prefixes.extend(folder.map(|prefix| (Space::Objects, Bytes::from(prefix))));
            for (space, prefix) in prefixes {
                self.pass(sides, by_theirs, space, prefix).await?;
            }
        }
        Ok(())
    }

    async fn pass(&mut self, sides: &Sides, by_theirs: bool, space: Space, prefix: Bytes) -> Result<()> {
        let (dropper, other) = if by_theirs {
            (&sides.theirs, &sides.ours)
        } else {
            (&sides.ours, &sides.theirs)
        };
        let range = KeyRange::prefix(prefix.clone());
        let is_gone = dropper.totals(space, range.clone()).await?.count == 0;
        if !is_gone || !is_alike(&sides.base, other, space, &range).await? {
            return Ok(());
        }
        if by_theirs && sides.ours.totals(space, range).await?.count > 0 {
            self.removed.push((space, prefix.clone()));
        }
        self.passed.push((space, prefix));
        Ok(())
    }

    /// Returns the ranges of a space that are left to walk.
    fn ranges(&self, space: Space) -> Vec<KeyRange> {
        let passed: BTreeSet<&Bytes> = self
            .passed
            .iter()
            .filter(|(of, _)| *of == space)
            .map(|(_, prefix)| prefix)
            .collect();
        let mut ranges = Vec::new();
        let mut rest = KeyRange::all();
        for prefix in passed {
            if !rest.starts_by(prefix) {
                continue; // within the one before
            }
            let hole = KeyRange::prefix(prefix.clone());
            ranges.push(KeyRange {
                start: rest.start,
                end: Bound::Excluded(prefix.clone()),
            });
            rest = match hole.end {
                Bound::Excluded(end) => KeyRange {
                    start: Bound::Included(end),
                    end: Bound::Unbounded,
                },
                _ => return ranges,
            };
        }
        ranges.push(rest);
        ranges
    }
}

impl From<Change3> for Raw {
    fn from(change: Change3) -> Raw {
        Three::new(change.base, change.ours, change.theirs)
    }
}

impl Raw {
    /// Takes over those versions that are set: those of a table that has two ids come from two places.
    fn absorb(&mut self, other: Raw) {
        for (into, value) in [
            (&mut self.base, other.base),
            (&mut self.ours, other.ours),
            (&mut self.theirs, other.theirs),
        ] {
            if value.is_some() {
                *into = value;
            }
        }
    }
}

/// Returns whether two views hold the same in a range.
async fn is_alike(before: &View, after: &View, space: Space, range: &KeyRange) -> Result<bool> {
    let sides = Sides {
        base: before.clone(),
        ours: before.clone(),
        theirs: after.clone(),
    };
    Ok(sides.changes(space, range).next().await?.is_none())
}

async fn load<T: Record>(records: Three<&Records>, change: Change3) -> Result<Changed<T>> {
    let key = change.key.clone();
    let raw = Raw::from(change);
    Ok(Changed {
        versions: load_all(records, &key, &raw).await?,
        theirs_value: raw.theirs,
    })
}

/// Reads all versions of a record.
pub(crate) async fn load_all<T: Record>(
    records: Three<&Records>,
    key: &[u8],
    raw: &Raw,
) -> Result<Three<Option<T>>> {
    let mut loaded = Three::default();
    for (into, records, value) in [
        (&mut loaded.base, records.base, &raw.base),
        (&mut loaded.ours, records.ours, &raw.ours),
        (&mut loaded.theirs, records.theirs, &raw.theirs),
    ] {
        if let Some(value) = value {
            *into = Some(records.load(key, value).await?);
        }
    }
    Ok(loaded)
}

/// Returns what the store can say of an error.
pub(crate) fn store_error(error: Error) -> versioning::Error {
    match error {
        Error::Store(error) => error,
        Error::Corrupt { what, key, message } => versioning::Error::Corrupt { what, key, message },
        other => versioning::Error::Internal(other.to_string()),
    }
}
