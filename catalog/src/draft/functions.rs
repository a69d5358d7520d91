//! Creating and dropping functions.

use crate::draft::Draft;
use crate::keys::MetaKey;
use crate::model::Function;
use crate::names;
use crate::{Error, Result};

impl Draft {
    /// Creates a function in `database`.
    ///
    /// # Errors
    /// [`Error::NoSuchDatabase`], [`Error::InvalidName`], [`Error::FunctionExists`].
    pub async fn create_function(&mut self, database: &str, mut function: Function) -> Result<Function> {
        let database = self.database(database).await?;
        function.name = names::object_name("object", &function.name)?;
        let key = MetaKey::Function(database.id, &function.name).encode();
        if self.get::<Function>(&key).await?.is_some() {
            return Err(Error::FunctionExists {
                database: database.name,
                function: function.name,
            });
        }
        function.created_s = Some(self.now_s);
        self.change(|changes| changes.put(key, &function));
        Ok(function)
    }

    /// Replaces a function, which moves to the database and the name that are given with it. Its time of creation
    /// stays.
    ///
    /// # Errors
    /// [`Error::NoSuchFunction`], [`Error::NoSuchDatabase`], [`Error::InvalidName`]; [`Error::FunctionExists`] for the
    /// new name.
    pub async fn alter_function(
        &mut self,
        database: &str,
        name: &str,
        new_database: &str,
        mut function: Function,
    ) -> Result<()> {
        let old = self.function(database, name).await?;
        let from = self.database(database).await?;
        function.name = names::object_name("object", &function.name)?;
        function.created_s = old.created_s;
        let to = self.database(new_database).await?;
        let before = MetaKey::Function(from.id, &old.name).encode();
        let after = MetaKey::Function(to.id, &function.name).encode();
        if before != after && self.get::<Function>(&after).await?.is_some() {
            return Err(Error::FunctionExists {
                database: to.name,
                function: function.name,
            });
        }
        self.change(|changes| {
            changes.delete::<Function>(before);
            changes.put(after, &function);
        });
        Ok(())
    }

    /// Drops a function.
    ///
    /// # Errors
    /// [`Error::NoSuchFunction`].
    pub async fn drop_function(&mut self, database: &str, name: &str) -> Result<()> {
        let old = self.function(database, name).await?;
        let database = self.database(database).await?;
        let key = MetaKey::Function(database.id, &old.name).encode();
        self.change(|changes| changes.delete::<Function>(key));
        Ok(())
    }
}
