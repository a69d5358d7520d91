//! Databases.

use catalog::model::{Database, Location, TableKind};
use catalog::names::Pattern;
use catalog::{DEFAULT_DATABASE_ID, Error, Place};

use super::fixture::{counts, database, files, lake, message, orders, put_files, refused, table, write};

#[tokio::test]
async fn a_new_repository_has_the_database_default() {
    let main = lake().await.main().await;
    assert_eq!(main.databases(&Pattern::all()).await.unwrap(), ["default"]);
    let default = main.database("DEFAULT").await.unwrap();
    assert_eq!(
        (default.id, default.owner.as_deref()),
        (DEFAULT_DATABASE_ID, Some("public"))
    );
    assert_eq!(counts(&main).await, [0; 4]);
}

#[tokio::test]
async fn databases_are_created_listed_and_altered() {
    let lake = lake().await;
    write!(lake, |draft| {
        draft.create_database(database("Sales")).await?;
        draft.create_database(database("zoo")).await?;
        let mut default = draft.database("default").await?;
        default.description = Some("ours".into());
        draft.alter_database("default", default).await?;
    })
    .unwrap();
    let main = lake.main().await;
    assert_eq!(
        main.databases(&Pattern::all()).await.unwrap(),
        ["default", "sales", "zoo"]
    );
    assert_eq!(
        main.databases(&Pattern::parse("S*|d*")).await.unwrap(),
        ["default", "sales"]
    );
    assert_eq!(main.databases(&Pattern::parse("")).await.unwrap(), [""; 0]);
    let sales = main.database("SALES").await.unwrap();
    assert_eq!(
        (sales.location.clone(), sales.place()),
        (Location::Default, Place::Path("sales.db".into()))
    );
    assert_eq!(sales.created_s, Some(1_767_225_600));
    assert_eq!(
        main.database("default").await.unwrap().description.as_deref(),
        Some("ours")
    );
    refused!(main.database("nope").await, Error::NoSuchDatabase { .. });
    refused!(
        write!(lake, |draft| draft.create_database(database("SALES")).await?),
        Error::DatabaseExists { .. }
    );
    refused!(
        write!(lake, |draft| draft.create_database(database("a-b")).await?),
        Error::InvalidName { .. }
    );
    refused!(
        write!(lake, |draft| draft.create_database(database("default")).await?),
        Error::DatabaseExists { .. }
    );
}

#[tokio::test]
async fn a_database_is_dropped_with_what_is_in_it_or_not_at_all() {
    let lake = lake().await;
    write!(lake, |draft| {
        draft.create_database(database("sales")).await?;
        draft.create_table("sales", orders()).await?;
        put_files(
            draft,
            &["sales.db/orders/d=1/h=2/f", "sales.db/x", "sales.dbx", "a"],
        );
    })
    .unwrap();
    let refusal = write!(lake, |draft| draft.drop_database("sales", true, false).await?);
    assert_eq!(
        message(refusal),
        "database sales is not empty: it has one or more tables"
    );
    refused!(
        write!(lake, |draft| draft.drop_database("default", true, true).await?),
        Error::DefaultDatabase
    );
    refused!(
        write!(lake, |draft| draft.drop_database("x", true, true).await?),
        Error::NoSuchDatabase { .. }
    );
    write!(lake, |draft| draft.drop_database("Sales", true, true).await?).unwrap();
    let main = lake.main().await;
    assert_eq!(counts(&main).await, [0, 0, 0, 3]);
    assert_eq!(files(&main).await, ["a", "sales.db/x", "sales.dbx"]);
}

#[tokio::test]
async fn the_default_database_can_only_be_emptied() {
    let lake = lake().await;
    let fresh = lake.main().await.database("default").await.unwrap();
    write!(lake, |draft| {
        let told = Database {
            description: Some("ours".into()),
            ..draft.database("default").await?
        };
        draft.alter_database("default", told).await?;
        draft.create_table("default", orders()).await?;
    })
    .unwrap();
    refused!(
        write!(lake, |draft| draft.reset_default_database(true, false).await?),
        Error::DatabaseNotEmpty { .. }
    );
    write!(lake, |draft| draft.reset_default_database(true, true).await?).unwrap();
    let main = lake.main().await;
    assert_eq!(main.database("default").await.unwrap(), fresh);
    assert!(main.tables(fresh.id, &Pattern::all()).await.unwrap().is_empty());
}

