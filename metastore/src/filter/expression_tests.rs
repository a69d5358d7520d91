//! Expressions as Hive 4.0.1 wrote them, and bytes that nobody wrote.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::ast::{Expression, Leaf, Literal};
use super::*;

/// The recorded expressions by their text. Each was recorded with and without what its planner does to it.
fn recorded() -> Vec<(&'static str, Vec<u8>)> {
    let hex = |text: &str| {
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(byte).collect()
    };
    include_str!("../../testdata/kryo-4.0.1.tsv")
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(text, bytes)| (text, hex(bytes)))
        .collect()
}

fn keys() -> Vec<Key> {
    let key = |(name, type_name): (&str, &str)| Key {
        name: name.into(),
        type_name: type_name.into(),
    };
    [
        ("n", "int"),
        ("s", "string"),
        ("d", "date"),
        ("b", "bigint"),
        ("c", "char(3)"),
        ("v", "varchar(4)"),
        ("de", "decimal(5,2)"),
        ("ts", "timestamp"),
    ]
    .map(key)
    .to_vec()
}

fn spell(filter: &Expression<Leaf>) -> String {
    let joined = |parts: &[Expression<Leaf>], word| {
        let parts: Vec<String> = parts.iter().map(spell).collect();
        format!("({})", parts.join(word))
    };
    match filter {
        Expression::And(parts) => joined(parts, " & "),
        Expression::Or(parts) => joined(parts, " | "),
        Expression::Leaf(leaf) => spell_leaf(leaf),
    }
}

fn spell_leaf(leaf: &Leaf) -> String {
    let value = |literal: &Literal| match literal {
        Literal::Integer(number) => number.to_string(),
        Literal::Text(text) => format!("'{text}'"),
    };
    let not = |negated: &bool| if *negated { "not " } else { "" };
    match leaf {
        Leaf::Compare {
            key,
            operator,
            literal,
        } => format!("{key} {operator:?} {}", value(literal)),
        Leaf::Like {
            key,
            negated,
            pattern,
            reading,
        } => format!("{key} {}like {pattern} {reading:?}", not(negated)),
        Leaf::Between {
            key,
            negated,
            low,
            high,
        } => format!("{key} {}between {} {}", not(negated), value(low), value(high)),
        Leaf::In { keys, negated, rows } => {
            let row = |row: &Vec<Literal>| row.iter().map(value).collect::<Vec<_>>().join(" ");
            let rows: Vec<String> = rows.iter().map(row).collect();
            format!("{} {}in [{}]", keys.join(" "), not(negated), rows.join(", "))
        }
        Leaf::Null { key, negated } => format!("{key} is {}null", not(negated)),
    }
}

fn outcome(bytes: &[u8]) -> String {
    let tree = match kryo::read(bytes) {
        Ok(tree) => tree,
        Err(error) => return error.to_string(),
    };
    let understood = expression::understand(&tree, &keys());
    let filter = understood.filter.as_ref().map_or("?".into(), spell);
    let part = if understood.exact { "" } else { " & ?" };
    format!("{filter}{part}")
}

