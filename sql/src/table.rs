//! A Parquet table of a ref, as DataFusion reads it.

use std::sync::Arc;

use async_trait::async_trait;
use catalog::OpenTable;
use catalog::location::Place;
use datafusion::arrow::datatypes::{Fields, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::adapter::AnyCase;
use crate::error::Error;
use crate::files::data_files;
use crate::held::Held;
use crate::layout::{Layout, folder, layout};
use crate::named::Named;
use crate::prune::{NULL_VALUE, Pruner, first_values, typed};
use crate::reader::Readers;
use crate::version::{Part, Version};

/// How many folders are listed at the same time.
const LISTINGS: usize = 8;
/// How many partitions are judged at a time.
const PARTITIONS_AT_ONCE: usize = 4_096;

/// A table of a version.
#[derive(Debug)]
pub(crate) struct ParquetTable {
    /// `database.table`, for messages.
    name: String,
    version: Arc<Version>,
    table: OpenTable,
    layout: Layout,
    schema: SchemaRef,
}

/// A folder of data files, with the typed values of its partition.
struct Folder {
    prefix: String,
    values: Vec<ScalarValue>,
}

impl ParquetTable {
    /// Returns a table for reading.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for what is no Parquet table.
    pub(crate) fn new(name: String, version: Arc<Version>, table: OpenTable) -> crate::Result<ParquetTable> {
        let layout = layout(&table).map_err(|reason| Error::Unreadable {
            table: name.clone(),
            reason,
        })?;
        let fields: Fields = layout.columns.iter().chain(&layout.keys).cloned().collect();
        let schema = Arc::new(Schema::new(fields));
        Ok(ParquetTable {
            name,
            version,
            table,
            layout,
            schema,
        })
    }

    fn unreadable(&self, reason: String) -> Error {
        Error::Unreadable {
            table: self.name.clone(),
            reason,
        }
    }

    fn folder(&self, place: &Place) -> crate::Result<String> {
        folder(place).map_err(|reason| self.unreadable(reason))
    }

    fn is_partition_filter(&self, filter: &Expr) -> bool {
        let keys: Vec<_> = self.layout.keys.iter().map(|key| key.name().as_str()).collect();
        !keys.is_empty() && expr_applicable_for_cols(&keys, filter)
    }

    /// Returns the folders that a query with these filters needs.
    async fn folders(&self, session: &dyn Session, filters: &[Expr], held: &Held) -> Result<Vec<Folder>> {
        if !self.table.is_partitioned() {
            let place = self
                .table
                .data_place()
                .ok_or_else(|| self.unreadable("it has no location".to_owned()))?;
            let prefix = self.folder(&place)?;
            return Ok(vec![Folder {
                prefix,
                values: Vec::new(),
            }]);
        }
        let own: Vec<_> = filters
            .iter()
            .filter(|filter| self.is_partition_filter(filter))
            .cloned()
            .collect();
        let pruner = Pruner::new(session, &self.layout.keys, &own)?;
        let mut partitions = self
            .version
            .partitions(&self.table, &first_values(&self.layout.keys, &own));
        let mut folders = Vec::new();
        loop {
            let some = partitions.next(PARTITIONS_AT_ONCE).await?;
            if some.is_empty() {
                return Ok(folders);
            }
            self.keep_needed(&pruner, &some, &mut folders, held)?;
        }
    }

    fn keep_needed(
        &self,
        pruner: &Pruner,
        partitions: &[Part],
        folders: &mut Vec<Folder>,
        held: &Held,
    ) -> Result<()> {
        let values: Vec<_> = partitions.iter().map(|(values, _)| self.typed(values)).collect();
        let needed = pruner.needed(&values)?;
        for (((_, place), values), needed) in partitions.iter().zip(values).zip(needed) {
            if needed {
                let prefix = self.folder(place)?;
                held.folder(&prefix, &values)?;
                folders.push(Folder { prefix, values });
            }
        }
        Ok(())
    }

    /// A partition that has too few values, which the catalog does not let in, has NULL for the rest.
    fn typed(&self, values: &[String]) -> Vec<ScalarValue> {
        let value = |i: usize| values.get(i).map_or(NULL_VALUE, String::as_str);
        self.layout
            .keys
            .iter()
            .enumerate()
            .map(|(i, key)| typed(value(i), key.data_type()))
            .collect()
    }

    async fn files(&self, folders: &[Folder], held: &Held) -> Result<Vec<PartitionedFile>> {
        let view = self.version.view();
        let listings: Vec<_> = folders
            .iter()
            .map(|folder| data_files(view, &folder.prefix, &folder.values, held).boxed())
            .collect();
        let listed: Vec<Vec<_>> = stream::iter(listings).buffered(LISTINGS).try_collect().await?;
        Ok(listed.into_iter().flatten().collect())
    }

    fn source(&self, session: &dyn Session, held: Held) -> ParquetSource {
        let columns = Arc::new(Schema::new(self.layout.columns.clone()));
        let schema = TableSchema::builder(columns)
            .with_table_partition_cols(self.layout.keys.clone())
            .build();
        let readers = Readers {
            store: self.version.store(),
            _held: held,
        };
        ParquetSource::new(schema)
            .with_table_parquet_options(session.default_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(readers))
    }
}

#[async_trait]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// What partition keys decide is decided by leaving files out; other filters help to leave out parts of
    /// files, and are applied to the rows again.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.is_partition_filter(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let held = Held::new(session, &self.name, &self.table.key_names());
        let folders = self.folders(session, filters, &held).await?;
        let files = self.files(&folders, &held).await?;
        tracing::debug!(
            table = self.name,
            folders = folders.len(),
            files = files.len(),
            "planned a scan"
        );
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(
                &self.schema,
                projection,
            )?)));
        }
        let groups = FileGroup::new(files).split_files(session.config().target_partitions());
        let config = FileScanConfigBuilder::new(
            self.version.url().clone(),
            Named::over(self.source(session, held)),
        )
        .with_file_groups(groups)
        .with_projection_indices(projection.cloned())?
        .with_limit(limit)
        .with_expr_adapter(Some(Arc::new(AnyCase)))
        .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
