//! Checks on a commit.

use catalog::{CheckOutcome, CheckRunner, CheckSpec};
use sql::{Limits, SqlChecks};
use versioning::CommitId;

use super::lake::{Lake, at, hive_table};

async fn run(lake: &Lake, commit: CommitId, sql: &str) -> CheckOutcome {
    run_within(300, lake, commit, sql).await
}

async fn run_within(time_limit_s: u64, lake: &Lake, commit: CommitId, sql: &str) -> CheckOutcome {
    let check = CheckSpec {
        name: "c".into(),
        sql: sql.into(),
        time_limit_s,
    };
    SqlChecks::new(lake.engine.clone())
        .run(&lake.repository, commit, &check)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_check_passes_fails_or_cannot_run() {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "n int", "")).await;
    let commit = lake.commit("main").await;
    assert_eq!(
        run(&lake, commit, "select * from sales.t").await,
        CheckOutcome::Passed
    );
    let failed = run(&lake, commit, "select value as n from generate_series(1, 2)").await;
    let sample = "+---+\n| n |\n+---+\n| 1 |\n| 2 |\n+---+";
    assert_eq!(
        failed,
        CheckOutcome::Failed {
            rows: 2,
            sample: sample.into()
        }
    );
    for (sql, words) in [
        ("select * from sales.gone", "sales.gone not found"),
        ("delete from sales.t", "refused"),
        ("selekt", "selekt"),
    ] {
        let CheckOutcome::Errored { message } = run(&lake, commit, sql).await else {
            panic!("{sql}")
        };
        assert!(message.contains(words), "{sql}: {message}");
    }
}

#[tokio::test]
async fn a_check_counts_all_rows_and_shows_some() {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "n int", "")).await;
    let commit = lake.commit("main").await;
    let outcome = run(&lake, commit, "select value from generate_series(1, 30000)").await;
    let CheckOutcome::Failed { rows, sample } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((rows, sample.lines().count()), (30_000, 24));
}

#[tokio::test]
async fn a_check_sees_the_commit_and_nothing_later() {
    let lake = Lake::new().await;
    lake.create("main", hive_table("t", "n int", "")).await;
    let commit = lake.commit("main").await;
    lake.create("main", hive_table("u", "n int", "")).await;
    assert!(matches!(
        run(&lake, commit, "select * from sales.u").await,
        CheckOutcome::Errored { .. }
    ));
}

#[tokio::test]
async fn the_time_limit_is_the_checks_own() {
    let lake = Lake::with(Limits {
        time_ms: 0,
        ..Limits::default()
    })
    .await;
    lake.create("main", hive_table("t", "n int", "")).await;
    let commit = lake.commit("main").await;
    let endless = "select count(*) from generate_series(1, 1000000000000)";
    assert!(lake.try_query("main", "select 1").await.is_err());
    assert_eq!(
        run_within(60, &lake, commit, "select 1 where false").await,
        CheckOutcome::Passed
    );
    assert_eq!(run_within(1, &lake, commit, endless).await, CheckOutcome::TooLong);
}

/// A join that no pair meets computes without a pause, and nothing can stop it.
#[tokio::test]
async fn a_query_keeps_no_check_waiting() {
    let lake = Lake::with(Limits {
        parallel: 1,
        ..Limits::default()
    })
    .await;
    lake.create("main", hive_table("t", "n int", "")).await;
    let commit = lake.commit("main").await;
    let busy = "select count(*) from generate_series(1, 30000) a join generate_series(1, 30000) b on a.value < -b.value";
    let mut busy = lake
        .engine
        .rows(&lake.repository, &at("main"), busy)
        .await
        .unwrap();
    let mut count = std::pin::pin!(busy.next());
    assert!(futures::poll!(&mut count).is_pending());
    assert_eq!(
        run(&lake, commit, "select 1 where false").await,
        CheckOutcome::Passed
    );
    assert!(
        futures::poll!(&mut count).is_pending(),
        "it has computed all the while"
    );
}
