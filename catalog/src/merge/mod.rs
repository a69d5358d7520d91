//! What a merge of two catalogs is: the walk over what both sides changed, and the rules that decide.
//!
//! The walk (`walk`, `files`, `file_patch`, `beneath`) is asynchronous and holds no rules; rules are synchronous functions of
//! three values, one file per entity. Their tables stand in versioning.md 5. Where no rule is fine enough to be
//! right there is a conflict, never a guess, and all conflicts are reported.
//!
//! A conflict passes through the report (`report`), where it may be decided by what was said beforehand ([`Options`]).
//! What is decided about wholes (`settled`) is noted, and the merge planned again from the same walk. So does a warning
//! (`warning`) of what was merged and is to be looked at.
//!
//! The cost follows what the sides changed. Beyond that are read: the databases, of which there are few; the
//! folder of a partition that both sides appended to, to count its files; the partitions of a changed table, if
//! some of them lie apart from it; and, only if both sides changed files that lie under no table's own name, the
//! places of all tables, once.

mod about;
mod avro;
mod beneath;
mod clashes;
mod columns;
mod common;
mod conflict;
mod constraints;
pub(crate) mod database;
mod derived;
mod drops;
mod entities;
mod extents;
mod file_patch;
mod files;
mod functions;
mod generic;
mod iceberg;
mod kind;
pub(crate) mod objects;
mod options;
pub(crate) mod owner;
pub(crate) mod params;
pub(crate) mod partition;
mod partition_keys;
mod places;
mod registry;
mod report;
mod schema;
mod settled;
mod spark;
mod statistics;
pub(crate) mod storage;
mod stored;
mod strict;
mod table;
mod table_place;
#[cfg(test)]
mod tests;
mod touch;
mod validate;
mod walk;
mod warning;
mod whole_table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use versioning::attempts::ConflictRecord;
use versioning::merge::{Extent, Resolution, Resolver, Sides, Strictness, Warnings};
use versioning::{Batch, Repository, View};

use crate::Result;
use crate::location::Place;
use crate::model::TableId;
use crate::records::{Changes, SharedCache};
use crate::snapshot::Snapshot;

use beneath::Context;
use conflict::{Report, Scope, Texts};
use entities::{Entities, scope_of};
use extents::Extents;
use files::Files;
use generic::Three;
use owner::Unit;
use params::{Data, Folder, Writers};
use walk::{Walk, store_error};
use whole_table::Beneath;

pub use conflict::{Choices, Conflict, ConflictId, ConflictKind, Subject};
pub use options::{Choice, Expected, Options, Profile, Side, Strategy};
pub use stored::StoredConflict;
pub use touch::read_by_checks;
pub use warning::{Warning, WarningKind};

/// Merges catalogs with their data: databases, tables, constraints, partitions, statistics, functions and files.
#[derive(Debug, Clone, Default)]
pub struct CatalogResolver {
    cache: SharedCache,
    /// Where the metadata of Iceberg tables is read.
    repository: Option<Repository>,
    options: Arc<Options>,
    /// The decisions that conflicts asked for.
    used: Arc<Mutex<BTreeSet<ConflictId>>>,
}

impl CatalogResolver {
    /// Returns a resolver that shares the cache of a repository's snapshots.
    pub fn new(cache: SharedCache) -> CatalogResolver {
        CatalogResolver {
            cache,
            ..CatalogResolver::default()
        }
    }

    /// Returns the same for the merges of one repository, in which the metadata of Iceberg tables is read: without
    /// that, an Iceberg table that both sides changed is a conflict.
    pub fn reading(&self, repository: &Repository) -> CatalogResolver {
        CatalogResolver {
            repository: Some(repository.clone()),
            ..self.clone()
        }
    }

    /// Returns the same for merges in which conflicts are decided as `options` say.
    ///
    /// A merge fails with [`versioning::Error::Name`] if a decision cannot be taken: if its text is not what the
    /// conflict expects, or if the conflict cannot be decided that way.
    pub fn with(&self, options: Options) -> CatalogResolver {
        CatalogResolver {
            options: Arc::new(options),
            used: Arc::default(),
            ..self.clone()
        }
    }

