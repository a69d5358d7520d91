//! A diff as it is told by REST.

use catalog::diff::{
    CatalogDiff, ColumnChange, ColumnChangeKind, DatabaseDiff, FilesDiff, FunctionDiff, PartitionsDiff,
    PropertyChange, TableDiff,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What differs between two versions.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct DiffBody {
    pub databases: Vec<DatabaseBody>,
    pub tables: Vec<TableBody>,
    pub functions: Vec<FunctionBody>,
    /// Files that belong to no table.
    pub files: FilesBody,
    /// Where to go on with `after`, if there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<usize>,
}

/// A database that differs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatabaseBody {
    pub name: String,
    /// `created`, `dropped` or `changed`.
    pub fate: String,
    pub properties: Vec<PropertyBody>,
}

/// A function that differs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FunctionBody {
    pub database: String,
    pub name: String,
    /// `created`, `dropped` or `changed`.
    pub fate: String,
}

/// A table that differs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TableBody {
    pub database: String,
    pub name: String,
    /// `created`, `dropped` or `changed`.
    pub fate: String,
    /// The name that it had, with its database, if that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// Whether its data lies outside of the repository.
    pub unversioned: bool,
    /// Whether it is an Iceberg table whose files are bound to one ref, so that it cannot be merged.
    pub bound_to_ref: bool,
    pub columns: Vec<ColumnBody>,
    pub properties: Vec<PropertyBody>,
    pub partitions: PartitionsBody,
    pub files: FilesBody,
    /// Rows that came with files, if the files tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_added: Option<u64>,
    /// Rows that went with files, if the files tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_removed: Option<u64>,
}

/// A column that differs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ColumnBody {
    pub name: String,
    pub partition_key: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_after: Option<String>,
    /// What happened to it, each in a few words.
    pub changes: Vec<String>,
}

/// A property that differs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PropertyBody {
    pub name: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Partitions that differ.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PartitionsBody {
    pub added: u64,
    pub dropped: u64,
    pub appended: u64,
    pub rewritten: u64,
    pub altered: u64,
    /// The first of them by name.
    pub listed: Vec<PartitionBody>,
    /// Where to go on with `partitions_after`, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A partition that differs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PartitionBody {
    pub name: String,
    /// `added`, `dropped`, `appended`, `rewritten` or `altered`.
    pub fate: String,
    pub files: FilesBody,
}

/// Data files that differ; one that was replaced counts as removed and as added.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct FilesBody {
    pub added: u64,
    pub removed: u64,
    pub added_bytes: u64,
    pub removed_bytes: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added_paths: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed_paths: Vec<String>,
}

/// A line of a diff: what differs, thing by thing, and behind each table its partitions; then an end. Lines without an
/// end are not all.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DiffLine {
    Database(DatabaseBody),
    /// Its partitions are counted here, and follow.
    Table(Box<TableBody>),
    Partition(PartitionBody),
    Function(FunctionBody),
    End {
        /// Files that belong to no table.
        files: FilesBody,
    },
}

impl DiffBody {
    /// Adds what a line tells, and returns whether it was the last; `None` for a partition that comes before any table.
    pub fn add(&mut self, line: DiffLine) -> Option<bool> {
        match line {
            DiffLine::Database(database) => self.databases.push(database),
            DiffLine::Table(table) => self.tables.push(*table),
            DiffLine::Partition(partition) => self.tables.last_mut()?.partitions.listed.push(partition),
            DiffLine::Function(function) => self.functions.push(function),
            DiffLine::End { files } => {
                self.files = files;
                return Some(true);
            }
        }
        Some(false)
    }

    /// Returns the lines that tell the same.
    pub(crate) fn into_lines(self) -> impl Iterator<Item = DiffLine> {
        let tables = self.tables.into_iter().flat_map(|mut table| {
            let partitions = std::mem::take(&mut table.partitions.listed);
            let partitions = partitions.into_iter().map(DiffLine::Partition);
            std::iter::once(DiffLine::Table(Box::new(table))).chain(partitions)
        });
        let databases = self.databases.into_iter().map(DiffLine::Database);
        let functions = self.functions.into_iter().map(DiffLine::Function);
        let end = std::iter::once(DiffLine::End { files: self.files });
        databases.chain(tables).chain(functions).chain(end)
    }
}

impl From<CatalogDiff> for DiffBody {
    fn from(diff: CatalogDiff) -> DiffBody {
        DiffBody {
            databases: diff.databases.into_iter().map(DatabaseBody::from).collect(),
            tables: diff.tables.into_iter().map(TableBody::from).collect(),
            functions: diff.functions.into_iter().map(FunctionBody::from).collect(),
            files: diff.files.into(),
            next: None,
        }
    }
}

impl From<DatabaseDiff> for DatabaseBody {
    fn from(diff: DatabaseDiff) -> DatabaseBody {
        DatabaseBody {
            name: diff.name,
            fate: diff.fate.as_str().into(),
            properties: properties(diff.properties),
        }
    }
}

impl From<FunctionDiff> for FunctionBody {
    fn from(diff: FunctionDiff) -> FunctionBody {
        FunctionBody {
            database: diff.database,
            name: diff.name,
            fate: diff.fate.as_str().into(),
        }
    }
}

