//! Commits that are taken back or brought by themselves, beside other data of the same partition.

use catalog::merge::{CatalogResolver, Options};
use versioning::merge::{Landing, MergeOutcome, OpenGate};
use versioning::{CommitId, Result};

use super::history::{History, name};

const ORDERS: &str = "create sales.orders (id int) by (dt string) as parquet
add sales.orders dt=1
put sales.db/orders/dt=1/a one";

/// Which of the two is done, on `main`.
enum Pick {
    Revert,
    CherryPick,
}

/// Returns the files of `main` afterwards, or the conflicts.
async fn picked(history: &History, pick: Pick, commit: CommitId) -> Result<String> {
    let repository = history.catalog.repository();
    let options = Options {
        is_pick: true,
        ..Options::default()
    };
    let resolver = CatalogResolver::default().with(options).reading(repository);
    let landing = Landing::onto(name("main"), "test");
    let report = match pick {
        Pick::Revert => {
            repository
                .revert(commit, None, &landing, &resolver, &OpenGate)
                .await?
        }
        Pick::CherryPick => {
            repository
                .cherry_pick(commit, None, &landing, &resolver, &OpenGate)
                .await?
        }
    };
    Ok(match report.outcome {
        MergeOutcome::Landed(_) => {
            let dump = history.dump("main").await;
            let files = dump
                .lines()
                .filter_map(|line| line.strip_prefix("sales.db/orders/dt=1/"));
            files.collect::<Vec<_>>().join(", ")
        }
        MergeOutcome::Conflicts(conflicts) => {
            let texts = conflicts.iter().map(|conflict| conflict.to_string());
            texts.collect::<Vec<_>>().join(", ")
        }
        other => format!("{other:?}"),
    })
}

#[tokio::test]
async fn an_append_is_taken_back_and_those_after_it_stay() {
    let history = History::new(ORDERS).await;
    let bad = history.commit("main", "put sales.db/orders/dt=1/bad two").await;
    history
        .commit("main", "put sales.db/orders/dt=1/good three")
        .await;
    assert_eq!(
        picked(&history, Pick::Revert, bad).await.unwrap(),
        "a: one, good: three"
    );
}

#[tokio::test]
async fn an_append_whose_files_were_rewritten_is_a_conflict() {
    let history = History::new(ORDERS).await;
    let bad = history.commit("main", "put sales.db/orders/dt=1/bad two").await;
    let rewritten =
        "rm sales.db/orders/dt=1/bad\nrm sales.db/orders/dt=1/a\nput sales.db/orders/dt=1/both four";
    history.commit("main", rewritten).await;
    let text = picked(&history, Pick::Revert, bad).await.unwrap();
    assert!(text.contains("rewritten"), "{text}");
}

#[tokio::test]
async fn one_append_of_several_is_brought() {
    let history = History::new(ORDERS).await;
    history.branch("etl").await;
    history.commit("etl", "put sales.db/orders/dt=1/x8 eight").await;
    let second = history.commit("etl", "put sales.db/orders/dt=1/x9 nine").await;
    assert_eq!(
        picked(&history, Pick::CherryPick, second).await.unwrap(),
        "a: one, x9: nine"
    );
}

#[tokio::test]
async fn a_rewrite_is_brought_to_the_files_that_it_rewrote_alone() {
    let history = History::new(ORDERS).await;
    history.branch("etl").await;
    let rewritten = "rm sales.db/orders/dt=1/a\nput sales.db/orders/dt=1/b two";
    let rewrite = history.commit("etl", rewritten).await;
    history.commit("main", "put sales.db/orders/dt=1/c three").await;
    let text = picked(&history, Pick::CherryPick, rewrite).await.unwrap();
    assert!(
        text.contains("appended to in ours, rewritten in theirs"),
        "{text}"
    );
}
