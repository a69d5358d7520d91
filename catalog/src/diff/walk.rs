//! The walk over what differs: by entity first, then by the tables that partitions and files belong to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use versioning::merge::{Change3, Sides};
use versioning::{KeyRange, Space, Value, View};

use super::model::{
    CatalogDiff, DatabaseDiff, Fate, FilesDiff, FunctionDiff, Limits, PartitionDiff, PartitionFate,
    PartitionsDiff, PropertyChange, TableDiff,
};
use super::tables;
use crate::keys::{self, MetaKey};
use crate::merge::objects;
use crate::merge::owner::{Owners, Unit, Version};
use crate::merge::{database, partition};
use crate::model::{Constraint, Database, DatabaseId, Function, Partition, Table, TableFormat, TableId};
use crate::records::{Record, SharedCache};
use crate::snapshot::{OpenTable, Snapshot};
use crate::{Error, Result};

/// A record before and after.
type Pair<T> = (Option<T>, Option<T>);

/// What is known of a partition that differs.
#[derive(Debug, Default)]
struct Found {
    /// What the record says; `None` as long as only files differ.
    record: Option<PartitionFate>,
    files: FilesDiff,
}

/// What differs, while it is collected.
pub(super) struct Walk<'a> {
    sides: Sides,
    limits: &'a Limits,
    before: Version,
    after: Version,
    owners: Owners,
    databases: BTreeMap<String, Pair<Database>>,
    functions: BTreeMap<(DatabaseId, String), Pair<Function>>,
    constraints: BTreeMap<TableId, Vec<Pair<Constraint>>>,
    tables: BTreeMap<TableId, Pair<OpenTable>>,
    /// Tables whose records differ.
    altered: BTreeSet<TableId>,
    partitions: BTreeMap<(TableId, String), Found>,
    files: HashMap<TableId, FilesDiff>,
    others: FilesDiff,
}

impl<'a> Walk<'a> {
    pub(super) async fn run(before: &View, after: &View, limits: &'a Limits) -> Result<CatalogDiff> {
        if !before.is_settled() || !after.is_settled() {
            let reason = "a version has operations that are not folded yet".to_owned();
            return Err(Error::NotAllowed {
                operation: "a diff",
                reason,
            });
        }
        let cache = SharedCache::default();
        let version = |view: &View| Version::read(Snapshot::new(view.clone(), cache.clone()));
        let mut walk = Walk {
            sides: Sides {
                base: before.clone(),
                ours: before.clone(),
                theirs: after.clone(),
            },
            limits,
            before: version(before).await?,
            after: version(after).await?,
            owners: Owners::default(),
            databases: BTreeMap::new(),
            functions: BTreeMap::new(),
            constraints: BTreeMap::new(),
            tables: BTreeMap::new(),
            altered: BTreeSet::new(),
            partitions: BTreeMap::new(),
            files: HashMap::new(),
            others: FilesDiff::default(),
        };
        walk.catalog().await?;
        walk.records_of_partitions().await?;
        walk.objects().await?;
        walk.finish().await
    }

    async fn load<T: Record>(&self, change: &Change3) -> Result<Pair<T>> {
        // what is staged has its blobs in memory, where only its own view finds them
        let (before, after) = (self.before.snapshot.records(), self.after.snapshot.records());
        let before = match &change.base {
            Some(value) => Some(before.load(&change.key, value).await?),
            None => None,
        };
        let after = match &change.theirs {
            Some(value) => Some(after.load(&change.key, value).await?),
            None => None,
        };
        Ok((before, after))
    }

