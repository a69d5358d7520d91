//! The columns as Spark repeats them.

use std::sync::Arc;

use expect_test::expect;

use super::{orders, outcome};
use crate::columns::infer_ids;
use crate::merge::columns::Renumbered;
use crate::merge::conflict::Report;
use crate::merge::derived::merge;
use crate::merge::generic::Three;
use crate::model::{Column, Columns, Storage, Table};

/// Returns a table of fields `name type`, in Spark's words, all of which Hive knows by their lower-case names.
fn table(before: Option<&Table>, fields: &str, in_parts: bool) -> Table {
    let field = |text: &str| {
        let (name, type_name) = text.split_once(' ').unwrap();
        format!(r#"{{"name":"{name}","type":"{type_name}","nullable":true,"metadata":{{"z":1,"a":2}}}}"#)
    };
    let json: Vec<String> = fields.split(", ").map(field).collect();
    let json = format!(r#"{{"type":"struct","fields":[{}]}}"#, json.join(","));
    let mut columns: Vec<Column> = fields
        .split(", ")
        .map(|text| Column::new(text.split_once(' ').unwrap().0, "int"))
        .collect();
    let next = infer_ids(
        before.map(Table::columns).unwrap_or_default(),
        &mut columns,
        before.map_or(1, |b| b.next_column_id),
    );
    let mut table = Table {
        next_column_id: next,
        storage: Some(Storage {
            columns: Some(Arc::new(Columns(columns))),
            ..Storage::default()
        }),
        ..Table::default()
    };
    if in_parts {
        let (a, b) = json.split_at(10);
        table.set_parameter("spark.sql.sources.schema.numParts", "2");
        table.set_parameter("spark.sql.sources.schema.part.0", a);
        table.set_parameter("spark.sql.sources.schema.part.1", b);
    } else {
        table.set_parameter("spark.sql.sources.schema", json);
    }
    table
}

fn run(base: &Table, ours: &Table, theirs: &Table, renumbered: &Renumbered) -> String {
    let mut report = Report::default();
    let merged = merge(
        Three::new(base, ours, theirs),
        (&[], renumbered),
        &orders(),
        &mut report,
    );
    let lines: Vec<String> = merged
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    outcome(&lines.join("\n"), report)
}

#[test]
fn fields_merge_as_columns_do() {
    let base = table(None, "Id integer, dt string", false);
    let ours = table(Some(&base), "Id integer, x string, dt string", true);
    let theirs = table(Some(&base), "Id long, y double, dt string", false);
    let renumbered = Renumbered::from([(crate::model::ColumnId(3), crate::model::ColumnId(4))]);
    expect![[r#"
        spark.sql.sources.schema.numParts = 1
        spark.sql.sources.schema.part.0 = {"type":"struct","fields":[{"name":"Id","type":"long","nullable":true,"metadata":{"z":1,"a":2}},{"name":"x","type":"string","nullable":true,"metadata":{"z":1,"a":2}},{"name":"y","type":"double","nullable":true,"metadata":{"z":1,"a":2}},{"name":"dt","type":"string","nullable":true,"metadata":{"z":1,"a":2}}]}"#]]
    .assert_eq(&run(&base, &ours, &theirs, &renumbered));
}

#[test]
fn what_one_side_changed_is_taken_and_odd_texts_are_contested() {
    let base = table(None, "a integer", false);
    let ours = table(Some(&base), "a integer, b string", true);
    let one = run(&base, &ours, &base, &Renumbered::new());
    assert!(one.contains("part.1") && one.lines().count() == 3, "{one}");
    let mut theirs = table(Some(&base), "a integer, c string", false);
    theirs.set_parameter("spark.sql.sources.schema", "{\"type\":\"struct\",\"fields\":");
    expect![
        "! sales.orders: parameter spark.sql.sources.schema is changed in ours, changed otherwise in theirs"
    ]
    .assert_eq(&run(&base, &ours, &theirs, &Renumbered::new()));
}

#[test]
fn long_texts_come_in_parts() {
    let fields: Vec<String> = (0..90).map(|n| format!("c{n} integer")).collect();
    let base = table(None, &fields.join(", "), false);
    let ours = table(Some(&base), &format!("{}, x string", fields.join(", ")), false);
    let theirs = table(Some(&base), &format!("{}, y string", fields.join(", ")), false);
    let renumbered = Renumbered::from([(crate::model::ColumnId(91), crate::model::ColumnId(92))]);
    let mut report = Report::default();
    let merged = merge(
        Three::new(&base, &ours, &theirs),
        (&[], &renumbered),
        &orders(),
        &mut report,
    );
    assert_eq!(merged["spark.sql.sources.schema.numParts"], "2");
    assert!(merged.values().all(|value| value.len() <= 4_000));
    assert!(merged["spark.sql.sources.schema.part.1"].ends_with("]}"));
}
