//! Databases whose tables lie where every ref sees the same, as Iceberg's clients ask for them and are served.

use thrift_idl::methods::*;
use thrift_idl::types::{Database, GetDatabaseObjectsRequest};

use super::harness::{Server, some, table};

#[tokio::test]
async fn a_shared_database_is_served_at_one_place_on_every_ref() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    // a client states where the database would lie in its own warehouse
    let database = Database {
        name: some("ice"),
        location_uri: some("s3a://lake/main/warehouse/ice.db"),
        parameters: Some([("skep.layout".to_owned(), "shared".to_owned())].into()),
        ..Database::default()
    };
    let args = CreateDatabaseArgs {
        database: Some(database),
    };
    client.call::<CreateDatabase>(args).await.unwrap();
    server.commit().await;
    server.branch("etl").await;
    let mut places = Vec::new();
    for name in ["ice", "ice@etl"] {
        let args = GetDatabaseArgs { name: some(name) };
        places.push(
            client
                .get::<GetDatabase>(args)
                .await
                .unwrap()
                .location_uri
                .unwrap(),
        );
    }
    assert!(
        places[0].starts_with("s3a://lake/_shared/") && places[0].ends_with("/ice.db"),
        "{places:?}"
    );
    assert_eq!(places[0], places[1]);
    let request = GetDatabaseObjectsRequest {
        pattern: some("ice"),
        ..GetDatabaseObjectsRequest::default()
    };
    let args = GetDatabasesReqArgs {
        request: Some(request),
    };
    let listed = client
        .get::<GetDatabasesReq>(args)
        .await
        .unwrap()
        .databases
        .unwrap();
    assert_eq!(listed[0].location_uri.as_ref(), Some(&places[0]));

    let args = CreateTableArgs {
        tbl: Some(table("ice", "h", "a int", "")),
    };
    let refused = client.outcome::<CreateTable>(args).await;
    assert!(refused.contains("skep.layout=shared"), "{refused}");
    let mut iceberg = table("ice", "t", "a int", "");
    iceberg.parameters = Some([("table_type".to_owned(), "ICEBERG".to_owned())].into());
    iceberg.sd.as_mut().unwrap().location = Some(format!("{}/t", places[0]));
    client.create_table(iceberg).await;
    let there = client.table("ice", "t").await.unwrap().sd.unwrap().location;
    assert_eq!(there, Some(format!("{}/t", places[0])));
}
