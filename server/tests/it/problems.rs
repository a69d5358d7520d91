//! What the REST API answers to requests that it cannot serve.

use super::rig::{Skep, folder, send};

#[test]
fn every_error_is_a_problem() {
    let (_folder, data) = folder();
    let skep = Skep::start(&data);
    let cases = [
        (
            "GET",
            "/repositories/nothing/branches",
            "",
            404,
            "not_found",
            "nothing",
        ),
        (
            "GET",
            "/repositories/No%20Name/branches",
            "",
            400,
            "invalid",
            "No Name",
        ),
        (
            "GET",
            "/repositories/lake/branches/nothing",
            "",
            404,
            "not_found",
            "nothing",
        ),
        (
            "GET",
            "/repositories/lake/refs/deadbeef/commits",
            "",
            404,
            "not_found",
            "deadbeef",
        ),
        (
            "GET",
            "/repositories/lake/refs/main/commits?limit=many",
            "",
            400,
            "invalid",
            "limit",
        ),
        (
            "GET",
            "/repositories/lake/branches/%ff",
            "",
            400,
            "invalid",
            "UTF-8",
        ),
        (
            "GET",
            "/repositories/lake/diff?from=main",
            "",
            400,
            "invalid",
            "to",
        ),
        ("POST", "/repositories", "{", 400, "invalid", "JSON"),
        ("POST", "/repositories", "[]", 400, "invalid", "JSON"),
        (
            "POST",
            "/repositories",
            r#"{"name": "a", "colour": 1}"#,
            400,
            "invalid",
            "colour",
        ),
        (
            "POST",
            "/repositories",
            r#"{"name": "lake"}"#,
            409,
            "already_exists",
            "lake",
        ),
        (
            "POST",
            "/repositories/lake/branches",
            r#"{"name": "a/b"}"#,
            400,
            "invalid",
            "a/b",
        ),
        (
            "POST",
            "/repositories/lake/branches",
            r#"{"name": "x", "mode": "often"}"#,
            400,
            "invalid",
            "often",
        ),
        (
            "POST",
            "/repositories/lake/sql",
            r#"{"sql": "select from where"}"#,
            400,
            "invalid",
            "",
        ),
        (
            "DELETE",
            "/repositories/lake/branches/main",
            "",
            403,
            "denied",
            "default branch",
        ),
        (
            "POST",
            "/repositories/lake/branches/main/reverts",
            r#"{"commit": "main", "parent": 7}"#,
            400,
            "invalid",
            "first of its history",
        ),
        (
            "PATCH",
            "/repositories/lake/branches/main",
            r#"{"required_checks": ["rows"]}"#,
            400,
            "invalid",
            "protected",
        ),
        ("PUT", "/repositories", "", 400, "invalid", "PUT"),
        ("GET", "/nothing", "", 404, "not_found", "openapi.json"),
    ];
    for (method, path, body, status, kind, word) in cases {
        let answer = skep.rest(method, path, body);
        let (found, told) = answer.problem();
        assert_eq!(
            (answer.status, found.as_str()),
            (status, kind),
            "{method} {path}: {told}"
        );
        assert!(
            told.contains(word),
            "{method} {path} tells nothing of {word:?}: {told}"
        );
    }
}

#[test]
fn bodies_without_their_type_or_an_end_are_refused() {
    let (_folder, data) = folder();
    let skep = Skep::start(&data);
    let untyped = send(
        skep.rest,
        "POST",
        "/api/v1/repositories",
        &[],
        br#"{"name": "b"}"#,
    );
    assert_eq!(untyped.status, 400);
    assert!(untyped.problem().1.contains("content-type") || untyped.problem().1.contains("Content-Type"));
    let large = format!(r#"{{"name": "{}"}}"#, "a".repeat(8 << 20));
    let answer = skep.rest("POST", "/repositories", &large);
    assert_eq!((answer.status, answer.problem().0.as_str()), (400, "invalid"));
    assert_eq!(
        skep.rest("GET", "/repositories", "")
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
