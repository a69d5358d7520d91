//! Setting and deleting statistics of columns.

use catalog::model::ColumnStatistics;
use catalog::{Draft, Error, names};
use futures::FutureExt;
use thrift_idl::methods::{
    DeleteColumnStatisticsReq, DeleteColumnStatisticsReqArgs, DeletePartitionColumnStatistics,
    DeletePartitionColumnStatisticsArgs, DeleteTableColumnStatistics, DeleteTableColumnStatisticsArgs,
    SetAggrStatsFor, SetAggrStatsForArgs, UpdatePartitionColumnStatistics,
    UpdatePartitionColumnStatisticsArgs, UpdatePartitionColumnStatisticsReq,
    UpdatePartitionColumnStatisticsReqArgs, UpdateTableColumnStatistics, UpdateTableColumnStatisticsArgs,
    UpdateTableColumnStatisticsReq, UpdateTableColumnStatisticsReqArgs,
};
use thrift_idl::types::{self, SetPartitionsStatsRequest, SetPartitionsStatsResponse};

use super::statistics::engine;
use crate::context::Call;
use crate::convert::statistic_from;
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::target::NamedTable;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<UpdateTableColumnStatistics, _, _>(async |call, args: UpdateTableColumnStatisticsArgs| {
            let all = args.stats_obj.into_iter().collect();
            set(&call, all, Of::Table, How::default()).await.map(|()| true)
        })
        .serve::<UpdatePartitionColumnStatistics, _, _>(
            async |call, args: UpdatePartitionColumnStatisticsArgs| {
                let all = args.stats_obj.into_iter().collect();
                set(&call, all, Of::Partitions, How::default())
                    .await
                    .map(|()| true)
            },
        )
        .serve::<UpdateTableColumnStatisticsReq, _, _>(
            async |call, args: UpdateTableColumnStatisticsReqArgs| set_one(call, args.req, Of::Table).await,
        )
        .serve::<UpdatePartitionColumnStatisticsReq, _, _>(
            async |call, args: UpdatePartitionColumnStatisticsReqArgs| {
                set_one(call, args.req, Of::Partitions).await
            },
        )
        .serve::<SetAggrStatsFor, _, _>(async |call, args: SetAggrStatsForArgs| {
            set_all(call, args.request).await.map(|()| true)
        })
        .serve::<DeleteColumnStatisticsReq, _, _>(delete_req)
        .serve::<DeleteTableColumnStatistics, _, _>(
            async |call: Call, args: DeleteTableColumnStatisticsArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                delete(named, Of::Table, None, (args.col_name, args.engine)).await
            },
        )
        .serve::<DeletePartitionColumnStatistics, _, _>(
            async |call: Call, args: DeletePartitionColumnStatisticsArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                let what = (args.col_name, args.engine);
                delete(named, Of::Partitions, args.part_name, what).await
            },
        )
}

/// What statistics are of. The method says it, whatever the statistics say of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Table,
    Partitions,
}

/// How statistics are set.
#[derive(Debug, Default)]
struct How {
    /// The engine of those that name none.
    engine: Option<String>,
    /// Whether they are added to what is known already.
    adds: bool,
}

async fn set_one(
    call: Call,
    request: Option<SetPartitionsStatsRequest>,
    of: Of,
) -> Result<SetPartitionsStatsResponse, Failure> {
    let request = request.unwrap_or_default();
    let refused = |text: &str| Err(Failure::As(&[Class::InvalidInput], text.to_owned()));
    let all = request.col_stats.unwrap_or_default();
    if all.len() != 1 {
        return refused("Only one stats object expected");
    }
    if request.need_merge == Some(true) {
        return refused("Merge is not supported for non-aggregate stats");
    }
    let how = How {
        engine: request.engine,
        adds: false,
    };
    set(&call, all, of, how).await?;
    Ok(SetPartitionsStatsResponse { result: Some(true) })
}

