//! What a diff says of histories.

use async_trait::async_trait;
use catalog::diff::{CatalogDiff, ColumnChangeKind, FilesDiff, Limits, RowCounter, count_rows, diff};
use expect_test::{Expect, expect};
use versioning::{Repository, View};

use super::history::{History, at};

/// Returns a diff as text.
fn text_of(diff: &CatalogDiff) -> String {
    let mut out = String::new();
    for database in &diff.databases {
        out += &format!("{} {}\n", database.name, database.fate.as_str());
        for property in &database.properties {
            out += &format!(
                "  {}: {:?} -> {:?}\n",
                property.name, property.before, property.after
            );
        }
    }
    for table in &diff.tables {
        out += &format!("{}.{} {}", table.database, table.name, table.fate.as_str());
        if let Some((database, name)) = &table.renamed_from {
            out += &format!(", renamed from {database}.{name}");
        }
        if let Some(rows) = &table.rows {
            out += &format!(", rows +{} -{}", rows.added, rows.removed);
        }
        out += &format!("{}\n", files(&table.files));
        for column in &table.columns {
            let kinds: Vec<String> = column
                .kinds
                .iter()
                .map(|kind| match kind {
                    ColumnChangeKind::Retyped => {
                        format!(
                            "{} -> {}",
                            column.type_before.as_ref().unwrap(),
                            column.type_after.as_ref().unwrap()
                        )
                    }
                    other => format!("{other:?}"),
                })
                .collect();
            let key = if column.is_partition_key { "key" } else { "column" };
            out += &format!("  {key} {}: {}\n", column.name, kinds.join(", "));
        }
        for property in &table.properties {
            out += &format!(
                "  {}: {:?} -> {:?}\n",
                property.name, property.before, property.after
            );
        }
        if table.partitions.count() > 0 {
            let found = &table.partitions;
            out += &format!(
                "  partitions +{} -{}, {} appended, {} rewritten, {} altered\n",
                found.added, found.dropped, found.appended, found.rewritten, found.altered
            );
        }
        for partition in &table.partitions.listed {
            out += &format!(
                "    {} {}{}\n",
                partition.name,
                partition.fate.as_str(),
                files(&partition.files)
            );
        }
    }
    for function in &diff.functions {
        out += &format!(
            "{}.{} {}\n",
            function.database,
            function.name,
            function.fate.as_str()
        );
    }
    if !diff.files.is_empty() {
        out += &format!(
            "others{} {:?} {:?}\n",
            files(&diff.files),
            diff.files.added_paths,
            diff.files.removed_paths
        );
    }
    out
}

fn files(files: &FilesDiff) -> String {
    if files.is_empty() {
        return String::new();
    }
    let FilesDiff {
        added,
        removed,
        added_bytes,
        removed_bytes,
        ..
    } = files;
    format!(", files +{added} ({added_bytes} B) -{removed} ({removed_bytes} B)")
}

/// Says that every file has as many rows as its path has letters, except those that end with `?`.
#[derive(Debug)]
struct Letters;

#[async_trait]
impl RowCounter for Letters {
    async fn rows(&self, _: &Repository, view: &View, paths: &[String]) -> catalog::Result<Option<u64>> {
        let mut rows = 0;
        for path in paths {
            assert!(
                view.object(path).await?.is_some(),
                "{path} is asked of the right version"
            );
            rows += path.len() as u64;
        }
        Ok(paths.iter().all(|path| !path.ends_with('?')).then_some(rows))
    }
}

async fn check_within(limits: Limits, before: &str, after: &str, expected: Expect) {
    let history = History::new(before).await;
    history.branch("old").await;
    history.commit("main", after).await;
    let repository = history.catalog.repository();
    let (old, new) = (
        repository.settled(&at("old")).await.unwrap(),
        repository.settled(&at("main")).await.unwrap(),
    );
    let mut found = diff(&old, &new, &limits).await.unwrap();
    count_rows(&mut found, repository, &old, &new, &Letters)
        .await
        .unwrap();
    assert_eq!(found.is_empty(), text_of(&found).is_empty());
    expected.assert_eq(&text_of(&found));
    assert!(diff(&new, &new, &limits).await.unwrap().is_empty());
}

pub(super) async fn check(before: &str, after: &str, expected: Expect) {
    check_within(Limits::default(), before, after, expected).await;
}

const ORDERS: &str = "create sales.orders (id int, amt int, note string) by (dt string)
    add sales.orders dt=1
    add sales.orders dt=2
    add sales.orders dt=3
    put sales.db/orders/dt=1/a one
    put sales.db/orders/dt=2/b two";

