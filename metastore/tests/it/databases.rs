//! Databases, against the recorded outcomes of the original.

use thrift_idl::methods::*;
use thrift_idl::types::{Database, DropDatabaseRequest, GetDatabaseRequest, PrincipalType};

use super::harness::{Client, Server, some, table, texts};

async fn get(client: &mut Client, name: &str) -> Result<Database, String> {
    let args = GetDatabaseArgs { name: some(name) };
    client
        .get::<GetDatabase>(args)
        .await
        .map_err(|thrown| thrown.to_string())
}

async fn create(client: &mut Client, name: Option<&str>) -> String {
    let database = Database {
        name: name.map(str::to_owned),
        ..Database::default()
    };
    client
        .outcome::<CreateDatabase>(CreateDatabaseArgs {
            database: Some(database),
        })
        .await
}

async fn drop(client: &mut Client, name: &str, cascade: bool) -> String {
    let args = DropDatabaseArgs {
        name: some(name),
        delete_data: Some(true),
        cascade: Some(cascade),
    };
    client.outcome::<DropDatabase>(args).await
}

async fn matching(client: &mut Client, pattern: &str) -> Vec<String> {
    client
        .get::<GetDatabases>(GetDatabasesArgs {
            pattern: some(pattern),
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn the_default_database_is_there() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(
        client
            .get::<GetAllDatabases>(GetAllDatabasesArgs {})
            .await
            .unwrap(),
        ["default"]
    );
    let database = get(&mut client, "default").await.unwrap();
    assert_eq!(database.description.as_deref(), Some("Default Hive database"));
    assert_eq!(
        (database.owner_name.as_deref(), database.owner_type),
        (Some("public"), Some(PrincipalType::ROLE))
    );
    assert_eq!(
        drop(&mut client, "default", true).await,
        "MetaException: Can not drop default database in catalog hive"
    );
}

#[tokio::test]
async fn names_are_lowered_and_checked() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let database = Database {
        name: some("G1"),
        description: some("d"),
        parameters: Some([("a".to_owned(), "b".to_owned())].into()),
        ..Database::default()
    };
    client
        .call::<SetUgi>(SetUgiArgs {
            user_name: some("ann"),
            group_names: None,
        })
        .await
        .unwrap();
    client
        .call::<CreateDatabase>(CreateDatabaseArgs {
            database: Some(database),
        })
        .await
        .unwrap();
    let found = get(&mut client, "G1").await.unwrap();
    assert_eq!(found.name.as_deref(), Some("g1"));
    assert_eq!(found.location_uri.as_deref(), Some("s3a://lake/main/g1.db"));
    assert_eq!(found.catalog_name.as_deref(), Some("hive"));
    assert_eq!(found.owner_name.as_deref(), Some("ann"));
    assert_eq!(found.parameters.unwrap()["a"], "b");
    for (name, expected) in [
        (Some("g1"), "AlreadyExistsException: Database g1 already exists"),
        (
            Some("bad-name"),
            "InvalidObjectException: bad-name is not a valid database name",
        ),
        (Some(""), "InvalidObjectException: is not a valid database name"),
        (
            Some("a b"),
            "InvalidObjectException: a b is not a valid database name",
        ),
        (
            Some("a.b"),
            "InvalidObjectException: a.b is not a valid database name",
        ),
        (None, "MetaException: Database name cannot be null."),
    ] {
        assert_eq!(create(&mut client, name).await, expected, "{name:?}");
    }
    assert_eq!(
        get(&mut client, "nope").await.unwrap_err(),
        "NoSuchObjectException: nope"
    );
    assert_eq!(
        client
            .outcome::<GetDatabase>(GetDatabaseArgs { name: None })
            .await,
        "MetaException: Database name cannot be null."
    );
}

#[tokio::test]
async fn patterns_and_catalogs() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    for (pattern, expected) in [
        ("g*", &["g1"][..]),
        ("G1", &["g1"]),
        ("g1|default", &["default", "g1"]),
        (".*", &["default", "g1"]),
        ("", &[]),
        ("*", &["default", "g1"]),
        ("@hive#*", &["default", "g1"]),
        ("@hive#", &["default", "g1"]),
        ("@hive#g*", &["g1"]),
        ("@lake#g*", &["g1"]),
        ("g*@main", &["g1@main"]),
    ] {
        assert_eq!(matching(&mut client, pattern).await, texts(expected), "{pattern}");
    }
    let by_request = GetDatabaseRequest {
        name: some("g1"),
        catalog_name: some("hive"),
        ..Default::default()
    };
    let found = client
        .get::<GetDatabaseReq>(GetDatabaseReqArgs {
            request: Some(by_request),
        })
        .await
        .unwrap();
    assert_eq!(found.name.as_deref(), Some("g1"));
    assert_eq!(
        get(&mut client, "@hive#g1").await.unwrap().name.as_deref(),
        Some("g1")
    );
    let missing = get(&mut client, "@none-such#g1").await.unwrap_err();
    assert!(
        missing.starts_with("NoSuchObjectException: repository"),
        "{missing}"
    );
}

#[tokio::test]
async fn altering_keeps_what_is_not_said() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let database = Database {
        name: some("g2"),
        location_uri: some("s3a://lake/main/custom"),
        ..Default::default()
    };
    client
        .call::<CreateDatabase>(CreateDatabaseArgs {
            database: Some(database),
        })
        .await
        .unwrap();
    let change = Database {
        name: some("g3"),
        description: some("new"),
        ..Database::default()
    };
    let args = AlterDatabaseArgs {
        dbname: some("g2"),
        db: Some(change.clone()),
    };
    client.call::<AlterDatabase>(args).await.unwrap();
    let found = get(&mut client, "g2").await.unwrap();
    assert_eq!(found.description.as_deref(), Some("new"));
    assert_eq!(found.location_uri.as_deref(), Some("s3a://lake/main/custom"));
    let args = AlterDatabaseArgs {
        dbname: some("nope"),
        db: Some(change),
    };
    assert_eq!(
        client.outcome::<AlterDatabase>(args).await,
        "NoSuchObjectException: nope"
    );
}

#[tokio::test]
async fn dropping() {
    let (_server, mut client) = Server::with_table(table("g1", "t", "a int", "")).await;
    assert_eq!(
        drop(&mut client, "g1", false).await,
        "InvalidOperationException: Database g1 is not empty. One or more tables exist."
    );
    assert_eq!(drop(&mut client, "g1", true).await, "ok");
    assert_eq!(drop(&mut client, "g1", true).await, "NoSuchObjectException: g1");
    let lenient = DropDatabaseRequest {
        name: some("g1"),
        ignore_unknown_db: Some(true),
        ..Default::default()
    };
    assert_eq!(
        client
            .outcome::<DropDatabaseReq>(DropDatabaseReqArgs { req: Some(lenient) })
            .await,
        "ok"
    );
}
