//! Writes the Rust of a parsed IDL: one text for the types, one for the methods.
//!
//! The texts lean on the traits and macros of the library, so that each struct costs the compiler
//! little: a table, one `match` to read and one call a field to write.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::model::{Enum, Field, Idl, Kind, Method, Struct, Type};
use super::names::{camel, snake};

/// Returns the Rust of all enums, structs, exceptions and unions.
pub(crate) fn types(idl: &Idl) -> String {
    let mut out = String::new();
    for item in &idl.enums {
        enumeration(&mut out, item);
    }
    let scope = Scope::new(idl, "");
    for item in &idl.structs {
        structure(&mut out, &scope, item);
    }
    let names: Vec<&str> = exceptions(idl).map(|s| s.name.as_str()).collect();
    let _ = writeln!(out, "exceptions! {{ {} }}", names.join(", "));
    out
}

/// Returns the Rust of all methods: arguments, reply, and the table of them.
pub(crate) fn methods(idl: &Idl) -> String {
    let mut out = String::new();
    let scope = Scope::new(idl, "types::");
    for item in &idl.methods {
        method(&mut out, &scope, item);
    }
    let mut names: Vec<&str> = idl.methods.iter().map(|m| m.name.as_str()).collect();
    names.sort_unstable();
    let _ = writeln!(out, "/// Every method of the service, sorted by name.");
    let _ = writeln!(out, "pub static METHODS: &[Method] = &[");
    for name in names {
        let _ = writeln!(out, "    *{}::METHOD,", camel(name));
    }
    let _ = writeln!(out, "];");
    out
}

fn exceptions(idl: &Idl) -> impl Iterator<Item = &Struct> {
    idl.structs.iter().filter(|s| s.kind == Kind::Exception)
}

/// Which names are structs, and what stands before the name of a type.
struct Scope<'a> {
    structs: HashSet<&'a str>,
    prefix: &'static str,
}

impl<'a> Scope<'a> {
    fn new(idl: &'a Idl, prefix: &'static str) -> Self {
        Self {
            structs: idl.structs.iter().map(|s| s.name.as_str()).collect(),
            prefix,
        }
    }

    fn rust(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".into(),
            Type::I8 => "i8".into(),
            Type::I16 => "i16".into(),
            Type::I32 => "i32".into(),
            Type::I64 => "i64".into(),
            Type::Double => "f64".into(),
            Type::String => "String".into(),
            Type::Binary => "Bytes".into(),
            Type::List(inner) => format!("Vec<{}>", self.rust(inner)),
            Type::Set(inner) => format!("BTreeSet<{}>", self.rust(inner)),
            Type::Map(key, value) => format!("BTreeMap<{}, {}>", self.rust(key), self.rust(value)),
            Type::Named(name) => self.prefix.to_owned() + &camel(name),
        }
    }

    fn table(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "FieldType::Bool".into(),
            Type::I8 => "FieldType::I8".into(),
            Type::I16 => "FieldType::I16".into(),
            Type::I32 => "FieldType::I32".into(),
            Type::I64 => "FieldType::I64".into(),
            Type::Double => "FieldType::Double".into(),
            Type::String => "FieldType::String".into(),
            Type::Binary => "FieldType::Binary".into(),
            Type::List(inner) => format!("FieldType::List(&{})", self.table(inner)),
            Type::Set(inner) => format!("FieldType::Set(&{})", self.table(inner)),
            Type::Map(key, value) => format!("FieldType::Map(&{}, &{})", self.table(key), self.table(value)),
            Type::Named(name) if self.structs.contains(name.as_str()) => {
                format!("FieldType::Struct(|| {}{}::INFO)", self.prefix, camel(name))
            }
            Type::Named(name) => format!("FieldType::Enum({name:?})"),
        }
    }
}

