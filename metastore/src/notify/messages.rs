//! Which event tells of which change, and its message, member by member as Hive 3.1 writes it; see beside this file for
//! constraints and statistics.

use catalog::OpenTable;
use catalog::changes::{Change, StoredPartition};
use catalog::model::{Database, Function, Partition};
use thrift_idl::types;

use super::json::{Object, thrift_text};
use super::{Headline, Narrator, Told, constraints, statistics};
use crate::convert::{database_to, function_to, partition_to, table_to};
use crate::exception::Failure;

pub(super) type Message = Result<Object, Failure>;

/// Returns what stands over a change that is not to be taken further apart ([`Change::pieces`]); `None` if it tells of
/// nothing.
pub(super) fn headline(change: &Change) -> Option<Headline> {
    match change {
        Change::Database { before, after } => {
            let kinds = ["CREATE_DATABASE", "ALTER_DATABASE", "DROP_DATABASE"];
            let of = after.as_ref().or(before.as_ref())?;
            Some(Headline {
                kind: kind(kinds, before.is_some(), after.is_some())?,
                database: of.name.clone(),
                table: None,
            })
        }
        Change::Table { before, after } => {
            let kinds = ["CREATE_TABLE", "ALTER_TABLE", "DROP_TABLE"];
            let of = after.as_ref().or(before.as_ref())?;
            Some(over(kind(kinds, before.is_some(), after.is_some())?, of))
        }
        Change::Function {
            database,
            before,
            after,
        } => {
            // there is no event for a change: what was goes, and what is comes
            let kinds = ["CREATE_FUNCTION", "CREATE_FUNCTION", "DROP_FUNCTION"];
            Some(Headline {
                kind: kind(kinds, before.is_some(), after.is_some())?,
                database: database.clone(),
                table: None,
            })
        }
        Change::Partitions {
            table,
            added,
            altered,
            dropped,
        } => {
            let kinds = ["ADD_PARTITION", "ALTER_PARTITION", "DROP_PARTITION"];
            let comes = !added.is_empty() || !altered.is_empty();
            let goes = !dropped.is_empty() || !altered.is_empty();
            Some(over(kind(kinds, goes, comes)?, table))
        }
        Change::Constraints(changed) => constraints::headline(changed),
        Change::Statistics(changed) => statistics::headline(changed),
    }
}

