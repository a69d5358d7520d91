//! Lines of CSV: Hive's `OpenCSVSerde`, whose values are all texts, and Spark's data source.

use std::borrow::Cow;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;

use super::json::Malformed;
use super::parse;
use super::stored::{Lookup, count, flag, refuse, spark_mode, utf8_only};

/// How lines are cut into values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsvRules {
    separator: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    pub(super) skip_lines: usize,
    spark: Option<SparkRules>,
}

/// What Spark does otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SparkRules {
    /// What is NULL where it is not quoted.
    null: String,
    comment: Option<u8>,
    trim_start: bool,
    trim_end: bool,
}

/// A value of a line, and whether it was quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    text: Vec<u8>,
    quoted: bool,
}

impl CsvRules {
    /// Returns the rules by the parameters of Hive's serde.
    ///
    /// # Errors
    /// Why such text cannot be read.
    pub(super) fn of_hive(option: Lookup<'_>) -> Result<CsvRules, String> {
        utf8_only(option)?;
        if count(option, "skip.footer.line.count")? > 0 {
            return Err(
                "its files end with lines that are no rows (skip.footer.line.count), which sql cannot read"
                    .to_owned(),
            );
        }
        let first = |key: &str, default: u8| {
            option(key)
                .and_then(|text| text.bytes().next())
                .unwrap_or(default)
        };
        Ok(CsvRules {
            separator: first("separatorChar", b','),
            quote: Some(first("quoteChar", b'"')),
            escape: Some(first("escapeChar", b'\\')),
            skip_lines: count(option, "skip.header.line.count")?,
            spark: None,
        })
    }

    /// Returns the rules by the options of Spark's data source.
    ///
    /// # Errors
    /// Why such text cannot be read.
    pub(super) fn of_spark(option: Lookup<'_>) -> Result<CsvRules, String> {
        utf8_only(option).map_err(|reason| format!("encoding: {reason}"))?;
        if flag(option, "multiLine") {
            return Err("its values may span lines (multiLine), which sql cannot read".to_owned());
        }
        refuse(
            option,
            &[
                "dateFormat",
                "timestampFormat",
                "timestampNTZFormat",
                "lineSep",
                "columnNameOfCorruptRecord",
                "locale",
            ],
        )?;
        if spark_mode(option) != Malformed::Nulls {
            return Err("its option mode is not PERMISSIVE, the only one that sql knows for CSV".to_owned());
        }
        let one = |keys: [&str; 2], default: Option<u8>| -> Result<Option<u8>, String> {
            match keys.iter().find_map(|key| option(key)) {
                None => Ok(default),
                Some(text) if text == "\\t" => Ok(Some(b'\t')),
                Some(text) => match text.as_bytes() {
                    [] => Ok(None),
                    [byte] => Ok(Some(*byte)),
                    _ => Err(format!(
                        "its {} is {text:?}, and sql knows those of one byte",
                        keys[0]
                    )),
                },
            }
        };
        Ok(CsvRules {
            separator: one(["sep", "delimiter"], Some(b','))?.unwrap_or(b','),
            quote: one(["quote", "quote"], Some(b'"'))?,
            escape: one(["escape", "escape"], Some(b'\\'))?,
            skip_lines: usize::from(flag(option, "header")),
            spark: Some(SparkRules {
                null: option("nullValue").unwrap_or_default(),
                comment: one(["comment", "comment"], None)?,
                trim_start: flag(option, "ignoreLeadingWhiteSpace"),
                trim_end: flag(option, "ignoreTrailingWhiteSpace"),
            }),
        })
    }

    /// Returns those columns of the lines that are `wanted`, each by its place in the line and its type.
    pub(super) fn columns(
        &self,
        lines: &[&[u8]],
        wanted: &[(usize, DataType)],
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let rows: Vec<Vec<Value>> = lines
            .iter()
            .filter(|line| self.is_row(line))
            .map(|line| self.values(line))
            .collect();
        let column = |(place, kind): &(usize, DataType)| {
            let cells: Vec<_> = rows
                .iter()
                .map(|row| row.get(*place).and_then(|value| self.cell(value)))
                .collect();
            parse::array(kind, &cells)
        };
        wanted.iter().map(column).collect()
    }

    /// Returns how many of the lines are rows.
    pub(super) fn rows(&self, lines: &[&[u8]]) -> usize {
        lines.iter().filter(|line| self.is_row(line)).count()
    }

    fn is_row(&self, line: &[u8]) -> bool {
        match &self.spark {
            None => true,
            Some(spark) => {
                let blank = line.iter().all(u8::is_ascii_whitespace);
                !blank && (spark.comment.is_none() || line.first().copied() != spark.comment)
            }
        }
    }

