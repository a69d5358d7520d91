//! Hive catalogs come and go.

use std::sync::Arc;

use catalog::Warehouse;
use catalog::warehouse::MemoryWarehouse;
use thrift_idl::methods::*;
use thrift_idl::types::{
    AlterCatalogRequest, Catalog, CreateCatalogRequest, Database, DropCatalogRequest, GetCatalogRequest,
};

use versioning::{RefName, RepositoryName};

use super::harness::{Client, Server, some, table};

fn catalog(name: &str, description: Option<&str>) -> Catalog {
    Catalog {
        name: some(name),
        description: description.map(str::to_owned),
        location_uri: some("file:/w/x"),
        ..Catalog::default()
    }
}

async fn create(client: &mut Client, name: &str) -> String {
    let request = CreateCatalogRequest {
        catalog: Some(catalog(name, Some("d"))),
    };
    let args = CreateCatalogArgs {
        catalog: Some(request),
    };
    client.outcome::<CreateCatalog>(args).await
}

async fn drop_catalog(client: &mut Client, name: &str) -> String {
    let request = DropCatalogRequest {
        name: some(name),
        if_exists: None,
    };
    let args = DropCatalogArgs {
        cat_name: Some(request),
    };
    client.outcome::<DropCatalog>(args).await
}

async fn get(client: &mut Client, name: &str) -> Result<Catalog, String> {
    let request = GetCatalogRequest { name: some(name) };
    let args = GetCatalogArgs {
        cat_name: Some(request),
    };
    let found = client.get::<GetCatalog>(args).await;
    found
        .map(|found| found.catalog.unwrap())
        .map_err(|thrown| thrown.to_string())
}

#[tokio::test]
async fn catalogs_are_repositories_that_clients_make() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(create(&mut client, "Other_Cat").await, "ok");
    assert_eq!(
        create(&mut client, "other_cat").await,
        "AlreadyExistsException: Catalog other_cat already exists"
    );
    assert_eq!(
        create(&mut client, "hive").await,
        "AlreadyExistsException: Catalog hive already exists"
    );
    assert!(
        create(&mut client, "x")
            .await
            .starts_with("InvalidObjectException")
    );
    let names = client
        .get::<GetCatalogs>(GetCatalogsArgs {})
        .await
        .unwrap()
        .names
        .unwrap();
    assert_eq!(names, ["hive", "other_cat"]);
    let found = get(&mut client, "OTHER_CAT").await.unwrap();
    assert_eq!(
        (found.description, found.location_uri),
        (some("d"), some("file:/w/x"))
    );
    assert!(found.create_time.unwrap() > 0);
    let alter = |name: &str, new: Catalog| AlterCatalogArgs {
        rqst: Some(AlterCatalogRequest {
            name: some(name),
            new_cat: Some(new),
        }),
    };
    for (args, expected) in [
        (alter("other_cat", catalog("other_cat", Some("e"))), "ok"),
        (
            alter("other_cat", catalog("third", None)),
            "InvalidOperationException: Cannot change a catalog's name",
        ),
    ] {
        assert_eq!(client.outcome::<AlterCatalog>(args).await, expected);
    }
    let missing = client
        .outcome::<AlterCatalog>(alter("nope", catalog("nope", None)))
        .await;
    assert!(missing.starts_with("NoSuchObjectException"), "{missing}");
    assert_eq!(
        get(&mut client, "other_cat").await.unwrap().description,
        some("e")
    );
}