/// Sets statistics of one table, or of partitions of one table, as the first of them says: all or none.
async fn set_all(call: Call, request: Option<SetPartitionsStatsRequest>) -> Result<(), Failure> {
    let request = request.unwrap_or_default();
    let all = request.col_stats.unwrap_or_default();
    let is_of_table = |one: &types::ColumnStatistics| {
        let about = one.stats_desc.as_ref();
        about.and_then(|about| about.is_tbl_level) == Some(true)
    };
    let of = match all.first().is_some_and(is_of_table) {
        true if all.len() > 1 => {
            let count = all.len();
            return Err(Failure::meta(format!(
                "Expecting only 1 ColumnStatistics for table's column stats, but find {count}"
            )));
        }
        true => Of::Table,
        false => Of::Partitions,
    };
    let how = How {
        engine: request.engine,
        adds: request.need_merge.unwrap_or_default(),
    };
    set(&call, all, of, how).await
}

/// What a plan needs to set statistics.
struct Known {
    database: String,
    table: String,
    of: Of,
    all: Vec<KnownOf>,
    adds: bool,
}

/// Statistics of the table, or of the partition of that name, as the client spells it.
struct KnownOf {
    partition: String,
    engine: String,
    columns: Vec<(String, ColumnStatistics)>,
}

async fn set(call: &Call, all: Vec<types::ColumnStatistics>, of: Of, how: How) -> Result<(), Failure> {
    let Some(about) = all.first().map(|one| one.stats_desc.clone().unwrap_or_default()) else {
        return Ok(());
    };
    let is_of_another = |one: &types::ColumnStatistics| {
        one.stats_desc
            .as_ref()
            .is_none_or(|it| it.db_name != about.db_name || it.table_name != about.table_name)
    };
    if all[1..].iter().any(is_of_another) {
        return Err(Failure::meta("statistics of one call are of one table"));
    }
    let named = call
        .table(about.db_name, about.table_name, about.cat_name)
        .await?;
    let now_s = i64::from(call.now_s());
    let known = Known {
        database: named.target.database.clone(),
        table: named.name,
        of,
        all: all
            .into_iter()
            .map(|one| known_of(one, how.engine.as_deref(), now_s))
            .collect(),
        adds: how.adds,
    };
    named
        .target
        .write(known, |draft, it: &Known| set_planned(draft, it).boxed())
        .await
}

fn known_of(wire: types::ColumnStatistics, by: Option<&str>, now_s: i64) -> KnownOf {
    let about = wire.stats_desc.unwrap_or_default();
    let analyzed_s = about.last_analyzed.filter(|at| *at != 0).unwrap_or(now_s);
    let columns = wire.stats_obj.unwrap_or_default();
    KnownOf {
        partition: about.part_name.unwrap_or_default(),
        engine: engine(wire.engine.as_deref().or(by)).to_owned(),
        columns: columns
            .into_iter()
            .filter_map(|column| statistic_from(column, Some(analyzed_s)))
            .collect(),
    }
}

async fn set_planned(draft: &mut Draft, it: &Known) -> Result<(), Failure> {
    let (database, table) = (&it.database, &it.table);
    for KnownOf {
        partition,
        engine,
        columns,
    } in &it.all
    {
        let name = stored_name(draft, (database, table), it.of, partition).await?;
        let (name, columns) = (name.as_deref(), columns.clone());
        let done = match it.adds {
            true => draft.add_statistics(database, table, name, engine, columns).await,
            false => draft.set_statistics(database, table, name, engine, columns).await,
        };
        done.map_err(|error| match error {
            Error::MissingPartitions { .. } => {
                missing("Partition for which stats is gathered doesn't exist.")
            }
            other => other.into(),
        })?;
    }
    Ok(())
}

