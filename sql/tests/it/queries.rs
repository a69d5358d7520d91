//! What queries see: partitions, columns, places.

use std::sync::Arc;

use datafusion::arrow::array::{Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::lake::{Lake, hive_table, parquet};

/// `id` and `amt`, as ints, under the names given.
fn ints(names: [&str; 2], rows: &[(i32, i32)]) -> RecordBatch {
    let fields: Vec<_> = names
        .iter()
        .map(|name| Field::new(*name, DataType::Int32, true))
        .collect();
    let ids = Int32Array::from(rows.iter().map(|row| row.0).collect::<Vec<_>>());
    let amounts = Int32Array::from(rows.iter().map(|row| row.1).collect::<Vec<_>>());
    RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        vec![Arc::new(ids), Arc::new(amounts)],
    )
    .unwrap()
}

/// `sales.orders` by a text and a number, one row in each of 3 × 2 partitions and one where the text is NULL.
async fn partitioned() -> Lake {
    let lake = Lake::new().await;
    lake.create(
        "main",
        hive_table("orders", "id int; amt int", "dt string; hr int"),
    )
    .await;
    let mut id = 0;
    for dt in ["a", "b", "c", "__HIVE_DEFAULT_PARTITION__"] {
        for hr in ["9", "10"] {
            id += 1;
            lake.add("main", "orders", &[dt, hr], None).await;
            let path = format!("sales.db/orders/dt={dt}/hr={hr}/part-0.snappy.parquet");
            lake.put("main", &path, parquet(&ints(["id", "amt"], &[(id, id * 10)])))
                .await;
        }
    }
    lake
}

#[tokio::test]
async fn partitions_that_a_filter_excludes_are_not_read() {
    let lake = partitioned().await;
    for (filter, expected, files) in [
        (
            "true",
            "1|10|a|9 2|20|a|10 3|30|b|9 4|40|b|10 5|50|c|9 6|60|c|10 7|70|NULL|9 8|80|NULL|10",
            8,
        ),
        ("dt = 'b'", "3|30|b|9 4|40|b|10", 2),
        ("dt = 'b' and hr > 9", "4|40|b|10", 1),
        ("hr < 10 and dt >= 'b'", "3|30|b|9 5|50|c|9", 2),
        ("dt is null", "7|70|NULL|9 8|80|NULL|10", 2),
        ("dt in ('a', 'c') and hr = 10", "2|20|a|10 6|60|c|10", 2),
        (
            "dt like 'a%' or hr + 1 = 10 and dt is not null",
            "1|10|a|9 2|20|a|10 3|30|b|9 5|50|c|9",
            4,
        ),
        ("dt = 'nowhere'", "", 0),
        ("hr = 10 and amt = 40", "4|40|b|10", 4),
    ] {
        lake.files_read();
        let rows = lake
            .query(&format!(
                "select id, amt, dt, hr from sales.orders where {filter} order by id"
            ))
            .await;
        assert_eq!(
            (rows.join(" ").as_str(), lake.files_read()),
            (expected, files),
            "{filter}"
        );
    }
}

#[tokio::test]
async fn columns_of_partitions_are_columns() {
    let lake = partitioned().await;
    assert_eq!(
        lake.query("select dt, sum(amt) as amt from sales.orders group by dt order by dt")
            .await,
        ["a|30", "b|70", "c|110", "NULL|150"]
    );
    assert_eq!(lake.query("select max(hr) from sales.orders").await, ["10"]);
    assert_eq!(lake.query("select count(*) from sales.orders").await, ["8"]);
    assert_eq!(
        lake.query("select distinct dt from sales.orders where hr = 9 order by dt limit 1")
            .await,
        ["a"]
    );
    assert_eq!(
        lake.query("select * from SALES.Orders where ID = 3").await,
        ["3|30|b|9"]
    );
}

#[tokio::test]
async fn a_partition_may_lie_elsewhere() {
    let lake = partitioned().await;
    lake.add("main", "orders", &["d", "1"], Some("moved/here")).await;
    lake.put(
        "main",
        "moved/here/x.parquet",
        parquet(&ints(["id", "amt"], &[(9, 90)])),
    )
    .await;
    lake.put(
        "main",
        "moved/here-not/x.parquet",
        parquet(&ints(["id", "amt"], &[(666, 0)])),
    )
    .await;
    assert_eq!(
        lake.query("select * from sales.orders where dt = 'd'").await,
        ["9|90|d|1"]
    );
}

