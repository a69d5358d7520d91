//! Partitions from ready-made bytes.
//!
//! The partitions of a table mostly differ in five places: values, two times, location, parameters.
//! Everything else, the columns above all, is the same bytes over and over. So one partition is
//! encoded as a sample and cut at these places; each further one is the pieces between the cuts with
//! its own values in the gaps. The bytes are those that encoding the whole struct would give.

use std::ops::Range;

use crate::cursor::Cursor;
use crate::types::Partition;
use crate::walker::Walker;
use crate::{Encoder, Limits, Protocol, WireType};

/// The fields that are cut out, as paths of ids: values, create time, last access time, location in
/// the storage descriptor, parameters.
const GAPS: [(&str, &[i16]); 5] = [
    ("values", &[1]),
    ("createTime", &[4]),
    ("lastAccessTime", &[5]),
    ("location", &[6, 2]),
    ("parameters", &[7]),
];

/// The sample lacks a field that the template was to cut out, so that partitions with it would not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("partition has no {field} to be replaced")]
pub struct NotCuttable {
    /// The field in the IDL.
    pub field: &'static str,
}

/// What all partitions of a list have in common, as bytes.
///
/// # Example
/// ```
/// use thrift_idl::splice::{PartitionTemplate, Row};
/// use thrift_idl::types::{Partition, StorageDescriptor};
/// use thrift_idl::{Encoder, Protocol};
///
/// let partition = Partition {
///     values: Some(vec!["2026-01-01".into()]),
///     create_time: Some(1),
///     last_access_time: Some(0),
///     sd: Some(StorageDescriptor { location: Some("s3a://lake/main/a".into()), ..Default::default() }),
///     parameters: Some([("numRows".into(), "7".into())].into()),
///     ..Default::default()
/// };
/// let template = PartitionTemplate::new(Protocol::Binary, &partition)?;
/// let mut spliced = Vec::new();
/// template.write(
///     &mut spliced,
///     Row {
///         values: ["2026-01-01"],
///         create_time: 1,
///         last_access_time: 0,
///         location: &["s3a://lake/main", "/a"],
///         parameters: [("numRows", "7")],
///     },
/// );
/// let mut typed = Vec::new();
/// Encoder::new(Protocol::Binary, &mut typed).structure(&partition);
/// assert_eq!(spliced, typed);
/// # Ok::<(), thrift_idl::splice::NotCuttable>(())
/// ```
#[derive(Debug, Clone)]
pub struct PartitionTemplate {
    protocol: Protocol,
    /// The bytes before, between and after the gaps.
    bytes: Vec<u8>,
    /// Where in `bytes` each gap is.
    gaps: [usize; GAPS.len()],
}

/// What one partition has for itself.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a, V, P> {
    /// The values of its keys.
    pub values: V,
    /// Seconds since 1970.
    pub create_time: i32,
    /// Seconds since 1970.
    pub last_access_time: i32,
    /// Its location, in parts to be put together.
    pub location: &'a [&'a str],
    /// Its parameters, by ascending key and without repetition.
    pub parameters: P,
}

impl PartitionTemplate {
    /// Cuts up `sample`, whose fields outside the gaps are those of all partitions to be written.
    ///
    /// # Errors
    /// [`NotCuttable`] when the sample does not set one of the fields in the gaps.
    pub fn new(protocol: Protocol, sample: &Partition) -> Result<Self, NotCuttable> {
        let mut whole = Vec::new();
        Encoder::new(protocol, &mut whole).structure(sample);
        let (mut bytes, mut gaps, mut from) = (Vec::new(), [0; GAPS.len()], 0);
        for (gap, (field, path)) in gaps.iter_mut().zip(GAPS) {
            let (_, Range { start, end }) = locate(protocol, &whole, path).ok_or(NotCuttable { field })?;
            bytes.extend_from_slice(&whole[from..start]);
            (*gap, from) = (bytes.len(), end);
        }
        bytes.extend_from_slice(&whole[from..]);
        Ok(Self {
            protocol,
            bytes,
            gaps,
        })
    }

    /// Appends the bytes of one partition to `out`.
    pub fn write<V, P, K, W>(&self, out: &mut Vec<u8>, row: Row<'_, V, P>)
    where
        V: IntoIterator<Item: AsRef<str>, IntoIter: ExactSizeIterator>,
        P: IntoIterator<Item = (K, W), IntoIter: ExactSizeIterator>,
        K: AsRef<str>,
        W: AsRef<str>,
    {
        let [values, create_time, last_access_time, location, parameters] = self.gaps;
        out.extend_from_slice(&self.bytes[..values]);
        self.write_values(out, row.values.into_iter());
        out.extend_from_slice(&self.bytes[values..create_time]);
        self.encoder(out).i32(row.create_time);
        out.extend_from_slice(&self.bytes[create_time..last_access_time]);
        self.encoder(out).i32(row.last_access_time);
        out.extend_from_slice(&self.bytes[last_access_time..location]);
        self.write_location(out, row.location);
        out.extend_from_slice(&self.bytes[location..parameters]);
        self.write_parameters(out, row.parameters.into_iter());
        out.extend_from_slice(&self.bytes[parameters..]);
    }

    fn write_values(&self, out: &mut Vec<u8>, values: impl ExactSizeIterator<Item: AsRef<str>>) {
        let mut to = self.encoder(out);
        to.list(WireType::String, values.len());
        values.for_each(|value| to.text(value.as_ref()));
    }

    fn write_location(&self, out: &mut Vec<u8>, parts: &[&str]) {
        self.encoder(out).size(parts.iter().map(|part| part.len()).sum());
        parts
            .iter()
            .for_each(|part| out.extend_from_slice(part.as_bytes()));
    }

    fn write_parameters<K: AsRef<str>, W: AsRef<str>>(
        &self,
        out: &mut Vec<u8>,
        parameters: impl ExactSizeIterator<Item = (K, W)>,
    ) {
        let mut to = self.encoder(out);
        to.map(WireType::String, WireType::String, parameters.len());
        for (key, value) in parameters {
            to.text(key.as_ref());
            to.text(value.as_ref());
        }
    }

    fn encoder<'a>(&self, out: &'a mut Vec<u8>) -> Encoder<'a> {
        Encoder::new(self.protocol, out)
    }
}

/// Returns the wire type of a field and where its value lies in the bytes of a struct; `path` has the
/// ids of the fields down to it.
pub(crate) fn locate(protocol: Protocol, bytes: &[u8], path: &[i16]) -> Option<(WireType, Range<usize>)> {
    let limits = Limits {
        message_bytes_max: usize::MAX,
        string_bytes_max: usize::MAX,
        container_elements_max: usize::MAX,
        ..Limits::default()
    };
    let mut cursor = Cursor::new(bytes, 0, protocol, limits);
    let (mut wanted, mut last) = (path.iter(), 0);
    let mut id = wanted.next()?;
    while let Some(head) = cursor.field(last).ok()? {
        last = head.id;
        if head.id == *id {
            match wanted.next() {
                Some(inner) if head.wire == WireType::Struct => (id, last) = (inner, 0),
                Some(_) => return None,
                None => {
                    let start = cursor.at;
                    Walker::skip(&mut cursor, head.wire, 0).ok()?;
                    return Some((head.wire, start..cursor.at));
                }
            }
        } else if head.flag.is_none() {
            Walker::skip(&mut cursor, head.wire, 0).ok()?;
        }
    }
    None
}
