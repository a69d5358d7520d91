//! The gate over a store in memory, with a runner that answers by the text of the check.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use catalog::check::{CheckOutcome, CheckRunner, CheckSpec};
use hooks::{CheckGate, FileLimits, Limits};
use tokio::sync::Barrier;
use versioning::guard::Act;
use versioning::merge::{Extent, Gate, Proposal, Verdict};
use versioning::object::Object;
use versioning::refs::{CommitMode, Protection};
use versioning::repository::CommitMessage;
use versioning::{Batch, CommitId, Error, RefExpr, RefName, Repositories, Repository, Space};

/// Answers a check by its SQL, and remembers on which commit it was asked.
#[derive(Debug)]
struct Fake {
    candidate: CommitId,
    runs: AtomicUsize,
    together: Option<Barrier>,
}

#[async_trait]
impl CheckRunner for Fake {
    async fn run(
        &self,
        _: &Repository,
        commit: CommitId,
        check: &CheckSpec,
    ) -> Result<CheckOutcome, catalog::Error> {
        assert_eq!(
            commit, self.candidate,
            "a check has to see what would become the head"
        );
        self.runs.fetch_add(1, SeqCst);
        if let Some(together) = &self.together {
            together.wait().await;
        }
        match check.sql.as_str() {
            "fail" => Ok(CheckOutcome::Failed {
                rows: 3,
                sample: "| -1 |".into(),
            }),
            "error" => Ok(CheckOutcome::Errored {
                message: "no such table".into(),
            }),
            "hang" => std::future::pending().await,
            "broken store" => Err(Error::Internal("lost".into()).into()),
            _ => Ok(CheckOutcome::Passed),
        }
    }

    fn validate(&self, sql: &str) -> Result<(), String> {
        match sql {
            "no query" => Err("it cannot be parsed".to_owned()),
            _ => Ok(()),
        }
    }
}

struct Lake {
    repositories: Repositories,
    repository: Repository,
}

