//! Which partitions a query needs: its filters, evaluated on the values of partitions.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_plan::PhysicalExpr;

/// The name and value by which Hive means NULL.
pub(crate) const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Returns a partition's value as the type of its key. NULL is Hive's own word for it, and whatever the type
/// cannot hold, as in Hive.
pub(crate) fn typed(value: &str, kind: &DataType) -> ScalarValue {
    let null = || ScalarValue::try_from(kind).unwrap_or(ScalarValue::Null);
    if value == NULL_VALUE {
        return null();
    }
    let text = ScalarValue::Utf8(Some(value.to_owned()));
    match kind {
        DataType::Utf8 => text,
        _ => text.cast_to(kind).unwrap_or_else(|_| null()),
    }
}

/// The filters of a query that speak of partition keys alone.
#[derive(Debug, Clone)]
pub(crate) struct Pruner {
    keys: SchemaRef,
    filter: Option<Arc<dyn PhysicalExpr>>,
}

impl Pruner {
    /// Returns a pruner by `filters`, which speak of nothing but `keys`.
    pub(crate) fn new(session: &dyn Session, keys: &[FieldRef], filters: &[Expr]) -> Result<Pruner> {
        let keys = Arc::new(Schema::new(keys.to_vec()));
        let filter = match conjunction(filters.iter().cloned()) {
            None => None,
            Some(filter) => {
                Some(session.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(&keys))?)?)
            }
        };
        Ok(Pruner { keys, filter })
    }

    /// Returns for each of the partitions, given by their typed values, whether the query needs it.
    pub(crate) fn needed(&self, partitions: &[Vec<ScalarValue>]) -> Result<Vec<bool>> {
        let Some(filter) = &self.filter else {
            return Ok(vec![true; partitions.len()]);
        };
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let answer = filter
            .evaluate(&self.batch(partitions)?)?
            .into_array(partitions.len())?;
        match answer.as_boolean_opt() {
            Some(answer) => Ok(trues(answer)),
            None => internal_err!("a filter on partition keys is no condition"),
        }
    }

    fn batch(&self, partitions: &[Vec<ScalarValue>]) -> Result<RecordBatch> {
        let column = |i: usize| ScalarValue::iter_to_array(partitions.iter().map(|values| values[i].clone()));
        let columns: Vec<ArrayRef> = (0..self.keys.fields().len()).map(column).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(partitions.len()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.keys),
            columns,
            &options,
        )?)
    }
}

/// Returns the values that `filters` give to the first keys, by `key = 'text'`, for as many keys from the first
/// on as they do: all partitions that are needed have names that begin so. Only texts have one spelling.
pub(crate) fn first_values(keys: &[FieldRef], filters: &[Expr]) -> Vec<String> {
    let value = |key: &FieldRef| {
        let given = filters.iter().find_map(|filter| equal_text(filter, key.name()));
        given.filter(|value| key.data_type() == &DataType::Utf8 && !value.is_empty())
    };
    keys.iter().map_while(value).collect()
}

fn equal_text(filter: &Expr, key: &str) -> Option<String> {
    let Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    }) = filter
    else {
        return None;
    };
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _)) | (Expr::Literal(value, _), Expr::Column(column)) => {
            (column.name == key).then(|| value.try_as_str().flatten().map(str::to_owned))?
        }
        _ => None,
    }
}

/// NULL is not true.
fn trues(answer: &BooleanArray) -> Vec<bool> {
    answer.iter().map(|value| value == Some(true)).collect()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Field;
    use datafusion::prelude::{SessionContext, col, lit};

    use super::*;

    #[test]
    fn values_have_the_type_of_their_key() {
        for (value, kind, expected) in [
            ("007", DataType::Int32, ScalarValue::Int32(Some(7))),
            ("x", DataType::Int32, ScalarValue::Int32(None)),
            ("", DataType::Int64, ScalarValue::Int64(None)),
            ("", DataType::Utf8, ScalarValue::Utf8(Some(String::new()))),
            (NULL_VALUE, DataType::Utf8, ScalarValue::Utf8(None)),
            ("2026-01-01", DataType::Date32, ScalarValue::Date32(Some(20_454))),
            (
                "1.5",
                DataType::Decimal128(5, 2),
                ScalarValue::Decimal128(Some(150), 5, 2),
            ),
            ("true", DataType::Boolean, ScalarValue::Boolean(Some(true))),
        ] {
            assert_eq!(typed(value, &kind), expected, "{value} as {kind}");
        }
    }

    #[test]
    fn filters_compare_by_type() {
        let field = |name: &str, kind| Arc::new(Field::new(name, kind, true));
        let keys = [field("n", DataType::Int32), field("s", DataType::Utf8)];
        let partitions: Vec<_> = [("9", "a"), ("10", "b"), ("010", NULL_VALUE), (NULL_VALUE, "a")]
            .iter()
            .map(|(n, s)| vec![typed(n, &DataType::Int32), typed(s, &DataType::Utf8)])
            .collect();
        let session = SessionContext::new().state();
        for (filters, expected) in [
            (vec![], [true, true, true, true]),
            (vec![col("n").gt(lit(9))], [false, true, true, false]),
            (
                vec![col("n").eq(lit(10)), col("s").is_not_null()],
                [false, true, false, false],
            ),
            (
                vec![col("s").is_null().or(col("n").is_null())],
                [false, false, true, true],
            ),
        ] {
            let pruner = Pruner::new(&session, &keys, &filters).unwrap();
            assert_eq!(pruner.needed(&partitions).unwrap(), expected, "{filters:?}");
            assert!(pruner.needed(&[]).unwrap().is_empty());
        }
    }

    #[test]
    fn first_values_shorten_the_walk() {
        let field = |name: &str, kind| Arc::new(Field::new(name, kind, true));
        let keys = [
            field("d", DataType::Utf8),
            field("n", DataType::Int32),
            field("s", DataType::Utf8),
        ];
        for (filters, expected) in [
            (vec![], &[][..]),
            (vec![col("d").eq(lit("x"))], &["x"]),
            (
                vec![lit("x").eq(col("d")), col("n").eq(lit(1)), col("s").eq(lit("y"))],
                &["x"],
            ),
            (vec![col("s").eq(lit("y"))], &[]),
            (vec![col("d").gt(lit("x"))], &[]),
            (vec![col("d").eq(lit("x")).or(col("d").eq(lit("y")))], &[]),
            (vec![col("d").eq(lit(""))], &[]),
        ] {
            assert_eq!(first_values(&keys, &filters), expected, "{filters:?}");
        }
    }
}