#[tokio::test]
async fn names_that_hive_escapes_are_found() {
    let lake = Lake::new().await;
    lake.create(
        "main",
        hive_table("orders", "id int; amt int", "at timestamp; note string"),
    )
    .await;
    lake.add("main", "orders", &["2026-01-01 10:00:00", "50% [x]"], None)
        .await;
    let path = "sales.db/orders/at=2026-01-01 10%3A00%3A00/note=50%25 %5Bx%5D/0.parquet";
    lake.put("main", path, parquet(&ints(["id", "amt"], &[(1, 2)])))
        .await;
    let sql = "select * from sales.orders where note = '50% [x]' and at = timestamp '2026-01-01 10:00:00'";
    assert_eq!(lake.query(sql).await, ["1|2|2026-01-01T10:00:00|50% [x]"]);
}

#[tokio::test]
async fn files_may_know_fewer_narrower_and_otherwise_written_columns() {
    let lake = Lake::new().await;
    lake.create(
        "main",
        hive_table("orders", "id bigint; amt decimal(12,2); note string", "dt date"),
    )
    .await;
    for day in ["2026-01-01", "2026-01-02"] {
        lake.add("main", "orders", &[day], None).await;
    }
    let old = ints(["ID", "Amt"], &[(1, 10), (2, 20)]);
    lake.put("main", "sales.db/orders/dt=2026-01-01/0.parquet", parquet(&old))
        .await;
    let fields = vec![
        Field::new("note", DataType::Utf8, true),
        Field::new("extra", DataType::Int32, true),
        Field::new("id", DataType::Int64, true),
    ];
    let columns: Vec<Arc<dyn datafusion::arrow::array::Array>> = vec![
        Arc::new(StringArray::from(vec!["new"])),
        Arc::new(Int32Array::from(vec![0])),
        Arc::new(Int64Array::from(vec![5_000_000_000])),
    ];
    let new = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    lake.put("main", "sales.db/orders/dt=2026-01-02/0.parquet", parquet(&new))
        .await;
    let all = [
        "1|10.00|NULL|2026-01-01",
        "2|20.00|NULL|2026-01-01",
        "5000000000|NULL|new|2026-01-02",
    ];
    assert_eq!(lake.query("select * from sales.orders order by id").await, all);
    assert_eq!(
        lake.query("select id from sales.orders where id > 1 and note is null")
            .await,
        ["2"]
    );
    assert_eq!(
        lake.query("select id from sales.orders where amt = 20.00").await,
        ["2"]
    );
    assert_eq!(
        lake.query("select sum(id), count(note), count(amt) from sales.orders")
            .await,
        ["5000000003|1|2"]
    );
    assert_eq!(
        lake.query("select id from sales.orders where dt > date '2026-01-01'")
            .await,
        ["5000000000"]
    );
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let lake = partitioned().await;
    for (sql, words) in [
        ("select * from sales.nothing", "table sales.nothing not found"),
        ("select * from nowhere.orders", "table nowhere.orders not found"),
        ("select * from orders", "default.orders' not found"),
        ("select nope from sales.orders", "nope"),
        ("select * from \"sales@gone\".orders", "\"gone\" not found"),
        ("select * from \"sales@a b\".orders", "\"a b\" is not valid"),
    ] {
        let shown = lake.error(sql).await;
        assert!(shown.contains(words), "{sql}: {shown}");
    }
}

/// DataFusion 55.2 loses a level of projections that look alike; see `sql::levels`.
#[tokio::test]
async fn projections_that_look_alike_are_all_computed() {
    let lake = Lake::new().await;
    let nest = |step: &str, levels: usize| {
        let one = "select column1 as x, column2 as y from (values (1, 10))".to_owned();
        (0..levels).fold(one, |inner, _| format!("select {step} from ({inner})"))
    };
    for (step, expected) in [
        ("x * 2 as x", "8"),
        ("x + x as x", "8"),
        ("x + 1 as x, y", "4|10"),
        ("x + y as x, y", "31|10"),
        ("y as x, x as y", "10|1"),
        ("x + 1 as x, x + y as y", "4|16"),
    ] {
        let sql = nest(step, 3);
        assert_eq!(lake.query(&sql).await, [expected], "{sql}");
    }
    let filtered = "select x * 2 as x from (select x * 2 as x from (select 3 as x) where true) where x > 5";
    assert_eq!(lake.query(filtered).await, ["12"]);
}
