//! The tables of versioning.md 5, cell by cell: cases as data in `merge_suite/cases`, one file a table.
//!
//! ```text
//! case: 5.3 add a | add b | by name      the cell, as `cells.txt` has it
//! of: what of it, where it has several
//! base:    statements of a history, one a line; further lines are indented
//! ours:    …
//! theirs:  …
//! result:  what the catalog is then, or the conflicts: `! kind place: subject`; and the warnings: `? kind place: subject`
//! swapped: what the result is with the sides swapped, if it is another
//! deviates: why this is not what the table says
//! ```

mod cases;
mod naive;
mod run;

use std::collections::BTreeSet;

use cases::Case;

const TABLES: [&str; 7] = [
    include_str!("merge_suite/cases/5.1.txt"),
    include_str!("merge_suite/cases/5.2.txt"),
    include_str!("merge_suite/cases/5.3.txt"),
    include_str!("merge_suite/cases/5.4.txt"),
    include_str!("merge_suite/cases/5.5.txt"),
    include_str!("merge_suite/cases/5.6.txt"),
    include_str!("merge_suite/cases/5.7.txt"),
];
const CELLS: &str = include_str!("merge_suite/cells.txt");

fn cases() -> Vec<Case> {
    TABLES.iter().flat_map(|table| Case::all(table)).collect()
}

#[test]
fn every_cell_has_a_case() {
    let cells: BTreeSet<&str> = CELLS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let all = cases();
    let tried: BTreeSet<&str> = all.iter().map(|case| case.cell.as_str()).collect();
    let missing: Vec<_> = cells.difference(&tried).collect();
    assert!(missing.is_empty(), "cells without a case: {missing:#?}");
    let unknown: Vec<_> = tried.difference(&cells).collect();
    assert!(unknown.is_empty(), "cases of no cell: {unknown:#?}");
    let names: BTreeSet<String> = all.iter().map(Case::name).collect();
    assert_eq!(names.len(), all.len(), "two cases have one name");
}

#[tokio::test]
async fn cells_come_out_as_the_tables_say() {
    let all = cases();
    let mut failed = Vec::new();
    for case in &all {
        let name = case.name();
        match run::check(case.clone()).await {
            Ok(()) => println!("ok      {name}"),
            Err(text) => {
                println!("FAILED  {name}");
                failed.push(format!("{name}\n{text}"));
            }
        }
        if let Some(why) = &case.deviates {
            println!("        deviates: {why}");
        }
    }
    println!("{} cases, {} failed", all.len(), failed.len());
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}
