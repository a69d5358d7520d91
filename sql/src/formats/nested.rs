//! Maps out of keys and values that were read apart.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, MapArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{filter, is_not_null};
use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::arrow::error::ArrowError;

/// Returns the fields of a map's keys and values.
pub(super) fn entry_fields(entries: &FieldRef) -> Result<&Fields, ArrowError> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => Ok(fields),
        _ => Err(ArrowError::SchemaError(
            "a map without keys and values".to_owned(),
        )),
    }
}

/// Returns maps of so many entries each. An entry whose key is NULL, as one that is no value of its type, is none.
pub(super) fn maps(
    entries: &FieldRef,
    lengths: &[usize],
    keys: ArrayRef,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let fields = entry_fields(entries)?;
    let (lengths, keys, values) = match keys.null_count() {
        0 => (lengths.to_vec(), keys, values),
        _ => {
            let kept = is_not_null(&keys)?;
            (
                kept_lengths(lengths, &keys),
                filter(&keys, &kept)?,
                filter(&values, &kept)?,
            )
        }
    };
    let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        offsets,
        pairs,
        nulls,
        false,
    )?))
}

fn kept_lengths(lengths: &[usize], keys: &ArrayRef) -> Vec<usize> {
    let mut from = 0;
    let kept = |length: &usize| {
        let own = from..from + length;
        from += length;
        own.filter(|at| keys.is_valid(*at)).count()
    };
    lengths.iter().map(kept).collect()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int32Array, StringArray};
    use datafusion::arrow::util::display::array_value_to_string;

    use super::*;
    use crate::types::arrow_type;

    #[test]
    fn entries_without_a_key_are_left_out() {
        let DataType::Map(entries, _) = arrow_type("map<int,string>").unwrap() else {
            panic!("no map");
        };
        let keys = Int32Array::from(vec![Some(1), None, Some(3)]);
        let values = StringArray::from(vec!["a", "b", "c"]);
        let maps = maps(&entries, &[2, 1], Arc::new(keys), Arc::new(values), None).unwrap();
        let shown: Vec<_> = (0..2)
            .map(|row| array_value_to_string(&maps, row).unwrap())
            .collect();
        assert_eq!(shown, ["{1: a}", "{3: c}"]);
    }
}
