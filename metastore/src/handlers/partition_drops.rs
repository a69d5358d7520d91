//! Dropping partitions.

use catalog::{Draft, Error, OpenTable};
use futures::FutureExt;
use thrift_idl::methods::{
    DropPartition, DropPartitionArgs, DropPartitionByName, DropPartitionByNameArgs,
    DropPartitionByNameWithEnvironmentContext, DropPartitionByNameWithEnvironmentContextArgs,
    DropPartitionReq, DropPartitionReqArgs, DropPartitionWithEnvironmentContext,
    DropPartitionWithEnvironmentContextArgs, DropPartitionsReq, DropPartitionsReqArgs,
};
use thrift_idl::types::{self, DropPartitionsExpr, DropPartitionsResult};

use super::expressions::names_to_drop;
use super::partitions::Which;
use crate::complete::Words;
use crate::context::Call;
use crate::convert::{Names, partition_to};
use crate::exception::Failure;
use crate::registry::Routes;
use crate::target::{NamedTable, SeenTable};

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<DropPartition, _, _>(async |call: Call, it: DropPartitionArgs| {
            let which = Which::Values(it.part_vals.unwrap_or_default());
            drop_one(
                call,
                (it.db_name, it.tbl_name, None),
                which,
                (it.delete_data, Words::default()),
            )
            .await
        })
        .serve::<DropPartitionWithEnvironmentContext, _, _>(
            async |call: Call, it: DropPartitionWithEnvironmentContextArgs| {
                let which = Which::Values(it.part_vals.unwrap_or_default());
                drop_one(
                    call,
                    (it.db_name, it.tbl_name, None),
                    which,
                    (it.delete_data, it.environment_context.into()),
                )
                .await
            },
        )
        .serve::<DropPartitionByName, _, _>(async |call: Call, it: DropPartitionByNameArgs| {
            let which = Which::Name(it.part_name.unwrap_or_default());
            drop_one(
                call,
                (it.db_name, it.tbl_name, None),
                which,
                (it.delete_data, Words::default()),
            )
            .await
        })
        .serve::<DropPartitionByNameWithEnvironmentContext, _, _>(
            async |call: Call, it: DropPartitionByNameWithEnvironmentContextArgs| {
                let which = Which::Name(it.part_name.unwrap_or_default());
                drop_one(
                    call,
                    (it.db_name, it.tbl_name, None),
                    which,
                    (it.delete_data, it.environment_context.into()),
                )
                .await
            },
        )
        .serve::<DropPartitionReq, _, _>(async |call: Call, args: DropPartitionReqArgs| {
            let it = args.drop_partition_req.unwrap_or_default();
            let which = Which::of(it.part_name, it.part_vals);
            drop_one(
                call,
                (it.db_name, it.tbl_name, it.cat_name),
                which,
                (it.delete_data, it.environment_context.into()),
            )
            .await
        })
        .serve::<DropPartitionsReq, _, _>(drop_req)
}

/// The names of a database, a table and a catalog, as requests give them.
type Address = (Option<String>, Option<String>, Option<String>);

async fn drop_one(
    call: Call,
    (database, table, catalog): Address,
    which: Which,
    (delete_data, words): (Option<bool>, Words),
) -> Result<bool, Failure> {
    let NamedTable { target, name } = call.table(database, table, catalog).await?;
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
                let values = which.values(&open.key_names())?;
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

/// What a plan needs to drop partitions.
struct Dropped {
    database: String,
    table: String,
    names: Vec<String>,
    expressions: Vec<DropPartitionsExpr>,
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
    let dropped = Dropped {
        database: named.target.database.clone(),
        table: named.name,
        names: parts.names.unwrap_or_default(),
        expressions: parts.exprs.unwrap_or_default(),
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
    let names = names(draft, &open, it).await?;
    let dropped = draft
        .drop_partitions(&it.database, &it.table, &names, it.delete_data, it.if_exists)
        .await?;
    let base = open.partition_base();
    Ok(dropped
        .iter()
        .map(|partition| partition_to(partition, &it.spelled, &open.name, &base))
        .collect())
}

/// Returns what is to be dropped: what is named, and what the expressions accept, each of at least one.
async fn names(draft: &Draft, open: &OpenTable, it: &Dropped) -> Result<Vec<String>, Failure> {
    let mut names = it.names.clone();
    for expression in &it.expressions {
        let seen = SeenTable {
            snapshot: draft.snapshot().clone(),
            open: open.clone(),
            names: it.spelled.clone(),
        };
        names.extend(names_to_drop(seen, expression.expr.as_deref().unwrap_or_default()).await?);
    }
    if !it.if_exists && names.len() < it.names.len() + it.expressions.len() {
        return Err(Error::MissingPartitions {
            database: it.database.clone(),
            table: open.name.clone(),
            count: it.expressions.len(),
            example: "an expression that accepts none".into(),
        }
        .into());
    }
    Ok(names)
}
