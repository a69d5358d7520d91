//! Dropping partitions.

use catalog::{Draft, Error};
use futures::FutureExt;
use thrift_idl::methods::{
    DropPartition, DropPartitionArgs, DropPartitionByName, DropPartitionByNameArgs,
    DropPartitionByNameWithEnvironmentContext, DropPartitionByNameWithEnvironmentContextArgs,
    DropPartitionReq, DropPartitionReqArgs, DropPartitionWithEnvironmentContext,
    DropPartitionWithEnvironmentContextArgs, DropPartitionsReq, DropPartitionsReqArgs,
};
use thrift_idl::types::{self, DropPartitionsResult};

use super::partitions::Which;
use crate::complete::Words;
use crate::context::Call;
use crate::convert::{Names, partition_to};
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::target::NamedTable;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<DropPartition, _, _>(async |call: Call, args: DropPartitionArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            drop_one(
                named,
                Which::Values(args.part_vals.unwrap_or_default()),
                args.delete_data,
                Words::default(),
            )
            .await
        })
        .serve::<DropPartitionWithEnvironmentContext, _, _>(
            async |call: Call, args: DropPartitionWithEnvironmentContextArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                drop_one(
                    named,
                    Which::Values(args.part_vals.unwrap_or_default()),
                    args.delete_data,
                    args.environment_context.into(),
                )
                .await
            },
        )
        .serve::<DropPartitionByName, _, _>(async |call: Call, args: DropPartitionByNameArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            drop_one(
                named,
                Which::Name(args.part_name.unwrap_or_default()),
                args.delete_data,
                Words::default(),
            )
            .await
        })
        .serve::<DropPartitionByNameWithEnvironmentContext, _, _>(
            async |call: Call, args: DropPartitionByNameWithEnvironmentContextArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                drop_one(
                    named,
                    Which::Name(args.part_name.unwrap_or_default()),
                    args.delete_data,
                    args.environment_context.into(),
                )
                .await
            },
        )
        .serve::<DropPartitionReq, _, _>(async |call: Call, args: DropPartitionReqArgs| {
            let request = args.drop_partition_req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.tbl_name, request.cat_name)
                .await?;
            drop_one(
                named,
                Which::of(request.part_name, request.part_vals),
                request.delete_data,
                request.environment_context.into(),
            )
            .await
        })
        .serve::<DropPartitionsReq, _, _>(drop_req)
}

async fn drop_one(
    named: NamedTable,
    which: Which,
    delete_data: Option<bool>,
    words: Words,
) -> Result<bool, Failure> {
    let NamedTable { target, name } = named;
    let input = (
        (target.database.clone(), name),
        which,
        delete_data.unwrap_or_default(),
        words.purges(),
    );
    target
        .write(input, |draft, ((database, table), which, delete_data, purge)| {
            async move {
                if *purge {
                    draft.purge();
                }
                let open = draft.table(database, table).await?;
                let values = which.values(&open.key_names()).map_err(name_failure)?;
                let partition = draft.partition(&open, &values).await?;
                draft
                    .drop_partitions(database, table, &[partition.name], *delete_data, false)
                    .await?;
                Ok(true)
            }
            .boxed()
        })
        .await
}

/// What is no partition's name names no partition.
fn name_failure(error: Error) -> Failure {
    match error {
        Error::InvalidPartitionName { ref name, .. } if !name.is_empty() => {
            Failure::As(&[Class::NoSuchObject], error.to_string())
        }
        other => other.into(),
    }
}

/// What a plan needs to drop partitions.
struct Dropped {
    database: String,
    table: String,
    names: Vec<String>,
    delete_data: bool,
    if_exists: bool,
    purge: bool,
    spelled: Names,
}

async fn drop_req(call: Call, args: DropPartitionsReqArgs) -> Result<DropPartitionsResult, Failure> {
    let request = args.req.unwrap_or_default();
    let named = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?;
    let parts = request.parts.unwrap_or_default();
    if parts.exprs.is_some_and(|exprs| !exprs.is_empty()) {
        let text =
            "partitions cannot be dropped by serialized expressions yet: name them, as Spark and Trino do";
        return Err(Failure::meta(text));
    }
    let dropped = Dropped {
        database: named.target.database.clone(),
        table: named.name,
        names: parts.names.unwrap_or_default(),
        delete_data: request.delete_data.unwrap_or_default(),
        if_exists: request.if_exists.unwrap_or(true),
        purge: Words::from(request.environment_context).purges(),
        spelled: named.target.names.clone(),
    };
    let wanted = request.need_result.unwrap_or(true);
    let partitions = named
        .target
        .write(dropped, |draft, it: &Dropped| drop_named(draft, it).boxed())
        .await?;
    Ok(DropPartitionsResult {
        partitions: wanted.then_some(partitions),
    })
}

async fn drop_named(draft: &mut Draft, it: &Dropped) -> Result<Vec<types::Partition>, Failure> {
    if it.purge {
        draft.purge();
    }
    let open = draft.table(&it.database, &it.table).await?;
    let dropped = draft
        .drop_partitions(&it.database, &it.table, &it.names, it.delete_data, it.if_exists)
        .await?;
    let base = open.partition_base();
    Ok(dropped
        .iter()
        .map(|partition| partition_to(partition, &it.spelled, &open.name, &base))
        .collect())
}
