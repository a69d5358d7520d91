//! Rows in the types that every client of Arrow knows: no dictionaries, and no views of strings, of which a batch that was cut
//! out of another would send the whole.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

/// Returns the columns in plain types.
pub(crate) fn plain_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(plain_field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Returns the rows in plain types; `schema` is that of [`plain_schema`].
///
/// # Errors
/// For a batch with more text in a column than 2 GiB.
pub(crate) fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        cast(column, field.data_type())
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let kind = plain_type(field.data_type());
    if kind == *field.data_type() {
        return Arc::clone(field);
    }
    let plain = Field::new(field.name(), kind, field.is_nullable());
    Arc::new(plain.with_metadata(field.metadata().clone()))
}

fn plain_type(of: &DataType) -> DataType {
    match of {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::List(field) => DataType::List(plain_field(field)),
        DataType::LargeList(field) => DataType::LargeList(plain_field(field)),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(plain_field(field), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Map(field, sorted) => DataType::Map(plain_field(field), *sorted),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{ListBuilder, StringViewBuilder};
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int8Type;
    use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StructArray};

    use super::*;

    #[test]
    fn views_and_dictionaries_become_plain_wherever_they_are() {
        let mut list = ListBuilder::new(StringViewBuilder::new());
        for values in [&["a", "a text that is longer than a view"][..], &[]] {
            for value in values {
                list.values().append_value(value);
            }
            list.append(true);
        }
        let list: ArrayRef = Arc::new(list.finish());
        let field = Arc::new(Field::new("list", list.data_type().clone(), true));
        let nested: ArrayRef = Arc::new(StructArray::from(vec![(field, list)]));
        let dictionary: DictionaryArray<Int8Type> = ["x", "y"].into_iter().collect();
        let columns = [
            ("nested", nested),
            ("dictionary", Arc::new(dictionary) as ArrayRef),
            ("number", Arc::new(Int32Array::from(vec![1, 2]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let schema = plain_schema(batch.schema_ref());
        let plain = plain_batch(&batch, &schema).unwrap();
        assert_eq!(plain.schema(), schema);
        let list = plain.column(0).as_struct().column(0).as_list::<i32>();
        assert_eq!(
            list.value(0).as_string::<i32>().value(1),
            "a text that is longer than a view"
        );
        assert_eq!(plain.column(1).as_string::<i32>().value(1), "y");
        assert_eq!(plain.column(2), batch.column(2));
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let options = RecordBatchOptions::new().with_row_count(Some(3));
        let empty = Arc::new(Schema::empty());
        let batch = RecordBatch::try_new_with_options(Arc::clone(&empty), vec![], &options).unwrap();
        assert_eq!(plain_batch(&batch, &empty).unwrap().num_rows(), 3);
    }
}