#[test]
fn recorded_expressions_are_understood() {
    const YEAR: &str = "it has an object of class org.apache.hadoop.hive.ql.udf.UDFYear";
    let expected = BTreeMap::from([
        ("(n = 1)", "n Equal 1"),
        (
            "((n > 1) and (s = 'x'))",
            "(n Greater 1 & s Equal 'x' & s is not null)",
        ),
        ("(s like 'x%')", "(s like x% Sql & s is not null)"),
        ("(n) IN (1, 2, 3)", "n in [1, 2, 3]"),
        ("((n <> 1) and (n <> 2))", "(n NotEqual 1 & n NotEqual 2)"),
        ("(not (n) IN (1, 2))", "n not in [1, 2]"),
        ("n BETWEEN 1 AND 5", "n between 1 5"),
        (
            "((d = DATE'2020-01-01') or (n = 2))",
            "(d Equal '2020-01-01' | n Equal 2)",
        ),
        (
            "((d = '2020-01-01') or (n = 2))",
            "(d Equal '2020-01-01' | n Equal 2)",
        ),
        ("(d >= DATE'2020-01-01')", "d GreaterOrEqual '2020-01-01'"),
        ("s is null", "s is null"),
        ("((n <> 3) and s is not null)", "(n NotEqual 3 & s is not null)"),
        ("(s is not null and (n <> 3))", "(s is not null & n NotEqual 3)"),
        ("(b = 1L)", "b Equal 1"),
        ("(c = 'a  ')", "(c in ['a', 'a ', 'a  '] & c is not null)"),
        ("(v = 'b')", "(v Equal 'b' & v is not null)"),
        (
            "(de = 1.5)",
            "de Equal '00000000000000000000000000000000000000000000001.5'",
        ),
        (
            "(ts = TIMESTAMP'2020-01-01 00:00:00')",
            "ts Equal '2020-01-01 00:00:00'",
        ),
        ("(ts = '2020-01-01 00:00:00')", "ts Equal '2020-01-01 00:00:00'"),
        (
            "(struct(s,n)) IN (struct('x',1), struct('y',2))",
            "(s n in ['x' 1, 'y' 2] & s is not null)",
        ),
        (
            "(struct(n,s)) IN (const struct(1,'x'), const struct(2,'y'))",
            "(n s in [1 'x', 2 'y'] & s is not null)",
        ),
        ("((n + 1) = 2)", "? & ?"),
        ("(year(d) = 2020)", YEAR),
        (
            "((s <> 'q') and (n <> 4))",
            "(s NotEqual 'q' & s is not null & n NotEqual 4)",
        ),
        ("(n > 5)", "n Greater 5"),
        (
            "((d < DATE'2019-01-01') and (s = 'x'))",
            "(d Less '2019-01-01' & s Equal 'x' & s is not null)",
        ),
    ]);
    let recorded = recorded();
    assert_eq!(recorded.len(), 41);
    for (text, bytes) in recorded {
        assert_eq!(outcome(&bytes), expected[text], "{text}");
    }
}

fn bytes_of(text: &str) -> Vec<u8> {
    let found = recorded().into_iter().find(|(recorded, _)| *recorded == text);
    found.unwrap().1
}

fn takes(expressed: &Expressed, n: &str, s: &str) -> bool {
    let rest = ["2020-01-01", "1", "a", "b", "1.5", "2020-01-01 00:00:00"];
    expressed.plan.takes(&[&[n, s], &rest[..]].concat())
}

/// Java's null is in no comparison, and neither is the partition that stands for it, of whatever type.
#[test]
fn the_default_partition_is_null() {
    let plan = |text| plan_expression(&bytes_of(text), &keys());
    let other = plan("((s <> 'q') and (n <> 4))");
    assert_eq!(other.unknown, None);
    assert!(takes(&other, "1", "x"));
    for (n, s) in [
        ("4", "x"),
        ("1", "q"),
        ("1", "__HIVE_DEFAULT_PARTITION__"),
        ("1", ""),
        ("__HIVE_DEFAULT_PARTITION__", "x"),
        ("none", "x"),
    ] {
        assert!(!takes(&other, n, s), "{n} {s}");
    }
    let null = plan("s is null");
    assert!(takes(&null, "1", "__HIVE_DEFAULT_PARTITION__") && takes(&null, "1", ""));
    assert!(!takes(&null, "1", "x"));
    let like = plan("(s like 'x%')");
    assert!(takes(&like, "1", "xy") && !takes(&like, "1", "yx"));
}

#[test]
fn what_is_not_understood_takes_everything_and_says_so() {
    for (bytes, reason) in [
        (
            bytes_of("((n + 1) = 2)"),
            "the expression is none that partitions can be found by",
        ),
        (
            bytes_of("(year(d) = 2020)"),
            "the expression cannot be read: it has an object of class org.apache.hadoop.hive.ql.udf.UDFYear",
        ),
        (vec![1], "the expression cannot be read: it ends within an object"),
        (
            b"zz = 1".to_vec(),
            "Specified key <zz> is not a partitioning key for the table",
        ),
    ] {
        let expressed = plan_expression(&bytes, &keys());
        assert_eq!(expressed.unknown.as_deref(), Some(reason));
        assert!(expressed.plan.takes_all());
    }
    // a key of another type than the expression takes it for
    let text = vec![Key {
        name: "n".into(),
        type_name: "string".into(),
    }];
    assert!(plan_expression(&bytes_of("(n = 1)"), &text).unknown.is_some());
}

/// Hive's repair of tables sends filters as text.
#[test]
fn text_is_a_filter() {
    let expressed = plan_expression(b"s = 'x' and n = 1", &keys());
    assert_eq!(expressed.unknown, None);
    assert!(takes(&expressed, "1", "x") && !takes(&expressed, "2", "x"));
    // two originals read it differently: good to look with, not to drop by
    let like = plan_expression(b"s like 'x.*'", &keys());
    assert!(like.unknown.is_some() && takes(&like, "1", "xy") && !takes(&like, "1", "y"));
}

