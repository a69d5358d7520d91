//! The schema registry on branches: what one side did lands, what both did is for a person.

use catalog::Error;
use catalog::model::{RegisteredSchema, SchemaVersion};
use expect_test::expect;

use super::fixture::{Lake, database, refused, write};
use super::merges;

fn schema(name: &str) -> RegisteredSchema {
    RegisteredSchema {
        name: name.to_owned(),
        ..RegisteredSchema::default()
    }
}

fn version(version: i32) -> SchemaVersion {
    SchemaVersion {
        version,
        ..SchemaVersion::default()
    }
}

#[tokio::test]
async fn a_database_goes_with_its_schemas() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        draft.create_database(database("web")).await?;
        draft.register_schema("web", schema("S")).await?;
        draft.register_schema("web", schema("s_more")).await?;
        draft.add_schema_version("web", "s", version(1)).await?;
        draft.add_schema_version("web", "s_more", version(2)).await?;
    })
    .unwrap();
    let main = lake.main().await;
    let web = main.database("web").await.unwrap();
    assert_eq!(main.schema_versions(web.id, "s").await.unwrap(), [version(1)]);
    assert_eq!(main.all_schema_versions().await.unwrap().len(), 2);
    refused!(
        write!(lake, |draft| draft.register_schema("web", schema("s\0")).await?),
        Error::InvalidName { .. }
    );
    refused!(
        write!(lake, |draft| draft.drop_database("web", true, false).await?),
        Error::DatabaseNotEmpty {
            what: "one or more schemas",
            ..
        }
    );
    write!(lake, |draft| draft.drop_database("web", true, true).await?).unwrap();
    let main = lake.main().await;
    assert!(main.all_schema_versions().await.unwrap().is_empty());
    refused!(main.schema("web", "s").await, Error::NotRegistered { .. });
}

#[tokio::test]
async fn merges_of_schemas() {
    merges::check(
        "schema sales.s x",
        "version sales.s 1",
        "version sales.s 2\nschema sales.t y\nversion sales.t 7",
        expect![[r#"
            sales.s version 1
            sales.s version 2
            sales.t version 7
        "#]],
    )
    .await;
    merges::check(
        "schema sales.s x",
        "schema sales.s y\nschema sales.new a",
        "schema sales.s z\nschema sales.new b",
        expect![[r#"
            ! record schema new was changed in ours, changed otherwise in theirs
            ! record schema s is changed in ours, changed otherwise in theirs
        "#]],
    )
    .await;
    merges::check(
        "schema sales.s x\ndatabase web\nschema web.t x",
        "version sales.s 1\ndropdb web",
        "dropschema sales.s\nschema web.u y",
        expect![[r#"
            ! record schema s version 1 was set in ours, left without its schema in theirs
            ! record schema u was left without its database in ours, set in theirs
        "#]],
    )
    .await;
}
