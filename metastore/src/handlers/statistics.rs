//! Statistics of columns, which clients compute and the server keeps.

use std::collections::BTreeMap;

use catalog::model::{Column, ColumnId, ColumnStatistics, TableStatistics};
use catalog::{Draft, Error, names};
use futures::FutureExt;
use thrift_idl::methods::{
    DeleteColumnStatisticsReq, DeleteColumnStatisticsReqArgs, DeletePartitionColumnStatistics,
    DeletePartitionColumnStatisticsArgs, DeleteTableColumnStatistics, DeleteTableColumnStatisticsArgs,
    GetAggrStatsFor, GetAggrStatsForArgs, GetPartitionColumnStatistics, GetPartitionColumnStatisticsArgs,
    GetPartitionsStatisticsReq, GetPartitionsStatisticsReqArgs, GetTableColumnStatistics,
    GetTableColumnStatisticsArgs, GetTableStatisticsReq, GetTableStatisticsReqArgs, SetAggrStatsFor,
    SetAggrStatsForArgs, UpdatePartitionColumnStatistics, UpdatePartitionColumnStatisticsArgs,
    UpdatePartitionColumnStatisticsReq, UpdatePartitionColumnStatisticsReqArgs, UpdateTableColumnStatistics,
    UpdateTableColumnStatisticsArgs, UpdateTableColumnStatisticsReq, UpdateTableColumnStatisticsReqArgs,
};
use thrift_idl::types::{
    self, AggrStats, ColumnStatisticsDesc, ColumnStatisticsObj, PartitionsStatsResult,
    SetPartitionsStatsRequest, SetPartitionsStatsResponse, TableStatsResult,
};

use crate::context::Call;
use crate::convert::{statistic_from, statistic_to};
use crate::exception::Failure;
use crate::registry::Routes;
use crate::target::{NamedTable, SeenTable};

/// The engine of clients that know of none.
const DEFAULT_ENGINE: &str = "hive";

pub(super) fn routes() -> Routes {
    reading().and(writing())
}

fn reading() -> Routes {
    Routes::default()
        .serve::<GetTableStatisticsReq, _, _>(table_req)
        .serve::<GetAggrStatsFor, _, _>(aggregate)
        .serve::<GetPartitionsStatisticsReq, _, _>(partitions_req)
        .serve::<GetTableColumnStatistics, _, _>(async |call: Call, args: GetTableColumnStatisticsArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            one(named, None, args.col_name).await
        })
        .serve::<GetPartitionColumnStatistics, _, _>(
            async |call: Call, args: GetPartitionColumnStatisticsArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                one(named, args.part_name, args.col_name).await
            },
        )
}

fn writing() -> Routes {
    Routes::default()
        .serve::<UpdateTableColumnStatistics, _, _>(async |call, args: UpdateTableColumnStatisticsArgs| {
            set(&call, args.stats_obj.unwrap_or_default(), (None, false))
                .await
                .map(|()| true)
        })
        .serve::<UpdatePartitionColumnStatistics, _, _>(
            async |call, args: UpdatePartitionColumnStatisticsArgs| {
                set(&call, args.stats_obj.unwrap_or_default(), (None, false))
                    .await
                    .map(|()| true)
            },
        )
        .serve::<UpdateTableColumnStatisticsReq, _, _>(
            async |call, args: UpdateTableColumnStatisticsReqArgs| {
                set_all(call, args.req).await?;
                Ok(SetPartitionsStatsResponse { result: Some(true) })
            },
        )
        .serve::<UpdatePartitionColumnStatisticsReq, _, _>(
            async |call, args: UpdatePartitionColumnStatisticsReqArgs| {
                set_all(call, args.req).await?;
                Ok(SetPartitionsStatsResponse { result: Some(true) })
            },
        )
        .serve::<SetAggrStatsFor, _, _>(async |call, args: SetAggrStatsForArgs| {
            set_all(call, args.request).await.map(|()| true)
        })
        .serve::<DeleteColumnStatisticsReq, _, _>(delete_req)
        .serve::<DeleteTableColumnStatistics, _, _>(
            async |call: Call, args: DeleteTableColumnStatisticsArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                delete(named, None, args.col_name, args.engine).await
            },
        )
        .serve::<DeletePartitionColumnStatistics, _, _>(
            async |call: Call, args: DeletePartitionColumnStatisticsArgs| {
                let named = call.table(args.db_name, args.tbl_name, None).await?;
                delete(named, args.part_name, args.col_name, args.engine).await
            },
        )
}

