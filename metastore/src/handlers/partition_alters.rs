//! Altering and renaming partitions.

use catalog::Error;
use catalog::draft::AlterPartitions as How;
use catalog::model::Partition;
use futures::FutureExt;
use thrift_idl::methods::{
    AlterPartition, AlterPartitionArgs, AlterPartitionWithEnvironmentContext,
    AlterPartitionWithEnvironmentContextArgs, AlterPartitions, AlterPartitionsArgs, AlterPartitionsReq,
    AlterPartitionsReqArgs, AlterPartitionsWithEnvironmentContext, AlterPartitionsWithEnvironmentContextArgs,
    RenamePartition, RenamePartitionArgs, RenamePartitionReq, RenamePartitionReqArgs,
};
use thrift_idl::types::{self, AlterPartitionsResponse, RenamePartitionResponse};

use crate::complete::{Words, shape_partition};
use crate::context::Call;
use crate::convert::partition_from;
use crate::exception::{Class, Failure, java_list};
use crate::registry::Routes;
use crate::target::NamedTable;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<AlterPartition, _, _>(async |call: Call, args: AlterPartitionArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            alter(named, one(args.new_part)?, Words::default()).await
        })
        .serve::<AlterPartitionWithEnvironmentContext, _, _>(
            async |call: Call, args: AlterPartitionWithEnvironmentContextArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                alter(named, one(args.new_part)?, args.environment_context.into()).await
            },
        )
        .serve::<AlterPartitions, _, _>(async |call: Call, args: AlterPartitionsArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            alter(named, all(args.new_parts)?, Words::default()).await
        })
        .serve::<AlterPartitionsWithEnvironmentContext, _, _>(
            async |call: Call, args: AlterPartitionsWithEnvironmentContextArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                alter(named, all(args.new_parts)?, args.environment_context.into()).await
            },
        )
        .serve::<AlterPartitionsReq, _, _>(async |call: Call, args: AlterPartitionsReqArgs| {
            let request = args.req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.table_name, request.cat_name)
                .await?;
            alter(
                named,
                all(request.partitions)?,
                request.environment_context.into(),
            )
            .await?;
            Ok(AlterPartitionsResponse {})
        })
        .serve::<RenamePartition, _, _>(async |call: Call, args: RenamePartitionArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            rename(named, args.part_vals, args.new_part).await
        })
        .serve::<RenamePartitionReq, _, _>(async |call: Call, args: RenamePartitionReqArgs| {
            let request = args.req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.table_name, request.cat_name)
                .await?;
            rename(named, request.part_vals, request.new_part).await?;
            Ok(RenamePartitionResponse {})
        })
}

fn one(partition: Option<types::Partition>) -> Result<Vec<types::Partition>, Failure> {
    partition
        .map(|partition| vec![partition])
        .ok_or(Failure::Null("Partition"))
}

fn all(partitions: Option<Vec<types::Partition>>) -> Result<Vec<types::Partition>, Failure> {
    partitions.ok_or(Failure::Null("List of partitions"))
}

async fn alter(named: NamedTable, partitions: Vec<types::Partition>, words: Words) -> Result<(), Failure> {
    let has_strangers = partitions.iter().any(|partition| named.is_denied_by(partition));
    let NamedTable { target, name } = named;
    let from = |mut wire: types::Partition| {
        shape_partition(&mut wire);
        partition_from(wire, &target.names.locator)
    };
    let partitions: Vec<Partition> = partitions.into_iter().map(from).collect::<Result<_, _>>()?;
    let how = How {
        keep_statistics: words.keeps_statistics(),
    };
    target
        .write(
            ((target.database.clone(), name), partitions, how, has_strangers),
            |draft, ((database, table), partitions, how, has_strangers)| {
                async move {
                    draft.table(database, table).await?;
                    if *has_strangers {
                        return Err(other_table());
                    }
                    match draft
                        .alter_partitions(database, table, partitions.clone(), how)
                        .await
                    {
                        Err(Error::NoSuchPartition { values, .. }) => Err(Failure::As(
                            &[Class::InvalidOperation],
                            format!("alter is not possible: partition values={}", java_list(&values)),
                        )),
                        other => Ok(other?),
                    }
                }
                .boxed()
            },
        )
        .await
}

/// Renames a partition; one that no old values name is altered, as the original does it.
async fn rename(
    named: NamedTable,
    values: Option<Vec<String>>,
    partition: Option<types::Partition>,
) -> Result<(), Failure> {
    let Some(values) = values.filter(|values| !values.is_empty()) else {
        let partition = partition.ok_or(Failure::Null("New partition"))?;
        return alter(named, vec![partition], Words::default()).await;
    };
    let mut wire = partition.ok_or(Failure::Null("New partition"))?;
    let is_stranger = !named.is_table_of(&wire);
    let NamedTable { target, name } = named;
    shape_partition(&mut wire);
    let partition = partition_from(wire, &target.names.locator)?;
    let input = ((target.database.clone(), name), values, partition, is_stranger);
    target
        .write(
            input,
            |draft, ((database, table), values, partition, is_stranger)| {
                async move {
                    draft.table(database, table).await?;
                    if *is_stranger {
                        return Err(other_table());
                    }
                    let renamed = draft
                        .rename_partition(database, table, values, partition.clone())
                        .await;
                    renamed.map_err(rename_failure)
                }
                .boxed()
            },
        )
        .await
}

fn other_table() -> Failure {
    Failure::meta("Partition doesn't have a valid table or database name")
}

fn rename_failure(error: Error) -> Failure {
    let text = match error {
        Error::NoSuchPartition { .. } => {
            "Unable to rename partition because old partition does not exist".to_owned()
        }
        Error::PartitionExists {
            database,
            table,
            values,
        } => {
            format!(
                "Partition already exists:{database}.{table}.{}",
                java_list(&values)
            )
        }
        other => return other.into(),
    };
    Failure::As(&[Class::InvalidOperation], text)
}
