//! The parser of the IDL: what it takes, and how it refuses the rest.

use expect_test::{Expect, expect};

use thrift_idl::{FieldType, Limits, METHODS, StructInfo};

use crate::generator::{emit, names, parser};

pub(crate) const IDL: &str = include_str!("../../idl/hive_metastore.thrift");

fn refused(text: &str, why: &Expect) {
    why.assert_eq(&parser::parse(text).map(drop).unwrap_err());
}

#[test]
fn texts_outside_the_subset_are_refused_with_their_line() {
    refused(
        "struct A {\n  1: string a\n",
        &expect!["at the end: expected a number"],
    );
    refused("struct A {\n  1: B b\n}", &expect!["type B is not defined"]);
    refused(
        "struct A { 1: i32 a, 1: i32 b }",
        &expect!["line 1: field 1 b stands twice, found Mark('}')"],
    );
    refused("struct A {} enum A {}", &expect!["type A is defined twice"]);
    refused(
        "struct A { 1: B b }\nstruct B { 1: A a }",
        &expect!["struct A holds itself by B.a"],
    );
    refused(
        "const i32 A = 1",
        &expect![[r#"line 1: no definition begins with "const", found Word("i32")"#]],
    );
    refused(
        "struct A { 99999: i32 a }",
        &expect!["line 1: number too large, found Number(99999)"],
    );
    refused(
        "service S { oneway i32 f() }",
        &expect![[r#"line 1: oneway method f answers nothing, found Mark('}')"#]],
    );
    refused(
        "service S { void f(), void f() }",
        &expect!["method f is defined twice"],
    );
    refused(
        "struct A { 1: i32 a (other = \"b\") }",
        &expect![[r#"line 1: the only annotation is skep.was, found Word("other")"#]],
    );
    refused("/** no end", &expect!["line 1: comment without end"]);
    refused(
        "enum E { A = 1 } ;",
        &expect!["line 1: no idea what ';' means here"],
    );
}

#[test]
fn a_struct_becomes_rust() {
    let idl = parser::parse(
        "/** A pair. */ struct P { 1: required i32 numDVs, 2: list<P> type (skep.was = \"i64\") }",
    );
    expect![[r#"
        /// A pair.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct P {
            /// Field 1, `numDVs`.
            pub num_dvs: Option<i32>,
            /// Field 2, `type`; older clients: `i64`.
            pub r#type: Option<Vec<P>>,
        }

        impl Struct for P {
            const INFO: &'static StructInfo = &StructInfo { name: "P", fields: &[
                FieldInfo { id: 1, name: "numDVs", required: true, ty: FieldType::I32 },
                FieldInfo { id: 2, name: "type", required: false, ty: FieldType::List(&FieldType::Struct(|| P::INFO)) },
            ], make: || Box::new(Self::default()) };
        }

        impl Fields for P {
            fn info(&self) -> &'static StructInfo { Self::INFO }
            fn read_field(&mut self, id: i16, from: &mut Decoder<'_>) -> Result<bool, Fault> {
                match id {
                    1 => from.field(&mut self.num_dvs),
                    2 => from.field(&mut self.r#type),
                    _ => Ok(false),
                }
            }
            fn write_fields(&self, to: &mut Encoder<'_>) {
                to.field(1, &self.num_dvs);
                to.field(2, &self.r#type);
            }
        }

        exceptions! {  }
    "#]].assert_eq(&emit::types(&idl.unwrap()));
}

#[test]
fn names_are_spelled_as_in_rust() {
    for (wire, rust) in [
        ("viewOriginalText", "view_original_text"),
        ("numDVs", "num_dvs"),
        ("part_vals", "part_vals"),
        ("type", "r#type"),
        ("serDe", "ser_de"),
        ("validWriteIdList", "valid_write_id_list"),
        ("isACID", "is_acid"),
        ("URIPart", "uri_part"),
    ] {
        assert_eq!(names::snake(wire), rust);
    }
    for (wire, rust) in [
        ("get_table_req", "GetTableReq"),
        ("flushCache", "FlushCache"),
        ("SQLPrimaryKey", "SQLPrimaryKey"),
    ] {
        assert_eq!(names::camel(wire), rust);
    }
}

#[test]
fn the_idl_is_whole() {
    let idl = parser::parse(IDL).unwrap();
    assert_eq!(
        (idl.structs.len(), idl.enums.len(), idl.methods.len()),
        (336, 30, 305)
    );
    assert_eq!(METHODS.len(), idl.methods.len());
    assert!(METHODS.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn the_limits_leave_room_for_every_value() {
    let limits = Limits::default();
    let longest = METHODS.iter().map(|method| method.name.len()).max().unwrap();
    assert_eq!(longest, 49);
    assert!(longest * 2 < limits.method_name_bytes_max);
    let tops = METHODS.iter().flat_map(|method| [method.args, method.reply]);
    let deepest = tops.map(|info| depth(info, &mut vec![])).max().unwrap();
    assert_eq!(deepest, 13);
    assert!(deepest * 2 < limits.nesting_max);
}

/// Returns how deep a value of a struct goes that holds none of its own kind: materialized views, which
/// name the tables that they were made from, have no end.
fn depth(info: &StructInfo, outer: &mut Vec<&'static str>) -> usize {
    if outer.contains(&info.name) {
        return 0;
    }
    outer.push(info.name);
    let fields = info.fields.iter().map(|field| type_depth(&field.ty, outer));
    let deepest = fields.max().unwrap_or_default();
    outer.pop();
    1 + deepest
}

fn type_depth(ty: &FieldType, outer: &mut Vec<&'static str>) -> usize {
    match ty {
        FieldType::Struct(info) => depth(info(), outer),
        FieldType::List(inner) | FieldType::Set(inner) => 1 + type_depth(inner, outer),
        FieldType::Map(key, value) => 1 + type_depth(key, outer).max(type_depth(value, outer)),
        _ => 0,
    }
}