fn branch(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

impl Lake {
    /// A lake whose main holds these check files, and with a branch `etl` from there.
    async fn new(files: &[(&str, &str)]) -> Lake {
        let (repositories, repository) = testkit::repository(7).await.unwrap();
        let lake = Lake {
            repositories,
            repository,
        };
        lake.commit("main", files).await;
        lake.repository
            .create_branch(&branch("etl"), &branch("main").into(), CommitMode::Staged)
            .await
            .unwrap();
        lake
    }

    /// Writes files (an empty content removes one) and commits.
    async fn commit(&self, to: &str, files: &[(&str, &str)]) -> CommitId {
        let mut batch = Batch::default();
        for (path, content) in files {
            let key = Bytes::from((*path).to_owned());
            if content.is_empty() {
                batch.delete(Space::Objects, key);
                continue;
            }
            let mut upload = self.repository.upload().await.unwrap();
            upload.write(Bytes::from((*content).to_owned())).await.unwrap();
            let segments = vec![upload.finish().await.unwrap().segment];
            batch.put(
                Space::Objects,
                key,
                Object {
                    segments,
                    ..Object::default()
                }
                .encode(),
            );
        }
        let plan = move |_| {
            let batch = batch.clone();
            async move { Ok::<_, Error>((batch, ())) }
        };
        self.repository.write(&branch(to), plan).await.unwrap();
        let words = CommitMessage {
            message: "files".into(),
            allow_empty: true,
            ..CommitMessage::default()
        };
        self.repository.commit(&branch(to), words).await.unwrap()
    }

    async fn protect(&self, required: &[&str]) {
        let required_checks = required.iter().map(|name| (*name).to_owned()).collect();
        let protection = Some(Protection {
            required_checks,
            ..Protection::default()
        });
        self.repository
            .set_branch_rules(&branch("main"), CommitMode::Staged, protection)
            .await
            .unwrap();
    }

    async fn head(&self, of: &str) -> CommitId {
        self.repository
            .resolve(&RefExpr::from(branch(of)))
            .await
            .unwrap()
            .commit
    }

    async fn judge_with(
        &self,
        together: Option<usize>,
        limits: Limits,
    ) -> (versioning::Result<Verdict>, usize) {
        self.judge_act(Act::Merge, together, limits).await
    }

    async fn judge_act(
        &self,
        act: Act,
        together: Option<usize>,
        limits: Limits,
    ) -> (versioning::Result<Verdict>, usize) {
        let candidate = self.head("etl").await;
        let runner = Arc::new(Fake {
            candidate,
            runs: AtomicUsize::new(0),
            together: together.map(Barrier::new),
        });
        let proposal = Proposal {
            repository: self.repository.record().name.clone(),
            act,
            branch: branch("main"),
            head: self.head("main").await,
            candidate,
            source: "etl".into(),
            author: "ann".into(),
            message: "merge".into(),
        };
        let gate = CheckGate::new(
            self.repositories.clone(),
            Arc::clone(&runner) as Arc<dyn CheckRunner>,
            limits,
        );
        let verdict = gate.judge(&proposal).await;
        (verdict, runner.runs.load(SeqCst))
    }

    /// The verdict as text: names that passed, or `check: first line of the reason`; and the number of runs.
    async fn judge(&self) -> (String, usize) {
        let (verdict, runs) = self.judge_with(None, Limits::default()).await;
        let text = match verdict.unwrap() {
            Verdict::Pass { checks, .. } => format!("pass {}", checks.join(" ")),
            Verdict::Refuse(refusals) => {
                let line = |reason: &str| reason.lines().next().unwrap_or_default().to_owned();
                refusals
                    .iter()
                    .map(|refusal| format!("{}: {}", refusal.check, line(&refusal.reason)))
                    .collect::<Vec<_>>()
                    .join("\n")
            }
        };
        (text, runs)
    }
}

const A: (&str, &str) = (".skep/checks/a.yaml", "name: a\nsql: fine\n");
const B: (&str, &str) = (".skep/checks/deep/b.yml", "name: b\nsql: fail\n");

#[tokio::test]
async fn without_checks_everything_passes() {
    let lake = Lake::new(&[("data/x.yaml", "name: x"), (".skep/checks/README.md", "about")]).await;
    assert_eq!(lake.judge().await, ("pass ".into(), 0));
}

#[tokio::test]
async fn checks_run_on_every_merge_into_a_branch_that_holds_them() {
    let lake = Lake::new(&[A]).await;
    assert_eq!(lake.judge().await, ("pass a".into(), 1));
    lake.commit("main", &[B, (".skep/checks/c.yaml", "name: c\nsql: error\n")])
        .await;
    lake.commit("etl", &[B]).await;
    let expected = "b: 3 rows were found where none should be:\nc: the check could not be run: no such table";
    assert_eq!(lake.judge().await, (expected.into(), 3));
}

#[tokio::test]
async fn a_branch_cannot_edit_the_gate_of_its_destination() {
    let lake = Lake::new(&[A, B]).await;
    lake.commit(
        "etl",
        &[
            (B.0, ""),
            (A.0, "name: a\nsql: fail\n"),
            (".skep/checks/new.yaml", "name: new\nsql: fail\n"),
        ],
    )
    .await;
    assert_eq!(
        lake.judge().await,
        ("b: 3 rows were found where none should be:".into(), 2)
    );
}

#[tokio::test]
async fn staged_check_files_do_not_count() {
    let lake = Lake::new(&[A]).await;
    let plan = |_| async {
        let mut batch = Batch::default();
        batch.delete(Space::Objects, A.0.as_bytes());
        Ok::<_, Error>((batch, ()))
    };
    lake.repository.write(&branch("main"), plan).await.unwrap();
    assert_eq!(lake.judge().await, ("pass a".into(), 1));
}

#[tokio::test]
async fn a_broken_file_refuses_before_anything_runs() {
    let lake = Lake::new(&[A, (".skep/checks/bad.yaml", "name: bad\nsqll: select 1\n")]).await;
    let (text, runs) = lake.judge().await;
    assert!(
        text.starts_with(".skep/checks/bad.yaml: the check file cannot be used: .skep/checks/bad.yaml:2:1: "),
        "{text}"
    );
    assert!(text.contains("sqll") && runs == 0, "{text}");
    lake.commit("etl", &[(".skep/checks/bad.yaml", "name: bad\nsql: fine\n")])
        .await;
    assert_eq!(lake.judge().await, (text, 0));
}

#[tokio::test]
async fn a_merge_cannot_bring_a_query_that_runs_nowhere() {
    let lake = Lake::new(&[A]).await;
    let wrong = (".skep/checks/wrong.yaml", "name: wrong\nsql: no query\n");
    lake.commit("etl", &[wrong]).await;
    let expected = "the merge would bring a check file that cannot be used: .skep/checks/wrong.yaml:2:6: the query cannot be run: it cannot be parsed";
    let (text, runs) = lake.judge().await;
    assert!(text.contains(expected) && runs == 0, "{text}");
    let hook = "name: f\non:\n  pre-merge:\nhooks:\n  - {id: a, type: sql, properties: {query: no query}}\n";
    let lake = Lake::new(&[A]).await;
    lake.commit("etl", &[(".skep/hooks/f.yaml", hook)]).await;
    let (text, runs) = lake.judge().await;
    assert!(
        text.contains(".skep/hooks/f.yaml:5:44: the query cannot be run") && runs == 0,
        "{text}"
    );
}

#[tokio::test]
async fn a_merge_cannot_bring_a_broken_file() {
    let lake = Lake::new(&[A]).await;
    lake.commit("etl", &[(".skep/checks/twin.yaml", "name: a\nsql: fine\n")])
        .await;
    let (text, runs) = lake.judge().await;
    let expected = "the merge would bring a check file that cannot be used: .skep/checks/twin.yaml: the name \"a\" is taken by .skep/checks/a.yaml";
    assert_eq!(
        (text.as_str(), runs),
        (format!(".skep/checks/twin.yaml: {expected}").as_str(), 0)
    );
}

#[tokio::test]
async fn required_checks_have_to_be_there_before_and_after() {
    let lake = Lake::new(&[A]).await;
    lake.protect(&["a", "ghost"]).await;
    let (text, runs) = lake.judge().await;
    assert_eq!(
        (text.as_str(), runs),
        (
            "ghost: branch main requires this check, but no check file there has its name",
            0
        )
    );
    lake.protect(&["a"]).await;
    assert_eq!(lake.judge().await, ("pass a".into(), 1));
    lake.commit("etl", &[(A.0, "")]).await;
    let (text, runs) = lake.judge().await;
    assert_eq!(
        (text.as_str(), runs),
        (
            "a: the merge would remove this check, which branch main requires",
            0
        )
    );
}

#[tokio::test]
async fn what_a_branch_requires_and_has_not_is_told() {
    let path = ".skep/hooks/f.yaml";
    let lake = Lake::new(&[A, (path, &hook("pre-revert: "))]).await;
    let runner: Arc<dyn CheckRunner> = Arc::new(Fake {
        candidate: lake.head("main").await,
        runs: AtomicUsize::new(0),
        together: None,
    });
    let hooks = hooks::Hooks::new(runner, Limits::default());
    let missing = async || {
        hooks
            .missing_checks(&lake.repository, &branch("main"))
            .await
            .unwrap()
    };
    assert!(missing().await.is_empty());
    lake.protect(&["ghost", "a", "f/h"]).await;
    assert_eq!(missing().await, ["ghost", "f/h"], "f/h does not judge merges");
}

#[tokio::test]
async fn a_reset_to_before_a_required_check_is_told_what_else_to_do() {
    let lake = Lake::new(&[]).await;
    lake.commit("main", &[A]).await;
    lake.protect(&["a"]).await;
    let (verdict, runs) = lake.judge_act(Act::Reset, None, Limits::default()).await;
    let Ok(Verdict::Refuse(refusals)) = verdict else {
        panic!("{verdict:?}")
    };
    assert!(
        refusals[0]
            .reason
            .starts_with("the commit does not have this check"),
        "{refusals:?}"
    );
    assert!(refusals[0].reason.contains("skep revert"), "{refusals:?}");
    assert_eq!(runs, 0);
}

/// A hook of this name in a file for these events.
fn hook(events: &str) -> String {
    format!("name: f\non: {{{events}}}\nhooks:\n  - {{id: h, type: sql, properties: {{query: fine}}}}\n")
}

#[tokio::test]
async fn a_required_hook_has_to_be_for_what_is_done_and_to_stay_so() {
    let path = ".skep/hooks/f.yaml";
    let lake = Lake::new(&[(path, &hook("pre-revert: "))]).await;
    lake.protect(&["f/h"]).await;
    let (text, runs) = lake.judge().await;
    assert!(text.contains("is not for the event pre-merge there"), "{text}");
    assert_eq!(runs, 0);
    let lake = Lake::new(&[(path, &hook("pre-merge: , pre-revert: "))]).await;
    lake.protect(&["f/h"]).await;
    assert_eq!(lake.judge().await, ("pass f/h".into(), 1));
    lake.commit("etl", &[(path, &hook("pre-merge: "))]).await;
    let (text, _) = lake.judge().await;
    assert!(text.contains("the merge would remove this check"), "{text}");
}

#[tokio::test]
async fn checks_run_side_by_side() {
    let files: Vec<_> = (0..3)
        .map(|n| {
            (
                format!(".skep/checks/{n}.yaml"),
                format!("name: c{n}\nsql: fine\n"),
            )
        })
        .collect();
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let lake = Lake::new(&files).await;
    // each run waits for the two others
    let (verdict, runs) = lake.judge_with(Some(3), Limits::default()).await;
    assert_eq!(
        verdict.unwrap(),
        Verdict::Pass {
            checks: vec!["c0".into(), "c1".into(), "c2".into()],
            reads: Extent::All
        }
    );
    assert_eq!(runs, 3);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_takes_too_long_is_stopped() {
    let lake = Lake::new(&[
        A,
        (
            ".skep/checks/slow.yaml",
            "name: slow\nsql: hang\ntime_limit_s: 2\n",
        ),
    ])
    .await;
    assert_eq!(
        lake.judge().await,
        ("slow: the check was stopped at its time limit of 2 s".into(), 2)
    );
}

#[tokio::test]
async fn no_verdict_is_reached_where_reading_fails() {
    let lake = Lake::new(&[(".skep/checks/a.yaml", "name: a\nsql: broken store\n")]).await;
    let (verdict, _) = lake.judge_with(None, Limits::default()).await;
    assert!(matches!(verdict, Err(Error::Internal(message)) if message == "lost"));
}

#[tokio::test]
async fn files_have_limits() {
    let long = format!("name: a\nsql: fine\ndescription: {}\n", "x".repeat(80));
    let lake = Lake::new(&[A, (".skep/checks/long.yaml", &long)]).await;
    let limit = |file_bytes_max, files_max| Limits {
        files: FileLimits {
            file_bytes_max,
            files_max,
        },
        ..Limits::default()
    };
    let (verdict, _) = lake.judge_with(None, limit(50, 2)).await;
    let Verdict::Refuse(refusals) = verdict.unwrap() else {
        panic!("passed")
    };
    assert!(
        refusals[0]
            .reason
            .contains(".skep/checks/long.yaml: is larger than 50 bytes")
    );
    let (verdict, _) = lake.judge_with(None, limit(1_000, 1)).await;
    assert!(matches!(verdict, Err(Error::Refused { .. })));
}

/// Keeps what is logged, by all tests of the process.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_checks_find_is_logged_without_its_rows() {
    let log = Log::default();
    let writer = {
        let log = log.clone();
        move || log.clone()
    };
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(writer)
        .finish();
    // for all threads: one that is for this alone may not be asked where another thread comes by first
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let lake = Lake::new(&[
        (".skep/checks/1.yaml", "name: logged-1\nsql: fine\n"),
        (".skep/checks/2.yaml", "name: logged-2\nsql: fail\n"),
        (".skep/checks/3.yaml", "name: logged-3\nsql: error\n"),
    ])
    .await;
    lake.judge().await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let told: Vec<_> = log
        .lines()
        .filter(|line| line.contains("check ended check=\"logged-"))
        .filter_map(|line| line.split_once("outcome="))
        .map(|(_, told)| told)
        .collect();
    assert_eq!(
        told,
        ["\"passed\" rows=0", "\"failed\" rows=3", "\"errored\" rows=0"],
        "{log}"
    );
    assert!(!log.contains("| -1 |"), "{log}");
}

#[tokio::test]
async fn a_gate_tells_what_its_checks_read() {
    let says = "name: c\nsql: ok\nreads: []\n";
    for (file, is_known) in [
        (says, true),
        ("name: c\nsql: ok\n", false),
        ("name: c\nsql: ok\nreads: [s.gone]\n", false),
    ] {
        let lake = Lake::new(&[(".skep/checks/c.yaml", file)]).await;
        let (verdict, _) = lake.judge_with(None, Limits::default()).await;
        let Verdict::Pass { reads, .. } = verdict.unwrap() else {
            panic!("refused")
        };
        assert_eq!(matches!(reads, Extent::Units(_)), is_known, "{file}");
        assert!(reads != Extent::none(), "the check files themselves");
    }
}
