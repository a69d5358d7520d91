//! The source of rows for DataFusion: files of any format but Parquet, each read by its own descriptor.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};

use super::lines::{LINE_BYTES_MAX, cut};
use super::unpack::Unpacker;
use super::{AvroFile, Descriptor, Stored, fit, orc};
use crate::error::Error;
use crate::held::Held;

/// So much text is read before lines are cut.
const TEXT_BYTES: usize = 1 << 20;
const BATCH_ROWS: usize = 8_192;

/// A source of rows. Each file has its [`Descriptor`] with it, as an extension.
#[derive(Debug, Clone)]
pub(crate) struct RowSource {
    schema: TableSchema,
    projection: SplitProjection,
    metrics: ExecutionPlanMetricsSet,
    memory: Arc<dyn MemoryPool>,
    _held: Arc<Held>,
    batch_rows: usize,
}

impl RowSource {
    /// Returns a source for these columns. What the plan holds is freed with it.
    pub(crate) fn new(schema: TableSchema, memory: Arc<dyn MemoryPool>, held: Arc<Held>) -> RowSource {
        RowSource {
            projection: SplitProjection::unprojected(&schema),
            schema,
            metrics: ExecutionPlanMetricsSet::new(),
            memory,
            _held: held,
            batch_rows: BATCH_ROWS,
        }
    }
}

impl FileSource for RowSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        _: &FileScanConfig,
        _: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let columns = self.schema.file_schema().fields();
        let opener = Opener {
            store,
            columns: columns.to_vec(),
            wanted: self
                .projection
                .file_indices
                .iter()
                .map(|at| Arc::clone(&columns[*at]))
                .collect(),
            memory: Arc::clone(&self.memory),
            batch_rows: self.batch_rows,
        };
        ProjectionOpener::try_new(
            self.projection.clone(),
            Arc::new(opener),
            self.schema.file_schema(),
        )
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch_rows: usize) -> Arc<dyn FileSource> {
        Arc::new(RowSource {
            batch_rows,
            ..self.clone()
        })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "rows"
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.schema.file_schema(), &merged);
        Ok(Some(Arc::new(RowSource {
            projection,
            ..self.clone()
        })))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for projected in self.projection.source.iter() {
            if f(&projected.expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

struct Opener {
    store: Arc<dyn ObjectStore>,
    /// All columns of the table that stand in files.
    columns: Vec<FieldRef>,
    wanted: Vec<FieldRef>,
    memory: Arc<dyn MemoryPool>,
    batch_rows: usize,
}

impl FileOpener for Opener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let Some(descriptor) = file.extension::<Arc<Descriptor>>().cloned() else {
            return Err(Error::Internal("a file without a descriptor".to_owned()).into());
        };
        let task = Task {
            store: Arc::clone(&self.store),
            path: file.object_meta.location,
            size: file.object_meta.size,
            columns: self.columns.clone(),
            wanted: self.wanted.clone(),
            held: MemoryConsumer::new("file").register(&self.memory),
            batch_rows: self.batch_rows,
            descriptor,
        };
        Ok(task.rows().boxed())
    }
}

/// The reading of one file.
struct Task {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
    columns: Vec<FieldRef>,
    wanted: Vec<FieldRef>,
    held: MemoryReservation,
    batch_rows: usize,
    descriptor: Arc<Descriptor>,
}

type Rows = BoxStream<'static, Result<RecordBatch>>;

impl Task {
    async fn rows(self) -> Result<Rows> {
        match &self.descriptor.stored {
            Stored::Avro(schema) => {
                let schema = schema.clone();
                self.avro(schema.as_deref()).await
            }
            Stored::Orc => self.orc().await,
            Stored::Delimited(_) | Stored::Csv(_) | Stored::Json(_) => self.lines().await,
            Stored::Parquet => Err(Error::Internal("Parquet is read elsewhere".to_owned()).into()),
        }
    }

    fn damaged(&self, message: &impl ToString) -> DataFusionError {
        damaged(&self.path, message.to_string())
    }

    /// Returns the whole file, which counts as memory of the query.
    async fn whole(&self) -> Result<Bytes> {
        self.held
            .try_grow(usize::try_from(self.size).unwrap_or(usize::MAX))?;
        Ok(self.store.get(&self.path).await?.bytes().await?)
    }

    async fn avro(self, schema: Option<&str>) -> Result<Rows> {
        let file = AvroFile::check(self.whole().await?).map_err(|error| self.damaged(&error))?;
        self.held.try_grow(file.block_bytes())?;
        let batches = file.rows(schema, self.batch_rows);
        let batches = batches.map_err(|error| self.damaged(&error))?;
        Ok(self.fitted(batches, None))
    }

    async fn orc(self) -> Result<Rows> {
        let file = self.whole().await?;
        let read = orc::read(file, &self.descriptor.columns, &self.wanted, self.batch_rows);
        let found = read.map_err(|error| self.damaged(&error))?;
        Ok(self.fitted(found.rows, Some(found.places)))
    }

    fn fitted(
        self,
        batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
        places: Option<Vec<Option<usize>>>,
    ) -> Rows {
        let fitted = batches.map(move |batch| {
            let fitted = batch.and_then(|batch| fit::fit(&batch, &self.wanted, places.as_deref()));
            fitted.map_err(|error| self.damaged(&error))
        });
        stream::iter(fitted).boxed()
    }