#[tokio::test]
async fn a_table_changes_in_every_way() {
    check(
        ORDERS,
        "columns sales.orders (note string, id bigint, total int, extra date 'new')
         set sales.orders k=v
         owner sales.orders eve
         rename sales.orders sales.sold
         add sales.sold dt=4
         put sales.db/orders/dt=4/d four
         put sales.db/orders/dt=1/c three
         put sales.db/orders/dt=1/_SUCCESS x
         put sales.db/orders/dt=2/b other
         setpart sales.sold dt=3 k=v",
        expect![[r#"
            sales.sold changed, renamed from sales.orders, rows +66 -22, files +3 (14 B) -1 (3 B)
              column id: int -> bigint, Moved
              column total: Added
              column extra: Added
              column amt: Dropped
              owner: None -> Some("eve")
              parameter k: None -> Some("v")
              partitions +1 -0, 1 appended, 1 rewritten, 1 altered
                dt=1 appended, files +1 (5 B) -0 (0 B)
                dt=2 rewritten, files +1 (5 B) -1 (3 B)
                dt=3 altered
                dt=4 added, files +1 (4 B) -0 (0 B)
        "#]],
    )
    .await;
    check(
        ORDERS,
        "droppart sales.orders dt=1",
        expect![[r#"
        sales.orders changed, rows +0 -22, files +0 (0 B) -1 (3 B)
          partitions +0 -1, 0 appended, 0 rewritten, 0 altered
            dt=1 dropped, files +0 (0 B) -1 (3 B)
    "#]],
    )
    .await;
    check(
        ORDERS,
        "drop sales.orders",
        expect![[r#"
            sales.orders dropped, rows +0 -44, files +0 (0 B) -2 (6 B)
              column id: Dropped
              column amt: Dropped
              column note: Dropped
              key dt: Dropped
              kind: Some("MANAGED_TABLE") -> None
              format: Some("hive") -> None
              location: Some("sales.db/orders") -> None
              serde: Some("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe") -> None
              partitions +0 -3, 0 appended, 0 rewritten, 0 altered
                dt=1 dropped, files +0 (0 B) -1 (3 B)
                dt=2 dropped, files +0 (0 B) -1 (3 B)
                dt=3 dropped
        "#]],
    )
    .await;
    check(ORDERS, "analyze sales.orders id@7\nset sales.orders numRows=9\nsetpart sales.orders dt=1 transient_lastDdlTime=8", expect![[r#""#]]).await;
}

#[tokio::test]
async fn things_come_and_go() {
    check("put raw/a one\nfunction sales.f a", "create sales.t (a int)\nput sales.db/t/x? one\nput raw/b two\nrm raw/a\nput raw/ dir\ndatabase web\ncomment sales hi\ndropfn sales.f\nfunction sales.g b", expect![[r#"
        sales changed
          description: None -> Some("hi")
        web created
          location: None -> Some("web.db")
        sales.t created, files +1 (3 B) -0 (0 B)
          column a: Added
          kind: None -> Some("MANAGED_TABLE")
          format: None -> Some("hive")
          location: None -> Some("sales.db/t")
          serde: None -> Some("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe")
        sales.f dropped
        sales.g created
        others, files +1 (3 B) -1 (3 B) ["raw/b"] ["raw/a"]
    "#]]).await;
}

#[tokio::test]
async fn tables_elsewhere_own_their_files() {
    check(
        "create sales.t (a int) at raw/t\nput raw/t/a one",
        "put raw/t/b two",
        expect![[r#"
        sales.t changed, rows +7 -0, files +1 (3 B) -0 (0 B)
    "#]],
    )
    .await;
    check(
        "create sales.t (a int) by (d string)\nadd sales.t d=1 at far/away",
        "put far/away/b two",
        expect![[r#"
        sales.t changed, rows +10 -0, files +1 (3 B) -0 (0 B)
          partitions +0 -0, 1 appended, 0 rewritten, 0 altered
            d=1 appended, files +1 (3 B) -0 (0 B)
    "#]],
    )
    .await;
}

#[tokio::test]
async fn lists_are_bounded_and_counts_are_not() {
    let limits = Limits {
        partitions_max: 2,
        paths_max: 1,
    };
    let many: Vec<String> = (0..5)
        .map(|n| format!("add sales.orders dt=x{n}\nput sales.db/orders/dt=x{n}/f one"))
        .collect();
    check_within(
        limits,
        ORDERS,
        &many.join("\n"),
        expect![[r#"
        sales.orders changed, files +5 (15 B) -0 (0 B)
          partitions +5 -0, 0 appended, 0 rewritten, 0 altered
            dt=x0 added, files +1 (3 B) -0 (0 B)
            dt=x1 added, files +1 (3 B) -0 (0 B)
    "#]],
    )
    .await;
}

#[tokio::test]
async fn versions_have_to_be_settled() {
    let history = History::new("").await;
    history.branch("etl").await;
    let repository = history.catalog.repository();
    let old = repository.settled(&at("main")).await.unwrap();
    let new = old.with(&{
        let mut batch = versioning::Batch::default();
        batch.delete(versioning::Space::Objects, "a");
        batch
    });
    let refused = diff(&old, &new, &Limits::default()).await;
    assert!(
        matches!(
            refused,
            Err(catalog::Error::NotAllowed {
                operation: "a diff",
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_staged_is_compared_from_both_ends() {
    let history = History::new("create sales.t (i int) by (d string)\nadd sales.t d=1").await;
    history.branch("etl").await;
    for step in [
        "create sales.new (a int)",
        "columns sales.t (i int, j int)",
        "add sales.t d=2 k=1",
    ] {
        history.execute("etl", step).await.unwrap();
    }
    let repository = history.catalog.repository();
    let main = repository.settled(&at("main")).await.unwrap();
    let etl = repository.settled(&at("etl")).await.unwrap();
    let there = diff(&main, &etl, &Limits::default()).await.unwrap();
    let back = diff(&etl, &main, &Limits::default()).await.unwrap();
    expect![[r#"
        sales.new created
          column a: Added
          kind: None -> Some("MANAGED_TABLE")
          format: None -> Some("hive")
          location: None -> Some("sales.db/new")
          serde: None -> Some("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe")
        sales.t changed
          column j: Added
          partitions +1 -0, 0 appended, 0 rewritten, 0 altered
            d=2 added
    "#]]
    .assert_eq(&text_of(&there));
    assert_eq!(there.tables.len(), back.tables.len());
}
