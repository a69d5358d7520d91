//! A repository in memory with tables of Parquet files, which knows what was read of it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use catalog::draft::{AddPartitions, AlterTable};
use catalog::model::{Column, Columns, Database, Location, Serde, Storage, Table, Template};
use catalog::{Catalog, Draft};
use datafusion::arrow::array::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use futures::stream::BoxStream;
use sql::{Answer, Engine, Limits, Page};
use versioning::object::Object;
use versioning::refs::CommitMode;
use versioning::repository::{CommitMessage, Parts};
use versioning::store::{FileWriter, Files};
use versioning::{Batch, CommitId, RefExpr, RefName, Repositories, Repository, RepositoryName, Space};

pub(crate) const SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

/// Files that remember which of them were read.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn Files>,
    read: Arc<Mutex<BTreeSet<String>>>,
}

#[async_trait]
impl Files for Watched {
    async fn put(&self, path: &str, bytes: Bytes) -> versioning::Result<()> {
        self.inner.put(path, bytes).await
    }

    async fn create(&self, path: &str) -> versioning::Result<Box<dyn FileWriter>> {
        self.inner.create(path).await
    }

    async fn get(&self, path: &str) -> versioning::Result<Bytes> {
        self.inner.get(path).await
    }

    async fn read(
        &self,
        path: &str,
        range: Range<u64>,
    ) -> versioning::Result<BoxStream<'static, versioning::Result<Bytes>>> {
        self.read.lock().unwrap().insert(path.to_owned());
        self.inner.read(path, range).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, versioning::Result<(String, u64)>> {
        self.inner.list(prefix)
    }

    async fn delete(&self, path: &str) -> versioning::Result<()> {
        self.inner.delete(path).await
    }
}

/// The repository and an engine over it.
pub(crate) struct Lake {
    pub(crate) repository: Repository,
    pub(crate) catalog: Catalog,
    pub(crate) engine: Engine,
    read: Arc<Mutex<BTreeSet<String>>>,
}

