//! Tables.

use catalog::draft::AlterTable;
use catalog::model::{Location, Table, TableFormat, TableKind};
use catalog::names::Pattern;
use catalog::{Error, ParameterValue, Place};

use super::fixture::{
    Lake, add, column_ids, counts, database, files, orders, partition_names, put_files, refused, set_columns,
    table, write,
};

fn path(path: &str) -> Option<Place> {
    Some(Place::Path(path.into()))
}

#[tokio::test]
async fn a_table_reads_as_it_was_made() {
    let lake = Lake::with_orders().await;
    let main = lake.main().await;
    let found = main.table("SALES", "Orders").await.unwrap();
    assert_eq!(column_ids(&found), "id#3 amount#4");
    assert_eq!(
        found.keys().iter().map(|key| key.id.0).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!((found.next_column_id, found.created_s), (5, Some(1_767_225_600)));
    assert_eq!(found.parameter("transient_lastDdlTime"), Some("1767225600"));
    assert_eq!(
        (found.location(), found.place()),
        (Some(&Location::Default), path("sales.db/orders"))
    );
    let tables = main
        .tables(found.database.id, &Pattern::parse("o*"))
        .await
        .unwrap();
    assert_eq!(tables.len(), 1);
    assert_eq!(
        (tables[0].0.as_str(), &tables[0].1.kind),
        ("orders", &TableKind::Managed)
    );
    assert_eq!(
        (tables[0].1.id, tables[0].1.format),
        (found.id, TableFormat::Hive)
    );
    refused!(main.table("sales", "nope").await, Error::NoSuchTable { .. });
    refused!(main.table("nope", "orders").await, Error::NoSuchTable { .. });
}

#[tokio::test]
async fn bad_tables_are_refused_whole() {
    let lake = Lake::with_orders().await;
    let before = counts(&lake.main().await).await;
    for (bad, expected) in [
        (table("a-b", "a int", ""), "\"a-b\" is not a valid object name"),
        (table("", "a int", ""), "\"\" is not a valid object name"),
        (table("t", "a INT", ""), "invalid column type: INT"),
        (table("t", "a int", "d badtype"), "invalid column type: badtype"),
        (orders(), "table sales.orders already exists"),
    ] {
        let found = write!(lake, |draft| {
            draft.create_table("sales", table("first", "a int", "")).await?;
            draft.create_table("sales", bad.clone()).await?;
        });
        assert_eq!(found.unwrap_err().to_string(), expected);
    }
    refused!(
        write!(lake, |draft| draft.create_table("nope", orders()).await?),
        Error::NoSuchDatabase { .. }
    );
    assert_eq!(counts(&lake.main().await).await, before);
}

#[tokio::test]
async fn wide_tables_and_long_views_are_kept_out_of_the_leaves() {
    let lake = Lake::with_orders().await;
    let text = "select ".repeat(5_000);
    let mut view = Table {
        name: "v".into(),
        kind: TableKind::View,
        ..Table::default()
    };
    view.view_expanded_text = Some(text.clone());
    write!(lake, |draft| draft.create_table("sales", view.clone()).await?).unwrap();
    let main = lake.main().await;
    let found = main.table("sales", "v").await.unwrap();
    assert_eq!(found.view_expanded_text, Some(text));
    assert_eq!(found.place(), None);
    let key = catalog::keys::MetaKey::Table(found.id).encode();
    let value = main
        .view()
        .get(versioning::Space::Meta, &key)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((value.payload.len(), value.blobs.len()), (1, 1));
}

#[tokio::test]
async fn columns_keep_their_ids_when_a_table_is_altered() {
    let lake = Lake::with_orders().await;
    let mut notes = Vec::new();
    for (columns, expected) in [
        ("id bigint, amount int", "id#3 amount#4"),
        ("id bigint, amount int, note string", "id#3 amount#4 note"),
        ("id bigint, price int, note string", "id#3 price#4 note"),
        ("id bigint, price int", "id#3 price#4"),
        ("id bigint, price int, note string", "id#3 price#4 note"),
    ] {
        write!(lake, |draft| {
            let mut table = draft.table("sales", "orders").await?.table;
            set_columns(&mut table, columns);
            draft
                .alter_table("sales", "orders", table, &AlterTable::default())
                .await?;
        })
        .unwrap();
        let found = lake.main().await.table("sales", "orders").await.unwrap();
        // the ids of added columns are drawn
        let (told, note) = match column_ids(&found).split_once(" note#") {
            Some((told, id)) => (format!("{told} note"), Some(id.to_owned())),
            None => (column_ids(&found), None),
        };
        assert_eq!(told, expected);
        notes.push(note);
    }
    assert_eq!(notes[1], notes[2]);
    assert_ne!(notes[2], notes[4], "a column that comes again is another");
    let narrowed = write!(lake, |draft| {
        let mut table = draft.table("sales", "orders").await?.table;
        set_columns(&mut table, "id int, price int");
        draft
            .alter_table("sales", "orders", table, &AlterTable::default())
            .await?;
    });
    match narrowed {
        Err(Error::IncompatibleTypes { columns }) => assert_eq!(columns, ["id"]),
        other => panic!("{other:?}"),
    }
    let rekeyed = write!(lake, |draft| {
        let mut table = draft.table("sales", "orders").await?.table;
        table.partition_keys.as_mut().unwrap()[0].name = "day".into();
        draft
            .alter_table("sales", "orders", table, &AlterTable::default())
            .await?;
    });
    refused!(rekeyed, Error::PartitionKeysChanged { .. });
}

#[tokio::test]
async fn partitions_get_new_columns_only_if_asked() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| add(draft, &["1/1", "1/2"]).await?).unwrap();
    for (cascade, columns, expected) in [
        (false, "id int, amount int, b int", 2),
        (true, "id int, amount int, b int, c int", 4),
    ] {
        write!(lake, |draft| {
            let mut table = draft.table("sales", "orders").await?.table;
            set_columns(&mut table, columns);
            let how = AlterTable {
                cascade,
                ..AlterTable::default()
            };
            draft.alter_table("sales", "orders", table, &how).await?;
        })
        .unwrap();
        let main = lake.main().await;
        let orders = main.table("sales", "orders").await.unwrap();
        let found = main.find_partition(orders.id, "d=1/h=2").await.unwrap().unwrap();
        assert_eq!(found.storage.unwrap().columns.unwrap().0.len(), expected);
    }
}