/// Returns the name under which a partition is stored that a client names with its keys in any case and order, and perhaps
/// more of them; `None` for the table itself.
async fn stored_name(
    draft: &Draft,
    (database, table): (&str, &str),
    of: Of,
    name: &str,
) -> Result<Option<String>, Failure> {
    if of == Of::Table {
        return Ok(None);
    }
    let open = draft.table(database, table).await.map_err(|error| match error {
        Error::NoSuchTable { .. } | Error::NoSuchDatabase { .. } => {
            invalid(format!("hive.{database}.{table} table not found"))
        }
        other => other.into(),
    })?;
    let keys = open.key_names();
    let values = match names::partition_values(&keys, &names::lower_keys(name)?) {
        Err(Error::IncompletePartitionName { missing, .. }) => {
            return Err(invalid(format!("incomplete partition name - missing {missing}")));
        }
        values => values?,
    };
    Ok(Some(names::partition_name(&keys, &values)?))
}

fn invalid(text: String) -> Failure {
    Failure::As(&[Class::InvalidObject], text)
}

fn missing(text: &str) -> Failure {
    Failure::As(&[Class::NoSuchObject], text.to_owned())
}

async fn delete(
    named: NamedTable,
    of: Of,
    partition: Option<String>,
    (column, by): (Option<String>, Option<String>),
) -> Result<bool, Failure> {
    let about = (named.target.database.clone(), named.name);
    let what = (
        partition.unwrap_or_default(),
        column,
        engine(by.as_deref()).to_owned(),
    );
    named
        .target
        .write(
            (about, of, what),
            |draft, ((database, table), of, (told, column, engine))| {
                async move {
                    let partition = stored_name(draft, (database, table), *of, told).await?;
                    if let Some(name) = &partition {
                        let open = draft.table(database, table).await?;
                        if draft.find_partition(open.id, name).await?.is_none() {
                            return Err(missing(&format!(
                                "Partition {told} for which stats deletion is requested doesn't exist"
                            )));
                        }
                    }
                    draft
                        .delete_statistics(database, table, partition.as_deref(), engine, column.as_deref())
                        .await?;
                    Ok(true)
                }
                .boxed()
            },
        )
        .await
}

/// What a plan needs to delete statistics of many partitions and columns.
struct Deleted {
    database: String,
    table: String,
    /// `None` for the table as a whole; no names are all partitions.
    partitions: Option<Vec<String>>,
    /// No names are all columns.
    columns: Vec<String>,
    engine: String,
}

async fn delete_req(call: Call, args: DeleteColumnStatisticsReqArgs) -> Result<bool, Failure> {
    let request = args.req.unwrap_or_default();
    let named = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?;
    let of_table = request.table_level == Some(true);
    let deleted = Deleted {
        database: named.target.database.clone(),
        table: named.name,
        partitions: (!of_table).then(|| request.part_names.unwrap_or_default()),
        columns: request.col_names.unwrap_or_default(),
        engine: engine(request.engine.as_deref()).to_owned(),
    };
    named
        .target
        .write(deleted, |draft, it: &Deleted| delete_planned(draft, it).boxed())
        .await
}

async fn delete_planned(draft: &mut Draft, it: &Deleted) -> Result<bool, Failure> {
    let open = draft.table(&it.database, &it.table).await?;
    let partitions: Vec<Option<String>> = match &it.partitions {
        None => vec![None],
        Some(names) if names.is_empty() => {
            let mut all = Vec::new();
            let mut scan = draft.partitions(open.id);
            while let Some(partition) = scan.next().await? {
                all.push(Some(partition.name.to_owned()));
            }
            all
        }
        Some(names) => names.iter().cloned().map(Some).collect(),
    };
    let columns: Vec<Option<&str>> = if it.columns.is_empty() {
        vec![None]
    } else {
        it.columns.iter().map(|name| Some(name.as_str())).collect()
    };
    for partition in &partitions {
        for column in &columns {
            let done = draft
                .delete_statistics(&it.database, &it.table, partition.as_deref(), &it.engine, *column)
                .await;
            match done {
                // what is not known needs no deleting
                Ok(()) | Err(Error::NoSuchStatistics { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(true)
}