impl From<TableDiff> for TableBody {
    fn from(diff: TableDiff) -> TableBody {
        TableBody {
            database: diff.database,
            name: diff.name,
            fate: diff.fate.as_str().into(),
            renamed_from: diff
                .renamed_from
                .map(|(database, name)| format!("{database}.{name}")),
            unversioned: diff.is_unversioned,
            bound_to_ref: diff.is_bound_to_ref,
            columns: diff.columns.into_iter().map(ColumnBody::from).collect(),
            properties: properties(diff.properties),
            partitions: diff.partitions.into(),
            files: diff.files.into(),
            rows_added: diff.rows.map(|rows| rows.added),
            rows_removed: diff.rows.map(|rows| rows.removed),
        }
    }
}

impl From<ColumnChange> for ColumnBody {
    fn from(change: ColumnChange) -> ColumnBody {
        let words = |kind: &ColumnChangeKind| match kind {
            ColumnChangeKind::Added => "added".to_owned(),
            ColumnChangeKind::Dropped => "dropped".to_owned(),
            ColumnChangeKind::RenamedFrom(name) => format!("renamed from {name}"),
            ColumnChangeKind::Retyped => "retyped".to_owned(),
            ColumnChangeKind::Comment(before, after) => {
                format!(
                    "comment {} -> {}",
                    quoted(before.as_ref()),
                    quoted(after.as_ref())
                )
            }
            ColumnChangeKind::Moved => "moved".to_owned(),
        };
        ColumnBody {
            changes: change.kinds.iter().map(words).collect(),
            name: change.name,
            partition_key: change.is_partition_key,
            type_before: change.type_before,
            type_after: change.type_after,
        }
    }
}

fn quoted(text: Option<&String>) -> String {
    text.map_or_else(|| "none".to_owned(), |text| format!("{text:?}"))
}

fn properties(changes: Vec<PropertyChange>) -> Vec<PropertyBody> {
    let body = |change: PropertyChange| PropertyBody {
        name: change.name,
        before: change.before,
        after: change.after,
    };
    changes.into_iter().map(body).collect()
}

impl From<PartitionsDiff> for PartitionsBody {
    fn from(diff: PartitionsDiff) -> PartitionsBody {
        let last = diff.listed.last().filter(|_| diff.has_more);
        let next = last.map(|last| last.name.clone());
        let listed = diff.listed.into_iter().map(|one| PartitionBody {
            name: one.name,
            fate: one.fate.as_str().into(),
            files: one.files.into(),
        });
        PartitionsBody {
            added: diff.added,
            dropped: diff.dropped,
            appended: diff.appended,
            rewritten: diff.rewritten,
            altered: diff.altered,
            listed: listed.collect(),
            next,
        }
    }
}

impl From<FilesDiff> for FilesBody {
    fn from(diff: FilesDiff) -> FilesBody {
        FilesBody {
            added: diff.added,
            removed: diff.removed,
            added_bytes: diff.added_bytes,
            removed_bytes: diff.removed_bytes,
            added_paths: diff.added_paths,
            removed_paths: diff.removed_paths,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn partitions_follow_their_table_line_by_line() {
        let nothing = json!({"added": 0, "removed": 0, "added_bytes": 0, "removed_bytes": 0});
        let partition = |name: &str| json!({"name": name, "fate": "added", "files": nothing.clone()});
        let table = |name: &str, partitions: &[&str]| {
            let listed: Vec<Value> = partitions.iter().map(|name| partition(name)).collect();
            json!({
                "database": "d", "name": name, "fate": "changed", "unversioned": false, "bound_to_ref": false,
                "columns": [], "properties": [], "files": nothing.clone(),
                "partitions": {"added": partitions.len(), "dropped": 0, "appended": 0, "rewritten": 0, "altered": 0,
                    "listed": listed},
            })
        };
        let diff: DiffBody = serde_json::from_value(json!({
            "databases": [{"name": "d", "fate": "changed", "properties": []}],
            "tables": [table("a", &["p=1", "p=2"]), table("b", &["p=3"])],
            "functions": [{"database": "d", "name": "f", "fate": "dropped"}],
            "files": nothing.clone(),
        }))
        .unwrap();
        let told: Vec<Value> = diff
            .clone()
            .into_lines()
            .map(|line| serde_json::to_value(line).unwrap())
            .collect();
        let mut read = DiffBody::default();
        let ends = told
            .iter()
            .map(|line| serde_json::from_value(line.clone()).unwrap());
        let ends: Vec<Option<bool>> = ends.map(|line| read.add(line)).collect();
        assert_eq!(ends, [vec![Some(false); 7], vec![Some(true)]].concat());
        assert_eq!(
            serde_json::to_value(read).unwrap(),
            serde_json::to_value(diff).unwrap()
        );
        let stray = DiffLine::Partition(serde_json::from_value(partition("p=9")).unwrap());
        assert_eq!(DiffBody::default().add(stray), None);
        let lines = told.iter().map(|line| {
            assert!(
                line["partitions"]["listed"].as_array().is_none_or(Vec::is_empty),
                "{line}"
            );
            let name = line["name"].as_str().unwrap_or_default().to_owned();
            format!("{} {name}", line["type"].as_str().unwrap())
        });
        let expected = [
            "database d",
            "table a",
            "partition p=1",
            "partition p=2",
            "table b",
            "partition p=3",
            "function f",
            "end ",
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }
}
