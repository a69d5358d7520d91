//! Hooks of all events over a store in memory: they refuse before, and are told after.

use std::sync::Arc;

use bytes::Bytes;
use hooks::{CheckGate, Hooks, Limits, Run, Settings};
use testkit::memory_parts;
use versioning::attempts::ConflictRecord;
use versioning::id::Domain;
use versioning::merge::{Landing, MergeOutcome, OpenGate, Resolution, Resolver, Sides, Warnings};
use versioning::object::Object;
use versioning::refs::CommitMode;
use versioning::repository::{self, CommitMessage, Parts};
use versioning::{
    Batch, CommitId, Error, Hash, RefName, Repositories, Repository, RepositoryName, Result, Space,
};

use super::fake::{ByText, Fake, Known};

/// Takes all that theirs has over ours.
#[derive(Debug)]
struct TakeTheirs;

#[async_trait::async_trait]
impl Resolver for TakeTheirs {
    type Conflict = String;

    fn plain(&self) -> TakeTheirs {
        TakeTheirs
    }

    fn record(conflict: &String) -> ConflictRecord {
        ConflictRecord {
            id: conflict.clone(),
            content: Bytes::new(),
            about: Hash::of(Domain::Blob, conflict.as_bytes()),
        }
    }

    async fn resolve(&self, sides: &Sides) -> Result<Resolution<String>> {
        let mut patch = Batch::default();
        let all = versioning::KeyRange::all();
        let mut diff = sides.base.diff(&sides.theirs, Space::Objects, &all);
        while let Some(change) = diff.next().await? {
            match change.after {
                Some(value) => patch.put(Space::Objects, change.key, value),
                None => patch.delete(Space::Objects, change.key),
            }
        }
        Ok(Resolution {
            patch,
            conflicts: Vec::new(),
            warnings: Warnings::default(),
        })
    }
}

struct Lake {
    parts: Parts,
    hooks: Hooks,
    repositories: Repositories,
    repository: Repository,
}