fn enumeration(out: &mut String, item: &Enum) {
    let _ = writeln!(out, "enumeration! {{");
    doc(out, item.doc.as_deref(), &format!("The enum `{}`.", item.name));
    let _ = writeln!(out, "    {} {{", camel(&item.name));
    for (name, number) in &item.values {
        let _ = writeln!(out, "        {name} = {number},");
    }
    let _ = writeln!(out, "    }}\n}}\n");
}

fn structure(out: &mut String, scope: &Scope<'_>, item: &Struct) {
    let kind = match item.kind {
        Kind::Struct => "struct",
        Kind::Exception => "exception",
        Kind::Union => "union",
    };
    doc(out, item.doc.as_deref(), &format!("The {kind} `{}`.", item.name));
    fields(out, scope, &item.name, &camel(&item.name), &item.fields);
}

fn doc(out: &mut String, doc: Option<&str>, otherwise: &str) {
    for line in doc.unwrap_or(otherwise).lines() {
        let _ = writeln!(out, "/// {}", line.trim());
    }
}

/// Writes a Rust struct `rust` for the Thrift struct `wire`, and the two ways of it.
fn fields(out: &mut String, scope: &Scope<'_>, wire: &str, rust: &str, fields: &[Field]) {
    let _ = writeln!(
        out,
        "#[derive(Debug, Clone, PartialEq, Default)]\npub struct {rust} {{"
    );
    for field in fields {
        let was = field
            .was
            .as_ref()
            .map(|was| format!("; older clients: `{was}`"))
            .unwrap_or_default();
        let _ = writeln!(out, "    /// Field {}, `{}`{was}.", field.id, field.name);
        let ty = scope.rust(&field.ty);
        let _ = writeln!(out, "    pub {}: Option<{ty}>,", snake(&field.name));
    }
    let _ = writeln!(out, "}}\n\nimpl Struct for {rust} {{");
    let _ = writeln!(
        out,
        "    const INFO: &'static StructInfo = &StructInfo {{ name: {wire:?}, fields: &["
    );
    for field in fields {
        let Field {
            id,
            name,
            required,
            ty,
            ..
        } = field;
        let ty = scope.table(ty);
        let _ = writeln!(
            out,
            "        FieldInfo {{ id: {id}, name: {name:?}, required: {required}, ty: {ty} }},"
        );
    }
    let _ = writeln!(
        out,
        "    ], make: || Box::new(Self::default()) }};\n}}\n\nimpl Fields for {rust} {{"
    );
    let _ = writeln!(out, "    fn info(&self) -> &'static StructInfo {{ Self::INFO }}");
    read(out, fields);
    write(out, fields);
    let _ = writeln!(out, "}}\n");
}

fn read(out: &mut String, fields: &[Field]) {
    let (id, from) = if fields.is_empty() {
        ("_", "_")
    } else {
        ("id", "from")
    };
    let _ = writeln!(
        out,
        "    fn read_field(&mut self, {id}: i16, {from}: &mut Decoder<'_>) -> Result<bool, Fault> {{"
    );
    if fields.is_empty() {
        let _ = writeln!(out, "        Ok(false)\n    }}");
        return;
    }
    let _ = writeln!(out, "        match id {{");
    for field in fields {
        let _ = writeln!(
            out,
            "            {} => from.field(&mut self.{}),",
            field.id,
            snake(&field.name)
        );
    }
    let _ = writeln!(out, "            _ => Ok(false),\n        }}\n    }}");
}

fn write(out: &mut String, fields: &[Field]) {
    let to = if fields.is_empty() { "_" } else { "to" };
    let _ = writeln!(out, "    fn write_fields(&self, {to}: &mut Encoder<'_>) {{");
    let mut sorted: Vec<&Field> = fields.iter().collect();
    sorted.sort_by_key(|field| field.id);
    for field in sorted {
        let _ = writeln!(
            out,
            "        to.field({}, &self.{});",
            field.id,
            snake(&field.name)
        );
    }
    let _ = writeln!(out, "    }}");
}

