//! Rules by the command line.

use serde_json::{Value, json};

use super::rig::{Skep, folder, skep};

#[test]
fn rules_are_said_by_the_command_line() {
    let (_folder, data) = folder();
    let server = Skep::start(&data);
    let url = format!("http://{}", server.rest);
    let run = |line: &str, code: i32| -> Value {
        let arguments = line.split(' ').chain(["--output", "json", "--url", &url]);
        let ended = skep(&arguments.collect::<Vec<_>>()).output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{line}: {ended:?}");
        serde_json::from_slice(&ended.stdout).unwrap_or_default()
    };
    let rule = run(
        "rules set release-* --require-check rows --merge-profile strict-table",
        0,
    );
    assert_eq!(rule["protection"]["profile"], "strict-table", "{rule}");
    let brief = run("rules set tmp-? --ttl 90s", 0);
    assert_eq!(brief, json!({"pattern": "tmp-?", "ttl_seconds": 90}));
    assert_eq!(run("rules list", 0).as_array().unwrap().len(), 2);
    let made = run("branch create tmp-1 --idle 1d", 0);
    assert_eq!(
        (&made["ttl_seconds"], &made["idle_seconds"]),
        (&json!(90), &json!(86400))
    );
    let head = made["head"].as_str().unwrap().to_owned();
    assert_eq!(
        run("branch expiry tmp-1 --ttl never --idle never", 0)["expires_us"],
        json!(null)
    );
    let again = run(&format!("branch create release-1 --at {head}"), 0);
    assert_eq!(again["protected_by"], json!(["release-*"]));
    let shown = run("branch unprotect release-1", 0);
    assert_eq!(shown["protection"]["required_checks"], json!(["rows"]));
    run("commit release-1 -m words", 4);
    run("rules remove release-*", 0);
    assert_eq!(run("branch show release-1", 0)["protection"], json!(null));
    assert_eq!(run("repository set lake --read-only true", 0)["read_only"], true);
    run("branch delete release-1", 4);
    run("repository set lake --read-only false", 0);
    run("branch delete release-1", 0);
}