fn engine(name: Option<&str>) -> &str {
    name.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_ENGINE)
}

impl SeenTable {
    fn column(&self, name: &str) -> Option<&Column> {
        let name = names::normalize(name);
        self.open.columns().iter().find(|column| column.name == name)
    }

    /// Returns what an engine knows of the columns that are asked for; of all, if none are.
    async fn statistics(
        &self,
        partition: Option<&str>,
        by: Option<&str>,
        columns: Option<&[String]>,
    ) -> Result<Vec<ColumnStatisticsObj>, Failure> {
        let known = self
            .snapshot
            .statistics(self.open.id, partition, engine(by))
            .await?;
        Ok(self.spell(&known.unwrap_or_default(), columns))
    }

    fn spell(&self, known: &TableStatistics, columns: Option<&[String]>) -> Vec<ColumnStatisticsObj> {
        let wanted =
            |name: &str| columns.is_none_or(|all| all.iter().any(|one| names::normalize(one) == name));
        let spell = |statistics: &ColumnStatistics| {
            let column = self
                .open
                .columns()
                .iter()
                .find(|column| column.id == statistics.column)?;
            wanted(&column.name).then(|| statistic_to(&column.name, statistics))
        };
        known.columns.iter().filter_map(spell).collect()
    }

    fn describe(&self, partition: Option<String>) -> ColumnStatisticsDesc {
        ColumnStatisticsDesc {
            is_tbl_level: Some(partition.is_none()),
            db_name: Some(self.names.database.clone()),
            table_name: Some(self.open.name.clone()),
            part_name: partition,
            last_analyzed: None,
            cat_name: Some(self.names.catalog.clone()),
        }
    }
}

/// Returns what an engine knows of the columns of a table, if it knows anything.
pub(super) async fn table_statistics(
    seen: &SeenTable,
    by: Option<&str>,
) -> Result<Option<types::ColumnStatistics>, Failure> {
    let known = seen.statistics(None, by, None).await?;
    Ok((!known.is_empty()).then(|| types::ColumnStatistics {
        stats_desc: Some(seen.describe(None)),
        stats_obj: Some(known),
        is_stats_compliant: None,
        engine: Some(engine(by).to_owned()),
    }))
}

async fn table_req(call: Call, args: GetTableStatisticsReqArgs) -> Result<TableStatsResult, Failure> {
    let request = args.request.unwrap_or_default();
    let seen = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?
        .see()
        .await?;
    let known = seen
        .statistics(None, request.engine.as_deref(), request.col_names.as_deref())
        .await?;
    Ok(TableStatsResult {
        table_stats: Some(known),
        is_stats_compliant: None,
    })
}

async fn partitions_req(
    call: Call,
    args: GetPartitionsStatisticsReqArgs,
) -> Result<PartitionsStatsResult, Failure> {
    let request = args.request.unwrap_or_default();
    let seen = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?
        .see()
        .await?;
    let mut all = BTreeMap::new();
    for name in request.part_names.unwrap_or_default() {
        let known = seen
            .statistics(
                Some(&name),
                request.engine.as_deref(),
                request.col_names.as_deref(),
            )
            .await?;
        if !known.is_empty() {
            all.insert(name, known);
        }
    }
    Ok(PartitionsStatsResult {
        part_stats: Some(all),
        is_stats_compliant: None,
    })
}

