//! Tables that are registered in another metastore, which is a skep here.

use metastore::elsewhere::{Registration, register};
use thrift_idl::methods as m;
use versioning::{CommitId, Hash, RefExpr};

use super::harness::{Client, Server, partition, some, table, texts};

struct Pair {
    here: Server,
    there: Server,
    client: Client,
    other: Client,
}

impl Pair {
    async fn new() -> Pair {
        let (here, there) = (Server::start().await, Server::start().await);
        let (client, other) = (here.connect().await, there.connect().await);
        Pair {
            here,
            there,
            client,
            other,
        }
    }

    /// Registers `main` as it is now, and returns the commit and what was said.
    async fn register(&self, before: Option<CommitId>) -> (CommitId, String) {
        let commit = CommitId(Hash::parse(&self.here.commit().await).unwrap());
        let registration = Registration {
            address: self.there.address.to_string(),
            before,
            at: RefExpr::parse("main").unwrap(),
            scheme: "s3a".into(),
        };
        let wants = |database: &str, _: &str| database == "sales";
        let done = register(&self.here.repository, &registration, &wants)
            .await
            .unwrap();
        let left = done.left.join("; ");
        let told = format!("{} {} {} {left}", done.tables, done.partitions, done.dropped);
        (commit, told.trim_end().to_owned())
    }

    /// Spells what the other metastore has of a table.
    async fn found(&mut self, name: &str) -> String {
        let Ok(table) = self.other.table("sales", name).await else {
            return "nothing".into();
        };
        let args = m::GetPartitionNamesArgs {
            db_name: some("sales"),
            tbl_name: some(name),
            max_parts: Some(-1),
        };
        let names = self.other.get::<m::GetPartitionNames>(args).await.unwrap();
        let sd = table.sd.unwrap();
        let columns: Vec<String> = sd
            .cols
            .unwrap()
            .into_iter()
            .filter_map(|column| column.name)
            .collect();
        format!(
            "{} {} ({}) {}",
            table.table_type.unwrap(),
            sd.location.unwrap(),
            columns.join(" "),
            names.join(" ")
        )
    }

    async fn add(&mut self, values: &[&str]) {
        let new_parts = values
            .iter()
            .map(|value| partition("sales", "orders", &[value]))
            .collect();
        let args = m::AddPartitionsArgs {
            new_parts: Some(new_parts),
        };
        self.client.call::<m::AddPartitions>(args).await.unwrap();
    }

    async fn remove(&mut self, value: &str) {
        let args = m::DropPartitionArgs {
            db_name: some("sales"),
            tbl_name: some("orders"),
            part_vals: Some(texts(&[value])),
            delete_data: Some(true),
        };
        self.client.call::<m::DropPartition>(args).await.unwrap();
    }

    async fn alter(&mut self, name: &str, new_name: &str, columns: &str) {
        let mut new = self.client.table("sales", name).await.unwrap();
        new.table_name = some(new_name);
        new.sd.as_mut().unwrap().cols = Some(super::harness::fields(columns));
        let args = m::AlterTableArgs {
            dbname: some("sales"),
            tbl_name: some(name),
            new_tbl: Some(new),
        };
        self.client.call::<m::AlterTable>(args).await.unwrap();
    }
}

#[tokio::test]
async fn another_metastore_follows() {
    let mut pair = Pair::new().await;
    pair.client.create_database("sales").await;
    pair.client.create_database("other").await;
    pair.client
        .create_table(table("sales", "orders", "a int", "dt string"))
        .await;
    pair.client.create_table(table("other", "t", "a int", "")).await;
    pair.add(&["1", "2"]).await;
    let (first, told) = pair.register(None).await;
    assert_eq!(told, "1 2 0");
    let orders = "EXTERNAL_TABLE s3a://lake/main/sales.db/orders";
    assert_eq!(pair.found("orders").await, format!("{orders} (a) dt=1 dt=2"));

    pair.add(&["3"]).await;
    pair.remove("1").await;
    pair.alter("orders", "orders", "a int, b string").await;
    let (second, told) = pair.register(Some(first)).await;
    assert_eq!(told, "1 2 0", "one came and one went, and no other is touched");
    assert_eq!(pair.found("orders").await, format!("{orders} (a b) dt=2 dt=3"));

    // a run that was missed: what the other one has is compared with all there is
    pair.add(&["4"]).await;
    let (third, _) = (pair.here.commit().await, ());
    pair.add(&["5"]).await;
    let third = CommitId(Hash::parse(&third).unwrap());
    let (fourth, _) = pair.register(Some(third)).await;
    assert_eq!(
        pair.found("orders").await,
        format!("{orders} (a b) dt=2 dt=3 dt=4 dt=5")
    );

    // told twice, it is done once
    let (_, told) = pair.register(Some(second)).await;
    assert_eq!(told, "1 4 0");

    pair.alter("orders", "renamed", "a int, b string").await;
    let (fifth, told) = pair.register(Some(fourth)).await;
    assert_eq!(told, "1 4 1");
    assert_eq!(pair.found("orders").await, "nothing");
    assert!(pair.found("renamed").await.ends_with("(a b) dt=2 dt=3 dt=4 dt=5"));

    let args = m::DropTableArgs {
        dbname: some("sales"),
        name: some("renamed"),
        delete_data: Some(true),
    };
    pair.client.call::<m::DropTable>(args).await.unwrap();
    let (_, told) = pair.register(Some(fifth)).await;
    assert_eq!(told, "0 0 1");
    assert_eq!(pair.found("renamed").await, "nothing");
}

#[tokio::test]
async fn tables_of_somebody_else_are_left_alone() {
    let mut pair = Pair::new().await;
    for client in [&mut pair.client, &mut pair.other] {
        client.create_database("sales").await;
    }
    pair.other.create_table(table("sales", "mine", "x int", "")).await;
    pair.client
        .create_table(table("sales", "mine", "a int", ""))
        .await;
    let before = pair.found("mine").await;
    let (first, told) = pair.register(None).await;
    assert!(
        told.starts_with("0 0 0 sales.mine: the other metastore has one"),
        "{told}"
    );
    let args = m::DropTableArgs {
        dbname: some("sales"),
        name: some("mine"),
        delete_data: Some(true),
    };
    pair.client.call::<m::DropTable>(args).await.unwrap();
    pair.register(Some(first)).await;
    assert_eq!(pair.found("mine").await, before);
}
