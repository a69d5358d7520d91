//! A full disk: a file system of a few MiB, which nobody but the server sees.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::rig::{Skep, folder, serve, without_settings};

/// What makes mounts that nobody else sees: as root, or as one who plays root.
const NAMESPACES: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];

/// A command that runs `then` with a small file system mounted at `at`.
fn on_small_disk(namespace: &[&str], at: &Path, then: &[&str]) -> Command {
    let mount = format!("mount -t tmpfs -o size=6m none '{}' && exec \"$@\"", at.display());
    let arguments = [namespace, &["sh", "-c", &mount, "sh"], then].concat();
    without_settings(Command::new("unshare"), &arguments)
}

/// Returns the namespace in which this machine lets us mount, if there is any.
#[expect(
    clippy::disallowed_methods,
    reason = "REQUIRE says which tests must not be skipped"
)]
fn namespace(at: &Path) -> Option<&'static [&'static str]> {
    let works = |namespace: &&&[&str]| {
        let mut command = on_small_disk(namespace, at, &["true"]);
        command
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let found = NAMESPACES.iter().find(works).copied();
    let required = std::env::var("REQUIRE").is_ok_and(|names| names.split(',').any(|name| name == "disk"));
    assert!(
        found.is_some() || !required,
        "a disk is required, but nothing can be mounted here"
    );
    found
}

/// Fills what is left of the disk, and returns the file that does.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = File::create(&path).unwrap();
    for size in [64 << 10, 4096, 1] {
        let bytes = vec![7; size];
        loop {
            match file.write_all(&bytes) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    path
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let (_folder, at) = folder();
    fs::create_dir(&at).unwrap();
    let Some(namespace) = namespace(&at) else {
        println!("SKIPPED a_full_disk_refuses_writes_and_loses_nothing: nothing can be mounted here");
        return;
    };
    let data = at.join("data");
    let serve = serve(&data);
    let skep = Skep::launch(on_small_disk(
        namespace,
        &at,
        &[&[env!("CARGO_BIN_EXE_skep")], &serve[..]].concat(),
    ));
    // the disk as the server sees it
    let disk = PathBuf::from(format!("/proc/{}/root", skep.pid())).join(at.strip_prefix("/").unwrap());
    skep.lake("POST", "/branches", r#"{"name": "etl"}"#);
    let mut acknowledged: Vec<(String, Vec<u8>)> = Vec::new();
    let mut write = |skep: &Skep, n: usize| {
        let (path, body) = (format!("/lake/etl/file{n}"), vec![n as u8; 5_000]);
        let answer = skep.s3("PUT", &path, &body);
        if answer.status == 200 {
            acknowledged.push((path, body));
        }
        answer
    };
    for n in 0..5 {
        assert_eq!(write(&skep, n).status, 200);
    }

    let filler = fill(&disk);
    for n in 5..10 {
        let refused = write(&skep, n);
        assert_eq!(refused.status, 507, "{}", refused.text());
        assert!(refused.text().contains("no space left"), "{}", refused.text());
    }
    let commit = skep.rest(
        "POST",
        "/repositories/lake/branches/etl/commits",
        r#"{"message": "full"}"#,
    );
    let (kind, told) = commit.problem();
    assert_eq!((commit.status, kind.as_str()), (503, "unavailable"), "{told}");
    assert!(
        told.contains("no space left") && told.contains("free some space"),
        "{told}"
    );
    assert!(skep.is_up());
    assert_eq!(skep.get("/lake/etl/file4"), vec![4; 5_000], "reads go on");

    fs::remove_file(filler).unwrap();
    for n in 10..15 {
        let answer = write(&skep, n);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let commit = skep.lake("POST", "/branches/etl/commits", r#"{"message": "free"}"#);
    for at in ["etl", commit["id"].as_str().unwrap()] {
        for (path, body) in &acknowledged {
            assert_eq!(
                skep.get(&path.replace("/etl/", &format!("/{at}/"))),
                *body,
                "{path} at {at}"
            );
        }
        assert_eq!(skep.s3("GET", &format!("/lake/{at}/file5"), b"").status, 404);
    }
    assert_eq!(acknowledged.len(), 10);
    let report = skep.lake("POST", "/fsck", "{}");
    assert_eq!(report["problems"], serde_json::json!([]), "{report}");
    assert!(skep.stop().success());
}
