//! The schema registry, read.

use versioning::{KeyRange, Space};

use crate::keys::{self, MetaKey, RegistryKey};
use crate::model::{DatabaseId, RegisteredSchema, RegisteredSerde, RegisteredType, SchemaVersion, Serde};
use crate::names;
use crate::snapshot::Snapshot;
use crate::{Error, Result};

/// Where a version of a schema is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionPlace {
    pub database: DatabaseId,
    /// The name of the schema.
    pub schema: String,
    pub version: i32,
}

impl Snapshot {
    /// Returns a registered schema, and the database that it is in.
    ///
    /// # Errors
    /// [`Error::NotRegistered`], also without such a database; [`Error::Store`], [`Error::Corrupt`], as every
    /// method here.
    pub async fn schema(&self, database: &str, name: &str) -> Result<(DatabaseId, RegisteredSchema)> {
        let name = names::normalize(name);
        let missing = || missing("schema", &format!("{}.{name}", names::normalize(database)));
        let found = self.find_database(database).await?.ok_or_else(missing)?;
        let key = MetaKey::Registry(RegistryKey::Schema(found.id, &name)).encode();
        let schema = self.get(&key).await?.ok_or_else(missing)?;
        Ok((found.id, schema))
    }

    /// Returns the versions of a schema of that name, by number.
    ///
    /// # Errors
    /// As [`Snapshot::schema`].
    pub async fn schema_versions(&self, database: DatabaseId, name: &str) -> Result<Vec<SchemaVersion>> {
        let found = self.versions_under(keys::schema_versions(database, name)).await?;
        Ok(found.into_iter().map(|(_, version)| version).collect())
    }

    /// Returns a version of a schema.
    ///
    /// # Errors
    /// [`Error::NotRegistered`].
    pub async fn schema_version(&self, database: &str, name: &str, version: i32) -> Result<SchemaVersion> {
        let (id, schema) = self.schema(database, name).await?;
        let key = MetaKey::Registry(RegistryKey::Version(id, &schema.name, version)).encode();
        let found = self.get(&key).await?;
        found.ok_or_else(|| missing("version", &format!("{version} of {}", schema.name)))
    }

    /// Returns the versions of all schemas, each with its place.
    ///
    /// # Errors
    /// As [`Snapshot::schema`].
    pub async fn all_schema_versions(&self) -> Result<Vec<(VersionPlace, SchemaVersion)>> {
        self.versions_under(keys::all_schema_versions()).await
    }

    /// Returns a serde by its name.
    ///
    /// # Errors
    /// [`Error::NotRegistered`].
    pub async fn serde(&self, name: &str) -> Result<Serde> {
        let key = MetaKey::Registry(RegistryKey::Serde(name)).encode();
        let found: Option<RegisteredSerde> = self.get(&key).await?;
        found
            .map(|found| found.serde)
            .ok_or_else(|| missing("serde", name))
    }

    /// Returns a type by its name.
    ///
    /// # Errors
    /// [`Error::NotRegistered`].
    pub async fn registered_type(&self, name: &str) -> Result<RegisteredType> {
        let key = MetaKey::Registry(RegistryKey::Type(name)).encode();
        let found = self.get(&key).await?;
        found.ok_or_else(|| missing("type", name))
    }

    async fn versions_under(&self, prefix: bytes::Bytes) -> Result<Vec<(VersionPlace, SchemaVersion)>> {
        let mut found = Vec::new();
        let mut scan = self.view().scan(Space::Meta, KeyRange::prefix(prefix));
        while let Some(entry) = scan.next().await? {
            let (key, value) = (entry.key.to_vec(), entry.value());
            if let Some(MetaKey::Registry(RegistryKey::Version(database, schema, version))) =
                MetaKey::decode(&key)
            {
                let place = VersionPlace {
                    database,
                    schema: schema.to_owned(),
                    version,
                };
                found.push((place, self.records().load(&key, &value).await?));
            }
        }
        Ok(found)
    }
}

fn missing(what: &'static str, name: &str) -> Error {
    Error::NotRegistered {
        what,
        name: name.to_owned(),
    }
}
