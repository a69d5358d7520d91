//! Structs as Thrift's JSON, in which the messages of notifications carry tables and partitions.
//!
//! `{"1":{"str":"n"},"4":{"map":["str","str",0,{}]}}`: each field under its id with the short name of its type;
//! lists and maps begin with types and size. Facts of Apache's `TJSONProtocol`. It is only written here.

use std::fmt::Write;

use crate::cursor::Cursor;
use crate::schema::{FieldType, Fields, StructInfo};
use crate::{Encoder, Fault, Limits, Protocol, WireType};

/// Returns a struct as Thrift's JSON.
///
/// # Errors
/// A [`Fault`] if the struct is nested more deeply, or larger, than any message can be.
pub fn to_json(value: &dyn Fields) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    Encoder::new(Protocol::Binary, &mut bytes).structure(value);
    let limits = Limits {
        string_bytes_max: usize::MAX,
        ..Limits::default()
    };
    let mut walk = Walk {
        cursor: Cursor::new(&bytes, 0, Protocol::Binary, limits),
        out: String::with_capacity(bytes.len() * 2),
        depth: 0,
    };
    walk.structure(Some(value.info()))?;
    Ok(walk.out)
}

struct Walk<'a> {
    cursor: Cursor<'a>,
    out: String,
    depth: usize,
}

fn short_name(wire: WireType) -> &'static str {
    match wire {
        WireType::Bool => "tf",
        WireType::I8 => "i8",
        WireType::I16 => "i16",
        WireType::I32 => "i32",
        WireType::I64 => "i64",
        WireType::Double => "dbl",
        WireType::String => "str",
        WireType::Struct => "rec",
        WireType::List => "lst",
        WireType::Set => "set",
        WireType::Map => "map",
    }
}

impl Walk<'_> {
    fn structure(&mut self, info: Option<&'static StructInfo>) -> Result<(), Fault> {
        Limits::check("nesting", self.depth, self.cursor.limits.nesting_max)?;
        self.depth += 1;
        self.out.push('{');
        let mut first = true;
        while let Some(head) = self.cursor.field(0)? {
            if !std::mem::take(&mut first) {
                self.out.push(',');
            }
            let fields = info.map(|info| info.fields).unwrap_or_default();
            let ty = fields
                .iter()
                .find(|field| field.id == head.id)
                .map(|field| field.ty);
            self.tell(format_args!("\"{}\":{{\"{}\":", head.id, short_name(head.wire)));
            self.value(head.wire, ty)?;
            self.out.push('}');
        }
        self.out.push('}');
        self.depth -= 1;
        Ok(())
    }

    fn tell(&mut self, text: std::fmt::Arguments<'_>) {
        // a String takes all that is written to it
        let _ = self.out.write_fmt(text);
    }

    fn value(&mut self, wire: WireType, ty: Option<FieldType>) -> Result<(), Fault> {
        match wire {
            WireType::Bool => {
                let value = u8::from(self.cursor.bool()?);
                self.tell(format_args!("{value}"));
            }
            WireType::I8 => {
                let value = self.cursor.u8()?.cast_signed();
                self.tell(format_args!("{value}"));
            }
            WireType::I16 => {
                let value = self.cursor.i16()?;
                self.tell(format_args!("{value}"));
            }
            WireType::I32 => {
                let value = self.cursor.i32()?;
                self.tell(format_args!("{value}"));
            }
            WireType::I64 => {
                let value = self.cursor.i64()?;
                self.tell(format_args!("{value}"));
            }
            WireType::Double => self.double()?,
            WireType::String => self.string(ty)?,
            WireType::Struct => self.structure(match ty {
                Some(FieldType::Struct(info)) => Some(info()),
                _ => None,
            })?,
            WireType::List | WireType::Set => self.list(ty)?,
            WireType::Map => self.map(ty)?,
        }
        Ok(())
    }

    /// Writes a number; those that JSON has no word for stand in quotes.
    fn double(&mut self) -> Result<(), Fault> {
        let value = self.cursor.double()?;
        if value.is_nan() {
            self.out.push_str("\"NaN\"");
        } else if value.is_infinite() {
            let sign = if value < 0.0 { "-" } else { "" };
            self.tell(format_args!("\"{sign}Infinity\""));
        } else {
            self.tell(format_args!("{value:?}"));
        }
        Ok(())
    }

    fn string(&mut self, ty: Option<FieldType>) -> Result<(), Fault> {
        let bytes = self.cursor.string()?;
        if matches!(ty, Some(FieldType::Binary)) {
            self.out.push('"');
            base64(&mut self.out, bytes);
            self.out.push('"');
        } else {
            quote(&mut self.out, str::from_utf8(bytes).map_err(|_| Fault::Utf8)?);
        }
        Ok(())
    }

    fn list(&mut self, ty: Option<FieldType>) -> Result<(), Fault> {
        let element = match ty {
            Some(FieldType::List(element) | FieldType::Set(element)) => Some(*element),
            _ => None,
        };
        // the head of an empty list tells its type as well
        let wire = self.cursor.bytes.get(self.cursor.at).copied();
        let wire = wire.and_then(WireType::from_binary).ok_or(Fault::Truncated)?;
        let size = self.cursor.list()?.map_or(0, |(_, size)| size);
        self.tell(format_args!("[\"{}\",{size}", short_name(wire)));
        for _ in 0..size {
            self.out.push(',');
            self.value(wire, element)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, ty: Option<FieldType>) -> Result<(), Fault> {
        let (key_type, value_type) = match ty {
            Some(FieldType::Map(key, value)) => (Some(*key), Some(*value)),
            _ => (None, None),
        };
        let heads = self.cursor.bytes.get(self.cursor.at..self.cursor.at + 2);
        let wire = |at: usize| heads.and_then(|heads| WireType::from_binary(heads[at]));
        let (key, value) = wire(0).zip(wire(1)).ok_or(Fault::Truncated)?;
        let size = self.cursor.map()?.map_or(0, |(_, _, size)| size);
        self.tell(format_args!(
            "[\"{}\",\"{}\",{size},{{",
            short_name(key),
            short_name(value)
        ));
        for place in 0..size {
            if place > 0 {
                self.out.push(',');
            }
            self.key(key, key_type)?;
            self.out.push(':');
            self.value(value, value_type)?;
        }
        self.out.push_str("}]");
        Ok(())
    }

    /// Writes the key of a map. Numbers stand in quotes; a list does not, though JSON knows no such keys, for
    /// that is what clients read.
    fn key(&mut self, wire: WireType, ty: Option<FieldType>) -> Result<(), Fault> {
        let quoted = !matches!(
            wire,
            WireType::String | WireType::Struct | WireType::List | WireType::Set | WireType::Map
        );
        if quoted {
            self.out.push('"');
        }
        self.value(wire, ty)?;
        if quoted {
            self.out.push('"');
        }
        Ok(())
    }
}

