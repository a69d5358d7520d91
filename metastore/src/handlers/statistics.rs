//! Statistics of columns, which clients compute and the server keeps; see beside this file for how they are changed.

use std::collections::BTreeMap;

use catalog::model::{Column, ColumnId, ColumnStatistics, TableStatistics};
use catalog::{Error, names};
use thrift_idl::methods::{
    GetAggrStatsFor, GetAggrStatsForArgs, GetPartitionColumnStatistics, GetPartitionColumnStatisticsArgs,
    GetPartitionsStatisticsReq, GetPartitionsStatisticsReqArgs, GetTableColumnStatistics,
    GetTableColumnStatisticsArgs, GetTableStatisticsReq, GetTableStatisticsReqArgs,
};
use thrift_idl::types::{
    self, AggrStats, ColumnStatisticsDesc, ColumnStatisticsObj, PartitionsStatsResult, TableStatsResult,
};

use crate::context::Call;
use crate::convert::statistic_to;
use crate::exception::Failure;
use crate::registry::Routes;
use crate::target::{NamedTable, SeenTable};

/// The engine of clients that know of none.
const DEFAULT_ENGINE: &str = "hive";

pub(super) fn routes() -> Routes {
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
                let name = names::lower_keys(&args.part_name.unwrap_or_default())?;
                one(named, Some(name), args.col_name).await
            },
        )
}

pub(super) fn engine(name: Option<&str>) -> &str {
    name.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_ENGINE)
}

/// Returns names of partitions with their keys in lower case, as statistics are kept. The original looks at them before it
/// looks for the table.
fn lower_keys(names: Option<Vec<String>>) -> Result<Vec<String>, Error> {
    let names = names.unwrap_or_default();
    names.iter().map(|name| names::lower_keys(name)).collect()
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
    let names = lower_keys(request.part_names)?;
    let seen = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?
        .see()
        .await?;
    let mut all = BTreeMap::new();
    for name in names {
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
    let names = lower_keys(request.part_names)?;
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
        .aggregate_statistics(seen.open.id, &names, engine(request.engine.as_deref()), &columns)
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
