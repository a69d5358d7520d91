//! Tables, against the recorded outcomes of the original.

use std::collections::BTreeMap;

use thrift_idl::methods::*;
use thrift_idl::types::{
    EnvironmentContext, FieldSchema, GetTableRequest, GetTablesRequest, Table, TableMeta,
};

use super::harness::{Client, Server, fields, some, table, texts};

async fn fixture() -> (Server, Client) {
    Server::with_table(table("g1", "T1", "A int", "")).await
}

async fn create(client: &mut Client, table: Table) -> String {
    client
        .outcome::<CreateTable>(CreateTableArgs { tbl: Some(table) })
        .await
}

async fn alter(client: &mut Client, name: &str, new: Table) -> String {
    let args = AlterTableArgs {
        dbname: some("g1"),
        tbl_name: some(name),
        new_tbl: Some(new),
    };
    client.outcome::<AlterTable>(args).await
}

fn location(table: &Table) -> &str {
    table.sd.as_ref().unwrap().location.as_deref().unwrap_or("-")
}

#[tokio::test]
async fn tables_come_back_complete() {
    let (_server, mut client) = fixture().await;
    let found = client.table("G1", "t1").await.unwrap();
    assert_eq!(
        (found.table_name.as_deref(), found.db_name.as_deref()),
        (Some("t1"), Some("g1"))
    );
    assert_eq!(location(&found), "s3a://lake/main/g1.db/t1");
    assert_eq!((found.last_access_time, found.retention), (Some(0), Some(0)));
    assert_eq!(found.table_type.as_deref(), Some("MANAGED_TABLE"));
    assert_eq!(found.cat_name.as_deref(), Some("hive"));
    assert!(found.create_time.unwrap() > 1_700_000_000);
    assert!(
        found
            .parameters
            .as_ref()
            .unwrap()
            .contains_key("transient_lastDdlTime")
    );
    let storage = found.sd.unwrap();
    assert_eq!(storage.cols, Some(fields("a int")));
    assert_eq!(
        (storage.bucket_cols, storage.sort_cols),
        (Some(Vec::new()), Some(Vec::new()))
    );
    assert_eq!(storage.parameters, Some(BTreeMap::new()));
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_in_the_originals_words() {
    let (_server, mut client) = fixture().await;
    for (table, expected) in [
        (
            table("g1", "t1", "a int", ""),
            "AlreadyExistsException: Table hive.g1.t1 already exists",
        ),
        (table("nope", "t", "a int", ""), "InvalidObjectException: nope"),
        (
            table("g1", "bad-name", "a int", ""),
            "InvalidObjectException: bad-name is not a valid object name",
        ),
        (
            table("g1", "", "a int", ""),
            "InvalidObjectException: is not a valid object name",
        ),
        (
            table("g1", "a.b", "a int", ""),
            "InvalidObjectException: a.b is not a valid object name",
        ),
        (
            table("g1", "Ünï", "a int", ""),
            "InvalidObjectException: Ünï is not a valid object name",
        ),
        (
            table("g1", "t2", "a INT", ""),
            "InvalidObjectException: Invalid column type: INT",
        ),
        (
            table("g1", "t2", "a badtype", ""),
            "InvalidObjectException: Invalid column type: badtype",
        ),
        (
            table(
                "g1",
                "t2",
                "a array<int>, b struct<a:int,B:string>, c map<string,array<int>>",
                "",
            ),
            "ok",
        ),
        (
            table("g1", "t3", "a decimal(10,2), b varchar(10), c void", ""),
            "ok",
        ),
    ] {
        let name = table.table_name.clone();
        assert_eq!(create(&mut client, table).await, expected, "{name:?}");
    }
    let t2 = client.table("g1", "t2").await.unwrap().sd.unwrap().cols.unwrap();
    assert_eq!(t2[1].r#type.as_deref(), Some("struct<a:int,B:string>"));
}

#[tokio::test]
async fn missing_tables() {
    let (_server, mut client) = fixture().await;
    for (database, name, expected) in [
        (
            "g1",
            "nope",
            "NoSuchObjectException: hive.g1.nope table not found",
        ),
        (
            "nope",
            "nope",
            "NoSuchObjectException: hive.nope.nope table not found",
        ),
    ] {
        let found = client.table(database, name).await.unwrap_err().to_string();
        assert_eq!(found, expected);
    }
    let request = GetTableRequest {
        db_name: some("g1"),
        tbl_name: some("nope"),
        ..Default::default()
    };
    assert_eq!(
        client
            .outcome::<GetTableReq>(GetTableReqArgs { req: Some(request) })
            .await,
        "NoSuchObjectException: hive.g1.nope table not found"
    );
    let args = DropTableArgs {
        dbname: some("g1"),
        name: some("nope"),
        delete_data: Some(true),
    };
    assert_eq!(
        client.outcome::<DropTable>(args).await,
        "NoSuchObjectException: hive.g1.nope table not found"
    );
    let args = GetSchemaArgs {
        db_name: some("g1"),
        table_name: some("nope"),
    };
    assert_eq!(
        client.outcome::<GetSchema>(args).await,
        "UnknownTableException: hive.g1.nope table not found"
    );
    let args = GetTableArgs {
        dbname: None,
        tbl_name: None,
    };
    assert_eq!(
        client.outcome::<GetTable>(args).await,
        "MetaException: Database name cannot be null."
    );
}

#[tokio::test]
async fn lists() {
    let (_server, mut client) = fixture().await;
    let mut external = table("g1", "e1", "a int", "");
    external.table_type = some("EXTERNAL_TABLE");
    create(&mut client, external).await;
    let mut view = table("g1", "v1", "a int", "");
    view.table_type = some("VIRTUAL_VIEW");
    view.view_original_text = some("select 1");
    view.parameters = Some([("comment".to_owned(), "cm".to_owned())].into());
    create(&mut client, view).await;
    let all = client
        .get::<GetAllTables>(GetAllTablesArgs { db_name: some("g1") })
        .await
        .unwrap();
    assert_eq!(all, ["e1", "t1", "v1"]);
    let none = client
        .get::<GetAllTables>(GetAllTablesArgs {
            db_name: some("nope"),
        })
        .await
        .unwrap();
    assert_eq!(none, texts(&[]));
    let args = GetTablesArgs {
        db_name: some("g1"),
        pattern: some("E*|v*"),
    };
    assert_eq!(client.get::<GetTables>(args).await.unwrap(), ["e1", "v1"]);
    let by_type = |kind| GetTablesByTypeArgs {
        db_name: some("g1"),
        pattern: some("*"),
        table_type: some(kind),
    };
    let found = client
        .get::<GetTablesByType>(by_type("VIRTUAL_VIEW"))
        .await
        .unwrap();
    assert_eq!(found, ["v1"]);
    let found = client
        .get::<GetTablesByType>(by_type("EXTERNAL_TABLE"))
        .await
        .unwrap();
    assert_eq!(found, ["e1"]);
    let args = GetTableMetaArgs {
        db_patterns: some("g*"),
        tbl_patterns: some("*"),
        tbl_types: Some(texts(&["VIRTUAL_VIEW"])),
    };
    let expected = TableMeta {
        db_name: some("g1"),
        table_name: some("v1"),
        table_type: some("VIRTUAL_VIEW"),
        comments: some("cm"),
        cat_name: None,
        owner_name: some("o"),
        owner_type: Some(thrift_idl::types::PrincipalType::USER),
    };
    assert_eq!(client.get::<GetTableMeta>(args).await.unwrap(), [expected]);
    let names = Some(texts(&["t1", "nope", "T1", "v1"]));
    let args = GetTableObjectsByNameArgs {
        dbname: some("g1"),
        tbl_names: names.clone(),
    };
    let found = client.get::<GetTableObjectsByName>(args).await.unwrap();
    let name = |table: &Table| table.table_name.clone().unwrap();
    assert_eq!(found.iter().map(name).collect::<Vec<_>>(), ["t1", "v1"]);
    let request = GetTablesRequest {
        db_name: some("g1"),
        tbl_names: names,
        ..GetTablesRequest::default()
    };
    let args = GetTableObjectsByNameReqArgs { req: Some(request) };
    assert_eq!(
        client
            .get::<GetTableObjectsByNameReq>(args)
            .await
            .unwrap()
            .tables
            .unwrap()
            .len(),
        2
    );
    let found = client.table("g1", "v1").await.unwrap();
    assert_eq!(
        (location(&found), found.view_original_text.as_deref()),
        ("-", Some("select 1"))
    );
    let found = client.table("g1", "e1").await.unwrap();
    assert_eq!(found.parameters.unwrap()["EXTERNAL"], "TRUE");
}

#[tokio::test]
async fn columns_and_keys() {
    let (_server, mut client) = fixture().await;
    client.create_table(table("g1", "p", "a int", "D string")).await;
    let names = |fields: Vec<FieldSchema>| -> Vec<String> {
        fields.into_iter().map(|field| field.name.unwrap()).collect()
    };
    let args = GetFieldsArgs {
        db_name: some("g1"),
        table_name: some("p"),
    };
    assert_eq!(names(client.get::<GetFields>(args).await.unwrap()), ["a"]);
    let args = GetSchemaArgs {
        db_name: some("g1"),
        table_name: some("p"),
    };
    assert_eq!(names(client.get::<GetSchema>(args).await.unwrap()), ["a", "d"]);
}

#[tokio::test]
async fn altering_and_renaming() {
    let (_server, mut client) = fixture().await;
    client.create_table(table("g1", "e1", "a int", "")).await;
    client.create_database("g2").await;
    let missing = alter(&mut client, "nope", table("g1", "nope", "a int", "")).await;
    assert_eq!(missing, "InvalidOperationException: hive.g1.nope table not found");
    let renamed = alter(&mut client, "t1", table("g1", "e1", "a int", "")).await;
    assert_eq!(
        renamed,
        "InvalidOperationException: new table g1.e1 already exists"
    );
    let renamed = alter(&mut client, "t1", table("g1", "a-b", "a int", "")).await;
    assert_eq!(
        renamed,
        "InvalidOperationException: a-b is not a valid object name"
    );
    let renamed = alter(&mut client, "t1", table("nope", "t1", "a int", "")).await;
    assert_eq!(
        renamed,
        "InvalidOperationException: Unable to change partition or table. Database nope does not exist"
    );
    let narrowed = alter(&mut client, "t1", table("g1", "t1", "a array<int>", "")).await;
    assert_eq!(
        narrowed,
        "InvalidOperationException: The following columns have types incompatible with the existing columns \
         in their respective positions : a"
    );
    assert_eq!(
        alter(&mut client, "t1", table("g1", "t1", "a bigint", "")).await,
        "ok"
    );
    let keyed = alter(&mut client, "t1", table("g1", "t1", "a bigint", "d string")).await;
    assert_eq!(
        keyed,
        "InvalidOperationException: partition keys can not be changed."
    );
    let created = client.table("g1", "t1").await.unwrap().create_time;
    assert_eq!(
        alter(&mut client, "t1", table("g2", "t9", "a bigint", "")).await,
        "ok"
    );
    let found = client.table("g2", "t9").await.unwrap();
    assert_eq!(found.create_time, created);
    assert_eq!(found.sd.unwrap().cols, Some(fields("a bigint")));
    assert!(client.table("g1", "t1").await.is_err());
}

#[tokio::test]
async fn a_session_may_turn_off_the_check_of_types() {
    let (_server, mut client) = fixture().await;
    let key = some("hive.metastore.disallow.incompatible.col.type.changes");
    client
        .call::<SetMetaConf>(SetMetaConfArgs {
            key,
            value: some("false"),
        })
        .await
        .unwrap();
    assert_eq!(
        alter(&mut client, "t1", table("g1", "t1", "a array<int>", "")).await,
        "ok"
    );
}

#[tokio::test]
async fn cascade_reaches_partitions() {
    let (_server, mut client) = fixture().await;
    client.create_table(table("g1", "p", "a int", "d string")).await;
    let part = super::harness::partition("g1", "p", &["1"]);
    client
        .call::<AddPartition>(AddPartitionArgs { new_part: Some(part) })
        .await
        .unwrap();
    let columns = async |client: &mut Client| {
        let args = GetPartitionArgs {
            db_name: some("g1"),
            tbl_name: some("p"),
            part_vals: Some(texts(&["1"])),
        };
        client
            .get::<GetPartition>(args)
            .await
            .unwrap()
            .sd
            .unwrap()
            .cols
            .unwrap()
            .len()
    };
    for (context, new, expected) in [(false, "a int, b int", 1), (true, "a int, b int, c int", 3)] {
        let words = [("CASCADE".to_owned(), context.to_string())].into();
        let args = AlterTableWithEnvironmentContextArgs {
            dbname: some("g1"),
            tbl_name: some("p"),
            new_tbl: Some(table("g1", "p", new, "d string")),
            environment_context: Some(EnvironmentContext {
                properties: Some(words),
            }),
        };
        client
            .call::<AlterTableWithEnvironmentContext>(args)
            .await
            .unwrap();
        assert_eq!(columns(&mut client).await, expected, "{new}");
    }
}

#[tokio::test]
async fn locations_follow_the_ref() {
    let (server, mut client) = fixture().await;
    let mut spark = table("g1", "ds", "a int", "");
    let storage = spark.sd.as_mut().unwrap();
    storage.location = some("s3a://lake/main/g1.db/ds-__PLACEHOLDER__");
    let serde = storage.serde_info.as_mut().unwrap();
    serde.parameters = Some([("path".to_owned(), "s3a://lake/main/g1.db/ds".to_owned())].into());
    client.create_table(spark).await;
    server.branch("etl").await;
    let found = client.table("g1@etl", "ds").await.unwrap();
    assert_eq!(location(&found), "s3a://lake/etl/g1.db/ds-__PLACEHOLDER__");
    let path = found.sd.unwrap().serde_info.unwrap().parameters.unwrap();
    assert_eq!(path["path"], "s3a://lake/etl/g1.db/ds");
    let mut foreign = table("g1", "f", "a int", "");
    foreign.sd.as_mut().unwrap().location = some("s3a://lake/etl/x");
    let refused = create(&mut client, foreign).await;
    assert!(refused.contains("s3a://lake/etl/x belongs to etl"), "{refused}");
}

#[tokio::test]
async fn who_creates_a_table_owns_it() {
    let (_server, mut client) = fixture().await;
    client
        .call::<SetUgi>(SetUgiArgs {
            user_name: some("ann"),
            group_names: None,
        })
        .await
        .unwrap();
    for (given, expected) in [(None, "ann"), (some(""), "ann"), (some("bob"), "bob")] {
        let mut owned = table(
            "g1",
            &format!("t_{}", given.as_deref().unwrap_or("none")),
            "a int",
            "",
        );
        owned.owner = given;
        let name = owned.table_name.clone().unwrap();
        assert_eq!(create(&mut client, owned).await, "ok");
        assert_eq!(
            client.table("g1", &name).await.unwrap().owner.as_deref(),
            Some(expected)
        );
    }
}

#[tokio::test]
async fn tables_can_be_tried() {
    let (_server, mut client) = fixture().await;
    let tried = |name: &str| TranslateTableDryrunArgs {
        request: Some(thrift_idl::types::CreateTableRequest {
            table: Some(table("g1", name, "A int", "")),
            ..Default::default()
        }),
    };
    let found = client.get::<TranslateTableDryrun>(tried("New")).await.unwrap();
    assert_eq!(
        (found.table_name.as_deref(), location(&found)),
        (Some("new"), "s3a://lake/main/g1.db/new")
    );
    assert_eq!(found.sd.unwrap().cols, Some(fields("a int")));
    assert!(client.table("g1", "new").await.is_err());
    // one that is there comes back as it was asked about
    let found = client.get::<TranslateTableDryrun>(tried("T1")).await.unwrap();
    assert_eq!(found, table("g1", "T1", "A int", ""));
}

#[tokio::test]
async fn what_a_view_was_made_from_can_be_set() {
    let (_server, mut client) = fixture().await;
    let creation = thrift_idl::types::CreationMetadata {
        cat_name: some("hive"),
        db_name: some("g1"),
        tbl_name: some("t1"),
        tables_used: Some(["g1.x".to_owned()].into()),
        valid_txn_list: some("1:2:"),
        ..Default::default()
    };
    let args = UpdateCreationMetadataArgs {
        cat_name: some("hive"),
        dbname: some("g1"),
        tbl_name: some("t1"),
        creation_metadata: Some(creation.clone()),
    };
    assert_eq!(client.outcome::<UpdateCreationMetadata>(args).await, "ok");
    assert_eq!(
        client.table("g1", "t1").await.unwrap().creation_metadata,
        Some(creation)
    );
}
