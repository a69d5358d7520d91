//! The gateway over a socket, as clients see it: by a client of other hands (`object_store`), and by requests
//! written byte by byte where that client is too polite.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "it/rig.rs"]
mod rig;
#[path = "it/signing.rs"]
mod signing;

#[path = "it/bad.rs"]
mod bad;
#[path = "it/connections.rs"]
mod connections;
#[path = "it/listing.rs"]
mod listing;
#[path = "it/multipart.rs"]
mod multipart;
#[path = "it/objects.rs"]
mod objects;
#[path = "it/payloads.rs"]
mod payloads;
#[path = "it/races.rs"]
mod races;
#[path = "it/refs.rs"]
mod refs;
#[path = "it/shared.rs"]
mod shared;
#[path = "it/streaming.rs"]
mod streaming;

#[test]
fn no_test_file_is_forgotten() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let this = include_str!("it.rs");
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(
            this.contains(&format!("\"it/{name}\"")),
            "{name} is in no test binary"
        );
    }
}
