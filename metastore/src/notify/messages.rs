//! Which event tells of which change, and its message, member by member as Hive 3.1 writes it.

use catalog::OpenTable;
use catalog::changes::Change;
use catalog::model::{Database, Function, Partition};
use thrift_idl::types;

use super::json::{Object, thrift_text};
use super::{Narrator, PARTITIONS_MAX, Told};
use crate::convert::{database_to, function_to, partition_to, table_to};
use crate::exception::Failure;

type Events = Result<Vec<Told>, Failure>;

/// Partitions before and after.
type Altered = (Partition, Partition);

impl Narrator {
    pub(super) fn of_change(&self, change: &Change) -> Events {
        match change {
            Change::Database { before, after } => self.database(before.as_ref(), after.as_ref()),
            Change::Table { before, after } => self.table(before.as_ref(), after.as_ref()),
            Change::Function {
                database,
                before,
                after,
            } => self.function(database, before.as_ref(), after.as_ref()),
            Change::Partitions {
                table,
                added,
                altered,
                dropped,
            } => self.partitions(table, added, altered, dropped),
        }
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

    fn database(&self, before: Option<&Database>, after: Option<&Database>) -> Events {
        let Some(of) = after.or(before) else {
            return Ok(Vec::new());
        };
        let message = Object::message().text("db", &of.name);
        let (kind, message) = match (before, after) {
            (None, Some(after)) => (
                "CREATE_DATABASE",
                message.thrift("dbJson", &self.wire_database(after))?,
            ),
            (Some(before), Some(after)) => (
                "ALTER_DATABASE",
                message
                    .thrift("dbObjBeforeJson", &self.wire_database(before))?
                    .thrift("dbObjAfterJson", &self.wire_database(after))?,
            ),
            _ => ("DROP_DATABASE", message),
        };
        Ok(vec![Told {
            kind,
            database: of.name.clone(),
            table: None,
            message: message.number("timestamp", self.now_s).end(),
        }])
    }

    /// Starts a message about a table, which goes by the name that it had before.
    fn of_table(&self, open: &OpenTable) -> Object {
        let kind = self.wire_table(open).table_type.unwrap_or_default();
        Object::message()
            .text("db", &open.database.name)
            .text("table", &open.name)
            .text("tableType", &kind)
    }

    fn table(&self, before: Option<&OpenTable>, after: Option<&OpenTable>) -> Events {
        let (kind, named, message) = match (before, after) {
            (None, Some(after)) => {
                let message = self
                    .of_table(after)
                    .thrift("tableObjJson", &self.wire_table(after))?;
                let message = message.number("timestamp", self.now_s).nothing("files");
                ("CREATE_TABLE", after, message)
            }
            (Some(before), Some(after)) => {
                let message = self
                    .of_table(before)
                    .thrift("tableObjBeforeJson", &self.wire_table(before))?
                    .thrift("tableObjAfterJson", &self.wire_table(after))?
                    .text("isTruncateOp", "false");
                let message = message.number("timestamp", self.now_s).number("writeId", -1);
                ("ALTER_TABLE", after, message)
            }
            (Some(before), None) => {
                let message = self
                    .of_table(before)
                    .thrift("tableObjJson", &self.wire_table(before))?;
                ("DROP_TABLE", before, message.number("timestamp", self.now_s))
            }
            (None, None) => return Ok(Vec::new()),
        };
        Ok(vec![told(kind, named, message)])
    }

    fn function(&self, database: &str, before: Option<&Function>, after: Option<&Function>) -> Events {
        let told = |kind, message: Object| Told {
            kind,
            database: database.to_owned(),
            table: None,
            message: message.number("timestamp", self.now_s).end(),
        };
        let mut events = Vec::new();
        // there is no event for a change: what was goes, and what is comes
        if let Some(before) = before {
            let message = Object::message().text("db", database);
            events.push(told("DROP_FUNCTION", message.text("functionName", &before.name)));
        }
        if let Some(after) = after {
            let wire = function_to(after, &self.names(database));
            let message = Object::message().text("db", database);
            events.push(told("CREATE_FUNCTION", message.thrift("functionObjJson", &wire)?));
        }
        Ok(events)
    }

    fn partitions(
        &self,
        open: &OpenTable,
        added: &[Partition],
        altered: &[Altered],
        dropped: &[Partition],
    ) -> Events {
        let mut events = Vec::new();
        for some in added.chunks(PARTITIONS_MAX) {
            events.push(self.added(open, some)?);
        }
        for (before, after) in altered {
            events.push(self.altered(open, before, after)?);
        }
        for some in dropped.chunks(PARTITIONS_MAX) {
            events.push(self.dropped(open, some)?);
        }
        Ok(events)
    }

    fn of_partitions(&self, open: &OpenTable) -> Result<Object, Failure> {
        self.of_table(open).thrift("tableObjJson", &self.wire_table(open))
    }

    fn added(&self, open: &OpenTable, partitions: &[Partition]) -> Result<Told, Failure> {
        let message = self.of_partitions(open)?.number("timestamp", self.now_s);
        let wire = partitions
            .iter()
            .map(|it| thrift_text(&self.wire_partition(open, it)));
        let wire: Vec<String> = wire.collect::<Result<_, _>>()?;
        let message = message
            .objects("partitions", partitions.iter().map(|it| key_values(open, it)))
            .texts("partitionListJson", wire)
            .nothing("partitionFiles");
        Ok(told("ADD_PARTITION", open, message))
    }

    fn altered(&self, open: &OpenTable, before: &Partition, after: &Partition) -> Result<Told, Failure> {
        let message = self
            .of_partitions(open)?
            .text("isTruncateOp", "false")
            .number("timestamp", self.now_s)
            .number("writeId", after.write_id.unwrap_or(-1))
            .object("keyValues", &key_values(open, before))
            .thrift("partitionObjBeforeJson", &self.wire_partition(open, before))?
            .thrift("partitionObjAfterJson", &self.wire_partition(open, after))?;
        Ok(told("ALTER_PARTITION", open, message))
    }

    fn dropped(&self, open: &OpenTable, partitions: &[Partition]) -> Result<Told, Failure> {
        let message = self.of_partitions(open)?.number("timestamp", self.now_s);
        let message = message.objects("partitions", partitions.iter().map(|it| key_values(open, it)));
        Ok(told("DROP_PARTITION", open, message))
    }
}

fn told(kind: &'static str, open: &OpenTable, message: Object) -> Told {
    Told {
        kind,
        database: open.database.name.clone(),
        table: Some(open.name.clone()),
        message: message.end(),
    }
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
    Ok(told("INSERT", open, message))
}
