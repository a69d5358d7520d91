//! Columns (versioning.md 5.3). `*x` renames the column that stands there in the base.

use expect_test::{Expect, expect};

use super::{orders, outcome};
use crate::columns::infer_ids;
use crate::merge::columns::{Layout, Lists, merge, text_of};
use crate::merge::conflict::Report;
use crate::merge::generic::Three;
use crate::merge::params::Writers;
use crate::model::{Column, Columns};

/// Reads `name type 'comment', …`.
fn columns(text: &str) -> Vec<Column> {
    let column = |text: &str| {
        let (text, comment) = match text.split_once(" '") {
            Some((text, comment)) => (text, Some(comment.trim_end_matches('\'').to_owned())),
            None => (text, None),
        };
        let (name, type_name) = text.split_once(' ').unwrap();
        Column {
            comment,
            ..Column::new(name, type_name)
        }
    };
    text.split("; ")
        .filter(|text| !text.is_empty())
        .map(column)
        .collect()
}

/// Returns the columns with the ids that a client's change gives them, and the id of the next.
fn altered(base: &[Column], next: u32, text: &str) -> (Vec<Column>, u32) {
    let mut list = columns(text);
    let next = infer_ids(base, &mut list, next);
    (list, next)
}

fn run(base: &str, ours: &str, theirs: &str, layout: Layout) -> String {
    let mut report = Report::default();
    let merged = merged((base, ours, theirs), layout, &mut report);
    outcome(&merged, report)
}

/// Returns merged columns with their comments.
pub(super) fn merged(
    (base, ours, theirs): (&str, &str, &str),
    layout: Layout,
    report: &mut Report,
) -> String {
    let (base, next) = altered(&[], 1, base);
    let (ours, theirs) = (altered(&base, next, ours), altered(&base, next, theirs));
    let lists = Lists {
        columns: Three::new(&base, &ours.0, &theirs.0),
        next: Three::new(next, ours.1, theirs.1),
    };
    let merged = merge(lists, layout, &orders(), report);
    let ids: std::collections::BTreeSet<u32> = merged.columns.iter().map(|column| column.id.0).collect();
    assert_eq!(ids.len(), merged.columns.len(), "every column has its own id");
    assert!(ids.iter().all(|id| *id < merged.next));
    let comments = merged.columns.iter().filter_map(|column| column.comment.clone());
    let comments: Vec<String> = comments.map(|comment| format!(" '{comment}'")).collect();
    format!("{}{}", text_of(&merged.columns), comments.concat())
}

#[expect(clippy::needless_pass_by_value, reason = "cases read better so")]
fn check(base: &str, ours: &str, theirs: &str, expected: Expect) {
    expected.assert_eq(&run(base, ours, theirs, Layout::ByName));
}

#[test]
fn columns_that_no_file_has_stand_behind_those_that_some_have() {
    let check = |ours: &str, theirs: &str, wrote: Writers, expected: &str| {
        let found = run("a int", ours, theirs, Layout::ByPosition(wrote));
        assert_eq!(found, expected, "{ours}; {theirs}; {wrote:?}");
    };
    let (ours, theirs) = ("a int; b int", "a int; c int");
    check(ours, theirs, Writers::Nobody, "(a int, b int, c int)");
    check(ours, theirs, Writers::Ours, "(a int, b int, c int)");
    check(ours, theirs, Writers::Theirs, "(a int, c int, b int)");
    check(
        "a int; b int; c int",
        theirs,
        Writers::Theirs,
        "(a int, c int, b int)",
    );
    let contested = "! sales.orders: the column list was (c int, a int) in ours, (a int, b int) in theirs";
    check("c int; a int", "a int; b int", Writers::Ours, contested);
}

#[expect(clippy::needless_pass_by_value, reason = "cases read better so")]
fn check_by_position(base: &str, ours: &str, theirs: &str, expected: Expect) {
    let layout = Layout::ByPosition(Writers::Both);
    expected.assert_eq(&run(base, ours, theirs, layout));
}

#[test]
fn additions_of_both_sides_are_kept() {
    check(
        "a int",
        "a int; b int",
        "a int; c int",
        expect!["(a int, b int, c int)"],
    );
    check("a int", "a int; b int", "a int; b int", expect!["(a int, b int)"]);
    check(
        "a int",
        "a int; b int",
        "a int; c int; b int",
        expect!["(a int, c int, b int)"],
    );
    check(
        "a int; z int",
        "a int; b int; z int",
        "a int; c int; z int",
        expect!["(a int, b int, c int, z int)"],
    );
    check(
        "a int",
        "b int; a int",
        "a int; c int",
        expect!["(b int, a int, c int)"],
    );
    check(
        "a int",
        "a int; b int",
        "a int; b double",
        expect!["! sales.orders: column b is int in ours, double in theirs"],
    );
    check(
        "a int",
        "a int; b int 'x'",
        "a int; b int",
        expect!["(a int, b int) 'x'"],
    );
}