    /// Returns the decisions that no conflict asked for in the merges of this resolver, since [`with`] made it: what
    /// they speak of is no conflict any more.
    ///
    /// [`with`]: CatalogResolver::with
    pub fn unused(&self) -> Vec<ConflictId> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = self.options.decisions.keys();
        ids.filter(|id| !used.contains(*id)).cloned().collect()
    }

    async fn merge(&self, sides: &Sides, options: &Arc<Options>) -> Result<Resolution<Conflict>> {
        let mut walk = Walk::run(sides, &self.cache, options.decides_nothing()).await?;
        if let Some(repository) = &self.repository {
            walk.histories = iceberg::histories(&walk, repository).await?;
        }
        let mut report = Report::new(Arc::clone(options));
        let (mut patch, mut files) = self.plan(&walk, &mut report).await?;
        while let Some(next) = report.next() {
            report = next;
            (patch, files) = self.plan(&walk, &mut report).await?;
        }
        if let Some(refused) = report.refused() {
            return Err(refused.to_error());
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.extend(report.used().iter().cloned());
        let (mut conflicts, warnings) = report.into_parts();
        about::tell(&walk, &files, &mut conflicts);
        Ok(Resolution {
            patch,
            conflicts,
            warnings: Warnings::new(warnings.iter().map(Warning::record)),
        })
    }

    /// Returns what is to be changed in ours, and the files by what they belong to.
    async fn plan(&self, walk: &Walk, report: &mut Report) -> Result<(Batch, Files)> {
        let files = Files::group(walk, report.options().is_pick, report.settled()).await?;
        let mut patch = merge_files(walk, &files, report).await?;
        let folders = self.count_folders(walk, &files, &patch).await?;
        let mut changes = Changes::new(walk.records().ours);
        let mut entities = Entities::default();
        entities.merge_databases(walk, &mut changes, report);
        let extents = Extents::count(walk, &files).await?;
        merge_tables(&mut entities, (walk, &files), (&extents, &folders), report);
        entities.write_tables(walk, &files, &mut changes);
        entities.merge_functions(walk, &mut changes, report);
        entities.merge_constraints(walk, &mut changes, report).await?;
        registry::merge(walk, &mut changes, report).await?;
        let context = Context {
            walk,
            files: &files,
            entities: &entities,
            extents: &extents,
            folders: &folders,
            settled: &report.settled().clone(),
        };
        strict::check_partitions(walk, &files, report);
        context.merge_partitions(&mut changes, report).await?;
        context.merge_statistics(&mut changes).await?;
        merge_unknown(walk, changes.batch(), report);
        let mut rest = changes.into_batch();
        patch.mutations.append(&mut rest.mutations);
        patch.blobs.append(&mut rest.blobs);
        Ok((patch, files))
    }

    /// Counts the files of those units that both sides wrote, as they are when the files are merged.
    async fn count_folders(
        &self,
        walk: &Walk,
        files: &Files,
        patch: &Batch,
    ) -> Result<BTreeMap<Unit, Folder>> {
        let mut folders = BTreeMap::new();
        let merged = walk.versions.ours.snapshot.view().with(patch);
        let merged = Snapshot::new(merged, self.cache.clone());
        for (unit, work) in &files.units {
            if work.writers == Writers::Both {
                let place = Place::Path(work.folder.trim_end_matches('/').to_owned());
                let found = merged.folder_statistics(&place).await?;
                let folder = Folder {
                    files: found.files,
                    bytes: found.bytes,
                };
                folders.insert(unit.clone(), folder);
            }
        }
        Ok(folders)
    }
}

#[async_trait]
impl Resolver for CatalogResolver {
    type Conflict = Conflict;

    async fn resolve(&self, sides: &Sides) -> versioning::Result<Resolution<Conflict>> {
        self.merge(sides, &self.options).await.map_err(store_error)
    }

    fn record(conflict: &Conflict) -> ConflictRecord {
        StoredConflict::record(conflict)
    }