/// Answers with what partitions know together. A partition counts as found if it knows of all the columns.
async fn aggregate(call: Call, args: GetAggrStatsForArgs) -> Result<AggrStats, Failure> {
    let request = args.request.unwrap_or_default();
    let seen = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?
        .see()
        .await?;
    let wanted = request.col_names.unwrap_or_default();
    let columns: Vec<ColumnId> = wanted
        .iter()
        .filter_map(|name| seen.column(name).map(|column| column.id))
        .collect();
    let found = seen
        .snapshot
        .aggregate_statistics(
            seen.open.id,
            &request.part_names.unwrap_or_default(),
            engine(request.engine.as_deref()),
            &columns,
        )
        .await?;
    let knows_all = columns.len() == wanted.len();
    let spell = |statistics: &ColumnStatistics| {
        let mut all = seen.open.columns().iter();
        let column = all.find(|column| column.id == statistics.column)?;
        Some(statistic_to(&column.name, statistics))
    };
    Ok(AggrStats {
        col_stats: Some(found.columns.iter().filter_map(spell).collect()),
        parts_found: Some(if knows_all {
            i64::try_from(found.complete).unwrap_or(i64::MAX)
        } else {
            0
        }),
        is_stats_compliant: None,
    })
}

async fn one(
    named: NamedTable,
    partition: Option<String>,
    column: Option<String>,
) -> Result<types::ColumnStatistics, Failure> {
    let seen = named.see().await?;
    let column = column.unwrap_or_default();
    let known = seen
        .statistics(partition.as_deref(), None, Some(std::slice::from_ref(&column)))
        .await?;
    if known.is_empty() {
        return Err(Error::NoSuchStatistics {
            database: seen.open.database.name.clone(),
            table: seen.open.name.clone(),
            partition: partition.unwrap_or_default(),
            column,
        }
        .into());
    }
    Ok(types::ColumnStatistics {
        stats_desc: Some(seen.describe(partition)),
        stats_obj: Some(known),
        is_stats_compliant: None,
        engine: Some(DEFAULT_ENGINE.to_owned()),
    })
}

async fn set_all(call: Call, request: Option<SetPartitionsStatsRequest>) -> Result<(), Failure> {
    let request = request.unwrap_or_default();
    for statistics in request.col_stats.unwrap_or_default() {
        let how = (request.engine.as_deref(), request.need_merge.unwrap_or_default());
        set(&call, statistics, how).await?;
    }
    Ok(())
}

/// What a plan needs to set statistics.
struct Known {
    database: String,
    table: String,
    partition: Option<String>,
    engine: String,
    columns: Vec<(String, ColumnStatistics)>,
    /// Whether they are added to what is known already.
    adds: bool,
}

async fn set(
    call: &Call,
    wire: types::ColumnStatistics,
    (by, adds): (Option<&str>, bool),
) -> Result<(), Failure> {
    let about = wire.stats_desc.unwrap_or_default();
    let named = call
        .table(about.db_name, about.table_name, about.cat_name)
        .await?;
    let analyzed_s = about
        .last_analyzed
        .filter(|at| *at != 0)
        .unwrap_or_else(|| i64::from(call.now_s()));
    let columns = wire.stats_obj.unwrap_or_default();
    let known = Known {
        database: named.target.database.clone(),
        table: named.name,
        partition: about.part_name.filter(|_| about.is_tbl_level != Some(true)),
        engine: engine(wire.engine.as_deref().or(by)).to_owned(),
        columns: columns
            .into_iter()
            .filter_map(|column| statistic_from(column, Some(analyzed_s)))
            .collect(),
        adds,
    };
    named
        .target
        .write(known, |draft, it: &Known| {
            async move {
                let (partition, columns) = (it.partition.as_deref(), it.columns.clone());
                let (database, table, engine) = (&it.database, &it.table, &it.engine);
                let done = if it.adds {
                    draft
                        .add_statistics(database, table, partition, engine, columns)
                        .await
                } else {
                    draft
                        .set_statistics(database, table, partition, engine, columns)
                        .await
                };
                Ok(done?)
            }
            .boxed()
        })
        .await
}

async fn delete(
    named: NamedTable,
    partition: Option<String>,
    column: Option<String>,
    by: Option<String>,
) -> Result<bool, Failure> {
    let about = (named.target.database.clone(), named.name);
    let what = (
        partition,
        column.filter(|name| !name.is_empty()),
        engine(by.as_deref()).to_owned(),
    );
    named
        .target
        .write(
            (about, what),
            |draft, ((database, table), (partition, column, engine))| {
                async move {
                    let (partition, column) = (partition.as_deref(), column.as_deref());
                    draft
                        .delete_statistics(database, table, partition, engine, column)
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