pub(crate) fn branch(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

pub(crate) fn at(text: &str) -> RefExpr {
    RefExpr::parse(text).unwrap()
}

/// The bytes of a Parquet file, without the hints by which Arrow would know its own types again.
pub(crate) fn parquet_with(batch: &RecordBatch, compression: Compression) -> Bytes {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    Bytes::from(bytes)
}

pub(crate) fn parquet(batch: &RecordBatch) -> Bytes {
    parquet_with(batch, Compression::SNAPPY)
}

/// Columns from `name type, name type`.
fn columns(text: &str) -> Vec<Column> {
    let columns = text.split("; ").filter(|text| !text.is_empty());
    columns
        .map(|column| column.split_once(' ').unwrap())
        .map(|(name, kind)| Column::new(name, kind))
        .collect()
}

/// A Parquet table of Hive's with these columns and partition keys (`id int; note string`).
pub(crate) fn hive_table(name: &str, of: &str, by: &str) -> Table {
    let serde = Serde {
        library: Some(SERDE.to_owned()),
        ..Serde::default()
    };
    let storage = Storage {
        columns: Some(Arc::new(Columns(columns(of)))),
        template: Arc::new(Template {
            serde: Some(serde),
            ..Template::default()
        }),
        ..Storage::default()
    };
    let keys = columns(by);
    Table {
        name: name.to_owned(),
        storage: Some(storage),
        partition_keys: (!keys.is_empty()).then_some(keys),
        ..Table::default()
    }
}

impl Lake {
    /// A lake with the database `sales` on main.
    pub(crate) async fn new() -> Lake {
        Lake::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Lake {
        let parts = testkit::memory_parts(3);
        let read = Arc::new(Mutex::new(BTreeSet::new()));
        let files = Arc::new(Watched {
            inner: parts.files,
            read: Arc::clone(&read),
        });
        let repositories = Repositories::open(Parts { files, ..parts }, Default::default())
            .await
            .unwrap();
        let name = RepositoryName::parse("lake").unwrap();
        let repository = repositories.create(&name, &branch("main")).await.unwrap();
        // commits are made by tests alone, however slowly they run
        repository
            .set_branch_rules(&branch("main"), CommitMode::Staged, None)
            .await
            .unwrap();
        let lake = Lake {
            catalog: Catalog::new(repository.clone()),
            repository,
            engine: Engine::new(limits),
            read,
        };
        let sales = Database {
            name: "sales".into(),
            ..Database::default()
        };
        lake.draft("main", move |mut draft| {
            let sales = sales.clone();
            async move { draft.create_database(sales).await.map(|_| draft) }
        })
        .await;
        lake
    }

    async fn draft<F>(&self, on: &str, mut change: impl FnMut(Draft) -> F + Send + 'static)
    where
        F: Future<Output = catalog::Result<Draft>> + Send + 'static,
    {
        let plan = move |draft| {
            let change = change(draft);
            async move { change.await.map(|draft| (draft, ())) }
        };
        self.catalog.write(&branch(on), plan).await.unwrap();
    }

    pub(crate) async fn create(&self, on: &str, table: Table) {
        self.draft(on, move |mut draft| {
            let table = table.clone();
            async move { draft.create_table("sales", table).await.map(|_| draft) }
        })
        .await;
    }

    /// Gives a table other columns and another template; its partitions keep theirs.
    pub(crate) async fn alter(&self, on: &str, table: Table) {
        self.draft(on, move |mut draft| {
            let table = table.clone();
            async move {
                let mut new = draft.table("sales", &table.name).await?.table;
                let (old, altered) = (
                    new.storage.take().unwrap_or_default(),
                    table.storage.unwrap_or_default(),
                );
                new.storage = Some(Storage {
                    location: old.location,
                    ..altered
                });
                draft
                    .alter_table("sales", &table.name, new, &AlterTable::default())
                    .await?;
                Ok(draft)
            }
        })
        .await;
    }

    /// Adds a partition of these values; at a place of its own, if one is given.
    pub(crate) async fn add(&self, on: &str, table: &str, values: &[&str], place: Option<&str>) {
        let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        let (table, place) = (table.to_owned(), place.map(|path| Location::Rel(path.to_owned())));
        self.draft(on, move |mut draft| {
            let (table, values, place) = (table.clone(), values.clone(), place.clone());
            async move {
                let open = draft.table("sales", &table).await?;
                let mut partition = Draft::partition_like(&open, values);
                if let Some(storage) = &mut partition.storage {
                    storage.location = place;
                }
                draft
                    .add_partitions("sales", &table, vec![partition], &AddPartitions::default())
                    .await?;
                Ok(draft)
            }
        })
        .await;
    }

    /// Stores an object.
    pub(crate) async fn put(&self, on: &str, path: &str, bytes: Bytes) {
        let mut upload = self.repository.upload().await.unwrap();
        upload.write(bytes).await.unwrap();
        let segments = vec![upload.finish().await.unwrap().segment];
        let value = Object {
            segments,
            ..Object::default()
        }
        .encode();
        let path = Bytes::from(path.to_owned());
        let plan = move |_| {
            let mut batch = Batch::default();
            batch.put(Space::Objects, path.clone(), value.clone());
            async move { Ok::<_, versioning::Error>((batch, ())) }
        };
        self.repository.write(&branch(on), plan).await.unwrap();
    }

    /// Stores an object that is the same for every ref.
    pub(crate) async fn put_shared(&self, path: &str, bytes: Bytes) {
        let mut upload = self.repository.upload().await.unwrap();
        upload.write(bytes).await.unwrap();
        let segments = vec![upload.finish().await.unwrap().segment];
        let value = Object {
            segments,
            ..Object::default()
        }
        .encode();
        let path = Bytes::from(path.to_owned());
        let plan = move |_| {
            let mut batch = Batch::default();
            batch.put(Space::Objects, path.clone(), value.clone());
            async move { Ok::<_, versioning::Error>((batch, ())) }
        };
        self.repository.write_shared(plan).await.unwrap();
    }

    pub(crate) async fn commit(&self, on: &str) -> CommitId {
        let words = CommitMessage {
            message: "tables".into(),
            ..CommitMessage::default()
        };
        self.repository.commit(&branch(on), words).await.unwrap()
    }

    pub(crate) async fn branch_off(&self, name: &str, from: &str) {
        self.repository
            .create_branch(&branch(name), &at(from), CommitMode::Staged)
            .await
            .unwrap();
    }

    pub(crate) async fn try_query(&self, on: &str, sql: &str) -> sql::Result<Answer> {
        self.engine.query(&self.repository, &at(on), sql, 1_000).await
    }

    /// The rows of a query on main, as `value|value` lines.
    pub(crate) async fn query(&self, sql: &str) -> Vec<String> {
        self.query_at("main", sql).await
    }

    pub(crate) async fn query_at(&self, on: &str, sql: &str) -> Vec<String> {
        match self.try_query(on, sql).await {
            Ok(answer) => lines(&answer.page),
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    /// The text of the error of a query on main.
    pub(crate) async fn error(&self, sql: &str) -> String {
        match self.try_query("main", sql).await {
            Ok(answer) => panic!("{sql}: {:?}", lines(&answer.page)),
            Err(error) => error.to_string(),
        }
    }

    /// Returns how many data files were read since the last time.
    pub(crate) fn files_read(&self) -> usize {
        let read = std::mem::take(&mut *self.read.lock().unwrap());
        read.iter().filter(|path| path.contains("/d/")).count()
    }
}

/// The rows of a page: what stands between the bars of its table.
pub(crate) fn lines(page: &Page) -> Vec<String> {
    let table = page.table().unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(1);
    rows.map(|row| {
        row.trim_matches('|')
            .split('|')
            .map(str::trim)
            .collect::<Vec<_>>()
            .join("|")
    })
    .collect()
}
