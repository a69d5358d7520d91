//! What comes of each rule's conflict, whichever way it is decided.

use expect_test::{Expect, expect};

use super::{columns, decided, orders, params};
use crate::merge::columns::Layout;
use crate::merge::conflict::Report;
use crate::merge::generic::Three;
use crate::merge::options::Choice;
use crate::merge::params::Writers;
use crate::merge::{constraints, functions, validate};
use crate::model::{Column, Columns, Constraint, Function, Storage, Table, Template};

fn value(text: &str) -> Choice {
    Choice::Value(text.to_owned())
}

/// Compares what comes of the three sides and of some texts.
#[expect(clippy::needless_pass_by_value, reason = "cases read better so")]
fn check(rule: &dyn Fn(&mut Report) -> String, values: &[&str], expected: Expect) {
    let choices = [Choice::Ours, Choice::Theirs, Choice::Base].into_iter();
    let lines: Vec<String> = choices
        .chain(values.iter().map(|text| value(text)))
        .map(|choice| format!("{choice}: {}\n", decided(rule, &choice, false)))
        .collect();
    expected.assert_eq(&lines.concat());
}

fn check_columns(base: &str, ours: &str, theirs: &str, values: &[&str], expected: Expect) {
    let rule = |report: &mut Report| columns::merged((base, ours, theirs), Layout::ByName, report);
    check(&rule, values, expected);
}

