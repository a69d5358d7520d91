//! The bytes of a Java expression, as Hive's clients write them with Kryo: read to a tree, within limits.
//!
//! Kryo writes no names of fields and no lengths of objects: whoever does not know a class cannot even skip
//! it. So this reads the classes of which partition predicates are made, and gives up at any other. What the
//! fields are and how they stand is told by the recorded bytes of Hive 4.0.1 (`testdata/kryo-4.0.1.tsv`).
//!
//! - A class is 0 for null, 1 and the number of a name (and the name when the number is new), or 2 and up for
//!   Java's own small types.
//! - An object of any other class, a text among them, is numbered by its first appearance: 1 announces a new one, 2 and up point
//!   back at one.
//! - The fields of a class stand in the order of their names, those of the classes above it among them.
//!
//! The bytes come from anywhere: each object costs at least one byte, nothing is reserved by a claimed
//! size, and depth and number are limited.

use std::rc::Rc;

/// The longest expression that is read, in bytes.
pub(super) const BYTES_MAX: usize = 1 << 20;

/// How many objects an expression may be made of.
const OBJECTS_MAX: usize = 200_000;

/// How deep objects may stand within each other. A function and its list of arguments are two.
const DEPTH_MAX: usize = 200;

/// Why bytes are no expression that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it ends within an object")]
    Short,
    #[error("it goes on after its end")]
    Long,
    #[error("it has more than {limit} {what}")]
    TooMuch { what: &'static str, limit: usize },
    #[error("it has an object of class {0}")]
    Class(String),
    #[error("{0} is not as Hive writes it")]
    Shape(&'static str),
}

type Read<T> = Result<T, Unreadable>;

/// The place of an object in its [`Tree`].
pub(super) type Id = usize;

/// All objects of an expression. They point at each other by their places: what is shared stands once, and a
/// chain of any length is dropped without a call within a call.
#[derive(Debug)]
pub(super) struct Tree {
    objects: Vec<Object>,
    root: Id,
}

impl Tree {
    pub(super) fn root(&self) -> &Object {
        self.get(self.root)
    }

    pub(super) fn get(&self, id: Id) -> &Object {
        self.objects.get(id).unwrap_or(&Object::Null)
    }
}

/// An object of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Object {
    Null,
    Function {
        udf: Udf,
        arguments: Id,
    },
    Column {
        name: Rc<str>,
        type_name: Rc<str>,
    },
    Constant {
        value: Id,
    },
    List(Vec<Id>),
    Udf(Udf),
    Type(Rc<str>),
    Text(Rc<str>),
    /// A `char`, padded as it came.
    Char(Rc<str>),
    Integer(i64),
    Decimal(String),
    Boolean(bool),
    Date(String),
    Timestamp(String),
    /// Something that says nothing about partitions.
    Other,
}

/// What a function does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Udf {
    /// By the last part of the class's name.
    Generic(&'static str),
    /// A function of the older kind, by the whole name of its class.
    Bridge(Rc<str>),
}

/// Reads an expression.
pub(super) fn read(bytes: &[u8]) -> Read<Tree> {
    if bytes.len() > BYTES_MAX {
        return Err(Unreadable::TooMuch {
            what: "bytes",
            limit: BYTES_MAX,
        });
    }
    let mut reader = Reader {
        rest: bytes,
        classes: Vec::new(),
        numbered: Vec::new(),
        objects: vec![Object::Null],
    };
    let root = reader.object(DEPTH_MAX)?;
    if !reader.rest.is_empty() {
        return Err(Unreadable::Long);
    }
    Ok(Tree {
        objects: reader.objects,
        root,
    })
}

const UDFS: &str = "org.apache.hadoop.hive.ql.udf.generic.";
const PLAN: &str = "org.apache.hadoop.hive.ql.plan.";
const TYPES: &str = "org.apache.hadoop.hive.serde2.typeinfo.";
const VALUES: &str = "org.apache.hadoop.hive.common.type.";

