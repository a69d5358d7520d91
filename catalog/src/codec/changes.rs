//! Changes in bytes that need nothing beside them: what records share stands where it is first needed.
//!
//! A change is a version byte, its kind, and its records. A record is the number of its template, the number of its
//! column list, and its bytes as the trees hold them. Templates and column lists are numbered from 1 as they come,
//! and the bytes of one follow its number the first time; 0 is none.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use versioning::codec::{DecodeError, Reader, put_bytes, put_varint};

use super::{
    FORMAT, Shared, decode_columns, decode_constraint, decode_database, decode_function, decode_statistics,
    decode_table, decode_template, encode_columns, encode_constraint, encode_database, encode_function,
    encode_statistics, encode_table, encode_template, expect_format,
};
use crate::changes::{
    AddedConstraint, Change, ChangedConstraints, ChangedStatistics, StatisticsOf, StoredPartition,
};
use crate::model::{Columns, TableStatistics, Template};
use crate::snapshot::OpenTable;

const DATABASE: u8 = 1;
const TABLE: u8 = 2;
const FUNCTION: u8 = 3;
const PARTITIONS: u8 = 4;
const CONSTRAINTS: u8 = 5;
const STATISTICS: u8 = 6;
/// As [`STATISTICS`], of any other number than one.
const STATISTICS_OF_SEVERAL: u8 = 7;

/// Returns the bytes of a change.
pub fn encode_change(change: &Change) -> Vec<u8> {
    let mut out = Writer {
        out: vec![FORMAT],
        templates: HashMap::new(),
        columns: HashMap::new(),
    };
    match change {
        Change::Database { before, after } => {
            out.out.push(DATABASE);
            for side in [before, after] {
                out.side(side.as_ref(), |out, it| {
                    put_bytes(&mut out.out, &encode_database(it));
                });
            }
        }
        Change::Table { before, after } => {
            out.out.push(TABLE);
            for side in [before, after] {
                out.side(side.as_ref(), Writer::table);
            }
        }
        Change::Function {
            database,
            before,
            after,
        } => {
            out.out.push(FUNCTION);
            put_bytes(&mut out.out, database.as_bytes());
            for side in [before, after] {
                out.side(side.as_ref(), |out, it| {
                    put_bytes(&mut out.out, &encode_function(it));
                });
            }
        }
        Change::Partitions {
            table,
            added,
            altered,
            dropped,
        } => {
            out.out.push(PARTITIONS);
            out.table(table);
            out.list(added, Writer::partition);
            out.list(altered, |out, (before, after)| {
                out.partition(before);
                out.partition(after);
            });
            out.list(dropped, Writer::partition);
        }
        Change::Constraints(changed) => {
            out.out.push(CONSTRAINTS);
            out.constraints(changed);
        }
        Change::Statistics(ChangedStatistics { table, of }) => match of.as_slice() {
            [one] => {
                out.out.push(STATISTICS);
                out.table(table);
                out.statistics(one);
            }
            several => {
                out.out.push(STATISTICS_OF_SEVERAL);
                out.table(table);
                out.list(several, Writer::statistics);
            }
        },
    }
    out.out
}

struct Writer {
    out: Vec<u8>,
    /// The numbers of what was written, by address: what records share, they share in memory, too, and a second
    /// copy does no harm.
    templates: HashMap<*const Template, u64>,
    columns: HashMap<*const Columns, u64>,
}

impl Writer {
    fn side<T>(&mut self, side: Option<&T>, put: impl FnOnce(&mut Writer, &T)) {
        self.out.push(u8::from(side.is_some()));
        if let Some(it) = side {
            put(self, it);
        }
    }

    fn list<T>(&mut self, items: &[T], put: impl Fn(&mut Writer, &T)) {
        put_varint(&mut self.out, items.len() as u64);
        items.iter().for_each(|item| put(self, item));
    }

    fn text(&mut self, text: &str) {
        put_bytes(&mut self.out, text.as_bytes());
    }

    fn constraints(&mut self, changed: &ChangedConstraints) {
        self.table(&changed.table);
        self.list(&changed.added, |out, added| {
            put_bytes(&mut out.out, &encode_constraint(&added.constraint));
            out.side(added.parent.as_ref(), Writer::table);
        });
        self.list(&changed.dropped, |out, name| out.text(name));
    }

    fn statistics(&mut self, changed: &StatisticsOf) {
        self.side(changed.partition.as_ref(), Writer::partition);
        self.text(&changed.engine);
        let set = TableStatistics {
            columns: changed.set.clone(),
            ..TableStatistics::default()
        };
        put_bytes(&mut self.out, &encode_statistics(&set));
        self.list(&changed.removed, |out, name| out.text(name));
    }

    fn table(&mut self, open: &OpenTable) {
        put_bytes(&mut self.out, &encode_database(&open.database));
        let storage = open.table.storage.as_ref();
        let columns = storage.and_then(|storage| storage.columns.as_ref());
        self.shared(storage.map(|storage| &storage.template), columns);
        put_bytes(&mut self.out, &encode_table(&open.table));
    }

    fn partition(&mut self, partition: &StoredPartition) {
        put_bytes(&mut self.out, partition.name().as_bytes());
        self.shared(partition.template(), partition.columns());
        put_bytes(&mut self.out, partition.bytes());
    }

