//! What holds of the protocol as a whole: against Apache's codec, against hostile bytes, against the
//! classes of real clients.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[expect(
    dead_code,
    reason = "the tests look at the parsed IDL, not at all of the generator"
)]
#[path = "../generator/mod.rs"]
mod generator;

#[path = "it/apache.rs"]
mod apache;
#[path = "it/detect.rs"]
mod detect;
#[path = "it/dynamic.rs"]
mod dynamic;
#[path = "it/generations.rs"]
mod generations;
#[path = "it/hostile.rs"]
mod hostile;
#[path = "it/idl.rs"]
mod idl;
#[path = "it/java.rs"]
mod java;
#[path = "it/oracle.rs"]
mod oracle;
#[path = "it/replies.rs"]
mod replies;
#[path = "it/scanning.rs"]
mod scanning;

/// Counts what is allocated, so that tests can tell a claimed size from a real one.
#[global_allocator]
static ALLOCATED: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

#[test]
fn no_file_is_forgotten() {
    let folder = "tests/it";
    let modules = include_str!("it.rs");
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(
            modules.contains(&format!("it/{name}")),
            "tests/it.rs does not name {name}"
        );
    }
}
