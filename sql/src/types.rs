//! Hive's type texts as Arrow types.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// How deeply types may be nested.
const DEPTH_MAX: usize = 50;
/// `decimal` without digits, as Hive has it.
const DECIMAL_DEFAULT: (u8, i8) = (10, 0);
const DECIMAL_DIGITS_MAX: u8 = 38;

/// Why a type text is of no use here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column type {text:?}: {rule}")]
pub(crate) struct TypeError {
    pub(crate) text: String,
    pub(crate) rule: String,
}

/// Returns the Arrow type of a Hive type such as `map<string,decimal(10,2)>`.
///
/// `char` and `varchar` are texts, a `timestamp` has no zone, as in Hive.
///
/// # Errors
/// [`TypeError`], for what is no type or has no counterpart (`uniontype`, intervals).
pub(crate) fn arrow_type(text: &str) -> Result<DataType, TypeError> {
    let mut parser = Parser { rest: text.trim() };
    let parsed = parser.parse(0).and_then(|parsed| match parser.rest {
        "" => Ok(parsed),
        rest => Err(format!("unexpected {rest:?}")),
    });
    parsed.map_err(|rule| TypeError {
        text: text.to_owned(),
        rule,
    })
}

/// The field of a list's elements; named as in the files that Spark writes.
pub(crate) fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", element, true)))
}

/// A map, its entries named as in Parquet files.
pub(crate) fn map_of(key: DataType, value: DataType) -> DataType {
    let entries = vec![Field::new("key", key, false), Field::new("value", value, true)];
    DataType::Map(
        Arc::new(Field::new(
            "key_value",
            DataType::Struct(Fields::from(entries)),
            false,
        )),
        false,
    )
}

