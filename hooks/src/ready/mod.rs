//! Actions that are ready-made: questions about tables that need no engine.

mod columns;
mod completeness;
mod files;
mod manifests;
mod registration;

use std::fmt::Debug;

use catalog::diff::CatalogDiff;
use catalog::names::Pattern as Names;
use catalog::{OpenTable, SharedCache, Snapshot};
use versioning::{CommitId, RefExpr};

use crate::action::{Call, Outcome};
use crate::concern::changes;
use crate::document::{Fields, Wrong};
use crate::pattern::Pattern;

pub(crate) use self::columns::{partition_columns, schema_compatibility};
pub(crate) use self::completeness::partition_completeness;
pub(crate) use self::files::{file_format, no_missing_files};
pub(crate) use self::manifests::symlink_manifests;
pub(crate) use self::registration::register_metastore;

/// How many findings are told.
const FINDINGS_MAX: usize = 50;

/// The tables that an action looks at: `database.table`, by patterns.
#[derive(Debug, Clone)]
struct Tables(Vec<Pattern>);

impl Tables {
    fn read(fields: &mut Fields) -> Result<Tables, Wrong> {
        let names = fields.texts("tables")?.unwrap_or_default();
        Ok(Tables(
            names
                .into_iter()
                .map(|name| Pattern::new(name.value.to_lowercase()))
                .collect(),
        ))
    }

    fn has(&self, database: &str, table: &str) -> bool {
        let name = format!("{database}.{table}");
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(&name))
    }

    /// Returns all of them at a commit.
    async fn open(&self, snapshot: &Snapshot) -> Result<Vec<OpenTable>, String> {
        let mut tables = Vec::new();
        for database in snapshot.databases(&Names::all()).await.told()? {
            let record = snapshot.database(&database).await.told()?;
            for (name, _) in snapshot.tables(record.id, &Names::all()).await.told()? {
                if self.has(&database, &name) {
                    tables.push(snapshot.table(&database, &name).await.told()?);
                }
            }
        }
        Ok(tables)
    }
}

/// Results whose errors are told to people.
trait Told<T> {
    fn told(self) -> Result<T, String>;
}

impl<T, E: ToString> Told<T> for Result<T, E> {
    fn told(self) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

/// Returns the catalog at a commit.
async fn snapshot(call: &Call<'_>, commit: CommitId) -> Result<Snapshot, String> {
    let view = call.repository.view(&RefExpr::from(commit)).await.told()?;
    Ok(Snapshot::new(view, SharedCache::default()))
}

/// Returns what the event changes; `None` if it is not known from where.
async fn changed(call: &Call<'_>) -> Result<Option<CatalogDiff>, String> {
    match call.head() {
        Some(head) => changes(call.repository, head, call.commit()?)
            .await
            .map(Some)
            .told(),
        None => Ok(None),
    }
}

/// Returns how a run ended that found this.
fn judged(findings: &[String]) -> Outcome {
    if findings.is_empty() {
        return Outcome::passed("");
    }
    let mut text = findings
        .iter()
        .take(FINDINGS_MAX)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n");
    if findings.len() > FINDINGS_MAX {
        text += &format!("\nand {} more", findings.len() - FINDINGS_MAX);
    }
    Outcome::failed(text)
}
