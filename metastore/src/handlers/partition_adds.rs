//! Adding partitions.

use catalog::draft::AddPartitions as How;
use catalog::model::Partition;
use catalog::{Draft, Error};
use futures::FutureExt;
use thrift_idl::methods::{
    AddPartition, AddPartitionArgs, AddPartitionWithEnvironmentContext,
    AddPartitionWithEnvironmentContextArgs, AddPartitions, AddPartitionsArgs, AddPartitionsReq,
    AddPartitionsReqArgs, AppendPartition, AppendPartitionArgs, AppendPartitionByName,
    AppendPartitionByNameArgs, AppendPartitionByNameWithEnvironmentContext,
    AppendPartitionByNameWithEnvironmentContextArgs, AppendPartitionReq, AppendPartitionReqArgs,
    AppendPartitionWithEnvironmentContext, AppendPartitionWithEnvironmentContextArgs,
};
use thrift_idl::types::{self, AddPartitionsResult};

use super::partitions::Which;
use crate::complete::{Words, check_partition, shape_partition};
use crate::context::Call;
use crate::convert::{Names, partition_from, partition_to};
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::target::NamedTable;

pub(super) fn routes() -> Routes {
    adding().and(appending())
}

fn adding() -> Routes {
    Routes::default()
        .serve::<AddPartition, _, _>(async |call, args: AddPartitionArgs| {
            add_one(&call, args.new_part, Words::default()).await
        })
        .serve::<AddPartitionWithEnvironmentContext, _, _>(
            async |call, args: AddPartitionWithEnvironmentContextArgs| {
                add_one(&call, args.new_part, args.environment_context.into()).await
            },
        )
        .serve::<AddPartitions, _, _>(async |call, args: AddPartitionsArgs| {
            let partitions = args.new_parts.ok_or(Failure::Null("List of partitions"))?;
            add_list(&call, partitions).await
        })
        .serve::<AddPartitionsReq, _, _>(add_req)
}

fn appending() -> Routes {
    Routes::default()
        .serve::<AppendPartition, _, _>(async |call: Call, args: AppendPartitionArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            append(named, Which::Values(args.part_vals.unwrap_or_default())).await
        })
        .serve::<AppendPartitionWithEnvironmentContext, _, _>(
            async |call: Call, args: AppendPartitionWithEnvironmentContextArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                append(named, Which::Values(args.part_vals.unwrap_or_default())).await
            },
        )
        .serve::<AppendPartitionByName, _, _>(async |call: Call, args: AppendPartitionByNameArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            append(named, Which::Name(args.part_name.unwrap_or_default())).await
        })
        .serve::<AppendPartitionByNameWithEnvironmentContext, _, _>(
            async |call: Call, args: AppendPartitionByNameWithEnvironmentContextArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                append(named, Which::Name(args.part_name.unwrap_or_default())).await
            },
        )
        .serve::<AppendPartitionReq, _, _>(async |call: Call, args: AppendPartitionReqArgs| {
            let request = args.append_partitions_req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.table_name, request.catalog_name)
                .await?;
            append(named, Which::of(request.name, request.part_vals)).await
        })
}

/// What a plan needs to add partitions.
struct Added {
    database: String,
    table: String,
    partitions: Vec<Partition>,
    how: How,
    names: Names,
    /// Whether some of them are said to be of another table.
    has_strangers: bool,
    /// Whether some of them have no storage, as those of views have none.
    has_bare: bool,
}

/// Adds partitions; returns those that were added, for the wire.
async fn add(
    named: NamedTable,
    partitions: Vec<types::Partition>,
    how: How,
) -> Result<Vec<types::Partition>, Failure> {
    let has_strangers = partitions.iter().any(|partition| named.is_denied_by(partition));
    let has_bare = partitions.iter().any(|partition| partition.sd.is_none());
    let NamedTable { target, name } = named;
    let from = |mut wire: types::Partition| {
        check_partition(&wire)?;
        shape_partition(&mut wire);
        Ok::<_, Failure>(partition_from(wire, &target.names.locator)?)
    };
    let added = Added {
        database: target.database.clone(),
        table: name,
        partitions: partitions.into_iter().map(from).collect::<Result<_, _>>()?,
        how,
        names: target.names.clone(),
        has_strangers,
        has_bare,
    };
    target
        .write(added, |draft, it: &Added| {
            async move {
                check(draft, it).await?;
                let added = draft
                    .add_partitions(&it.database, &it.table, it.partitions.clone(), &it.how)
                    .await;
                let added = added.map_err(add_failure)?;
                make_folders(draft, &it.database, &it.table, &added).await?;
                to_wire(draft, it, added).await
            }
            .boxed()
        })
        .await
}