    /// Nothing is decided but by the rules, and a profile that is stricter than these stays.
    fn plain(&self) -> CatalogResolver {
        self.with(Options {
            profile: Some(self.options.profile().max(Profile::Standard)),
            append_union: self.options.append_union,
            is_pick: self.options.is_pick,
            ..Options::default()
        })
    }

    fn at_least(&self, least: Strictness) -> versioning::Result<Option<CatalogResolver>> {
        let asked = Profile::of(least);
        match self.options.profile {
            Some(wished) if wished < asked => Err(versioning::Error::Refused {
                operation: "a merge",
                reason: format!(
                    "the branch asks for the profile {}, and {} is less strict",
                    asked.as_str(),
                    wished.as_str()
                ),
            }),
            Some(_) => Ok(None),
            None => Ok(Some(self.with(Options {
                profile: Some(asked.max(Profile::default())),
                ..Options::clone(&self.options)
            }))),
        }
    }

    async fn touches(&self, before: &View, after: &View) -> versioning::Result<Extent> {
        touch::touched(before, after, &self.cache)
            .await
            .map_err(store_error)
    }
}

async fn merge_files(walk: &Walk, files: &Files, report: &mut Report) -> Result<Batch> {
    // what one side dropped is reported with the table
    let is_settled = |id: TableId| {
        files.tables.get(&id).is_some_and(|versions| {
            versions.base.is_some() && (versions.ours.is_none() || versions.theirs.is_none())
        })
    };
    let scope = |unit: &Unit| {
        let table = files.tables.get(&unit.table).map(scope_of).unwrap_or_default();
        match &unit.partition {
            Some(name) => table.partition(name),
            None => table,
        }
    };
    file_patch::merge(walk, files, &is_settled, &scope, report).await
}

/// Merges the tables that a side changed, and those whose own data both sides wrote.
fn merge_tables(
    entities: &mut Entities,
    (walk, files): (&Walk, &Files),
    (extents, folders): (&Extents, &BTreeMap<Unit, Folder>),
    report: &mut Report,
) {
    let mut ids: BTreeSet<TableId> = walk.tables.keys().copied().collect();
    for (id, versions) in &files.tables {
        let whole = files.work(*id, None).map(|work| work.writers);
        let both_wrote = whole == Some(Writers::Both);
        if both_wrote || files::is_opaque(versions) && extents.writers(*id) == Writers::Both {
            ids.insert(*id);
        }
    }
    ids.extend(report.settled().tables());
    strict::check_tables((walk, files), extents, &mut ids, report);
    for id in ids {
        let Some(versions) = files.tables.get(&id) else {
            continue;
        };
        let unit = Unit {
            table: id,
            partition: None,
        };
        let data = Data {
            writers: files.table_writers(id),
            folder: folders.get(&unit).copied(),
        };
        let beneath = Beneath {
            extents,
            data,
            history: walk.histories.get(&id),
        };
        entities.merge_table(id, versions, (walk.common.get(&id), beneath), report);
    }
    entities.check_names(files, report);
    entities.check_places(walk, files, report);
    entities.check_databases(walk, files, report);
}

/// Records that this version cannot tell: only one side may have changed them.
fn merge_unknown(walk: &Walk, patch: &mut Batch, report: &mut Report) {
    for (space, change) in &walk.unknown {
        if !change.theirs_changed() || change.ours == change.theirs {
            continue;
        }
        let mut merged = &change.theirs;
        if change.ours_changed() {
            let subject = Subject::Key(change.key.escape_ascii().to_string());
            let texts = Texts::new(None, "changed", "changed otherwise");
            let at = (&Scope::default(), ConflictKind::Unknown, subject);
            let versions = Three::new(&change.base, &change.ours, &change.theirs);
            merged = report.decide(at, texts, Choices::ANY).of(versions);
        }
        match merged {
            Some(value) => patch.put(*space, change.key.clone(), value.clone()),
            None => patch.delete(*space, change.key.clone()),
        }
    }
}
