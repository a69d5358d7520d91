//! A repository in memory, and short ways to say what a test is about.

use std::sync::Arc;

use catalog::draft::AddPartitions;
use catalog::model::{Column, Columns, Database, Partition, Storage, Table, Template};
use catalog::{Catalog, Draft, Error, Result, Snapshot};
use versioning::object::Object;
use versioning::{Batch, RefExpr, RefName, Repositories, Space};

/// A store with one repository whose branch `main` is written.
pub(crate) struct Lake {
    pub(crate) catalog: Catalog,
    _store: Repositories,
}

pub(crate) async fn lake() -> Lake {
    let (store, repository) = testkit::repository(7).await.unwrap();
    Lake {
        catalog: Catalog::new(repository),
        _store: store,
    }
}

/// Makes changes on `main`, which the body states as statements on a draft.
macro_rules! write {
    ($lake:expr, |$draft:ident| $body:expr) => {{
        let mut draft = $lake.draft().await;
        let $draft = &mut draft;
        let answer: catalog::Result<_> = async { Ok($body) }.await;
        match answer {
            Ok(answer) => $lake.write(draft).await.map(|()| answer),
            Err(error) => Err(error),
        }
    }};
}
pub(crate) use write;

impl Lake {
    pub(crate) async fn main(&self) -> Snapshot {
        let main = RefExpr::from(RefName::parse("main").unwrap());
        self.catalog.snapshot(&main).await.unwrap()
    }

    pub(crate) async fn draft(&self) -> Draft {
        let (view, repository) = (self.main().await.view().clone(), self.catalog.repository());
        let ids = Arc::clone(repository.ids());
        Draft::new(
            view,
            self.catalog.cache().clone(),
            ids,
            repository.clock().now_us(),
        )
    }

    pub(crate) async fn write(&self, draft: Draft) -> Result<()> {
        let batch = draft.into_batch();
        let plan = move |_| {
            let batch = batch.clone();
            async move { Ok((batch, ())) }
        };
        self.catalog
            .repository()
            .write(&RefName::parse("main").unwrap(), plan)
            .await
    }

    /// Makes the database `sales` with the table `orders (id int, amount int) partitioned by (d string, h int)`.
    pub(crate) async fn with_orders() -> Lake {
        let lake = lake().await;
        write!(lake, |draft| {
            draft.create_database(database("sales")).await?;
            draft.create_table("sales", orders()).await?;
        })
        .unwrap();
        lake
    }
}

pub(crate) fn database(name: &str) -> Database {
    Database {
        name: name.to_owned(),
        ..Database::default()
    }
}

/// Returns a table of Parquet files with these columns and partition keys, written `name type, …`.
pub(crate) fn table(name: &str, columns: &str, keys: &str) -> Table {
    let storage = Storage {
        columns: Some(Arc::new(Columns(self::columns(columns)))),
        template: Arc::new(Template {
            input_format: Some("parquet".into()),
            ..Template::default()
        }),
        ..Storage::default()
    };
    let keys = self::columns(keys);
    Table {
        name: name.to_owned(),
        storage: Some(storage),
        partition_keys: Some(keys),
        ..Table::default()
    }
}

pub(crate) fn orders() -> Table {
    table("orders", "id int, amount int", "d string, h int")
}

pub(crate) fn columns(text: &str) -> Vec<Column> {
    let column = |text: &str| {
        let (name, type_name) = text.split_once(' ').unwrap();
        Column::new(name, type_name)
    };
    text.split(", ")
        .filter(|text| !text.is_empty())
        .map(column)
        .collect()
}

pub(crate) fn set_columns(table: &mut Table, text: &str) {
    let storage = table.storage.as_mut().unwrap();
    storage.columns = Some(Arc::new(Columns(columns(text))));
}

/// Returns `name#id` of each column.
pub(crate) fn column_ids(table: &Table) -> String {
    let texts: Vec<String> = table
        .columns()
        .iter()
        .map(|c| format!("{}#{}", c.name, c.id.0))
        .collect();
    texts.join(" ")
}

/// Adds partitions of `sales.orders` with these values, written `d/h`.
pub(crate) async fn add(draft: &mut Draft, values: &[&str]) -> Result<Vec<Partition>> {
    add_to(draft, "sales", "orders", values, &AddPartitions::default()).await
}

/// Adds partitions with these values, written `v/w`, that are stored as their table is.
pub(crate) async fn add_to(
    draft: &mut Draft,
    database: &str,
    table: &str,
    values: &[&str],
    how: &AddPartitions,
) -> Result<Vec<Partition>> {
    let open = draft.table(database, table).await?;
    let like = |text: &&str| Draft::partition_like(&open, self::values(text));
    let partitions = values.iter().map(like).collect();
    draft.add_partitions(database, table, partitions, how).await
}

pub(crate) fn values(text: &str) -> Vec<String> {
    text.split('/').map(str::to_owned).collect()
}

/// Puts empty objects of a size that is told by their number of segments.
pub(crate) fn put_files(draft: &mut Draft, paths: &[&str]) {
    let mut batch = Batch::default();
    for path in paths {
        let mut value = Object::default().encode();
        value.weight = 10;
        batch.put(Space::Objects, path.as_bytes().to_vec(), value);
    }
    draft.add(batch);
}

/// Returns the paths of all objects.
pub(crate) async fn files(snapshot: &Snapshot) -> Vec<String> {
    let mut scan = snapshot.view().scan(Space::Objects, versioning::KeyRange::all());
    let mut paths = Vec::new();
    while let Some(entry) = scan.next().await.unwrap() {
        paths.push(String::from_utf8(entry.key.to_vec()).unwrap());
    }
    paths
}

/// Returns the number of entries of each space.
pub(crate) async fn counts(snapshot: &Snapshot) -> [u64; 4] {
    let mut counts = [0; 4];
    for space in Space::ALL {
        let totals = snapshot
            .view()
            .totals(space, versioning::KeyRange::all())
            .await
            .unwrap();
        counts[space as usize] = totals.count;
    }
    counts
}

/// Returns the names of the partitions of `sales.orders`.
pub(crate) async fn partition_names(snapshot: &Snapshot) -> Vec<String> {
    let orders = snapshot.table("sales", "orders").await.unwrap();
    let mut scan = snapshot.partitions(orders.id);
    let mut names = Vec::new();
    while let Some(partition) = scan.next().await.unwrap() {
        names.push(partition.name.to_owned());
    }
    names
}

/// Fails unless `result` is the error that `pattern` names.
macro_rules! refused {
    ($result:expr, $pattern:pat) => {
        match $result {
            Err($pattern) => {}
            other => panic!("expected {}, found {other:?}", stringify!($pattern)),
        }
    };
}
pub(crate) use refused;

/// Returns the message of an error.
pub(crate) fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}
