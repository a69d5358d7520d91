//! Partitions in the order of their names, read without building them: a million stream in bounded memory.

use bytes::Bytes;
use versioning::codec::{DecodeError, Reader};
use versioning::view::Scan;
use versioning::{KeyRange, Space, View};

use crate::codec::{self, Shared, partition_tag as tag};
use crate::model::{Location, Partition, TableId};
use crate::records::{SharedRefs, corrupt, refs};
use crate::{Error, Result, keys, names};

/// A walk over partitions of one table, by name.
#[derive(Debug)]
pub struct PartitionScan {
    view: View,
    table: TableId,
    scan: Scan,
    /// The parts of the names that are asked for, `key=value` escaped; `None` is any.
    wanted: Vec<Option<String>>,
    key: Vec<u8>,
    payload: Bytes,
    shared: SharedRefs,
}

/// A partition as it is stored, valid until the walk moves on.
#[derive(Debug, Clone, Copy)]
pub struct PartitionRef<'a> {
    /// `key=value/…`, escaped.
    pub name: &'a str,
    /// Which stored template and column list it has. Equal ones have equal contents.
    pub shared: SharedRefs,
    payload: &'a [u8],
    fields: FieldContents<'a>,
    /// Whether there are fields of a newer version.
    has_extra: bool,
}

/// The contents of the known fields, by tag.
type FieldContents<'a> = [Option<&'a [u8]>; FIELDS];

const FIELDS: usize = tag::FILE_METADATA as usize + 1;

impl PartitionScan {
    pub(crate) fn new(
        view: View,
        table: TableId,
        prefix: &str,
        wanted: Vec<Option<String>>,
    ) -> PartitionScan {
        let scan = view.scan(Space::Parts, KeyRange::prefix(keys::partition(table, prefix)));
        let (key, payload, shared) = (Vec::new(), Bytes::new(), SharedRefs::default());
        PartitionScan {
            view,
            table,
            scan,
            wanted,
            key,
            payload,
            shared,
        }
    }

    /// Returns the next partition.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Store`].
    pub async fn next(&mut self) -> Result<Option<PartitionRef<'_>>> {
        loop {
            let Some(entry) = self.scan.next().await? else {
                return Ok(None);
            };
            if is_wanted(&self.wanted, entry.key) {
                let (spilled, shared) =
                    refs(entry.payload, |index| entry.blobs.get(index), entry.blobs.len());
                self.key.clear();
                self.key.extend_from_slice(entry.key);
                self.payload = entry.payload_bytes();
                self.shared = shared;
                let record = if spilled { entry.blobs.iter().last() } else { None };
                if let Some(blob) = record {
                    self.payload = self.view.blob(&blob).await?;
                }
                break;
            }
        }
        PartitionRef::read(&self.key, &self.payload, self.shared).map(Some)
    }

    /// Skips to the first partition whose name is not below `name`. Never goes back.
    ///
    /// # Errors
    /// As [`PartitionScan::next`].
    pub async fn seek(&mut self, name: &str) -> Result<()> {
        Ok(self.scan.seek(&keys::partition(self.table, name)).await?)
    }
}

/// Returns whether the parts of the name are those that are asked for.
fn is_wanted(wanted: &[Option<String>], key: &[u8]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let Some((_, name)) = keys::decode_partition(key) else {
        return true;
    };
    let mut parts = name.split('/');
    wanted.iter().all(|wanted| match (wanted, parts.next()) {
        (Some(wanted), part) => part == Some(wanted),
        (None, part) => part.is_some(),
    })
}

/// Returns how the names begin that a list of leading values asks for, and what each part has to be. An empty
/// value is any.
pub(crate) fn plan_match(keys: &[&str], values: &[String]) -> Result<(String, Vec<Option<String>>)> {
    if values.len() > keys.len() {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        return Err(Error::PartitionArity {
            keys,
            values: values.to_vec(),
        });
    }
    let given = values.iter().position(String::is_empty).unwrap_or(values.len());
    let prefix = names::partition_prefix(keys, &values[..given]);
    let part = |(key, value): (&&str, &String)| {
        let told = !value.is_empty();
        told.then(|| names::partition_prefix(&[*key], std::slice::from_ref(value)))
    };
    Ok((prefix, keys.iter().zip(values).map(part).collect()))
}

