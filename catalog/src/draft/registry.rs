//! The schema registry, changed.

use crate::draft::Draft;
use crate::keys::{MetaKey, RegistryKey};
use crate::model::{RegisteredSchema, RegisteredSerde, RegisteredType, SchemaVersion, Serde};
use crate::names;
use crate::{Error, Result};

impl Draft {
    /// Registers a schema in a database.
    ///
    /// # Errors
    /// [`Error::NoSuchDatabase`], [`Error::InvalidName`], [`Error::Registered`].
    pub async fn register_schema(&mut self, database: &str, mut schema: RegisteredSchema) -> Result<()> {
        let database = self.database(database).await?;
        schema.name = names::normalize(&schema.name);
        if schema.name.is_empty() || schema.name.contains('\0') {
            return Err(Error::InvalidName {
                what: "schema",
                name: schema.name,
            });
        }
        let key = MetaKey::Registry(RegistryKey::Schema(database.id, &schema.name)).encode();
        if self.get::<RegisteredSchema>(&key).await?.is_some() {
            return Err(registered("schema", &schema.name));
        }
        self.change(|changes| changes.put(key, &schema));
        Ok(())
    }

    /// Replaces what is said of a schema. Its name and kind stay.
    ///
    /// # Errors
    /// [`Error::NotRegistered`].
    pub async fn alter_schema(
        &mut self,
        database: &str,
        name: &str,
        mut schema: RegisteredSchema,
    ) -> Result<()> {
        let (id, old) = self.schema(database, name).await?;
        (schema.name, schema.kind) = (old.name, old.kind);
        let key = MetaKey::Registry(RegistryKey::Schema(id, &schema.name)).encode();
        self.change(|changes| changes.put(key, &schema));
        Ok(())
    }

    /// Drops a schema that has no versions.
    ///
    /// # Errors
    /// [`Error::NotRegistered`]; [`Error::NotAllowed`] for one that has.
    pub async fn drop_schema(&mut self, database: &str, name: &str) -> Result<()> {
        let (id, schema) = self.schema(database, name).await?;
        if !self.schema_versions(id, &schema.name).await?.is_empty() {
            return Err(Error::NotAllowed {
                operation: "dropping a schema",
                reason: format!("{} has at least one version", schema.name),
            });
        }
        let key = MetaKey::Registry(RegistryKey::Schema(id, &schema.name)).encode();
        self.change(|changes| changes.delete::<RegisteredSchema>(key));
        Ok(())
    }

    /// Adds a version of a schema.
    ///
    /// # Errors
    /// [`Error::NotRegistered`], [`Error::Registered`].
    pub async fn add_schema_version(
        &mut self,
        database: &str,
        name: &str,
        version: SchemaVersion,
    ) -> Result<()> {
        let (id, schema) = self.schema(database, name).await?;
        let key = MetaKey::Registry(RegistryKey::Version(id, &schema.name, version.version)).encode();
        if self.get::<SchemaVersion>(&key).await?.is_some() {
            return Err(registered(
                "version",
                &format!("{} of {}", version.version, schema.name),
            ));
        }
        self.change(|changes| changes.put(key, &version));
        Ok(())
    }

    /// Changes a version of a schema.
    ///
    /// # Errors
    /// [`Error::NotRegistered`].
    pub async fn alter_schema_version(
        &mut self,
        database: &str,
        name: &str,
        version: i32,
        change: impl FnOnce(&mut SchemaVersion),
    ) -> Result<()> {
        let mut found = self.schema_version(database, name, version).await?;
        let (id, schema) = self.schema(database, name).await?;
        change(&mut found);
        let key = MetaKey::Registry(RegistryKey::Version(id, &schema.name, version)).encode();
        self.change(|changes| changes.put(key, &found));
        Ok(())
    }

    /// Drops a version of a schema.
    ///
    /// # Errors
    /// [`Error::NotRegistered`].
    pub async fn drop_schema_version(&mut self, database: &str, name: &str, version: i32) -> Result<()> {
        self.schema_version(database, name, version).await?;
        let (id, schema) = self.schema(database, name).await?;
        let key = MetaKey::Registry(RegistryKey::Version(id, &schema.name, version)).encode();
        self.change(|changes| changes.delete::<SchemaVersion>(key));
        Ok(())
    }

    /// Registers a serde under its name.
    ///
    /// # Errors
    /// [`Error::Registered`]; [`Error::InvalidName`] without a name.
    pub async fn register_serde(&mut self, serde: Serde) -> Result<()> {
        let name = serde.name.clone().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Error::InvalidName {
            what: "serde",
            name: String::new(),
        })?;
        let key = MetaKey::Registry(RegistryKey::Serde(&name)).encode();
        if self.get::<RegisteredSerde>(&key).await?.is_some() {
            return Err(registered("serde", &name));
        }
        let serde = RegisteredSerde {
            serde,
            ..RegisteredSerde::default()
        };
        self.change(|changes| changes.put(key, &serde));
        Ok(())
    }

    /// Registers a type under its name.
    ///
    /// # Errors
    /// [`Error::Registered`]; [`Error::InvalidName`].
    pub async fn register_type(&mut self, registered: RegisteredType) -> Result<()> {
        names::object_name("type", &registered.name)?;
        let key = MetaKey::Registry(RegistryKey::Type(&registered.name)).encode();
        if self.get::<RegisteredType>(&key).await?.is_some() {
            return Err(self::registered("type", &registered.name));
        }
        self.change(|changes| changes.put(key, &registered));
        Ok(())
    }

    /// Forgets a type, if there is one of that name.
    pub fn forget_type(&mut self, name: &str) {
        let key = MetaKey::Registry(RegistryKey::Type(name)).encode();
        self.change(|changes| changes.delete::<RegisteredType>(key));
    }
}

fn registered(what: &'static str, name: &str) -> Error {
    Error::Registered {
        what,
        name: name.to_owned(),
    }
}
