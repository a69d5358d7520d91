//! One set of column statistics for many: of partitions, or of what was known before and what came.
//!
//! By the rules of the original without bit vectors: the least low, the greatest high, the sum of nulls, the
//! most distinct values that one of them has (they may all be the same), the longest of lengths. What cannot be
//! known from parts, bit vectors and histograms, is left out.

use std::cmp::Ordering;

use crate::model::{
    BinaryStatistics, BooleanStatistics, ColumnId, ColumnStatistics, DecimalValue, RangeStatistics, Real,
    StatisticsData, TableId, TextStatistics,
};
use crate::snapshot::Snapshot;
use crate::{Error, Result};

/// What partitions know together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// In the order of the columns that were asked for; those of which nothing is known are left out.
    pub columns: Vec<ColumnStatistics>,
    /// The number of partitions that know of all the columns.
    pub complete: u64,
}

impl Snapshot {
    /// Returns what an engine knows of columns over the named partitions.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Corrupt`].
    pub async fn aggregate_statistics(
        &self,
        table: TableId,
        partitions: &[String],
        engine: &str,
        columns: &[ColumnId],
    ) -> Result<Aggregate, Error> {
        let mut merged: Vec<Option<ColumnStatistics>> = vec![None; columns.len()];
        let mut complete = 0;
        for name in partitions {
            let Some(known) = self.statistics(table, Some(name), engine).await? else {
                continue;
            };
            let mut has_all = true;
            for (into, id) in merged.iter_mut().zip(columns) {
                match known.columns.iter().find(|column| column.column == *id) {
                    Some(column) => {
                        *into = Some(
                            into.take()
                                .map_or_else(|| bare(column), |all| merge(&all, column)),
                        );
                    }
                    None => has_all = false,
                }
            }
            complete += u64::from(has_all && !columns.is_empty());
        }
        Ok(Aggregate {
            columns: merged.into_iter().flatten().collect(),
            complete,
        })
    }
}

/// Returns what two sets of statistics say together; `b` alone, if they are not of the same kind.
pub(crate) fn merge(a: &ColumnStatistics, b: &ColumnStatistics) -> ColumnStatistics {
    let data = match (&a.data, &b.data) {
        (StatisticsData::Boolean(a), StatisticsData::Boolean(b)) => {
            StatisticsData::Boolean(BooleanStatistics {
                trues: a.trues.saturating_add(b.trues),
                falses: a.falses.saturating_add(b.falses),
                nulls: a.nulls.saturating_add(b.nulls),
                bit_vectors: None,
            })
        }
        (StatisticsData::Long(a), StatisticsData::Long(b)) => StatisticsData::Long(range(a, b, Ord::cmp)),
        (StatisticsData::Date(a), StatisticsData::Date(b)) => StatisticsData::Date(range(a, b, Ord::cmp)),
        (StatisticsData::Timestamp(a), StatisticsData::Timestamp(b)) => {
            StatisticsData::Timestamp(range(a, b, Ord::cmp))
        }
        (StatisticsData::Double(a), StatisticsData::Double(b)) => {
            StatisticsData::Double(range(a, b, compare_reals))
        }
        (StatisticsData::Decimal(a), StatisticsData::Decimal(b)) => {
            StatisticsData::Decimal(range(a, b, compare_decimals))
        }
        (StatisticsData::Text(a), StatisticsData::Text(b)) => StatisticsData::Text(TextStatistics {
            longest: a.longest.max(b.longest),
            average_len: longer(a.average_len, b.average_len),
            nulls: a.nulls.saturating_add(b.nulls),
            distinct: a.distinct.max(b.distinct),
            bit_vectors: None,
        }),
        (StatisticsData::Binary(a), StatisticsData::Binary(b)) => StatisticsData::Binary(BinaryStatistics {
            longest: a.longest.max(b.longest),
            average_len: longer(a.average_len, b.average_len),
            nulls: a.nulls.saturating_add(b.nulls),
            bit_vectors: None,
        }),
        (_, data) => data.clone(),
    };
    ColumnStatistics {
        data,
        analyzed_s: a.analyzed_s.max(b.analyzed_s),
        ..b.clone()
    }
}

/// Returns statistics without what does not add up.
fn bare(column: &ColumnStatistics) -> ColumnStatistics {
    let mut column = column.clone();
    match &mut column.data {
        StatisticsData::Boolean(it) => it.bit_vectors = None,
        StatisticsData::Text(it) => it.bit_vectors = None,
        StatisticsData::Binary(it) => it.bit_vectors = None,
        StatisticsData::Long(it) | StatisticsData::Date(it) | StatisticsData::Timestamp(it) => {
            (it.bit_vectors, it.histogram) = (None, None);
        }
        StatisticsData::Double(it) => (it.bit_vectors, it.histogram) = (None, None),
        StatisticsData::Decimal(it) => (it.bit_vectors, it.histogram) = (None, None),
    }
    column
}

