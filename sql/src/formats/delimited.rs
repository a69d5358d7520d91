//! Hive's delimited text: `LazySimpleSerDe`, nested types by further delimiters.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListArray, StructArray, new_null_array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::arrow::error::ArrowError;

use super::nested::{entry_fields, maps};
use super::parse;
use super::stored::{Lookup, count, flag, utf8_only};

/// How deeply types may be nested: there are no more delimiters.
const LEVELS: usize = 8;

/// How lines are cut into values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DelimitedRules {
    /// That of fields, of the elements within, of keys and values, and so on.
    separators: [u8; LEVELS],
    escape: Option<u8>,
    null: Vec<u8>,
    pub(super) skip_lines: usize,
    last_takes_rest: bool,
}

impl DelimitedRules {
    /// Returns the rules by the parameters of Hive's serde.
    ///
    /// # Errors
    /// Why such text cannot be read.
    pub(super) fn of_hive(option: Lookup<'_>) -> Result<DelimitedRules, String> {
        utf8_only(option)?;
        if let Some(line) = option("line.delim").filter(|line| line != "\n") {
            return Err(format!(
                "its lines end with {line:?}, and sql reads those that end with \"\\n\""
            ));
        }
        if count(option, "skip.footer.line.count")? > 0 {
            return Err(
                "its files end with lines that are no rows (skip.footer.line.count), which sql cannot read"
                    .to_owned(),
            );
        }
        let mut separators = [1, 2, 3, 4, 5, 6, 7, 8];
        let keys: [&[&str]; 3] = [
            &["field.delim", "serialization.format"],
            // Hive misspelled it for years
            &["collection.delim", "colelction.delim"],
            &["mapkey.delim"],
        ];
        for (separator, keys) in separators.iter_mut().zip(keys) {
            if let Some(text) = keys.iter().find_map(|key| option(key)) {
                *separator = byte(&text).unwrap_or(*separator);
            }
        }
        Ok(DelimitedRules {
            separators,
            escape: option("escape.delim").map(|text| byte(&text).unwrap_or(b'\\')),
            null: option("serialization.null.format")
                .unwrap_or_else(|| "\\N".to_owned())
                .into_bytes(),
            skip_lines: count(option, "skip.header.line.count")?,
            last_takes_rest: flag(option, "serialization.last.column.takes.rest"),
        })
    }

    /// Returns those columns of the lines that are `wanted`, each by its place in the line and its type.
    pub(super) fn columns(
        &self,
        lines: &[&[u8]],
        wanted: &[(usize, DataType)],
        width: usize,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut cells: Vec<Vec<Option<&[u8]>>> =
            wanted.iter().map(|_| Vec::with_capacity(lines.len())).collect();
        for line in lines {
            let fields: Vec<&[u8]> = self.fields(line, width);
            for ((place, _), cells) in wanted.iter().zip(&mut cells) {
                cells.push(fields.get(*place).copied());
            }
        }
        let columns = wanted.iter().zip(&cells);
        columns
            .map(|((_, kind), cells)| self.column(kind, cells, 1))
            .collect()
    }

