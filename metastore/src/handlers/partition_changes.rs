//! Partitions, changed.

use catalog::draft::{AddPartitions as AddHow, AlterPartitions as AlterHow};
use catalog::model::Partition;
use catalog::{Draft, Error, names};
use futures::FutureExt;
use thrift_idl::methods::{
    AddPartition, AddPartitionArgs, AddPartitionWithEnvironmentContext,
    AddPartitionWithEnvironmentContextArgs, AddPartitions, AddPartitionsArgs, AddPartitionsReq,
    AddPartitionsReqArgs, AlterPartition, AlterPartitionArgs, AlterPartitionWithEnvironmentContext,
    AlterPartitionWithEnvironmentContextArgs, AlterPartitions, AlterPartitionsArgs, AlterPartitionsReq,
    AlterPartitionsReqArgs, AlterPartitionsWithEnvironmentContext, AlterPartitionsWithEnvironmentContextArgs,
    AppendPartition, AppendPartitionArgs, AppendPartitionByName, AppendPartitionByNameArgs,
    AppendPartitionByNameWithEnvironmentContext, AppendPartitionByNameWithEnvironmentContextArgs,
    AppendPartitionReq, AppendPartitionReqArgs, AppendPartitionWithEnvironmentContext,
    AppendPartitionWithEnvironmentContextArgs, DropPartition, DropPartitionArgs, DropPartitionByName,
    DropPartitionByNameArgs, DropPartitionByNameWithEnvironmentContext,
    DropPartitionByNameWithEnvironmentContextArgs, DropPartitionReq, DropPartitionReqArgs,
    DropPartitionWithEnvironmentContext, DropPartitionWithEnvironmentContextArgs, DropPartitionsReq,
    DropPartitionsReqArgs, RenamePartition, RenamePartitionArgs, RenamePartitionReq, RenamePartitionReqArgs,
};
use thrift_idl::types::{
    self, AddPartitionsResult, AlterPartitionsResponse, DropPartitionsResult, RenamePartitionResponse,
};

use crate::complete::{Words, shape_partition};
use crate::context::Call;
use crate::convert::{Names, partition_from, partition_to};
use crate::exception::{Class, Failure, java_list};
use crate::registry::Routes;
use crate::target::NamedTable;

pub(super) fn routes() -> Routes {
    adding().and(appending()).and(altering()).and(dropping())
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
            add_list(&call, args.new_parts.unwrap_or_default()).await
        })
        .serve::<AddPartitionsReq, _, _>(add_req)
}

fn appending() -> Routes {
    Routes::default()
        .serve::<AppendPartition, _, _>(async |call: Call, args: AppendPartitionArgs| {
            let named = call
                .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                .await?;
            append(named, Which::Values(args.part_vals.unwrap_or_default())).await
        })
        .serve::<AppendPartitionWithEnvironmentContext, _, _>(
            async |call: Call, args: AppendPartitionWithEnvironmentContextArgs| {
                let named = call
                    .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                    .await?;
                append(named, Which::Values(args.part_vals.unwrap_or_default())).await
            },
        )
        .serve::<AppendPartitionByName, _, _>(async |call: Call, args: AppendPartitionByNameArgs| {
            let named = call
                .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                .await?;
            append(named, Which::Name(args.part_name.unwrap_or_default())).await
        })
        .serve::<AppendPartitionByNameWithEnvironmentContext, _, _>(
            async |call: Call, args: AppendPartitionByNameWithEnvironmentContextArgs| {
                let named = call
                    .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                    .await?;
                append(named, Which::Name(args.part_name.unwrap_or_default())).await
            },
        )
        .serve::<AppendPartitionReq, _, _>(async |call: Call, args: AppendPartitionReqArgs| {
            let request = args.append_partitions_req.unwrap_or_default();
            let (database, table) = (request.db_name.as_deref(), request.table_name.as_deref());
            let named = call
                .table(database, table, request.catalog_name.as_deref())
                .await?;
            append(named, Which::of(request.name, request.part_vals)).await
        })
}

