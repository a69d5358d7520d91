//! Bytes that no client of good will sends.

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{
    Any, CommandGetTables, CommandPreparedStatementQuery, ProstMessageExt, TicketStatementQuery,
};
use arrow_flight::{Action, Criteria, FlightData, FlightDescriptor, Ticket};
use futures::stream;
use prost::Message;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use super::rig::{Rig, texts};

fn statement(handle: &[u8]) -> Vec<u8> {
    let ticket = TicketStatementQuery {
        statement_handle: handle.to_vec().into(),
    };
    ticket.as_any().encode_to_vec()
}

fn handle(repository: &str, at: &str, sql: &str) -> Vec<u8> {
    let ticket = serde_json::json!({
        "version": 1, "repository": repository, "ref": at, "sql": sql, "columns": null,
    });
    ticket.to_string().into_bytes()
}

#[tokio::test]
async fn tickets_are_looked_at() {
    let rig = Rig::new().await;
    let mut client = FlightServiceClient::new(rig.channel().await);
    let nested = "[".repeat(100_000);
    let unknown = Any {
        type_url: "type.googleapis.com/arrow.flight.protocol.sql.CommandNothing".into(),
        value: vec![1, 2, 3].into(),
    };
    let broken = Any {
        type_url: CommandGetTables::type_url().into(),
        value: vec![0xff; 9].into(),
    };
    for (bytes, code) in [
        (vec![], Code::Unimplemented),
        (vec![0xff; 40], Code::InvalidArgument),
        (b"{}".to_vec(), Code::InvalidArgument),
        (unknown.encode_to_vec(), Code::Unimplemented),
        (broken.encode_to_vec(), Code::Internal),
        (statement(b""), Code::InvalidArgument),
        (statement(b"\xff\xfe"), Code::InvalidArgument),
        (statement(nested.as_bytes()), Code::InvalidArgument),
        (
            statement(&handle("lake", "main", &"x".repeat(300_000))),
            Code::InvalidArgument,
        ),
        (statement(&handle("La ke", "main", "one")), Code::InvalidArgument),
        (statement(&handle("gone", "main", "one")), Code::NotFound),
        (
            statement(&handle("lake", "_shared", "one")),
            Code::InvalidArgument,
        ),
        (
            statement(&handle("lake", "../main", "one")),
            Code::InvalidArgument,
        ),
        (
            statement(&handle("lake", &"ab".repeat(32), "columns")),
            Code::NotFound,
        ),
        (
            statement(&handle("lake", "main", "nonsense")),
            Code::InvalidArgument,
        ),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let status = client.do_get(Ticket::new(bytes)).await.err().unwrap();
        assert_eq!(status.code(), code, "{shown}: {status}");
    }
    let prepared = CommandPreparedStatementQuery {
        prepared_statement_handle: b"{".to_vec().into(),
    };
    let descriptor = FlightDescriptor::new_cmd(prepared.as_any().encode_to_vec());
    let status = client.get_flight_info(descriptor).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(texts(&mut rig.client(&[]).await, "where").await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_served_is_told() {
    let rig = Rig::new().await;
    let mut client = FlightServiceClient::new(rig.channel().await);
    let action = |kind: &str| Action {
        r#type: kind.to_owned(),
        body: vec![0xff].into(),
    };
    for kind in ["CancelFlightInfo", "SetSessionOptions", "CloseSession", "Nothing"] {
        let status = client.do_action(action(kind)).await.err().unwrap();
        assert_eq!(status.code(), Code::Unimplemented, "{kind}");
    }
    let status = client
        .do_action(action("CreatePreparedStatement"))
        .await
        .err()
        .unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
    let status = client.list_flights(Criteria::default()).await.err().unwrap();
    assert_eq!(status.code(), Code::Unimplemented);
    for data in [vec![], vec![FlightData::default()]] {
        let status = client.do_put(stream::iter(data)).await.err().unwrap();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    let status = client
        .do_exchange(stream::iter([FlightData::default()]))
        .await
        .err()
        .unwrap();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn headers_are_looked_at() {
    let rig = Rig::new().await;
    let mut client = FlightServiceClient::new(rig.channel().await);
    let mut request = Request::new(Ticket::new(CommandGetTables::default().as_any().encode_to_vec()));
    let value = MetadataValue::try_from(&b"\xc3\xa9"[..]).unwrap();
    request.metadata_mut().insert("x-skep-ref", value);
    let status = client.do_get(request).await.err().unwrap();
    assert!(
        status.code() == Code::InvalidArgument && status.message().contains("x-skep-ref"),
        "{status}"
    );
    let large = "a".repeat(100_000);
    let mut request = Request::new(Ticket::new(CommandGetTables::default().as_any().encode_to_vec()));
    request
        .metadata_mut()
        .insert("x-skep-ref", large.parse().unwrap());
    assert!(client.do_get(request).await.is_err());
    assert_eq!(texts(&mut rig.client(&[]).await, "where").await.unwrap().len(), 1);
}