    fn fields<'a>(&self, line: &'a [u8], width: usize) -> Vec<&'a [u8]> {
        let mut fields = self.split(line, 0);
        if self.last_takes_rest && fields.len() > width && width > 0 {
            let before: usize = fields[..width - 1].iter().map(|field| field.len() + 1).sum();
            fields.truncate(width - 1);
            fields.push(&line[before..]);
        }
        fields
    }

    fn split<'a>(&self, text: &'a [u8], level: usize) -> Vec<&'a [u8]> {
        let separator = self.separators[level];
        let (mut parts, mut from, mut at) = (Vec::new(), 0, 0);
        while at < text.len() {
            if Some(text[at]) == self.escape {
                at += 2;
                continue;
            }
            if text[at] == separator {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            at += 1;
        }
        parts.push(&text[from..]);
        parts
    }

    fn column(&self, kind: &DataType, cells: &[Option<&[u8]>], level: usize) -> Result<ArrayRef, ArrowError> {
        let cells: Vec<_> = cells
            .iter()
            .map(|cell| cell.filter(|text| *text != self.null))
            .collect();
        match kind {
            DataType::List(_) | DataType::Map(..) | DataType::Struct(_) if level >= LEVELS - 1 => {
                Ok(new_null_array(kind, cells.len()))
            }
            DataType::List(element) => self.list(element, &cells, level),
            DataType::Map(entries, _) => self.map(entries, &cells, level),
            DataType::Struct(fields) => self.structure(fields, &cells, level),
            other => parse::array(other, &self.unescaped(&cells)),
        }
    }

    fn list(
        &self,
        element: &FieldRef,
        cells: &[Option<&[u8]>],
        level: usize,
    ) -> Result<ArrayRef, ArrowError> {
        let (mut lengths, mut below) = (Vec::new(), Vec::new());
        for cell in cells {
            let parts = cell
                .filter(|text| !text.is_empty())
                .map_or_else(Vec::new, |text| self.split(text, level));
            lengths.push(parts.len());
            below.extend(parts.into_iter().map(Some));
        }
        let values = self.column(element.data_type(), &below, level + 1)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(
            Arc::clone(element),
            offsets,
            values,
            nulls(cells),
        )?))
    }

    fn map(&self, entries: &FieldRef, cells: &[Option<&[u8]>], level: usize) -> Result<ArrayRef, ArrowError> {
        let fields = entry_fields(entries)?;
        let (mut lengths, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for cell in cells {
            let before = keys.len();
            for entry in cell
                .filter(|text| !text.is_empty())
                .map_or_else(Vec::new, |text| self.split(text, level))
            {
                let parts = self.split(entry, level + 1);
                // an entry without a key is none
                if parts[0] != self.null {
                    keys.push(Some(parts[0]));
                    let value = (parts.len() > 1).then(|| &entry[parts[0].len() + 1..]);
                    values.push(value);
                }
            }
            lengths.push(keys.len() - before);
        }
        let keys = parse::array(fields[0].data_type(), &self.unescaped(&keys))?;
        let values = self.column(fields[1].data_type(), &values, level + 2)?;
        maps(entries, &lengths, keys, values, nulls(cells))
    }

    fn structure(
        &self,
        fields: &Fields,
        cells: &[Option<&[u8]>],
        level: usize,
    ) -> Result<ArrayRef, ArrowError> {
        let rows: Vec<Vec<&[u8]>> = cells
            .iter()
            .map(|cell| cell.map_or_else(Vec::new, |text| self.split(text, level)))
            .collect();
        let column = |(i, field): (usize, &FieldRef)| {
            let cells: Vec<_> = rows.iter().map(|parts| parts.get(i).copied()).collect();
            self.column(field.data_type(), &cells, level + 1)
        };
        let columns = fields
            .iter()
            .enumerate()
            .map(column)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(StructArray::try_new(
            fields.clone(),
            columns,
            nulls(cells),
        )?))
    }

    fn unescaped<'a>(&self, cells: &[Option<&'a [u8]>]) -> Vec<Option<Cow<'a, [u8]>>> {
        cells
            .iter()
            .map(|cell| cell.map(|text| self.unescape(text)))
            .collect()
    }

    fn unescape<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(escape) = self.escape.filter(|escape| text.contains(escape)) else {
            return Cow::Borrowed(text);
        };
        let mut out = Vec::with_capacity(text.len());
        let mut bytes = text.iter();
        while let Some(byte) = bytes.next() {
            match (*byte == escape, bytes.as_slice().first()) {
                (true, Some(next)) => {
                    bytes.next();
                    out.push(match next {
                        b'r' => b'\r',
                        b'n' => b'\n',
                        other => *other,
                    });
                }
                _ => out.push(*byte),
            }
        }
        Cow::Owned(out)
    }
}

