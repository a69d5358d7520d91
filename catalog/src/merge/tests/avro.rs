//! The columns as Avro repeats them.

use std::sync::Arc;

use super::{orders, outcome};
use crate::merge::columns::Renumbered;
use crate::merge::conflict::Report;
use crate::merge::derived::merge;
use crate::merge::generic::Three;
use crate::model::{Column, ColumnId, Columns, Storage, Table};

/// Returns a table of columns with their ids, and of a record of these `fields`.
fn table(columns: &[(u32, &str)], rest: &str, fields: &str) -> Table {
    let column = |(id, name): &(u32, &str)| Column {
        id: ColumnId(*id),
        ..Column::new(name, "int")
    };
    let mut table = Table {
        storage: Some(Storage {
            columns: Some(Arc::new(Columns(columns.iter().map(column).collect()))),
            ..Storage::default()
        }),
        ..Table::default()
    };
    let literal = format!(r#"{{"type":"record","name":"t",{rest}"fields":[{fields}]}}"#);
    table.set_parameter("avro.schema.literal", literal);
    table
}

fn run(base: &Table, ours: &Table, theirs: &Table) -> String {
    let mut report = Report::default();
    let columns: Vec<Column> = [ours.columns(), theirs.columns()].concat();
    let sides = Three::new(base, ours, theirs);
    let merged = merge(sides, (&columns, &Renumbered::new()), &orders(), &mut report);
    outcome(&merged["avro.schema.literal"], report)
}

#[test]
fn fields_merge_as_columns_do() {
    let base = table(
        &[(1, "i"), (2, "gone")],
        "",
        r#"{"name":"I","type":"int"},{"name":"gone","type":"int"}"#,
    );
    let ours = table(
        &[(1, "i"), (2, "gone"), (3, "a")],
        "",
        r#"{"name":"I","type": [ "null", "int" ],"default":null},{"name":"gone","type":"int"},
           {"name":"a","type":{"type":"array","items":"string"},"default":[]}"#,
    );
    let theirs = table(
        &[(1, "i"), (4, "b")],
        r#""namespace":"x","#,
        r#"{"name":"I","type":"long"},{"name":"b","type":"string","doc":"why: \"type\""}"#,
    );
    let merged = [
        r#"{"type":"record","name":"t","namespace":"x","fields":["#,
        r#"{"name":"I","type":["null","long"],"default":null},"#,
        r#"{"name":"a","type":{"type":"array","items":"string"},"default":[]},"#,
        r#"{"name":"b","type":"string","doc":"why: \"type\""}]}"#,
    ];
    assert_eq!(run(&base, &ours, &theirs), merged.concat());
}

#[test]
fn fields_that_are_no_columns_are_known_by_their_names() {
    let field = |name: &str, kind: &str| format!(r#"{{"name":"{name}","type":"{kind}"}}"#);
    let base = table(&[], "", &field("a", "int"));
    let ours = table(&[], "", &[field("a", "int"), field("b", "int")].join(","));
    let theirs = table(&[], "", &[field("a", "long"), field("c", "bytes")].join(","));
    let fields = [field("a", "long"), field("b", "int"), field("c", "bytes")].join(",");
    let merged = format!(r#"{{"type":"record","name":"t","fields":[{fields}]}}"#);
    assert_eq!(run(&base, &ours, &theirs), merged);
}

#[test]
fn what_cannot_be_regenerated_is_contested() {
    let one = |rest: &str, fields: &str| table(&[(1, "i")], rest, fields);
    let (int, long) = (r#"{"name":"i","type":"int"}"#, r#"{"name":"i","type":"long"}"#);
    let base = one("", int);
    for (ours, theirs) in [
        // both changed a field so that no rule serves
        (one("", r#"{"name":"i","type":"string"}"#), one("", long)),
        (
            one("", r#"{"name":"i","type":"int","doc":"a"}"#),
            one("", r#"{"name":"i","type":"int","doc":"b"}"#),
        ),
        // and what is said of the record
        (one(r#""doc":"a","#, int), one(r#""doc":"b","#, long)),
        // no records
        (one("", r#"{"name":"i"}"#), one("", long)),
        (one("", r#"{"type":"int"}"#), one("", long)),
        (one("", "1"), one("", long)),
        (one(r#""type":"record","#, int), one("", long)),
    ] {
        let found = run(&base, &ours, &theirs);
        assert!(
            found.contains("! sales.orders: parameter avro.schema.literal"),
            "{found}"
        );
    }
    let mut none = one("", int);
    none.parameters = None;
    let found = run(&none, &one("", int), &one("", long));
    assert!(found.contains("! sales.orders"), "{found}");
}