#[test]
fn drops_win_over_comments_and_over_nothing_else() {
    check(
        "a int; b int",
        "a int",
        "a int; b int; c int",
        expect!["(a int, c int)"],
    );
    check("a int; b int", "a int", "a int", expect!["(a int)"]);
    check("a int; b int", "a int", "a int; b int 'x'", expect!["(a int)"]);
    check(
        "a int; b int",
        "a int",
        "a int; b bigint",
        expect!["! sales.orders: column b was dropped in ours, changed in theirs"],
    );
    check(
        "amt int; note string",
        "amt bigint; note varchar(9)",
        "amt double",
        expect![[r#"
            ! sales.orders: column amt is bigint in ours, double in theirs
            ! sales.orders: column note was changed in ours, dropped in theirs"#]],
    );
}

#[test]
fn renames_follow_the_column() {
    check(
        "a int; b int",
        "x int; b int",
        "a bigint; b int",
        expect!["(x bigint, b int)"],
    );
    check(
        "a int; b int",
        "x int; b int",
        "x int; b int",
        expect!["(x int, b int)"],
    );
    check(
        "a int; b int",
        "x int; b int",
        "y int; b int",
        expect!["! sales.orders: column a was renamed to x in ours, renamed to y in theirs"],
    );
    check(
        "a int; b int",
        "x int; b int",
        "a int; b int; x int",
        expect!["! sales.orders: column x was renamed from a in ours, added in theirs"],
    );
    check(
        "a int; b int",
        "x int; b int",
        "a int; x int",
        expect!["! sales.orders: column x was renamed from a in ours, renamed from b in theirs"],
    );
}

#[test]
fn types_widen_to_what_all_files_can_be_read_as() {
    check("a int", "a bigint", "a bigint", expect!["(a bigint)"]);
    check("a smallint", "a int", "a bigint", expect!["(a bigint)"]);
    check("a smallint", "a bigint", "a int", expect!["(a bigint)"]);
    check(
        "a decimal(8,2)",
        "a decimal(9,2)",
        "a decimal(12,2)",
        expect!["(a decimal(12,2))"],
    );
    check("a varchar(5)", "a varchar(9)", "a string", expect!["(a string)"]);
    check(
        "a int",
        "a bigint",
        "a string",
        expect!["! sales.orders: column a is bigint in ours, string in theirs"],
    );
    check(
        "a decimal(8,2)",
        "a decimal(9,3)",
        "a decimal(12,2)",
        expect!["! sales.orders: column a is decimal(9,3) in ours, decimal(12,2) in theirs"],
    );
    check(
        "a struct<b:int>",
        "a struct<b:int,c:int>",
        "a struct<b:int,d:int>",
        expect!["! sales.orders: column a is struct<b:int,c:int> in ours, struct<b:int,d:int> in theirs"],
    );
}

#[test]
fn comments_merge_unless_both_change_them() {
    check(
        "a int; b int",
        "a int 'x'; b int",
        "a int; b int 'y'",
        expect!["(a int, b int) 'x' 'y'"],
    );
    check("a int", "a bigint", "a int 'y'", expect!["(a bigint) 'y'"]);
    check(
        "a int",
        "a int 'x'",
        "a int 'y'",
        expect!["! sales.orders: column a's comment is x in ours, y in theirs"],
    );
}

#[test]
fn the_order_is_that_of_the_side_that_moved_columns() {
    check(
        "a int; b int",
        "b int; a int",
        "a int; c int; b int",
        expect!["(b int, a int, c int)"],
    );
    check(
        "a int; b int",
        "a int; c int; b int",
        "b int; a int",
        expect!["(b int, a int, c int)"],
    );
    check(
        "a int; b int",
        "b int; a int",
        "b int; a int",
        expect!["(b int, a int)"],
    );
    check(
        "a int; b int; c int",
        "b int; a int; c int",
        "a int; c int; b int",
        expect![
            "! sales.orders: the column list was (b int, a int, c int) in ours, (a int, c int, b int) in theirs"
        ],
    );
}

#[test]
fn by_position_only_one_side_may_change_the_list() {
    check_by_position("a int", "a int; b int", "a int", expect!["(a int, b int)"]);
    check_by_position(
        "a int",
        "a int 'x'",
        "a int; b int",
        expect!["(a int, b int) 'x'"],
    );
    check_by_position("a int", "a int; b int", "a int; b int", expect!["(a int, b int)"]);
    check_by_position(
        "a int; b int",
        "a bigint; b int",
        "a int; b bigint",
        expect!["(a bigint, b bigint)"],
    );
    check_by_position(
        "a int",
        "a int; b int",
        "a int; c int",
        expect!["! sales.orders: the column list was (a int, b int) in ours, (a int, c int) in theirs"],
    );
    check_by_position(
        "a int; z int",
        "a int; b int; z int",
        "a int; z int; b int",
        expect![
            "! sales.orders: the column list was (a int, b int, z int) in ours, (a int, z int, b int) in theirs"
        ],
    );
    check_by_position(
        "a int; b int",
        "a int",
        "a int; b int; c int",
        expect!["! sales.orders: the column list was (a int) in ours, (a int, b int, c int) in theirs"],
    );
    check_by_position(
        "a int; b int",
        "b int; a int",
        "a int; b int; c int",
        expect![
            "! sales.orders: the column list was (b int, a int) in ours, (a int, b int, c int) in theirs"
        ],
    );
    check_by_position(
        "a int",
        "a int; b int",
        "a int; b double",
        expect!["! sales.orders: column b is int in ours, double in theirs"],
    );
}

#[test]
fn ids_of_dropped_columns_are_not_given_again() {
    let base = altered(&[], 1, "a int");
    let ours = altered(&base.0, base.1, "a int; b int; c int");
    let theirs = altered(&base.0, base.1, "a int; d int");
    let lists = Lists {
        columns: Three::new(&base.0, &ours.0, &theirs.0),
        next: Three::new(base.1, ours.1, theirs.1),
    };
    let merged = merge(lists, Layout::ByName, &orders(), &mut Report::default());
    assert_eq!(merged.next, 5);
    let ids: Vec<_> = merged
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.id.0))
        .collect();
    assert_eq!(ids, [("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
    let renumbered: Vec<_> = merged
        .renumbered
        .iter()
        .map(|(from, to)| (from.0, to.0))
        .collect();
    assert_eq!(renumbered, [(2, 4)]);
    assert!(Columns(merged.columns).find("d").is_some());
}
