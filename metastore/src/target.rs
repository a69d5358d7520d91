//! What a call works on: a repository at a ref, and a database in it.

use std::sync::Arc;

use catalog::location::Locator;
use catalog::model::{Column, Partition};
use catalog::{Catalog, Draft, OpenTable, Snapshot};
use futures::future::BoxFuture;
use versioning::repository::RefKind;
use versioning::{Error, RefExpr, Repository};

use crate::catalogs::CatalogNotes;
use crate::context::{Call, Settings};
use crate::convert::{Names, partition_to, table_to};
use crate::exception::Failure;
use crate::filter::Key;
use crate::notify::{self, Narrator};
use crate::nulls::{DATABASE_NAME, TABLE_NAME};
use crate::route::Asked;

/// Where a call's database is.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) catalog: Catalog,
    /// What is served, under its true name.
    pub(crate) reference: RefExpr,
    /// The database without its suffix, in lower case; empty if none is named.
    pub(crate) database: String,
    /// How the client calls things.
    pub(crate) names: Names,
    pub(crate) settings: Settings,
}

impl Call {
    /// Finds what the database `name` and the Hive catalog beside it mean. A name has to be given.
    pub(crate) async fn database(
        &self,
        name: Option<&str>,
        catalog: Option<&str>,
    ) -> Result<Target, Failure> {
        let asked = Asked::parse(name, catalog);
        if asked.database.is_none() {
            return Err(Failure::Null(DATABASE_NAME));
        }
        self.resolve(asked).await
    }

    /// As [`Call::database`]; `None` for a repository or a ref that is not there, of which lists are empty.
    pub(crate) async fn database_if_any(
        &self,
        name: Option<&str>,
        catalog: Option<&str>,
    ) -> Result<Option<Target>, Failure> {
        if_any(self.database(name, catalog).await)
    }

    /// Finds what a client names, or the listener's own repository and ref.
    pub(crate) async fn resolve(&self, asked: Asked) -> Result<Target, Failure> {
        let place = asked.place(&self.context.listener)?;
        let catalog = self.context.catalog(&place.repository).await?;
        if place.repository != self.context.listener.repository {
            check_not_dropped(catalog.repository()).await?;
        }
        let reference = match place.reference {
            // Spark makes names of databases lower-case, suffix and all
            Some(reference) => catalog.repository().find(&reference).await?.0,
            None => catalog.repository().record().default_branch.clone().into(),
        };
        let database = place.database.unwrap_or_default();
        let scheme = &self.context.listener.scheme;
        let names = Names {
            catalog: place.catalog,
            database: format!("{database}{}", place.suffix),
            locator: Locator::new(place.repository, &reference, scheme),
        };
        Ok(Target {
            catalog,
            reference,
            database,
            names,
            settings: self.context.settings,
        })
    }
}

/// Returns what was found; `None` if the repository or the ref is not there.
pub(crate) fn if_any(found: Result<Target, Failure>) -> Result<Option<Target>, Failure> {
    match found {
        Err(failure) if failure.is_no_such_place() => Ok(None),
        found => found.map(Some),
    }
}

/// Fails for a Hive catalog that was dropped: its repository is there, but not for Hive clients.
async fn check_not_dropped(repository: &Repository) -> Result<(), Error> {
    if !CatalogNotes::read(repository).await?.is_dropped {
        return Ok(());
    }
    Err(Error::NotFound {
        what: "catalog",
        name: repository.record().name.to_string(),
    })
}

impl Target {
    /// Returns what the client put behind the database's name: `@etl`, or nothing.
    pub(crate) fn suffix(&self) -> &str {
        &self.names.database[self.database.len()..]
    }