fn nulls(cells: &[Option<&[u8]>]) -> Option<NullBuffer> {
    Some(NullBuffer::from_iter(cells.iter().map(Option::is_some)))
}

/// A delimiter is written as itself or as its number.
fn byte(text: &str) -> Option<u8> {
    match text.parse::<i8>() {
        Ok(number) => Some(number.cast_unsigned()),
        Err(_) => text.bytes().next(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;

    use super::*;
    use crate::types::arrow_type;

    fn read(options: &[(&str, &str)], kinds: &[&str], lines: &[&str]) -> Vec<String> {
        let option = |key: &str| {
            options
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| (*value).to_owned())
        };
        let rules = DelimitedRules::of_hive(&option).unwrap();
        let wanted: Vec<_> = kinds
            .iter()
            .map(|kind| arrow_type(kind).unwrap())
            .enumerate()
            .collect();
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        let columns = rules.columns(&lines, &wanted, kinds.len()).unwrap();
        let cell = |column: &ArrayRef, row| {
            if column.is_null(row) {
                "NULL".to_owned()
            } else {
                array_value_to_string(column, row).unwrap()
            }
        };
        (0..lines.len())
            .map(|row| {
                columns
                    .iter()
                    .map(|column| cell(column, row))
                    .collect::<Vec<_>>()
                    .join("|")
            })
            .collect()
    }

    #[test]
    fn fields_are_cut_and_typed() {
        assert_eq!(
            read(
                &[],
                &["int", "string", "double"],
                &["1\x01a\x012.5", "x\x01\x01\\N", "2", "3\x01b\x011\x01more", ""]
            ),
            [
                "1|a|2.5",
                "NULL||NULL",
                "2|NULL|NULL",
                "3|b|1.0",
                "NULL|NULL|NULL"
            ]
        );
        let options = [
            ("field.delim", ","),
            ("escape.delim", "\\"),
            ("serialization.null.format", ""),
        ];
        assert_eq!(
            read(&options, &["string", "string"], &[r"a\,b,c\\", ",x", r"l\nm,\q"]),
            [r"a,b|c\", "NULL|x", "l\nm|q"]
        );
        assert_eq!(
            read(&[("serialization.format", "9")], &["int", "int"], &["1\t2"]),
            ["1|2"]
        );
        let rest = [
            ("field.delim", " "),
            ("serialization.last.column.takes.rest", "true"),
        ];
        assert_eq!(
            read(&rest, &["int", "string"], &["1 a b c", "2 d"]),
            ["1|a b c", "2|d"]
        );
    }

    #[test]
    fn nested_types_have_delimiters_of_their_own() {
        let kinds = [
            "array<int>",
            "map<string,array<int>>",
            "struct<a:int,b:array<string>>",
        ];
        let line = "1\x022\x02x\x01k\x037\x048\x02m\x03\x02n\x015\x02s\x03t";
        assert_eq!(
            read(&[], &kinds, &[line, "\x01\x01", "\\N\x01\\N\x01\\N"]),
            [
                "[1, 2, ]|{k: [7, 8], m: [], n: }|{a: 5, b: [s, t]}",
                "[]|{}|{a: , b: }",
                "NULL|NULL|NULL"
            ]
        );
        let delims = [
            ("field.delim", ","),
            ("colelction.delim", "$"),
            ("mapkey.delim", ":"),
        ];
        assert_eq!(
            read(&delims, &["array<string>", "map<string,int>"], &["a$b,x:1$y:2"]),
            ["[a, b]|{x: 1, y: 2}"]
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (key, value) in [
            ("line.delim", ";"),
            ("serialization.encoding", "GBK"),
            ("skip.footer.line.count", "1"),
            ("skip.header.line.count", "x"),
        ] {
            let option = |asked: &str| (asked == key).then(|| value.to_owned());
            assert!(DelimitedRules::of_hive(&option).is_err(), "{key}");
        }
    }
}
