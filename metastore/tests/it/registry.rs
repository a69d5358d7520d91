//! The schema registry.

use thrift_idl::methods::*;
use thrift_idl::types::{
    AlterISchemaRequest, FindSchemasByColsRqst, GetSerdeRequest, ISchema, ISchemaName,
    MapSchemaVersionToSerdeRequest, SchemaCompatibility, SchemaType, SchemaVersion, SchemaVersionDescriptor,
    SchemaVersionState, SerDeInfo, SetSchemaVersionStateRequest, Type,
};

use super::harness::{Client, Server, fields, some};

async fn fixture() -> (Server, Client) {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    (server, client)
}

fn name(schema: &str) -> ISchemaName {
    ISchemaName {
        cat_name: some("hive"),
        db_name: some("g1"),
        schema_name: some(schema),
    }
}

fn schema(name: &str) -> ISchema {
    ISchema {
        schema_type: Some(SchemaType::AVRO),
        name: some(name),
        cat_name: some("hive"),
        db_name: some("g1"),
        compatibility: Some(SchemaCompatibility::FORWARD),
        can_evolve: Some(false),
        schema_group: some("group"),
        ..ISchema::default()
    }
}

fn version(schema: &str, version: i32, columns: &str) -> SchemaVersion {
    SchemaVersion {
        schema: Some(name(schema)),
        version: Some(version),
        created_at: Some(10),
        cols: Some(fields(columns)),
        ..SchemaVersion::default()
    }
}

fn at(schema: &str, version: i32) -> Option<SchemaVersionDescriptor> {
    Some(SchemaVersionDescriptor {
        schema: Some(name(schema)),
        version: Some(version),
    })
}

async fn create(client: &mut Client, schema: ISchema) -> String {
    let args = CreateIschemaArgs { schema: Some(schema) };
    client.outcome::<CreateIschema>(args).await
}

async fn add(client: &mut Client, version: SchemaVersion) -> String {
    let args = AddSchemaVersionArgs {
        schema_version: Some(version),
    };
    client.outcome::<AddSchemaVersion>(args).await
}

async fn latest(client: &mut Client, schema: &str) -> Result<SchemaVersion, String> {
    let args = GetSchemaLatestVersionArgs {
        schema_name: Some(name(schema)),
    };
    let found = client.get::<GetSchemaLatestVersion>(args).await;
    found.map_err(|thrown| thrown.to_string())
}

#[tokio::test]
async fn schemas_come_and_go() {
    let (_server, mut client) = fixture().await;
    assert_eq!(create(&mut client, schema("S1")).await, "ok");
    assert_eq!(
        create(&mut client, schema("s1")).await,
        "AlreadyExistsException: schema s1 is registered already"
    );
    let mut nowhere = schema("s2");
    nowhere.db_name = some("nope");
    assert_eq!(create(&mut client, nowhere).await, "NoSuchObjectException: nope");
    let get = |schema: &str| GetIschemaArgs {
        name: Some(name(schema)),
    };
    assert_eq!(client.get::<GetIschema>(get("s1")).await.unwrap(), schema("s1"));
    assert_eq!(
        client.outcome::<GetIschema>(get("zz")).await,
        "NoSuchObjectException: schema g1.zz is not registered"
    );
    let changed = ISchema {
        description: some("d"),
        can_evolve: Some(true),
        ..schema("s1")
    };
    let args = AlterIschemaArgs {
        rqst: Some(AlterISchemaRequest {
            name: Some(name("s1")),
            new_schema: Some(changed.clone()),
        }),
    };
    assert_eq!(client.outcome::<AlterIschema>(args).await, "ok");
    assert_eq!(client.get::<GetIschema>(get("s1")).await.unwrap(), changed);
    assert_eq!(add(&mut client, version("s1", 1, "a int")).await, "ok");
    let drop_schema = || DropIschemaArgs {
        name: Some(name("s1")),
    };
    assert_eq!(
        client.outcome::<DropIschema>(drop_schema()).await,
        "InvalidOperationException: dropping a schema is not possible: s1 has at least one version"
    );
    let args = DropSchemaVersionArgs {
        schema_version: at("s1", 1),
    };
    assert_eq!(client.outcome::<DropSchemaVersion>(args.clone()).await, "ok");
    assert_eq!(
        client.outcome::<DropSchemaVersion>(args).await,
        "NoSuchObjectException: version 1 of s1 is not registered"
    );
    assert_eq!(client.outcome::<DropIschema>(drop_schema()).await, "ok");
    assert!(client.get::<GetIschema>(get("s1")).await.is_err());
}

