//! A table of folders with files, as DataFusion reads it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use catalog::location::Place;
use catalog::{OpenTable, SharedRefs};
use datafusion::arrow::datatypes::{Fields, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::adapter::AnyCase;
use crate::error::Error;
use crate::files::data_files;
use crate::formats::{Descriptor, RowSource, Stored};
use crate::held::Held;
use crate::layout::{Layout, folder, layout, partition_files};
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
pub(crate) struct FolderTable {
    /// `database.table`, for messages.
    name: String,
    version: Arc<Version>,
    table: OpenTable,
    layout: Layout,
    schema: SchemaRef,
    /// What of it is read; `None` for all.
    only: Option<Only>,
}

/// Which files of a folder are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FilesOf {
    All,
    /// Those at these paths.
    Paths(Arc<HashSet<String>>),
}

/// What of a table is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Only {
    /// Of a table without partitions.
    Table(FilesOf),
    /// Of the partitions of these names alone.
    Partitions(BTreeMap<String, FilesOf>),
}

impl Only {
    /// Returns the paths that alone are read of a partition, or of the table; `None` for all that are there.
    fn paths(&self, partition: &str) -> Option<Arc<HashSet<String>>> {
        let files = match self {
            Only::Table(files) => Some(files),
            Only::Partitions(partitions) => partitions.get(partition),
        };
        match files {
            Some(FilesOf::Paths(paths)) => Some(Arc::clone(paths)),
            Some(FilesOf::All) | None => None,
        }
    }
}

/// A folder of data files, with the typed values of its partition.
struct Folder {
    prefix: String,
    values: Vec<ScalarValue>,
    written: Arc<Descriptor>,
    /// The files that are read of it; `None` for all.
    only: Option<Arc<HashSet<String>>>,
}

/// How partitions were written, of which many are alike.
type Written = Vec<(SharedRefs, Arc<Descriptor>)>;

impl FolderTable {
    /// Returns a table for reading.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for what is no table of files, or of a format that cannot be read.
    pub(crate) fn new(name: String, version: Arc<Version>, table: OpenTable) -> crate::Result<FolderTable> {
        let layout = layout(&table).map_err(|reason| Error::Unreadable {
            table: name.clone(),
            reason,
        })?;
        let fields: Fields = layout.files.columns.iter().chain(&layout.keys).cloned().collect();
        let schema = Arc::new(Schema::new(fields));
        Ok(FolderTable {
            name,
            version,
            table,
            layout,
            schema,
            only: None,
        })
    }

    /// Returns the table of which only this is read.
    pub(crate) fn only(self, only: Only) -> FolderTable {
        FolderTable {
            only: Some(only),
            ..self
        }
    }

    fn paths(&self, partition: &str) -> Option<Arc<HashSet<String>>> {
        self.only.as_ref().and_then(|only| only.paths(partition))
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
                written: Arc::clone(&self.layout.files),
                only: self.paths(""),
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
        let (mut folders, mut written) = (Vec::new(), Written::new());
        if let Some(Only::Partitions(only)) = &self.only {
            let mut parts = Vec::with_capacity(only.len());
            for name in only.keys() {
                parts.extend(partitions.named(name).await?);
            }
            self.keep_needed(&pruner, &parts, (&mut folders, &mut written), held)
                .await?;
            return Ok(folders);
        }
        loop {
            let some = partitions.next(PARTITIONS_AT_ONCE).await?;
            if some.is_empty() {
                return Ok(folders);
            }
            self.keep_needed(&pruner, &some, (&mut folders, &mut written), held)
                .await?;
        }
    }

    async fn keep_needed(
        &self,
        pruner: &Pruner,
        partitions: &[Part],
        (folders, written): (&mut Vec<Folder>, &mut Written),
        held: &Held,
    ) -> Result<()> {
        let values: Vec<_> = partitions.iter().map(|part| self.typed(&part.values)).collect();
        let needed = pruner.needed(&values)?;
        for ((part, values), needed) in partitions.iter().zip(values).zip(needed) {
            if needed {
                let prefix = self.folder(&part.place)?;
                held.folder(&prefix, &values)?;
                let written = self.written(&part.shared, written).await?;
                folders.push(Folder {
                    prefix,
                    values,
                    written,
                    only: self.paths(&part.name),
                });
            }
        }
        Ok(())
    }

