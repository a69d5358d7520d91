//! What is known of the values of columns.

use bytes::Bytes;

use super::{ColumnId, Extra, Real};

/// The statistics that one engine keeps of the columns of a table or of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableStatistics {
    /// In the order of their columns' ids, each once.
    pub columns: Vec<ColumnStatistics>,
    pub is_stats_compliant: Option<bool>,
    pub extra: Extra,
}

/// The statistics of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnStatistics {
    pub column: ColumnId,
    /// The type that the column had.
    pub type_name: String,
    /// Seconds since the Unix epoch.
    pub analyzed_s: Option<i64>,
    pub data: StatisticsData,
}

/// The figures, by the kind of the column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatisticsData {
    Boolean(BooleanStatistics),
    Long(RangeStatistics<i64>),
    Double(RangeStatistics<Real>),
    Text(TextStatistics),
    Binary(BinaryStatistics),
    Decimal(RangeStatistics<DecimalValue>),
    /// In days since the Unix epoch.
    Date(RangeStatistics<i64>),
    /// In seconds since the Unix epoch.
    Timestamp(RangeStatistics<i64>),
}

/// Statistics of booleans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BooleanStatistics {
    pub trues: i64,
    pub falses: i64,
    pub nulls: i64,
    pub bit_vectors: Option<Bytes>,
}

/// Statistics of values that have an order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RangeStatistics<T> {
    pub low: Option<T>,
    pub high: Option<T>,
    pub nulls: i64,
    /// The number of distinct values.
    pub distinct: i64,
    pub bit_vectors: Option<Bytes>,
    pub histogram: Option<Bytes>,
}

/// Statistics of texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextStatistics {
    /// In bytes.
    pub longest: i64,
    /// In bytes.
    pub average_len: Real,
    pub nulls: i64,
    /// The number of distinct values.
    pub distinct: i64,
    pub bit_vectors: Option<Bytes>,
}

/// Statistics of byte strings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BinaryStatistics {
    /// In bytes.
    pub longest: i64,
    /// In bytes.
    pub average_len: Real,
    pub nulls: i64,
    pub bit_vectors: Option<Bytes>,
}

/// A decimal number: `unscaled` × 10^-`scale`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecimalValue {
    /// Two's complement, big-endian.
    pub unscaled: Bytes,
    pub scale: i16,
}