    /// Returns the catalog as it is now.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, Failure> {
        Ok(self.catalog.snapshot(&self.reference).await?)
    }

    /// Plans a change with what is in `input` and makes it durable. The plan may be made again, on a newer
    /// state, when another writer was faster.
    ///
    /// # Errors
    /// Those of the plan; [`Error::ReadOnly`] for all but branches.
    pub(crate) async fn write<I, T>(
        &self,
        input: I,
        plan: for<'a> fn(&'a mut Draft, &'a I) -> BoxFuture<'a, Result<T, Failure>>,
    ) -> Result<T, Failure>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.check_writable().await?;
        let input = Arc::new((input, self.settings.notifications, self.database.clone()));
        let plan = move |mut draft: Draft| {
            let shared = Arc::clone(&input);
            async move {
                let (input, is_told, database) = &*shared;
                let before = draft.snapshot().clone();
                let answer = plan(&mut draft, input).await?;
                if *is_told {
                    notify::tell(&before, &mut draft, database).await?;
                }
                Ok((draft, answer))
            }
        };
        self.catalog.write(&self.reference.name, plan).await
    }

    /// Returns who tells of what happens here now.
    pub(crate) fn narrator(&self) -> Narrator {
        let now_us = self.catalog.repository().clock().now_us();
        Narrator::new(self.names.locator.clone(), now_us)
    }

    /// Returns whether it is a branch, which alone can be written.
    pub(crate) async fn is_branch(&self) -> Result<bool, Failure> {
        let RefExpr { committed, back, .. } = self.reference;
        let kind = self.catalog.repository().resolve(&self.reference).await?.kind;
        Ok(kind == RefKind::Branch && !committed && back == 0)
    }

    /// Fails for all but branches.
    ///
    /// # Errors
    /// [`Error::ReadOnly`].
    pub(crate) async fn check_writable(&self) -> Result<(), Failure> {
        if self.is_branch().await? {
            return Ok(());
        }
        Err(Error::ReadOnly {
            reference: self.reference.to_string(),
        }
        .into())
    }
}

/// A table that a call names.
#[derive(Debug, Clone)]
pub(crate) struct NamedTable {
    pub(crate) target: Target,
    pub(crate) name: String,
}

/// A table as a call sees it.
#[derive(Debug, Clone)]
pub(crate) struct SeenTable {
    pub(crate) snapshot: Snapshot,
    pub(crate) open: OpenTable,
    pub(crate) names: Names,
}

impl Call {
    /// Finds where a table's name means; whether it is there is another question.
    pub(crate) async fn table(
        &self,
        database: Option<String>,
        table: Option<String>,
        catalog: Option<String>,
    ) -> Result<NamedTable, Failure> {
        let target = self.database(database.as_deref(), catalog.as_deref()).await?;
        let name = table.ok_or(Failure::Null(TABLE_NAME))?;
        Ok(NamedTable { target, name })
    }
}

impl NamedTable {
    /// Returns whether a client says of a partition that it is one of another table.
    pub(crate) fn is_denied_by(&self, partition: &thrift_idl::types::Partition) -> bool {
        let says_a_table = partition.db_name.is_some() || partition.table_name.is_some();
        says_a_table && !self.is_table_of(partition)
    }

    /// Returns whether a client says of a partition that it is one of this table.
    pub(crate) fn is_table_of(&self, partition: &thrift_idl::types::Partition) -> bool {
        let asked = Asked::parse(partition.db_name.as_deref(), None).database;
        let names_database = asked.is_some_and(|name| {
            let plain = name.split('@').next().unwrap_or_default().trim();
            plain.eq_ignore_ascii_case(&self.target.database)
        });
        let name = partition.table_name.as_deref();
        names_database && name.is_some_and(|name| name.trim().eq_ignore_ascii_case(self.name.trim()))
    }

    /// Returns the table as it is now.
    ///
    /// # Errors
    /// [`catalog::Error::NoSuchTable`].
    pub(crate) async fn see(self) -> Result<SeenTable, Failure> {
        let snapshot = self.target.snapshot().await?;
        let open = snapshot.table(&self.target.database, &self.name).await?;
        Ok(SeenTable {
            snapshot,
            open,
            names: self.target.names,
        })
    }
}

impl SeenTable {
    /// Returns the table for the wire.
    pub(crate) fn to_wire(&self) -> thrift_idl::types::Table {
        table_to(
            &self.open.table,
            &self.names,
            &self.open.database.table_base(&self.open.kind),
        )
    }

    /// Returns the partition keys, as filters know them.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let key = |key: &Column| Key {
            name: key.name.clone(),
            type_name: key.type_name.clone(),
        };
        self.open.keys().iter().map(key).collect()
    }

    /// Returns a partition of it for the wire.
    pub(crate) fn partition_to_wire(&self, partition: &Partition) -> thrift_idl::types::Partition {
        partition_to(
            partition,
            &self.names,
            &self.open.name,
            &self.open.partition_base(),
        )
    }
}
