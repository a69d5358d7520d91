//! The rules of the house: which rooms may know which, who owns what is heavy, and that no file is forgotten.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Which rooms a room may depend on. Rooms of one level are strangers.
const ARROWS: [(&str, &[&str]); 15] = [
    ("thrift-idl", &[]),
    ("versioning", &[]),
    ("serving", &[]),
    ("catalog", &["versioning"]),
    ("metastore", &["catalog", "serving", "thrift-idl", "versioning"]),
    ("sql", &["catalog", "versioning"]),
    ("gateway", &["serving", "versioning"]),
    ("api", &["catalog", "serving", "versioning"]),
    ("flight", &["versioning"]),
    ("hooks", &["catalog", "versioning"]),
    ("warehouse", &["catalog"]),
    (
        "server",
        &[
            "api",
            "catalog",
            "flight",
            "gateway",
            "hooks",
            "metastore",
            "serving",
            "sql",
            "versioning",
            "warehouse",
        ],
    ),
    ("testkit", &["versioning"]),
    ("integration", &[]),
    ("bench", &["thrift-idl"]),
];

/// What is heavy, or would spread, and the only rooms that may name it outside of their tests.
const OWNERS: [(&str, &[&str]); 24] = [
    ("arrow-avro", &["sql"]),
    ("arrow-flight", &["flight"]),
    ("axum", &["api"]),
    ("bcrypt", &["metastore"]),
    ("clap", &["server"]),
    ("datafusion", &["sql"]),
    ("figment", &["server"]),
    ("hyper-rustls", &["warehouse"]),
    ("nix", &["hooks"]),
    ("object_store", &["versioning"]),
    ("orc-rust", &["sql"]),
    ("reqwest", &["server"]),
    ("rlimit", &["server"]),
    ("rustls", &["hooks", "metastore", "warehouse"]),
    ("rusty-s3", &["warehouse"]),
    ("rustyline", &["server"]),
    ("s3s", &["gateway"]),
    ("sqlx", &["versioning"]),
    ("thrift", &[]),
    ("tonic", &["flight"]),
    ("ureq", &["bench"]),
    ("utoipa", &["api"]),
    ("uuid", &["server"]),
    ("zstd", &["sql", "versioning"]),
];

/// Tests run in the folder of their crate. The compiled path is not it where two clones share a target folder.
fn root() -> PathBuf {
    PathBuf::from("..")
}

/// The dependencies of each room, without those of its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().unwrap();
            (
                name(package),
                all.iter().filter(|one| one["kind"] != "dev").map(name).collect(),
            )
        })
        .collect()
}

#[test]
fn arrows_point_down() {
    let rooms: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .iter()
        .map(|(room, below)| (*room, below.iter().copied().collect()))
        .collect();
    let dependencies = dependencies();
    assert_eq!(
        dependencies.keys().map(String::as_str).collect::<Vec<_>>(),
        rooms.keys().copied().collect::<Vec<_>>()
    );
    for (room, known) in &dependencies {
        for other in known.iter().filter(|other| rooms.contains_key(other.as_str())) {
            assert!(
                rooms[room.as_str()].contains(other.as_str()),
                "{room} must not know {other}"
            );
        }
    }
}

#[test]
fn what_is_heavy_has_one_owner() {
    for (room, known) in dependencies() {
        for (library, owners) in OWNERS {
            let allowed = !known.contains(library) || owners.contains(&room.as_str());
            assert!(
                allowed,
                "{room} must not know {library}, which belongs to {owners:?}"
            );
        }
    }
}

/// All Rust files of the rooms.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = ARROWS.iter().map(|(room, _)| root().join(room)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} does not begin with //!",
            file.display()
        );
    }
}

#[test]
fn every_crate_states_what_it_does_not_know() {
    for (room, _) in ARROWS.iter().filter(|(room, _)| *room != "integration") {
        let folder = root().join(room).join("src");
        let top = ["lib.rs", "main.rs"]
            .map(|name| folder.join(name))
            .into_iter()
            .find(|path| path.exists())
            .unwrap();
        let text = std::fs::read_to_string(top).unwrap();
        assert!(
            text.contains("*Architecture invariant:*"),
            "{room} states no invariant"
        );
    }
}

/// A file below `tests/it` that no `mod` names is compiled by nobody and never fails.
#[test]
fn no_test_file_is_forgotten() {
    for (room, _) in ARROWS {
        let tests = root().join(room).join("tests");
        let (top, folder) = (tests.join("it.rs"), tests.join("it"));
        if !folder.exists() {
            continue;
        }
        let named: String = files()
            .iter()
            .filter(|file| **file == top || file.starts_with(&folder))
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect();
        for file in files().iter().filter(|file| file.starts_with(&folder)) {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let module = if stem == "mod" {
                file.parent().unwrap().file_name().unwrap().to_str().unwrap()
            } else {
                stem
            };
            let named = module == "it" || module == "main" || named.contains(&format!("mod {module};"));
            assert!(named, "{} is named by no mod", file.display());
        }
    }
}