fn method(out: &mut String, scope: &Scope<'_>, item: &Method) {
    let wire = &item.name;
    let rust = camel(wire);
    let _ = writeln!(out, "/// What `{wire}` is called with.");
    fields(
        out,
        scope,
        &format!("{wire}_args"),
        &format!("{rust}Args"),
        &item.args,
    );
    let _ = writeln!(out, "/// What `{wire}` answers.");
    fields(
        out,
        scope,
        &format!("{wire}_result"),
        &format!("{rust}Reply"),
        &reply_fields(item),
    );
    outcome(out, scope, item);
    let _ = writeln!(
        out,
        "/// The method `{wire}`.\n#[derive(Debug, Clone, Copy)]\npub struct {rust};\n"
    );
    let _ = writeln!(
        out,
        "impl Rpc for {rust} {{\n    const METHOD: &'static Method = &Method {{"
    );
    let _ = writeln!(out, "        name: {wire:?}, oneway: {},", item.oneway);
    let _ = writeln!(
        out,
        "        args: {rust}Args::INFO, reply: {rust}Reply::INFO,\n    }};"
    );
    let _ = writeln!(
        out,
        "    type Args = {rust}Args;\n    type Reply = {rust}Reply;\n}}\n"
    );
}

/// The value returned is field 0 of the reply, the exceptions follow.
fn reply_fields(item: &Method) -> Vec<Field> {
    let success = item.returns.iter().map(|ty| Field {
        id: 0,
        name: "success".into(),
        required: false,
        ty: ty.clone(),
        was: None,
    });
    let throws = item.throws.iter().map(|field| Field {
        id: field.id,
        name: field.name.clone(),
        required: false,
        ty: field.ty.clone(),
        was: field.was.clone(),
    });
    success.chain(throws).collect()
}

fn outcome(out: &mut String, scope: &Scope<'_>, item: &Method) {
    let rust = camel(&item.name);
    let success = item
        .returns
        .as_ref()
        .map_or_else(|| "()".into(), |ty| scope.rust(ty));
    let (argument, made) = if item.returns.is_some() {
        ("success", "success: Some(success), ")
    } else {
        ("_success", "")
    };
    let rest = if item.throws.is_empty() {
        ""
    } else {
        "..Self::default() "
    };
    let _ = writeln!(
        out,
        "impl Outcome for {rust}Reply {{\n    type Success = {success};"
    );
    let _ = writeln!(
        out,
        "    fn success({argument}: {success}) -> Self {{ Self {{ {made}{rest}}} }}"
    );
    let _ = writeln!(
        out,
        "    fn raise(exception: types::Exception) -> Result<Self, types::Exception> {{"
    );
    if item.throws.is_empty() {
        let _ = writeln!(out, "        Err(exception)\n    }}");
    } else {
        let rest = if item.throws.len() + usize::from(item.returns.is_some()) > 1 {
            ", ..Self::default()"
        } else {
            ""
        };
        let _ = writeln!(out, "        match exception {{");
        for field in &item.throws {
            let (name, ty) = (snake(&field.name), variant(&field.ty));
            let _ = writeln!(
                out,
                "            types::Exception::{ty}(it) => Ok(Self {{ {name}: Some(it){rest} }}),"
            );
        }
        let _ = writeln!(out, "            other => Err(other),\n        }}\n    }}");
    }
    into_result(out, item);
    let _ = writeln!(out, "}}\n");
}

fn into_result(out: &mut String, item: &Method) {
    let _ = writeln!(
        out,
        "    fn into_result(self) -> Result<Option<Self::Success>, types::Exception> {{"
    );
    for field in &item.throws {
        let _ = writeln!(
            out,
            "        if let Some(it) = self.{} {{ return Err(it.into()); }}",
            snake(&field.name)
        );
    }
    let value = if item.returns.is_some() {
        "self.success"
    } else {
        "Some(())"
    };
    let _ = writeln!(out, "        Ok({value})\n    }}");
}

/// Returns the name of an exception among all of them.
fn variant(ty: &Type) -> String {
    match ty {
        Type::Named(name) => camel(name),
        _ => String::new(),
    }
}
