//! The walks that make the rows of system tables.

use catalog::OpenTable;
use catalog::is_data;
use catalog::location::Place;
use catalog::model::{Column, TableFormat};
use futures::channel::mpsc::{self, Sender};
use futures::stream::{self, BoxStream};
use futures::{SinkExt, StreamExt};
use versioning::commit::CommitKind;
use versioning::object::Object;
use versioning::refs::CommitMode;
use versioning::{CommitId, KeyRange, Space};

use super::diffs;
use super::rows::{Row, Value};
use super::table::SystemTable;
use super::{Kind, SYSTEM};
use crate::error::{Error, Result};
use crate::version::Version;

/// So many commits are fetched at a time.
const COMMITS: usize = 64;
/// So many partitions are fetched at a time.
const PARTITIONS: usize = 1_024;
/// So many rows are made before anybody has taken them.
const AHEAD: usize = 1_024;

/// What a query asks for; `None` is all.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) databases: Option<Vec<String>>,
    pub(super) tables: Option<Vec<String>>,
}

/// Returns the rows of a table, as they are found. The walk ends with the stream.
pub(super) fn walk(table: SystemTable, asked: Asked) -> BoxStream<'static, Result<Row>> {
    let (send, receive) = mpsc::channel(AHEAD);
    let failure = stream::once(async move { Box::pin(produce(&table, &asked, Out(send))).await.err() });
    let failure = failure.filter_map(|failure| async move { failure.map(Err) });
    stream::select(receive.map(Ok), failure).boxed()
}

/// Where rows go.
struct Out(Sender<Row>);

impl Out {
    async fn row<const N: usize>(&mut self, row: [Value; N]) {
        // nobody listens any more when the query has ended, which ends the walk as well
        let _ = self.0.send(row.to_vec()).await;
    }
}

async fn produce(table: &SystemTable, asked: &Asked, mut out: Out) -> Result<()> {
    let Some(version) = &table.version else {
        let Kind::Diff(from, to) = &table.kind else {
            return refs(table, &mut out).await;
        };
        for row in diffs::rows(&table.versions, from, to).await? {
            out.row(row).await;
        }
        return Ok(());
    };
    match &table.kind {
        Kind::Commits => return commits(version, &mut out).await,
        Kind::Refs | Kind::Diff(..) => return refs(table, &mut out).await,
        _ => {}
    }
    for database in databases(version, asked).await? {
        if table.kind == Kind::Databases {
            out.row([SYSTEM.into(), database.into()]).await;
            continue;
        }
        for name in tables(version, &database, asked).await? {
            let open = version.table(&database, &name).await?;
            match &table.kind {
                Kind::Tables => out.row(table_row(&open)).await,
                Kind::InformationTables => out.row(information_row(&open)).await,
                Kind::Columns => columns(&open, &mut out).await,
                Kind::Files => files(version, &open, &mut out).await?,
                _ => partitions(version, &open, &mut out).await?,
            }
        }
    }
    Ok(())
}

async fn databases(version: &Version, asked: &Asked) -> Result<Vec<String>> {
    let all = version.databases().await?;
    Ok(named(all, asked.databases.as_ref()))
}

async fn tables(version: &Version, database: &str, asked: &Asked) -> Result<Vec<String>> {
    Ok(match &asked.tables {
        // without a list of all tables of the database
        Some(names) => {
            let mut found = Vec::new();
            for name in names {
                if version.has_table(database, name).await? {
                    found.push(name.clone());
                }
            }
            found
        }
        None => version.tables(database).await?,
    })
}

fn named(mut all: Vec<String>, asked: Option<&Vec<String>>) -> Vec<String> {
    if let Some(asked) = asked {
        all.retain(|name| asked.contains(name));
    }
    all
}

async fn refs(table: &SystemTable, out: &mut Out) -> Result<()> {
    let repository = table.versions.repository();
    let default = &repository.record().default_branch;
    let rules = repository.rules().await?;
    for branch in repository.branches().await? {
        let mode = match branch.mode {
            CommitMode::Staged => "staged",
            CommitMode::Coalesce => "coalesce",
            CommitMode::Sync => "sync",
        };
        out.row([
            branch.name.as_str().into(),
            "branch".into(),
            branch.head.to_string().into(),
            Value::Flag(branch.name == *default),
            mode.into(),
            Value::Flag(rules.binding(&branch).is_some()),
        ])
        .await;
    }
    for (name, commit) in repository.tags().await? {
        let name = name.as_str().into();
        let commit = commit.to_string().into();
        out.row([
            name,
            "tag".into(),
            commit,
            Value::Flag(false),
            Value::Null,
            Value::Flag(false),
        ])
        .await;
    }
    Ok(())
}

