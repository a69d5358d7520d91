//! Arrow Flight SQL on the engine itself.

use std::net::SocketAddr;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_flight::error::FlightError;
use arrow_flight::sql::CommandGetTables;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::rig::{Skep, folder, serve, skep};

type Client = FlightSqlServiceClient<Channel>;

async fn client(address: SocketAddr) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    FlightSqlServiceClient::new(endpoint.connect().await.unwrap())
}

async fn rows(client: &mut Client, sql: &str) -> Result<Vec<RecordBatch>, FlightError> {
    let info = client.execute(sql.to_owned(), None).await?;
    let columns = arrow_schema_of(&info);
    let stream = client.do_get(info.endpoint[0].ticket.clone().unwrap()).await?;
    let batches: Vec<RecordBatch> = stream.try_collect().await?;
    assert!(
        batches
            .iter()
            .all(|batch| format!("{:?}", batch.schema()) == columns)
    );
    Ok(batches)
}

fn arrow_schema_of(info: &arrow_flight::FlightInfo) -> String {
    let schema = info.clone().try_decode_schema().unwrap();
    format!("{schema:?}")
}

fn launched(data: &std::path::Path) -> Skep {
    let mut arguments = serve(data).to_vec();
    arguments.extend(["--flight", "127.0.0.1:0"]);
    Skep::launch(skep(&arguments))
}

fn told(error: FlightError) -> (Code, String) {
    match error {
        FlightError::Tonic(status) => (status.code(), status.message().to_owned()),
        other => panic!("{other}"),
    }
}

// the connection has to be closed while the end of the server is waited for
#[tokio::test(flavor = "multi_thread")]
async fn statements_are_run_as_by_rest() {
    let (_folder, data) = folder();
    let skep = launched(&data);
    let mut client = client(skep.flight.unwrap()).await;
    let batches = rows(&mut client, "select value as n from generate_series(1, 100000)")
        .await
        .unwrap();
    let sum = |batch: &RecordBatch| {
        batch
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .sum::<i64>()
    };
    assert_eq!(batches.iter().map(sum).sum::<i64>(), 5_000_050_000);
    let texts = rows(&mut client, "select cast(1 as varchar) || 'x' as text")
        .await
        .unwrap();
    assert_eq!(texts[0].column(0).as_string::<i32>().value(0), "1x");
    for (sql, outcome) in [
        ("create branch etl", "created"),
        ("merge branch etl into main", "up to date"),
    ] {
        let changed = rows(&mut client, sql).await.unwrap();
        assert_eq!(changed[0].column(2).as_string::<i32>().value(0), outcome);
    }
    client
        .execute_update("drop branch etl".to_owned(), None)
        .await
        .unwrap();
    for (sql, code, words) in [
        ("select 1 fro m x", Code::InvalidArgument, "Line: 1, Column: 14"),
        ("select * from nothing.there", Code::NotFound, "nothing"),
        ("drop branch etl", Code::NotFound, "etl"),
        ("drop table x", Code::PermissionDenied, "only what reads"),
        ("use branch main", Code::InvalidArgument, "x-skep-ref"),
        (
            "select $1",
            Code::InvalidArgument,
            "parameters ($1) are not taken",
        ),
        (
            "select repeat('x', 1000000000)",
            Code::ResourceExhausted,
            "more memory than the limit",
        ),
    ] {
        let (found, message) = told(rows(&mut client, sql).await.unwrap_err());
        assert!(
            found == code && message.contains(words),
            "{sql}: {found:?} {message}"
        );
    }
    let info = client.get_tables(CommandGetTables::default()).await.unwrap();
    let stream = client
        .do_get(info.endpoint[0].ticket.clone().unwrap())
        .await
        .unwrap();
    let tables: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    assert_eq!(tables.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    drop(client);
    assert!(skep.stop().success());
}
