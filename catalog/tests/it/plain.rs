//! Plain warehouses: which folders are made, moved and removed, and when data stays.

use std::sync::Arc;

use catalog::draft::{AddPartitions, AlterTable};
use catalog::model::{Location, Partition};
use catalog::warehouse::{DeleteMode, MemoryWarehouse, found};
use catalog::{Catalog, Draft, Error, PlainWarehouse, Warehouse, WarehouseSettings};
use futures::FutureExt;
use futures::future::BoxFuture;
use versioning::refs::CommitMode;
use versioning::repository::Limits;
use versioning::{RefExpr, RefName, Repositories, RepositoryName};

use crate::it::fixture::{database, orders, table};

struct Plain {
    catalog: Catalog,
    files: Arc<MemoryWarehouse>,
    _store: Repositories,
}

async fn plain(delete: DeleteMode) -> Plain {
    let store = Repositories::open(testkit::memory_parts(7), Limits::default())
        .await
        .unwrap();
    let settings = WarehouseSettings::new("file:///w", delete, None).unwrap();
    let (name, branch) = (RepositoryName::parse("lake").unwrap(), branch("main"));
    let repository = store
        .create_with(&name, &branch, &settings.put_into(&[]))
        .await
        .unwrap();
    let files = Arc::new(MemoryWarehouse::new("file:/w"));
    let opened = PlainWarehouse::new(files.clone());
    let catalog = Catalog::open(repository, &move |_| Some(opened.clone())).unwrap();
    found(&catalog, &settings.root).await.unwrap();
    Plain {
        catalog,
        files,
        _store: store,
    }
}

fn branch(name: &str) -> RefName {
    RefName::parse(name).unwrap()
}

impl Plain {
    async fn write(
        &self,
        on: &str,
        plan: for<'a> fn(&'a mut Draft) -> BoxFuture<'a, catalog::Result<()>>,
    ) -> catalog::Result<()> {
        let plan = move |mut draft: Draft| async move {
            plan(&mut draft).await?;
            Ok::<_, Error>((draft, ()))
        };
        self.catalog.write(&branch(on), plan).await
    }

    /// Makes the database `sales` with the table `orders` and its partition `d=1/h=2`.
    async fn with_orders(self) -> Plain {
        self.write("main", |draft| create_orders(draft).boxed())
            .await
            .unwrap();
        self
    }

    async fn branch(&self, name: &str) {
        let repository = self.catalog.repository();
        let words = versioning::repository::CommitMessage {
            allow_empty: true,
            ..Default::default()
        };
        repository.commit(&branch("main"), words).await.unwrap();
        let from = RefExpr::from(branch("main"));
        repository
            .create_branch(&branch(name), &from, CommitMode::Staged)
            .await
            .unwrap();
    }

    async fn has(&self, path: &str) -> bool {
        self.files.has_dir(&format!("file:/w/{path}")).await.unwrap()
    }

    async fn place_of(&self, database: &str, table: &str) -> String {
        let main = RefExpr::from(branch("main"));
        let open = self
            .catalog
            .snapshot(&main)
            .await
            .unwrap()
            .table(database, table)
            .await;
        match open.unwrap().place() {
            Some(catalog::Place::External(uri)) => uri,
            other => panic!("{other:?}"),
        }
    }
}

async fn create_orders(draft: &mut Draft) -> catalog::Result<()> {
    let sales = draft.create_database(database("sales")).await?;
    draft.make_folders([sales.place()]).await?;
    let open = draft.create_table("sales", orders()).await?;
    let partition = Draft::partition_like(&open, vec!["1".into(), "2".into()]);
    let how = AddPartitions::default();
    let added = draft
        .add_partitions("sales", "orders", vec![partition], &how)
        .await?;
    let places: Vec<_> = added.iter().filter_map(|it| open.place_of(it)).collect();
    draft.make_folders(places).await
}

fn drop_orders(draft: &mut Draft) -> BoxFuture<'_, catalog::Result<()>> {
    async move { draft.drop_table("sales", "orders", true).await.map(drop) }.boxed()
}

#[tokio::test]
async fn folders_lie_where_the_original_makes_them() {
    let plain = plain(DeleteMode::Keep).await.with_orders().await;
    assert!(plain.files.has_dir("file:/w").await.unwrap());
    assert!(plain.has("sales.db/orders/d=1/h=2").await);
    assert_eq!(plain.place_of("sales", "orders").await, "file:/w/sales.db/orders");
    plain
        .write("main", |draft| {
            async move {
                let made = draft.create_table("default", table("t", "a int", "")).await?;
                draft.make_folders(made.data_place()).await
            }
            .boxed()
        })
        .await
        .unwrap();
    assert_eq!(plain.place_of("default", "t").await, "file:/w/t");
    assert!(plain.has("t").await);
}

