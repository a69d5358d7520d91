//! Creating, altering and dropping databases.

use versioning::{KeyRange, Space};

use crate::draft::Draft;
use crate::keys::{self, MetaKey};
use crate::layout::{self, Layout};
use crate::location::{Location, Place};
use crate::model::{Database, DatabaseId, Function, Table, TableKind};
use crate::names::{self, Pattern};
use crate::snapshot::{DEFAULT_DATABASE, OpenTable, default_database};
use crate::warehouse::lies_at;
use crate::{Error, Result};

impl Draft {
    /// Creates a database. Its id is assigned here.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::DatabaseExists`]; [`Error::NotAllowed`] for a layout that cannot be.
    pub async fn create_database(&mut self, mut database: Database) -> Result<Database> {
        database.name = names::object_name("database", &database.name)?;
        if self.find_database(&database.name).await?.is_some() {
            return Err(Error::DatabaseExists { name: database.name });
        }
        database.id = DatabaseId(self.ids.fresh());
        database.created_s.get_or_insert(self.now_s);
        layout::lay_out(&mut database, self.layout)?;
        self.place_in_warehouse(&mut database);
        database.location = self.qualified_location(database.location);
        shorten(&mut database);
        self.put_database(&database);
        Ok(database)
    }

    /// Replaces what is said of a database. Its name, id and time of creation stay.
    ///
    /// # Errors
    /// [`Error::NoSuchDatabase`]; [`Error::NotAllowed`] for a layout that cannot be.
    pub async fn alter_database(&mut self, name: &str, mut database: Database) -> Result<Database> {
        let old = self.database(name).await?;
        layout::check_stay(&old, &database)?;
        database.id = old.id;
        database.name = old.name;
        database.created_s = old.created_s.or(database.created_s);
        layout::lay_out(&mut database, Layout::Ref)?;
        database.location = self.qualified_location(database.location);
        shorten(&mut database);
        if database.location != old.location {
            self.pin_tables(&database, &old.location).await?;
        }
        self.put_database(&database);
        Ok(database)
    }

    /// Drops a database; with `cascade` also what is in it, and with `delete_data` the data that belongs to it.
    ///
    /// # Errors
    /// [`Error::DefaultDatabase`], [`Error::NoSuchDatabase`]; [`Error::DatabaseNotEmpty`] without `cascade`.
    pub async fn drop_database(&mut self, name: &str, delete_data: bool, cascade: bool) -> Result<Database> {
        let database = self.database(name).await?;
        if database.name == DEFAULT_DATABASE {
            return Err(Error::DefaultDatabase);
        }
        let keeps_nothing = self.drop_contents(&database, delete_data, cascade).await?;
        self.change(|changes| changes.delete::<Database>(MetaKey::Database(&database.name).encode()));
        if delete_data {
            self.delete_markers(&database.place()).await?;
            if keeps_nothing {
                self.remove_data(&database.place(), None).await?;
            }
        }
        Ok(database)
    }

    /// Makes the database `default` what it was at first, as if it had been dropped and made again: a repository
    /// always has it. It stays where it is.
    ///
    /// # Errors
    /// [`Error::DatabaseNotEmpty`] without `cascade`, if there is something in it.
    pub async fn reset_default_database(&mut self, delete_data: bool, cascade: bool) -> Result<Database> {
        let before = self.database(DEFAULT_DATABASE).await?;
        self.drop_contents(&before, delete_data, cascade).await?;
        let after = Database {
            location: before.location.clone(),
            ..default_database()
        };
        self.put_database(&after);
        Ok(before)
    }

