//! Iceberg tables: where they may lie, and how what two branches did to one is merged.

mod merges;

use catalog::draft::{AddPartitions, AlterPartitions, AlterTable};
use catalog::layout::LAYOUT;
use catalog::model::{Database, Location, Table};
use catalog::{Error, Place};

use super::fixture::{Lake, database, lake, orders, refused, table, write};

pub(super) use merges::advance;

fn shared(name: &str) -> Database {
    Database {
        parameters: Some([(LAYOUT.to_owned(), "shared".to_owned())].into()),
        ..database(name)
    }
}

/// Returns an Iceberg table whose pointer is at a place.
fn iceberg(name: &str, pointer: Location) -> Table {
    let mut table = table(name, "id int", "");
    table.set_parameter("table_type", "ICEBERG");
    table.locations.insert("metadata_location".into(), pointer);
    table
}

async fn with_shared() -> Lake {
    let lake = lake().await;
    write!(lake, |draft| draft.create_database(shared("ice")).await?).unwrap();
    lake
}

#[tokio::test]
async fn a_shared_database_has_a_place_that_no_other_has() {
    let lake = with_shared().await;
    write!(lake, |draft| {
        draft.create_database(database("plain")).await?;
        draft.create_table("plain", table("t", "id int", "")).await?;
    })
    .unwrap();
    let first = lake.main().await.database("ice").await.unwrap();
    let Place::Shared(path) = first.place() else {
        panic!("{first:?}");
    };
    assert_eq!(path, format!("{}/ice.db", first.id));
    write!(lake, |draft| {
        draft.drop_database("ice", true, true).await?;
        draft.create_database(shared("ice")).await?;
        let mut plain = draft.database("plain").await?;
        plain.parameters = shared("plain").parameters;
        draft.alter_database("plain", plain).await?;
    })
    .unwrap();
    let main = lake.main().await;
    assert_ne!(main.database("ice").await.unwrap().place(), first.place());
    assert!(matches!(
        main.database("plain").await.unwrap().place(),
        Place::Shared(_)
    ));
    let before = main.table("plain", "t").await.unwrap();
    assert_eq!(
        before.place(),
        Some(Place::Path("plain.db/t".into())),
        "it stays where it was"
    );
}

#[tokio::test]
async fn a_shared_database_leaves_when_it_says_so() {
    let lake = with_shared().await;
    let move_to = async |layout: &str| {
        write!(lake, |draft| {
            let mut ice = draft.database("ice").await?;
            ice.location = Location::Rel("ice.db".into());
            ice.parameters = Some([(LAYOUT.to_owned(), layout.to_owned())].into());
            draft.alter_database("ice", ice).await?
        })
    };
    refused!(move_to("shared").await, Error::NotAllowed { .. });
    move_to("ref").await.unwrap();
    let moved = lake.main().await.database("ice").await.unwrap();
    assert_eq!(moved.place(), Place::Path("ice.db".into()));
}

#[tokio::test]
async fn only_iceberg_tables_and_views_are_made_there() {
    let lake = with_shared().await;
    let refused = write!(lake, |draft| draft
        .create_table("ice", table("h", "id int", ""))
        .await?);
    match refused {
        Err(Error::NotAllowed { reason, .. }) => assert!(reason.contains("skep.layout"), "{reason}"),
        other => panic!("{other:?}"),
    }
    write!(lake, |draft| {
        let pointer = Location::Shared("x/t/metadata/1.json".into());
        draft.create_table("ice", iceberg("t", pointer)).await?;
        let mut placed = table("h", "id int", "");
        placed.storage.as_mut().unwrap().location = Some(Location::Rel("h".into()));
        draft.create_table("ice", placed).await?;
    })
    .unwrap();
    refused!(
        write!(lake, |draft| {
            let mut hive = draft.table("ice", "t").await?.table;
            hive.locations.clear();
            hive.parameters = None;
            draft
                .alter_table("ice", "t", hive, &AlterTable::default())
                .await?
        }),
        Error::NotAllowed { .. }
    );
}

#[tokio::test]
async fn partitions_of_hive_tables_do_not_come_there() {
    let lake = Lake::with_orders().await;
    let placed = |h: &str, location| {
        let storage = catalog::model::Storage {
            location: Some(location),
            ..Default::default()
        };
        catalog::model::Partition {
            values: vec!["a".into(), h.into()],
            storage: Some(storage),
            ..Default::default()
        }
    };
    let there = || Location::Shared("x/p".into());
    let how = AddPartitions::default();
    let added = write!(lake, |draft| draft
        .add_partitions("sales", "orders", vec![placed("1", there())], &how)
        .await?);
    match added {
        Err(Error::NotAllowed { reason, .. }) => assert!(reason.contains("d=a/h=1"), "{reason}"),
        other => panic!("{other:?}"),
    }
    write!(lake, |draft| draft
        .add_partitions("sales", "orders", vec![placed("1", Location::Default)], &how)
        .await?)
    .unwrap();
    let altered = AlterPartitions::default();
    refused!(
        write!(lake, |draft| draft
            .alter_partitions("sales", "orders", vec![placed("1", there())], &altered)
            .await?),
        Error::NotAllowed { .. }
    );
    let old = placed("1", there()).values;
    refused!(
        write!(lake, |draft| draft
            .rename_partition("sales", "orders", &old, placed("2", there()))
            .await?),
        Error::NotAllowed { .. }
    );
    // those of an Iceberg table say where its files are
    write!(lake, |draft| {
        let mut table = iceberg("t", Location::Shared("x/1.json".into()));
        table.partition_keys = orders().partition_keys;
        draft.create_table("sales", table).await?;
        draft
            .add_partitions("sales", "t", vec![placed("1", there())], &how)
            .await?;
    })
    .unwrap();
}

#[tokio::test]
async fn a_table_there_stays_where_it_is_under_another_name() {
    let lake = with_shared().await;
    write!(lake, |draft| {
        let pointer = Location::Shared("x/1.json".into());
        draft.create_table("ice", iceberg("t", pointer)).await?;
        draft.rename_table("ice", "t", "ice", "u").await?;
    })
    .unwrap();
    let main = lake.main().await;
    let (database, moved) = (
        main.database("ice").await.unwrap(),
        main.table("ice", "u").await.unwrap(),
    );
    assert_eq!(moved.place(), Some(database.place().child("t")));
}