#[tokio::test]
async fn versions_are_kept_in_their_order() {
    let (server, mut client) = fixture().await;
    assert_eq!(create(&mut client, schema("s1")).await, "ok");
    assert_eq!(
        latest(&mut client, "s1").await.unwrap_err(),
        "NoSuchObjectException: the schema has no versions"
    );
    for (number, columns) in [(2, "a int, b date"), (300, "a int"), (1, "a int")] {
        assert_eq!(add(&mut client, version("s1", number, columns)).await, "ok");
    }
    server.branch("etl").await;
    assert_eq!(
        add(&mut client, version("s1", 2, "x int")).await,
        "AlreadyExistsException: version 2 of s1 is registered already"
    );
    assert!(
        add(&mut client, version("zz", 2, "x int"))
            .await
            .starts_with("NoSuchObjectException")
    );
    assert_eq!(
        latest(&mut client, "s1").await.unwrap(),
        version("s1", 300, "a int")
    );
    let args = GetSchemaAllVersionsArgs {
        schema_name: Some(name("s1")),
    };
    let all = client.get::<GetSchemaAllVersions>(args).await.unwrap();
    let numbers: Vec<i32> = all.iter().map(|it| it.version.unwrap()).collect();
    assert_eq!(numbers, [1, 2, 300]);
    let args = SetSchemaVersionStateArgs {
        rqst: Some(SetSchemaVersionStateRequest {
            schema_version: at("s1", 2),
            state: Some(SchemaVersionState::REVIEWED),
        }),
    };
    assert_eq!(client.outcome::<SetSchemaVersionState>(args).await, "ok");
    let get = |database: &str| {
        let mut place = name("s1");
        place.db_name = some(database);
        GetSchemaVersionArgs {
            schema_version: Some(SchemaVersionDescriptor {
                schema: Some(place),
                version: Some(2),
            }),
        }
    };
    let found = client.get::<GetSchemaVersion>(get("g1")).await.unwrap();
    assert_eq!(found.state, Some(SchemaVersionState::REVIEWED));
    // a branch has its own
    let found = client.get::<GetSchemaVersion>(get("g1@etl")).await.unwrap();
    assert_eq!(
        (found.state, found.schema.unwrap().db_name),
        (None, some("g1@etl"))
    );
    assert!(
        client
            .outcome::<GetSchemaVersion>(get("bogus"))
            .await
            .starts_with("NoSuchObjectException")
    );
}

