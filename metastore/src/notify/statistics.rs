//! What is told of the statistics of columns, in the words of Hive 4; 3.1 tells nothing of them.

use catalog::OpenTable;
use catalog::changes::{ChangedStatistics, StatisticsOf, StoredPartition};
use catalog::model::ColumnStatistics;
use thrift_idl::types::{self, ColumnStatisticsDesc, ColumnStatisticsObj};

use super::json::Object;
use super::messages::{Message, over};
use super::{Headline, Narrator};
use crate::convert::statistic_to;
use crate::route::DEFAULT_CATALOG;

/// The write id of a table that has none.
const NO_WRITE_ID: i64 = -1;

/// Returns what stands over the first of changes of statistics.
pub(super) fn headline(changed: &ChangedStatistics) -> Option<Headline> {
    let of = changed.of.first()?;
    let kind = match (of.set.is_empty(), of.partition.is_some()) {
        (false, false) => "UPDATE_TBL_COL_STAT_EVENT",
        (false, true) => "UPDATE_PART_COL_STAT_EVENT",
        (true, false) => "DELETE_TBL_COL_STAT_EVENT",
        (true, true) => "DELETE_PART_COL_STAT_EVENT",
    };
    let is_told = !(of.set.is_empty() && of.removed.is_empty());
    is_told.then(|| over(kind, &changed.table))
}

impl Narrator {
    pub(super) fn statistics(&self, open: &OpenTable, of: &StatisticsOf) -> Message {
        let partition = of.partition.as_ref().map(StoredPartition::read).transpose()?;
        let partition = partition.as_ref();
        let message = Object::message()
            .number("timestamp", self.now_s)
            .text("database", &open.database.name);
        if of.set.is_empty() {
            let column = of.removed.first().map_or("", String::as_str);
            let message = message.text("colName", column);
            return Ok(match partition {
                Some(partition) => message
                    .text("partName", &partition.name)
                    .texts("partValues", partition.values.clone()),
                None => message,
            });
        }
        let table = self.wire_table(open);
        let parameters = match partition {
            Some(partition) => partition.parameters.clone(),
            None => table.parameters.clone(),
        };
        let parameters = parameters.unwrap_or_default();
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let write_id = partition.and_then(|it| it.write_id).or(table.write_id);
        let message = message
            .number("writeId", write_id.unwrap_or(NO_WRITE_ID))
            .thrift("colStatsJson", &wire_statistics(open, of))?
            .object("parameters", &parameters);
        let message = match partition {
            Some(partition) => message.texts("partVals", partition.values.clone()),
            None => message,
        };
        message.thrift("tableObjJson", &table)
    }
}

fn wire_statistics(open: &OpenTable, of: &StatisticsOf) -> types::ColumnStatistics {
    let spell = |statistics: &ColumnStatistics| -> Option<ColumnStatisticsObj> {
        let mut columns = open.columns().iter();
        let column = columns.find(|column| column.id == statistics.column)?;
        Some(statistic_to(&column.name, statistics))
    };
    types::ColumnStatistics {
        stats_desc: Some(ColumnStatisticsDesc {
            is_tbl_level: Some(of.partition.is_none()),
            db_name: Some(open.database.name.clone()),
            table_name: Some(open.name.clone()),
            part_name: of.partition.as_ref().map(|partition| partition.name().to_owned()),
            last_analyzed: of.set.iter().filter_map(|one| one.analyzed_s).max(),
            cat_name: Some(DEFAULT_CATALOG.to_owned()),
        }),
        stats_obj: Some(of.set.iter().filter_map(spell).collect()),
        is_stats_compliant: None,
        engine: Some(of.engine.clone()),
    }
}