#[tokio::test]
async fn only_empty_catalogs_are_dropped() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(create(&mut client, "other_cat").await, "ok");
    let database = Database {
        name: some("db"),
        catalog_name: some("other_cat"),
        ..Database::default()
    };
    let args = CreateDatabaseArgs {
        database: Some(database),
    };
    client.call::<CreateDatabase>(args).await.unwrap();
    assert_eq!(
        drop_catalog(&mut client, "other_cat").await,
        "InvalidOperationException: There are non-default databases in the catalog other_cat so it cannot be dropped."
    );
    let args = DropDatabaseArgs {
        name: some("@other_cat#db"),
        ..DropDatabaseArgs::default()
    };
    client.call::<DropDatabase>(args).await.unwrap();
    let mut made = table("default", "t", "a int", "");
    made.cat_name = some("other_cat");
    client.create_table(made).await;
    assert_eq!(
        drop_catalog(&mut client, "other_cat").await,
        "InvalidOperationException: There are still objects in the default database for catalog other_cat"
    );
    let args = DropTableArgs {
        dbname: some("@other_cat#default"),
        name: some("t"),
        delete_data: Some(true),
    };
    client.call::<DropTable>(args).await.unwrap();
    assert_eq!(drop_catalog(&mut client, "other_cat").await, "ok");
    for missing in [
        drop_catalog(&mut client, "other_cat").await,
        get(&mut client, "other_cat").await.unwrap_err(),
        client
            .table("@other_cat#default", "t")
            .await
            .unwrap_err()
            .to_string(),
    ] {
        assert!(missing.starts_with("NoSuchObjectException"), "{missing}");
    }
    let names = client
        .get::<GetCatalogs>(GetCatalogsArgs {})
        .await
        .unwrap()
        .names
        .unwrap();
    assert_eq!(names, ["hive"]);
    assert_eq!(
        drop_catalog(&mut client, "hive").await,
        "MetaException: Can not drop hive catalog"
    );
    // what was dropped can be made again
    assert_eq!(create(&mut client, "other_cat").await, "ok");
    assert!(get(&mut client, "other_cat").await.is_ok());
}

#[tokio::test]
async fn the_default_database_of_another_catalog_is_dropped_with_what_is_in_it() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(create(&mut client, "other_cat").await, "ok");
    let mut made = table("default", "t", "a int", "");
    made.cat_name = some("other_cat");
    client.create_table(made).await;
    let drop_default = |name: &str, cascade| DropDatabaseArgs {
        name: some(name),
        delete_data: Some(true),
        cascade: Some(cascade),
    };
    for (args, expected) in [
        (
            drop_default("@other_cat#default", false),
            "InvalidOperationException: Database default is not empty. One or more tables exist.",
        ),
        (drop_default("@other_cat#default", true), "ok"),
        (
            drop_default("@hive#default", true),
            "MetaException: Can not drop default database in catalog hive",
        ),
        (
            drop_default("@lake#default", true),
            "MetaException: Can not drop default database in catalog hive",
        ),
    ] {
        assert_eq!(client.outcome::<DropDatabase>(args).await, expected);
    }
    assert_eq!(drop_catalog(&mut client, "other_cat").await, "ok");
}

#[tokio::test]
async fn the_default_database_of_a_repository_that_is_no_clients_catalog_stays() {
    let server = Server::start().await;
    let (own, main) = (
        RepositoryName::parse("own").unwrap(),
        RefName::parse("main").unwrap(),
    );
    server.repositories.create(&own, &main).await.unwrap();
    let mut client = server.connect().await;
    let mut made = table("default", "t", "a int", "");
    made.cat_name = some("own");
    client.create_table(made).await;
    let args = DropDatabaseArgs {
        name: some("@own#default"),
        delete_data: Some(true),
        cascade: Some(true),
    };
    assert_eq!(
        client.outcome::<DropDatabase>(args).await,
        "MetaException: Can not drop default database in catalog hive"
    );
    assert!(client.table("@own#default", "t").await.is_ok());
}

#[tokio::test]
async fn a_catalog_that_was_half_made_is_made_by_the_same_call() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    // what is there after the first of the steps
    let (name, main) = (
        RepositoryName::parse("other-cat").unwrap(),
        RefName::parse("main").unwrap(),
    );
    let settings = [("hive-catalog".to_owned(), "made".to_owned())];
    let made = server.repositories.create_with(&name, &main, &settings);
    made.await.unwrap();
    assert!(get(&mut client, "other_cat").await.is_err());
    let args = GetCatalogsArgs {};
    assert_eq!(
        client.get::<GetCatalogs>(args).await.unwrap().names.unwrap(),
        ["hive"]
    );
    assert_eq!(create(&mut client, "other_cat").await, "ok");
    assert!(get(&mut client, "other_cat").await.is_ok());
}

#[tokio::test]
async fn a_catalog_with_something_on_a_branch_is_not_dropped() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(create(&mut client, "other_cat").await, "ok");
    let name = RepositoryName::parse("other-cat").unwrap();
    let repository = server.repositories.get(&name).await.unwrap();
    let (etl, main) = (
        RefName::parse("etl").unwrap(),
        versioning::RefExpr::parse("main").unwrap(),
    );
    let mode = versioning::refs::CommitMode::Staged;
    repository.create_branch(&etl, &main, mode).await.unwrap();
    let mut made = table("default@etl", "t", "a int", "");
    made.cat_name = some("other_cat");
    client.create_table(made).await;
    assert_eq!(
        drop_catalog(&mut client, "other_cat").await,
        "InvalidOperationException: There are still objects in the default database for catalog other_cat (on the \
         branch etl)"
    );
    repository.delete_branch(&etl).await.unwrap();
    assert_eq!(drop_catalog(&mut client, "other_cat").await, "ok");
}

