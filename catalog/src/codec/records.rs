//! The fields of the records. A tag, once given, is never given to anything else.

use versioning::codec::{DecodeError, Reader};

use super::fields::{put_extra, put_nested, read_nested, record};
use super::{Canonical, Fields, Input, Shared, fields};
use crate::model::{
    Column, Columns, Constraint, Creation, Database, FileMetadata, Function, Grant, Location, Partition,
    Privileges, Reference, RegisteredSchema, RegisteredSerde, RegisteredType, Resource, SchemaVersion, Serde,
    Skew, SortColumn, SourceTable, Storage, Table, TableEntry, TableRest, Template,
};
use crate::names;

record!(Database {
    1 must id,
    2 must name,
    3 opt description,
    4 dflt location,
    5 opt managed_location,
    6 opt parameters,
    7 opt privileges,
    8 opt owner,
    9 opt owner_kind,
    10 opt created_s,
    11 opt kind,
    12 opt connector,
    13 opt remote_name,
} extra);

record!(TableEntry {
    1 must id,
    2 dflt kind,
    3 dflt format,
    4 dflt is_displaced,
} extra);

record!(Table {
    1 must id,
    2 must database,
    3 must name,
    4 dflt kind,
    5 opt owner,
    6 opt owner_kind,
    7 opt created_s,
    8 opt accessed_s,
    9 opt retention,
    10 opt storage,
    11 opt partition_base,
    12 dflt next_column_id,
    13 opt partition_keys,
    14 opt parameters,
    15 dflt locations,
    16 opt view_original_text,
    17 opt view_expanded_text,
    18 opt privileges,
    19 dflt rest,
} extra);

record!(Function {
    1 must name,
    2 opt class_name,
    3 opt owner,
    4 opt owner_kind,
    5 opt created_s,
    6 opt kind,
    7 opt resources,
} extra);

record!(Constraint {
    1 must name,
    2 dflt kind,
    3 must columns,
    4 opt reference,
    5 opt text,
    6 dflt is_enabled,
    7 dflt is_validated,
    8 dflt is_relied_on,
} extra);

record!(Reference {
    1 must table,
    2 must columns,
    3 opt constraint,
    4 opt update_rule,
    5 opt delete_rule,
});

record!(RegisteredSchema {
    1 must name,
    2 opt kind,
    3 opt compatibility,
    4 opt validation,
    5 opt can_evolve,
    6 opt group,
    7 opt description,
} extra);

record!(SchemaVersion {
    1 must version,
    2 opt created,
    3 opt columns,
    4 opt state,
    5 opt description,
    6 opt text,
    7 opt fingerprint,
    8 opt name,
    9 opt serde,
} extra);

record!(RegisteredType {
    1 must name,
    2 opt first,
    3 opt second,
    4 opt fields,
} extra);

record!(RegisteredSerde {
    1 must serde,
} extra);

record!(TableRest {
    1 opt temporary,
    2 opt rewrite_enabled,
    3 opt creation,
    4 opt write_id,
    5 opt is_stats_compliant,
    6 opt access_type,
    7 opt read_capabilities,
    8 opt write_capabilities,
    9 opt client_id,
    10 opt file_metadata,
    11 opt dictionary,
    12 opt transaction_id,
});

record!(Creation {
    1 must hive_catalog,
    2 must database,
    3 must table,
    4 must tables_used,
    5 opt valid_transactions,
    6 opt materialized_ms,
    7 opt source_tables,
});

record!(SourceTable {
    1 must database,
    2 must table,
    3 must inserted,
    4 must updated,
    5 must deleted,
});

record!(FileMetadata {
    1 opt kind,
    2 opt version,
    3 opt data,
});

record!(Privileges {
    1 opt users,
    2 opt groups,
    3 opt roles,
});

record!(Grant {
    1 opt privilege,
    2 opt created_s,
    3 opt grantor,
    4 opt grantor_kind,
    5 opt grant_option,
});

record!(Resource {
    1 opt kind,
    2 opt uri,
});

record!(Column {
    1 dflt id,
    2 must name,
    3 must type_name,
    4 opt comment,
});

record!(Template {
    1 opt input_format,
    2 opt output_format,
    3 opt compressed,
    4 opt buckets,
    5 opt serde,
    6 opt bucket_columns,
    7 opt sort_columns,
    8 opt parameters,
    9 opt skew,
    10 opt stored_as_sub_directories,
});

record!(Serde {
    1 opt name,
    2 opt library,
    3 opt parameters,
    4 opt description,
    5 opt serializer,
    6 opt deserializer,
    7 opt kind,
});

record!(SortColumn {
    1 opt column,
    2 opt order,
});

record!(Skew {
    1 opt columns,
    2 opt values,
});

impl Canonical for Columns {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn read(input: &mut Input<'_, '_>) -> Result<Columns, DecodeError> {
        Ok(Columns(Vec::read(input)?))
    }
}

/// The blobs of a value that has a storage: first the template, then the columns, if they are set.
pub(crate) const TEMPLATE_BLOB: u64 = 0;
pub(crate) const COLUMNS_BLOB: u64 = 1;

impl Canonical for Storage {
    fn put(&self, out: &mut Vec<u8>) {
        put_nested(out, |out| {
            fields::must::put(out, 1, &TEMPLATE_BLOB);
            fields::opt::put(out, 2, &self.columns.as_ref().map(|_| COLUMNS_BLOB));
            fields::dflt::put(out, 3, &PlaceField(self.location.clone()));
            fields::dflt::put(out, 4, &self.serde_locations);
            fields::opt::put(out, 5, &self.skew_locations);
        });
    }

