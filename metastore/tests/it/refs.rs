//! Which ref a call means, and what may be changed on it.

use thrift_idl::methods::*;
use thrift_idl::types::{OpenTxnRequest, PartitionEventType, PrivilegeBag, Role, RuntimeStat};

use super::harness::{Client, Server, partition, some, table};

async fn tables(client: &mut Client, database: &str) -> Vec<String> {
    client
        .get::<GetAllTables>(GetAllTablesArgs {
            db_name: some(database),
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_suffix_names_a_branch() {
    let (server, mut client) = Server::with_table(table("sales", "t", "a int", "")).await;
    server.branch("etl").await;
    client.create_table(table("sales@etl", "u", "a int", "")).await;
    assert_eq!(tables(&mut client, "sales").await, ["t"]);
    assert_eq!(tables(&mut client, "sales@etl").await, ["t", "u"]);
    let found = client.table("sales@etl", "u").await.unwrap();
    assert_eq!(found.db_name.as_deref(), Some("sales@etl"));
    assert_eq!(
        found.sd.unwrap().location.as_deref(),
        Some("s3a://lake/etl/sales.db/u")
    );
    for (database, catalog) in [("@hive@etl#sales", "hive@etl"), ("@lake@etl#sales", "lake@etl")] {
        let found = client.table(database, "u").await.unwrap();
        assert_eq!(
            (found.db_name.as_deref(), found.cat_name.as_deref()),
            (Some("sales"), Some(catalog))
        );
    }
    // a partition of a table on a branch stays there
    client
        .create_table(table("sales@etl", "p", "a int", "d string"))
        .await;
    let args = AddPartitionArgs {
        new_part: Some(partition("sales@etl", "p", &["1"])),
    };
    let added = client.get::<AddPartition>(args).await.unwrap();
    assert_eq!(added.db_name.as_deref(), Some("sales@etl"));
    assert_eq!(
        added.sd.unwrap().location.as_deref(),
        Some("s3a://lake/etl/sales.db/p/d=1")
    );
}

#[tokio::test]
async fn spark_lowers_names_suffix_and_all() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("sales").await;
    server.branch("ETL-1").await;
    let args = GetDatabaseArgs {
        name: some("sales@etl-1"),
    };
    let found = client.get::<GetDatabase>(args).await.unwrap();
    assert_eq!(found.name.as_deref(), Some("sales@etl-1"));
    assert_eq!(found.location_uri.as_deref(), Some("s3a://lake/ETL-1/sales.db"));
    let missing = client
        .outcome::<GetDatabase>(GetDatabaseArgs {
            name: some("sales@nope"),
        })
        .await;
    assert!(missing.starts_with("NoSuchObjectException: "), "{missing}");
    let bad = client
        .outcome::<GetDatabase>(GetDatabaseArgs {
            name: some("sales@a/b"),
        })
        .await;
    assert!(
        bad.starts_with("NoSuchObjectException: ref \"a/b\" is not valid"),
        "{bad}"
    );
}

#[tokio::test]
async fn a_listener_can_stand_for_a_branch() {
    let server = Server::with(metastore::Limits::default(), Some("dev")).await;
    server.branch("dev").await;
    let mut client = server.connect().await;
    client.create_database("sales").await;
    let found = client
        .get::<GetDatabase>(GetDatabaseArgs { name: some("sales") })
        .await
        .unwrap();
    assert_eq!(found.location_uri.as_deref(), Some("s3a://lake/dev/sales.db"));
    let on_main = client
        .outcome::<GetDatabase>(GetDatabaseArgs {
            name: some("sales@main"),
        })
        .await;
    assert_eq!(on_main, "NoSuchObjectException: sales");
}

#[tokio::test]
async fn commits_and_tags_are_read_only() {
    let (server, mut client) = Server::with_table(table("sales", "t", "a int", "d string")).await;
    let commit = server.commit().await;
    let v1 = versioning::RefName::parse("v1").unwrap();
    let main = versioning::RefExpr::parse("main").unwrap();
    server.repository.create_tag(&v1, &main).await.unwrap();
    client.create_table(table("sales", "later", "a int", "")).await;
    for reference in ["v1", "main@", &commit, &commit[..12]] {
        let database = format!("sales@{reference}");
        assert_eq!(tables(&mut client, &database).await, ["t"], "{reference}");
        let read_only = |outcome: String| {
            assert!(outcome.contains("is read-only"), "{reference}: {outcome}");
        };
        let create = CreateTableArgs {
            tbl: Some(table(&database, "x", "a int", "")),
        };
        read_only(client.outcome::<CreateTable>(create).await);
        let drop = DropTableArgs {
            dbname: some(&database),
            name: some("t"),
            delete_data: Some(true),
        };
        read_only(client.outcome::<DropTable>(drop).await);
        let alter = AlterTableArgs {
            dbname: some(&database),
            tbl_name: some("t"),
            new_tbl: Some(table(&database, "t", "a int, b int", "d string")),
        };
        let outcome = client.outcome::<AlterTable>(alter).await;
        assert!(outcome.starts_with("InvalidOperationException"), "{outcome}");
        read_only(outcome);
        let add = AddPartitionArgs {
            new_part: Some(partition(&database, "t", &["1"])),
        };
        read_only(client.outcome::<AddPartition>(add).await);
    }
}

#[tokio::test]
async fn protected_branches_say_what_to_do() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let main = versioning::RefName::parse("main").unwrap();
    let rules = Some(versioning::refs::Protection::default());
    server
        .repository
        .set_branch_rules(&main, versioning::refs::CommitMode::Staged, rules)
        .await
        .unwrap();
    let database = thrift_idl::types::Database {
        name: some("x"),
        ..Default::default()
    };
    let refused = client
        .outcome::<CreateDatabase>(CreateDatabaseArgs {
            database: Some(database),
        })
        .await;
    assert!(refused.contains("branch main is protected"), "{refused}");
    assert!(
        refused.contains("write to another branch and merge it"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_read_only_repository_says_how_to_change_that() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("sales").await;
    server.repository.set_read_only(true).await.unwrap();
    let database = thrift_idl::types::Database {
        name: some("x"),
        ..Default::default()
    };
    let refused = client
        .outcome::<CreateDatabase>(CreateDatabaseArgs {
            database: Some(database),
        })
        .await;
    assert!(
        refused.starts_with("MetaException: repository lake is read-only: skep repository set lake"),
        "{refused}"
    );
    let drop = DropTableArgs {
        dbname: some("sales"),
        name: some("t"),
        delete_data: Some(true),
    };
    let refused = client.outcome::<DropTable>(drop).await;
    assert!(
        refused.contains("MetaException: repository lake is read-only"),
        "{refused}"
    );
}

/// Refused are roles, grants, tokens, keys and marks too; locks and transactions, which readers open, are not.
#[tokio::test]
async fn a_read_only_repository_takes_nothing_beside_its_history_but_what_readers_do() {
    let (server, mut client) = Server::with_table(table("sales", "t", "a int", "d string")).await;
    let role = |name| CreateRoleArgs {
        role: Some(Role {
            role_name: some(name),
            create_time: None,
            owner_name: some("ann"),
        }),
    };
    let token = || AddTokenArgs {
        token_identifier: some("id"),
        delegation_token: some("a"),
    };
    let key = || AddMasterKeyArgs { key: some("k") };
    let grants = || GrantPrivilegesArgs {
        privileges: Some(PrivilegeBag::default()),
    };
    let mark = || MarkPartitionForEventArgs {
        db_name: some("sales"),
        tbl_name: some("t"),
        part_vals: Some([("d".to_owned(), "1".to_owned())].into()),
        event_type: Some(PartitionEventType::LOAD_DONE),
    };
    client.call::<CreateRole>(role("etl")).await.unwrap();
    server.repository.set_read_only(true).await.unwrap();
    for refused in [
        client.outcome::<CreateRole>(role("ops")).await,
        client.outcome::<GrantPrivileges>(grants()).await,
        client.outcome::<AddToken>(token()).await,
        client.outcome::<AddMasterKey>(key()).await,
        client.outcome::<MarkPartitionForEvent>(mark()).await,
    ] {
        assert!(
            refused.contains("repository lake is read-only: skep repository set lake"),
            "{refused}"
        );
    }
    let asked = OpenTxnsArgs {
        rqst: Some(OpenTxnRequest {
            num_txns: Some(1),
            user: some("ann"),
            hostname: some("here"),
            ..OpenTxnRequest::default()
        }),
    };
    assert_eq!(client.outcome::<OpenTxns>(asked).await, "ok");
    let stat = AddRuntimeStatsArgs {
        stat: Some(RuntimeStat::default()),
    };
    assert_eq!(client.outcome::<AddRuntimeStats>(stat).await, "ok");
}

#[tokio::test]
async fn tables_do_not_move_between_refs() {
    let (server, mut client) = Server::with_table(table("sales", "t", "a int", "")).await;
    server.branch("etl").await;
    let moved = AlterTableArgs {
        dbname: some("sales"),
        tbl_name: some("t"),
        new_tbl: Some(table("sales@etl", "t2", "a int", "")),
    };
    let refused = client.outcome::<AlterTable>(moved).await;
    assert!(
        refused.starts_with("InvalidOperationException: a table cannot move"),
        "{refused}"
    );
    // the old name says the ref, and the new one leaves it out
    let renamed = AlterTableArgs {
        dbname: some("sales@etl"),
        tbl_name: some("t"),
        new_tbl: Some(table("sales", "t3", "a int", "")),
    };
    assert_eq!(client.outcome::<AlterTable>(renamed).await, "ok");
    assert_eq!(tables(&mut client, "sales@etl").await, ["t3"]);
    assert_eq!(tables(&mut client, "sales").await, ["t"]);
}

#[tokio::test]
async fn a_hive_catalog_is_a_repository() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let name = versioning::RepositoryName::parse("other").unwrap();
    let trunk = versioning::RefName::parse("trunk").unwrap();
    server.repositories.create(&name, &trunk).await.unwrap();
    client.create_database("@other#sales").await;
    let found = client
        .get::<GetDatabase>(GetDatabaseArgs {
            name: some("@other#sales"),
        })
        .await
        .unwrap();
    assert_eq!(found.location_uri.as_deref(), Some("s3a://other/trunk/sales.db"));
    assert_eq!(
        (found.name.as_deref(), found.catalog_name.as_deref()),
        (Some("sales"), Some("other"))
    );
    let here = client
        .outcome::<GetDatabase>(GetDatabaseArgs { name: some("sales") })
        .await;
    assert_eq!(here, "NoSuchObjectException: sales");
    client.create_table(table("@other#sales", "t", "a int", "")).await;
    let mut moved = table("sales", "t2", "a int", "");
    moved.cat_name = some("hive");
    let args = AlterTableArgs {
        dbname: some("@other#sales"),
        tbl_name: some("t"),
        new_tbl: Some(moved),
    };
    let refused = client.outcome::<AlterTable>(args).await;
    assert!(
        refused.starts_with("InvalidOperationException: a table cannot move"),
        "{refused}"
    );
    let catalogs = client.get::<GetCatalogs>(GetCatalogsArgs {}).await.unwrap();
    assert_eq!(catalogs.names.unwrap(), ["hive", "other"]);
    let request = thrift_idl::types::GetCatalogRequest {
        name: some("other@trunk"),
    };
    let args = GetCatalogArgs {
        cat_name: Some(request),
    };
    let catalog = client.get::<GetCatalog>(args).await.unwrap().catalog.unwrap();
    assert_eq!(catalog.location_uri.as_deref(), Some("s3a://other/trunk"));
}
