//! Iceberg tables, as their current snapshot has them: data files of Parquet, by the ids of columns.
//!
//! What would give wrong rows is refused: files of deletes, formats other than Parquet, versions above 2.

mod by_id;
mod manifests;
mod metadata;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use catalog::OpenTable;
use catalog::location::{Locator, Place};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::object_store::ObjectStore;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use versioning::View;
use versioning::object::Object;

use self::by_id::ById;
use self::manifests::{data_files, manifests};
use self::metadata::Metadata;
use crate::error::Error;
use crate::held::Held;
use crate::named::Named;
use crate::reader::Readers;
use crate::store::{ViewStore, location, meta, read_range};
use crate::version::Version;

/// The most bytes of a file of metadata.
const METADATA_BYTES_MAX: u64 = 64 << 20;

/// An Iceberg table of a version.
#[derive(Debug)]
pub(crate) struct IcebergTable {
    /// `database.table`, for messages.
    name: String,
    version: Arc<Version>,
    metadata: Metadata,
    /// The objects that are the same for every ref.
    shared: View,
    schema: SchemaRef,
}

/// A file found by its URI: in the shared namespace or at the ref.
struct Found {
    is_shared: bool,
    path: String,
    object: Object,
}

impl IcebergTable {
    /// Returns the table that the catalog's pointer names.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for one that cannot be read as it would have to be.
    pub(crate) async fn open(
        name: String,
        version: Arc<Version>,
        table: &OpenTable,
    ) -> crate::Result<IcebergTable> {
        let shared = version.repository().shared_view().await?;
        let mut open = IcebergTable {
            name,
            version,
            metadata: Metadata::default(),
            shared,
            schema: Arc::new(datafusion::arrow::datatypes::Schema::empty()),
        };
        let pointer = table.locations.get("metadata_location");
        let place = pointer.map(|location| location.resolve(&Place::root(), ""));
        let place =
            place.ok_or_else(|| open.unreadable("its metadata is not in this repository".to_owned()))?;
        let found = open.find(place).await?;
        let bytes = open.bytes(&found).await?;
        open.metadata = Metadata::parse(&bytes).map_err(|reason| open.unreadable(reason))?;
        open.schema = open.metadata.schema();
        Ok(open)
    }

    fn unreadable(&self, reason: String) -> Error {
        Error::Unreadable {
            table: self.name.clone(),
            reason,
        }
    }

    async fn find(&self, place: Place) -> crate::Result<Found> {
        let (view, path, is_shared) = match place {
            Place::Shared(path) => (&self.shared, path, true),
            Place::Path(path) => (self.version.view(), path, false),
            Place::External(uri) => {
                return Err(self.unreadable(format!("a file of it is not in this repository, but at {uri}")));
            }
        };
        match view.object(&path).await? {
            Some(object) => Ok(Found {
                is_shared,
                path,
                object,
            }),
            None => Err(self.unreadable(format!("its file {path} is not there"))),
        }
    }

    async fn find_uri(&self, uri: &str) -> crate::Result<Found> {
        let repository = self.version.repository();
        let locator = Locator::new(repository.record().name.clone(), self.version.at(), "s3a");
        let place = locator
            .place(uri)
            .map_err(|error| self.unreadable(error.to_string()))?;
        self.find(place).await
    }

    /// Returns the content of a file of metadata.
    async fn bytes(&self, found: &Found) -> crate::Result<Bytes> {
        let size = found.object.size();
        if size > METADATA_BYTES_MAX {
            return Err(self.unreadable(format!("{} has more than {METADATA_BYTES_MAX} bytes", found.path)));
        }
        Ok(read_range(self.version.repository(), &found.object, 0..size).await?)
    }

    async fn avro(&self, uri: &str) -> crate::Result<(Bytes, String)> {
        let found = self.find_uri(uri).await?;
        Ok((self.bytes(&found).await?, found.path))
    }

    /// Returns the data files, those in the shared namespace and those at the ref.
    async fn files(&self, held: &Held) -> Result<[Vec<PartitionedFile>; 2]> {
        let mut files = [Vec::new(), Vec::new()];
        let Some(list) = &self.metadata.manifest_list else {
            return Ok(files);
        };
        let (bytes, path) = self.avro(list).await?;
        for manifest in manifests(bytes).map_err(|message| Error::Damaged { path, message })? {
            if manifest.has_deletes {
                let reason =
                    "it has files of deletes, which sql cannot apply; an engine can rewrite them away";
                return Err(self.unreadable(reason.to_owned()).into());
            }
            let (bytes, path) = self.avro(&manifest.path).await?;
            for file in data_files(bytes).map_err(|message| Error::Damaged { path, message })? {
                if !file.format.eq_ignore_ascii_case("parquet") {
                    return Err(self
                        .unreadable(format!("it has files of {}, and sql reads Parquet", file.format))
                        .into());
                }
                let found = self.find_uri(&file.path).await?;
                let place = location(&found.path);
                let place = place.ok_or_else(|| {
                    self.unreadable(format!("{} is a path that sql cannot read", found.path))
                })?;
                let file = PartitionedFile::new_from_meta(meta(place, &found.object));
                held.file(&file)?;
                files[usize::from(!found.is_shared)].push(file);
            }
        }
        Ok(files)
    }

    fn plan(
        &self,
        session: &dyn Session,
        (url, store): (ObjectStoreUrl, Arc<dyn ObjectStore>),
        files: Vec<PartitionedFile>,
        held: &Arc<Held>,
        (projection, limit): (Option<&Vec<usize>>, Option<usize>),
    ) -> Result<Arc<dyn ExecutionPlan>> {
        session
            .runtime_env()
            .register_object_store(url.as_ref(), Arc::clone(&store));
        let readers = Readers {
            store,
            _held: Arc::clone(held),
        };
        let source = ParquetSource::new(TableSchema::from(Arc::clone(&self.schema)))
            .with_table_parquet_options(session.default_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(readers));
        let groups = FileGroup::new(files).split_files(session.config().target_partitions());
        let config = FileScanConfigBuilder::new(url, Named::over(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_expr_adapter(Some(Arc::new(ById(self.metadata.names()))))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

#[async_trait]
impl TableProvider for IcebergTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let held = Arc::new(Held::new(session, &self.name, &[]));
        let [shared, own] = self.files(&held).await?;
        let mut plans = Vec::new();
        if !shared.is_empty() {
            let url = ObjectStoreUrl::parse("skep://shared/")?;
            let store = ViewStore::new(self.version.repository().clone(), self.shared.clone());
            plans.push(self.plan(
                session,
                (url, Arc::new(store)),
                shared,
                &held,
                (projection, limit),
            )?);
        }
        if !own.is_empty() {
            let at = (self.version.url().clone(), self.version.store());
            plans.push(self.plan(session, at, own, &held, (projection, limit))?);
        }
        match plans.len() {
            0 => Ok(Arc::new(EmptyExec::new(project_schema(
                &self.schema,
                projection,
            )?))),
            1 => Ok(plans.remove(0)),
            _ => UnionExec::try_new(plans),
        }
    }
}