fn name(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

impl Lake {
    async fn open(parts: Parts, settings: Settings) -> Lake {
        let hooks = Hooks::new(Arc::new(ByText), Limits::default()).with_settings(settings, Arc::new(Known));
        let repositories = Repositories::open(parts.clone(), repository::Limits::default())
            .await
            .unwrap();
        let repositories = repositories.guarded_by(Arc::new(hooks.clone()));
        let lake = RepositoryName::parse("lake").unwrap();
        let repository = match repositories.get(&lake).await {
            Ok(repository) => repository,
            Err(_) => repositories.create(&lake, &name("main")).await.unwrap(),
        };
        Lake {
            parts,
            hooks,
            repositories,
            repository,
        }
    }

    /// A lake whose `main` holds one hook file, and with the branch `etl` from there.
    async fn new(file: &str, settings: Settings) -> Lake {
        let lake = Lake::open(memory_parts(3), settings).await;
        lake.repository
            .set_branch_rules(&name("main"), CommitMode::Staged, None)
            .await
            .unwrap();
        lake.write("main", ".skep/hooks/h.yaml", file).await;
        lake.commit("main").await.unwrap();
        lake.repository
            .create_branch(&name("etl"), &name("main").into(), CommitMode::Staged)
            .await
            .unwrap();
        lake.hooks.settled().await;
        lake
    }

    async fn branch(&self, text: &str) -> Result<()> {
        let main = name("main").into();
        let created = self
            .repository
            .create_branch(&name(text), &main, CommitMode::Staged)
            .await;
        created.map(drop)
    }

    async fn write(&self, branch: &str, path: &str, content: &str) {
        let mut upload = self.repository.upload().await.unwrap();
        upload.write(Bytes::from(content.to_owned())).await.unwrap();
        let object = Object {
            segments: vec![upload.finish().await.unwrap().segment],
            ..Object::default()
        };
        let mut batch = Batch::default();
        batch.put(Space::Objects, Bytes::from(path.to_owned()), object.encode());
        let plan = move |_| {
            let batch = batch.clone();
            async move { Ok::<_, Error>((batch, ())) }
        };
        self.repository.write(&name(branch), plan).await.unwrap();
    }

    async fn commit(&self, branch: &str) -> Result<CommitId> {
        let words = CommitMessage {
            author: "ann".into(),
            message: format!("on {branch}"),
            ..CommitMessage::default()
        };
        self.repository.commit(&name(branch), words).await
    }

    async fn merge(&self) -> Result<MergeOutcome<String>> {
        let gate = CheckGate::of(self.repositories.clone(), self.hooks.clone());
        let landing = Landing::onto(name("main"), "ann");
        self.repository
            .merge(&name("etl").into(), &landing, &TakeTheirs, &gate)
            .await
            .map(|report| report.outcome)
    }

    /// The runs, oldest first: `event hook state`.
    async fn runs(&self) -> Vec<String> {
        self.hooks.settled().await;
        let runs = self.all().await;
        runs.iter()
            .map(|run| format!("{} {} {}", run.event(), run.payload.hook, run.state))
            .collect()
    }

    async fn all(&self) -> Vec<Run> {
        let mut runs = self.hooks.runs(&self.repository, None, 100).await.unwrap();
        runs.reverse();
        runs
    }
}

fn on(events: &str, query: &str) -> String {
    format!("name: f\non: {{{events}}}\nhooks:\n  - {{id: h, type: sql, properties: {{query: {query}}}}}\n")
}

#[tokio::test]
async fn pre_hooks_refuse_and_post_hooks_are_told() {
    let both = |act: &str| on(&format!("pre-{act}: , post-{act}: "), "fine");
    for act in [
        "commit",
        "merge",
        "create-branch",
        "delete-branch",
        "create-tag",
        "delete-tag",
        "reset",
    ] {
        for (file, passes) in [(both(act), true), (on(&format!("pre-{act}: "), "fail"), false)] {
            let lake = Lake::new(&on("pre-delete-tag: {tags: none}", "fine"), Settings::default()).await;
            let repository = &lake.repository;
            repository
                .create_tag(&name("v1"), &name("main").into())
                .await
                .unwrap();
            lake.write("main", ".skep/hooks/h.yaml", &file).await;
            lake.commit("main").await.unwrap();
            lake.hooks.settled().await;
            let before = lake.runs().await.len();
            lake.write("main", "x", "1").await;
            let done = match act {
                "commit" => lake.commit("main").await.map(drop),
                "merge" => {
                    lake.write("etl", "y", "1").await;
                    lake.commit("etl").await.unwrap();
                    let outcome = lake.merge().await.unwrap();
                    match matches!(outcome, MergeOutcome::Landed(_)) {
                        true => Ok(()),
                        false => Err(Error::Internal("f/h: refused".into())),
                    }
                }
                "create-branch" => lake.branch("b").await,
                "delete-branch" => repository.delete_branch(&name("etl")).await,
                "create-tag" => repository
                    .create_tag(&name("v2"), &name("main").into())
                    .await
                    .map(drop),
                "delete-tag" => repository.delete_tag(&name("v1")).await,
                _ => repository.reset(&name("main")).await.map(drop),
            };
            // a post-hook is noted down first where a gate judges
            let mut runs = lake.runs().await.split_off(before);
            runs.sort_by_key(|run| run.starts_with("post"));
            if passes {
                done.unwrap();
                assert_eq!(
                    runs,
                    [format!("pre-{act} f/h passed"), format!("post-{act} f/h passed")]
                );
            } else {
                assert!(done.unwrap_err().to_string().contains("f/h"), "{act}");
                assert_eq!(runs, [format!("pre-{act} f/h failed")]);
            }
        }
    }
}

#[tokio::test]
async fn a_commit_is_judged_on_its_exact_result() {
    let lake = Lake::new(&on("pre-commit: {branches: etl}", "fine"), Settings::default()).await;
    lake.write("etl", "x", "1").await;
    let id = lake.commit("etl").await.unwrap();
    let runs = lake.all().await;
    assert_eq!(runs[0].payload.commit, Some(id.to_string()));
    assert_eq!(runs[0].payload.author.as_deref(), Some("ann"));
    // and no other branch is asked of
    lake.write("main", "x", "1").await;
    lake.commit("main").await.unwrap();
    assert_eq!(lake.runs().await.len(), 1);
}

#[tokio::test]
async fn hooks_that_are_wrong_can_be_put_right() {
    let lake = Lake::new(&on("pre-commit: ", "fail"), Settings::default()).await;
    lake.write("main", "x", "1").await;
    assert!(lake.commit("main").await.is_err());
    lake.write("main", ".skep/hooks/h.yaml", &on("pre-commit: ", "fine"))
        .await;
    assert!(lake.commit("main").await.is_err(), "more than hook files");
    lake.repository.reset(&name("main")).await.unwrap();
    lake.write("main", ".skep/hooks/h.yaml", "name: broken").await;
    lake.commit("main").await.unwrap();
    lake.write("main", "x", "1").await;
    let refused = lake.commit("main").await.unwrap_err().to_string();
    assert!(
        refused.contains(".skep/hooks/h.yaml:1:1: a hook file needs on"),
        "{refused}"
    );
    // a branch may be what it is mended on
    lake.branch("mend").await.unwrap();
    assert!(lake.repository.delete_branch(&name("mend")).await.is_err());
    // what is staged beside it can be dropped, and the mend be committed alone
    lake.repository.reset(&name("main")).await.unwrap();
    lake.write("main", ".skep/hooks/h.yaml", &on("pre-commit: ", "fine"))
        .await;
}

#[tokio::test]
async fn a_branch_cannot_edit_the_hooks_that_guard_another() {
    let lake = Lake::new(&on("pre-merge: {branches: main}", "fail"), Settings::default()).await;
    lake.write(
        "etl",
        ".skep/hooks/h.yaml",
        &on("pre-merge: {branches: main}", "fine"),
    )
    .await;
    lake.commit("etl").await.unwrap();
    let Ok(MergeOutcome::Refused { refusals, .. }) = lake.merge().await else {
        panic!("it landed")
    };
    assert_eq!(refusals[0].check, "f/h");
    assert!(
        refusals[0].reason.contains("3 rows were found"),
        "{}",
        refusals[0].reason
    );
    assert!(
        refusals[0].reason.contains("hint: skep hooks show "),
        "{}",
        refusals[0].reason
    );
}

#[tokio::test]
async fn what_a_post_hook_finds_is_told_and_can_be_run_again() {
    let (fake, url) = Fake::serve(|_, before| (if before == 1 { 204 } else { 200 }, String::new())).await;
    let settings = Settings {
        alert_url: Some(format!("{url}/alert")),
        ..Settings::default()
    };
    let lake = Lake::new(&on("post-commit: {branches: etl}", "fail"), settings).await;
    lake.write("etl", "x", "1").await;
    let id = lake.commit("etl").await.unwrap();
    assert_eq!(lake.runs().await, ["post-commit f/h failed"]);
    let [alert] = &fake.asked()[..] else {
        panic!("{:?}", fake.lines())
    };
    assert_eq!(alert.json()["state"], "failed");
    assert_eq!(alert.json()["payload"]["commit"], id.to_string());
    let first = lake.all().await.remove(0);
    let again = lake.hooks.rerun(&lake.repository, &first.id).await.unwrap();
    assert_eq!(
        (again.repeats.as_deref(), again.payload.commit),
        (Some(first.id.as_str()), first.payload.commit)
    );
    assert_eq!(again.output, "3 rows were found where none should be:\n| -1 |");
    assert!(lake.hooks.rerun(&lake.repository, "none").await.is_err());
}

#[tokio::test]
async fn a_post_hook_about_tables_is_told_of_no_other_change() {
    let file = on("post-commit: {branches: etl}", "fine").replace("{id: h,", "{id: h, only-tables: sales.*,");
    let lake = Lake::new(&file, Settings::default()).await;
    lake.write("etl", "x", "1").await;
    lake.commit("etl").await.unwrap();
    assert_eq!(lake.runs().await, [""; 0]);
}

#[tokio::test]
async fn post_hooks_of_a_server_that_died_run_when_it_starts_again() {
    let lake = Lake::new(
        &on("post-commit: , post-delete-branch: , post-create-tag: ", "fine"),
        Settings::default(),
    )
    .await;
    // noted down, and never told: as if the process had ended between
    let guard: &dyn versioning::guard::Guard = &lake.hooks;
    let head = lake.repository.branch(&name("etl")).await.unwrap().head;
    let event = |act, of: &str| versioning::guard::RefEvent {
        head: Some(head),
        author: Some("ann".into()),
        message: Some(format!("on {of}")),
        ..versioning::guard::RefEvent::new(act, name(of))
    };
    use versioning::guard::Act;
    guard
        .before(&lake.repository, &event(Act::Commit, "etl"))
        .await
        .unwrap();
    guard
        .before(&lake.repository, &event(Act::DeleteBranch, "etl"))
        .await
        .unwrap();
    guard
        .before(&lake.repository, &event(Act::CreateTag, "v1"))
        .await
        .unwrap();
    let plain = Repositories::open(lake.parts.clone(), repository::Limits::default())
        .await
        .unwrap();
    let unguarded = Lake {
        repository: plain.get(&RepositoryName::parse("lake").unwrap()).await.unwrap(),
        repositories: plain,
        hooks: lake.hooks.clone(),
        parts: lake.parts.clone(),
    };
    unguarded.write("etl", "x", "1").await;
    let id = unguarded.commit("etl").await.unwrap();
    let again = Lake::open(lake.parts.clone(), Settings::default()).await;
    again.hooks.resume(&again.repositories).await.unwrap();
    // the commit came about; the branch is still there, and there is no tag
    assert_eq!(again.runs().await, ["post-commit f/h passed"]);
    assert_eq!(again.all().await[0].payload.commit, Some(id.to_string()));
    again.hooks.resume(&again.repositories).await.unwrap();
    assert_eq!(
        again.runs().await.len(),
        1,
        "once it has ended it is not run again"
    );
}

#[tokio::test]
async fn merges_without_hooks_keep_no_runs() {
    let lake = Lake::new(&on("pre-reset: ", "fine"), Settings::default()).await;
    lake.write("etl", "x", "1").await;
    lake.commit("etl").await.unwrap();
    let landing = Landing::onto(name("main"), "ann");
    let outcome = lake
        .repository
        .merge(&name("etl").into(), &landing, &TakeTheirs, &OpenGate)
        .await
        .unwrap();
    assert!(matches!(outcome.outcome, MergeOutcome::Landed(_)));
    assert_eq!(lake.runs().await, Vec::<String>::new());
}
