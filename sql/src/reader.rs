//! How the bytes of Parquet files are fetched for DataFusion.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt};
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::footers::{Unread, read_metadata};
use crate::held::Held;

/// Makes readers of files in one store.
///
/// DataFusion's own trust the length that a footer claims, and overflow where it is a lie.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Freed when the plan, which has this, is dropped.
    pub(crate) _held: Arc<Held>,
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        _partition: usize,
        file: PartitionedFile,
        _footer_bytes: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let meta = file.object_meta;
        Ok(Box::new(Reader {
            store: Arc::clone(&self.store),
            path: meta.location,
            size: meta.size,
        }))
    }
}

struct Reader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move { Ok(self.store.get_range(&self.path, range).await?) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { Ok(self.store.get_ranges(&self.path, &ranges).await?) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let fetch = |range| self.store.get_range(&self.path, range);
            match read_metadata(self.size, fetch).await {
                Ok(metadata) => Ok(Arc::new(metadata)),
                Err(Unread::Failed(error)) => Err(error.into()),
                Err(Unread::Damaged(message)) => Err(ParquetError::General(message)),
            }
        }
        .boxed()
    }
}
