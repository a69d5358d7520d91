//! Parts of partitions, and tables by filters.

use thrift_idl::methods::*;
use thrift_idl::types::{
    FieldSchema, GetPartitionsFilterSpec, GetPartitionsRequest, GetProjectionsSpec, PartitionFilterMode,
    PartitionSpec, PartitionValuesRequest,
};

use super::harness::{Client, Server, some, table, texts};
use super::partitions::recorded;

async fn specs(
    client: &mut Client,
    fields: &[&str],
    mode: Option<PartitionFilterMode>,
    filters: &[&str],
) -> Vec<PartitionSpec> {
    let request = GetPartitionsRequest {
        db_name: some("g1"),
        tbl_name: some("p"),
        projection_spec: Some(GetProjectionsSpec {
            field_list: Some(texts(fields)),
            exclude_param_key_pattern: some("%Ddl%"),
            ..GetProjectionsSpec::default()
        }),
        filter_spec: Some(GetPartitionsFilterSpec {
            filter_mode: mode,
            filters: Some(texts(filters)),
        }),
        ..GetPartitionsRequest::default()
    };
    let args = GetPartitionsWithSpecsArgs {
        request: Some(request),
    };
    let found = client.get::<GetPartitionsWithSpecs>(args).await.unwrap();
    found.partition_spec.unwrap()
}

fn count(specs: &[PartitionSpec]) -> usize {
    let shared = specs
        .iter()
        .filter_map(|spec| spec.shared_sd_partition_spec.as_ref());
    shared
        .filter_map(|group| group.partitions.as_ref())
        .map(Vec::len)
        .sum()
}

#[tokio::test]
async fn only_what_is_wanted_comes() {
    let (_server, mut client) = recorded().await;
    let found = specs(
        &mut client,
        &["values", "sd.serdeInfo.serializationLib"],
        None,
        &[],
    )
    .await;
    assert_eq!(count(&found), 10);
    let group = found[0].shared_sd_partition_spec.as_ref().unwrap();
    let storage = group.sd.as_ref().unwrap();
    assert_eq!(
        (&storage.location, &storage.cols, &storage.input_format),
        (&None, &None, &None)
    );
    let serde = storage.serde_info.as_ref().unwrap();
    assert!(serde.serialization_lib.is_some() && serde.parameters.is_none());
    let first = &group.partitions.as_ref().unwrap()[0];
    assert_eq!(first.values.as_ref().unwrap(), &["2020-01-01", "a b/c", "1"]);
    assert_eq!((first.create_time, &first.parameters), (None, &None));
    // all fields, but not the keys of parameters that are left out
    let found = specs(&mut client, &[], None, &[]).await;
    let group = found[0].shared_sd_partition_spec.as_ref().unwrap();
    let first = &group.partitions.as_ref().unwrap()[0];
    assert_eq!(first.parameters, Some([].into()));
    assert_eq!(
        first.relative_path.as_deref(),
        Some("/d=2020-01-01/s=a b%2Fc/n=1")
    );
}

#[tokio::test]
async fn filters_have_modes() {
    let (_server, mut client) = recorded().await;
    let mut found =
        async |mode, filters: &[&str]| count(&specs(&mut client, &["values"], mode, filters).await);
    assert_eq!(
        found(
            Some(PartitionFilterMode::BY_NAMES),
            &["d=2020-01-02/s=b/n=2", "d=x"]
        )
        .await,
        1
    );
    assert_eq!(
        found(Some(PartitionFilterMode::BY_VALUES), &["2020-01-02"]).await,
        1
    );
    assert_eq!(found(Some(PartitionFilterMode::BY_EXPR), &["n = 1"]).await, 3);
    assert_eq!(
        found(Some(PartitionFilterMode::BY_EXPR), &["n = 1", "d > '2020-12-31'"]).await,
        1
    );
}

#[tokio::test]
async fn values_of_keys_alone() {
    let (_server, mut client) = recorded().await;
    let fields = |names: &[&str]| -> Vec<FieldSchema> {
        let field = |name: &&str| FieldSchema {
            name: some(name),
            ..FieldSchema::default()
        };
        names.iter().map(field).collect()
    };
    let request = |keys: &[&str], order: &[&str], ascending, max| GetPartitionValuesArgs {
        request: Some(PartitionValuesRequest {
            db_name: some("g1"),
            tbl_name: some("p"),
            partition_keys: Some(fields(keys)),
            partition_order: Some(fields(order)),
            filter: some("n = 1 or n = 2"),
            ascending: Some(ascending),
            max_parts: Some(max),
            ..PartitionValuesRequest::default()
        }),
    };
    for (args, expected) in [
        (request(&["n"], &[], true, -1), &["1", "2"][..]),
        (
            request(&["n", "s"], &["s"], true, -1),
            &["1/", "1/a b/c", "2/b", "1/m1"],
        ),
        (request(&["D"], &["d"], false, 2), &["2021-01-01", "2020-03-01"]),
    ] {
        let found = client.get::<GetPartitionValues>(args).await.unwrap();
        let rows = found.partition_values.unwrap();
        let rows: Vec<String> = rows.into_iter().map(|row| row.row.unwrap().join("/")).collect();
        assert_eq!(rows, expected);
    }
    assert_eq!(
        client
            .outcome::<GetPartitionValues>(request(&["a"], &[], true, -1))
            .await,
        "MetaException: a is no partition key of p"
    );
}

#[tokio::test]
async fn tables_are_found_by_filters() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.create_database("g1").await;
    for (name, comment) in [("a", Some("x")), ("b", None), ("c", Some("y"))] {
        let mut made = table("g1", name, "i int", "");
        made.parameters = comment.map(|text| [("Comment".to_owned(), text.to_owned())].into());
        client.create_table(made).await;
    }
    let args = |database: &str, filter: &str, max| GetTableNamesByFilterArgs {
        dbname: some(database),
        filter: some(filter),
        max_tables: Some(max),
    };
    for (filter, max, expected) in [
        (r#"hive_filter_field_owner__ = "o""#, -1, &["a", "b", "c"][..]),
        (r#"hive_filter_field_owner__ = "o""#, 2, &["a", "b"]),
        (r#"hive_filter_field_params__Comment = "x""#, -1, &["a"]),
        (r#"hive_filter_field_params__Comment != "x""#, -1, &["c"]),
        (
            r#"hive_filter_field_params__Comment like "[xy]""#,
            -1,
            &["a", "c"],
        ),
        (
            r#"hive_filter_field_tableType__ = "MANAGED_TABLE" and hive_filter_field_last_access__ = 0"#,
            -1,
            &["a", "b", "c"],
        ),
        ("", -1, &["a", "b", "c"]),
    ] {
        let found = client.get::<GetTableNamesByFilter>(args("g1", filter, max)).await;
        assert_eq!(found.unwrap(), expected, "{filter}");
    }
    let nowhere = args("nope", r#"hive_filter_field_owner__ = "o""#, -1);
    assert!(
        client
            .get::<GetTableNamesByFilter>(nowhere)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        client
            .outcome::<GetTableNamesByFilter>(args("g1", "owner = 'o'", -1))
            .await,
        "MetaException: Invalid key name in filter. Use constants from org.apache.hadoop.hive.metastore.api"
    );
}
