//! Actions against servers that are made up, and programs that are not.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hooks::action::Ended;
use hooks::{Kubernetes, Settings};
use serde_json::json;

use super::fake::{Asked, Fake, run, run_for};

const SOON: Duration = Duration::from_millis(300);

fn ok(text: impl Into<String>) -> (u16, String) {
    (200, text.into())
}

#[tokio::test]
async fn sql_is_run_by_who_is_handed_in() {
    for (query, ended, word) in [
        ("fine", Ended::Passed, ""),
        (
            "fail",
            Ended::Failed,
            "3 rows were found where none should be:\n| -1 |",
        ),
        ("error", Ended::Errored, "no such table"),
    ] {
        let outcome = run("sql", &format!("{{query: {query}}}"), Settings::default()).await;
        assert_eq!((outcome.ended, outcome.output.as_str()), (ended, word));
    }
}

#[tokio::test]
async fn a_webhook_posts_the_payload_and_signs_it() {
    let (fake, url) = Fake::serve(|_, _| ok("thanks, hush-hush")).await;
    let properties = format!(
        "{{url: '{url}/hook', secret: secret.key, headers: {{X-Token: 't {{{{ env.KEY }}}}'}}, query_params: {{b: '{{{{ branch }}}}&'}}}}"
    );
    let outcome = run("webhook", &properties, Settings::default()).await;
    // what it says is shown without the secret
    assert_eq!(
        (outcome.ended, outcome.output.as_str()),
        (Ended::Passed, "thanks, ***")
    );
    let [asked] = &fake.asked()[..] else {
        panic!("{:?}", fake.lines())
    };
    assert_eq!(asked.line, "POST /hook?b=main%26");
    assert_eq!(asked.header("x-token"), "t hush-hush");
    assert_eq!(asked.header("x-skep-event"), "pre-merge");
    assert!(asked.header("x-skep-signature").starts_with("sha256="));
    assert!(!asked.header("x-skep-timestamp").is_empty());
    assert_eq!(asked.json()["version"], json!(1));
}

#[tokio::test]
async fn a_webhook_refuses_by_any_other_answer() {
    for (status, ended) in [(500, Ended::Failed), (302, Ended::Failed), (204, Ended::Passed)] {
        let (_, url) = Fake::serve(move |_, _| (status, String::new())).await;
        let outcome = run("webhook", &format!("{{url: '{url}'}}"), Settings::default()).await;
        assert_eq!(outcome.ended, ended, "{status}");
    }
    let (_, url) = Fake::serve(|_, _| (0, String::new())).await;
    let outcome = run_for("webhook", &format!("{{url: '{url}'}}"), Settings::default(), SOON).await;
    assert_eq!(outcome.ended, Ended::TooLong);
    let only = Settings {
        hosts: Some(vec!["example.com".into()]),
        ..Settings::default()
    };
    let outcome = run("webhook", &format!("{{url: '{url}'}}"), only).await;
    assert_eq!(outcome.ended, Ended::Errored);
    assert!(
        outcome.output.contains("do not list the host"),
        "{}",
        outcome.output
    );
    let unknown = format!("{{url: '{url}', secret: secret.other}}");
    let outcome = run("webhook", &unknown, Settings::default()).await;
    assert!(
        outcome.output.contains("list no secret.other"),
        "{}",
        outcome.output
    );
}

