//! Exchanging partitions between tables.

use std::collections::BTreeMap;

use catalog::{Draft, Error};
use futures::FutureExt;
use thrift_idl::methods::{
    ExchangePartition, ExchangePartitionArgs, ExchangePartitions, ExchangePartitionsArgs,
};
use thrift_idl::types::Partition;

use crate::context::Call;
use crate::convert::{Names, partition_to};
use crate::exception::Failure;
use crate::registry::Routes;
use crate::target::NamedTable;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<ExchangePartitions, _, _>(async |call, args: ExchangePartitionsArgs| {
            let from = (args.source_db, args.source_table_name);
            let to = (args.dest_db, args.dest_table_name);
            exchange(call, args.partition_specs, from, to).await
        })
        .serve::<ExchangePartition, _, _>(async |call, args: ExchangePartitionArgs| {
            let from = (args.source_db, args.source_table_name);
            let to = (args.dest_db, args.dest_table_name);
            exchange(call, args.partition_specs, from, to).await?;
            // which of them it would be is not said, and the original returns an empty one
            Ok(Partition::default())
        })
}

/// What a plan needs to exchange partitions.
struct Exchanged {
    spec: BTreeMap<String, String>,
    from: (String, String),
    to: (String, String),
    names: Names,
}

type TableName = (Option<String>, Option<String>);

async fn exchange(
    call: Call,
    spec: Option<BTreeMap<String, String>>,
    from: TableName,
    to: TableName,
) -> Result<Vec<Partition>, Failure> {
    let spec = spec.ok_or_else(|| Failure::meta("The partition specs must not be null."))?;
    let from = named(&call, "source", from).await?;
    let to = named(&call, "destination", to).await?;
    let repository = |named: &NamedTable| named.target.catalog.repository().record().id;
    if (repository(&from), &from.target.reference) != (repository(&to), &to.target.reference) {
        return Err(Failure::meta(
            "partitions cannot be exchanged with a table of another ref or repository",
        ));
    }
    let exchanged = Exchanged {
        spec,
        from: (from.target.database.clone(), from.name),
        to: (to.target.database.clone(), to.name),
        names: to.target.names.clone(),
    };
    to.target
        .write(exchanged, |draft, it: &Exchanged| planned(draft, it).boxed())
        .await
}

/// The original answers whatever is wrong with a name here as an error of the metastore's own.
async fn named(call: &Call, which: &str, (database, table): TableName) -> Result<NamedTable, Failure> {
    call.table(database, table, None)
        .await
        .map_err(|failure| Failure::meta(format!("The {which} table was not found: {failure}")))
}

async fn planned(draft: &mut Draft, it: &Exchanged) -> Result<Vec<Partition>, Failure> {
    let from = draft.table(&it.from.0, &it.from.1).await.map_err(worded)?;
    let value_of = |key: &str| it.spec.get(key).cloned().unwrap_or_default();
    let values: Vec<String> = from.key_names().into_iter().map(value_of).collect();
    let (from, to) = ((&*it.from.0, &*it.from.1), (&*it.to.0, &*it.to.1));
    let moved = draft
        .exchange_partitions(from, to, &values)
        .await
        .map_err(worded)?;
    let open = draft.table(to.0, to.1).await?;
    let base = open.partition_base();
    Ok(moved
        .iter()
        .map(|partition| partition_to(partition, &it.names, &open.name, &base))
        .collect())
}

fn worded(error: Error) -> Failure {
    Failure::meta(match error {
        Error::NoSuchTable { database, table } => format!("The table hive.{database}.{table} not found"),
        Error::NoSuchPartition { table, values, .. } => format!(
            "No partition is found with the values {} for the table {table}",
            crate::exception::java_list(&values)
        ),
        Error::PartitionExists { table, values, .. } => format!(
            "The partition {} already exists in the table {table}",
            crate::exception::java_list(&values)
        ),
        Error::Store(error) => return Error::Store(error).into(),
        other => other.to_string(),
    })
}
