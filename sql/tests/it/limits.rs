//! Limits of memory, time and rows.

use sql::{Error, Limits};

use super::lake::{Lake, hive_table};

#[tokio::test]
async fn memory_has_a_limit() {
    let lake = Lake::with(Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    })
    .await;
    let sql =
        "select count(*) from (select distinct value, value || 'x' as t from generate_series(1, 500000))";
    let error = lake.try_query("main", sql).await.err().unwrap();
    assert!(
        matches!(
            error,
            Error::OutOfMemory {
                limit_bytes: 1_048_576,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .starts_with("the query needs more memory than the limit of 1048576 bytes"),
        "{error}"
    );
    // what the failed query held is free again
    assert_eq!(
        lake.query("select count(*) from generate_series(1, 500000)")
            .await,
        ["500000"]
    );
}

#[tokio::test]
async fn planning_keeps_to_the_limit() {
    let lake = Lake::with(Limits {
        memory_bytes: 256 << 10,
        ..Limits::default()
    })
    .await;
    lake.create("main", hive_table("t", "n int", "dt string")).await;
    for dt in ["1", "2"] {
        lake.add("main", "t", &[dt], None).await;
    }
    for n in 0..2_000 {
        lake.put("main", &format!("sales.db/t/dt=1/part-{n}"), "no Parquet".into())
            .await;
    }
    let error = lake
        .try_query("main", "select n from sales.t")
        .await
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "the query needs more memory than the limit of 262144 bytes: \
         too many files of sales.t are needed: filter by a partition key (dt)"
    );
    // what was counted is free again
    assert_eq!(
        lake.query("select count(n) from sales.t where dt = '2'").await,
        ["0"]
    );
    assert_eq!(
        lake.query("select count(*) from generate_series(1, 500000)")
            .await,
        ["500000"]
    );
}

#[tokio::test]
async fn time_has_a_limit() {
    let lake = Lake::with(Limits {
        time_ms: 30,
        ..Limits::default()
    })
    .await;
    let sql = "select count(*) from generate_series(1, 1000000000000)";
    let error = lake.try_query("main", sql).await.err().unwrap();
    assert!(matches!(error, Error::TooLong { limit_ms: 30 }), "{error:?}");
}

#[tokio::test]
async fn rows_have_a_limit() {
    let lake = Lake::with(Limits {
        rows_max: 100,
        ..Limits::default()
    })
    .await;
    for (sql, asked, rows, truncated) in [
        ("select * from generate_series(1, 100)", 1_000, 100, false),
        ("select * from generate_series(1, 101)", 1_000, 100, true),
        ("select * from generate_series(1, 101)", 7, 7, true),
        ("select * from generate_series(1, 7)", 7, 7, false),
        ("select * from generate_series(1, 7) where value < 0", 7, 0, false),
    ] {
        let answer = lake
            .engine
            .query(&lake.repository, &super::lake::at("main"), sql, asked)
            .await
            .unwrap();
        assert_eq!(
            (answer.page.rows(), answer.truncated),
            (rows, truncated),
            "{sql} {asked}"
        );
        assert_eq!(answer.columns[0].name, "value");
    }
}

#[tokio::test]
async fn failures_of_evaluation_are_the_statements() {
    let lake = Lake::new().await;
    assert!(
        lake.error("select 1 / (value - value) from generate_series(1, 3)")
            .await
            .starts_with("the query failed: ")
    );
    assert!(
        lake.error("select cast(x as int) from (values ('one')) t(x)")
            .await
            .contains("one")
    );
    assert!(lake.error("selekt 1").await.contains("selekt"));
    for deep in [
        format!("select {}1{}", "abs(".repeat(6_000), ")".repeat(6_000)),
        // kinds of nesting that the parser does not count: what they may cost is bounded by the length alone
        format!("select {}'1'", "interval ".repeat(3_600)),
        format!("select cast(1 as {}int)", "Nullable(".repeat(3_600)),
        format!("select cast(1 as {}int)", "Tuple(".repeat(5_400)),
        format!("select * from t match_recognize(pattern {}", "(".repeat(32_000)),
    ] {
        lake.error(&deep).await;
    }
}

#[tokio::test]
async fn long_chains_do_not_overflow_the_stack() {
    let lake = Lake::with(Limits {
        time_ms: 20_000,
        ..Limits::default()
    })
    .await;
    for (sql, refused) in [
        (format!("select {}1", "1+".repeat(1_000)), false),
        (format!("select {}true", "true or ".repeat(300)), false),
        (format!("select 1 {}", "union all select 1 ".repeat(190)), false),
        (format!("select 1 from {}t", "t, ".repeat(500)), true),
        (format!("select {}1", "1+".repeat(16_000)), true),
        (format!("select {}1", "- ".repeat(16_000)), true),
        (
            format!("delete from t where {}true", "true and ".repeat(3_500)),
            true,
        ),
    ] {
        // whatever the answer to the others is, an overflow would end the process
        match lake.try_query("main", &sql).await {
            Err(Error::Statement { message }) if refused => {
                assert!(message.contains("more than"), "{message}");
            }
            answer => assert!(!refused, "{} passed: {answer:?}", &sql[..30]),
        }
    }
}