#[tokio::test]
async fn serdes_are_known_by_name() {
    let (_server, mut client) = fixture().await;
    let serde = SerDeInfo {
        name: some("Serde1"),
        serialization_lib: some("lib"),
        parameters: Some([("a".to_owned(), "b".to_owned())].into()),
        description: some("d"),
        ..SerDeInfo::default()
    };
    let args = AddSerdeArgs {
        serde: Some(serde.clone()),
    };
    assert_eq!(client.outcome::<AddSerde>(args.clone()).await, "ok");
    assert_eq!(
        client.outcome::<AddSerde>(args).await,
        "AlreadyExistsException: serde Serde1 is registered already"
    );
    let get = |name: &str| GetSerdeArgs {
        rqst: Some(GetSerdeRequest {
            serde_name: some(name),
        }),
    };
    assert_eq!(client.get::<GetSerde>(get("Serde1")).await.unwrap(), serde);
    assert_eq!(
        client.outcome::<GetSerde>(get("zz")).await,
        "NoSuchObjectException: serde zz is not registered"
    );
    assert_eq!(create(&mut client, schema("s1")).await, "ok");
    assert_eq!(add(&mut client, version("s1", 1, "a int")).await, "ok");
    let map = |version, serde: &str| MapSchemaVersionToSerdeArgs {
        rqst: Some(MapSchemaVersionToSerdeRequest {
            schema_version: at("s1", version),
            serde_name: some(serde),
        }),
    };
    for (args, expected) in [
        (map(1, "Serde1"), "ok"),
        (map(1, "zz"), "NoSuchObjectException: serde zz is not registered"),
        (
            map(9, "Serde1"),
            "NoSuchObjectException: version 9 of s1 is not registered",
        ),
    ] {
        assert_eq!(client.outcome::<MapSchemaVersionToSerde>(args).await, expected);
    }
    assert_eq!(latest(&mut client, "s1").await.unwrap().ser_de, Some(serde));
}

#[tokio::test]
async fn versions_are_found_by_columns() {
    let (_server, mut client) = fixture().await;
    for (schema_name, columns) in [("s1", "alpha bigint, beta date"), ("s2", "ALPHA smallint")] {
        assert_eq!(create(&mut client, schema(schema_name)).await, "ok");
        assert_eq!(add(&mut client, version(schema_name, 1, columns)).await, "ok");
    }
    let mut spaced = version("s1", 2, "alpha bigint");
    spaced.cols.as_mut().unwrap()[0].comment = some("namespace=x");
    assert_eq!(add(&mut client, spaced).await, "ok");
    let request = |name: Option<&str>, space: Option<&str>, kind: Option<&str>| GetSchemasByColsArgs {
        rqst: Some(FindSchemasByColsRqst {
            col_name: name.map(str::to_owned),
            col_namespace: space.map(str::to_owned),
            r#type: kind.map(str::to_owned),
        }),
    };
    for (args, expected) in [
        (request(Some("x"), Some("y"), Some("z")), ""),
        (request(Some("alpha"), None, None), "s1 1, s1 2, s2 1"),
        (request(Some("Beta"), None, None), "s1 1"),
        (request(None, Some("namespace=x"), None), "s1 2"),
        (request(Some("alpha"), None, Some("smallint")), "s2 1"),
    ] {
        let found = client.get::<GetSchemasByCols>(args).await.unwrap();
        let texts: Vec<String> = found
            .schema_versions
            .unwrap()
            .into_iter()
            .map(|it| {
                format!(
                    "{} {}",
                    it.schema.unwrap().schema_name.unwrap(),
                    it.version.unwrap()
                )
            })
            .collect();
        assert_eq!(texts.join(", "), expected);
    }
}

#[tokio::test]
async fn types_are_kept_by_name() {
    let (_server, mut client) = fixture().await;
    let person = Type {
        name: some("Person"),
        fields: Some(fields("name string, age int")),
        ..Type::default()
    };
    let create = || CreateTypeArgs {
        r#type: Some(person.clone()),
    };
    let forget = || DropTypeArgs {
        r#type: some("Person"),
    };
    let get = || GetTypeArgs { name: some("Person") };
    assert!(client.get::<DropType>(forget()).await.unwrap());
    assert!(client.get::<CreateType>(create()).await.unwrap());
    assert_eq!(
        client.outcome::<CreateType>(create()).await,
        "AlreadyExistsException: type Person is registered already"
    );
    assert_eq!(client.get::<GetType>(get()).await.unwrap(), person);
    assert!(client.get::<DropType>(forget()).await.unwrap());
    assert_eq!(
        client.outcome::<GetType>(get()).await,
        "NoSuchObjectException: type Person is not registered"
    );
}