#[test]
fn columns_are_decided_field_by_field() {
    check_columns(
        "a int",
        "a bigint",
        "a double",
        &["string", "strange", "array<"],
        expect![[r#"
        ours: (a bigint)
        theirs: (a double)
        base: (a int)
        string: (a string)
        strange: decision "002d0e8686c09c7c=strange" is not valid: it has to be a type, such as bigint or array<string>
        array<: decision "002d0e8686c09c7c=array<" is not valid: it has to be a type, such as bigint or array<string>
    "#]],
    );
    check_columns(
        "",
        "a int",
        "a string",
        &["bigint"],
        expect![[r#"
        ours: (a int)
        theirs: (a string)
        base: decision "002d0e8686c09c7c=base" is not valid: it has to be one of the choices that are listed with the conflict
        bigint: (a bigint)
    "#]],
    );
    check_columns(
        "a int; b int",
        "a bigint",
        "b int",
        &["x"],
        expect![[r#"
        ours: (a bigint)
        theirs: ! sales.orders: the column list was (a bigint) in ours, (b int) in theirs
        base: (a int)
        x: decision "3a23b32e9f0e6745=x" is not valid: it has to be one of the choices that are listed with the conflict
    "#]],
    );
    check_columns(
        "a int",
        "x int",
        "y int",
        &["Z", "no name"],
        expect![[r#"
        ours: (x int)
        theirs: (y int)
        base: (a int)
        Z: (z int)
        no name: decision "8a6ff5b9c7ea5e4e=no name" is not valid: it has to be the name of a column, of letters, digits and underscores
    "#]],
    );
    check_columns(
        "a int 'one'",
        "a int 'two'",
        "a int 'three'",
        &["four", ""],
        expect![[r#"
        ours: (a int) 'two'
        theirs: (a int) 'three'
        base: (a int) 'one'
        four: (a int) 'four'
        : (a int) ''
    "#]],
    );
    check_columns(
        "a int; b int; c int",
        "c int; b int; a int",
        "b int; a int; c int",
        &[],
        expect![[r#"
        ours: (c int, b int, a int)
        theirs: (b int, a int, c int)
        base: decision "e9d6995384675e25=base" is not valid: it has to be one of the choices that are listed with the conflict
    "#]],
    );
}

#[test]
fn a_name_that_two_columns_came_to_is_decided() {
    check_columns(
        "a int; b int",
        "x int; b int",
        "a int; b int; x string",
        &["Y", "b"],
        expect![[r#"
        ours: (x int, b int)
        theirs: (a int, b int, x string)
        base: decision "ec05b6db6d7f96d4=base" is not valid: it has to be one of the choices that are listed with the conflict
        Y: (x int, b int, y string)
        b: ! sales.orders: column b was kept in ours, kept in theirs
    "#]],
    );
    check_columns(
        "a int; b string",
        "x int; b string",
        "a int; x string",
        &[],
        expect![[r#"
        ours: (x int, b string)
        theirs: (a int, x string)
        base: decision "ec05b6db6d7f96d4=base" is not valid: it has to be one of the choices that are listed with the conflict
    "#]],
    );
}

#[test]
fn what_may_be_unreadable_is_decided_by_force_alone() {
    let rule = |report: &mut Report| {
        let lists = ("a int", "a int; b int", "a int; c int");
        columns::merged(lists, Layout::ByPosition(Writers::Both), report)
    };
    for (choice, forced) in [
        (Choice::Ours, "(a int, b int)"),
        (Choice::Theirs, "(a int, c int)"),
        (Choice::Base, "(a int)"),
    ] {
        assert_eq!(decided(&rule, &choice, true), forced);
        let refused = decided(&rule, &choice, false);
        assert!(refused.contains("or forced"), "{refused}");
    }
}

#[test]
fn parameters_are_decided_key_by_key() {
    let rule = |report: &mut Report| params::merged(("k=1 l=1", "k=2 l=1", "k=3 l=2"), report);
    check(
        &rule,
        &["4"],
        expect![[r#"
        ours: k=2 l=2
        theirs: k=3 l=2
        base: k=1 l=2
        4: k=4 l=2
    "#]],
    );
    let dropped = |report: &mut Report| params::merged(("k=1", "", "k=3"), report);
    check(
        &dropped,
        &["4"],
        expect![[r#"
        ours: 
        theirs: k=3
        base: k=1
        4: k=4
    "#]],
    );
}

#[test]
fn functions_and_constraints_are_decided_as_wholes() {
    let function = |class: &str| Function {
        name: "f".into(),
        class_name: Some(class.into()),
        ..Function::default()
    };
    let (a, b, c) = (function("a"), function("b"), function("c"));
    let text = |merged: Option<Function>| merged.and_then(|it| it.class_name).unwrap_or_default();
    let changed = |report: &mut Report| {
        let versions = Three::new(Some(&a), Some(&b), Some(&c));
        text(functions::merge(versions, &orders(), report))
    };
    check(
        &changed,
        &["d"],
        expect![[r#"
        ours: b
        theirs: c
        base: a
        d: decision "e0775ac8b67b53ef=d" is not valid: it has to be one of the choices that are listed with the conflict
    "#]],
    );
    let dropped = |report: &mut Report| {
        let versions = Three::new(Some(&a), None, Some(&c));
        text(functions::merge(versions, &orders(), report))
    };
    check(
        &dropped,
        &[],
        expect![[r#"
        ours: 
        theirs: c
        base: a
    "#]],
    );
    let constraint = |text: &str| Constraint {
        name: "c".into(),
        text: Some(text.into()),
        ..Constraint::default()
    };
    let (a, b) = (constraint("a"), constraint("b"));
    let added = |report: &mut Report| {
        let merged = constraints::merge(Three::new(None, Some(&a), Some(&b)), &orders(), report);
        merged.and_then(|it| it.text).unwrap_or_default()
    };
    check(
        &added,
        &[],
        expect![[r#"
        ours: a
        theirs: b
        base: 
    "#]],
    );
}

/// Returns a table of columns and keys of text; `*` marks the one by which rows are spread.
fn table(columns: &str, keys: &str) -> Table {
    let list = |text: &str| -> Vec<Column> {
        let names = text.split_whitespace().map(|name| name.trim_end_matches('*'));
        names.map(|name| Column::new(name, "string")).collect()
    };
    let spread = columns.split_whitespace().filter(|name| name.ends_with('*'));
    let spread: Vec<String> = spread.map(|name| name.trim_end_matches('*').to_owned()).collect();
    let storage = Storage {
        columns: Some(std::sync::Arc::new(Columns(list(columns)))),
        template: std::sync::Arc::new(Template {
            buckets: Some(spread.len() as i32),
            bucket_columns: Some(spread),
            ..Template::default()
        }),
        ..Storage::default()
    };
    Table {
        storage: Some(storage),
        partition_keys: Some(list(keys)),
        ..Table::default()
    }
}

/// Returns the names of columns and keys, and what rows are spread by.
fn shown(table: &Table) -> String {
    let names = |columns: &[Column]| {
        columns
            .iter()
            .map(|it| it.name.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let template = &table.storage.as_ref().unwrap().template;
    let spread = template.bucket_columns.clone().unwrap_or_default().join(" ");
    format!(
        "{} by {} spread by {spread}",
        names(table.columns()),
        names(table.keys())
    )
}

#[test]
fn what_does_not_fit_together_is_decided() {
    let rule = |merged: Table, ours: Table, theirs: Table| {
        move |report: &mut Report| {
            let mut merged = merged.clone();
            let sides = Three::new(&ours, &ours, &theirs);
            validate::table(&mut merged, sides, &orders(), report);
            shown(&merged)
        }
    };
    let doubled = rule(table("a d", "d"), table("a d", ""), table("a", "d"));
    check(
        &doubled,
        &["e"],
        expect![[r#"
        ours: decision "490ba948a1744958=ours" is not valid: it has to be one of the choices that are listed with the conflict
        theirs: a by d spread by 
        base: decision "490ba948a1744958=base" is not valid: it has to be one of the choices that are listed with the conflict
        e: a e by d spread by 
    "#]],
    );
    let mut unspread = table("a b*", "");
    unspread.storage.as_mut().unwrap().columns = table("a", "").storage.unwrap().columns;
    let lost = rule(unspread, table("a*", ""), table("a b*", ""));
    check(
        &lost,
        &[],
        expect![[r#"
        ours: a by  spread by a
        theirs: decision "ca65c5d7aa2a5339=theirs" is not valid: it has to be one of the choices that are listed with the conflict
        base: decision "ca65c5d7aa2a5339=base" is not valid: it has to be one of the choices that are listed with the conflict
    "#]],
    );
}