#[tokio::test]
async fn a_renamed_table_keeps_its_data_where_it_is() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        draft.create_database(database("old")).await?;
        add(draft, &["1/1"]).await?;
        put_files(draft, &["sales.db/orders/d=1/h=1/f"]);
        draft
            .rename_table("sales", "orders", "old", "Orders_2025")
            .await?;
        // the name is free again, the folder is not
        draft.create_table("sales", orders()).await?;
    })
    .unwrap();
    let main = lake.main().await;
    let renamed = main.table("old", "orders_2025").await.unwrap();
    assert_eq!(renamed.place(), path("sales.db/orders"));
    let partition = main.find_partition(renamed.id, "d=1/h=1").await.unwrap().unwrap();
    let location = partition.storage.unwrap().location.unwrap();
    assert_eq!(
        Some(renamed.partition_place("d=1/h=1", &location)),
        path("sales.db/orders/d=1/h=1")
    );
    let new = main.table("sales", "orders").await.unwrap();
    assert_ne!(new.place(), renamed.place());
    assert_ne!(new.id, renamed.id);
    assert_eq!(files(&main).await, ["sales.db/orders/d=1/h=1/f"]);
    write!(lake, |draft| draft.drop_table("sales", "orders", true).await?).unwrap();
    assert_eq!(files(&lake.main().await).await, ["sales.db/orders/d=1/h=1/f"]);
    let taken = write!(lake, |draft| {
        draft.create_table("sales", orders()).await?;
        draft
            .rename_table("sales", "orders", "old", "orders_2025")
            .await?;
    });
    refused!(taken, Error::TableExists { .. });
}

