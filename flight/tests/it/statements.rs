//! Statements: their rows, where they run, how they end.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use futures::TryStreamExt;
use tonic::Code;

use super::rig::{Rig, branch, fetched, schema, texts, ticket, told};

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn rows_come_in_messages_and_in_plain_types() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    let info = client.execute("many".to_owned(), None).await.unwrap();
    let batches = fetched(&mut client, info).await.unwrap();
    assert!(batches.len() > 1);
    assert_eq!(
        batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
        2_000_000
    );
    assert_eq!(
        texts(&mut client, "views").await.unwrap(),
        ["short", "a text that is long"]
    );
    let info = client.execute("views".to_owned(), None).await.unwrap();
    let columns = Schema::try_from(info).unwrap();
    assert_eq!(columns, *schema(&[("text", DataType::Utf8, false)]));
    rig.stop().await;
}

#[tokio::test]
async fn headers_name_the_repository_and_the_ref() {
    let rig = Rig::new().await;
    rig.stage("a").await;
    let commit = rig.commit().await;
    rig.stage("b").await;
    let main = rig
        .repository
        .resolve(&branch("main").into())
        .await
        .unwrap()
        .commit;
    for (headers, expected) in [
        (&[][..], format!("lake@{main}")),
        // what is staged is in no commit
        (&[("x-skep-ref", "etl")][..], "lake@etl".to_owned()),
        (&[("x-skep-ref", "etl@")][..], format!("lake@{commit}")),
        (&[("x-skep-ref", "etl~1")][..], format!("lake@{main}")),
    ] {
        let mut client = rig.client(headers).await;
        assert_eq!(texts(&mut client, "where").await.unwrap(), [expected]);
    }
    let mut client = rig.client(&[("x-skep-repository", "other")]).await;
    assert!(texts(&mut client, "where").await.unwrap()[0].starts_with("other@"));
    for (headers, code, words) in [
        ([("x-skep-ref", "gone")], Code::NotFound, "gone"),
        ([("x-skep-repository", "gone")], Code::NotFound, "gone"),
        ([("x-skep-ref", "a/b")], Code::InvalidArgument, "a/b"),
        (
            [("x-skep-repository", "No Name")],
            Code::InvalidArgument,
            "No Name",
        ),
    ] {
        let mut client = rig.client(&headers).await;
        let (found, message) = told(client.execute("one".to_owned(), None).await.unwrap_err());
        assert!(found == code && message.contains(words), "{found:?} {message}");
    }
}

#[tokio::test]
async fn a_ticket_means_the_commit_that_was_planned() {
    let rig = Rig::new().await;
    rig.stage("a").await;
    let commit = rig.commit().await;
    let mut client = rig.client(&[("x-skep-ref", "etl")]).await;
    let info = client.execute("where".to_owned(), None).await.unwrap();
    rig.stage("b").await;
    rig.commit().await;
    let batches = fetched(&mut client, info).await.unwrap();
    let text = format!("{:?}", batches[0].column(0));
    assert!(text.contains(&commit), "{text}");
}

#[tokio::test]
async fn columns_that_change_before_the_rows_are_fetched_are_told() {
    let rig = Rig::new().await;
    rig.stage("a").await;
    let mut client = rig.client(&[("x-skep-ref", "etl")]).await;
    let info = client.execute("columns".to_owned(), None).await.unwrap();
    rig.stage("b").await;
    let (code, message) = told(fetched(&mut client, info).await.unwrap_err());
    assert_eq!(code, Code::Aborted, "{message}");
    let info = client.execute("columns".to_owned(), None).await.unwrap();
    assert_eq!(fetched(&mut client, info).await.unwrap()[0].num_columns(), 2);
}

#[tokio::test]
async fn changes_are_made_on_the_ref_itself_and_once() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    assert_eq!(texts(&mut client, "change").await.unwrap(), ["changed main"]);
    assert_eq!(client.execute_update("change".to_owned(), None).await.unwrap(), 0);
    let (code, message) = told(client.execute_update("one".to_owned(), None).await.unwrap_err());
    assert!(
        code == Code::InvalidArgument && message.contains("run it as a query"),
        "{message}"
    );
}

#[tokio::test]
async fn prepared_statements_are_planned_once_and_run_where_they_were_prepared() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[("x-skep-ref", "etl")]).await;
    let mut prepared = client.prepare("where".to_owned(), None).await.unwrap();
    assert_eq!(
        *prepared.dataset_schema().unwrap(),
        *schema(&[("text", DataType::Utf8, false)])
    );
    assert!(prepared.parameter_schema().unwrap().fields().is_empty());
    rig.stage("a").await;
    let info = prepared.execute().await.unwrap();
    let mut other = rig.client(&[]).await;
    let batches = fetched(&mut other, info).await.unwrap();
    assert!(format!("{:?}", batches[0]).contains("lake@etl"));
    let numbers = Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let numbers = RecordBatch::try_from_iter([("a", numbers)]).unwrap();
    prepared.set_parameters(numbers).unwrap();
    let (code, message) = told(prepared.execute().await.unwrap_err());
    assert!(
        code == Code::InvalidArgument && message.contains("parameters"),
        "{message}"
    );
    prepared.close().await.unwrap();
    let mut change = client.prepare("change".to_owned(), None).await.unwrap();
    assert_eq!(change.execute_update().await.unwrap(), 0);
    assert_eq!(
        told(client.prepare("nonsense".to_owned(), None).await.unwrap_err()).0,
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn errors_have_codes() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    for (sql, code, words) in [
        ("nonsense", Code::InvalidArgument, "found: nonsense at Line: 1"),
        ("memory", Code::ResourceExhausted, "too much"),
        ("time", Code::DeadlineExceeded, "too long"),
        ("damage", Code::DataLoss, "damaged"),
    ] {
        let (found, message) = told(client.execute(sql.to_owned(), None).await.unwrap_err());
        assert!(found == code && message.contains(words), "{found:?} {message}");
    }
    let (code, message) = told(texts(&mut client, "break").await.unwrap_err());
    assert!(code == Code::DataLoss && message.contains("damaged"), "{message}");
    let transaction = Some("t".into());
    let (code, _) = told(client.execute("one".to_owned(), transaction).await.unwrap_err());
    assert_eq!(code, Code::Unimplemented);
    let (code, _) = told(client.begin_transaction().await.unwrap_err());
    assert_eq!(code, Code::Unimplemented);
}

#[tokio::test]
async fn a_statement_ends_when_its_client_leaves() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    let info = client.execute("endless".to_owned(), None).await.unwrap();
    let mut stream = client.do_get(ticket(&info)).await.unwrap();
    assert!(stream.try_next().await.unwrap().is_some());
    drop((stream, client));
    let ended = tokio::time::timeout(PATIENCE, rig.ended.acquire());
    ended.await.unwrap().unwrap().forget();
    // and nothing is open that would hold up the end of the server
    tokio::time::timeout(PATIENCE, rig.stop()).await.unwrap();
}