fn kind([made, changed, gone]: [&'static str; 3], before: bool, after: bool) -> Option<&'static str> {
    match (before, after) {
        (false, true) => Some(made),
        (true, true) => Some(changed),
        (true, false) => Some(gone),
        (false, false) => None,
    }
}

pub(super) fn over(kind: &'static str, open: &OpenTable) -> Headline {
    Headline {
        kind,
        database: open.database.name.clone(),
        table: Some(open.name.clone()),
    }
}

impl Narrator {
    /// Returns the message of the event over which [`headline`] stands.
    pub(super) fn message(&self, change: &Change) -> Result<String, Failure> {
        let message = match change {
            Change::Database { before, after } => self.database(before.as_ref(), after.as_ref())?,
            Change::Table { before, after } => self.table(before.as_ref(), after.as_ref())?,
            Change::Function {
                database,
                after,
                before,
            } => self.function(database, before.as_ref(), after.as_ref())?,
            Change::Partitions {
                table,
                added,
                altered,
                dropped,
            } => match (added.as_slice(), altered.as_slice()) {
                ([], []) => self.dropped(table, dropped)?,
                ([], [(before, after), ..]) => self.altered(table, before, after)?,
                (added, _) => self.added(table, added)?,
            },
            Change::Constraints(changed) => self.constraints(changed)?,
            Change::Statistics(changed) => match changed.of.first() {
                Some(of) => self.statistics(&changed.table, of)?,
                None => Object::message(),
            },
        };
        Ok(message.end())
    }

    fn wire_database(&self, database: &Database) -> types::Database {
        database_to(database, &self.names(&database.name), &database.place())
    }

    pub(crate) fn wire_table(&self, open: &OpenTable) -> types::Table {
        let names = self.names(&open.database.name);
        table_to(&open.table, &names, &open.database.table_base(&open.kind))
    }

    pub(crate) fn wire_partition(&self, open: &OpenTable, partition: &Partition) -> types::Partition {
        let names = self.names(&open.database.name);
        partition_to(partition, &names, &open.name, &open.partition_base())
    }

    fn database(&self, before: Option<&Database>, after: Option<&Database>) -> Message {
        let name = after.or(before).map_or("", |of| &of.name);
        let message = Object::message().text("db", name);
        let message = match (before, after) {
            (None, Some(after)) => message.thrift("dbJson", &self.wire_database(after))?,
            (Some(before), Some(after)) => message
                .thrift("dbObjBeforeJson", &self.wire_database(before))?
                .thrift("dbObjAfterJson", &self.wire_database(after))?,
            _ => message,
        };
        Ok(message.number("timestamp", self.now_s))
    }

    /// Starts a message about a table, which goes by the name that it had before.
    fn of_table(&self, open: &OpenTable) -> Object {
        let kind = self.wire_table(open).table_type.unwrap_or_default();
        Object::message()
            .text("db", &open.database.name)
            .text("table", &open.name)
            .text("tableType", &kind)
    }

    fn table(&self, before: Option<&OpenTable>, after: Option<&OpenTable>) -> Message {
        match (before, after) {
            (None, Some(after)) => {
                let message = self
                    .of_table(after)
                    .thrift("tableObjJson", &self.wire_table(after))?;
                Ok(message.number("timestamp", self.now_s).nothing("files"))
            }
            (Some(before), Some(after)) => {
                let message = self
                    .of_table(before)
                    .thrift("tableObjBeforeJson", &self.wire_table(before))?
                    .thrift("tableObjAfterJson", &self.wire_table(after))?
                    .text("isTruncateOp", "false");
                Ok(message.number("timestamp", self.now_s).number("writeId", -1))
            }
            (Some(before), None) => {
                let message = self
                    .of_table(before)
                    .thrift("tableObjJson", &self.wire_table(before))?;
                Ok(message.number("timestamp", self.now_s))
            }
            (None, None) => Ok(Object::message()),
        }
    }

    fn function(&self, database: &str, before: Option<&Function>, after: Option<&Function>) -> Message {
        let message = Object::message().text("db", database);
        let message = match (before, after) {
            (_, Some(after)) => {
                message.thrift("functionObjJson", &function_to(after, &self.names(database)))?
            }
            (before, None) => message.text("functionName", before.map_or("", |it| &it.name)),
        };
        Ok(message.number("timestamp", self.now_s))
    }

    fn of_partitions(&self, open: &OpenTable) -> Message {
        self.of_table(open).thrift("tableObjJson", &self.wire_table(open))
    }

    fn added(&self, open: &OpenTable, partitions: &[StoredPartition]) -> Message {
        let partitions = read_all(partitions)?;
        let message = self.of_partitions(open)?.number("timestamp", self.now_s);
        let wire = partitions
            .iter()
            .map(|it| thrift_text(&self.wire_partition(open, it)));
        let wire: Vec<String> = wire.collect::<Result<_, _>>()?;
        Ok(message
            .objects("partitions", partitions.iter().map(|it| key_values(open, it)))
            .texts("partitionListJson", wire)
            .nothing("partitionFiles"))
    }

    fn altered(&self, open: &OpenTable, before: &StoredPartition, after: &StoredPartition) -> Message {
        let (before, after) = (before.read()?, after.read()?);
        self.of_partitions(open)?
            .text("isTruncateOp", "false")
            .number("timestamp", self.now_s)
            .number("writeId", after.write_id.unwrap_or(-1))
            .object("keyValues", &key_values(open, &before))
            .thrift("partitionObjBeforeJson", &self.wire_partition(open, &before))?
            .thrift("partitionObjAfterJson", &self.wire_partition(open, &after))
    }

    fn dropped(&self, open: &OpenTable, partitions: &[StoredPartition]) -> Message {
        let partitions = read_all(partitions)?;
        let message = self.of_partitions(open)?.number("timestamp", self.now_s);
        Ok(message.objects("partitions", partitions.iter().map(|it| key_values(open, it))))
    }
}

fn read_all(partitions: &[StoredPartition]) -> Result<Vec<Partition>, Failure> {
    let read = partitions.iter().map(|it| it.read().map_err(Failure::from));
    read.collect()
}

fn key_values<'a>(open: &'a OpenTable, partition: &'a Partition) -> Vec<(&'a str, &'a str)> {
    let keys = open.table.key_names().into_iter();
    keys.zip(partition.values.iter().map(String::as_str)).collect()
}

/// Files that an engine wrote, as it says afterwards.
#[derive(Debug, Default)]
pub(crate) struct Inserted {
    pub(crate) replace: bool,
    pub(crate) files: Vec<String>,
}

/// Returns the event that data was written to a table, or to a partition of it.
pub(crate) fn insert(
    narrator: &Narrator,
    open: &OpenTable,
    partition: Option<&Partition>,
    inserted: &Inserted,
) -> Result<Told, Failure> {
    let mut message = narrator.of_partitions(open)?;
    if let Some(partition) = partition {
        message = message.thrift("ptnObjJson", &narrator.wire_partition(open, partition))?;
    }
    let message = message
        .number("timestamp", narrator.now_s)
        .text("replace", if inserted.replace { "true" } else { "false" })
        .texts("files", inserted.files.iter().cloned());
    Ok(Told {
        headline: over("INSERT", open),
        message: message.end(),
    })
}
