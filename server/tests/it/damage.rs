//! Stored bytes that are not what was written: named by `skep fsck`, told by reads, survived by the server.

use std::fs;
use std::path::{Path, PathBuf};

use super::rig::{Skep, fails, folder, run, serve};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The stored files of one kind: `n` for nodes, `c` for commits, `d` for data.
fn stored(data: &Path, kind: &str) -> Vec<PathBuf> {
    let of_kind = |path: &PathBuf| {
        let below = path.strip_prefix(data.join("objects")).unwrap();
        below.components().any(|part| part.as_os_str() == kind)
    };
    let found: Vec<_> = files(&data.join("objects")).into_iter().filter(of_kind).collect();
    assert!(!found.is_empty(), "nothing of the kind {kind}");
    found
}

/// Changes a byte in the middle of a file; twice, and it is as it was.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(file, bytes).unwrap();
}

fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

/// Makes a folder with one commit, and returns the commit's id.
fn filled(data: &Path) -> String {
    let skep = Skep::start(data);
    skep.put("/lake/main/a", b"one");
    let commit = skep.lake("POST", "/branches/main/commits", r#"{"message": "one"}"#)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(skep.stop().success());
    commit
}

#[test]
fn a_damaged_node_is_named_and_the_server_stays_up() {
    let (_folder, data) = folder();
    filled(&data);
    let nodes = stored(&data, "n");
    nodes.iter().for_each(|node| damage(node));
    let names: Vec<_> = nodes.iter().map(|node| name(node)).collect();
    fails(
        &["fsck", "--data", data.to_str().unwrap()],
        1,
        &[&names, &["damaged", "hint: restore"][..]].concat(),
    );

    let skep = Skep::start(&data);
    let read = skep.s3("GET", "/lake/main/a", b"");
    assert_eq!(read.status, 500);
    assert!(read.text().contains("damaged"), "{}", read.text());
    let diff = skep.rest("GET", "/repositories/lake/diff?from=main~1&to=main", "");
    let (kind, told) = diff.problem();
    assert_eq!((diff.status, kind.as_str()), (500, "corrupt"));
    assert!(
        told.contains("skep fsck") && names.iter().any(|name| told.contains(name)),
        "{told}"
    );
    let report = skep.lake("POST", "/fsck", "{}");
    assert!(report["problems"].to_string().contains(names[0]), "{report}");

    // what is not damaged is served
    assert!(skep.is_up());
    assert_eq!(
        skep.lake("GET", "/refs/main/commits", "")["commits"][0]["message"],
        "one"
    );
    assert_eq!(
        skep.rest("POST", "/repositories", r#"{"name": "other"}"#).status,
        201
    );
    skep.put("/other/main/b", b"two");
    assert_eq!(skep.get("/other/main/b"), b"two");

    // once it is mended, so is what was damaged
    nodes.iter().for_each(|node| damage(node));
    assert_eq!(skep.get("/lake/main/a"), b"one");
    assert!(skep.stop().success());
}

#[test]
fn a_damaged_commit_is_named() {
    let (_folder, data) = folder();
    let commit = filled(&data);
    let file = stored(&data, "c")
        .into_iter()
        .find(|file| name(file).starts_with(&commit))
        .unwrap();
    damage(&file);
    fails(
        &["fsck", "--data", data.to_str().unwrap()],
        1,
        &[&commit, "damaged"],
    );
    let skep = Skep::start(&data);
    let log = skep.rest("GET", "/repositories/lake/refs/main/commits", "");
    assert_eq!((log.status, log.problem().0.as_str()), (500, "corrupt"));
    assert!(skep.is_up());
}

#[test]
fn lost_data_is_named() {
    let (_folder, data) = folder();
    filled(&data);
    for file in stored(&data, "d") {
        fs::remove_file(&file).unwrap();
        fails(
            &["fsck", "--data", data.to_str().unwrap()],
            1,
            &[name(&file), "missing"],
        );
    }
    let skep = Skep::start(&data);
    // the answer had begun, or it tells what is missing: in no case is it whole
    let read = skep.s3("GET", "/lake/main/a", b"");
    assert!(read.status == 500 || read.body != b"one", "{read:?}");
    assert!(skep.is_up());
}

#[test]
fn a_damaged_database_is_named() {
    let (_folder, data) = folder();
    filled(&data);
    let refs = data.join("refs.db");
    let sound = fs::read(&refs).unwrap();
    let words = [refs.to_str().unwrap(), "damaged", "hint: restore"];
    let pages = |from: usize, to: usize| {
        let mut bytes = sound.clone();
        bytes[from..to].fill(0xa5);
        bytes
    };
    for damaged in [pages(0, 100), pages(100, sound.len())] {
        fs::write(&refs, damaged).unwrap();
        fails(&serve(&data), 1, &words);
        fails(&["fsck", "--data", data.to_str().unwrap()], 1, &words);
    }
    fs::write(&refs, &sound).unwrap();
    assert_eq!(run(&["fsck", "--data", data.to_str().unwrap()]).0, 0);
}
