//! Compare-and-set of a table's parameter, by which Iceberg commits.

use thrift_idl::methods::*;
use thrift_idl::types::{AlterTableRequest, EnvironmentContext, Table};

use super::harness::{Client, Server, some, table};

fn with_metadata(metadata: &str) -> Table {
    let mut table = table("g1", "t", "a int", "");
    table.parameters = Some([("metadata_location".to_owned(), metadata.to_owned())].into());
    table
}

async fn swap(client: &mut Client, expected: &str, new: &str) -> String {
    let properties = [
        (
            "expected_parameter_key".to_owned(),
            "metadata_location".to_owned(),
        ),
        ("expected_parameter_value".to_owned(), expected.to_owned()),
    ];
    let args = AlterTableWithEnvironmentContextArgs {
        dbname: some("g1"),
        tbl_name: some("t"),
        new_tbl: Some(with_metadata(new)),
        environment_context: Some(EnvironmentContext {
            properties: Some(properties.into()),
        }),
    };
    client.outcome::<AlterTableWithEnvironmentContext>(args).await
}

#[tokio::test]
async fn a_stale_expectation_is_told_in_the_words_that_clients_look_for() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    client
        .create_table(with_metadata("s3a://lake/_shared/t/1.json"))
        .await;
    let at = |n: u32| format!("s3a://lake/_shared/t/{n}.json");
    assert_eq!(swap(&mut client, &at(1), &at(2)).await, "ok");
    assert_eq!(
        swap(&mut client, &at(1), &at(3)).await,
        "MetaException: The table has been modified. The parameter value for key 'metadata_location' is \
         's3a://lake/_shared/t/2.json'. The expected was value was 's3a://lake/_shared/t/1.json'"
    );
    // the answer to the first try was lost, and the client sends it again
    assert_eq!(swap(&mut client, &at(1), &at(2)).await, "ok");
    let found = client.table("g1", "t").await.unwrap().parameters.unwrap();
    assert_eq!(found["metadata_location"], at(2));
    let request = AlterTableRequest {
        db_name: some("g1"),
        table_name: some("t"),
        table: Some(with_metadata(&at(9))),
        expected_parameter_key: some("metadata_location"),
        expected_parameter_value: Some(at(1)),
        ..AlterTableRequest::default()
    };
    let refused = client
        .outcome::<AlterTableReq>(AlterTableReqArgs { req: Some(request) })
        .await;
    assert!(
        refused.starts_with("MetaException: The table has been modified."),
        "{refused}"
    );
}

#[tokio::test]
async fn of_many_writers_one_wins() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    client
        .create_table(with_metadata("s3a://lake/_shared/t/0.json"))
        .await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=8 {
        let mut client = server.connect().await;
        tasks.spawn(async move {
            swap(
                &mut client,
                "s3a://lake/_shared/t/0.json",
                &format!("s3a://lake/_shared/t/{n}.json"),
            )
            .await
        });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(
        outcomes.iter().filter(|outcome| *outcome == "ok").count(),
        1,
        "{outcomes:?}"
    );
}