    async fn catalog(&mut self) -> Result<()> {
        let mut changes = self.sides.changes(Space::Meta, &KeyRange::all());
        while let Some(change) = changes.next().await? {
            match MetaKey::decode(&change.key) {
                Some(MetaKey::Database(name)) => {
                    let pair = self.load(&change).await?;
                    self.databases.insert(name.to_owned(), pair);
                }
                Some(MetaKey::Function(database, name)) => {
                    let pair = self.load(&change).await?;
                    self.functions.insert((database, name.to_owned()), pair);
                }
                Some(MetaKey::Table(id)) => {
                    let (before, after): Pair<Table> = self.load(&change).await?;
                    let pair = (
                        before.map(|table| self.before.open(table)),
                        after.map(|table| self.after.open(table)),
                    );
                    self.learn(id, pair).await?;
                    self.altered.insert(id);
                }
                Some(MetaKey::Constraint(table, ..)) => {
                    let pair = self.load(&change).await?;
                    self.constraints.entry(table).or_default().push(pair);
                }
                Some(MetaKey::Entry(..) | MetaKey::Registry(_)) | None => {}
            }
        }
        for table in self.constraints.keys().copied().collect::<Vec<_>>() {
            self.learn_same(table).await?;
        }
        Ok(())
    }

    /// Returns what differs of the constraints of a table.
    async fn constraints_of(&self, id: TableId, tables: &Pair<OpenTable>) -> Result<Vec<PropertyChange>> {
        let mut changes = Vec::new();
        for (before, after) in self.constraints.get(&id).into_iter().flatten() {
            let Some(either) = after.as_ref().or(before.as_ref()) else {
                continue;
            };
            changes.push(PropertyChange {
                name: format!("{} {}", either.kind.as_str(), either.name),
                before: text_of(&self.before, tables.0.as_ref(), before.as_ref()).await?,
                after: text_of(&self.after, tables.1.as_ref(), after.as_ref()).await?,
            });
        }
        Ok(changes)
    }

    async fn learn(&mut self, id: TableId, pair: Pair<OpenTable>) -> Result<()> {
        if let Some(open) = &pair.0 {
            self.owners.learn(&self.before.snapshot, open).await?;
        }
        if let Some(open) = &pair.1 {
            self.owners.learn(&self.after.snapshot, open).await?;
        }
        self.tables.insert(id, pair);
        Ok(())
    }

    /// Reads a table whose record is the same in both versions.
    async fn learn_same(&mut self, id: TableId) -> Result<()> {
        if self.tables.contains_key(&id) {
            return Ok(());
        }
        if let Some(table) = self.after.snapshot.find_table_by_id(id).await? {
            let pair = (
                Some(self.before.open(table.clone())),
                Some(self.after.open(table)),
            );
            self.learn(id, pair).await?;
        }
        Ok(())
    }

    async fn records_of_partitions(&mut self) -> Result<()> {
        let mut changes = self.sides.changes(Space::Parts, &KeyRange::all());
        while let Some(change) = changes.next().await? {
            let Some((table, name)) = keys::decode_partition(&change.key) else {
                continue;
            };
            let fate = match (&change.base, &change.theirs) {
                (None, _) => Some(PartitionFate::Added),
                (_, None) => Some(PartitionFate::Dropped),
                _ => {
                    let (before, after): Pair<Partition> = self.load(&change).await?;
                    let meant = |side: Option<Partition>| side.as_ref().map(partition::meant);
                    (meant(before) != meant(after)).then_some(PartitionFate::Altered)
                }
            };
            if fate.is_some() {
                let found = self.partitions.entry((table, name.to_owned())).or_default();
                found.record = fate;
            }
            self.learn_same(table).await?;
        }
        Ok(())
    }

    async fn objects(&mut self) -> Result<()> {
        let mut strays = Vec::new();
        let mut changes = self.sides.changes(Space::Objects, &KeyRange::all());
        while let Some(change) = changes.next().await? {
            let Ok(path) = std::str::from_utf8(&change.key) else {
                continue;
            };
            match self.owners.find_or_guess(&self.after, path).await? {
                Some((unit, rest)) => {
                    let rest = rest.to_owned();
                    self.file(unit, &rest, path, &change).await?;
                }
                None => strays.push(change),
            }
        }
        if !strays.is_empty() {
            self.owners.learn_all(&self.after).await?;
        }
        for change in strays {
            let Ok(path) = std::str::from_utf8(&change.key) else {
                continue;
            };
            match self.owners.find(path) {
                Some((unit, rest)) => self.file(unit, rest, path, &change).await?,
                None if objects::is_marker(path) => {}
                None => count(&mut self.others, path, &change, self.limits.paths_max),
            }
        }
        Ok(())
    }