/// Appends `text` as a JSON string. Only what has to be is escaped.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends bytes in base 64, without padding.
fn base64(out: &mut String, bytes: &[u8]) {
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=group.len() {
            let digit = bits >> (18 - 6 * place) & 63;
            out.push(char::from(BASE64[digit as usize]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{
        ColumnStatisticsData, Database, DoubleColumnStatsData, SkewedInfo, StringColumnStatsData,
    };

    /// The database of the first notification that the original was seen to write.
    #[test]
    fn is_what_the_original_writes() {
        let database = Database {
            name: Some("n1".into()),
            description: Some("d".into()),
            location_uri: Some("file:$WH/n1.db".into()),
            parameters: Some(Default::default()),
            catalog_name: Some("hive".into()),
            ..Database::default()
        };
        assert_eq!(
            to_json(&database).unwrap(),
            r#"{"1":{"str":"n1"},"2":{"str":"d"},"3":{"str":"file:$WH/n1.db"},"4":{"map":["str","str",0,{}]},"8":{"str":"hive"}}"#
        );
    }

    #[test]
    fn every_shape_has_its_form() {
        let skewed = SkewedInfo {
            skewed_col_names: Some(vec![]),
            skewed_col_values: Some(vec![vec!["a\"\n\u{1}é".into()]]),
            skewed_col_value_location_maps: Some([(vec!["k".to_owned()], "v".to_owned())].into()),
        };
        assert_eq!(
            to_json(&skewed).unwrap(),
            "{\"1\":{\"lst\":[\"str\",0]},\"2\":{\"lst\":[\"lst\",1,[\"str\",1,\"a\\\"\\n\\u0001é\"]]},\
             \"3\":{\"map\":[\"lst\",\"str\",1,{[\"str\",1,\"k\"]:\"v\"}]}}"
        );
        let data = ColumnStatisticsData {
            double_stats: Some(DoubleColumnStatsData {
                low_value: Some(-0.5),
                high_value: Some(f64::INFINITY),
                num_nulls: Some(7),
                ..DoubleColumnStatsData::default()
            }),
            string_stats: Some(StringColumnStatsData {
                bit_vectors: Some((&b"abcd"[..]).into()),
                ..StringColumnStatsData::default()
            }),
            ..ColumnStatisticsData::default()
        };
        assert_eq!(
            to_json(&data).unwrap(),
            r#"{"3":{"rec":{"1":{"dbl":-0.5},"2":{"dbl":"Infinity"},"3":{"i64":7}}},"4":{"rec":{"5":{"str":"YWJjZA"}}}}"#
        );
    }
}