#[tokio::test]
async fn a_change_that_fails_leaves_no_folder() {
    let plain = plain(DeleteMode::Keep).await;
    plain.files.put_file("file:/w/taken", 1);
    let failed = plain.write("main", |draft| {
        async move {
            let mut taken = table("taken", "a int", "");
            taken.storage.as_mut().unwrap().location = Some(Location::External("file:///w//taken/".into()));
            let sales = draft.create_database(database("sales")).await?;
            let made = draft.create_table("sales", taken).await?;
            draft
                .make_folders([sales.place()].into_iter().chain(made.data_place()))
                .await
        }
        .boxed()
    });
    match failed.await {
        Err(Error::Folder { uri, .. }) => assert_eq!(uri, "file:/w/taken"),
        other => panic!("{other:?}"),
    }
    assert!(!plain.has("sales.db").await);
}

#[tokio::test]
async fn data_goes_only_from_the_default_branch_when_no_other_needs_it() {
    let kept = plain(DeleteMode::Keep).await.with_orders().await;
    kept.write("main", drop_orders).await.unwrap();
    assert!(kept.has("sales.db/orders").await);

    let needed = plain(DeleteMode::Immediate).await.with_orders().await;
    needed.branch("etl").await;
    needed.write("main", drop_orders).await.unwrap();
    assert!(needed.has("sales.db/orders").await);

    let elsewhere = plain(DeleteMode::Immediate).await.with_orders().await;
    elsewhere.branch("etl").await;
    elsewhere.write("etl", drop_orders).await.unwrap();
    assert!(elsewhere.has("sales.db/orders").await);
    elsewhere.write("main", drop_orders).await.unwrap();
    assert!(!elsewhere.has("sales.db/orders").await);
}

#[tokio::test]
async fn external_tables_keep_their_data() {
    let plain = plain(DeleteMode::Immediate).await;
    for purges in [false, true] {
        let create: for<'a> fn(&'a mut Draft) -> BoxFuture<'a, catalog::Result<()>> = if purges {
            |draft| create_external(draft, Some("external.table.purge")).boxed()
        } else {
            |draft| create_external(draft, None).boxed()
        };
        plain.write("main", create).await.unwrap();
        assert!(plain.files.has_dir("file:/elsewhere/x").await.unwrap());
        plain
            .write("main", |draft| {
                async move { draft.drop_table("default", "x", true).await.map(drop) }.boxed()
            })
            .await
            .unwrap();
        assert_eq!(plain.files.has_dir("file:/elsewhere/x").await.unwrap(), !purges);
    }
}

async fn create_external(draft: &mut Draft, parameter: Option<&str>) -> catalog::Result<()> {
    let mut external = table("x", "a int", "");
    external.set_parameter("EXTERNAL", "TRUE");
    if let Some(parameter) = parameter {
        external.set_parameter(parameter, "true");
    }
    external.storage.as_mut().unwrap().location = Some(Location::External("file:/elsewhere/x".into()));
    let made = draft.create_table("default", external).await?;
    draft.make_folders(made.data_place()).await
}

async fn create_external_at(
    draft: &mut Draft,
    database: &str,
    location: Option<&str>,
) -> catalog::Result<()> {
    let mut external = table("x", "a int", "");
    external.set_parameter("EXTERNAL", "TRUE");
    external.storage.as_mut().unwrap().location = location.map(|uri| Location::External(uri.into()));
    let made = draft.create_table(database, external).await?;
    draft.make_folders(made.data_place()).await
}

#[tokio::test]
async fn a_dropped_partition_takes_its_emptied_parents_along() {
    let plain = plain(DeleteMode::Immediate).await.with_orders().await;
    plain
        .write("main", |draft| {
            async move {
                let names = ["d=1/h=2".to_owned()];
                draft
                    .drop_partitions("sales", "orders", &names, true, false)
                    .await
                    .map(drop)
            }
            .boxed()
        })
        .await
        .unwrap();
    assert!(!plain.has("sales.db/orders/d=1").await);
    assert!(plain.has("sales.db/orders").await);
}

fn rename_orders(draft: &mut Draft) -> BoxFuture<'_, catalog::Result<()>> {
    async move {
        let mut renamed = draft.table("sales", "orders").await?.table;
        renamed.name = "bills".into();
        let how = AlterTable::default();
        draft
            .alter_table("sales", "orders", renamed, &how)
            .await
            .map(drop)
    }
    .boxed()
}