    async fn file(&mut self, unit: Unit, rest: &str, path: &str, change: &Change3) -> Result<()> {
        self.learn_same(unit.table).await?;
        let opaque = self.tables.get(&unit.table).is_some_and(|(before, after)| {
            after
                .as_ref()
                .or(before.as_ref())
                .is_some_and(|open| TableFormat::of(open) != TableFormat::Hive)
        });
        if objects::is_marker(path) || !opaque && !crate::is_data(rest.as_bytes()) {
            return Ok(());
        }
        count(
            self.files.entry(unit.table).or_default(),
            path,
            change,
            self.limits.paths_max,
        );
        if let Some(name) = unit.partition {
            let found = self.partitions.entry((unit.table, name)).or_default();
            count(&mut found.files, path, change, 0);
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<CatalogDiff> {
        let mut tables: Vec<TableDiff> = Vec::new();
        let mut partitions = self.partitions_by_table().await?;
        for (id, pair) in &self.tables {
            let files = self.files.remove(id).unwrap_or_default();
            let partitions = partitions.remove(id).unwrap_or_default();
            let constraints = self.constraints_of(*id, pair).await?;
            tables.extend(table_diff(
                (*id, pair),
                (self.altered.contains(id), constraints),
                partitions,
                files,
            ));
        }
        tables.sort_by(|a, b| (&a.database, &a.name, a.id).cmp(&(&b.database, &b.name, b.id)));
        Ok(CatalogDiff {
            databases: self.databases(),
            tables,
            functions: self.functions(),
            files: self.others,
        })
    }

    async fn partitions_by_table(&mut self) -> Result<HashMap<TableId, PartitionsDiff>> {
        let mut all: HashMap<TableId, PartitionsDiff> = HashMap::new();
        for ((table, name), found) in std::mem::take(&mut self.partitions) {
            let is_partition = found.record.is_some() || self.is_partition(table, &name).await?;
            if !is_partition {
                continue; // a folder that is named like one
            }
            let fate = match found.record {
                Some(fate @ (PartitionFate::Added | PartitionFate::Dropped)) => fate,
                _ if found.files.removed > 0 => PartitionFate::Rewritten,
                _ if found.files.added > 0 => PartitionFate::Appended,
                _ => PartitionFate::Altered,
            };
            let partitions = all.entry(table).or_default();
            *match fate {
                PartitionFate::Added => &mut partitions.added,
                PartitionFate::Dropped => &mut partitions.dropped,
                PartitionFate::Appended => &mut partitions.appended,
                PartitionFate::Rewritten => &mut partitions.rewritten,
                PartitionFate::Altered => &mut partitions.altered,
            } += 1;
            if partitions.listed.len() < self.limits.partitions_max {
                let files = found.files;
                partitions.listed.push(PartitionDiff { name, fate, files });
            }
        }
        Ok(all)
    }

    async fn is_partition(&self, table: TableId, name: &str) -> Result<bool> {
        let key = keys::partition(table, name);
        Ok(self
            .after
            .snapshot
            .view()
            .get(Space::Parts, &key)
            .await?
            .is_some())
    }

    fn databases(&self) -> Vec<DatabaseDiff> {
        let diff = |(name, (before, after)): (&String, &Pair<Database>)| {
            let meant = |side: &Option<Database>| side.as_ref().map(database::meant);
            (meant(before) != meant(after)).then(|| DatabaseDiff {
                name: name.clone(),
                fate: fate(before.is_some(), after.is_some()),
                properties: tables::database_properties(before.as_ref(), after.as_ref()),
            })
        };
        self.databases.iter().filter_map(diff).collect()
    }

    fn functions(&self) -> Vec<FunctionDiff> {
        let name_of = |id: &DatabaseId| {
            let found = self
                .after
                .databases
                .get(id)
                .or_else(|| self.before.databases.get(id));
            found.map_or_else(|| id.to_string(), |database| database.name.clone())
        };
        let mut functions: Vec<FunctionDiff> = self
            .functions
            .iter()
            .map(|((database, name), (before, after))| FunctionDiff {
                database: name_of(database),
                name: name.clone(),
                fate: fate(before.is_some(), after.is_some()),
            })
            .collect();
        functions.sort_by(|a, b| (&a.database, &a.name).cmp(&(&b.database, &b.name)));
        functions
    }
}

fn fate(before: bool, after: bool) -> Fate {
    match (before, after) {
        (false, _) => Fate::Created,
        (_, false) => Fate::Dropped,
        _ => Fate::Changed,
    }
}

/// Returns what differs of a table; `None` if nothing does that anybody would notice.
fn table_diff(
    (id, (before, after)): (TableId, &Pair<OpenTable>),
    (is_altered, constraints): (bool, Vec<PropertyChange>),
    partitions: PartitionsDiff,
    files: FilesDiff,
) -> Option<TableDiff> {
    let table = after.as_ref().or(before.as_ref())?;
    let fate = fate(before.is_some(), after.is_some());
    let named = |open: &OpenTable| (open.database.name.clone(), open.name.clone());
    let (columns, mut properties) = if is_altered {
        let inner = |side: &'_ Option<OpenTable>| side.as_ref().map(|open| open.table.clone());
        (
            tables::columns(inner(before).as_ref(), inner(after).as_ref()),
            tables::table_properties(before.as_ref(), after.as_ref()),
        )
    } else {
        (Vec::new(), Vec::new())
    };
    properties.extend(constraints);
    let renamed_from = before
        .as_ref()
        .zip(after.as_ref())
        .map(|(before, _)| named(before));
    let renamed_from = renamed_from.filter(|before| *before != named(table));
    let nothing = columns.is_empty()
        && properties.is_empty()
        && renamed_from.is_none()
        && partitions.count() == 0
        && files.is_empty();
    let (database, name) = named(table);
    (fate != Fate::Changed || !nothing).then(|| TableDiff {
        id,
        database,
        name,
        fate,
        renamed_from,
        kind: table.kind.clone(),
        format: TableFormat::of(table),
        is_unversioned: table
            .data_place()
            .is_some_and(|place| matches!(place, crate::Place::External(_))),
        is_bound_to_ref: crate::layout::is_bound_to_ref(table),
        columns,
        properties,
        partitions,
        files,
        rows: None,
    })
}

/// Returns what a constraint says in one version.
async fn text_of(
    version: &Version,
    open: Option<&OpenTable>,
    constraint: Option<&Constraint>,
) -> Result<Option<String>> {
    let (Some(open), Some(constraint)) = (open, constraint) else {
        return Ok(None);
    };
    let mut text = tables::names_of(open, &constraint.columns);
    if let Some(reference) = &constraint.reference
        && let Some(parent) = version.snapshot.find_table_by_id(reference.table).await?
    {
        let parent = version.open(parent);
        let columns = tables::names_of(&parent, &reference.columns);
        text.push_str(&format!(
            " references {}.{} {columns}",
            parent.database.name, parent.name
        ));
    }
    for (is_said, word) in [
        (constraint.is_enabled, " enabled"),
        (constraint.is_validated, " validated"),
        (constraint.is_relied_on, " relied on"),
    ] {
        text.push_str(if is_said { word } else { "" });
    }
    if let Some(expression) = &constraint.text {
        text.push_str(&format!(": {expression}"));
    }
    Ok(Some(text))
}

/// Counts a file that differs.
fn count(files: &mut FilesDiff, path: &str, change: &Change3, paths_max: usize) {
    if objects::same_data(path, change.base.as_ref(), change.theirs.as_ref()) {
        return;
    }
    let add = |value: &Option<Value>, count: &mut u64, bytes: &mut u64, paths: &mut Vec<String>| {
        if let Some(value) = value {
            *count += 1;
            *bytes += value.weight;
            if paths.len() < paths_max {
                paths.push(path.to_owned());
            }
        }
    };
    add(
        &change.base,
        &mut files.removed,
        &mut files.removed_bytes,
        &mut files.removed_paths,
    );
    add(
        &change.theirs,
        &mut files.added,
        &mut files.added_bytes,
        &mut files.added_paths,
    );
}