    async fn lines(self) -> Result<Rows> {
        let unpacker = Unpacker::of(self.path.as_ref()).map_err(|reason| self.damaged(&reason))?;
        let skip = match &self.descriptor.stored {
            Stored::Delimited(rules) => rules.skip_lines,
            Stored::Csv(rules) => rules.skip_lines,
            Stored::Json(rules) => rules.skip_lines,
            Stored::Parquet | Stored::Orc | Stored::Avro(_) => 0,
        };
        let input = self.store.get(&self.path).await?.into_stream();
        let text = Text {
            input: input.map_err(DataFusionError::from).boxed(),
            unpacker,
            packed: Bytes::new(),
            text: Vec::new(),
            ended: false,
            skip,
            seen: 0,
            task: self,
        };
        Ok(stream::try_unfold(text, |mut text| async move {
            let batch = text.next().await?;
            Ok(batch.map(|batch| (batch, text)))
        })
        .boxed())
    }
}

/// Text that comes in piece by piece.
struct Text {
    input: BoxStream<'static, Result<Bytes>>,
    unpacker: Unpacker,
    packed: Bytes,
    text: Vec<u8>,
    /// Whether all of the file has come.
    ended: bool,
    /// How many lines at the beginning are still no rows.
    skip: usize,
    /// How many lines have been read.
    seen: usize,
    task: Task,
}

impl Text {
    /// Returns rows of some lines; `None` at the end.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let mut wanted_bytes = TEXT_BYTES;
        loop {
            self.fill(wanted_bytes).await?;
            let lines = cut(&self.text, self.task.batch_rows, self.ended);
            if lines.ranges.is_empty() {
                if self.ended {
                    return Ok(None);
                }
                if self.text.len() > LINE_BYTES_MAX {
                    return Err(self
                        .task
                        .damaged(&format!("a line is longer than {LINE_BYTES_MAX} bytes")));
                }
                wanted_bytes = self.text.len() * 2;
                continue;
            }
            let skipped = self.skip.min(lines.ranges.len());
            self.skip -= skipped;
            self.seen += skipped;
            let texts: Vec<&[u8]> = lines.ranges[skipped..]
                .iter()
                .map(|(from, to)| &self.text[*from..*to])
                .collect();
            let batch = self.task.batch(&texts, self.seen)?;
            self.seen += texts.len();
            self.text.drain(..lines.rest);
            return Ok(Some(batch));
        }
    }

    /// Reads until there are so many bytes of text, or no more.
    async fn fill(&mut self, bytes: usize) -> Result<()> {
        while self.text.len() < bytes && !self.ended {
            if self.packed.is_empty() {
                match self.input.try_next().await? {
                    Some(more) => self.packed = more,
                    None => {
                        self.ended = true;
                        let finished = self.unpacker.finish(&mut self.text);
                        finished.map_err(|error| self.task.damaged(&error))?;
                    }
                }
            }
            if !self.packed.is_empty() {
                let taken = self.unpacker.take(&mut self.packed, &mut self.text);
                taken.map_err(|error| self.task.damaged(&error))?;
            }
        }
        self.task.held.try_resize(self.text.capacity())
    }
}

impl Task {
    /// Returns the rows of lines, before which the file has `seen` others.
    fn batch(&self, lines: &[&[u8]], seen: usize) -> Result<RecordBatch> {
        let failed = |error: ArrowError| self.damaged(&error);
        match &self.descriptor.stored {
            Stored::Delimited(rules) => {
                let cells = |wanted: &[(usize, DataType)]| {
                    rules.columns(lines, wanted, self.descriptor.columns.len())
                };
                self.by_place(cells, lines.len()).map_err(failed)
            }
            Stored::Csv(rules) => self
                .by_place(|wanted| rules.columns(lines, wanted), rules.rows(lines))
                .map_err(failed),
            Stored::Json(rules) => {
                let rows = rules.rows(lines).map_err(|(at, message)| {
                    self.damaged(&format!("line {} is no JSON object: {message}", seen + at + 1))
                })?;
                let own: Vec<_> = self.wanted.iter().map(|field| self.own(field)).collect();
                let columns = rules.columns(&rows, &own).map_err(failed)?;
                let columns = columns
                    .iter()
                    .zip(&self.wanted)
                    .map(|(column, field)| fit::cast(column, field));
                let columns = columns.collect::<Result<_, _>>().map_err(failed)?;
                fit::rows(&self.wanted, columns, rows.len()).map_err(failed)
            }
            Stored::Parquet | Stored::Orc | Stored::Avro(_) => {
                Err(Error::Internal("a file of lines was expected".to_owned()).into())
            }
        }
    }

    /// The column as the partition has it, by its name.
    fn own(&self, field: &FieldRef) -> FieldRef {
        let own = self
            .descriptor
            .columns
            .iter()
            .find(|own| own.name() == field.name());
        Arc::clone(own.unwrap_or(field))
    }

    /// Text has no names: the first column of the partition is the first of the table, and so on.
    fn by_place(
        &self,
        cells: impl Fn(&[(usize, DataType)]) -> Result<Vec<ArrayRef>, ArrowError>,
        rows: usize,
    ) -> Result<RecordBatch, ArrowError> {
        let place = |field: &FieldRef| {
            let at = self
                .columns
                .iter()
                .position(|column| column.name() == field.name())
                .unwrap_or(usize::MAX);
            match self.descriptor.columns.get(at) {
                Some(own) => (at, own.data_type().clone()),
                // no line has so many values
                None => (usize::MAX, field.data_type().clone()),
            }
        };
        let places: Vec<_> = self.wanted.iter().map(place).collect();
        let columns = cells(&places)?;
        let columns = columns
            .iter()
            .zip(&self.wanted)
            .map(|(column, field)| fit::cast(column, field));
        fit::rows(&self.wanted, columns.collect::<Result<_, _>>()?, rows)
    }
}

fn damaged(path: &Path, message: String) -> DataFusionError {
    Error::Damaged {
        path: path.to_string(),
        message,
    }
    .into()
}