fn altering() -> Routes {
    Routes::default()
        .serve::<AlterPartition, _, _>(async |call: Call, args: AlterPartitionArgs| {
            let named = call
                .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                .await?;
            alter(named, args.new_part.into_iter().collect(), Words::default()).await
        })
        .serve::<AlterPartitionWithEnvironmentContext, _, _>(
            async |call: Call, args: AlterPartitionWithEnvironmentContextArgs| {
                let named = call
                    .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                    .await?;
                alter(
                    named,
                    args.new_part.into_iter().collect(),
                    args.environment_context.into(),
                )
                .await
            },
        )
        .serve::<AlterPartitions, _, _>(async |call: Call, args: AlterPartitionsArgs| {
            let named = call
                .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                .await?;
            alter(named, args.new_parts.unwrap_or_default(), Words::default()).await
        })
        .serve::<AlterPartitionsWithEnvironmentContext, _, _>(
            async |call: Call, args: AlterPartitionsWithEnvironmentContextArgs| {
                let named = call
                    .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                    .await?;
                alter(
                    named,
                    args.new_parts.unwrap_or_default(),
                    args.environment_context.into(),
                )
                .await
            },
        )
        .serve::<AlterPartitionsReq, _, _>(async |call: Call, args: AlterPartitionsReqArgs| {
            let request = args.req.unwrap_or_default();
            let (database, table) = (request.db_name.as_deref(), request.table_name.as_deref());
            let named = call.table(database, table, request.cat_name.as_deref()).await?;
            alter(
                named,
                request.partitions.unwrap_or_default(),
                request.environment_context.into(),
            )
            .await?;
            Ok(AlterPartitionsResponse {})
        })
        .serve::<RenamePartition, _, _>(async |call: Call, args: RenamePartitionArgs| {
            let named = call
                .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                .await?;
            rename(named, args.part_vals, args.new_part).await
        })
        .serve::<RenamePartitionReq, _, _>(async |call: Call, args: RenamePartitionReqArgs| {
            let request = args.req.unwrap_or_default();
            let (database, table) = (request.db_name.as_deref(), request.table_name.as_deref());
            let named = call.table(database, table, request.cat_name.as_deref()).await?;
            rename(named, request.part_vals, request.new_part).await?;
            Ok(RenamePartitionResponse {})
        })
}

fn dropping() -> Routes {
    Routes::default()
        .serve::<DropPartition, _, _>(async |call: Call, args: DropPartitionArgs| {
            let named = call
                .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                .await?;
            drop_one(
                named,
                Which::Values(args.part_vals.unwrap_or_default()),
                args.delete_data,
            )
            .await
        })
        .serve::<DropPartitionWithEnvironmentContext, _, _>(
            async |call: Call, args: DropPartitionWithEnvironmentContextArgs| {
                let named = call
                    .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                    .await?;
                drop_one(
                    named,
                    Which::Values(args.part_vals.unwrap_or_default()),
                    args.delete_data,
                )
                .await
            },
        )
        .serve::<DropPartitionByName, _, _>(async |call: Call, args: DropPartitionByNameArgs| {
            let named = call
                .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                .await?;
            drop_one(
                named,
                Which::Name(args.part_name.unwrap_or_default()),
                args.delete_data,
            )
            .await
        })
        .serve::<DropPartitionByNameWithEnvironmentContext, _, _>(
            async |call: Call, args: DropPartitionByNameWithEnvironmentContextArgs| {
                let named = call
                    .table(args.db_name.as_deref(), args.tbl_name.as_deref(), None)
                    .await?;
                drop_one(
                    named,
                    Which::Name(args.part_name.unwrap_or_default()),
                    args.delete_data,
                )
                .await
            },
        )
        .serve::<DropPartitionReq, _, _>(async |call: Call, args: DropPartitionReqArgs| {
            let request = args.drop_partition_req.unwrap_or_default();
            let (database, table) = (request.db_name.as_deref(), request.tbl_name.as_deref());
            let named = call.table(database, table, request.cat_name.as_deref()).await?;
            drop_one(
                named,
                Which::of(request.part_name, request.part_vals),
                request.delete_data,
            )
            .await
        })
        .serve::<DropPartitionsReq, _, _>(drop_req)
}

/// A partition, as a client points at it.
enum Which {
    Values(Vec<String>),
    Name(String),
}

impl Which {
    fn of(name: Option<String>, values: Option<Vec<String>>) -> Which {
        match name {
            Some(name) => Which::Name(name),
            None => Which::Values(values.unwrap_or_default()),
        }
    }

    fn values(&self, keys: &[&str]) -> Result<Vec<String>, Error> {
        match self {
            Which::Values(values) => Ok(values.clone()),
            Which::Name(name) => names::partition_values(keys, name),
        }
    }
}

/// What a plan needs to add partitions.
struct Added {
    database: String,
    table: String,
    partitions: Vec<Partition>,
    how: AddHow,
    names: Names,
}