#[tokio::test]
async fn data_that_is_nobodys_belongs_to_the_table_that_comes() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        put_files(draft, &["sales.db/t/f"]);
        draft.create_table("sales", table("t", "a int", "")).await?;
    })
    .unwrap();
    let found = lake.main().await.table("sales", "t").await.unwrap();
    assert_eq!(
        (found.place(), found.parameter("totalSize")),
        (path("sales.db/t"), Some("10"))
    );
}

#[tokio::test]
async fn an_empty_table_takes_its_folder_along() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| draft
        .rename_table("sales", "orders", "sales", "o")
        .await?)
    .unwrap();
    let found = lake.main().await.table("sales", "o").await.unwrap();
    assert_eq!(
        (found.location(), found.place()),
        (Some(&Location::Default), path("sales.db/o"))
    );
}

#[tokio::test]
async fn partitions_stay_when_their_table_moves() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        add(draft, &["1/1"]).await?;
        let mut table = draft.table("sales", "orders").await?.table;
        table.storage.as_mut().unwrap().location = Some(Location::Rel("new/place".into()));
        draft
            .alter_table("sales", "orders", table, &AlterTable::default())
            .await?;
        add(draft, &["1/2"]).await?;
        let kept = ["sales.db/orders/other", "x"];
        put_files(
            draft,
            &[
                "sales.db/orders/d=1/h=1/f",
                "new/place/d=1/h=2/f",
                kept[0],
                kept[1],
            ],
        );
    })
    .unwrap();
    let main = lake.main().await;
    let orders = main.table("sales", "orders").await.unwrap();
    for (name, expected) in [
        ("d=1/h=1", "sales.db/orders/d=1/h=1"),
        ("d=1/h=2", "new/place/d=1/h=2"),
    ] {
        let found = main.find_partition(orders.id, name).await.unwrap().unwrap();
        let location = found.storage.unwrap().location.unwrap();
        assert_eq!(Some(orders.partition_place(name, &location)), path(expected));
    }
    write!(lake, |draft| draft.drop_table("sales", "orders", true).await?).unwrap();
    assert_eq!(files(&lake.main().await).await, ["sales.db/orders/other", "x"]);
}

#[tokio::test]
async fn dropping_takes_only_what_belongs_to_the_table() {
    for (external, purge, expected) in [(false, false, 1), (true, false, 2), (true, true, 1)] {
        let lake = Lake::with_orders().await;
        write!(lake, |draft| {
            let mut t = table("t", "a int", "");
            if external {
                t.set_parameter("EXTERNAL", "true");
            }
            t.set_parameter("external.table.purge", purge.to_string());
            draft.create_table("sales", t).await?;
            put_files(draft, &["sales.db/t/f", "sales.db/tt/f"]);
        })
        .unwrap();
        write!(lake, |draft| draft.drop_table("sales", "t", true).await?).unwrap();
        assert_eq!(
            files(&lake.main().await).await.len(),
            expected,
            "{external} {purge}"
        );
    }
    let lake = Lake::with_orders().await;
    refused!(
        write!(lake, |draft| draft.drop_table("sales", "nope", true).await?),
        Error::NoSuchTable { .. }
    );
}

#[tokio::test]
async fn spark_keeps_the_place_of_its_data_in_the_serde() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        let mut t = table("t", "a int", "");
        t.set_parameter("spark.sql.sources.provider", "parquet");
        let storage = t.storage.as_mut().unwrap();
        storage.location = Some(Location::Rel("sales.db/t-__PLACEHOLDER__".into()));
        storage
            .serde_locations
            .insert("path".into(), Location::Rel("data/t".into()));
        draft.create_table("sales", t).await?;
        put_files(draft, &["data/t/f", "data/u/f"]);
        let altered = draft.table("sales", "t").await?.table;
        draft
            .alter_table("sales", "t", altered, &AlterTable::default())
            .await?;
    })
    .unwrap();
    let found = lake.main().await.table("sales", "t").await.unwrap();
    assert_eq!(
        (found.data_place(), found.parameter("numFiles")),
        (path("data/t"), Some("1"))
    );
    write!(lake, |draft| draft.drop_table("sales", "t", true).await?).unwrap();
    assert_eq!(files(&lake.main().await).await, ["data/u/f"]);
}