#[tokio::test]
async fn a_rename_moves_the_folder_unless_another_branch_needs_it() {
    let moved = plain(DeleteMode::Immediate).await.with_orders().await;
    moved.write("main", rename_orders).await.unwrap();
    assert_eq!(moved.place_of("sales", "bills").await, "file:/w/sales.db/bills");
    assert!(moved.has("sales.db/bills/d=1/h=2").await && !moved.has("sales.db/orders").await);

    let stays = plain(DeleteMode::Immediate).await.with_orders().await;
    stays.branch("etl").await;
    stays.write("main", rename_orders).await.unwrap();
    assert_eq!(stays.place_of("sales", "bills").await, "file:/w/sales.db/orders");
    assert!(stays.has("sales.db/orders/d=1/h=2").await);

    let taken = plain(DeleteMode::Immediate).await.with_orders().await;
    taken.files.make_dir("file:/w/sales.db/bills").await.unwrap();
    let refused = taken.write("main", rename_orders).await;
    assert!(matches!(refused, Err(Error::NotAllowed { .. })), "{refused:?}");
    assert!(taken.has("sales.db/orders").await);
}

#[tokio::test]
async fn a_renamed_partition_moves_its_folder() {
    let plain = plain(DeleteMode::Immediate).await.with_orders().await;
    plain.files.put_file("file:/w/sales.db/orders/d=1/h=2/f", 7);
    plain
        .write("main", |draft| {
            async move {
                let open = draft.table("sales", "orders").await?;
                let old = ["1".to_owned(), "2".to_owned()];
                let new: Partition = Draft::partition_like(&open, vec!["3".into(), "4".into()]);
                draft.rename_partition("sales", "orders", &old, new).await?;
                let moved = draft.partition(&open, &["3".into(), "4".into()]).await?;
                let parameters = moved.parameters.unwrap_or_default();
                assert_eq!(parameters["totalSize"], "7", "of the folder before it moves");
                Ok(())
            }
            .boxed()
        })
        .await
        .unwrap();
    assert!(plain.has("sales.db/orders/d=3/h=4").await);
    assert!(!plain.has("sales.db/orders/d=1/h=2").await);
}

#[tokio::test]
async fn exchanged_partitions_move_their_folders() {
    let plain = plain(DeleteMode::Immediate).await.with_orders().await;
    let exchange: for<'a> fn(&'a mut Draft) -> BoxFuture<'a, catalog::Result<()>> = |draft| {
        async move {
            let mut bills = orders();
            bills.name = "bills".into();
            draft.create_table("sales", bills).await?;
            let (from, to) = (("sales", "orders"), ("sales", "bills"));
            let values = ["1".to_owned(), String::new()];
            draft.exchange_partitions(from, to, &values).await.map(drop)
        }
        .boxed()
    };
    plain.branch("etl").await;
    let needed = plain.write("main", exchange).await;
    assert!(matches!(needed, Err(Error::NotAllowed { .. })), "{needed:?}");
    assert!(plain.has("sales.db/orders/d=1/h=2").await);
    plain.write("etl", drop_orders).await.unwrap();
    plain.write("main", exchange).await.unwrap();
    assert!(plain.has("sales.db/bills/d=1/h=2").await);
    assert!(!plain.has("sales.db/orders/d=1/h=2").await);
}

#[tokio::test]
async fn a_dropped_database_keeps_what_external_tables_have_in_it() {
    type Create = for<'a> fn(&'a mut Draft) -> BoxFuture<'a, catalog::Result<()>>;
    let cases: [(Create, bool); 4] = [
        (|_| async { Ok(()) }.boxed(), false),
        (|draft| create_external_at(draft, "sales", None).boxed(), true),
        (
            |draft| create_external_at(draft, "sales", Some("file:/w/elsewhere")).boxed(),
            false,
        ),
        (
            |draft| create_external_at(draft, "sales", Some("file:/w")).boxed(),
            true,
        ),
    ];
    for (number, (create, expected)) in cases.into_iter().enumerate() {
        let plain = plain(DeleteMode::Immediate).await.with_orders().await;
        plain.write("main", create).await.unwrap();
        plain
            .write("main", |draft| {
                async move { draft.drop_database("sales", true, true).await.map(drop) }.boxed()
            })
            .await
            .unwrap();
        assert_eq!(plain.has("sales.db").await, expected, "{number}");
        assert!(!plain.has("sales.db/orders").await);
    }
}