    fn read(input: &mut Input<'_, '_>) -> Result<Storage, DecodeError> {
        read_nested(input, |input| {
            let shared = input.1;
            let mut fields = Fields::new(input)?;
            expect_blob(fields::must::read(&mut fields, 1)?, TEMPLATE_BLOB)?;
            let has_columns = match fields::opt::read(&mut fields, 2)? {
                None => false,
                Some(index) => expect_blob(index, COLUMNS_BLOB).map(|()| true)?,
            };
            let PlaceField(location) = fields::dflt::read(&mut fields, 3)?;
            let serde_locations = fields::dflt::read(&mut fields, 4)?;
            let skew_locations = fields::opt::read(&mut fields, 5)?;
            fields.finish()?;
            let missing = DecodeError::Canonical("a blob is missing");
            let template = shared.template.clone().ok_or(missing)?;
            let columns = if has_columns {
                Some(shared.columns.clone().ok_or(missing)?)
            } else {
                None
            };
            Ok(Storage {
                columns,
                template,
                location,
                serde_locations,
                skew_locations,
            })
        })
    }
}

fn expect_blob(index: u64, expected: u64) -> Result<(), DecodeError> {
    if index == expected {
        Ok(())
    } else {
        Err(DecodeError::Tag(index))
    }
}

/// A location that may be unset. The default one, which nearly all have, takes no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaceField(pub(crate) Option<Location>);

impl Default for PlaceField {
    fn default() -> PlaceField {
        PlaceField(Some(Location::Default))
    }
}

impl Canonical for PlaceField {
    fn put(&self, out: &mut Vec<u8>) {
        if let Some(location) = &self.0 {
            location.put(out);
        }
    }

    fn read(input: &mut Input<'_, '_>) -> Result<PlaceField, DecodeError> {
        if input.0.is_empty() {
            Ok(PlaceField(None))
        } else {
            Ok(PlaceField(Some(Location::read(input)?)))
        }
    }
}

/// Returns the location in the bytes of a storage, and whether it is the only one there.
pub(crate) fn read_location(storage: &[u8]) -> Result<(Option<Location>, bool), DecodeError> {
    let mut reader = Reader::new(storage);
    let shared = Shared::default();
    let mut input = (&mut reader, &shared);
    let mut fields = Fields::new(&mut input)?;
    let _: u64 = fields::must::read(&mut fields, 1)?;
    let _: Option<u64> = fields::opt::read(&mut fields, 2)?;
    let PlaceField(location) = fields::dflt::read(&mut fields, 3)?;
    Ok((location, fields.is_done()))
}

/// The tags of a partition, which [`crate::partitions`] reads without building one.
pub(crate) mod partition_tag {
    pub(crate) const VALUES: u64 = 1;
    pub(crate) const CREATED: u64 = 2;
    pub(crate) const ACCESSED: u64 = 3;
    pub(crate) const STORAGE: u64 = 4;
    pub(crate) const PARAMETERS: u64 = 5;
    pub(crate) const PRIVILEGES: u64 = 6;
    pub(crate) const WRITE_ID: u64 = 7;
    pub(crate) const STATS_COMPLIANT: u64 = 8;
    pub(crate) const FILE_METADATA: u64 = 9;
}

/// Appends a partition. Values are written only where the name does not tell them.
pub(crate) fn put_partition(partition: &Partition, out: &mut Vec<u8>) {
    use fields::opt;
    use partition_tag::*;
    let told = names::values_of_name(&partition.name);
    let values = (told.as_ref() != Some(&partition.values)).then(|| partition.values.clone());
    opt::put(out, VALUES, &values);
    opt::put(out, CREATED, &partition.created_s);
    opt::put(out, ACCESSED, &partition.accessed_s);
    opt::put(out, STORAGE, &partition.storage);
    opt::put(out, PARAMETERS, &partition.parameters);
    opt::put(out, PRIVILEGES, &partition.privileges);
    opt::put(out, WRITE_ID, &partition.write_id);
    opt::put(out, STATS_COMPLIANT, &partition.is_stats_compliant);
    opt::put(out, FILE_METADATA, &partition.file_metadata);
    put_extra(&partition.extra, out);
}

/// Reads the partition called `name`.
pub(crate) fn read_partition(name: &str, input: &mut Input<'_, '_>) -> Result<Partition, DecodeError> {
    use fields::opt;
    use partition_tag::*;
    let told = names::values_of_name(name);
    let mut fields = Fields::new(input)?;
    let values = match (opt::read(&mut fields, VALUES)?, told) {
        (Some(values), told) if Some(&values) != told.as_ref() => values,
        (None, Some(told)) => told,
        _ => {
            return Err(DecodeError::Canonical(
                "partition values are missing, or told twice",
            ));
        }
    };
    Ok(Partition {
        name: name.to_owned(),
        values,
        created_s: opt::read(&mut fields, CREATED)?,
        accessed_s: opt::read(&mut fields, ACCESSED)?,
        storage: opt::read(&mut fields, STORAGE)?,
        parameters: opt::read(&mut fields, PARAMETERS)?,
        privileges: opt::read(&mut fields, PRIVILEGES)?,
        write_id: opt::read(&mut fields, WRITE_ID)?,
        is_stats_compliant: opt::read(&mut fields, STATS_COMPLIANT)?,
        file_metadata: opt::read(&mut fields, FILE_METADATA)?,
        extra: fields.extra()?,
    })
}