async fn check(draft: &Draft, it: &Added) -> Result<(), Failure> {
    let open = draft.table(&it.database, &it.table).await.map_err(add_failure)?;
    if it.has_strangers {
        return Err(Failure::meta(
            "Partition does not belong to the table of the others.",
        ));
    }
    if it.has_bare && open.location().is_some() {
        return Err(Failure::meta("Storage descriptor cannot be null."));
    }
    Ok(())
}

/// Makes folders for partitions that have no files yet.
async fn make_folders(
    draft: &mut Draft,
    database: &str,
    table: &str,
    partitions: &[Partition],
) -> Result<(), Failure> {
    let open = draft.table(database, table).await?;
    let places: Vec<_> = partitions
        .iter()
        .filter_map(|partition| open.place_of(partition))
        .collect();
    Ok(draft.make_folders(places).await?)
}

async fn to_wire(
    draft: &Draft,
    it: &Added,
    partitions: Vec<Partition>,
) -> Result<Vec<types::Partition>, Failure> {
    let open = draft.table(&it.database, &it.table).await?;
    let base = open.partition_base();
    Ok(partitions
        .iter()
        .map(|partition| partition_to(partition, &it.names, &open.name, &base))
        .collect())
}

/// Words what goes wrong when partitions are added as the original does.
fn add_failure(error: Error) -> Failure {
    match error {
        Error::NoSuchTable { .. } | Error::NoSuchDatabase { .. } => Failure::As(
            &[Class::InvalidObject, Class::Meta],
            "Unable to add partition because table or database do not exist".into(),
        ),
        other => other.into(),
    }
}

async fn add_one(
    call: &Call,
    partition: Option<types::Partition>,
    words: Words,
) -> Result<types::Partition, Failure> {
    let wire = partition.ok_or_else(|| Failure::meta("Partition cannot be null."))?;
    let (database, table) = (wire.db_name.clone(), wire.table_name.clone());
    let named = call.table(database, table, wire.cat_name.clone()).await?;
    let how = How {
        keep_statistics: words.keeps_statistics(),
        ..How::default()
    };
    let added = add(named, vec![wire], how).await?;
    added
        .into_iter()
        .next()
        .ok_or_else(|| Failure::meta("internal error: no partition was added"))
}

/// Adds partitions that name their table themselves, which has to be one table.
pub(super) async fn add_list(call: &Call, partitions: Vec<types::Partition>) -> Result<i32, Failure> {
    let Some(first) = partitions.first() else {
        return Ok(0);
    };
    let (database, table) = (first.db_name.clone(), first.table_name.clone());
    let named = call.table(database, table, first.cat_name.clone()).await?;
    let added = add(named, partitions, How::default()).await?;
    Ok(i32::try_from(added.len()).unwrap_or(i32::MAX))
}

async fn add_req(call: Call, args: AddPartitionsReqArgs) -> Result<AddPartitionsResult, Failure> {
    let request = args.request.unwrap_or_default();
    let parts = request.parts.unwrap_or_default();
    if parts.is_empty() {
        // the original does not look for the table then
        return Ok(AddPartitionsResult::default());
    }
    let named = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?;
    let words = Words::from(request.environment_context);
    let if_not_exists = request.if_not_exists.unwrap_or_default();
    let how = How {
        if_not_exists,
        keep_statistics: words.keeps_statistics(),
        ..How::default()
    };
    let added = add(named, parts, how).await?;
    let wanted = request.need_result.unwrap_or(true);
    Ok(AddPartitionsResult {
        partitions: wanted.then_some(added),
        ..AddPartitionsResult::default()
    })
}

/// Adds a partition that is stored as its table is.
async fn append(named: NamedTable, which: Which) -> Result<types::Partition, Failure> {
    let NamedTable { target, name } = named;
    let input = (target.database.clone(), name, which, target.names.clone());
    target
        .write(input, |draft, (database, table, which, names)| {
            async move {
                let open = draft.table(database, table).await.map_err(add_failure)?;
                let values = which.values(&open.key_names()).map_err(add_failure)?;
                open.check_appendable()?;
                let mut partition = Draft::partition_like(&open, values);
                partition.accessed_s = Some(0);
                let how = How::default();
                let added = draft
                    .add_partitions(database, table, vec![partition], &how)
                    .await?;
                make_folders(draft, database, table, &added).await?;
                let added = added
                    .first()
                    .map(|it| partition_to(it, names, &open.name, &open.partition_base()));
                added.ok_or_else(|| Failure::meta("internal error: no partition was added"))
            }
            .boxed()
        })
        .await
}
