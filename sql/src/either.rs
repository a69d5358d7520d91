//! Tables of a catalog of their own, of which each is one of two: that of a ref, or where the ref has none, no rows with
//! the columns that another ref has. `diff_rows` compares these.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::empty::EmptyTable;

use crate::error::Error;
use crate::names::{Databases, Versions};

/// The name of the catalog.
pub(crate) const CATALOG: &str = "diff_rows";

/// Divides the names of a database and of two refs, none of which has it.
const BETWEEN: char = '\n';

/// Returns the name of the database whose tables are those at `at`, else empty as at `other`.
pub(crate) fn database_name(database: &str, at: &str, other: &str) -> String {
    [database, at, other].join(&BETWEEN.to_string())
}

/// The databases of the catalog.
#[derive(Debug)]
pub(crate) struct EitherDatabases(pub(crate) Arc<Versions>);

impl CatalogProvider for EitherDatabases {
    fn schema_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let mut parts = name.split(BETWEEN);
        let (database, at, other) = (parts.next()?, parts.next()?, parts.next()?);
        let databases = Databases(Arc::clone(&self.0));
        let tables = |at: &str| databases.schema(&format!("{database}@{at}"));
        Some(Arc::new(EitherTables {
            first: tables(at)?,
            second: tables(other)?,
        }))
    }
}

#[derive(Debug)]
struct EitherTables {
    first: Arc<dyn SchemaProvider>,
    second: Arc<dyn SchemaProvider>,
}

#[async_trait]
impl SchemaProvider for EitherTables {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.first.table(name).await {
            Err(error) if is_missing(&error) => {
                let second = self.second.table(name).await?;
                Ok(second.map(|table| Arc::new(EmptyTable::new(table.schema())) as Arc<dyn TableProvider>))
            }
            found => found,
        }
    }

    fn table_exist(&self, _name: &str) -> bool {
        false
    }
}

fn is_missing(error: &DataFusionError) -> bool {
    use catalog::Error::{NoSuchDatabase, NoSuchTable};
    matches!(
        Error::own(error),
        Some(Error::Catalog(NoSuchDatabase { .. } | NoSuchTable { .. }))
    )
}
