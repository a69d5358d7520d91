//! `file-format`, what files of tables begin with, and `no-missing-files`, that all of their bytes are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use catalog::diff::TableDiff;
use catalog::{OpenTable, Snapshot};
use futures::{StreamExt, TryStreamExt, stream};
use versioning::object::Object;
use versioning::{KeyRange, RefExpr, Repository, Space, View};

use super::{Tables, Told, changed, judged, snapshot};
use crate::action::{Action, Call, Outcome};
use crate::document::{Fields, Wrong};

/// How many files are read side by side.
const READS: usize = 16;

/// The formats whose files tell what they are.
const FORMATS: [&str; 3] = ["parquet", "orc", "avro"];

#[derive(Debug)]
struct FileFormat {
    tables: Tables,
    /// The format of all of them; that of each table if it is not given.
    format: Option<&'static str>,
}

pub(crate) fn file_format(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let format = fields.word("format", &["of-table", "parquet", "orc", "avro"])?;
    Ok(Arc::new(FileFormat {
        tables: Tables::read(fields)?,
        format: Some(format).filter(|format| *format != "of-table"),
    }))
}

#[async_trait]
impl Action for FileFormat {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        call.within(async {
            let view = call
                .repository
                .view(&RefExpr::from(call.commit()?))
                .await
                .told()?;
            let snapshot = snapshot(call, call.commit()?).await?;
            let files = added(call, &view, &self.tables).await?;
            let mut formats: BTreeMap<String, Option<&'static str>> = BTreeMap::new();
            for table in self.tables.open(&snapshot).await? {
                let name = format!("{}.{}", table.database.name, table.name);
                formats.insert(name, self.format.or_else(|| format_of(&table)));
            }
            let reads = files.into_iter().filter_map(|(table, path, object)| {
                let format = formats.get(&table).copied().flatten()?;
                Some(wrong_format(call.repository, table, path, object, format))
            });
            let findings: Vec<Option<String>> = stream::iter(reads.collect::<Vec<_>>())
                .buffered(READS)
                .try_collect()
                .await?;
            Ok(judged(&findings.into_iter().flatten().collect::<Vec<_>>()))
        })
        .await
    }
}

/// Returns the format that the files of a table should have, by its input format.
fn format_of(table: &OpenTable) -> Option<&'static str> {
    let input = table
        .storage
        .as_ref()?
        .template
        .input_format
        .as_deref()?
        .to_lowercase();
    FORMATS.into_iter().find(|format| input.contains(format))
}

async fn wrong_format(
    repository: &Repository,
    table: String,
    path: String,
    object: Object,
    format: &'static str,
) -> Result<Option<String>, String> {
    let (head, tail) = (4.min(object.size()), object.size().saturating_sub(4));
    let begins = bytes(repository, &object, 0..head)
        .await
        .map_err(|error| format!("{path}: {error}"))?;
    let fits = match format {
        "parquet" => {
            let ends = bytes(repository, &object, tail..object.size()).await;
            let is_mark = |bytes: &[u8]| matches!(bytes, b"PAR1" | b"PARE");
            // the marks stand at both ends
            is_mark(&begins)
                && is_mark(&ends.map_err(|error| format!("{path}: {error}"))?)
                && object.size() >= 12
        }
        "orc" => begins.starts_with(b"ORC"),
        _ => begins.starts_with(b"Obj\x01"),
    };
    Ok((!fits).then(|| format!("{table}: {path} is no file of {format}")))
}