    fn shared(&mut self, template: Option<&Arc<Template>>, columns: Option<&Arc<Columns>>) {
        put_shared(&mut self.out, &mut self.templates, template, encode_template);
        put_shared(&mut self.out, &mut self.columns, columns, encode_columns);
    }
}

fn put_shared<T>(
    out: &mut Vec<u8>,
    known: &mut HashMap<*const T, u64>,
    part: Option<&Arc<T>>,
    encode: fn(&T) -> Vec<u8>,
) {
    let Some(part) = part else {
        return put_varint(out, 0);
    };
    let next = known.len() as u64 + 1;
    let number = *known.entry(Arc::as_ptr(part)).or_insert(next);
    put_varint(out, number);
    if number == next {
        put_bytes(out, &encode(part));
    }
}

/// Reads a change.
///
/// # Errors
/// [`DecodeError`] for bytes that are not what the encoder writes.
pub fn decode_change(bytes: &[u8]) -> Result<Change, DecodeError> {
    let mut input = Input {
        reader: Reader::new(bytes),
        templates: Vec::new(),
        columns: Vec::new(),
    };
    expect_format(&mut input.reader)?;
    let change = match input.reader.byte()? {
        DATABASE => Change::Database {
            before: input.side(Input::record(decode_database))?,
            after: input.side(Input::record(decode_database))?,
        },
        TABLE => Change::Table {
            before: input.side(Input::table)?,
            after: input.side(Input::table)?,
        },
        FUNCTION => Change::Function {
            database: input.text()?,
            before: input.side(Input::record(decode_function))?,
            after: input.side(Input::record(decode_function))?,
        },
        PARTITIONS => Change::Partitions {
            table: input.table()?,
            added: input.list(Input::partition)?,
            altered: input.list(|input| Ok((input.partition()?, input.partition()?)))?,
            dropped: input.list(Input::partition)?,
        },
        CONSTRAINTS => Change::Constraints(input.constraints()?),
        STATISTICS => Change::Statistics(ChangedStatistics {
            table: input.table()?,
            of: vec![input.statistics()?],
        }),
        STATISTICS_OF_SEVERAL => Change::Statistics(ChangedStatistics {
            table: input.table()?,
            of: input.list(Input::statistics)?,
        }),
        other => return Err(DecodeError::Tag(u64::from(other))),
    };
    input.reader.finish()?;
    Ok(change)
}

struct Input<'a> {
    reader: Reader<'a>,
    templates: Vec<Arc<Template>>,
    columns: Vec<Arc<Columns>>,
}

impl Input<'_> {
    fn record<T>(
        decode: fn(&[u8]) -> Result<T, DecodeError>,
    ) -> impl FnOnce(&mut Self) -> Result<T, DecodeError> {
        move |input| decode(input.reader.bytes()?)
    }

    fn side<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.reader.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            other => Err(DecodeError::Tag(u64::from(other))),
        }
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, DecodeError>) -> Result<Vec<T>, DecodeError> {
        let mut items = Vec::new();
        for _ in 0..self.reader.length()? {
            items.push(read(self)?);
        }
        Ok(items)
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        Ok(self.reader.text()?.to_owned())
    }

    fn constraints(&mut self) -> Result<ChangedConstraints, DecodeError> {
        let added = |input: &mut Self| {
            Ok(AddedConstraint {
                constraint: decode_constraint(input.reader.bytes()?)?,
                parent: input.side(Input::table)?,
            })
        };
        Ok(ChangedConstraints {
            table: self.table()?,
            added: self.list(added)?,
            dropped: self.list(Input::text)?,
        })
    }

    fn statistics(&mut self) -> Result<StatisticsOf, DecodeError> {
        Ok(StatisticsOf {
            partition: self.side(Input::partition)?,
            engine: self.text()?,
            set: decode_statistics(self.reader.bytes()?)?.columns,
            removed: self.list(Input::text)?,
        })
    }

    fn table(&mut self) -> Result<OpenTable, DecodeError> {
        let database = decode_database(self.reader.bytes()?)?;
        let shared = self.shared()?;
        let table = decode_table(self.reader.bytes()?, &shared)?;
        Ok(OpenTable { database, table })
    }

    fn partition(&mut self) -> Result<StoredPartition, DecodeError> {
        let name = self.reader.text()?;
        let shared = self.shared()?;
        let bytes = Bytes::copy_from_slice(self.reader.bytes()?);
        Ok(StoredPartition::new(name, bytes, shared))
    }

    fn shared(&mut self) -> Result<Shared, DecodeError> {
        Ok(Shared {
            template: read_shared(&mut self.reader, &mut self.templates, decode_template)?,
            columns: read_shared(&mut self.reader, &mut self.columns, decode_columns)?,
        })
    }
}

fn read_shared<T>(
    reader: &mut Reader<'_>,
    known: &mut Vec<Arc<T>>,
    decode: fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<Option<Arc<T>>, DecodeError> {
    let number = reader.length()?;
    let Some(at) = number.checked_sub(1) else {
        return Ok(None);
    };
    if at == known.len() {
        known.push(Arc::new(decode(reader.bytes()?)?));
    }
    let unknown = DecodeError::Canonical("a shared part is numbered ahead of its turn");
    known.get(at).cloned().map(Some).ok_or(unknown)
}
