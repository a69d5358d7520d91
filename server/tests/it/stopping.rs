//! A server that is asked to end does so, and all that was acknowledged is there afterwards.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::rig::{Skep, folder, run};

#[test]
fn what_is_staged_stays_staged() {
    let (_folder, data) = folder();
    let skep = Skep::start(&data);
    skep.lake("POST", "/branches", r#"{"name": "etl"}"#);
    skep.put("/lake/etl/a", b"committed");
    let commit = skep.lake("POST", "/branches/etl/commits", r#"{"message": "one"}"#)["id"].clone();
    skep.put("/lake/etl/a", b"staged");
    skep.put("/lake/main/b", b"not yet committed");
    assert!(skep.stop().success());

    let skep = Skep::start(&data);
    let branch = skep.lake("GET", "/branches/etl", "");
    assert_eq!((&branch["head"], &branch["uncommitted"]), (&commit, &true.into()));
    assert_eq!(skep.get("/lake/etl/a"), b"staged");
    assert_eq!(
        skep.get(&format!("/lake/{}/a", commit.as_str().unwrap())),
        b"committed"
    );
    assert_eq!(skep.get("/lake/main/b"), b"not yet committed");
    assert!(skep.stop().success());
    let (code, told) = run(&["fsck", "--data", data.to_str().unwrap()]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("all sound"), "{told}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn clients_that_stay_connected_do_not_hold_it_up() {
    let (_folder, data) = folder();
    let skep = Skep::start(&data);
    let mut idle = [skep.rest, skep.s3, skep.thrift].map(|door| TcpStream::connect(door).unwrap());
    // the beginning of a call, whose rest never comes
    idle[2].write_all(b"\x80\x01\x00\x01\x00\x00").unwrap();
    assert!(skep.is_up());
    let asked = Instant::now();
    assert!(skep.stop().success());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}
