//! The filters of the recorded outcomes, and walks that must not look at much.

use std::collections::BTreeMap;

use catalog::names::{DEFAULT_PARTITION, escape};
use proptest::prelude::*;

use super::*;

fn keys(keys: &[(&str, &str)]) -> Vec<Key> {
    let key = |(name, type_name): &(&str, &str)| Key {
        name: (*name).into(),
        type_name: (*type_name).into(),
    };
    keys.iter().map(key).collect()
}

fn name(keys: &[Key], values: &[&str]) -> String {
    let part = |(key, value): (&Key, &&str)| {
        let value = if value.is_empty() {
            DEFAULT_PARTITION
        } else {
            value
        };
        format!("{}={}", key.name, escape(value))
    };
    keys.iter().zip(values).map(part).collect::<Vec<_>>().join("/")
}

/// Partitions in the order of their names.
type Table<'a> = BTreeMap<String, Vec<&'a str>>;

fn table<'a>(keys: &[Key], rows: &[Vec<&'a str>]) -> Table<'a> {
    rows.iter().map(|row| (name(keys, row), row.clone())).collect()
}

/// Walks as the server does; returns what is taken, and how many names were looked at.
fn walk<'a>(plan: &Plan, table: &'a Table<'_>) -> (Vec<&'a Vec<&'a str>>, usize) {
    let mut taken = Vec::new();
    let mut seen = 0;
    let Some(start) = plan.start() else {
        return (taken, 0);
    };
    let mut at = String::from_utf8(start).unwrap();
    let mut skip = false;
    loop {
        let mut rest = table.range(at.clone()..);
        if skip {
            rest.next();
        }
        let Some((name, values)) = rest.next() else {
            return (taken, seen);
        };
        seen += 1;
        skip = true;
        at.clone_from(name);
        match plan.step(name.as_bytes()) {
            Step::Look if plan.takes(values) => taken.push(values),
            Step::Look | Step::Next => {}
            Step::End => return (taken, seen),
            Step::Seek(target) => {
                assert!(
                    target.as_slice() > name.as_bytes(),
                    "{name} seeks back to {target:?}"
                );
                at = String::from_utf8(target).unwrap();
                skip = false;
            }
        }
    }
}

/// The partitions of the table on which the outcomes were recorded.
const ROWS: [[&str; 3]; 10] = [
    ["2020-01-01", "a b/c", "1"],
    ["2020-01-02", "b", "2"],
    ["2020-01-03", "__HIVE_DEFAULT_PARTITION__", "3"],
    ["2020-01-04", "%x=y", "10"],
    ["__HIVE_DEFAULT_PARTITION__", "z", "__HIVE_DEFAULT_PARTITION__"],
    ["2020-02-01", "q'u\"o", "-5"],
    ["2020-02-02", "B", "007"],
    ["2020-03-01", "", "1"],
    ["2021-01-01", "m1", "1"],
    ["2021-02-02", "n/n", "4"],
];

fn recorded() -> (Vec<Key>, Table<'static>) {
    let keys = keys(&[("d", "date"), ("s", "string"), ("n", "int")]);
    let rows: Vec<Vec<&str>> = ROWS.iter().map(|row| row.to_vec()).collect();
    let table = table(&keys, &rows);
    (keys, table)
}

/// Returns the taken rows by their position in [`ROWS`], or the message.
fn outcome(text: &str) -> String {
    let (keys, table) = recorded();
    match plan(text, &keys) {
        Err(error) => error.to_string(),
        Ok(plan) => {
            let position = |row: &&Vec<&str>| ROWS.iter().position(|other| other[..] == row[..]).unwrap();
            let mut taken: Vec<usize> = walk(&plan, &table).0.iter().map(position).collect();
            taken.sort_unstable();
            taken
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        }
    }
}

