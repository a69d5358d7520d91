//! The IDL against the Thrift classes in the jars of real clients, by Java's reflection.
//!
//! Needs Java 17 and the jars that the integration tests download. Without them it says so and passes,
//! unless `REQUIRE` names `java`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::generator::model::{Field, Idl, Kind, Type};
use crate::generator::parser;
use crate::idl::IDL;

/// One fact, as the Java program prints it, and what the IDL says besides.
type Facts = BTreeMap<Vec<String>, Option<String>>;

fn setting(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how a test is run is said by the environment"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Skips aloud, or fails if Java is required.
fn skip(why: &str) {
    let required = setting("REQUIRE").is_some_and(|list| list.split(',').any(|it| it.trim() == "java"));
    assert!(!required, "REQUIRE names java, but {why}");
    // not by `eprintln!`, which is kept back when a test passes
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: thrift-idl against client classes: {why}"
    );
}

fn engines() -> Option<PathBuf> {
    setting("SKEP_ENGINES").map(PathBuf::from).or_else(|| {
        let cache = setting("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(Path::new(&setting("HOME")?).join(".cache")));
        Some(cache?.join("skep-engines"))
    })
}

/// Returns the folders of jars: one of Hive 2.3 (Spark brings it), 3.1 and 4.0 each, with the oldest
/// first.
fn jars(engines: &Path) -> Vec<(&'static str, Option<PathBuf>)> {
    let has = |folder: PathBuf, jar: &str| {
        let mut names = std::fs::read_dir(&folder)
            .ok()?
            .filter_map(|it| it.ok()?.file_name().into_string().ok());
        names.any(|name| name.starts_with(jar)).then_some(folder)
    };
    let spark = ["spark-4.0", "spark-3.5"].into_iter().find_map(|spark| {
        let mut libs = std::fs::read_dir(engines.join("python").join(spark).join("lib")).ok()?;
        libs.find_map(|lib| {
            has(
                lib.ok()?.path().join("site-packages/pyspark/jars"),
                "hive-metastore-2.3",
            )
        })
    });
    vec![
        ("2.3", spark),
        (
            "3.1",
            has(engines.join("jars/hms-3.1.3"), "hive-standalone-metastore-3.1"),
        ),
        (
            "4.0",
            has(
                engines.join("jars/hiveserver2-4.0.1"),
                "hive-standalone-metastore-common-4.0",
            ),
        ),
    ]
}

/// Asks the classes in a folder of jars.
fn ask(jars: &Path) -> Result<String, String> {
    let program = "tests/java/DumpSchema.java";
    let output = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
        .arg(jars.join("*"))
        .arg(program)
        .output();
    let output = output.map_err(|error| format!("java cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

/// Says the IDL in the words of the Java program, without whether fields are required.
fn facts_of_idl(idl: &Idl) -> Facts {
    let mut facts = Facts::new();
    let mut add = |words: &[&str], was: Option<String>| {
        facts.insert(words.iter().map(|word| (*word).to_owned()).collect(), was);
    };
    for item in &idl.enums {
        for (name, number) in &item.values {
            add(&["value", &item.name, name, &number.to_string()], None);
        }
    }
    for item in &idl.structs {
        let kind = match item.kind {
            Kind::Struct => "struct",
            Kind::Exception => "exception",
            Kind::Union => "union",
        };
        add(&[kind, &item.name], None);
        for Field {
            id, name, ty, was, ..
        } in &item.fields
        {
            add(
                &["field", &item.name, &id.to_string(), name, &spelled(ty)],
                was.clone(),
            );
        }
    }
    for item in &idl.methods {
        add(
            &["method", &item.name, if item.oneway { "oneway" } else { "call" }],
            None,
        );
        for Field {
            id, name, ty, was, ..
        } in &item.args
        {
            add(
                &["arg", &item.name, &id.to_string(), name, &spelled(ty)],
                was.clone(),
            );
        }
        for Field {
            id, name, ty, was, ..
        } in &item.throws
        {
            add(
                &["result", &item.name, &id.to_string(), name, &spelled(ty)],
                was.clone(),
            );
        }
        if let Some(ty) = &item.returns {
            add(&["result", &item.name, "0", "success", &spelled(ty)], None);
        }
    }
    facts
}

fn spelled(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".into(),
        Type::I8 => "i8".into(),
        Type::I16 => "i16".into(),
        Type::I32 => "i32".into(),
        Type::I64 => "i64".into(),
        Type::Double => "double".into(),
        Type::String => "string".into(),
        Type::Binary => "binary".into(),
        Type::List(inner) => format!("list<{}>", spelled(inner)),
        Type::Set(inner) => format!("set<{}>", spelled(inner)),
        Type::Map(key, value) => format!("map<{},{}>", spelled(key), spelled(value)),
        Type::Named(name) => name.clone(),
    }
}

/// Takes the word on requirement out of a field's line.
fn without_requirement(mut fact: Vec<String>) -> (Vec<String>, Option<String>) {
    if fact.first().is_some_and(|word| word == "field") {
        let requirement = fact.remove(4);
        return (fact, Some(requirement));
    }
    (fact, None)
}

/// Whether the IDL notes, in an annotation, that older clients have it so.
fn is_noted(fact: &[String], facts: &Facts) -> bool {
    let [word, owner, id, name, ty] = fact else {
        return false;
    };
    facts.iter().any(|(known, was)| {
        let Some(was) = was else { return false };
        let same_id = known[2] == *id && (*was == *ty || *was == format!("{ty} {name}"));
        let other_id = was == id && known[3] == *name && known[4] == *ty;
        known[0] == *word && known[1] == *owner && (same_id || other_id)
    })
}

/// What 4.2 adds to 4.0, as the program prints it. Its classes need Java 21, so this is kept.
const HIVE_4_2: &str = include_str!("../java/hive-4.2.tsv");

fn facts_in(text: &str) -> Vec<(Vec<String>, Option<String>)> {
    let facts: BTreeSet<Vec<String>> = text
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect();
    facts.into_iter().map(without_requirement).collect()
}

/// Fails if a generation knows something that the IDL lacks.
fn check_known(generation: &str, theirs: &[(Vec<String>, Option<String>)], ours: &Facts) {
    let missing: Vec<_> = theirs
        .iter()
        .map(|it| &it.0)
        .filter(|it| !ours.contains_key(*it) && !is_noted(it, ours))
        .collect();
    assert!(
        missing.is_empty(),
        "the IDL lacks what Hive {generation} has: {missing:#?}"
    );
}

#[test]
fn the_idl_knows_what_hive_4_2_adds() {
    let idl = parser::parse(IDL).unwrap();
    let theirs = facts_in(HIVE_4_2);
    check_known("4.2", &theirs, &facts_of_idl(&idl));
    check_requirements(&idl, &theirs);
}

#[test]
fn the_idl_is_the_union_of_what_clients_know() {
    let Some(engines) = engines() else {
        return skip("no folder of engines is set");
    };
    let idl = parser::parse(IDL).unwrap();
    let ours = facts_of_idl(&idl);
    let mut seen: BTreeSet<_> = facts_in(HIVE_4_2).into_iter().map(|it| it.0).collect();
    let mut complete = true;
    for (generation, jars) in jars(&engines) {
        let asked = jars
            .ok_or_else(|| format!("no jars in {}", engines.display()))
            .and_then(|jars| ask(&jars));
        let theirs = match asked {
            Ok(text) => facts_in(&text),
            Err(why) => {
                complete = false;
                skip(&format!("Hive {generation}: {why}"));
                continue;
            }
        };
        assert!(theirs.len() > 1000, "Hive {generation}: too little found");
        check_known(generation, &theirs, &ours);
        if generation == "4.0" {
            check_requirements(&idl, &theirs);
        }
        seen.extend(theirs.into_iter().map(|it| it.0));
    }
    let invented: Vec<_> = ours.keys().filter(|it| !seen.contains(*it)).collect();
    assert!(
        !complete || invented.is_empty(),
        "the IDL has what no client has: {invented:#?}"
    );
}

/// What clients of today demand, the IDL must mark.
fn check_requirements(idl: &Idl, theirs: &[(Vec<String>, Option<String>)]) {
    for (fact, requirement) in theirs {
        let Some(requirement) = requirement else { continue };
        let field = idl
            .structs
            .iter()
            .find(|item| item.name == fact[1])
            .and_then(|item| item.fields.iter().find(|field| field.id.to_string() == fact[2]));
        let required = field.is_some_and(|field| field.required);
        assert_eq!(required, requirement == "required", "requirement of {fact:?}");
    }
}