struct Reader<'a> {
    rest: &'a [u8],
    /// The names of classes by their numbers.
    classes: Vec<Rc<str>>,
    /// Objects by their numbers; `None` while one is being read.
    numbered: Vec<Option<Id>>,
    /// All that have been read. The first is null.
    objects: Vec<Object>,
}

const NULL: Id = 0;

/// What stands in front of an object.
enum Class {
    Null,
    Own(u64),
    Named(Rc<str>),
}

impl Reader<'_> {
    fn object(&mut self, depth: usize) -> Read<Id> {
        match self.class()? {
            Class::Null => Ok(NULL),
            class => self.object_of(&class, depth),
        }
    }

    fn class(&mut self) -> Read<Class> {
        match self.number()? {
            0 => Ok(Class::Null),
            1 => {
                let number = self.number()?;
                if let Some(name) = usize::try_from(number)
                    .ok()
                    .and_then(|number| self.classes.get(number))
                {
                    return Ok(Class::Named(Rc::clone(name)));
                }
                if number != self.classes.len() as u64 {
                    return Err(Unreadable::Shape("the number of a class"));
                }
                let name = self.text()?;
                self.classes.push(Rc::clone(&name));
                Ok(Class::Named(name))
            }
            own => Ok(Class::Own(own - 2)),
        }
    }

    /// Reads an object whose class has been read.
    fn object_of(&mut self, class: &Class, depth: usize) -> Read<Id> {
        let depth = depth.checked_sub(1).ok_or(Unreadable::TooMuch {
            what: "objects within each other",
            limit: DEPTH_MAX,
        })?;
        match class {
            Class::Null => Ok(NULL),
            Class::Own(0) => {
                let number = self.int()?.into();
                self.keep(Object::Integer(number))
            }
            Class::Own(1) => self.referenced(|reader| reader.text().map(Object::Text)),
            Class::Own(3) => {
                let value = self.boolean()?;
                self.keep(Object::Boolean(value))
            }
            Class::Own(4) => {
                let number = self.byte()?.cast_signed().into();
                self.keep(Object::Integer(number))
            }
            Class::Own(7) => {
                let number = self.long()?;
                self.keep(Object::Integer(number))
            }
            // floats and shorts: no recorded bytes tell their order
            Class::Own(other) => Err(Unreadable::Class(format!("number {other}"))),
            Class::Named(name) => self.referenced(|reader| reader.fields(name, depth)),
        }
    }

    fn keep(&mut self, object: Object) -> Read<Id> {
        if self.objects.len() > OBJECTS_MAX {
            return Err(Unreadable::TooMuch {
                what: "objects",
                limit: OBJECTS_MAX,
            });
        }
        self.objects.push(object);
        Ok(self.objects.len() - 1)
    }

    fn get(&self, id: Id) -> &Object {
        self.objects.get(id).unwrap_or(&Object::Null)
    }

    /// Reads an object that may be null or have been written before.
    fn referenced(&mut self, read: impl FnOnce(&mut Self) -> Read<Object>) -> Read<Id> {
        match self.number()? {
            0 => Ok(NULL),
            1 => {
                let number = self.numbered.len();
                self.numbered.push(None);
                let object = read(self)?;
                let id = self.keep(object)?;
                self.numbered[number] = Some(id);
                Ok(id)
            }
            back => usize::try_from(back - 2)
                .ok()
                .and_then(|number| *self.numbered.get(number)?)
                .ok_or(Unreadable::Shape("a reference")),
        }
    }

    fn fields(&mut self, class: &str, depth: usize) -> Read<Object> {
        if class == "java.util.ArrayList" {
            return self.list(depth).map(Object::List);
        }
        if class == "org.apache.hadoop.io.BooleanWritable" {
            return self.boolean().map(|_| Object::Other);
        }
        if let Some(name) = class.strip_prefix(PLAN) {
            return self.expression(name, depth);
        }
        if let Some(name) = class.strip_prefix(UDFS) {
            return self.udf(name, depth).map(Object::Udf);
        }
        if let Some(name) = class.strip_prefix(TYPES) {
            return self.type_info(name, depth);
        }
        if let Some(name) = class.strip_prefix(VALUES) {
            return self.value(name);
        }
        Err(Unreadable::Class(class.to_owned()))
    }

    fn expression(&mut self, name: &str, depth: usize) -> Read<Object> {
        match name {
            "ExprNodeGenericFuncDesc" => {
                let arguments = self.object(depth)?;
                let udf = self.object(depth)?;
                self.boolean()?;
                self.object(depth)?;
                match self.get(udf) {
                    Object::Udf(udf) => Ok(Object::Function {
                        udf: udf.clone(),
                        arguments,
                    }),
                    _ => Err(Unreadable::Shape("a function")),
                }
            }
            "ExprNodeColumnDesc" => {
                let name = self.text_field()?;
                self.boolean()?;
                self.boolean()?;
                self.text_field()?;
                let type_info = self.object(depth)?;
                match (name, self.get(type_info)) {
                    (Some(name), Object::Type(type_name)) => Ok(Object::Column {
                        name,
                        type_name: Rc::clone(type_name),
                    }),
                    _ => Err(Unreadable::Shape("a column")),
                }
            }
            "ExprNodeConstantDesc" => {
                self.object(depth)?;
                Ok(Object::Constant {
                    value: self.object(depth)?,
                })
            }
            other => Err(Unreadable::Class(format!("{PLAN}{other}"))),
        }
    }

    fn udf(&mut self, name: &str, depth: usize) -> Read<Udf> {
        let Some(known) = KNOWN_UDFS.iter().find(|known| known.0 == name) else {
            return Err(Unreadable::Class(format!("{UDFS}{name}")));
        };
        match known.1 {
            Layout::Nothing => {}
            Layout::Result => self.skip_result(depth)?,
            Layout::Comparison => {
                self.zeros(2)?;
                self.text_field()?;
                self.text_field()?;
                self.skip_result(depth)?;
            }
            Layout::Arithmetic => {
                self.zeros(3)?;
                self.text_field()?;
                self.text_field()?;
            }
            Layout::In => {
                self.skip_result(depth)?;
                self.boolean()?;
            }
            Layout::Between => {
                self.zeros(1)?;
                self.object(depth)?;
                self.object(depth)?;
                self.skip_result(depth)?;
            }
            Layout::Bridge => {
                self.boolean()?;
                let class = self.text_field()?;
                self.text_field()?;
                return class.map(Udf::Bridge).ok_or(Unreadable::Shape("a function"));
            }
        }
        Ok(Udf::Generic(known.0))
    }

    /// Reads the buffer that a function keeps its answers in.
    fn skip_result(&mut self, depth: usize) -> Read<()> {
        let id = self.object(depth)?;
        match self.get(id) {
            Object::Other | Object::Null => Ok(()),
            _ => Err(Unreadable::Shape("a function's answer")),
        }
    }

    fn type_info(&mut self, name: &str, depth: usize) -> Read<Object> {
        let parameters = match name {
            "StructTypeInfo" => {
                self.names(depth)?;
                self.object(depth)?;
                return Ok(Object::Type("struct".into()));
            }
            "PrimitiveTypeInfo" => 0,
            "CharTypeInfo" | "VarcharTypeInfo" => 1,
            "DecimalTypeInfo" => 2,
            other => return Err(Unreadable::Class(format!("{TYPES}{other}"))),
        };
        for _ in 0..parameters {
            self.int()?;
        }
        let name = self.text_field()?.ok_or(Unreadable::Shape("a type"))?;
        Ok(Object::Type(name))
    }

    /// Reads a list of texts, whose elements have no class in front of them.
    fn names(&mut self, depth: usize) -> Read<()> {
        match self.class()? {
            Class::Named(name) if *name == *"java.util.ArrayList" => {}
            _ => return Err(Unreadable::Shape("a list of names")),
        }
        depth.checked_sub(1).ok_or(Unreadable::Shape("a list of names"))?;
        self.referenced(|reader| {
            let (_, count) = reader.flagged_number()?;
            for _ in 1..count {
                reader.text_field()?;
            }
            Ok(Object::Other)
        })
        .map(drop)
    }

    fn value(&mut self, name: &str) -> Read<Object> {
        match name {
            "Date" => {
                let date = self.referenced(|reader| reader.date().map(Object::Date))?;
                Ok(self.get(date).clone())
            }
            "Timestamp" => {
                let time = self.referenced(|reader| {
                    let date = reader.date()?;
                    Ok(Object::Timestamp(format!("{date} {}", reader.clock()?)))
                })?;
                Ok(self.get(time).clone())
            }
            "HiveChar" => self.need_text().map(Object::Char),
            "HiveVarchar" => self.need_text().map(Object::Text),
            "HiveDecimal" => self.decimal().map(Object::Decimal),
            other => Err(Unreadable::Class(format!("{VALUES}{other}"))),
        }
    }

    fn date(&mut self) -> Read<String> {
        let (year, month, day) = (self.number()?, self.byte()?, self.byte()?);
        if !(1..=9999).contains(&year) {
            return Err(Unreadable::Shape("the year of a date"));
        }
        Ok(format!("{year:04}-{month:02}-{day:02}"))
    }

    /// Reads a time of the day. The last part that is not zero stands inverted, if it is not the last.
    fn clock(&mut self) -> Read<String> {
        let mut parts = [0u8; 3];
        for part in &mut parts {
            let byte = self.byte()?;
            if byte > 0x7f {
                *part = !byte;
                return Ok(format!("{:02}:{:02}:{:02}", parts[0], parts[1], parts[2]));
            }
            *part = byte;
        }
        let nanos = self.number()?;
        Ok(format!(
            "{:02}:{:02}:{:02}.{nanos:09}",
            parts[0], parts[1], parts[2]
        ))
    }

    /// Reads a decimal number: three words of 16 digits, the lowest first, and where the point stands.
    fn decimal(&mut self) -> Read<String> {
        let words = [self.long()?, self.long()?, self.long()?];
        self.int()?;
        let scale = self.int()?;
        self.int()?;
        let sign = self.int()?;
        let valid = words
            .iter()
            .all(|word| (0..10_000_000_000_000_000).contains(word));
        let scale = usize::try_from(scale).ok().filter(|scale| *scale <= 38);
        let (true, Some(scale)) = (valid, scale) else {
            return Err(Unreadable::Shape("a decimal number"));
        };
        let digits = format!("{:016}{:016}{:016}", words[2], words[1], words[0]);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if sign < 0 { "-" } else { "" };
        Ok(format!("{sign}{whole}.{fraction}"))
    }

    /// Reads the elements of a list: each with its class, or the class of all of them once.
    fn list(&mut self, depth: usize) -> Read<Vec<Id>> {
        let (alike, count) = self.flagged_number()?;
        let mut elements = Vec::new();
        if count <= 1 {
            return Ok(elements);
        }
        if !alike {
            for _ in 1..count {
                elements.push(self.object(depth)?);
            }
            return Ok(elements);
        }
        let class = self.class()?;
        let nulls = !matches!(class, Class::Null) && self.boolean()?;
        if nulls || matches!(class, Class::Null) {
            return Err(Unreadable::Shape("a list with nulls"));
        }
        for _ in 1..count {
            elements.push(self.object_of(&class, depth)?);
        }
        Ok(elements)
    }

    fn need_text(&mut self) -> Read<Rc<str>> {
        self.text_field()?.ok_or(Unreadable::Shape("a text"))
    }

    /// Reads a field that is a text or null.
    fn text_field(&mut self) -> Read<Option<Rc<str>>> {
        let text = self.referenced(|reader| reader.text().map(Object::Text))?;
        match self.get(text) {
            Object::Text(text) => Ok(Some(Rc::clone(text))),
            Object::Null => Ok(None),
            _ => Err(Unreadable::Shape("a text")),
        }
    }

    /// Reads a text: of ASCII with the last byte marked, or with its length in front of it.
    fn text(&mut self) -> Read<Rc<str>> {
        let first = *self.rest.first().ok_or(Unreadable::Short)?;
        if first & 0x80 == 0 {
            let end = self.rest.iter().position(|byte| byte & 0x80 != 0);
            let (text, rest) = self.rest.split_at(end.ok_or(Unreadable::Short)? + 1);
            self.rest = rest;
            let text: String = text.iter().map(|byte| char::from(byte & 0x7f)).collect();
            return Ok(text.into());
        }
        let (_, length) = self.flagged_number()?;
        let mut units = Vec::new();
        for _ in 1..length {
            units.push(self.unit()?);
        }
        match String::from_utf16(&units) {
            Ok(text) => Ok(text.into()),
            Err(_) => Err(Unreadable::Shape("a text")),
        }
    }

    /// Reads one UTF-16 unit of a text in one to three bytes.
    fn unit(&mut self) -> Read<u16> {
        let first = u16::from(self.byte()?);
        let mut next = || Ok(u16::from(self.byte()? & 0x3f));
        match first >> 4 {
            0..=7 => Ok(first),
            12 | 13 => Ok((first & 0x1f) << 6 | next()?),
            14 => Ok((first & 0x0f) << 12 | next()? << 6 | next()?),
            _ => Err(Unreadable::Shape("a text")),
        }
    }

    fn zeros(&mut self, count: usize) -> Read<()> {
        for _ in 0..count {
            if self.byte()? != 0 {
                return Err(Unreadable::Shape("a function"));
            }
        }
        Ok(())
    }

    fn boolean(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Unreadable::Shape("a truth value")),
        }
    }

    fn int(&mut self) -> Read<i32> {
        i32::try_from(self.long()?).map_err(|_| Unreadable::Shape("an integer"))
    }

    fn long(&mut self) -> Read<i64> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Reads a number of seven bits a byte, and eight in the ninth, the lowest first.
    fn number(&mut self) -> Read<u64> {
        let mut number = 0;
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Ok(number | u64::from(self.byte()?) << 56)
    }

    /// Reads a number whose first byte has a flag in its highest bit.
    fn flagged_number(&mut self) -> Read<(bool, u64)> {
        let first = self.byte()?;
        let mut number = u64::from(first & 0x3f);
        if first & 0x40 != 0 {
            for shift in [6, 13, 20, 27] {
                let byte = self.byte()?;
                number |= u64::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
        }
        Ok((first & 0x80 != 0, number))
    }

    fn byte(&mut self) -> Read<u8> {
        let (first, rest) = self.rest.split_first().ok_or(Unreadable::Short)?;
        self.rest = rest;
        Ok(*first)
    }
}

/// What a function's class has in its fields.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Nothing,
    Result,
    Comparison,
    Arithmetic,
    In,
    Between,
    Bridge,
}

const KNOWN_UDFS: &[(&str, Layout)] = &[
    ("GenericUDFBetween", Layout::Between),
    ("GenericUDFBridge", Layout::Bridge),
    ("GenericUDFIn", Layout::In),
    ("GenericUDFOPAnd", Layout::Result),
    ("GenericUDFOPEqual", Layout::Comparison),
    ("GenericUDFOPEqualOrGreaterThan", Layout::Comparison),
    ("GenericUDFOPEqualOrLessThan", Layout::Comparison),
    ("GenericUDFOPGreaterThan", Layout::Comparison),
    ("GenericUDFOPLessThan", Layout::Comparison),
    ("GenericUDFOPMinus", Layout::Arithmetic),
    ("GenericUDFOPNot", Layout::Result),
    ("GenericUDFOPNotEqual", Layout::Comparison),
    ("GenericUDFOPNotNull", Layout::Result),
    ("GenericUDFOPNull", Layout::Result),
    ("GenericUDFOPOr", Layout::Result),
    ("GenericUDFOPPlus", Layout::Arithmetic),
    ("GenericUDFStruct", Layout::Nothing),
];
