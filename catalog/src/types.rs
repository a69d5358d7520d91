//! Column types: which texts are types, and which type may follow which.

use crate::{Error, Result};

/// The type of a column, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// A name and its arguments: `decimal(10,2)`, `timestamp with local time zone`.
    Primitive {
        name: String,
        arguments: Vec<u32>,
    },
    Array(Box<ColumnType>),
    Map(Box<ColumnType>, Box<ColumnType>),
    Struct(Vec<(String, ColumnType)>),
    Union(Vec<ColumnType>),
}

/// The words a type may begin with, as Hive 3 and 4 list them.
const HEADS: [&str; 23] = [
    "void",
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "string",
    "char",
    "varchar",
    "date",
    "datetime",
    "timestamp",
    "timestamptz",
    "decimal",
    "binary",
    "interval_year_month",
    "interval_day_time",
    "array",
    "map",
    "struct",
    "uniontype",
];

/// Stands for columns that the serde tells when they are asked for.
const FROM_DESERIALIZER: &str = "<derived from deserializer>";

/// How deep types may nest.
const DEPTH_MAX: u32 = 64;

/// Fails unless `text` begins like a type. As in the original no more than its first word is checked, which has
/// to be in lower case: what stands within `struct<…>` is the engine's affair.
///
/// # Errors
/// [`Error::InvalidType`].
pub fn check_type(text: &str) -> Result<()> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let known = HEADS.contains(&&text[..end]) || text == FROM_DESERIALIZER;
    if known {
        Ok(())
    } else {
        Err(Error::InvalidType {
            text: text.to_owned(),
        })
    }
}

