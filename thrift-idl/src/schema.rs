//! What generated code says about itself: the traits it implements and the tables it carries.

use crate::types::Exception;
use crate::{Decoder, Encoder, Fault, METHODS};

/// A struct of the IDL as a table.
#[derive(Debug)]
pub struct StructInfo {
    /// The name in the IDL.
    pub name: &'static str,
    /// Its fields, in the order of the IDL.
    pub fields: &'static [FieldInfo],
    /// Makes one with nothing set, for whoever goes over structs without knowing them.
    pub make: fn() -> Box<dyn Fields>,
}

/// A field of a struct.
#[derive(Debug)]
pub struct FieldInfo {
    /// The number that stands for it on the wire.
    pub id: i16,
    /// The name in the IDL.
    pub name: &'static str,
    /// Whether clients demand it. Reading does not.
    pub required: bool,
    /// Its type.
    pub ty: FieldType,
}

/// A type of the IDL.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names are those of Thrift")]
pub enum FieldType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    String,
    Binary,
    /// An enum, with its name.
    Enum(&'static str),
    List(&'static FieldType),
    Set(&'static FieldType),
    Map(&'static FieldType, &'static FieldType),
    /// A struct; a function because structs may contain each other.
    Struct(fn() -> &'static StructInfo),
}

/// Reading and writing of the fields of a struct, without its type; generated.
pub trait Fields {
    /// Returns the struct as a table.
    fn info(&self) -> &'static StructInfo;

    /// Reads the field `id`, whose head has been read. False when there is no such field or it has
    /// another wire type; the decoder then stands where it stood.
    ///
    /// # Errors
    /// The [`Fault`] of the bytes.
    fn read_field(&mut self, id: i16, from: &mut Decoder<'_>) -> Result<bool, Fault>;

    /// Writes the fields that are set, in ascending order of ids.
    fn write_fields(&self, to: &mut Encoder<'_>);
}

/// A struct, exception or union of the IDL; generated.
pub trait Struct: Fields + Default + 'static {
    /// The struct as a table.
    const INFO: &'static StructInfo;
}

/// A method of the service as a table.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// The name on the wire.
    pub name: &'static str,
    /// Whether nothing is answered.
    pub oneway: bool,
    /// What it is called with.
    pub args: &'static StructInfo,
    /// What it answers: field 0 is the value, the others the exceptions that it declares.
    pub reply: &'static StructInfo,
}

/// Returns the method of that name, if the service has one.
pub fn method(name: &str) -> Option<&'static Method> {
    METHODS
        .binary_search_by(|method| method.name.cmp(name))
        .ok()
        .and_then(|at| METHODS.get(at))
}

/// A method of the service as a type, for handlers to be registered by; generated.
pub trait Rpc {
    /// The method as a table.
    const METHOD: &'static Method;
    /// What it is called with.
    type Args: Struct;
    /// What it answers.
    type Reply: Outcome;
}

/// The answer to a method: its value or one of the exceptions that it declares; generated.
pub trait Outcome: Struct {
    /// What the method returns, `()` for void.
    type Success;

    /// Makes the answer that carries the value.
    fn success(success: Self::Success) -> Self;

    /// Makes the answer that carries the exception.
    ///
    /// # Errors
    /// Gives the exception back when the method does not declare it, and so cannot say it.
    fn raise(exception: Exception) -> Result<Self, Exception>;

    /// Takes the answer apart, as a client does; `None` when neither value nor exception is set.
    ///
    /// # Errors
    /// The exception that the answer carries.
    fn into_result(self) -> Result<Option<Self::Success>, Exception>;
}