    fn cell<'a>(&self, value: &'a Value) -> Option<Cow<'a, [u8]>> {
        let mut text = value.text.as_slice();
        if let (Some(spark), false) = (&self.spark, value.quoted) {
            text = if spark.trim_start {
                text.trim_ascii_start()
            } else {
                text
            };
            text = if spark.trim_end {
                text.trim_ascii_end()
            } else {
                text
            };
            if text == spark.null.as_bytes() {
                return None;
            }
        }
        Some(Cow::Borrowed(text))
    }

    /// Cuts a line. A quote within quotes is written twice or escaped; one that does not begin a value is itself.
    fn values(&self, line: &[u8]) -> Vec<Value> {
        let mut values = Vec::new();
        let mut value = Value {
            text: Vec::new(),
            quoted: false,
        };
        let (mut at, mut within) = (0, false);
        while at < line.len() {
            let (byte, next) = (line[at], line.get(at + 1).copied());
            let is_quote = |byte: Option<u8>| byte.is_some() && byte == self.quote;
            at += 1;
            if within && Some(byte) == self.escape && Some(byte) != self.quote {
                if is_quote(next) || next == self.escape {
                    value.text.extend(next);
                    at += 1;
                } else if self.spark.is_some() {
                    value.text.push(byte);
                }
            } else if is_quote(Some(byte)) {
                if within && is_quote(next) {
                    value.text.push(byte);
                    at += 1;
                } else if within {
                    within = false;
                } else if value.text.is_empty() && !value.quoted {
                    (within, value.quoted) = (true, true);
                } else {
                    value.text.push(byte);
                }
            } else if byte == self.separator && !within {
                values.push(std::mem::replace(
                    &mut value,
                    Value {
                        text: Vec::new(),
                        quoted: false,
                    },
                ));
            } else {
                value.text.push(byte);
            }
        }
        values.push(value);
        values
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;

    use super::*;

    fn read(rules: &CsvRules, kinds: &[DataType], lines: &[&str]) -> Vec<String> {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        let wanted: Vec<_> = kinds.iter().cloned().enumerate().collect();
        let columns = rules.columns(&lines, &wanted).unwrap();
        let cell = |column: &ArrayRef, row| {
            if column.is_null(row) {
                "NULL".to_owned()
            } else {
                array_value_to_string(column, row).unwrap()
            }
        };
        (0..rules.rows(&lines))
            .map(|row| {
                columns
                    .iter()
                    .map(|column| cell(column, row))
                    .collect::<Vec<_>>()
                    .join("|")
            })
            .collect()
    }

    fn of(make: fn(Lookup<'_>) -> Result<CsvRules, String>, options: &[(&str, &str)]) -> CsvRules {
        make(&|key| {
            options
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| (*value).to_owned())
        })
        .unwrap()
    }

    #[test]
    fn open_csv_has_texts_alone() {
        let texts = [DataType::Utf8, DataType::Utf8];
        let rules = of(CsvRules::of_hive, &[]);
        assert_eq!(
            read(
                &rules,
                &texts,
                &[
                    r#""a,b",c"#,
                    r#""say ""hi""","x\"y""#,
                    ",",
                    "one",
                    r#"5" disk,z"#,
                    ""
                ]
            ),
            [
                "a,b|c",
                r#"say "hi"|x"y"#,
                "|",
                "one|NULL",
                r#"5" disk|z"#,
                "|NULL"
            ]
        );
        let other = of(
            CsvRules::of_hive,
            &[("separatorChar", "\t"), ("quoteChar", "'"), ("escapeChar", "/")],
        );
        assert_eq!(read(&other, &texts, &["'a\tb'\t'it/'s'"]), ["a\tb|it's"]);
    }

    #[test]
    fn spark_has_types_and_nulls() {
        let kinds = [DataType::Int32, DataType::Utf8];
        let rules = of(
            CsvRules::of_spark,
            &[("sep", ";"), ("comment", "#"), ("header", "true")],
        );
        assert_eq!(rules.skip_lines, 1);
        assert_eq!(
            read(
                &rules,
                &kinds,
                &["1;a", "# no row", "", "x;\"\"", "2;", "3", r#"4;"a\"b""#]
            ),
            ["1|a", "NULL|", "2|NULL", "3|NULL", r#"4|a"b"#]
        );
        let rules = of(
            CsvRules::of_spark,
            &[("nullValue", "-"), ("ignoreLeadingWhiteSpace", "true")],
        );
        assert_eq!(read(&rules, &kinds, &[" 1, -", "2,"]), ["1|NULL", "2|"]);
    }
}
