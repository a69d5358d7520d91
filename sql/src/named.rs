//! Errors of damaged files, with the file's name: DataFusion says what is wrong with a page, but not where.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, PhysicalExpr, SortOrderPushdownResult};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::error::Error;

/// A source of rows that names the file in its errors. All else is that of the source within.
pub(crate) struct Named(Arc<dyn FileSource>);

impl Named {
    pub(crate) fn over(source: impl FileSource) -> Arc<dyn FileSource> {
        Arc::new(Named(Arc::new(source)))
    }

    fn wrap(source: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Named(source))
    }
}

/// Returns the error with the name of the file, if it is the file's.
fn name(error: DataFusionError, path: &str) -> DataFusionError {
    let message = match error.find_root() {
        DataFusionError::ParquetError(error) => error.to_string(),
        DataFusionError::ArrowError(error, _) if is_of_file(error) => error.to_string(),
        _ => return error,
    };
    match Error::own(&error) {
        Some(own) => own.into(),
        None => Error::Damaged {
            path: path.to_owned(),
            message,
        }
        .into(),
    }
}

fn is_of_file(error: &ArrowError) -> bool {
    matches!(
        error,
        ArrowError::ParquetError(_) | ArrowError::IoError(..) | ArrowError::ExternalError(_)
    )
}

impl FileSource for Named {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.0.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        Ok(Box::new(NamedMorselizer(
            self.0.create_morselizer(store, config, partition)?,
        )))
    }

    fn table_schema(&self) -> &TableSchema {
        self.0.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Named::wrap(self.0.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.0.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.0.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.0.metrics()
    }

    fn file_type(&self) -> &str {
        self.0.file_type()
    }

    fn fmt_extra(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_extra(kind, f)
    }

    fn supports_repartitioning(&self) -> bool {
        self.0.supports_repartitioning()
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        options: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let FilterPushdownPropagation {
            filters,
            updated_node,
        } = self.0.try_pushdown_filters(filters, options)?;
        Ok(FilterPushdownPropagation {
            filters,
            updated_node: updated_node.map(Named::wrap),
        })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        equivalences: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(self.0.try_pushdown_sort(order, equivalences)?.map(Named::wrap))
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.0.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        Ok(self.0.try_pushdown_projection(projection)?.map(Named::wrap))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.0.apply_expressions(f)
    }
}

#[derive(Debug)]
struct NamedMorselizer(Box<dyn Morselizer>);

#[derive(Debug)]
struct NamedPlanner {
    path: Arc<str>,
    inner: Box<dyn MorselPlanner>,
}

#[derive(Debug)]
struct NamedMorsel {
    path: Arc<str>,
    inner: Box<dyn Morsel>,
}

impl Morselizer for NamedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let path: Arc<str> = Arc::from(file.path().as_ref());
        let inner = self.0.plan_file(file).map_err(|error| name(error, &path))?;
        Ok(planner(&path, inner))
    }
}

fn planner(path: &Arc<str>, inner: Box<dyn MorselPlanner>) -> Box<dyn MorselPlanner> {
    Box::new(NamedPlanner {
        path: Arc::clone(path),
        inner,
    })
}

impl MorselPlanner for NamedPlanner {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let NamedPlanner { path, inner } = *self;
        let Some(mut plan) = inner.plan().map_err(|error| name(error, &path))? else {
            return Ok(None);
        };
        let morsel = |inner| {
            Box::new(NamedMorsel {
                path: Arc::clone(&path),
                inner,
            }) as Box<dyn Morsel>
        };
        let mut named = MorselPlan::new()
            .with_morsels(plan.take_morsels().into_iter().map(morsel).collect())
            .with_planners(
                plan.take_ready_planners()
                    .into_iter()
                    .map(|inner| planner(&path, inner))
                    .collect(),
            );
        if let Some(pending) = plan.take_pending_planner() {
            named.set_pending_planner(async move {
                let inner = pending.await.map_err(|error| name(error, &path))?;
                Ok(planner(&path, inner))
            });
        }
        Ok(Some(named))
    }
}

impl Morsel for NamedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let NamedMorsel { path, inner } = *self;
        inner
            .into_stream()
            .map(move |rows| rows.map_err(|error| name(error, &path)))
            .boxed()
    }
}
