//! The fields of column statistics.

use versioning::codec::DecodeError;

use super::fields::{put_nested, read_nested, record};
use super::{Canonical, Fields, Input, fields};
use crate::model::{
    BinaryStatistics, BooleanStatistics, ColumnStatistics, DecimalValue, RangeStatistics, StatisticsData,
    TableStatistics, TextStatistics,
};

record!(TableStatistics {
    1 must columns,
    2 opt is_stats_compliant,
} extra);

record!(ColumnStatistics {
    1 must column,
    2 must type_name,
    3 opt analyzed_s,
    4 must data,
});

record!(BooleanStatistics {
    1 must trues,
    2 must falses,
    3 must nulls,
    4 opt bit_vectors,
});

record!(TextStatistics {
    1 must longest,
    2 must average_len,
    3 must nulls,
    4 must distinct,
    5 opt bit_vectors,
});

record!(BinaryStatistics {
    1 must longest,
    2 must average_len,
    3 must nulls,
    4 opt bit_vectors,
});

record!(DecimalValue {
    1 must unscaled,
    2 must scale,
});

impl<T: Canonical> Canonical for RangeStatistics<T> {
    fn put(&self, out: &mut Vec<u8>) {
        use fields::{must, opt};
        put_nested(out, |out| {
            opt::put(out, 1, &self.low);
            opt::put(out, 2, &self.high);
            must::put(out, 3, &self.nulls);
            must::put(out, 4, &self.distinct);
            opt::put(out, 5, &self.bit_vectors);
            opt::put(out, 6, &self.histogram);
        });
    }

    fn read(input: &mut Input<'_, '_>) -> Result<RangeStatistics<T>, DecodeError> {
        use fields::{must, opt};
        read_nested(input, |input| {
            let mut fields = Fields::new(input)?;
            let statistics = RangeStatistics {
                low: opt::read(&mut fields, 1)?,
                high: opt::read(&mut fields, 2)?,
                nulls: must::read(&mut fields, 3)?,
                distinct: must::read(&mut fields, 4)?,
                bit_vectors: opt::read(&mut fields, 5)?,
                histogram: opt::read(&mut fields, 6)?,
            };
            fields.finish()?;
            Ok(statistics)
        })
    }
}

macro_rules! kinds {
    ($($code:literal $variant:ident,)+) => {
        impl Canonical for StatisticsData {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(StatisticsData::$variant(figures) => {
                        out.push($code);
                        figures.put(out);
                    })+
                }
            }

            fn read(input: &mut Input<'_, '_>) -> Result<StatisticsData, DecodeError> {
                match input.0.byte()? {
                    $($code => Ok(StatisticsData::$variant(Canonical::read(input)?)),)+
                    other => Err(DecodeError::Tag(u64::from(other))),
                }
            }
        }
    };
}

kinds! {
    1 Boolean,
    2 Long,
    3 Double,
    4 Text,
    5 Binary,
    6 Decimal,
    7 Date,
    8 Timestamp,
}