/// Adds partitions; returns those that were added, for the wire.
async fn add(
    named: NamedTable,
    partitions: Vec<types::Partition>,
    how: AddHow,
) -> Result<Vec<types::Partition>, Failure> {
    let NamedTable { target, name } = named;
    let from = |mut wire: types::Partition| {
        shape_partition(&mut wire);
        partition_from(wire, &target.names.locator)
    };
    let added = Added {
        database: target.database.clone(),
        table: name,
        partitions: partitions.into_iter().map(from).collect::<Result<_, _>>()?,
        how,
        names: target.names.clone(),
    };
    target
        .write(added, |draft, it: &Added| {
            async move {
                let added = draft
                    .add_partitions(&it.database, &it.table, it.partitions.clone(), &it.how)
                    .await;
                to_wire(draft, it, added.map_err(add_failure)?).await
            }
            .boxed()
        })
        .await
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
    let named = call
        .table(database.as_deref(), table.as_deref(), wire.cat_name.as_deref())
        .await?;
    let how = AddHow {
        keep_statistics: words.keeps_statistics(),
        ..AddHow::default()
    };
    let added = add(named, vec![wire], how).await?;
    added
        .into_iter()
        .next()
        .ok_or_else(|| Failure::meta("internal error: no partition was added"))
}

/// Adds partitions that name their table themselves, which has to be one table.
async fn add_list(call: &Call, partitions: Vec<types::Partition>) -> Result<i32, Failure> {
    let Some(first) = partitions.first() else {
        return Ok(0);
    };
    let (database, table) = (first.db_name.clone(), first.table_name.clone());
    if partitions
        .iter()
        .any(|other| (&other.db_name, &other.table_name) != (&database, &table))
    {
        return Err(Failure::meta(
            "the partitions of one call have to be of one table",
        ));
    }
    let named = call
        .table(database.as_deref(), table.as_deref(), first.cat_name.as_deref())
        .await?;
    let added = add(named, partitions, AddHow::default()).await?;
    Ok(i32::try_from(added.len()).unwrap_or(i32::MAX))
}

async fn add_req(call: Call, args: AddPartitionsReqArgs) -> Result<AddPartitionsResult, Failure> {
    let request = args.request.unwrap_or_default();
    let (database, table) = (request.db_name.as_deref(), request.tbl_name.as_deref());
    let named = call.table(database, table, request.cat_name.as_deref()).await?;
    let words = Words::from(request.environment_context);
    let if_not_exists = request.if_not_exists.unwrap_or_default();
    let how = AddHow {
        if_not_exists,
        keep_statistics: words.keeps_statistics(),
    };
    let added = add(named, request.parts.unwrap_or_default(), how).await?;
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
                let mut partition = Draft::partition_like(&open, which.values(&open.key_names())?);
                partition.accessed_s = Some(0);
                let how = AddHow::default();
                let added = draft
                    .add_partitions(database, table, vec![partition], &how)
                    .await?;
                let added = added
                    .first()
                    .map(|it| partition_to(it, names, &open.name, &open.partition_base()));
                added.ok_or_else(|| Failure::meta("internal error: no partition was added"))
            }
            .boxed()
        })
        .await
}

async fn alter(named: NamedTable, partitions: Vec<types::Partition>, words: Words) -> Result<(), Failure> {
    let NamedTable { target, name } = named;
    let from = |mut wire: types::Partition| {
        shape_partition(&mut wire);
        partition_from(wire, &target.names.locator)
    };
    let partitions: Vec<Partition> = partitions.into_iter().map(from).collect::<Result<_, _>>()?;
    let how = AlterHow {
        keep_statistics: words.keeps_statistics(),
    };
    target
        .write(
            (target.database.clone(), name, partitions, how),
            |draft, (database, table, partitions, how)| {
                async move {
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

async fn rename(
    named: NamedTable,
    values: Option<Vec<String>>,
    partition: Option<types::Partition>,
) -> Result<(), Failure> {
    let NamedTable { target, name } = named;
    let mut wire = partition.ok_or_else(|| Failure::meta("New partition cannot be null."))?;
    shape_partition(&mut wire);
    let partition = partition_from(wire, &target.names.locator)?;
    let input = (
        target.database.clone(),
        name,
        values.unwrap_or_default(),
        partition,
    );
    target
        .write(input, |draft, (database, table, values, partition)| {
            async move {
                let renamed = draft
                    .rename_partition(database, table, values, partition.clone())
                    .await;
                renamed.map_err(rename_failure)
            }
            .boxed()
        })
        .await
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

async fn drop_one(named: NamedTable, which: Which, delete_data: Option<bool>) -> Result<bool, Failure> {
    let NamedTable { target, name } = named;
    let input = (
        target.database.clone(),
        name,
        which,
        delete_data.unwrap_or_default(),
    );
    target
        .write(input, |draft, (database, table, which, delete_data)| {
            async move {
                let open = draft.table(database, table).await?;
                let partition = draft.partition(&open, &which.values(&open.key_names())?).await?;
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
    delete_data: bool,
    if_exists: bool,
    spelled: Names,
}

async fn drop_req(call: Call, args: DropPartitionsReqArgs) -> Result<DropPartitionsResult, Failure> {
    let request = args.req.unwrap_or_default();
    let (database, table) = (request.db_name.as_deref(), request.tbl_name.as_deref());
    let named = call.table(database, table, request.cat_name.as_deref()).await?;
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
