//! A system table, as DataFusion reads it.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{StreamExt, TryStreamExt};

use super::walk::{Asked, walk};
use super::{Kind, rows};
use crate::error::Error;
use crate::names::Versions;
use crate::version::Version;

/// Rows are handed out so many at a time.
const BATCH_ROWS: usize = 1_024;

/// A system table at a version.
#[derive(Debug, Clone)]
pub(crate) struct SystemTable {
    pub(super) kind: Kind,
    pub(super) versions: Arc<Versions>,
    /// `None` for what is not of one ref.
    pub(super) version: Option<Arc<Version>>,
    schema: SchemaRef,
}

impl SystemTable {
    pub(crate) fn new(kind: Kind, versions: Arc<Versions>, version: Option<Arc<Version>>) -> SystemTable {
        SystemTable {
            schema: kind.schema(),
            kind,
            versions,
            version,
        }
    }
}

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// Databases and tables that are named are the only ones that are looked at; the rows are judged again.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (database, table) = self.kind.scope();
        let asked = Asked {
            databases: texts(filters, database),
            tables: texts(filters, table),
        };
        let rows = Arc::new(SystemRows {
            table: self.clone(),
            asked,
        });
        // a limit holds for rows before the filters
        let limit = limit.filter(|_| filters.is_empty());
        let plan = StreamingTableExec::try_new(
            self.schema(),
            vec![rows],
            projection,
            std::iter::empty(),
            false,
            limit,
        )?;
        Ok(Arc::new(plan))
    }
}

/// Returns the texts that a column may be, by `column = 'text'` and `column in ('text', …)`; `None` for any.
fn texts(filters: &[Expr], column: &str) -> Option<Vec<String>> {
    filters.iter().find_map(|filter| match filter {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(found), literal) | (literal, Expr::Column(found)) if found.name == column => {
                Some(vec![text(literal)?])
            }
            _ => None,
        },
        Expr::InList(InList {
            expr,
            list,
            negated: false,
        }) => match expr.as_ref() {
            Expr::Column(found) if found.name == column => list.iter().map(text).collect(),
            _ => None,
        },
        _ => None,
    })
}

fn text(literal: &Expr) -> Option<String> {
    match literal {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    }
}

#[derive(Debug)]
struct SystemRows {
    table: SystemTable,
    asked: Asked,
}

impl PartitionStream for SystemRows {
    fn schema(&self) -> &SchemaRef {
        &self.table.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.table.schema);
        let batches = walk(self.table.clone(), self.asked.clone())
            .ready_chunks(BATCH_ROWS)
            .map(move |rows| {
                let rows = rows.into_iter().collect::<Result<Vec<_>, Error>>()?;
                Ok(rows::batch(&schema, &rows)?)
            });
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.table.schema),
            batches.into_stream(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn filters_name_what_is_asked_for() {
        let list = || vec![lit("a"), lit("b")];
        for (filter, expected) in [
            (col("d").eq(lit("a")), Some("a")),
            (lit("a").eq(col("d")), Some("a")),
            (col("d").in_list(list(), false), Some("a b")),
            (col("d").in_list(list(), true), None),
            (col("x").eq(lit("a")), None),
            (col("d").gt(lit("a")), None),
        ] {
            let found = texts(std::slice::from_ref(&filter), "d").map(|texts| texts.join(" "));
            assert_eq!(found.as_deref(), expected, "{filter}");
        }
    }
}