async fn commits(version: &Version, out: &mut Out) -> Result<()> {
    let mut next = Some(version.view().head());
    while let Some(from) = next {
        let page = version.repository().log(from, COMMITS).await?;
        next = page.last().and_then(|(_, last)| last.parents.first().copied());
        for (id, commit) in page {
            let parents: Vec<_> = commit.parents.iter().map(CommitId::to_string).collect();
            out.row([
                id.to_string().into(),
                kind(commit.kind).into(),
                parents.join(" ").into(),
                commit.author.clone().into(),
                commit.message.clone().into(),
                Value::Time(commit.time_us),
            ])
            .await;
        }
    }
    Ok(())
}

fn kind(kind: CommitKind) -> &'static str {
    match kind {
        CommitKind::Normal => "normal",
        CommitKind::Merge => "merge",
        CommitKind::Import => "import",
        CommitKind::Revert => "revert",
        CommitKind::CherryPick => "cherry-pick",
        CommitKind::Auto => "auto",
    }
}

fn table_row(table: &OpenTable) -> [Value; 7] {
    [
        table.database.name.clone().into(),
        table.name.clone().into(),
        table.kind.as_str().into(),
        format(table).into(),
        table.data_place().map(|place| place_text(&place)).into(),
        Value::Number(table.columns().len() as u64),
        table.key_names().join(", ").into(),
    ]
}

fn format(table: &OpenTable) -> &'static str {
    match TableFormat::of(table) {
        TableFormat::Hive if table.kind.is_view() => "view",
        TableFormat::Hive => "hive",
        TableFormat::Iceberg => "iceberg",
        TableFormat::Delta => "delta",
        TableFormat::Hudi => "hudi",
        TableFormat::Acid => "acid",
    }
}

/// A place in the repository is its path, whatever the ref.
fn place_text(place: &Place) -> String {
    match place {
        Place::Path(path) | Place::Shared(path) => path.clone(),
        Place::External(uri) => uri.clone(),
    }
}

fn information_row(table: &OpenTable) -> [Value; 4] {
    let kind = if table.kind.is_view() {
        "VIEW"
    } else {
        "BASE TABLE"
    };
    [
        SYSTEM.into(),
        table.database.name.clone().into(),
        table.name.clone().into(),
        kind.into(),
    ]
}

async fn columns(table: &OpenTable, out: &mut Out) {
    let all = table.columns().iter().chain(table.keys());
    for (i, Column { name, type_name, .. }) in all.enumerate() {
        out.row([
            SYSTEM.into(),
            table.database.name.clone().into(),
            table.name.clone().into(),
            name.clone().into(),
            Value::Number(i as u64 + 1),
            "YES".into(),
            type_name.clone().into(),
        ])
        .await;
    }
}

async fn partitions(version: &Version, table: &OpenTable, out: &mut Out) -> Result<()> {
    if !table.is_partitioned() {
        return Ok(());
    }
    let mut all = version.partitions(table, &[]);
    loop {
        let some = all.next(PARTITIONS).await?;
        if some.is_empty() {
            return Ok(());
        }
        for part in some {
            out.row([
                table.database.name.clone().into(),
                table.name.clone().into(),
                part.name.into(),
                place_text(&part.place).into(),
            ])
            .await;
        }
    }
}

async fn files(version: &Version, table: &OpenTable, out: &mut Out) -> Result<()> {
    if !table.is_partitioned() {
        return match table.data_place().filter(|_| !table.kind.is_view()) {
            Some(place) => files_at(version, table, None, &place, out).await,
            None => Ok(()),
        };
    }
    let mut all = version.partitions(table, &[]);
    loop {
        let some = all.next(PARTITIONS).await?;
        if some.is_empty() {
            return Ok(());
        }
        for part in some {
            files_at(version, table, Some(&part.name), &part.place, out).await?;
        }
    }
}

/// What lies outside of the repository has no files here.
async fn files_at(
    version: &Version,
    table: &OpenTable,
    partition: Option<&str>,
    place: &Place,
    out: &mut Out,
) -> Result<()> {
    let Some(prefix) = place.object_prefix() else {
        return Ok(());
    };
    let mut scan = version
        .view()
        .scan(Space::Objects, KeyRange::prefix(prefix.as_bytes().to_vec()));
    while let Some(entry) = scan.next().await.map_err(Error::from)? {
        if !is_data(&entry.key[prefix.len()..]) {
            continue;
        }
        let object = Object::decode(entry.key, entry.payload).map_err(Error::from)?;
        let path = String::from_utf8_lossy(entry.key).into_owned();
        out.row([
            table.database.name.clone().into(),
            table.name.clone().into(),
            partition.into(),
            path.into(),
            Value::Number(object.size()),
            Value::Time(object.modified_us),
        ])
        .await;
    }
    Ok(())
}
