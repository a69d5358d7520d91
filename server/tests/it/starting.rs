//! A server that cannot start says why, and what to do.

use std::fs;
use std::net::TcpListener;

use super::rig::{Skep, fails, folder, serve, skep};

#[test]
fn a_port_that_is_taken_is_told_and_nothing_is_made() {
    let (_folder, data) = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let holder = TcpListener::bind(taken.unwrap()).unwrap();
    let address = holder.local_addr().unwrap().to_string();
    for (flag, door) in [
        ("--http", "REST API"),
        ("--s3", "S3 gateway"),
        ("--thrift", "metastore"),
    ] {
        let mut arguments = serve(&data);
        let at = arguments.iter().position(|argument| *argument == flag).unwrap();
        arguments[at + 1] = &address;
        fails(
            &arguments,
            1,
            &[door, &address, "in use", "hint: ", "another port"],
        );
        assert!(!data.exists(), "{flag}");
    }
    let mut arguments = serve(&data).to_vec();
    arguments.extend(["--flight", &address]);
    fails(&arguments, 1, &["Flight SQL", &address, "in use", "hint: "]);
    assert!(!data.exists());
}

#[test]
fn a_folder_in_use_is_told_with_the_process_that_uses_it() {
    let (_folder, data) = folder();
    let skep = Skep::start(&data);
    let pid = skep.pid().to_string();
    let words = [data.to_str().unwrap(), "in use by process", &pid, "hint: "];
    fails(&serve(&data), 1, &words);
    fails(&["fsck", "--data", data.to_str().unwrap()], 1, &words);
    assert!(skep.is_up());
    // a killed process holds nothing
    drop(skep);
    assert!(Skep::start(&data).is_up());
}

#[test]
fn lost_refs_are_not_replaced_by_new_ones() {
    let (_folder, data) = folder();
    let skep = Skep::start(&data);
    skep.put("/lake/main/a", b"one");
    assert!(skep.stop().success());
    let (refs, kept) = (data.join("refs.db"), data.join("kept"));
    fs::rename(&refs, &kept).unwrap();
    fails(&serve(&data), 1, &["refs.db", "missing", "hint: restore"]);
    fails(
        &["fsck", "--data", data.to_str().unwrap()],
        2,
        &["holds no skep store"],
    );
    assert!(!refs.exists());
    fs::rename(&kept, &refs).unwrap();
    assert_eq!(Skep::start(&data).get("/lake/main/a"), b"one");
}

#[test]
fn wrong_settings_are_told_by_their_names() {
    let (folder, data) = folder();
    let file = folder.path().join("skep.toml");
    let file_name = file.to_str().unwrap();
    for (settings, words) in [
        ("htpp = '127.0.0.1:0'", ["htpp", "settings"]),
        ("cache_mib = 'much'", ["cache_mib", "much"]),
        ("http = 'here'", ["http", "socket address"]),
        ("log_format = 'xml'", ["log_format", "xml"]),
        ("http = ", ["settings", "TOML"]),
        ("thrift = ['9083=lake@']", ["thrift listener", "9083=lake@"]),
        ("repository = 'No Name'", ["No Name", "repository"]),
    ] {
        fs::write(&file, settings).unwrap();
        let mut arguments = serve(&data).to_vec();
        let flag = settings.split(' ').next().unwrap();
        if let Some(at) = arguments
            .iter()
            .position(|argument| argument.strip_prefix("--") == Some(flag))
        {
            arguments.drain(at..at + 2);
        }
        arguments.extend(["--config", file_name]);
        fails(&arguments, 2, &words);
        assert!(!data.exists(), "{settings}");
    }
    fails(
        &["serve", "--config", "/no/such/file"],
        2,
        &["there is no settings file /no/such/file"],
    );
    fails(&["serve", "--htpp", "x"], 2, &["--htpp"]);
}

#[test]
fn a_secret_that_everybody_knows_is_not_served_to_others() {
    let (folder, data) = folder();
    let mut arguments = serve(&data);
    arguments[6] = "0.0.0.0:0";
    fails(
        &arguments,
        2,
        &["0.0.0.0:0", "a key that everybody knows", "hint: set access_key"],
    );
    assert!(!data.exists());

    let secret = folder.path().join("secret");
    fs::write(&secret, "hush\n").unwrap();
    let mut arguments = serve(&data).to_vec();
    arguments.extend(["--secret-key-file", secret.to_str().unwrap()]);
    let skep = Skep::launch(skep(&arguments));
    assert_eq!(skep.s3_as("hush", "PUT", "/lake/main/a", b"one").status, 200);
    let refused = skep.s3("PUT", "/lake/main/a", b"two");
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("SignatureDoesNotMatch"),
        "{}",
        refused.text()
    );
    assert_eq!(skep.s3_as("hush", "GET", "/lake/main/a", b"").body, b"one");
}

#[test]
fn commands_without_a_server_say_how_to_get_one() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    fails(
        &["branch", "list", "--url", &url],
        1,
        &["no server answers", &url, "hint: ", "skep serve"],
    );
    fails(&["branch", "list", "--url", "nowhere"], 2, &["nowhere"]);
}

#[test]
fn a_listener_of_a_ref_that_is_not_there_is_told() {
    let (folder, data) = folder();
    let log = folder.path().join("log");
    let start = |listener: &str| {
        let mut arguments = serve(&data);
        arguments[8] = listener;
        arguments[10] = "warn";
        let mut command = skep(&arguments);
        command.stderr(fs::File::create(&log).unwrap());
        let skep = Skep::launch(command);
        (skep, fs::read_to_string(&log).unwrap())
    };
    let (skep, told) = start("127.0.0.1:0=lake@etl");
    for word in [
        &skep.thrift.to_string(),
        "lake",
        "etl",
        "not there",
        "branch create",
    ] {
        assert!(told.contains(word), "it tells nothing of {word:?}: {told}");
    }
    skep.lake("POST", "/branches", r#"{"name": "etl"}"#);
    assert!(skep.stop().success());
    let (_skep, told) = start("127.0.0.1:0=lake@etl");
    assert_eq!(told, "");
}