    /// Returns how the files of a partition were written.
    async fn written(&self, shared: &SharedRefs, known: &mut Written) -> crate::Result<Arc<Descriptor>> {
        if let Some((_, written)) = known.iter().rev().find(|(refs, _)| refs == shared) {
            return Ok(Arc::clone(written));
        }
        let (columns, template) = self.version.storage(shared).await?;
        let written = partition_files(&self.table, &self.layout, columns.as_deref(), template);
        let written =
            written.map_err(|reason| self.unreadable(format!("of one of its partitions: {reason}")))?;
        known.push((*shared, Arc::clone(&written)));
        Ok(written)
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

    /// Returns the files of Parquet, and those of all other formats.
    async fn files(
        &self,
        folders: &[Folder],
        held: &Held,
    ) -> Result<(Vec<PartitionedFile>, Vec<PartitionedFile>)> {
        let view = self.version.view();
        let listings: Vec<_> = folders
            .iter()
            .map(|folder| {
                data_files(view, &folder.prefix, &folder.values, folder.only.as_deref(), held).boxed()
            })
            .collect();
        let listed: Vec<Vec<_>> = stream::iter(listings).buffered(LISTINGS).try_collect().await?;
        let (mut parquet, mut others) = (Vec::new(), Vec::new());
        for (files, folder) in listed.into_iter().zip(folders) {
            match folder.written.stored {
                Stored::Parquet => parquet.extend(files),
                _ => others.extend(
                    files
                        .into_iter()
                        .map(|file| file.with_extension(Arc::clone(&folder.written))),
                ),
            }
        }
        Ok((parquet, others))
    }

    fn file_schema(&self) -> TableSchema {
        TableSchema::builder(Arc::new(Schema::new(self.layout.files.columns.clone())))
            .with_table_partition_cols(self.layout.keys.clone())
            .build()
    }

    fn parquet(&self, session: &dyn Session, held: &Arc<Held>) -> Arc<dyn FileSource> {
        let readers = Readers {
            store: self.version.store(),
            _held: Arc::clone(held),
        };
        let source = ParquetSource::new(self.file_schema())
            .with_table_parquet_options(session.default_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(readers));
        Named::over(source)
    }

    fn rows(&self, session: &dyn Session, held: &Arc<Held>) -> Arc<dyn FileSource> {
        let memory = Arc::clone(&session.runtime_env().memory_pool);
        Arc::new(RowSource::new(self.file_schema(), memory, Arc::clone(held)))
    }

    fn plan(
        &self,
        session: &dyn Session,
        source: Arc<dyn FileSource>,
        files: Vec<PartitionedFile>,
        (projection, limit): (Option<&Vec<usize>>, Option<usize>),
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let groups = FileGroup::new(files).split_files(session.config().target_partitions());
        let config = FileScanConfigBuilder::new(self.version.url().clone(), source)
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_expr_adapter(Some(Arc::new(AnyCase)))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

#[async_trait]
impl TableProvider for FolderTable {
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
        let held = Arc::new(Held::new(session, &self.name, &self.table.key_names()));
        let folders = self.folders(session, filters, &held).await?;
        let (parquet, others) = self.files(&folders, &held).await?;
        let files = parquet.len() + others.len();
        tracing::debug!(
            table = self.name,
            folders = folders.len(),
            files,
            "planned a scan"
        );
        let asked = (projection, limit);
        match (parquet.is_empty(), others.is_empty()) {
            (true, true) => Ok(Arc::new(EmptyExec::new(project_schema(
                &self.schema,
                projection,
            )?))),
            (false, true) => self.plan(session, self.parquet(session, &held), parquet, asked),
            (true, false) => self.plan(session, self.rows(session, &held), others, asked),
            (false, false) => UnionExec::try_new(vec![
                self.plan(session, self.parquet(session, &held), parquet, asked)?,
                self.plan(session, self.rows(session, &held), others, asked)?,
            ]),
        }
    }
}