#[tokio::test]
async fn catalogs_of_a_plain_server_share_no_place() {
    let files = Arc::new(MemoryWarehouse::new("file:/w"));
    let server = Server::plain(Arc::clone(&files)).await;
    let mut client = server.connect().await;
    let at = |name: &str, location: &str| CreateCatalogArgs {
        catalog: Some(CreateCatalogRequest {
            catalog: Some(Catalog {
                name: some(name),
                location_uri: some(location),
                ..Catalog::default()
            }),
        }),
    };
    let first = client.outcome::<CreateCatalog>(at("first", "/w/cats/one")).await;
    assert_eq!(first, "ok");
    for (name, location, expected) in [
        (
            "second",
            "/w/cats/one",
            "MetaException: file:/w/cats/one is within",
        ),
        (
            "second",
            "/w/cats/one/below",
            "MetaException: file:/w/cats/one/below is within",
        ),
        ("second", "/w/cats", "MetaException: file:/w/cats is within"),
        ("second", "/w", "MetaException: file:/w is within"),
        ("first", "/w/elsewhere", "AlreadyExistsException"),
        ("x", "/w/elsewhere", "InvalidObjectException"),
    ] {
        let found = client.outcome::<CreateCatalog>(at(name, location)).await;
        assert!(found.starts_with(expected), "{name} {location}: {found}");
    }
    for folder in ["file:/w/cats/one/below", "file:/w/elsewhere"] {
        assert!(
            !files.has_dir(folder).await.unwrap(),
            "{folder}: what is refused makes no folder"
        );
    }
    let args = GetCatalogsArgs {};
    assert_eq!(
        client.get::<GetCatalogs>(args).await.unwrap().names.unwrap(),
        ["hive", "first", "lake"]
    );
    let beside = client.outcome::<CreateCatalog>(at("second", "/w/cats/two")).await;
    assert_eq!(beside, "ok");
}

#[tokio::test]
async fn a_catalog_of_a_plain_server_has_a_plain_warehouse_where_it_is_told() {
    let files = Arc::new(MemoryWarehouse::new("file:/w"));
    let server = Server::plain(Arc::clone(&files)).await;
    let mut client = server.connect().await;
    let at = |location: &str| CreateCatalogArgs {
        catalog: Some(CreateCatalogRequest {
            catalog: Some(Catalog {
                name: some("other_cat"),
                location_uri: some(location),
                ..Catalog::default()
            }),
        }),
    };
    assert_eq!(client.outcome::<CreateCatalog>(at("/w/cat")).await, "ok");
    assert!(files.has_dir("file:/w/cat").await.unwrap());
    let args = CreateDatabaseArgs {
        database: Some(Database {
            name: some("sales"),
            catalog_name: some("other_cat"),
            ..Database::default()
        }),
    };
    client.call::<CreateDatabase>(args).await.unwrap();
    for (name, expected) in [("default", "file:/w/cat"), ("sales", "file:/w/cat/sales.db")] {
        let args = GetDatabaseArgs {
            name: Some(format!("@other_cat#{name}")),
        };
        let found = client.get::<GetDatabase>(args).await.unwrap();
        assert_eq!(found.location_uri.as_deref(), Some(expected));
    }
    let args = DropDatabaseArgs {
        name: some("@other_cat#sales"),
        delete_data: Some(true),
        cascade: None,
    };
    client.call::<DropDatabase>(args).await.unwrap();
    assert_eq!(drop_catalog(&mut client, "other_cat").await, "ok");
    assert!(!files.has_dir("file:/w/cat").await.unwrap());
    // its repository keeps its place
    let elsewhere = client.outcome::<CreateCatalog>(at("/w/dog")).await;
    assert!(
        elsewhere.starts_with("MetaException: the repository other-cat keeps its data in file:/w/cat"),
        "{elsewhere}"
    );
    assert_eq!(client.outcome::<CreateCatalog>(at("/w/cat")).await, "ok");
    assert!(files.has_dir("file:/w/cat").await.unwrap());
}
