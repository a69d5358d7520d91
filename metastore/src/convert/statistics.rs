//! Statistics of columns.

use catalog::model::{
    BinaryStatistics, BooleanStatistics, ColumnId, ColumnStatistics, DecimalValue, RangeStatistics,
    StatisticsData, TextStatistics,
};
use thrift_idl::types::{
    BinaryColumnStatsData, BooleanColumnStatsData, ColumnStatisticsData as Wire, ColumnStatisticsObj, Date,
    DateColumnStatsData, Decimal, DecimalColumnStatsData, DoubleColumnStatsData, LongColumnStatsData,
    StringColumnStatsData, Timestamp, TimestampColumnStatsData,
};

/// Reads the statistics of a column with its name; `None` if they hold no figures.
pub(crate) fn statistic_from(
    wire: ColumnStatisticsObj,
    analyzed_s: Option<i64>,
) -> Option<(String, ColumnStatistics)> {
    let statistics = ColumnStatistics {
        column: ColumnId::NONE,
        type_name: wire.col_type.unwrap_or_default(),
        analyzed_s,
        data: data_from(wire.stats_data?)?,
    };
    Some((wire.col_name?.to_lowercase(), statistics))
}

/// Writes the statistics of the column called `name`.
pub(crate) fn statistic_to(name: &str, statistics: &ColumnStatistics) -> ColumnStatisticsObj {
    ColumnStatisticsObj {
        col_name: Some(name.to_owned()),
        col_type: Some(statistics.type_name.clone()),
        stats_data: Some(data_to(&statistics.data)),
    }
}

/// Reads the one kind of figures that is set; numbers that are required and missing are 0.
fn data_from(wire: Wire) -> Option<StatisticsData> {
    let n = Option::<i64>::unwrap_or_default;
    if let Some(it) = wire.boolean_stats {
        return Some(StatisticsData::Boolean(BooleanStatistics {
            trues: n(it.num_trues),
            falses: n(it.num_falses),
            nulls: n(it.num_nulls),
            bit_vectors: it.bit_vectors,
        }));
    }
    if let Some(it) = wire.string_stats {
        return Some(StatisticsData::Text(TextStatistics {
            longest: n(it.max_col_len),
            average_len: it.avg_col_len.unwrap_or_default().into(),
            nulls: n(it.num_nulls),
            distinct: n(it.num_dvs),
            bit_vectors: it.bit_vectors,
        }));
    }
    if let Some(it) = wire.binary_stats {
        return Some(StatisticsData::Binary(BinaryStatistics {
            longest: n(it.max_col_len),
            average_len: it.avg_col_len.unwrap_or_default().into(),
            nulls: n(it.num_nulls),
            bit_vectors: it.bit_vectors,
        }));
    }
    ranges_from(wire)
}

macro_rules! range_from {
    ($it:expr, $value:expr) => {{
        let it = $it;
        RangeStatistics {
            low: it.low_value.map($value),
            high: it.high_value.map($value),
            nulls: it.num_nulls.unwrap_or_default(),
            distinct: it.num_dvs.unwrap_or_default(),
            bit_vectors: it.bit_vectors,
            histogram: it.histogram,
        }
    }};
}

fn ranges_from(wire: Wire) -> Option<StatisticsData> {
    let decimal = |it: Decimal| DecimalValue {
        unscaled: it.unscaled.unwrap_or_default(),
        scale: it.scale.unwrap_or_default(),
    };
    Some(if let Some(it) = wire.long_stats {
        StatisticsData::Long(range_from!(it, |value| value))
    } else if let Some(it) = wire.double_stats {
        StatisticsData::Double(range_from!(it, Into::into))
    } else if let Some(it) = wire.decimal_stats {
        StatisticsData::Decimal(range_from!(it, decimal))
    } else if let Some(it) = wire.date_stats {
        StatisticsData::Date(range_from!(it, |it: Date| it
            .days_since_epoch
            .unwrap_or_default()))
    } else if let Some(it) = wire.timestamp_stats {
        StatisticsData::Timestamp(range_from!(it, |it: Timestamp| it
            .seconds_since_epoch
            .unwrap_or_default()))
    } else {
        return None;
    })
}

macro_rules! range_to {
    ($type:ident, $it:expr, $value:expr) => {{
        let it = $it;
        $type {
            low_value: it.low.as_ref().map($value),
            high_value: it.high.as_ref().map($value),
            num_nulls: Some(it.nulls),
            num_dvs: Some(it.distinct),
            bit_vectors: it.bit_vectors.clone(),
            histogram: it.histogram.clone(),
        }
    }};
}

fn data_to(data: &StatisticsData) -> Wire {
    let mut wire = Wire::default();
    match data {
        StatisticsData::Boolean(it) => wire.boolean_stats = Some(boolean_to(it)),
        StatisticsData::Text(it) => wire.string_stats = Some(text_to(it)),
        StatisticsData::Binary(it) => wire.binary_stats = Some(binary_to(it)),
        StatisticsData::Long(it) => {
            wire.long_stats = Some(range_to!(LongColumnStatsData, it, |value| *value));
        }
        StatisticsData::Double(it) => {
            wire.double_stats = Some(range_to!(DoubleColumnStatsData, it, |value| f64::from(*value)));
        }
        StatisticsData::Decimal(it) => {
            wire.decimal_stats = Some(range_to!(DecimalColumnStatsData, it, decimal_to));
        }
        StatisticsData::Date(it) => {
            let date = |days: &i64| Date {
                days_since_epoch: Some(*days),
            };
            wire.date_stats = Some(range_to!(DateColumnStatsData, it, date));
        }
        StatisticsData::Timestamp(it) => {
            let timestamp = |seconds: &i64| Timestamp {
                seconds_since_epoch: Some(*seconds),
            };
            wire.timestamp_stats = Some(range_to!(TimestampColumnStatsData, it, timestamp));
        }
    }
    wire
}

fn decimal_to(value: &DecimalValue) -> Decimal {
    Decimal {
        unscaled: Some(value.unscaled.clone()),
        scale: Some(value.scale),
    }
}

fn boolean_to(it: &BooleanStatistics) -> BooleanColumnStatsData {
    BooleanColumnStatsData {
        num_trues: Some(it.trues),
        num_falses: Some(it.falses),
        num_nulls: Some(it.nulls),
        bit_vectors: it.bit_vectors.clone(),
    }
}

fn text_to(it: &TextStatistics) -> StringColumnStatsData {
    StringColumnStatsData {
        max_col_len: Some(it.longest),
        avg_col_len: Some(it.average_len.into()),
        num_nulls: Some(it.nulls),
        num_dvs: Some(it.distinct),
        bit_vectors: it.bit_vectors.clone(),
    }
}

fn binary_to(it: &BinaryStatistics) -> BinaryColumnStatsData {
    BinaryColumnStatsData {
        max_col_len: Some(it.longest),
        avg_col_len: Some(it.average_len.into()),
        num_nulls: Some(it.nulls),
        bit_vectors: it.bit_vectors.clone(),
    }
}
