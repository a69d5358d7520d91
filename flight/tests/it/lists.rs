//! Lists of what there is.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetTables, CommandGetXdbcTypeInfo, SqlInfo,
};
use arrow_flight::{FlightInfo, IpcMessage};
use arrow_schema::Schema;
use tonic::Code;

use super::rig::{Client, Rig, fetched, told};

/// The rows of a list, each with its texts between bars.
async fn rows(client: &mut Client, info: FlightInfo) -> Vec<String> {
    let batches = fetched(client, info).await.unwrap();
    batches.iter().flat_map(shown).collect()
}

fn shown(batch: &RecordBatch) -> Vec<String> {
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .filter_map(|column| column.as_string_opt::<i32>())
        .collect();
    let row = |row| {
        columns
            .iter()
            .map(|column| column.value(row))
            .collect::<Vec<_>>()
            .join("|")
    };
    (0..batch.num_rows()).map(row).collect()
}

fn schemas(pattern: Option<&str>) -> CommandGetDbSchemas {
    CommandGetDbSchemas {
        catalog: None,
        db_schema_filter_pattern: pattern.map(str::to_owned),
    }
}

fn tables(database: Option<&str>, table: Option<&str>, types: &[&str]) -> CommandGetTables {
    CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: database.map(str::to_owned),
        table_name_filter_pattern: table.map(str::to_owned),
        table_types: types.iter().map(|kind| (*kind).to_owned()).collect(),
        include_schema: false,
    }
}

#[tokio::test]
async fn catalogs_databases_and_tables_are_listed() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    let info = client.get_catalogs().await.unwrap();
    assert_eq!(rows(&mut client, info).await, ["skep"]);
    let info = client.get_table_types().await.unwrap();
    assert_eq!(rows(&mut client, info).await, ["TABLE", "VIEW"]);
    let info = client.get_db_schemas(schemas(None)).await.unwrap();
    assert_eq!(rows(&mut client, info).await, ["skep|default", "skep|sales"]);
    let info = client.get_tables(tables(None, None, &[])).await.unwrap();
    let all = [
        "skep|default|other|TABLE",
        "skep|sales|big|VIEW",
        "skep|sales|delta|TABLE",
        "skep|sales|orders|TABLE",
    ];
    assert_eq!(rows(&mut client, info).await, all);
    let info = client
        .get_tables(tables(Some("sal%"), Some("b_g"), &[]))
        .await
        .unwrap();
    assert_eq!(rows(&mut client, info).await, [all[1]]);
    let info = client
        .get_tables(tables(None, None, &["VIEW", "X"]))
        .await
        .unwrap();
    assert_eq!(rows(&mut client, info).await, [all[1]]);
    let of = |catalog: &str| CommandGetTables {
        catalog: Some(catalog.to_owned()),
        ..tables(None, None, &[])
    };
    let info = client.get_tables(of("skep")).await.unwrap();
    assert_eq!(rows(&mut client, info).await.len(), 4);
    let info = client.get_tables(of("")).await.unwrap();
    assert!(rows(&mut client, info).await.is_empty());
}

#[tokio::test]
async fn a_pattern_may_name_a_ref() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    let info = client.get_db_schemas(schemas(Some("%@etl"))).await.unwrap();
    assert_eq!(
        rows(&mut client, info).await,
        ["skep|default@etl", "skep|only_on_etl@etl", "skep|sales@etl"]
    );
    let info = client
        .get_tables(tables(Some("sales@etl"), Some("orders"), &[]))
        .await
        .unwrap();
    assert_eq!(rows(&mut client, info).await, ["skep|sales@etl|orders|TABLE"]);
    let info = client.get_db_schemas(schemas(Some("sales@a b"))).await.unwrap();
    let (code, _) = told(fetched(&mut client, info).await.unwrap_err());
    assert_eq!(code, Code::InvalidArgument);
    let mut client = rig.client(&[("x-skep-ref", "etl")]).await;
    let info = client.get_db_schemas(schemas(None)).await.unwrap();
    assert!(
        rows(&mut client, info)
            .await
            .contains(&"skep|only_on_etl".to_owned())
    );
}

#[tokio::test]
async fn tables_come_with_their_columns_as_far_as_they_can_be_read() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    let wanted = CommandGetTables {
        include_schema: true,
        ..tables(Some("sales"), None, &["TABLE"])
    };
    let info = client.get_tables(wanted).await.unwrap();
    let batches = fetched(&mut client, info).await.unwrap();
    assert_eq!(
        shown(&batches[0]),
        ["skep|sales|delta|TABLE", "skep|sales|orders|TABLE"]
    );
    let schemas = batches[0].column(4).as_binary::<i32>();
    let names = |row| {
        let schema = Schema::try_from(IpcMessage(schemas.value(row).to_vec().into())).unwrap();
        schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((names(0), names(1)), (vec![], vec!["n".to_owned()]));
}

#[tokio::test]
async fn the_server_tells_of_itself() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    let info = client
        .get_sql_info(vec![SqlInfo::FlightSqlServerName])
        .await
        .unwrap();
    let batches = fetched(&mut client, info).await.unwrap();
    assert_eq!(batches[0].num_rows(), 1);
    assert_eq!(
        batches[0]
            .column(1)
            .as_union()
            .value(0)
            .as_string::<i32>()
            .value(0),
        "skep"
    );
    let info = client.get_sql_info(vec![]).await.unwrap();
    assert!(fetched(&mut client, info).await.unwrap()[0].num_rows() > 10);
}

#[tokio::test]
async fn there_are_no_keys_and_no_types() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    let lists = [
        client
            .get_primary_keys(CommandGetPrimaryKeys::default())
            .await
            .unwrap(),
        client
            .get_exported_keys(CommandGetExportedKeys::default())
            .await
            .unwrap(),
        client
            .get_imported_keys(CommandGetImportedKeys::default())
            .await
            .unwrap(),
        client
            .get_cross_reference(CommandGetCrossReference::default())
            .await
            .unwrap(),
        client
            .get_xdbc_type_info(CommandGetXdbcTypeInfo::default())
            .await
            .unwrap(),
    ];
    for info in lists {
        assert!(rows(&mut client, info).await.is_empty());
    }
}

#[tokio::test]
async fn a_handshake_lets_everybody_in() {
    let rig = Rig::new().await;
    let mut client = rig.client(&[]).await;
    client.handshake("ann", "secret").await.unwrap();
    assert!(client.token().is_some());
    let info = client.get_catalogs().await.unwrap();
    assert_eq!(rows(&mut client, info).await, ["skep"]);
}