/// Returns a decimal type, if the digits are within its bounds.
pub(crate) fn decimal(precision: u8, scale: i8) -> Result<DataType, String> {
    let fits =
        (1..=DECIMAL_DIGITS_MAX).contains(&precision) && (0..=precision.cast_signed()).contains(&scale);
    if fits {
        Ok(DataType::Decimal128(precision, scale))
    } else {
        Err(format!("decimal({precision},{scale}) is out of bounds"))
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn parse(&mut self, depth: usize) -> Result<DataType, String> {
        if depth > DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        let name = self.word();
        match name.to_ascii_lowercase().as_str() {
            "array" => self.array(depth),
            "map" => self.map(depth),
            "struct" => self.structure(depth),
            "decimal" | "numeric" => self.decimal(),
            "char" | "varchar" => self.text(),
            "double" => {
                self.eat_words(&["precision"]);
                Ok(DataType::Float64)
            }
            "timestamp" => Ok(self.timestamp()),
            other => simple(other).ok_or_else(|| format!("{name:?} is not a type that sql can read")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<DataType, String> {
        self.expect('<')?;
        let element = self.parse(depth + 1)?;
        self.expect('>')?;
        Ok(list_of(element))
    }

    fn map(&mut self, depth: usize) -> Result<DataType, String> {
        self.expect('<')?;
        let key = self.parse(depth + 1)?;
        self.expect(',')?;
        let value = self.parse(depth + 1)?;
        self.expect('>')?;
        Ok(map_of(key, value))
    }

    fn structure(&mut self, depth: usize) -> Result<DataType, String> {
        self.expect('<')?;
        let mut fields = Vec::new();
        loop {
            let name = self.field_name()?;
            self.expect(':')?;
            fields.push(Field::new(name, self.parse(depth + 1)?, true));
            if self.expect(',').is_err() {
                break;
            }
        }
        self.expect('>')?;
        Ok(DataType::Struct(Fields::from(fields)))
    }

    fn decimal(&mut self) -> Result<DataType, String> {
        if self.expect('(').is_err() {
            return decimal(DECIMAL_DEFAULT.0, DECIMAL_DEFAULT.1);
        }
        let precision = self.number()?;
        let scale = if self.expect(',').is_ok() {
            self.number()?
        } else {
            0
        };
        self.expect(')')?;
        decimal(
            precision,
            i8::try_from(scale).map_err(|_| "its scale is out of bounds".to_owned())?,
        )
    }

    fn text(&mut self) -> Result<DataType, String> {
        self.expect('(')?;
        self.digits()?;
        self.expect(')')?;
        Ok(DataType::Utf8)
    }

    fn timestamp(&mut self) -> DataType {
        let zone = self
            .eat_words(&["with", "local", "time", "zone"])
            .then(|| Arc::from("UTC"));
        DataType::Timestamp(TimeUnit::Microsecond, zone)
    }

    /// Takes these words if they all come next.
    fn eat_words(&mut self, words: &[&str]) -> bool {
        let before = self.rest;
        let all = words.iter().all(|word| self.word().eq_ignore_ascii_case(word));
        if !all {
            self.rest = before;
        }
        all
    }

    fn word(&mut self) -> &'a str {
        self.take(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    fn field_name(&mut self) -> Result<String, String> {
        self.rest = self.rest.trim_start();
        let Some(quoted) = self.rest.strip_prefix('`') else {
            return match self.take(|c| !matches!(c, ':' | ',' | '<' | '>')).trim_end() {
                "" => Err("a field has no name".to_owned()),
                name => Ok(name.to_owned()),
            };
        };
        let end = quoted.find('`').ok_or("a backquote is not closed")?;
        self.rest = &quoted[end + 1..];
        Ok(quoted[..end].to_owned())
    }

    fn digits(&mut self) -> Result<&'a str, String> {
        match self.take(|c| c.is_ascii_digit()) {
            "" => Err("a number is missing".to_owned()),
            digits => Ok(digits),
        }
    }

    fn number(&mut self) -> Result<u8, String> {
        let digits = self.digits()?;
        digits.parse().map_err(|_| format!("{digits} is out of bounds"))
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.rest = &rest[end..];
        &rest[..end]
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.rest.trim_start().strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(format!("{wanted:?} is missing before {:?}", self.rest)),
        }
    }
}

fn simple(name: &str) -> Option<DataType> {
    Some(match name {
        "boolean" => DataType::Boolean,
        "tinyint" | "byte" => DataType::Int8,
        "smallint" | "short" => DataType::Int16,
        "int" | "integer" => DataType::Int32,
        "bigint" | "long" => DataType::Int64,
        "float" | "real" => DataType::Float32,
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamplocaltz" => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
        "void" => DataType::Null,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read() {
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
        let nested = DataType::Struct(Fields::from(vec![
            Field::new("A", DataType::Int32, true),
            Field::new(
                "b c",
                list_of(map_of(DataType::Utf8, DataType::Decimal128(12, 2))),
                true,
            ),
        ]));
        for (text, expected) in [
            ("bigint", DataType::Int64),
            (" INT ", DataType::Int32),
            ("decimal", DataType::Decimal128(10, 0)),
            ("decimal(5)", DataType::Decimal128(5, 0)),
            ("decimal( 38 , 18 )", DataType::Decimal128(38, 18)),
            ("varchar(20)", DataType::Utf8),
            ("double precision", DataType::Float64),
            ("timestamp", DataType::Timestamp(TimeUnit::Microsecond, None)),
            ("timestamp with local time zone", utc),
            ("array<array<date>>", list_of(list_of(DataType::Date32))),
            ("struct<A:int,`b c`:array<map<string,decimal(12,2)>>>", nested),
        ] {
            assert_eq!(arrow_type(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_type_is_an_error() {
        let deep = format!("{}int{}", "array<".repeat(60), ">".repeat(60));
        for text in [
            "",
            "strin",
            "uniontype<int,string>",
            "array<int",
            "array<>",
            "map<int>",
            "struct<>",
            "struct<a>",
            "struct<:int>",
            "decimal(39,1)",
            "decimal(5,6)",
            "decimal(0)",
            "decimal(999,1)",
            "varchar",
            "varchar(x)",
            "int int",
            "struct<`a:int>",
            "interval_day_time",
            &deep,
        ] {
            assert!(arrow_type(text).is_err(), "{text}");
        }
    }
}
