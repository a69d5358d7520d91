//! Column statistics.

use catalog::Error;
use catalog::draft::AlterTable;
use catalog::model::{BooleanStatistics, ColumnId, ColumnStatistics, StatisticsData};

use super::fixture::{Lake, add, counts, refused, set_columns, values, write};

fn statistics(name: &str, nulls: i64) -> (String, ColumnStatistics) {
    let data = StatisticsData::Boolean(BooleanStatistics {
        nulls,
        ..BooleanStatistics::default()
    });
    let column = ColumnId::NONE;
    (
        name.to_owned(),
        ColumnStatistics {
            column,
            type_name: "boolean".into(),
            analyzed_s: Some(1),
            data,
        },
    )
}

#[tokio::test]
async fn each_engine_has_its_own() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        add(draft, &["1/1"]).await?;
        draft
            .set_statistics("sales", "orders", None, "hive", vec![statistics("Amount", 1)])
            .await?;
        draft
            .set_statistics(
                "sales",
                "orders",
                None,
                "hive",
                vec![statistics("id", 2), statistics("amount", 3)],
            )
            .await?;
        draft
            .set_statistics("sales", "orders", None, "impala", vec![statistics("id", 4)])
            .await?;
        draft
            .set_statistics(
                "sales",
                "orders",
                Some("d=1/h=1"),
                "hive",
                vec![statistics("id", 5)],
            )
            .await?;
    })
    .unwrap();
    let main = lake.main().await;
    let orders = main.table("sales", "orders").await.unwrap();
    let found = main.statistics(orders.id, None, "hive").await.unwrap().unwrap();
    assert_eq!(
        found
            .columns
            .iter()
            .map(|column| column.column.0)
            .collect::<Vec<_>>(),
        [3, 4]
    );
    let refusal = write!(lake, |draft| draft
        .set_statistics("sales", "orders", None, "hive", vec![statistics("zz", 1)])
        .await?);
    refused!(refusal, Error::NoSuchColumn { .. });
    let delete = async |column: Option<&'static str>| {
        write!(lake, |draft| draft
            .delete_statistics("sales", "orders", None, "hive", column)
            .await?)
    };
    delete(Some("ID")).await.unwrap();
    refused!(delete(Some("id")).await, Error::NoSuchStatistics { .. });
    delete(None).await.unwrap();
    refused!(delete(None).await, Error::NoSuchStatistics { .. });
    assert_eq!(counts(&lake.main().await).await[2], 2);
}

#[tokio::test]
async fn they_follow_partitions_and_leave_with_columns() {
    let lake = Lake::with_orders().await;
    write!(lake, |draft| {
        add(draft, &["1/1"]).await?;
        let both = || vec![statistics("id", 1), statistics("amount", 2)];
        draft
            .set_statistics("sales", "orders", None, "hive", both())
            .await?;
        draft
            .set_statistics("sales", "orders", Some("d=1/h=1"), "hive", both())
            .await?;
        let orders = draft.table("sales", "orders").await?;
        let mut partition = draft.partition(&orders, &values("1/1")).await?;
        partition.values = values("2/2");
        draft
            .rename_partition("sales", "orders", &values("1/1"), partition)
            .await?;
        let mut table = draft.table("sales", "orders").await?.table;
        set_columns(&mut table, "id bigint, amount int");
        draft
            .alter_table("sales", "orders", table, &AlterTable::default())
            .await?;
    })
    .unwrap();
    let main = lake.main().await;
    let orders = main.table("sales", "orders").await.unwrap();
    for (partition, expected) in [
        (None, Some(1)),
        (Some("d=2/h=2"), Some(2)),
        (Some("d=1/h=1"), None),
    ] {
        let found = main.statistics(orders.id, partition, "hive").await.unwrap();
        assert_eq!(found.map(|found| found.columns.len()), expected, "{partition:?}");
    }
    write!(lake, |draft| draft
        .drop_partitions("sales", "orders", &["d=2/h=2".into()], true, false)
        .await?)
    .unwrap();
    assert_eq!(counts(&lake.main().await).await[2], 1);
}
