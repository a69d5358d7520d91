//! Parameters (versioning.md 5.4).

use expect_test::{Expect, expect};

use super::{orders, outcome};
use crate::merge::conflict::Report;
use crate::merge::generic::Three;
use crate::merge::params::{Data, Folder, Writers, merge};
use crate::model::Parameters;

fn parameters(text: &str) -> Option<Parameters> {
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap();
        (key.to_owned(), value.to_owned())
    };
    (text != "unset").then(|| text.split_whitespace().map(pair).collect())
}

fn run(writers: Writers, base: &str, ours: &str, theirs: &str) -> String {
    let mut report = Report::default();
    let merged = merged_of(writers, (base, ours, theirs), &mut report);
    outcome(&merged, report)
}

/// Returns merged parameters of data that nobody wrote.
pub(super) fn merged(versions: (&str, &str, &str), report: &mut Report) -> String {
    merged_of(Writers::Nobody, versions, report)
}

fn merged_of(writers: Writers, (base, ours, theirs): (&str, &str, &str), report: &mut Report) -> String {
    let versions = Three::new(parameters(base), parameters(ours), parameters(theirs));
    let data = Data {
        writers,
        folder: Some(Folder { files: 7, bytes: 700 }),
    };
    let merged = merge(versions.as_ref(), &data, &|_| false, &orders(), report);
    let text = merged.map(|merged| {
        let pairs: Vec<String> = merged
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.join(" ")
    });
    text.unwrap_or_else(|| "unset".to_owned())
}

/// Checks both ways round: no rule of parameters prefers a side.
#[expect(clippy::needless_pass_by_value, reason = "cases read better so")]
fn check(writers: Writers, base: &str, ours: &str, theirs: &str, expected: Expect) {
    let merged = run(writers, base, ours, theirs);
    if !merged.starts_with('!') {
        let swapped = match writers {
            Writers::Ours => Writers::Theirs,
            Writers::Theirs => Writers::Ours,
            both => both,
        };
        assert_eq!(run(swapped, base, theirs, ours), merged);
    }
    expected.assert_eq(&merged);
}

#[test]
fn keys_merge_one_by_one() {
    let nobody = Writers::Nobody;
    check(
        nobody,
        "a=1 b=1 c=1",
        "a=2 b=1 c=1",
        "a=1 b=3",
        expect!["a=2 b=3"],
    );
    check(nobody, "", "a=1", "b=1", expect!["a=1 b=1"]);
    check(nobody, "a=1", "", "a=1", expect![""]);
    check(nobody, "unset", "unset", "unset", expect!["unset"]);
    check(nobody, "unset", "a=1", "unset", expect!["a=1"]);
    check(
        nobody,
        "a=1 b=1 c=1",
        "a=2 b=1 c=2",
        "a=3 b=1",
        expect![[r#"
            ! sales.orders: parameter a is 2 in ours, 3 in theirs
            ! sales.orders: parameter c is 2 in ours, removed in theirs"#]],
    );
}

#[test]
fn traces_never_conflict() {
    let nobody = Writers::Nobody;
    check(
        nobody,
        "transient_lastDdlTime=9",
        "transient_lastDdlTime=10",
        "transient_lastDdlTime=11",
        expect!["transient_lastDdlTime=11"],
    );
    check(
        nobody,
        "",
        "last_modified_by=a",
        "last_modified_by=b",
        expect!["last_modified_by=b"],
    );
    check(
        nobody,
        "",
        "impala.events.catalogServiceId=a trino_query_id=1",
        "impala.events.catalogServiceId=b",
        expect!["impala.events.catalogServiceId=b trino_query_id=1"],
    );
}

#[test]
fn files_are_counted_again_where_both_wrote() {
    let (base, ours, theirs) = (
        "numFiles=1 totalSize=9 numRows=1 k=v",
        "numFiles=2 totalSize=99 numRows=2 k=v",
        "numFiles=3 totalSize=999 numRows=3 k=v",
    );
    check(
        Writers::Both,
        base,
        ours,
        theirs,
        expect!["k=v numFiles=7 totalSize=700"],
    );
    check(Writers::Both, "k=v", "k=v", "k=v", expect!["k=v"]);
    check(
        Writers::Both,
        "",
        "numFilesErasureCoded=1",
        "COLUMN_STATS_ACCURATE={} spark.sql.statistics.numRows=3",
        expect![""],
    );
}

#[test]
fn who_wrote_the_data_knows_it() {
    let (base, ours, theirs) = ("numRows=1 k=1", "numRows=2 k=1", "numRows=9 k=2");
    check(Writers::Ours, base, ours, theirs, expect!["k=2 numRows=2"]);
    check(Writers::Theirs, base, ours, theirs, expect!["k=2 numRows=9"]);
    check(Writers::Theirs, "", "numRows=2", "", expect![""]);
    check(
        Writers::Nobody,
        base,
        "numRows=5 k=1",
        "numRows=1 k=2",
        expect!["k=2 numRows=5"],
    );
    check(
        Writers::Nobody,
        "",
        "numRows=5 transient_lastDdlTime=9",
        "numRows=6 transient_lastDdlTime=10",
        expect!["numRows=6 transient_lastDdlTime=10"],
    );
}