#[test]
fn recorded_outcomes() {
    for (text, expected) in [
        (r#"d = "2020-01-02""#, "1"),
        ("d = 2020-01-02", "1"),
        ("d = '2020-01-02'", "1"),
        (r#"d >= "2020-01-03""#, "2 3 5 6 7 8 9"),
        ("d < 2020-01-03", "0 1"),
        (r#"d <> "2020-01-02""#, "0 2 3 5 6 7 8 9"),
        (r#"d != "2020-01-02""#, "0 2 3 5 6 7 8 9"),
        (r#""2020-01-03" <= d"#, "2 3 5 6 7 8 9"),
        (r#"d between "2020-01-02" and "2020-01-04""#, "1 2 3"),
        (r#"d not between "2020-01-02" and "2020-01-04""#, "0 5 6 7 8 9"),
        (r#"(d) in ("2020-01-01","2020-01-02")"#, "0 1"),
        (r#"(d) not in ("2020-01-01","2020-01-02")"#, "2 3 5 6 7 8 9"),
        (r#"s = "b""#, "1"),
        (r#"s = "B""#, "6"),
        (r#"S = "b""#, "1"),
        (r#"s != "b""#, "0 2 3 4 5 6 7 8 9"),
        (r#"s > "a""#, "0 1 4 5 8 9"),
        (r#"s = "a b/c""#, "0"),
        (r#"s = "a b%2Fc""#, ""),
        (r#"s = "__HIVE_DEFAULT_PARTITION__""#, "2"),
        (r#"s like "b""#, "1"),
        (r#"s like "b.*""#, "1"),
        (r#"s like ".*x.*""#, "3"),
        (r#"s = "q'u\"o""#, ""),
        ("n = 1", "0 7 8"),
        ("n > 2", "2 3 6 9"),
        ("n >= -5", "0 1 2 3 5 6 7 8 9"),
        ("n != 2", "0 2 3 5 6 7 8 9"),
        ("n = 7", "6"),
        ("n = 007", "6"),
        ("n < 5", "0 1 2 5 7 8 9"),
        ("n between 1 and 3", "0 1 2 7 8"),
        ("(n) in (1,2,3)", "0 1 2 7 8"),
        ("(n) not in (1,2,3)", "3 5 6 9"),
        (r#"s = "b" and n = 2"#, "1"),
        (r#"s = "b" or n = 10"#, "1 3"),
        (r#"(s = "b" or n = 10) and d > "2020-01-01""#, "1 3"),
        (r#"s = "b" AND (n = 2)"#, "1"),
        ("", "0 1 2 3 4 5 6 7 8 9"),
        (
            r#"(struct(s,n)) in (const struct("b",2), const struct("z",1))"#,
            "1",
        ),
        ("1 = n", "0 7 8"),
    ] {
        assert_eq!(outcome(text), expected, "{text}");
    }
}

/// Where the original of the 3.1 line gives up, or reads `like` otherwise than that of the 4.0 line.
#[test]
fn more_than_the_original() {
    for (text, expected) in [
        (r#"d = date "2020-01-02""#, "1"),
        ("d = DATE 2020-01-02", "1"),
        ("d = timestamp '2020-01-02 00:00:00'", "1"),
        (r#"s like "b%""#, "1"),
        (r#"n = "1""#, "0 7 8"),
        (r#"d = "notadate""#, ""),
        (r#"d != "notadate""#, ""),
        (r#"s like "b" and n = 2"#, "1"),
        (r#"n like "1""#, "0 7 8"),
        (r#"d like "2020.*""#, "0 1 2 3 5 6 7"),
        (r#"`s` = "b""#, "1"),
        (r#"s == "b""#, "1"),
        ("s = 5", ""),
    ] {
        assert_eq!(outcome(text), expected, "{text}");
    }
}

#[test]
fn errors_tell_what_and_where() {
    const A: &str = "Error parsing partition filter: ";
    for (text, expected) in [
        (
            "   ",
            format!("{A}expected the name of a partition key at position 3, found the end"),
        ),
        (
            "n in (1,2)",
            format!(
                "{A}expected a comparison (the key before 'in' stands in parentheses) at position 2, found 'in'"
            ),
        ),
        (
            "not (n = 2)",
            format!("{A}expected a comparison at position 4, found '('"),
        ),
        (
            r#"s = "b" and a = 1"#,
            "Specified key <a> is not a partitioning key for the table".into(),
        ),
        (
            "zz = 1",
            "Specified key <zz> is not a partitioning key for the table".into(),
        ),
        (
            "s = b",
            format!("{A}expected a string, an integer or a date at position 4, found 'b'"),
        ),
        (
            r#"s = "b"#,
            format!("{A}a string without its closing \" at position 4"),
        ),
        ("n = 1.5", format!("{A}unexpected character '.' at position 5")),
        (
            "n is null",
            format!("{A}expected a comparison at position 2, found 'is'"),
        ),
        (
            r#"s = "b" && n = 2"#,
            format!("{A}unexpected character '&' at position 8"),
        ),
        (
            r#"s = "b" and"#,
            format!("{A}expected the name of a partition key at position 11, found the end"),
        ),
        (
            "n = 99999999999999999999",
            format!("{A}the number 99999999999999999999 is out of range at position 4"),
        ),
        (
            r#"s <=> "b""#,
            format!("{A}expected a string, an integer or a date at position 4, found a comparison"),
        ),
        (
            "(n = 1",
            format!("{A}expected 'and', 'or' or ')' at position 6, found the end"),
        ),
        (
            "n = 1)",
            format!("{A}expected 'and', 'or' or the end at position 5, found ')'"),
        ),
        ("n ! 1", format!("{A}unexpected character '!' at position 2")),
        ("n = -", format!("{A}unexpected character '-' at position 4")),
        (
            "(struct(s,n)) in (const struct('b'))",
            format!("{A}a struct of 1 values for 2 keys at position 30"),
        ),
        (
            "(s) in ()",
            format!("{A}expected a string, an integer or a date at position 8, found ')'"),
        ),
    ] {
        assert_eq!(outcome(text), expected, "{text}");
    }
}

#[test]
fn limits_hold_and_long_chains_do_not_nest() {
    let deep = |n: usize| format!("{}n = 1{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(outcome(&deep(FILTER_PARENTHESES_MAX)), "0 7 8");
    assert!(outcome(&deep(FILTER_PARENTHESES_MAX + 1)).contains("more than 500 nested '('"));
    let alternating = |n: usize| format!("{}n = 1{}", "(n = 1 or (n = 2 and ".repeat(n), "))".repeat(n));
    assert_eq!(outcome(&alternating(FILTER_DEPTH_MAX / 2)), "0 7 8");
    assert!(outcome(&alternating(FILTER_DEPTH_MAX / 2 + 1)).contains("more than 100 nested"));
    let left = (0..FILTER_PARENTHESES_MAX).fold("n = 1".to_owned(), |left, _| format!("({left} or n = 1)"));
    assert_eq!(outcome(&left), "0 7 8");
    let chain = vec!["n = 1"; 20_000].join(" or ");
    assert_eq!(outcome(&chain), "0 7 8");
    let long = format!("s = '{}'", "x".repeat(FILTER_BYTES_MAX));
    assert!(outcome(&long).contains("more than 1048576"));
    assert_eq!(outcome(&format!("s >= '{}'", "x".repeat(500_000))), "4");
}

#[test]
fn keywords_can_be_keys() {
    let keys = keys(&[("date", "string"), ("struct", "string")]);
    assert!(plan("date = 'x' and struct = 'y'", &keys).is_ok());
    assert!(plan("date = date 'x'", &keys).is_ok());
    assert!(plan("(struct) in ('a')", &keys).is_ok());
}

/// 1,000 days of 24 hours: what a filter accepts decides how many names are looked at.
#[test]
fn walks_skip() {
    let keys = keys(&[("day", "string"), ("hour", "int")]);
    let days: Vec<String> = (0..1_000).map(|i| format!("d{i:04}")).collect();
    let hours: Vec<String> = (0..24).map(|h| h.to_string()).collect();
    let rows: Vec<Vec<&str>> = days
        .iter()
        .flat_map(|day| hours.iter().map(move |hour| vec![day.as_str(), hour.as_str()]))
        .collect();
    let table = table(&keys, &rows);
    for (text, taken, seen_max) in [
        ("day = 'd0500'", 24, 26),
        ("day = 'd0500' and hour = 7", 1, 6),
        ("day >= 'd0990'", 240, 243),
        ("day < 'd0010'", 240, 242),
        ("day between 'd0100' and 'd0101'", 48, 50),
        ("(day) in ('d0001', 'd0999')", 48, 52),
        ("day like 'd000.*'", 240, 332),
        ("day = 'd0001' or day = 'd0003' and hour = 1", 25, 52),
        ("hour = 7", 1_000, 4_010),
        ("hour > 21", 2_000, 24_000),
        ("day = 'zzz'", 0, 1),
        ("day < 'a'", 0, 1),
        ("hour = 'x'", 0, 0),
    ] {
        let plan = plan(text, &keys).unwrap();
        let (found, seen) = walk(&plan, &table);
        assert_eq!(found.len(), taken, "{text}");
        assert!(seen <= seen_max, "{text} looked at {seen} names");
    }
}

proptest! {
    /// A walk takes what a look at every partition takes, whatever the values and the filter.
    #[test]
    fn walks_lose_nothing(
        rows in proptest::collection::btree_set(
            ("[-a!%:/ ]{0,3}", prop::sample::select(vec!["1", "01", "2", "10", "-3", "x", ""]),
             prop::sample::select(vec!["2026-01-02", "2026-1-2", "2025-12-31", "nope", ""])), 1..40),
        filter in filters(),
    ) {
        let keys = keys(&[("s", "string"), ("n", "int"), ("d", "date")]);
        let rows: Vec<Vec<&str>> = rows.iter().map(|(s, n, d)| vec![s.as_str(), *n, *d]).collect();
        let table = table(&keys, &rows);
        let plan = plan(&filter, &keys).unwrap();
        let expected: Vec<_> = table.values().filter(|values| plan.takes(values)).collect();
        prop_assert_eq!(walk(&plan, &table).0, expected, "{}", filter);
    }
}

fn filters() -> impl Strategy<Value = String> {
    let operator = || prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let text = || "[-a!%:/ ]{0,3}".prop_map(|text| format!("'{text}'"));
    let date = || prop::sample::select(vec!["'2026-01-02'", "2025-12-31", "'2026-1-2'"]);
    let leaf = prop_oneof![
        (operator(), text()).prop_map(|(o, t)| format!("s {o} {t}")),
        (operator(), -3i64..12).prop_map(|(o, n)| format!("n {o} {n}")),
        (operator(), date()).prop_map(|(o, d)| format!("d {o} {d}")),
        (text(), text()).prop_map(|(a, b)| format!("s between {a} and {b}")),
        (text(), text()).prop_map(|(a, b)| format!("s not between {a} and {b}")),
        (text(), text()).prop_map(|(a, b)| format!("(s) in ({a}, {b})")),
        (text(), 0i64..3).prop_map(|(a, n)| format!("(struct(s, n)) in (const struct({a}, {n}))")),
        (text(), 0i64..3).prop_map(|(a, n)| format!("(struct(n, s)) not in (const struct({n}, {a}))")),
        "[-a!: ]{0,2}".prop_map(|p| format!("s like '{p}.*'")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        (prop::collection::vec(inner, 2..4), prop::bool::ANY)
            .prop_map(|(parts, and)| format!("({})", parts.join(if and { " and " } else { " or " })))
    })
}
