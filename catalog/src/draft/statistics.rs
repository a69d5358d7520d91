//! Setting and deleting column statistics.

use crate::aggregate;
use crate::draft::Draft;
use crate::keys::StatsKey;
use crate::model::{ColumnId, ColumnStatistics, TableStatistics};
use crate::names;
use crate::snapshot::OpenTable;
use crate::{Error, Result};

impl Draft {
    /// Sets what an engine knows of columns, by their names, of a table or of the partition of that name. What it
    /// knows of other columns stays.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::MissingPartitions`], [`Error::NoSuchColumn`].
    pub async fn set_statistics(
        &mut self,
        database: &str,
        table: &str,
        partition: Option<&str>,
        engine: &str,
        columns: Vec<(String, ColumnStatistics)>,
    ) -> Result<()> {
        let open = self.table(database, table).await?;
        if let Some(name) = partition {
            self.named_partition(&open, name).await?;
        }
        let mut known = self
            .statistics(open.id, partition, engine)
            .await?
            .unwrap_or_default();
        for (name, mut column) in columns {
            column.column = column_id(&open, &name)?;
            put_column(&mut known, column);
        }
        let key = StatsKey {
            table: open.id,
            partition,
            engine,
        }
        .encode();
        self.change(|changes| changes.put(key, &known));
        Ok(())
    }

    /// As [`Draft::set_statistics`], but what is new is added to what is known of the same columns.
    ///
    /// # Errors
    /// As [`Draft::set_statistics`].
    pub async fn add_statistics(
        &mut self,
        database: &str,
        table: &str,
        partition: Option<&str>,
        engine: &str,
        mut columns: Vec<(String, ColumnStatistics)>,
    ) -> Result<()> {
        let open = self.table(database, table).await?;
        let known = self
            .statistics(open.id, partition, engine)
            .await?
            .unwrap_or_default();
        for (name, column) in &mut columns {
            let id = column_id(&open, name)?;
            if let Some(before) = known.columns.iter().find(|known| known.column == id) {
                *column = aggregate::merge(before, column);
            }
        }
        self.set_statistics(database, table, partition, engine, columns)
            .await
    }

    /// Deletes what an engine knows of one column or of all.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::NoSuchStatistics`].
    pub async fn delete_statistics(
        &mut self,
        database: &str,
        table: &str,
        partition: Option<&str>,
        engine: &str,
        column: Option<&str>,
    ) -> Result<()> {
        let open = self.table(database, table).await?;
        let known = self.statistics(open.id, partition, engine).await?;
        // of a column that is not there nothing is known
        let id = column.map(|name| column_id(&open, name).ok());
        let mut known = known.unwrap_or_default();
        let count = known.columns.len();
        known
            .columns
            .retain(|column| id.is_some_and(|id| id != Some(column.column)));
        if known.columns.len() == count {
            return Err(Error::NoSuchStatistics {
                database: open.database.name.clone(),
                table: open.name.clone(),
                partition: partition.unwrap_or_default().to_owned(),
                column: column.unwrap_or_default().to_owned(),
            });
        }
        let key = StatsKey {
            table: open.id,
            partition,
            engine,
        }
        .encode();
        self.change(|changes| {
            if known.columns.is_empty() {
                changes.delete::<TableStatistics>(key);
            } else {
                changes.put(key, &known);
            }
        });
        Ok(())
    }
}

/// Returns the id of a column, by its name in any case.
fn column_id(open: &OpenTable, name: &str) -> Result<ColumnId> {
    let name = names::normalize(name);
    let found = open.columns().iter().find(|column| column.name == name);
    found.map(|column| column.id).ok_or_else(|| Error::NoSuchColumn {
        database: open.database.name.clone(),
        table: open.name.clone(),
        column: name,
    })
}

/// Puts statistics of a column among the others, in the order of ids.
fn put_column(known: &mut TableStatistics, column: ColumnStatistics) {
    match known
        .columns
        .binary_search_by_key(&column.column, |column| column.column)
    {
        Ok(at) => known.columns[at] = column,
        Err(at) => known.columns.insert(at, column),
    }
}