impl<'a> PartitionRef<'a> {
    fn read(key: &'a [u8], payload: &'a [u8], shared: SharedRefs) -> Result<PartitionRef<'a>> {
        let parse = || {
            let (_, name) = keys::decode_partition(key).ok_or(DecodeError::Utf8)?;
            let (fields, has_extra) = read_fields(payload)?;
            Ok(PartitionRef {
                name,
                shared,
                payload,
                fields,
                has_extra,
            })
        };
        parse().map_err(|error| corrupt("partition", key, &error))
    }

    /// Returns its values, one for each partition key.
    ///
    /// # Errors
    /// [`Error::Corrupt`], as every method here.
    pub fn values(&self) -> Result<Vec<String>> {
        let told = || names::values_of_name(self.name).ok_or(DecodeError::Canonical("no values"));
        self.field(tag::VALUES, read_texts)?
            .map_or_else(|| told().map_err(|error| self.corrupt(&error)), Ok)
    }

    /// Returns when it was made, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// As [`PartitionRef::values`].
    pub fn created_s(&self) -> Result<Option<i32>> {
        self.field(tag::CREATED, read_i32)
    }

    /// Returns when it was last used, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// As [`PartitionRef::values`].
    pub fn accessed_s(&self) -> Result<Option<i32>> {
        self.field(tag::ACCESSED, read_i32)
    }

    /// Returns its parameters in the order of their keys; `None` if they are not set.
    ///
    /// # Errors
    /// As [`PartitionRef::values`].
    pub fn parameters(&self) -> Result<Option<Vec<(&'a str, &'a str)>>> {
        self.field(tag::PARAMETERS, |reader| {
            let mut pairs = Vec::new();
            for _ in 0..reader.length()? {
                pairs.push((reader.text()?, reader.text()?));
            }
            Ok(pairs)
        })
    }

    /// Returns where it lies; `None` for one that has no place.
    ///
    /// # Errors
    /// As [`PartitionRef::values`].
    pub fn location(&self) -> Result<Option<Location>> {
        let read = |reader: &mut Reader<'a>| codec::read_location(reader.bytes()?);
        Ok(self.field(tag::STORAGE, read)?.and_then(|(location, _)| location))
    }

    /// Returns where it lies, if that, its times and its parameters are all that it says for itself: then the
    /// rest of it is its template and its column list. `None` sends to [`PartitionRef::to_partition`].
    ///
    /// # Errors
    /// As [`PartitionRef::values`].
    pub fn plain_location(&self) -> Result<Option<Location>> {
        let rare = [
            tag::PRIVILEGES,
            tag::WRITE_ID,
            tag::STATS_COMPLIANT,
            tag::FILE_METADATA,
        ];
        if self.has_extra || rare.iter().any(|tag| self.fields[*tag as usize].is_some()) {
            return Ok(None);
        }
        let read = |reader: &mut Reader<'a>| codec::read_location(reader.bytes()?);
        let found = self.field(tag::STORAGE, read)?;
        Ok(found.and_then(|(location, is_plain)| location.filter(|_| is_plain)))
    }

    /// Returns all of it.
    ///
    /// # Errors
    /// As [`PartitionRef::values`].
    pub fn to_partition(&self, shared: &Shared) -> Result<Partition> {
        codec::decode_partition(self.name, self.payload, shared).map_err(|error| self.corrupt(&error))
    }

    fn field<T>(
        &self,
        tag: u64,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>> {
        let Some(content) = self.fields[tag as usize] else {
            return Ok(None);
        };
        let mut reader = Reader::new(content);
        let value = read(&mut reader).and_then(|value| reader.finish().map(|()| value));
        value.map(Some).map_err(|error| self.corrupt(&error))
    }

    fn corrupt(&self, error: &DecodeError) -> Error {
        corrupt("partition", self.name.as_bytes(), error)
    }
}

/// Finds the fields of a partition's bytes.
fn read_fields(payload: &[u8]) -> Result<(FieldContents<'_>, bool), DecodeError> {
    let mut fields = [None; FIELDS];
    let mut reader = Reader::new(payload);
    codec::expect_format(&mut reader)?;
    let mut has_extra = false;
    while !reader.is_empty() {
        let tag = reader.length()?;
        let content = reader.bytes()?;
        match fields.get_mut(tag) {
            Some(field) => *field = Some(content),
            None => has_extra = true,
        }
    }
    Ok((fields, has_extra))
}

fn read_texts(reader: &mut Reader<'_>) -> Result<Vec<String>, DecodeError> {
    let mut texts = Vec::new();
    for _ in 0..reader.length()? {
        texts.push(reader.text()?.to_owned());
    }
    Ok(texts)
}

fn read_i32(reader: &mut Reader<'_>) -> Result<i32, DecodeError> {
    codec::Canonical::read(&mut (reader, &Shared::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn empty_values_are_any() {
        let keys = ["d", "h", "c"];
        for (given, prefix, matching, other) in [
            (&[][..], "", "d=1/h=2/c=3", None),
            (&["1"], "d=1/", "d=1/h=2/c=3", None),
            (&["", "2"], "", "d=1/h=2/c=3", Some("d=1/h=22/c=3")),
            (&["1", "", "a/b"], "d=1/", "d=1/h=2/c=a%2Fb", Some("d=1/h=2/c=a")),
            (
                &["1", "2", "3"],
                "d=1/h=2/c=3",
                "d=1/h=2/c=3",
                Some("d=1/h=2/c=33"),
            ),
        ] {
            let (found, wanted) = plan_match(&keys, &values(given)).unwrap();
            assert_eq!(found, prefix, "{given:?}");
            let key = |name| keys::partition(TableId::default(), name);
            assert!(is_wanted(&wanted, &key(matching)), "{given:?}");
            assert!(
                other.is_none_or(|other| !is_wanted(&wanted, &key(other))),
                "{given:?}"
            );
        }
        assert!(matches!(
            plan_match(&["d"], &values(&["", ""])),
            Err(Error::PartitionArity { .. })
        ));
    }
}