/// Writes as Kryo does, for what was not recorded.
struct Writer {
    bytes: Vec<u8>,
    classes: Vec<&'static str>,
}

impl Writer {
    fn class(&mut self, name: &'static str) {
        self.bytes.push(1);
        if let Some(number) = self.classes.iter().position(|other| *other == name) {
            self.bytes.push(u8::try_from(number).unwrap());
        } else {
            self.bytes.push(u8::try_from(self.classes.len()).unwrap());
            self.classes.push(name);
            let (last, first) = name.as_bytes().split_last().unwrap();
            self.bytes.extend_from_slice(first);
            self.bytes.push(last | 0x80);
        }
        self.bytes.push(1);
    }

    fn function(&mut self, udf: &'static str, arguments: u8, write: impl Fn(&mut Writer)) {
        self.class("org.apache.hadoop.hive.ql.plan.ExprNodeGenericFuncDesc");
        self.class("java.util.ArrayList");
        self.bytes.push(arguments + 1);
        write(self);
        self.class(udf);
        self.bytes.extend_from_slice(&[0, 0, 0]);
    }

    /// Writes `not` around `not`, so deep, around a function of nothing.
    fn nots(&mut self, depth: usize) {
        if depth == 0 {
            self.function("org.apache.hadoop.hive.ql.udf.generic.GenericUDFOPAnd", 0, |_| {});
        } else {
            self.function(
                "org.apache.hadoop.hive.ql.udf.generic.GenericUDFOPNot",
                1,
                |writer| {
                    writer.nots(depth - 1);
                },
            );
        }
    }
}

fn written(write: impl Fn(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer {
        bytes: Vec::new(),
        classes: Vec::new(),
    };
    write(&mut writer);
    writer.bytes
}

#[test]
fn limits_hold() {
    assert_eq!(outcome(&written(|writer| writer.nots(90))), "? & ?");
    assert_eq!(
        outcome(&written(|writer| writer.nots(120))),
        "it has more than 200 objects within each other"
    );
    assert_eq!(
        outcome(&vec![0; kryo::BYTES_MAX + 1]),
        "it has more than 1048576 bytes"
    );
    // a list that claims more than there is
    let claims = written(|writer| {
        writer.class("java.util.ArrayList");
        writer
            .bytes
            .extend_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 2, 2]);
    });
    assert_eq!(outcome(&claims), "it ends within an object");
    // a list within itself
    let cycle = written(|writer| {
        writer.class("java.util.ArrayList");
        writer.bytes.extend_from_slice(&[2, 1, 0, 2]);
    });
    assert_eq!(outcome(&cycle), "a reference is not as Hive writes it");
}

/// Each level points at the one below many times: looked at one by one, that would never end.
#[test]
fn shared_parts_are_not_looked_at_for_ever() {
    let bytes = written(|writer| {
        writer.class("org.apache.hadoop.hive.ql.plan.ExprNodeGenericFuncDesc");
        doubled(writer, 60);
    });
    let understood = outcome(&bytes);
    assert!(understood == "? & ?", "{understood}");
}

/// Writes the fields of an `and` of two, of which the second is the first.
fn doubled(writer: &mut Writer, depth: usize) {
    let number = u8::try_from(2 * (60 - depth)).unwrap();
    writer.class("java.util.ArrayList");
    if depth == 0 {
        writer.bytes.push(1);
    } else {
        writer.bytes.push(3);
        writer.class("org.apache.hadoop.hive.ql.plan.ExprNodeGenericFuncDesc");
        doubled(writer, depth - 1);
        // the object after this level's function and list
        writer.bytes.extend_from_slice(&[1, 0, number + 2 + 2]);
    }
    writer.class("org.apache.hadoop.hive.ql.udf.generic.GenericUDFOPAnd");
    writer.bytes.extend_from_slice(&[0, 0, 0]);
}

proptest! {
    /// Whatever stands in the bytes, reading ends, and what it says of them is one thing or the other.
    #[test]
    fn any_bytes_are_read_to_an_end(
        which in 0usize..41,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = recorded().swap_remove(which).1;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let expressed = plan_expression(&bytes, &keys());
        prop_assert!(expressed.unknown.is_some() || !expressed.plan.takes_all());
    }

    #[test]
    fn bytes_at_random_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        plan_expression(&bytes, &keys());
    }
}
