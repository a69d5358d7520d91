//! What a parsed `.thrift` file says.

/// A whole file.
#[derive(Debug, Default)]
pub(crate) struct Idl {
    pub(crate) enums: Vec<Enum>,
    pub(crate) structs: Vec<Struct>,
    pub(crate) methods: Vec<Method>,
}

/// An enumeration; on the wire an i32.
#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) doc: Option<String>,
    pub(crate) name: String,
    pub(crate) values: Vec<(String, i32)>,
}

/// A struct, an exception or a union.
#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) doc: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Struct,
    Exception,
    Union,
}

/// A field of a struct, an argument of a method or an exception that it throws.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) id: i16,
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) ty: Type,
    /// What older clients have under this id, from the annotation `skep.was`.
    pub(crate) was: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    String,
    Binary,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Named(String),
}

#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: String,
    pub(crate) oneway: bool,
    pub(crate) returns: Option<Type>,
    pub(crate) args: Vec<Field>,
    pub(crate) throws: Vec<Field>,
}
