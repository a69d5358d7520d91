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
async fn a_join_that_only_computes_stops_at_the_limit_and_leaves_its_thread_to_others() {
    let lake = Lake::with(Limits {
        time_ms: 1_000,
        parallel: 1,
        ..Limits::default()
    })
    .await;
    for (join, rows) in [
        ("cross join generate_series(1, 1000000) as b(y)", "count(*)"),
        (
            "join generate_series(1, 1000000) as b(y) on x + y > 3",
            "max(x - y)",
        ),
        (
            "join generate_series(1, 1000000) as b(y) on x % 3 = y % 3",
            "max(x - y)",
        ),
    ] {
        let sql = format!("select {rows} from generate_series(1, 1000000) as a(x) {join}");
        let error = lake.try_query("main", &sql).await.err().unwrap();
        assert!(
            matches!(error, Error::TooLong { limit_ms: 1_000 }),
            "{sql}: {error:?}"
        );
        let next = lake.try_query("main", "select 1").await;
        assert!(next.is_ok(), "after {sql}: {next:?}");
    }
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

/// Statements whose functions would take gigabytes, most of them while they are planned.
const GREEDY: &[&str] = &[
    "select repeat('x', 700000000)",
    "select length(repeat('x', 700000000))",
    "select length(repeat('x', 700000000 + value)) from generate_series(1, 3)",
    "select length(repeat('x', 100000)) from generate_series(1, 100000)",
    "select lpad('x', 2000000000)",
    "select rpad('x', 2000000000, 'yz')",
    "select length(lpad('x' || value, 400000000)) from generate_series(1, 3)",
    "select array_length(array_repeat(1, 500000000))",
    "select array_length(list_repeat('x' || value, 500000000)) from generate_series(1, 3)",
    "select array_length(array_resize([1], 500000000, 2))",
    "select array_length(range(1, 1000000000))",
    "select array_length(generate_series(value, 1000000000)) from generate_series(1, 3)",
    "select array_length(range(timestamp '2026-01-01', timestamp '2026-01-02', interval '1 nanosecond'))",
    "select 1 where length(repeat('x', 700000000)) > 1",
    "select replace(repeat('x', 30000), 'x', repeat('y', 30000))",
    "select regexp_replace(repeat('x', 30000), 'x', repeat('y', 30000), 'g')",
    "select length(array_to_string(array_repeat(value, 1000), repeat('y', 30000))) from generate_series(1, 100)",
];

#[tokio::test]
async fn a_function_takes_no_more_memory_than_it_may() {
    let lake = Lake::new().await;
    for sql in GREEDY {
        let error = lake.try_query("main", sql).await.err();
        assert!(
            matches!(error, Some(Error::OutOfMemory { .. })),
            "{sql}: {error:?}"
        );
    }
    // as an argument of what stands for a table it is none, since it has no value
    let sql = "select * from generate_series(1, length(repeat('x', 700000000)))";
    lake.error(sql).await;
}

#[tokio::test]
async fn doubling_ends_before_the_memory_does() {
    let lake = Lake::with(Limits {
        memory_bytes: 4 << 20,
        ..Limits::default()
    })
    .await;
    for (first, twice) in [
        ("'x' || value", "# || #"),
        ("'x' || value", "concat(#, #)"),
        ("'x' || value", "concat_ws('', #, #)"),
        ("'x' || value", "replace(#, 'x', 'xx')"),
        ("make_array(value)", "array_concat(#, #)"),
        ("make_array(value)", "# || #"),
    ] {
        let first = format!("select {first} as x0 from generate_series(1, 2)");
        let sql = (0..18).fold(first, |inner, n| {
            // names differ: DataFusion drops a projection that reads as the one beneath it
            let twice = twice.replace('#', &format!("x{n}"));
            format!("select {twice} as x{} from ({inner})", n + 1)
        });
        let error = lake.try_query("main", &sql).await.err();
        assert!(
            matches!(error, Some(Error::OutOfMemory { .. })),
            "{twice}: {error:?}"
        );
    }
}

#[tokio::test]
async fn what_is_modest_is_let_through() {
    let lake = Lake::new().await;
    for (sql, row) in [
        ("select length(repeat('x', 30000))", "30000"),
        (
            "select sum(length(repeat('x', value))) from generate_series(1, 10000)",
            "50005000",
        ),
        (
            "select repeat('ab', 2) || lpad('c', 3, '-') || rpad('d', 3, '-')",
            "abab--cd--",
        ),
        ("select repeat(null, 2)", "NULL"),
        ("select array_to_string(range(1, 4), ',')", "1,2,3"),
        ("select array_length(make_array(1) || make_array(2))", "2"),
        // far more than it takes is what it might take: it is evaluated in pieces
        (
            "select sum(length(regexp_replace(repeat('x', 2000), 'y', repeat('z', 1000 + value - value), 'g'))) \
             from generate_series(1, 1000)",
            "2000000",
        ),
    ] {
        assert_eq!(lake.query(sql).await, [row], "{sql}");
    }
}

#[tokio::test]
async fn bounds_do_not_show_in_names() {
    let lake = Lake::new().await;
    let sql = "select 'a' || value, repeat('x', value) from generate_series(1, 1)";
    let answer = lake.try_query("main", sql).await.unwrap();
    let names: Vec<_> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Utf8(\"a\") || generate_series().value",
            "repeat(Utf8(\"x\"),generate_series().value)"
        ]
    );
}