#[tokio::test]
async fn data_of_external_tables_outlives_their_database() {
    let lake = lake().await;
    write!(lake, |draft| {
        draft.create_database(database("sales")).await?;
        let mut external = table("e", "a int", "");
        external.set_parameter("EXTERNAL", "TRUE");
        draft.create_table("sales", external).await?;
        draft.create_table("sales", table("m", "a int", "")).await?;
        put_files(draft, &["sales.db/e/f", "sales.db/m/f"]);
        draft.drop_database("sales", true, true).await?;
    })
    .unwrap();
    assert_eq!(files(&lake.main().await).await, ["sales.db/e/f"]);
}

#[tokio::test]
async fn data_of_a_materialized_view_goes_with_it() {
    let lake = lake().await;
    write!(lake, |draft| {
        draft.create_database(database("sales")).await?;
        let mut view = table("v", "a int", "");
        view.kind = TableKind::MaterializedView;
        draft.create_table("sales", view).await?;
        put_files(draft, &["sales.db/v/f"]);
        draft.drop_table("sales", "v", true).await?;
    })
    .unwrap();
    assert_eq!(files(&lake.main().await).await, [""; 0]);
}

#[tokio::test]
async fn data_of_a_table_that_left_outlives_its_first_database() {
    let lake = lake().await;
    write!(lake, |draft| {
        draft.create_database(database("sales")).await?;
        draft.create_table("sales", table("t", "a int", "")).await?;
        put_files(draft, &["sales.db/t/f"]);
        draft.rename_table("sales", "t", "default", "t").await?;
        draft.drop_database("sales", true, true).await?;
    })
    .unwrap();
    let main = lake.main().await;
    assert_eq!(
        main.table("default", "t").await.unwrap().place(),
        Some(Place::Path("sales.db/t".into()))
    );
    assert_eq!(files(&main).await, ["sales.db/t/f"]);
}

#[tokio::test]
async fn tables_stay_when_their_database_moves() {
    let lake = lake().await;
    write!(lake, |draft| {
        let mut sales = draft.create_database(database("sales")).await?;
        draft.create_table("sales", orders()).await?;
        sales.location = Location::Rel("elsewhere".into());
        draft.alter_database("sales", sales).await?;
        draft.create_table("sales", table("new", "a int", "")).await?;
    })
    .unwrap();
    let main = lake.main().await;
    for (name, path) in [("orders", "sales.db/orders"), ("new", "elsewhere/new")] {
        assert_eq!(
            main.table("sales", name).await.unwrap().place(),
            Some(Place::Path(path.into()))
        );
    }
}

#[tokio::test]
async fn what_stays_behind_when_a_database_moves_keeps_its_folder() {
    let lake = lake().await;
    write!(lake, |draft| {
        draft.create_database(database("sales")).await?;
        draft.create_table("sales", table("t", "id int", "")).await?;
        let mut sales = draft.database("sales").await?;
        sales.location = Location::Rel("elsewhere".into());
        draft.alter_database("sales", sales).await?;
        let mut second = database("second");
        second.location = Location::Rel("sales.db".into());
        draft.create_database(second).await?;
        draft.create_table("second", table("t", "id int", "")).await?;
    })
    .unwrap();
    let main = lake.main().await;
    let first = main.table("sales", "t").await.unwrap();
    assert_eq!(first.place(), Some(Place::Path("sales.db/t".into())));
    let second = main.table("second", "t").await.unwrap();
    assert_ne!(second.place(), first.place());
    // the lists say so as well
    let (_, entry) = main
        .tables(first.database.id, &Pattern::all())
        .await
        .unwrap()
        .remove(0);
    assert_eq!(entry, first.entry());
}
