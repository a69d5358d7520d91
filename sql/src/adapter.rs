//! Columns of files by the names of the table: Hive compares names without case, Parquet files keep it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use datafusion::physical_plan::PhysicalExpr;

/// Makes adapters that find the columns of a file without regard to case.
///
/// All else is DataFusion's own: a column that a file lacks is NULL, one of another type is cast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnyCase;

impl PhysicalExprAdapterFactory for AnyCase {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let renamed = Arc::new(named_as_in(&table, &file));
        let inner = DefaultPhysicalExprAdapterFactory.create(table, renamed)?;
        Ok(Arc::new(AnyCaseAdapter { inner, file }))
    }
}

#[derive(Debug)]
struct AnyCaseAdapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for AnyCaseAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let rewritten = self.inner.rewrite(expr)?;
        let back = |expr: Arc<dyn PhysicalExpr>| {
            Ok(
                match expr
                    .downcast_ref::<Column>()
                    .and_then(|column| self.as_in_file(column))
                {
                    Some(column) => Transformed::yes(Arc::new(column) as Arc<dyn PhysicalExpr>),
                    None => Transformed::no(expr),
                },
            )
        };
        rewritten.transform(back).data()
    }
}

impl AnyCaseAdapter {
    /// Returns the column under the file's own name, if that is another.
    fn as_in_file(&self, column: &Column) -> Option<Column> {
        let name = self.file.fields().get(column.index())?.name();
        (name != column.name() && name.eq_ignore_ascii_case(column.name()))
            .then(|| Column::new(name, column.index()))
    }
}

/// Returns the file's columns, each under the table's name for it. An exact match goes before one that
/// differs by case.
fn named_as_in(table: &Schema, file: &Schema) -> Schema {
    let taken = |name: &str| table.field_with_name(name).is_ok() && file.field_with_name(name).is_ok();
    let rename = |field: &Arc<Field>| {
        let same = |other: &&Arc<Field>| other.name().eq_ignore_ascii_case(field.name());
        match table.fields().iter().find(same) {
            Some(wanted) if !taken(wanted.name()) => {
                Arc::new(field.as_ref().clone().with_name(wanted.name()))
            }
            _ => Arc::clone(field),
        }
    };
    let fields: Vec<_> = file.fields().iter().map(rename).collect();
    Schema::new_with_metadata(fields, file.metadata().clone())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    fn schema(names: &[&str]) -> Schema {
        Schema::new(
            names
                .iter()
                .map(|name| Field::new(*name, DataType::Int32, true))
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn an_exact_name_goes_first() {
        for (table, file, expected) in [
            (&["userid"][..], &["userId", "x"][..], &["userid", "x"][..]),
            (&["userid"], &["userId", "userid"], &["userId", "userid"]),
            (&["a", "b"], &["B", "A"], &["b", "a"]),
        ] {
            assert_eq!(named_as_in(&schema(table), &schema(file)), schema(expected));
        }
    }

    #[test]
    fn columns_come_back_under_the_names_of_the_file() {
        let adapter = AnyCase
            .create(
                Arc::new(schema(&["userid", "gone"])),
                Arc::new(schema(&["x", "userId"])),
            )
            .unwrap();
        let column = |name: &str, index| Arc::new(Column::new(name, index)) as Arc<dyn PhysicalExpr>;
        assert_eq!(
            adapter.rewrite(column("userid", 0)).unwrap().to_string(),
            "userId@1"
        );
        assert_eq!(adapter.rewrite(column("gone", 1)).unwrap().to_string(), "NULL");
    }
}
