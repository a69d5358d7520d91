//! The memory of a plan: what it keeps of folders and files counts against the limit of all queries.

use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

/// The memory that the plan of a scan holds, until it is dropped with the plan.
#[derive(Debug)]
pub(crate) struct Held {
    memory: MemoryReservation,
    /// What to do if it is too much.
    hint: String,
}

impl Held {
    /// Holds nothing yet, for a scan of `table`, which is partitioned by `keys`.
    pub(crate) fn new(session: &dyn Session, table: &str, keys: &[&str]) -> Held {
        let memory = MemoryConsumer::new("plan").register(&session.runtime_env().memory_pool);
        let hint = match keys {
            [] => format!("{table} has too many files"),
            keys => format!(
                "too many files of {table} are needed: filter by a partition key ({})",
                keys.join(", ")
            ),
        };
        Held { memory, hint }
    }

    /// Counts a folder with the values of its partition.
    ///
    /// # Errors
    /// [`DataFusionError::ResourcesExhausted`], as for the others, with what to do about it.
    pub(crate) fn folder(&self, prefix: &str, values: &[ScalarValue]) -> Result<()> {
        self.grow(prefix.len() + values_bytes(values))
    }

    /// Counts a file.
    pub(crate) fn file(&self, file: &PartitionedFile) -> Result<()> {
        let path = file.object_meta.location.as_ref().len();
        let etag = file.object_meta.e_tag.as_ref().map_or(0, String::len);
        self.grow(size_of::<PartitionedFile>() + path + etag + values_bytes(&file.partition_values))
    }

    fn grow(&self, bytes: usize) -> Result<()> {
        let grown = self.memory.try_grow(bytes);
        grown.map_err(|_| DataFusionError::ResourcesExhausted(self.hint.clone()))
    }
}

fn values_bytes(values: &[ScalarValue]) -> usize {
    values.iter().map(ScalarValue::size).sum()
}
