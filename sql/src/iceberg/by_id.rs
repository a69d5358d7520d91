//! Columns of files by their ids: an Iceberg table may have renamed them since, or given a name away.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use datafusion::physical_plan::PhysicalExpr;

use crate::adapter::AnyCase;

/// Makes adapters that find the columns of a file by id; given the names of the table's columns by id. Files that
/// have no ids, as those that were there before the table was Iceberg's, go by name.
#[derive(Debug, Clone)]
pub(super) struct ById(pub(super) HashMap<String, String>);

impl PhysicalExprAdapterFactory for ById {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let Some(named) = named_by_id(&self.0, &file) else {
            return AnyCase.create(table, file);
        };
        let inner = DefaultPhysicalExprAdapterFactory.create(table, Arc::new(named))?;
        Ok(Arc::new(ByIdAdapter { inner, file }))
    }
}

/// Returns the file's columns under the table's names; `None` if they have no ids. One that the table has no more gets
/// a name that no column has.
fn named_by_id(names: &HashMap<String, String>, file: &Schema) -> Option<Schema> {
    let ids: Vec<_> = file
        .fields()
        .iter()
        .map(|field| field.metadata().get(PARQUET_FIELD_ID_META_KEY))
        .collect();
    if ids.iter().all(Option::is_none) {
        return None;
    }
    let fields = file.fields().iter().zip(ids).map(|(field, id)| {
        let name = id.and_then(|id| names.get(id)).cloned();
        field
            .as_ref()
            .clone()
            .with_name(name.unwrap_or_else(|| format!("{}\0gone", field.name())))
    });
    Some(Schema::new(fields.collect::<Vec<_>>()))
}

#[derive(Debug)]
struct ByIdAdapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for ByIdAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let rewritten = self.inner.rewrite(expr)?;
        let back = |expr: Arc<dyn PhysicalExpr>| {
            let column = expr.downcast_ref::<Column>();
            let own = column
                .and_then(|column| Some((column.index(), self.file.fields().get(column.index())?.name())));
            Ok(match own {
                Some((index, name)) => {
                    Transformed::yes(Arc::new(Column::new(name, index)) as Arc<dyn PhysicalExpr>)
                }
                None => Transformed::no(expr),
            })
        };
        rewritten.transform(back).data()
    }
}
