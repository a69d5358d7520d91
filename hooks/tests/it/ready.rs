//! Ready-made actions on tables in a store in memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use catalog::draft::AddPartitions;
use catalog::model::{Column, Columns, Database, Storage, Table, Template};
use catalog::{Catalog, Draft};
use hooks::Settings;
use hooks::action::{Ended, Outcome};
use versioning::object::Object;
use versioning::refs::CommitMode;
use versioning::repository::CommitMessage;
use versioning::{Batch, CommitId, Error, RefName, Repository, Space};

use super::fake::run_at;

struct Lake {
    repository: Repository,
    catalog: Catalog,
    _keep: versioning::Repositories,
}

fn name(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

fn columns(text: &str) -> Vec<Column> {
    let column = |text: &str| {
        let (name, type_name) = text.split_once(' ').unwrap();
        Column::new(name, type_name)
    };
    text.split(", ").map(column).collect()
}

fn storage(text: &str) -> Storage {
    Storage {
        columns: Some(Arc::new(Columns(columns(text)))),
        template: Arc::new(Template {
            input_format: Some("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat".into()),
            ..Template::default()
        }),
        ..Storage::default()
    }
}

macro_rules! change {
    ($lake:ident, |$draft:ident| $body:block) => {
        $lake
            .catalog
            .write(&name("main"), move |mut $draft: Draft| async move {
                $body
                Ok::<_, catalog::Error>(($draft, ()))
            })
            .await
            .unwrap()
    };
}

impl Lake {
    /// The table `sales.orders (id int, amt int) by (dt string)` with a partition of 2026-01-01.
    async fn new() -> (Lake, CommitId) {
        let (keep, repository) = testkit::repository(9).await.unwrap();
        repository
            .set_branch_rules(&name("main"), CommitMode::Staged, None)
            .await
            .unwrap();
        let catalog = Catalog::new(repository.clone());
        let lake = Lake {
            repository,
            catalog,
            _keep: keep,
        };
        change!(lake, |draft| {
            let database = Database {
                name: "sales".into(),
                ..Database::default()
            };
            draft.create_database(database).await?;
            let table = Table {
                name: "orders".into(),
                storage: Some(storage("id int, amt int")),
                partition_keys: Some(columns("dt string")),
                ..Table::default()
            };
            draft.create_table("sales", table).await?;
        });
        lake.partition("2026-01-01").await;
        let head = lake.commit().await;
        (lake, head)
    }

    async fn partition(&self, value: &'static str) {
        change!(self, |draft| {
            let open = draft.snapshot().table("sales", "orders").await?;
            let partition = Draft::partition_like(&open, vec![value.into()]);
            draft
                .add_partitions("sales", "orders", vec![partition], &AddPartitions::default())
                .await?;
        });
    }

    async fn columns(&self, text: &'static str) {
        change!(self, |draft| {
            let mut table = draft.snapshot().table("sales", "orders").await?.table;
            table.storage.as_mut().unwrap().columns = Some(Arc::new(Columns(columns(text))));
            draft
                .alter_table("sales", "orders", table, &Default::default())
                .await?;
        });
    }

    async fn put(&self, path: &str, content: &'static [u8]) {
        let mut upload = self.repository.upload().await.unwrap();
        upload.write(Bytes::from_static(content)).await.unwrap();
        let object = Object {
            segments: vec![upload.finish().await.unwrap().segment],
            ..Object::default()
        };
        self.object(path, &object).await;
    }

    async fn object(&self, path: &str, object: &Object) {
        let mut batch = Batch::default();
        batch.put(Space::Objects, Bytes::from(path.to_owned()), object.encode());
        let plan = move |_| {
            let batch = batch.clone();
            async move { Ok::<_, Error>((batch, ())) }
        };
        self.repository.write(&name("main"), plan).await.unwrap();
    }

    async fn commit(&self) -> CommitId {
        let words = CommitMessage {
            allow_empty: true,
            ..CommitMessage::default()
        };
        self.repository.commit(&name("main"), words).await.unwrap()
    }

    async fn run(&self, head: CommitId, kind: &str, properties: &str) -> Outcome {
        let commit = self.commit().await;
        let time = Duration::from_secs(20);
        run_at(
            &self.repository,
            (head, commit),
            (kind, properties),
            Settings::default(),
            time,
        )
        .await
    }
}

const ORDERS: &str = "sales.db/orders/dt=2026-01-01/";

#[tokio::test]
async fn columns_change_by_the_rule() {
    for (columns, backward, forward) in [
        ("id int, amt int, note string", Ended::Passed, Ended::Passed),
        ("id int, amt bigint", Ended::Passed, Ended::Failed),
        ("id int", Ended::Passed, Ended::Failed),
    ] {
        let (lake, head) = Lake::new().await;
        lake.columns(columns).await;
        let outcome = lake.run(head, "schema-compatibility", "{rule: backward}").await;
        assert_eq!(outcome.ended, backward, "{columns}: {outcome:?}");
        let outcome = lake
            .run(head, "schema-compatibility", "{rule: forward, tables: 'sales.*'}")
            .await;
        assert_eq!(outcome.ended, forward, "{columns}: {outcome:?}");
        let other = lake
            .run(head, "schema-compatibility", "{rule: full, tables: other.*}")
            .await;
        assert_eq!(other.ended, Ended::Passed);
    }
}

#[tokio::test]
async fn columns_of_partitions_have_to_be_readable_by_the_table() {
    let (lake, head) = Lake::new().await;
    lake.columns("id int, amt bigint").await;
    let readable = lake.run(head, "partition-columns", "{}").await;
    assert_eq!(readable.ended, Ended::Passed, "{readable:?}");
    let same = lake.run(head, "partition-columns", "{types: same}").await;
    assert_eq!(same.ended, Ended::Failed, "{same:?}");
    assert!(
        same.output
            .contains("column amt is int in partition dt=2026-01-01 and those like it, bigint in the table"),
        "{same:?}"
    );
}

#[tokio::test]
async fn expected_partitions_have_to_be_there() {
    let (lake, head) = Lake::new().await;
    lake.partition("2026-01-03").await;
    let days = "{table: sales.orders, key: dt, from: '2026-01-01', to: '2026-01-03'}";
    let outcome = lake.run(head, "partition-completeness", days).await;
    assert_eq!(
        outcome,
        failed("sales.orders has no partition with dt=2026-01-02")
    );
    lake.partition("2026-01-02").await;
    assert_eq!(
        lake.run(head, "partition-completeness", days).await.ended,
        Ended::Passed
    );
    let listed = "{table: sales.orders, key: dt, values: ['2026-01-01', '2026-01-09']}";
    let outcome = lake.run(head, "partition-completeness", listed).await;
    assert_eq!(
        outcome,
        failed("sales.orders has no partition with dt=2026-01-09")
    );
    let unknown = lake
        .run(
            head,
            "partition-completeness",
            "{table: sales.orders, key: h, values: [1]}",
        )
        .await;
    assert_eq!(unknown.ended, Ended::Errored);
}

fn failed(output: &str) -> Outcome {
    Outcome {
        ended: Ended::Failed,
        output: output.into(),
    }
}

#[tokio::test]
async fn files_have_to_be_of_the_format_of_their_table() {
    let (lake, head) = Lake::new().await;
    lake.put(&format!("{ORDERS}a.parquet"), b"PAR1....PAR1").await;
    lake.put(&format!("{ORDERS}_SUCCESS"), b"").await;
    let outcome = lake.run(head, "file-format", "{}").await;
    assert_eq!(outcome.ended, Ended::Passed, "{outcome:?}");
    lake.put(&format!("{ORDERS}b"), b"ORC and more").await;
    let outcome = lake.run(head, "file-format", "{}").await;
    assert_eq!(
        outcome,
        failed(&format!("sales.orders: {ORDERS}b is no file of parquet"))
    );
    let orc = lake.run(head, "file-format", "{format: orc}").await;
    assert_eq!(
        orc,
        failed(&format!("sales.orders: {ORDERS}a.parquet is no file of orc"))
    );
}

#[tokio::test]
async fn missing_files_are_found() {
    let (lake, head) = Lake::new().await;
    lake.put(&format!("{ORDERS}a"), b"whole").await;
    let outcome = lake.run(head, "no-missing-files", "{}").await;
    assert_eq!(outcome.ended, Ended::Passed, "{outcome:?}");
    let view = lake.repository.view(&name("main").into()).await.unwrap();
    let mut object = view.object(&format!("{ORDERS}a")).await.unwrap().unwrap();
    object.segments[0].len += 3;
    lake.object(&format!("{ORDERS}short"), &object).await;
    object.segments[0].file.id = [9; 16];
    lake.object(&format!("{ORDERS}gone"), &object).await;
    let outcome = lake.run(head, "no-missing-files", "{tables: sales.orders}").await;
    assert_eq!(outcome.ended, Ended::Failed);
    let lines: Vec<_> = outcome.output.lines().collect();
    assert_eq!(lines.len(), 2, "{outcome:?}");
    assert!(
        lines[0].contains("/gone") && lines[1].contains("/short"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn manifests_list_the_files_at_the_commit() {
    let (lake, head) = Lake::new().await;
    lake.put(&format!("{ORDERS}a"), b"1").await;
    let from = name("main").into();
    lake.repository
        .create_branch(&name("links"), &from, CommitMode::Staged)
        .await
        .unwrap();
    let commit = lake.commit().await;
    let time = Duration::from_secs(20);
    let action = ("symlink-manifests", "{branch: links}");
    let outcome = run_at(
        &lake.repository,
        (head, commit),
        action,
        Settings::default(),
        time,
    )
    .await;
    assert_eq!(
        outcome.output, "1 manifests are on the branch links",
        "{outcome:?}"
    );
    let view = lake.repository.view(&name("links").into()).await.unwrap();
    let path = "_symlink_format_manifest/sales/orders/dt=2026-01-01/manifest";
    let object = view.object(path).await.unwrap().unwrap();
    assert_eq!(
        object.size(),
        format!("s3a://lake/{commit}/{ORDERS}a\n").len() as u64
    );
}

#[tokio::test]
async fn tables_are_registered_in_another_metastore() {
    let run =
        |properties: &'static str| super::fake::run("register-metastore", properties, Settings::default());
    let told = run("{uri: 'thrift://hms:9083', tables: ['sales.*']}").await;
    let expected = r#"hms:9083 main s3a ["sales.a", "sales.b"] from a head: true"#;
    assert_eq!((told.ended, told.output.as_str()), (Ended::Passed, expected));
    let told = run("{uri: 'thrift://[::1]:9083', locations: commit, scheme: s3}").await;
    assert!(told.output.starts_with("[::1]:9083 "), "{}", told.output);
    assert!(!told.output.contains(" main "), "{}", told.output);
    let settings = Settings {
        hosts: Some(vec!["other".into()]),
        ..Settings::default()
    };
    let refused = super::fake::run("register-metastore", "{uri: 'thrift://hms:9083'}", settings).await;
    assert_eq!(refused.ended, Ended::Errored);
    for wrong in [
        "{uri: 'http://hms:1'}",
        "{uri: 'thrift://hms'}",
        "{uri: 'thrift://h:1', locations: tag}",
    ] {
        let text = format!(
            "name: f\non: {{post-merge: }}\nhooks:\n  - {{id: h, type: register-metastore, properties: {wrong}}}\n"
        );
        assert!(hooks::parse_hooks("f.yaml", text.as_bytes()).is_err(), "{wrong}");
    }
}