#[tokio::test]
async fn data_moves_where_a_client_names_a_new_folder_with_a_new_name() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        let mut t = table("t", "a int", "");
        t.set_parameter("spark.sql.sources.provider", "parquet");
        let storage = t.storage.as_mut().unwrap();
        storage
            .serde_locations
            .insert("path".into(), Location::Rel("sales.db/t".into()));
        draft.create_table("sales", t).await?;
        put_files(draft, &["sales.db/t/f"]);
        let mut renamed = draft.table("sales", "t").await?.table;
        renamed.name = "u".into();
        let storage = renamed.storage.as_mut().unwrap();
        storage
            .serde_locations
            .insert("path".into(), Location::Rel("sales.db/u".into()));
        draft
            .alter_table("sales", "t", renamed, &AlterTable::default())
            .await?;
    })
    .unwrap();
    let main = lake.main().await;
    let found = main.table("sales", "u").await.unwrap();
    assert_eq!(
        (found.data_place(), found.place()),
        (path("sales.db/u"), path("sales.db/u"))
    );
    assert_eq!(files(&main).await, ["sales.db/u/f"]);
}

#[tokio::test]
async fn truncating_empties_and_keeps() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        add(draft, &["1/1", "1/2"]).await?;
        put_files(draft, &["sales.db/orders/d=1/h=1/f", "sales.db/orders/d=1/h=2/f"]);
    })
    .unwrap();
    write!(lake, |draft| draft
        .truncate_table("sales", "orders", Some(&[]))
        .await?)
    .unwrap();
    assert_eq!(files(&lake.main().await).await.len(), 2);
    write!(lake, |draft| draft
        .truncate_table("sales", "orders", Some(&["d=1/h=2".into()]))
        .await?)
    .unwrap();
    assert_eq!(files(&lake.main().await).await, ["sales.db/orders/d=1/h=1/f"]);
    write!(lake, |draft| draft
        .truncate_table("sales", "orders", None)
        .await?)
    .unwrap();
    let main = lake.main().await;
    assert!(files(&main).await.is_empty());
    assert_eq!(partition_names(&main).await, ["d=1/h=1", "d=1/h=2"]);
    let orders = main.table("sales", "orders").await.unwrap();
    let partition = main.find_partition(orders.id, "d=1/h=1").await.unwrap().unwrap();
    assert_eq!(partition.parameter("numFiles"), Some("0"));
}

#[tokio::test]
async fn a_parameter_is_compared_and_set_in_one() {
    let lake = Lake::with_orders().await;
    let metadata = |path: &str| {
        (
            String::from("metadata_location"),
            ParameterValue::Place(Place::Path(path.into())),
        )
    };
    let commit = async |expected: Option<&str>, new: &str| {
        let how = AlterTable {
            expected: expected.map(metadata),
            ..AlterTable::default()
        };
        let new = Location::Rel(new.to_owned());
        write!(lake, |draft| {
            let mut table = draft.table("sales", "orders").await?.table;
            table.locations.insert("metadata_location".into(), new.clone());
            draft.alter_table("sales", "orders", table, &how).await?;
        })
    };
    commit(None, "1.json").await.unwrap();
    commit(Some("1.json"), "2.json").await.unwrap();
    commit(Some("1.json"), "2.json").await.unwrap();
    match commit(Some("1.json"), "3.json").await {
        Err(Error::ParameterMismatch { key, actual, .. }) => {
            assert_eq!(
                (key, actual),
                ("metadata_location".into(), Some(metadata("2.json").1))
            );
        }
        other => panic!("{other:?}"),
    }
    let main = lake.main().await;
    let entry = main
        .find_entry(main.database("sales").await.unwrap().id, "orders")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(entry.format, TableFormat::Iceberg);
}