fn programs(scripts: &[(&str, &str)]) -> (tempfile::TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in scripts {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let settings = Settings {
        programs: Some(folder.path().into()),
        program_environment: vec!["KEY".into(), "OTHER".into()],
        ..Settings::default()
    };
    (folder, settings)
}

#[tokio::test]
async fn a_command_gets_the_payload_and_an_environment_of_its_own() {
    let script = "cat; echo; echo \"$KEY|$1|$HOME|$EXTRA\" >&2; exit 3";
    let (_folder, settings) = programs(&[
        ("say", script),
        ("fine", "exit 0"),
        ("long", "yes | head -c 5000"),
    ]);
    let properties = "{program: say, arguments: ['{{ branch }}'], environment: {EXTRA: more}}";
    let outcome = run("command", properties, settings.clone()).await;
    assert_eq!(outcome.ended, Ended::Failed);
    assert!(
        outcome
            .output
            .starts_with("{\"version\":1,\"event\":\"pre-merge\""),
        "{}",
        outcome.output
    );
    assert!(
        outcome.output.contains("\n***|main||more\n"),
        "{}",
        outcome.output
    );
    assert!(
        outcome.output.ends_with("ended with code 3"),
        "{}",
        outcome.output
    );
    assert_eq!(
        run("command", "{program: fine}", settings.clone()).await.ended,
        Ended::Passed
    );
    let long = run("command", "{program: long}", settings).await;
    assert_eq!((long.ended, long.output.len()), (Ended::Passed, 1_000));
}

/// Output of exactly the limit of 1,000 bytes, which cuts the secret `hush-hush`.
fn cut_secret() -> String {
    format!("{}hush-hus", "x".repeat(992))
}

#[tokio::test]
async fn a_secret_that_is_cut_at_the_limit_is_not_shown() {
    let (_folder, settings) = programs(&[("say", &format!("printf {}h; exit 3", cut_secret()))]);
    let outcome = run("command", "{program: say}", settings).await;
    assert!(outcome.output.ends_with("x***\nended with code 3"), "{outcome:?}");

    let (_docker, url) = Fake::serve(|asked, _| match asked.line.contains("/logs?") {
        true => ok(cut_secret()),
        false => docker(asked, 3),
    })
    .await;
    let properties = "{image: acme/x, environment: {TOKEN: '{{ env.KEY }}'}}";
    let outcome = run("docker", properties, with_docker(url)).await;
    assert!(outcome.output.ends_with("x***\nended with code 3"), "{outcome:?}");

    let (_kubernetes, url) = Fake::serve(|asked, n| match asked.line.contains("/log?") {
        true => ok(cut_secret()),
        false => kubernetes("Failed")(asked, n),
    })
    .await;
    let properties = "{namespace: checks, image: acme/x, environment: {TOKEN: '{{ env.KEY }}'}}";
    let outcome = run("kubernetes", properties, with_kubernetes(url, None)).await;
    assert!(outcome.output.contains("x***\nthe job failed"), "{outcome:?}");
}

#[tokio::test]
async fn commands_are_off_until_a_folder_is_named_and_stay_within_it() {
    let off = run("command", "{program: fine}", Settings::default()).await;
    assert!(
        off.ended == Ended::Errored && off.output.contains("no folder of programs"),
        "{off:?}"
    );
    let (folder, settings) = programs(&[("fine", "exit 0")]);
    std::os::unix::fs::symlink("/bin/sh", folder.path().join("shell")).unwrap();
    for name in ["gone", "shell"] {
        let outcome = run("command", &format!("{{program: {name}}}"), settings.clone()).await;
        assert_eq!(outcome.ended, Ended::Errored, "{name}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_killed_with_all_that_it_began() {
    let (folder, settings) = programs(&[("hang", "echo begun; sleep 600 & echo $! > child; wait")]);
    let outcome = run_for("command", "{program: hang}", settings, Duration::from_secs(2)).await;
    assert_eq!(
        (outcome.ended, outcome.output.as_str()),
        (Ended::TooLong, "begun\n")
    );
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let stat = Path::new("/proc").join(child.trim()).join("stat");
    // gone, or dead and not yet buried by whoever runs the tests
    let is_dead = || std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "));
    let mut tries = 0;
    while !is_dead() {
        tries += 1;
        assert!(tries < 1_000, "{child} lives");
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
}

fn docker(asked: &Asked, code: i64) -> (u16, String) {
    match asked.line.split('?').next().unwrap() {
        "POST /v1.41/containers/create" => (201, json!({"Id": "c1"}).to_string()),
        "POST /v1.41/containers/skep-0042/start" | "DELETE /v1.41/containers/skep-0042" => {
            (204, String::new())
        }
        "POST /v1.41/containers/skep-0042/wait" => ok(json!({"StatusCode": code}).to_string()),
        "GET /v1.41/containers/skep-0042/logs" => ok("\x01\0\0\0\0\0\0\x05hello"),
        other => (404, other.to_owned()),
    }
}

fn with_docker(address: String) -> Settings {
    Settings {
        docker: Some(address),
        docker_images: vec!["acme/*".into()],
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_container_is_made_waited_for_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    for (code, ended) in [(0, Ended::Passed), (2, Ended::Failed)] {
        let path = socket.with_extension(code.to_string());
        let fake = Fake::serve_at(&path, move |asked, _| docker(asked, code));
        let settings = with_docker(format!("unix://{}", path.display()));
        let properties =
            "{image: 'acme/x:1', command: [check, '{{ commit }}'], environment: {TOKEN: '{{ env.KEY }}'}}";
        let outcome = run("docker", properties, settings).await;
        assert_eq!(outcome.ended, ended, "{outcome:?}");
        assert!(outcome.output.starts_with("hello"), "{outcome:?}");
        let made = fake.asked()[0].json();
        assert_eq!(made["Image"], "acme/x:1");
        let environment = made["Env"].as_array().unwrap();
        assert!(
            environment[0]
                .as_str()
                .unwrap()
                .starts_with("SKEP_PAYLOAD={\"version\":1")
        );
        assert_eq!(environment[1], "TOKEN=hush-hush");
        assert_eq!(
            fake.lines().last().unwrap(),
            "DELETE /v1.41/containers/skep-0042?force=true"
        );
    }
}

#[tokio::test]
async fn a_container_that_takes_too_long_is_removed_and_images_have_to_be_listed() {
    let (fake, url) = Fake::serve(|asked, _| match asked.line.ends_with("/wait") {
        true => (0, String::new()),
        false => docker(asked, 0),
    })
    .await;
    let outcome = run_for("docker", "{image: acme/x}", with_docker(url.clone()), SOON).await;
    assert_eq!(
        (outcome.ended, outcome.output.as_str()),
        (Ended::TooLong, "hello")
    );
    assert!(
        fake.lines().last().unwrap().starts_with("DELETE "),
        "{:?}",
        fake.lines()
    );
    let outcome = run("docker", "{image: evil/x}", with_docker(url)).await;
    assert!(outcome.ended == Ended::Errored && outcome.output.contains("do not list the image"));
    let off = run("docker", "{image: acme/x}", Settings::default()).await;
    assert!(off.output.contains("name no Docker"), "{off:?}");
}

#[tokio::test]
async fn a_container_is_removed_where_nobody_heard_that_it_was_made_and_where_nobody_waits_for_it() {
    let (fake, url) = Fake::serve(|asked, _| match asked.line.split('?').next().unwrap() {
        "POST /v1.41/containers/create" => (0, String::new()),
        _ => docker(asked, 0),
    })
    .await;
    let outcome = run_for("docker", "{image: acme/x}", with_docker(url), SOON).await;
    assert_eq!(outcome.ended, Ended::TooLong, "{outcome:?}");
    assert!(
        fake.lines().last().unwrap().starts_with("DELETE "),
        "{:?}",
        fake.lines()
    );

    let (fake, url) = Fake::serve(|asked, _| match asked.line.ends_with("/wait") {
        true => (0, String::new()),
        false => docker(asked, 0),
    })
    .await;
    let running = tokio::spawn(async move { run("docker", "{image: acme/x}", with_docker(url)).await });
    asked_for(&fake, "/wait").await;
    running.abort();
    asked_for(&fake, "?force=true").await;
}

/// Waits until something was asked for.
async fn asked_for(fake: &Fake, what: &str) {
    let asked = async {
        while !fake.lines().iter().any(|line| line.ends_with(what)) {
            tokio::task::yield_now().await;
        }
    };
    let asked = tokio::time::timeout(Duration::from_secs(60), asked).await;
    assert!(asked.is_ok(), "{:?}", fake.lines());
}

#[tokio::test]
async fn an_image_that_is_not_there_is_pulled_where_the_hook_says_so() {
    let (fake, url) = Fake::serve(|asked, before| match (asked.line.as_str(), before) {
        ("POST /v1.41/containers/create?name=skep-0042", 0) => (404, "no such image".into()),
        (line, _) if line.starts_with("POST /v1.41/images/create") => ok("{}"),
        _ => docker(asked, 0),
    })
    .await;
    let outcome = run("docker", "{image: acme/x, pull: true}", with_docker(url)).await;
    assert_eq!(outcome.ended, Ended::Passed, "{outcome:?}");
    assert_eq!(fake.lines()[1], "POST /v1.41/images/create?fromImage=acme%2Fx");
}

fn kubernetes(condition: &'static str) -> impl Fn(&Asked, usize) -> (u16, String) + Clone {
    move |asked: &Asked, _| {
        let jobs = "/apis/batch/v1/namespaces/checks/jobs";
        let line = asked.line.as_str();
        if line == format!("POST {jobs}") {
            return (201, asked.body.clone());
        }
        if line == format!("GET {jobs}/skep-0042") {
            let failed = json!({"type": condition, "status": "True", "reason": "BackoffLimitExceeded"});
            return ok(json!({"status": {"conditions": [failed]}}).to_string());
        }
        match line.split('?').next().unwrap() {
            "GET /api/v1/namespaces/checks/pods" => {
                ok(json!({"items": [{"metadata": {"name": "p"}}]}).to_string())
            }
            "GET /api/v1/namespaces/checks/pods/p/log" => ok("hello"),
            other if other.starts_with("DELETE ") => ok("{}"),
            other => (404, other.to_owned()),
        }
    }
}

fn with_kubernetes(url: String, token_file: Option<PathBuf>) -> Settings {
    Settings {
        kubernetes: Some(Kubernetes {
            url,
            token_file,
            ca_file: None,
            namespaces: vec!["checks".into()],
        }),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_job_is_made_waited_for_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "bearer-1\n").unwrap();
    for (condition, ended) in [("Complete", Ended::Passed), ("Failed", Ended::Failed)] {
        let (fake, url) = Fake::serve(kubernetes(condition)).await;
        let settings = with_kubernetes(url, Some(token.clone()));
        let properties = "{namespace: checks, image: acme/x, arguments: ['{{ commit }}']}";
        let outcome = run("kubernetes", properties, settings.clone()).await;
        assert_eq!(outcome.ended, ended, "{outcome:?}");
        assert!(outcome.output.starts_with("hello"), "{outcome:?}");
        let asked = fake.asked();
        assert!(
            asked
                .iter()
                .all(|asked| asked.header("authorization") == "Bearer bearer-1")
        );
        let spec = &asked[0].json()["spec"];
        assert_eq!(spec["backoffLimit"], 0);
        assert_eq!(spec["template"]["spec"]["containers"][0]["image"], "acme/x");
        assert!(
            fake.lines().last().unwrap().starts_with("DELETE "),
            "{:?}",
            fake.lines()
        );
        let outcome = run("kubernetes", "{namespace: other, image: x}", settings).await;
        assert!(
            outcome.output.contains("do not list the namespace"),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn airflow_runs_a_dag_in_both_versions() {
    for (version, state, ended) in [("v1", "success", Ended::Passed), ("v2", "failed", Ended::Failed)] {
        let (fake, url) = Fake::serve(move |asked, _| match asked.line.split(' ').next() {
            Some("POST") if asked.line.ends_with("/auth/token") => {
                (201, json!({"access_token": "t1"}).to_string())
            }
            Some("POST") => ok(json!({"state": "queued"}).to_string()),
            _ => ok(json!({"state": state}).to_string()),
        })
        .await;
        let properties = format!(
            "{{url: '{url}', dag_id: check, username: ann, password: secret.key, api: {version}, dag_conf: {{depth: 3}}}}"
        );
        let outcome = run("airflow", &properties, Settings::default()).await;
        assert_eq!(outcome.ended, ended, "{outcome:?}");
        let asked = fake.asked();
        let begun = asked
            .iter()
            .find(|asked| asked.line.ends_with("/dagRuns"))
            .unwrap();
        assert_eq!(begun.line, format!("POST /api/{version}/dags/check/dagRuns"));
        assert_eq!(begun.json()["dag_run_id"], "skep-0042");
        assert_eq!(begun.json()["conf"]["depth"], 3);
        assert_eq!(begun.json()["conf"]["skep"]["branch"], "main");
        let known = if version == "v1" {
            "Basic YW5uOmh1c2gtaHVzaA=="
        } else {
            "Bearer t1"
        };
        assert_eq!(begun.header("authorization"), known);
    }
}

#[tokio::test]
async fn trino_is_asked_until_there_is_no_next_page() {
    let (fake, url) = Fake::serve(|asked, _| {
        let next = |path: &str| format!("http://{}{path}", asked.header("host"));
        match asked.line.as_str() {
            "POST /v1/statement" => ok(json!({"nextUri": next("/v1/a")}).to_string()),
            "GET /v1/a" => ok(json!({"data": [[1], [2]], "nextUri": next("/v1/b")}).to_string()),
            _ => ok(json!({"data": [[3]]}).to_string()),
        }
    })
    .await;
    let properties = format!("{{url: '{url}', catalog: lake, database: sales, query: 'select 1'}}");
    let outcome = run("trino", &properties, Settings::default()).await;
    assert_eq!(outcome.ended, Ended::Failed);
    assert_eq!(
        outcome.output,
        "3 rows were found where none should be:\n[1]\n[2]\n[3]"
    );
    let first = &fake.asked()[0];
    assert_eq!(
        (first.body.as_str(), first.header("x-trino-catalog")),
        ("select 1", "lake")
    );
    assert!(first.header("x-trino-schema").starts_with("sales@"), "{first:?}");
}

#[tokio::test]
async fn trino_passes_without_rows_and_is_not_followed_elsewhere() {
    let cases = [
        (json!({"stats": {}}), Ended::Passed, ""),
        (
            json!({"error": {"message": "no such table"}}),
            Ended::Errored,
            "no such table",
        ),
        (
            json!({"nextUri": "http://127.0.0.1:1/x"}),
            Ended::Errored,
            "another server",
        ),
    ];
    for (answer, ended, word) in cases {
        let (_, url) = Fake::serve(move |_, _| ok(answer.to_string())).await;
        let properties = format!("{{url: '{url}', catalog: lake, query: x, token: env.KEY}}");
        let outcome = run("trino", &properties, Settings::default()).await;
        assert!(
            outcome.ended == ended && outcome.output.contains(word),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_statement_of_trino_that_takes_too_long_is_cancelled() {
    let (fake, url) = Fake::serve(|asked, _| match asked.line.split(' ').next() {
        Some("POST") => ok(json!({"nextUri": format!("http://{}/q", asked.header("host"))}).to_string()),
        Some("DELETE") => (204, String::new()),
        _ => (0, String::new()),
    })
    .await;
    let properties = format!("{{url: '{url}', catalog: lake, query: x}}");
    let outcome = run_for("trino", &properties, Settings::default(), SOON).await;
    assert_eq!(outcome.ended, Ended::TooLong);
    assert_eq!(fake.lines().last().unwrap(), "DELETE /q");
}

#[tokio::test]
async fn spark_runs_a_statement_in_a_session_of_its_own() {
    for (rows, ended) in [(json!([]), Ended::Passed), (json!([[1, "a"]]), Ended::Failed)] {
        let (fake, url) = Fake::serve(move |asked, _| match asked.line.as_str() {
            "POST /sessions" => (201, json!({"id": 4, "state": "starting"}).to_string()),
            "GET /sessions/4" => ok(json!({"state": "idle"}).to_string()),
            "POST /sessions/4/statements" => (201, json!({"id": 0, "state": "waiting"}).to_string()),
            "GET /sessions/4/statements/0" => {
                let data = json!({"application/json": {"schema": {}, "data": rows.clone()}});
                ok(json!({"state": "available", "output": {"status": "ok", "data": data}}).to_string())
            }
            "GET /sessions?from=0&size=100" => ok(sessions()),
            "DELETE /sessions/4" => ok("{}"),
            other => (404, other.to_owned()),
        })
        .await;
        let properties = format!("{{url: '{url}', query: 'select * from `sales@{{{{ commit }}}}`.t'}}");
        let outcome = run("spark", &properties, Settings::default()).await;
        assert_eq!(outcome.ended, ended, "{outcome:?}");
        let asked = fake.asked();
        assert!(
            asked[2].json()["code"]
                .as_str()
                .unwrap()
                .starts_with("select * from `sales@")
        );
        assert!(!asked[2].body.contains("{{"), "{}", asked[2].body);
        assert_eq!(fake.lines().last().unwrap(), "DELETE /sessions/4");
    }
}

/// What Livy says of its sessions.
fn sessions() -> String {
    json!({"from": 0, "total": 2, "sessions": [{"id": 3, "name": null}, {"id": 4, "name": "skep-0042"}]})
        .to_string()
}

#[tokio::test]
async fn a_session_is_removed_where_nobody_heard_that_it_was_made() {
    let (fake, url) = Fake::serve(|asked, _| match asked.line.as_str() {
        "POST /sessions" => (0, String::new()),
        "GET /sessions?from=0&size=100" => ok(sessions()),
        _ => ok("{}"),
    })
    .await;
    let properties = format!("{{url: '{url}', query: 'select 1'}}");
    let outcome = run_for("spark", &properties, Settings::default(), SOON).await;
    assert_eq!(outcome.ended, Ended::TooLong, "{outcome:?}");
    assert_eq!(fake.lines().last().unwrap(), "DELETE /sessions/4");
}
