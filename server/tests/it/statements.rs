//! SQL through REST and through the shell: branches, and rows as Arrow.

use std::io::Write as _;
use std::process::Stdio;

use super::rig::{Skep, folder, send, skep};

fn sql(text: &str) -> String {
    serde_json::json!({ "sql": text }).to_string()
}

#[test]
fn branches_are_made_and_merged_by_statements() {
    let (_folder, data) = folder();
    let skep = Skep::start(&data);
    let ask = |text: &str| skep.lake("POST", "/sql", &sql(text));
    assert_eq!(
        ask("create branch etl from main;")["rows"][0]["outcome"],
        "created"
    );
    assert_eq!(ask("create tag v1")["rows"][0]["ref"], "v1");
    assert_eq!(ask("show branches")["rows"].as_array().unwrap().len(), 2);
    assert_eq!(ask("show tags")["rows"][0]["name"], "v1");
    assert_eq!(ask("show diff main etl")["rows"].as_array().unwrap().len(), 0);
    assert_eq!(
        ask("merge branch etl into main")["rows"][0]["outcome"],
        "up to date"
    );
    assert_eq!(ask("use branch etl")["rows"][0]["ref"], "etl");
    assert_eq!(ask("drop branch etl")["rows"][0]["outcome"], "dropped");
    for (text, status, kind) in [
        ("use branch etl", 404, "not_found"),
        ("create branch main", 409, "already_exists"),
        ("merge branch etl", 400, "invalid"),
        ("drop table x", 403, "denied"),
    ] {
        let answer = skep.rest("POST", "/repositories/lake/sql", &sql(text));
        assert_eq!(
            (answer.status, answer.problem().0.as_str()),
            (status, kind),
            "{text}"
        );
    }
}

#[test]
fn rows_come_as_arrow_to_who_accepts_it() {
    const ARROW: &str = "application/vnd.apache.arrow.stream";
    let (_folder, data) = folder();
    let skep = Skep::start(&data);
    let headers = [("content-type", "application/json"), ("accept", ARROW)];
    let path = "/api/v1/repositories/lake/sql";
    // more rows than an answer in JSON may hold
    let text = sql("select value as n from generate_series(1, 100000)");
    let answer = send(skep.rest, "POST", path, &headers, text.as_bytes());
    assert_eq!((answer.status, answer.content_type.as_str()), (200, ARROW));
    assert!(answer.body.len() > 800_000, "{}", answer.body.len());
    // each message begins with this mark, and the last is empty
    assert!(answer.body.starts_with(&[255; 4]) && answer.body.ends_with(&[255, 255, 255, 255, 0, 0, 0, 0]));
    let failed = send(skep.rest, "POST", path, &headers, sql("select from").as_bytes());
    assert_eq!(failed.problem().0, "invalid");
}

#[test]
fn the_shell_runs_what_it_is_given() {
    let (_folder, data) = folder();
    let server = Skep::start(&data);
    let url = format!("http://{}", server.rest);
    let shell = |input: &str| {
        let mut shell = skep(&["sql", "--url", &url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = shell.wait_with_output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&told).into_owned())
    };
    let (code, told) = shell("create branch etl;\nuse branch etl;\nselect 40 +\n 2 as answer;\n\\b\n");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("| 42 ") && told.contains("| etl "), "{told}");
    let (code, told) = shell("use branch gone;\nselect 1;\n");
    assert!(
        code == Some(1) && told.contains("gone") && !told.contains("1 row"),
        "{told}"
    );
}