fn range<T: Clone>(
    a: &RangeStatistics<T>,
    b: &RangeStatistics<T>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> RangeStatistics<T> {
    let one_of = |a: &Option<T>, b: &Option<T>, wanted: Ordering| match (a, b) {
        (Some(a), Some(b)) if compare(b, a) == wanted => Some(b.clone()),
        (a, b) => a.clone().or_else(|| b.clone()),
    };
    RangeStatistics {
        low: one_of(&a.low, &b.low, Ordering::Less),
        high: one_of(&a.high, &b.high, Ordering::Greater),
        nulls: a.nulls.saturating_add(b.nulls),
        distinct: a.distinct.max(b.distinct),
        bit_vectors: None,
        histogram: None,
    }
}

fn longer(a: Real, b: Real) -> Real {
    if compare_reals(&a, &b).is_lt() { b } else { a }
}

fn compare_reals(a: &Real, b: &Real) -> Ordering {
    f64::from(*a).total_cmp(&f64::from(*b))
}

fn compare_decimals(a: &DecimalValue, b: &DecimalValue) -> Ordering {
    let exact = || {
        let scale = a.scale.max(b.scale);
        let at_scale = |value: &DecimalValue| {
            let shift = u32::try_from(scale - value.scale).ok()?;
            unscaled(value)?.checked_mul(10_i128.checked_pow(shift)?)
        };
        Some(at_scale(a)?.cmp(&at_scale(b)?))
    };
    exact().unwrap_or_else(|| approximate(a).total_cmp(&approximate(b)))
}

/// Returns the digits as a number, if it has at most 16 bytes.
fn unscaled(value: &DecimalValue) -> Option<i128> {
    let sign = if value.unscaled.first().is_some_and(|byte| byte & 0x80 != 0) {
        0xff
    } else {
        0
    };
    let mut bytes = [sign; 16];
    let start = 16_usize.checked_sub(value.unscaled.len())?;
    bytes[start..].copy_from_slice(&value.unscaled);
    Some(i128::from_be_bytes(bytes))
}

fn approximate(value: &DecimalValue) -> f64 {
    let negative = value.unscaled.first().is_some_and(|byte| byte & 0x80 != 0);
    let unsigned = value
        .unscaled
        .iter()
        .fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte));
    let bits = i32::try_from(value.unscaled.len() * 8).unwrap_or(i32::MAX);
    let whole = if negative {
        unsigned - 2_f64.powi(bits)
    } else {
        unsigned
    };
    whole / 10_f64.powi(i32::from(value.scale))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn column(data: StatisticsData) -> ColumnStatistics {
        ColumnStatistics {
            column: ColumnId(1),
            type_name: "t".into(),
            analyzed_s: Some(7),
            data,
        }
    }

    fn long(low: Option<i64>, high: Option<i64>, nulls: i64, distinct: i64) -> StatisticsData {
        StatisticsData::Long(RangeStatistics {
            low,
            high,
            nulls,
            distinct,
            bit_vectors: Some(Bytes::from_static(b"x")),
            histogram: Some(Bytes::from_static(b"y")),
        })
    }

    #[test]
    fn ranges_widen_and_nulls_add_up() {
        for (a, b, expected) in [
            (
                long(Some(3), Some(5), 1, 10),
                long(Some(-4), Some(4), 2, 7),
                (Some(-4), Some(5), 3, 10),
            ),
            (
                long(None, None, 9, 0),
                long(Some(1), Some(1), 0, 1),
                (Some(1), Some(1), 9, 1),
            ),
        ] {
            for (a, b) in [(&a, &b), (&b, &a)] {
                let merged = merge(&column(a.clone()), &column(b.clone()));
                let StatisticsData::Long(it) = merged.data else {
                    panic!("another kind")
                };
                assert_eq!((it.low, it.high, it.nulls, it.distinct), expected);
                assert_eq!((it.bit_vectors, it.histogram), (None, None));
            }
        }
    }

    #[test]
    fn texts_and_booleans_add_up() {
        let text = |longest, average: f64, nulls, distinct| {
            column(StatisticsData::Text(TextStatistics {
                longest,
                average_len: average.into(),
                nulls,
                distinct,
                bit_vectors: None,
            }))
        };
        assert_eq!(
            merge(&text(5, 2.5, 1, 4), &text(9, 1.5, 2, 3)),
            text(9, 2.5, 3, 4)
        );
        let boolean = |trues, falses, nulls| {
            column(StatisticsData::Boolean(BooleanStatistics {
                trues,
                falses,
                nulls,
                bit_vectors: None,
            }))
        };
        assert_eq!(merge(&boolean(1, 2, 3), &boolean(4, 5, 6)), boolean(5, 7, 9));
        // a column of another type now: what was known says nothing
        assert_eq!(merge(&text(5, 2.5, 1, 4), &boolean(4, 5, 6)), boolean(4, 5, 6));
    }

    #[test]
    fn decimals_compare_as_numbers() {
        let decimal = |unscaled: &[u8], scale| DecimalValue {
            unscaled: Bytes::copy_from_slice(unscaled),
            scale,
        };
        let huge = [0x7f; 20];
        for (a, b, expected) in [
            (decimal(&[15], 1), decimal(&[2], 0), Ordering::Less),
            (decimal(&[20], 1), decimal(&[2], 0), Ordering::Equal),
            (decimal(&[0xff], 0), decimal(&[0], 0), Ordering::Less),
            (decimal(&[1, 0], 2), decimal(&[3], 0), Ordering::Less),
            (decimal(&huge, 0), decimal(&[1], 0), Ordering::Greater),
            (decimal(&[0x80, 0, 0], 0), decimal(&huge, 38), Ordering::Less),
            (decimal(&[], 0), decimal(&[0], 3), Ordering::Equal),
        ] {
            assert_eq!(compare_decimals(&a, &b), expected, "{a:?} {b:?}");
            assert_eq!(compare_decimals(&b, &a), expected.reverse(), "{b:?} {a:?}");
        }
    }
}
