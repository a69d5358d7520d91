//! Diffs by the command line.

use super::rig::{Skep, fails, folder, run};

#[test]
fn a_diff_is_asked_for_in_all_its_kinds() {
    let (_folder, data) = folder();
    let server = Skep::start(&data);
    let url = format!("http://{}", server.rest);
    let told = |arguments: &[&str]| run(&[&["diff", "--url", &url], arguments].concat());
    server.lake("POST", "/branches", r#"{"name": "etl", "from": "main"}"#);
    assert_eq!(told(&["main", "etl"]), (0, "no differences\n".into()));
    assert_eq!(
        told(&["--staged", "etl", "--full"]),
        (0, "no differences\n".into())
    );
    assert_eq!(
        told(&["main", "etl", "--profile"]),
        (0, "no data of these tables differs\n".into())
    );
    let (code, json) = told(&["main", "etl", "--profile", "sales.*", "--output", "json"]);
    assert_eq!(
        (code, json.split_whitespace().collect::<String>().as_str()),
        (0, r#"{"tables":[]}"#)
    );
    let rows = [
        "diff",
        "main",
        "etl",
        "--rows",
        "sales.gone",
        "--key",
        "id",
        "--url",
        &url,
    ];
    fails(&rows, 1, &["sales.gone"]);
    fails(
        &["diff", "main", "etl", "--rows", "sales.gone", "--url", &url],
        2,
        &["--key"],
    );
}