impl ColumnType {
    /// Parses a type as Hive writes it.
    ///
    /// # Errors
    /// [`Error::InvalidType`].
    pub fn parse(text: &str) -> Result<ColumnType> {
        let mut parser = Parser { rest: text };
        let parsed = parser
            .column_type(DEPTH_MAX)
            .filter(|_| parser.rest.trim().is_empty());
        parsed.ok_or_else(|| Error::InvalidType {
            text: text.to_owned(),
        })
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn column_type(&mut self, depth: u32) -> Option<ColumnType> {
        let depth = depth.checked_sub(1)?;
        let word = self.word();
        match word {
            "array" if self.eat('<') => {
                let item = self.column_type(depth)?;
                self.close(ColumnType::Array(Box::new(item)))
            }
            "map" if self.eat('<') => {
                let key = self.column_type(depth)?;
                let value = self.eat(',').then(|| self.column_type(depth))??;
                self.close(ColumnType::Map(Box::new(key), Box::new(value)))
            }
            "struct" if self.eat('<') => self.fields(depth),
            "uniontype" if self.eat('<') => {
                let mut members = vec![self.column_type(depth)?];
                while self.eat(',') {
                    members.push(self.column_type(depth)?);
                }
                self.close(ColumnType::Union(members))
            }
            word => self.primitive(word),
        }
    }

    fn fields(&mut self, depth: u32) -> Option<ColumnType> {
        let mut fields = Vec::new();
        if self.eat('>') {
            return Some(ColumnType::Struct(fields));
        }
        loop {
            let name = self.field_name()?;
            fields.push((name, self.column_type(depth)?));
            if !self.eat(',') {
                return self.close(ColumnType::Struct(fields));
            }
        }
    }

    /// Reads a name up to its colon; in backquotes it may contain one.
    fn field_name(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        let (name, after) = match rest.strip_prefix('`') {
            Some(quoted) => quoted.split_once('`')?,
            None => rest.split_at(rest.find(':')?),
        };
        self.rest = after;
        (self.eat(':') && !name.is_empty()).then(|| name.trim().to_owned())
    }

    fn primitive(&mut self, word: &str) -> Option<ColumnType> {
        let mut name = word.to_owned();
        if name.is_empty() || matches!(word, "array" | "map" | "struct" | "uniontype") {
            return None;
        }
        let mut arguments = Vec::new();
        if self.eat('(') {
            loop {
                arguments.push(self.word().parse().ok()?);
                if !self.eat(',') {
                    break;
                }
            }
            self.eat(')').then_some(())?;
        }
        while self.rest.starts_with(' ') {
            let next = self.word();
            if next.is_empty() {
                break;
            }
            name = format!("{name} {next}");
        }
        Some(ColumnType::Primitive { name, arguments })
    }

    fn close(&mut self, parsed: ColumnType) -> Option<ColumnType> {
        self.eat('>').then_some(parsed)
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        word
    }

    fn eat(&mut self, c: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// The order in which numbers widen.
const NUMBERS: [&str; 7] = [
    "tinyint", "smallint", "int", "bigint", "decimal", "float", "double",
];
const TEXTS: [&str; 3] = ["string", "varchar", "char"];
const TIMES: [&str; 3] = ["date", "datetime", "timestamp"];

/// Returns whether a column may change from one type to the other in place, by the rule of Hive 3's metastore:
/// numbers widen, texts are one family, numbers and times become texts, texts become `double`. Lengths and
/// precisions do not matter. Types that contain others have to stay as they are.
pub fn may_become(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    let (from, to) = (head(from), head(to));
    let number = |name| NUMBERS.iter().position(|number| *number == name);
    let text = |name| TEXTS.contains(&name);
    if let (Some(from), Some(to)) = (number(from), number(to)) {
        return from <= to;
    }
    match () {
        () if text(from) => text(to) || to == "double",
        () if from == "void" => number(to).is_some() || text(to) || TIMES.contains(&to) || is_plain(to),
        () if TIMES.contains(&from) || number(from).is_some() => text(to),
        () => false,
    }
}

fn is_plain(name: &str) -> bool {
    matches!(
        name,
        "boolean" | "binary" | "interval_year_month" | "interval_day_time"
    )
}

/// Returns the name of a type without its arguments.
fn head(text: &str) -> &str {
    text.split('(').next().unwrap_or(text).trim()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn types_begin_with_a_known_word_in_lower_case() {
        for good in [
            "int",
            "array<int>",
            "decimal(10,2)",
            "struct<a:int,B:string>",
            "varchar(10)",
            "void",
        ] {
            check_type(good).unwrap();
        }
        check_type("timestamp with local time zone").unwrap();
        check_type("<derived from deserializer>").unwrap();
        for bad in ["INT", "badtype", "", " int", "Array<int>", "<"] {
            assert!(check_type(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn types_are_parsed() {
        let int = || ColumnType::Primitive {
            name: "int".into(),
            arguments: vec![],
        };
        let array = |item| ColumnType::Array(Box::new(item));
        for (text, parsed) in [
            ("int", int()),
            (
                "decimal(10, 2)",
                ColumnType::Primitive {
                    name: "decimal".into(),
                    arguments: vec![10, 2],
                },
            ),
            ("array<array<int>>", array(array(int()))),
            (
                "map<int,array<int>>",
                ColumnType::Map(Box::new(int()), Box::new(array(int()))),
            ),
            ("struct<a:int,B b:array<int>>", {
                ColumnType::Struct(vec![("a".into(), int()), ("B b".into(), array(int()))])
            }),
            (
                "struct<`a:b`:int>",
                ColumnType::Struct(vec![("a:b".into(), int())]),
            ),
            ("uniontype<int,int>", ColumnType::Union(vec![int(), int()])),
            (
                "timestamp with local time zone",
                ColumnType::Primitive {
                    name: "timestamp with local time zone".into(),
                    arguments: vec![],
                },
            ),
        ] {
            assert_eq!(ColumnType::parse(text).unwrap(), parsed, "{text}");
        }
        for bad in [
            "",
            "array<int",
            "array",
            "map<int>",
            "struct<a>",
            "decimal(x)",
            "int>",
            "a(1",
        ] {
            assert!(ColumnType::parse(bad).is_err(), "{bad}");
        }
        assert!(ColumnType::parse(&"array<".repeat(100_000)).is_err());
    }

    #[test]
    fn types_widen_as_in_hive() {
        for (from, to, expected) in [
            ("int", "bigint", true),
            ("bigint", "int", false),
            ("int", "int", true),
            ("bigint", "decimal(20,0)", true),
            ("decimal(10,2)", "decimal(12,2)", true),
            ("float", "double", true),
            ("double", "float", false),
            ("string", "varchar(10)", true),
            ("varchar(10)", "varchar(20)", true),
            ("string", "double", true),
            ("string", "int", false),
            ("int", "string", true),
            ("date", "string", true),
            ("string", "date", false),
            ("void", "int", true),
            ("boolean", "string", false),
            ("array<int>", "array<bigint>", false),
        ] {
            assert_eq!(may_become(from, to), expected, "{from} -> {to}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[a-z<>(),:` 0-9]{0,40}") {
            let _ = ColumnType::parse(&text);
            let _ = check_type(&text);
        }
    }
}