async fn bytes(
    repository: &Repository,
    object: &Object,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, String> {
    let pieces: Vec<_> = repository.read(object, range).try_collect().await.told()?;
    Ok(pieces.concat())
}

/// Returns the files that an event brings to tables: all files below their folders where it is not known from where.
async fn added(
    call: &Call<'_>,
    view: &View,
    tables: &Tables,
) -> Result<Vec<(String, String, Object)>, String> {
    let diff = changed(call)
        .await?
        .ok_or("the event comes with no head before it")?;
    let mut found = Vec::new();
    for table in diff
        .tables
        .iter()
        .filter(|table| tables.has(&table.database, &table.name))
    {
        if table.files.added > table.files.added_paths.len() as u64 {
            found.extend(all_of(call, view, table).await?);
            continue;
        }
        for path in &table.files.added_paths {
            if let Some(object) = view.object(path).await.told()? {
                found.push((format!("{}.{}", table.database, table.name), path.clone(), object));
            }
        }
    }
    Ok(found)
}

/// Returns all data files of a table, where more were added than a diff lists.
async fn all_of(
    call: &Call<'_>,
    view: &View,
    table: &TableDiff,
) -> Result<Vec<(String, String, Object)>, String> {
    let snapshot = snapshot(call, call.commit()?).await?;
    let Some(open) = snapshot.find_table(&table.database, &table.name).await.told()? else {
        return Ok(Vec::new());
    };
    let name = format!("{}.{}", table.database, table.name);
    let mut all = Vec::new();
    for prefix in folders(&snapshot, &open).await? {
        let files = files_below(view, &prefix).await?.into_iter();
        let files = files.filter(|(path, _)| catalog::is_data(&path.as_bytes()[prefix.len()..]));
        all.extend(files.map(|(path, object)| (name.clone(), path, object)));
    }
    Ok(all)
}

/// Returns the folders of a table: its own, and those of partitions that lie apart from it.
async fn folders(snapshot: &Snapshot, table: &OpenTable) -> Result<BTreeSet<String>, String> {
    let own = table.data_place().and_then(|place| place.object_prefix());
    let mut folders = BTreeSet::new();
    let mut partitions = snapshot.partitions(table.id);
    while let Some(partition) = partitions.next().await.told()? {
        let location = partition.location().told()?;
        let place = location.map(|location| table.partition_place(partition.name, &location));
        let folder = place.and_then(|place| place.object_prefix());
        let is_apart = |folder: &String| own.as_ref().is_none_or(|own| !folder.starts_with(own));
        folders.extend(folder.filter(is_apart));
    }
    folders.extend(own);
    Ok(folders)
}

async fn files_below(view: &View, prefix: &str) -> Result<Vec<(String, Object)>, String> {
    let mut scan = view.scan(Space::Objects, KeyRange::prefix(prefix.as_bytes().to_vec()));
    let mut files = Vec::new();
    while let Some(entry) = scan.next().await.told()? {
        let object = Object::decode(entry.key, entry.payload).told()?;
        files.push((String::from_utf8_lossy(entry.key).into_owned(), object));
    }
    Ok(files)
}

#[derive(Debug)]
struct NoMissingFiles {
    tables: Tables,
}

pub(crate) fn no_missing_files(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let tables = Tables::read(fields)?;
    Ok(Arc::new(NoMissingFiles { tables }))
}

#[async_trait]
impl Action for NoMissingFiles {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        call.within(async {
            let view = call
                .repository
                .view(&RefExpr::from(call.commit()?))
                .await
                .told()?;
            let snapshot = snapshot(call, call.commit()?).await?;
            let mut files = BTreeMap::new();
            for table in self.tables.open(&snapshot).await? {
                for prefix in folders(&snapshot, &table).await? {
                    files.extend(files_below(&view, &prefix).await?);
                }
            }
            let reads = files
                .into_iter()
                .map(|(path, object)| missing(call.repository, path, object));
            let findings: Vec<Option<String>> = stream::iter(reads.collect::<Vec<_>>())
                .buffered(READS)
                .collect()
                .await;
            Ok(judged(&findings.into_iter().flatten().collect::<Vec<_>>()))
        })
        .await
    }
}

/// Returns what is wrong with a file, by the last byte of each of its segments: what has that has all before it.
async fn missing(repository: &Repository, path: String, object: Object) -> Option<String> {
    let mut end = 0;
    for segment in &object.segments {
        end += segment.len;
        if segment.len == 0 {
            continue;
        }
        match bytes(repository, &object, end - 1..end).await {
            Ok(byte) if byte.len() == 1 => {}
            Ok(_) => return Some(format!("{path} is shorter than it should be")),
            Err(error) => return Some(format!("{path} cannot be read: {error}")),
        }
    }
    None
}