    /// Drops what is in a database. Returns whether nothing of it may need the folder of the database.
    async fn drop_contents(&mut self, database: &Database, delete_data: bool, cascade: bool) -> Result<bool> {
        let tables = self.tables(database.id, &Pattern::all()).await?;
        let functions = self.functions(database.id, &Pattern::all()).await?;
        let schemas = KeyRange::prefix(keys::schemas(database.id));
        let has_schemas = self.view().totals(Space::Meta, schemas).await?.count > 0;
        let content = match (tables.is_empty(), functions.is_empty(), has_schemas) {
            (false, ..) => Some("one or more tables"),
            (true, false, _) => Some("one or more functions"),
            (true, true, true) => Some("one or more schemas"),
            (true, true, false) => None,
        };
        if let (Some(what), false) = (content, cascade) {
            return Err(Error::DatabaseNotEmpty {
                name: database.name.clone(),
                what,
            });
        }
        let folder = self.plain_uri(&database.place());
        let mut keeps_nothing = folder.is_some();
        for (table, _) in &tables {
            if let Some(folder) = folder.as_deref().filter(|_| keeps_nothing) {
                keeps_nothing = !self.keeps_data_at(database, table, folder).await?;
            }
            self.drop_table(&database.name, table, delete_data).await?;
        }
        self.change(|changes| {
            for function in &functions {
                changes.delete::<Function>(MetaKey::Function(database.id, function).encode());
            }
            if has_schemas {
                let prefixes = [keys::schemas(database.id), keys::versions_of_schemas(database.id)];
                for prefix in prefixes {
                    changes.batch().delete_prefix(Space::Meta, prefix);
                }
            }
        });
        Ok(keeps_nothing)
    }

    /// Returns whether a table has data in a folder that it does not own. The original removes what lies in the folder of
    /// a database, whosever it is.
    async fn keeps_data_at(&self, database: &Database, table: &str, folder: &str) -> Result<bool> {
        let open = self.table(&database.name, table).await?;
        let is_anothers = !(open.owns_data() || open.kind.is_view());
        Ok(is_anothers && lies_at(self.snapshot(), &open, folder).await?)
    }

    fn put_database(&mut self, database: &Database) {
        self.change(|changes| changes.put(MetaKey::Database(&database.name).encode(), database));
    }

    /// Keeps the tables of a database where they are while its location changes.
    async fn pin_tables(&mut self, database: &Database, before: &Location) -> Result<()> {
        let mut old = database.clone();
        old.location = before.clone();
        for (_, entry) in self.tables(database.id, &Pattern::all()).await? {
            let Some(table) = self.find_table_by_id(entry.id).await? else {
                continue;
            };
            let mut open = OpenTable {
                database: old.clone(),
                table,
            };
            if open.location() != Some(&Location::Default) || is_placed_apart(&old, &open.kind) {
                continue;
            }
            let (place, before) = (open.place(), open.entry());
            if let Some(storage) = &mut open.table.storage {
                storage.location = place.map(Location::from);
            }
            self.put_table(&open.table);
            if open.entry() != before {
                let key = MetaKey::Entry(database.id, &open.name).encode();
                self.change(|changes| changes.put(key, &open.entry()));
            }
        }
        Ok(())
    }

    /// Writes a table whose entry in the list of its database stays as it is.
    pub(super) fn put_table(&mut self, table: &Table) {
        self.change(|changes| changes.put(MetaKey::Table(table.id).encode(), table));
    }
}

/// Returns whether tables of that kind do not follow the database's own location.
fn is_placed_apart(database: &Database, kind: &TableKind) -> bool {
    let apart = matches!(
        database.managed_location,
        Some(Location::Rel(_) | Location::External(_))
    );
    apart && *kind == TableKind::Managed
}

/// Says `Default` where the location is that.
fn shorten(database: &mut Database) {
    let location = std::mem::take(&mut database.location);
    let default = database.place();
    let name = format!("{}.db", database.name);
    let place = location.resolve(&Place::root(), &name);
    database.location = if place == default {
        Location::Default
    } else {
        place.into()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_locations_are_said_so() {
        for (given, stored) in [
            (Location::Default, Location::Default),
            (Location::Rel("sales.db".into()), Location::Default),
            (Location::Rel("x".into()), Location::Rel("x".into())),
            (
                Location::External("s3://b/x".into()),
                Location::External("s3://b/x".into()),
            ),
        ] {
            let mut database = Database {
                name: "sales".into(),
                location: given,
                ..Database::default()
            };
            shorten(&mut database);
            assert_eq!(database.location, stored);
        }
    }
}
